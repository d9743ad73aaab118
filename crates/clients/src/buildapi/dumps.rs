//! The dumps of builds (buildjson): `builds-4hr.js.gz`, written every minute, and a file a day. Tens of
//! megabytes each: read row by row, so that only what is wanted of them is ever held.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use chrono::{DateTime, NaiveDate};
use flate2::read::MultiGzDecoder;
use mozci_core::era::DumpRow;
use mozci_core::ids::BuildRequestId;
use mozci_core::time::At;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use url::Url;

use crate::http::{Http, HttpError, PATIENCE, Problem};

/// Which dump is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Day {
    /// That of a day (UTC).
    Of(NaiveDate),
    /// What was done with in the last four hours.
    Newest,
}

impl Day {
    /// The day of an instant.
    pub fn of(at: At) -> Self {
        Self::Of(DateTime::from_timestamp(at.0, 0).unwrap_or_default().date_naive())
    }

    fn file(self) -> String {
        match self {
            Self::Of(day) => format!("builds-{}.js.gz", day.format("%Y-%m-%d")),
            Self::Newest => "builds-4hr.js.gz".to_owned(),
        }
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Of(day) => write!(f, "{}", day.format("%Y-%m-%d")),
            Self::Newest => f.write_str("the last four hours"),
        }
    }
}

/// Why a dump is not to be had.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DumpError {
    /// There is none of that day.
    #[error("there is no dump of {day} at {place}")]
    Missing {
        /// The day.
        day: Day,
        /// Where it would be.
        place: String,
    },
    /// It cannot be read.
    #[error("the dump {place} cannot be read: {message}")]
    Unreadable {
        /// Where it is.
        place: String,
        /// Why.
        message: String,
    },
    /// The server that has it fails.
    #[error(transparent)]
    Http(#[from] HttpError),
}

/// What came of reading a dump.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadDump {
    /// The rows that were wanted.
    pub rows: Vec<DumpRow>,
    /// Rows that it has in all, as far as it was read.
    pub seen: usize,
    /// Why it ends before its end, where it does: the rows before that are sound.
    pub broke: Option<String>,
}

/// Where the dumps are: below a URL, in a folder, or both, the folder going first.
#[derive(Debug, Clone)]
pub struct Dumps {
    http: Http,
    base: Option<Url>,
    folder: Option<PathBuf>,
}

/// Which rows are wanted.
pub type Wanted = Box<dyn Fn(&DumpRow) -> bool + Send>;

impl Dumps {
    /// The dumps at a place.
    pub fn new(http: Http, base: Option<Url>, folder: Option<PathBuf>) -> Self {
        Self { http, base, folder }
    }

    /// Whether they are archived files alone, so that nothing in them changes any more.
    pub fn is_archive(&self) -> bool {
        self.base.is_none()
    }

    /// The days of which the folder has a dump, newest first; none where there is not a folder.
    pub fn archived(&self) -> Vec<NaiveDate> {
        let entries = self.folder.as_ref().and_then(|folder| std::fs::read_dir(folder).ok());
        let names = entries.into_iter().flatten().filter_map(|entry| {
            let name = entry.ok()?.file_name().into_string().ok()?;
            let day = name.strip_prefix("builds-")?;
            let day = day.strip_suffix(".gz").unwrap_or(day).strip_suffix(".js")?;
            NaiveDate::parse_from_str(day, "%Y-%m-%d").ok()
        });
        let mut days: Vec<NaiveDate> = names.collect();
        days.sort_unstable();
        days.dedup();
        days.reverse();
        days
    }

    /// The rows of a dump that are wanted, off the threads that wait for the network.
    ///
    /// # Errors
    /// [`DumpError`]; that it ends before its end is no error, but told.
    pub async fn read(&self, day: Day, wanted: Wanted) -> Result<ReadDump, DumpError> {
        if let Some(path) = self.folder.as_ref().and_then(|folder| file_in(folder, day)) {
            let place = path.display().to_string();
            let unreadable = |message: String| DumpError::Unreadable { place, message };
            let read = tokio::task::spawn_blocking(move || {
                let file = crate::files::open(&path).map_err(|error| error.to_string())?;
                Ok(read_dump(file, &*wanted))
            });
            return match read.await {
                Ok(Ok(read)) => Ok(read),
                Ok(Err(message)) => Err(unreadable(message)),
                Err(error) => Err(unreadable(error.to_string())),
            };
        }
        let Some(base) = &self.base else {
            let folder = self.folder.as_deref().unwrap_or(Path::new("")).display();
            return Err(DumpError::Missing { day, place: folder.to_string() });
        };
        let mut url = base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push(&day.file());
        }
        let missing = || DumpError::Missing { day, place: url.to_string() };
        let read = self
            .http
            .get_read(url.clone(), PATIENCE, move |source| read_dump(source, &*wanted))
            .await;
        let streamed = read.map_err(|error| match &error.problem {
            // A file server says so with a page.
            Problem::NotFound(_) | Problem::Status { status: 404 | 410, .. } => missing(),
            _ => DumpError::Http(error),
        })?;
        let mut read = streamed.value;
        read.broke = streamed.broke.or(read.broke);
        Ok(read)
    }
}

/// The file of a day in a folder, packed or not.
fn file_in(folder: &Path, day: Day) -> Option<PathBuf> {
    let packed = folder.join(day.file());
    let plain = packed.with_extension("");
    [packed, plain].into_iter().find(|path| path.is_file())
}

/// The first two bytes of everything that gzip packs.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Reads the rows of a dump that are wanted, packed or not. What comes after a row that is broken is
/// not read.
pub fn read_dump(source: impl Read, wanted: &dyn Fn(&DumpRow) -> bool) -> ReadDump {
    let mut source = BufReader::with_capacity(1 << 16, source);
    let is_packed =
        std::io::BufRead::fill_buf(&mut source).is_ok_and(|start| start.starts_with(&GZIP));
    match is_packed {
        true => read_rows(MultiGzDecoder::new(source), wanted),
        false => read_rows(source, wanted),
    }
}

/// The largest row that is believed, in bytes: the largest that were seen have some ten thousand.
const LARGEST_ROW: u64 = 16 << 20;

/// Counts what is read since the last row, and reads no further than a row can be.
struct Bounded<'a, R> {
    source: R,
    since: &'a Cell<u64>,
}

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.since.get() > LARGEST_ROW {
            let words = format!("a row of more than {} MB", LARGEST_ROW >> 20);
            return Err(std::io::Error::other(words));
        }
        let read = self.source.read(buffer)?;
        self.since.set(self.since.get() + read as u64);
        Ok(read)
    }
}

fn read_rows(source: impl Read, wanted: &dyn Fn(&DumpRow) -> bool) -> ReadDump {
    let mut read = ReadDump::default();
    let since = Cell::new(0);
    let source = BufReader::with_capacity(1 << 16, Bounded { source, since: &since });
    let mut json = serde_json::Deserializer::from_reader(source);
    let done = json.deserialize_map(Top { read: &mut read, wanted, since: &since });
    if let Err(error) = done {
        read.broke = Some(error.to_string());
    }
    read
}

/// The object around the rows.
struct Top<'a> {
    read: &'a mut ReadDump,
    wanted: &'a dyn Fn(&DumpRow) -> bool,
    since: &'a Cell<u64>,
}

impl<'de> Visitor<'de> for Top<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `builds`")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        let Self { read, wanted, since } = self;
        let mut has_builds = false;
        while let Some(key) = map.next_key::<String>()? {
            if key == "builds" {
                has_builds = true;
                map.next_value_seed(Rows { read: &mut *read, wanted, since })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        match has_builds {
            true => Ok(()),
            false => Err(serde::de::Error::custom("it has no `builds`")),
        }
    }
}

/// The rows.
struct Rows<'a> {
    read: &'a mut ReadDump,
    wanted: &'a dyn Fn(&DumpRow) -> bool,
    since: &'a Cell<u64>,
}

impl<'de> DeserializeSeed<'de> for Rows<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Rows<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of builds")
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut rows: S) -> Result<(), S::Error> {
        while let Some(row) = rows.next_element::<Row>()? {
            self.since.set(0);
            self.read.seen += 1;
            let (mut row, uploaded) = row.translated();
            if (self.wanted)(&row) {
                // A text that has JSON in it: the files by their names.
                let files = uploaded
                    .and_then(|text| serde_json::from_str::<BTreeMap<String, String>>(&text).ok());
                row.uploaded = files.unwrap_or_default().into_iter().collect();
                self.read.rows.push(row);
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Row {
    #[serde(default)]
    request_ids: Option<Vec<u64>>,
    #[serde(default)]
    starttime: Option<f64>,
    #[serde(default)]
    endtime: Option<f64>,
    #[serde(default)]
    result: Option<i64>,
    #[serde(default)]
    properties: Properties,
}

#[derive(Default, Deserialize)]
struct Properties {
    #[serde(default)]
    request_ids: Option<Vec<u64>>,
    #[serde(default)]
    buildername: Option<String>,
    #[serde(default)]
    revision: Option<String>,
    #[serde(default, rename = "packageUrl")]
    package_url: Option<String>,
    #[serde(default, rename = "testPackagesUrl")]
    test_packages_url: Option<String>,
    #[serde(default, rename = "testsUrl")]
    tests_url: Option<String>,
    #[serde(default)]
    log_url: Option<String>,
    #[serde(default)]
    blobber_files: Option<String>,
}

impl Row {
    /// The row without the files that it uploaded, and the text that tells these.
    fn translated(self) -> (DumpRow, Option<String>) {
        let Self { request_ids, starttime, endtime, result, properties } = self;
        let at = |seconds: Option<f64>| seconds.map(|seconds| At(seconds as i64));
        let ids = request_ids.or(properties.request_ids).unwrap_or_default();
        let tests = properties.test_packages_url.or(properties.tests_url);
        let row = DumpRow {
            requests: ids.into_iter().map(BuildRequestId).collect(),
            builder: properties.buildername.unwrap_or_default(),
            revision: properties.revision.unwrap_or_default(),
            started: at(starttime),
            ended: at(endtime),
            result,
            log: properties.log_url,
            uploaded: Vec::new(),
            // A test needs both.
            files: match (properties.package_url, tests) {
                (Some(package), Some(tests)) => vec![package, tests],
                _ => Vec::new(),
            },
        };
        (row, properties.blobber_files)
    }
}
