//! `jobs/`: the runs of many pushes in as many requests as there are pages.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use futures_util::StreamExt;
use mozci_core::ids::{JobName, TaskId, TreeherderPushId};
use mozci_core::run::{Classification, More, Run, RunKey, State};
use mozci_core::time::{At, Minutes};
use serde::Deserializer;
use serde::de::{DeserializeSeed, IgnoredAny, SeqAccess, Visitor};
use serde_json::Value;
use url::Url;

use super::wire::{Column, Columns, JobPage};
use super::{ACCEPT, Treeherder};
use crate::http::{Body, HttpError, Problem};
use crate::side_by_side;

/// Which rows are wanted. Only filters that Treeherder knows: others it ignores silently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobFilter {
    /// Every run.
    All,
    /// The runs of one job.
    Job(JobName),
    /// Decision and action tasks, which share a platform.
    Platform(String),
}

/// A run as Treeherder shows it. Rows are runs, not tasks.
#[derive(Debug, Clone)]
pub struct JobRow {
    /// The push, by Treeherder's number.
    pub push: TreeherderPushId,
    /// The job.
    pub job: JobName,
    /// Its group's symbol: `AC` for action tasks.
    pub group: JobName,
    /// Its own symbol: `D` for decision tasks.
    pub symbol: JobName,
    /// Platform and option, as in `linux2404-64/opt`.
    pub platform: JobName,
    /// Its tier, where the answer tells.
    pub tier: Option<u8>,
    /// The run.
    pub run: Run,
}

/// Everything that a question for rows brought.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    /// The rows, in the order in which they came.
    pub rows: Vec<JobRow>,
    /// Rows without a task id, which no request of Taskcluster's belongs to; not in `rows`.
    pub without_task: usize,
    /// The revision of each push that has rows, as far as the answer names it.
    pub revisions: HashMap<TreeherderPushId, Box<str>>,
}

/// Rows of a page; the largest that Treeherder gives.
const PAGE: u64 = 2000;

/// Pushes named in one request: a URL of about four kilobytes, half of what servers take.
const PUSHES_A_REQUEST: usize = 400;

/// Pages that are read at once.
const PAGES_AT_ONCE: usize = 6;

/// How often what is missing is read anew where pages shift meanwhile.
const READINGS: u32 = 4;

/// Rows that are read for one question at the most.
const MOST_ROWS: u64 = 2_000_000;

impl Treeherder {
    /// The rows of these pushes.
    ///
    /// # Errors
    /// [`HttpError`]; what is missing is never taken for absent.
    pub async fn jobs(
        &self,
        pushes: &[TreeherderPushId],
        filter: &JobFilter,
    ) -> Result<Rows, HttpError> {
        let mut names = Names::default();
        let mut first: Vec<(Url, u64)> = Vec::new();
        for chunk in pushes.chunks(PUSHES_A_REQUEST) {
            first.push((self.jobs_url(chunk, filter)?, 1));
        }
        let mut pages: BTreeMap<(Url, u64), Page> = BTreeMap::new();
        self.read_pages(&first, &mut names, &mut pages).await?;
        let counts: Vec<u64> = first.iter().filter_map(|at| Some(pages.get(at)?.count)).collect();
        let total = counts.iter().fold(0u64, |sum, count| sum.saturating_add(*count));
        if total > MOST_ROWS {
            let text = format!("{total} rows are more than are read at once: narrow the range");
            let url = first.first().map_or_else(String::new, |(url, _)| url.to_string());
            return Err(HttpError { problem: Problem::Refused(text), method: "GET", url });
        }
        let further = first.iter().zip(&counts).flat_map(|((url, _), count)| {
            (2..=count.div_ceil(PAGE)).map(move |page| (url.clone(), page))
        });
        let mut wanted: Vec<(Url, u64)> = further.collect();
        for reading in 0..READINGS {
            if reading > 0 {
                self.http.meter().retry();
            }
            self.read_pages(&wanted, &mut names, &mut pages).await?;
            let distinct = distinct(&pages);
            if distinct >= total {
                return Ok(put_together(pages, distinct));
            }
            // Rows moved from a page that was still to be read to one that had been. Where a page
            // is short it is that one; else it may be anywhere.
            wanted = pages
                .iter()
                .filter(|((_, number), page)| page.is_short(*number))
                .map(|(at, _)| at.clone())
                .collect();
            if wanted.is_empty() {
                wanted = pages.keys().cloned().collect();
            }
        }
        // Rows that did not come must not be taken for runs that are not there.
        let text = format!("its pages shifted while they were read, {READINGS} times");
        let url = first.first().map_or_else(String::new, |(url, _)| url.to_string());
        Err(HttpError { problem: Problem::Broken(text), method: "GET", url })
    }

    /// Reads pages, several at once, in their order.
    async fn read_pages(
        &self,
        wanted: &[(Url, u64)],
        names: &mut Names,
        pages: &mut BTreeMap<(Url, u64), Page>,
    ) -> Result<(), HttpError> {
        let reading = wanted
            .iter()
            .map(|(url, page)| async move { (url, *page, self.page_body(url, *page).await) });
        let mut bodies = side_by_side(reading, PAGES_AT_ONCE);
        while let Some((url, number, body)) = bodies.next().await {
            let page = match body {
                Ok((url, body)) => {
                    let (rows, count) = parse_page(&url, &body, names)?;
                    Page { rows, count }
                }
                // A page past the end: there were more rows when the first page was read.
                Err(error) if number > 1 && error.is_not_found() => Page::default(),
                Err(error) => return Err(error),
            };
            pages.insert((url.clone(), number), page);
        }
        Ok(())
    }

    fn jobs_url(&self, pushes: &[TreeherderPushId], filter: &JobFilter) -> Result<Url, HttpError> {
        let ids: Vec<String> = pushes.iter().map(ToString::to_string).collect();
        let mut query = vec![("push_id__in", ids.join(",")), ("count", PAGE.to_string())];
        match filter {
            JobFilter::All => {}
            JobFilter::Job(job) => query.push(("job_type_name", job.to_string())),
            JobFilter::Platform(platform) => query.push(("platform", platform.clone())),
        }
        self.url("jobs/", &query)
    }

    async fn page_body(&self, url: &Url, page: u64) -> Result<(Url, Arc<Body>), HttpError> {
        let mut url = url.clone();
        if page > 1 {
            url.query_pairs_mut().append_pair("page", &page.to_string());
        }
        let body = self.http.get_body(&url, ACCEPT).await?;
        Ok((url, body))
    }
}

/// One page of the answer.
#[derive(Debug, Default)]
struct Page {
    rows: Rows,
    /// How many rows there are on all pages, by this one.
    count: u64,
}

impl Page {
    /// Whether it has fewer rows than a page with this number has to have.
    fn is_short(&self, number: u64) -> bool {
        let before = (number - 1) * PAGE;
        (self.rows.len() as u64) < self.count.saturating_sub(before).min(PAGE)
            || (self.count == 0 && number > 1)
    }
}

/// How many different runs the pages have: a row that comes twice would hide one that never came.
fn distinct(pages: &BTreeMap<(Url, u64), Page>) -> u64 {
    if pages.len() == 1 {
        return pages.values().map(|page| page.rows.len() as u64).sum();
    }
    let mut seen = HashSet::new();
    let mut count = 0;
    for page in pages.values() {
        count += page.rows.without_task as u64;
        count += page.rows.rows.iter().filter(|row| seen.insert(row.run.key)).count() as u64;
    }
    count
}

/// The rows of all pages in their order, each once; `distinct` of them differ.
fn put_together(pages: BTreeMap<(Url, u64), Page>, distinct: u64) -> Rows {
    let mut all = Rows::default();
    for page in pages.into_values() {
        all.append(page.rows);
    }
    if all.len() as u64 > distinct {
        let mut seen = HashSet::with_capacity(all.rows.len());
        all.rows.retain(|row| seen.insert(row.run.key));
    }
    all
}

impl Rows {
    fn len(&self) -> usize {
        self.rows.len() + self.without_task
    }

    fn append(&mut self, mut other: Rows) {
        self.rows.append(&mut other.rows);
        self.without_task += other.without_task;
        self.revisions.extend(other.revisions);
    }
}

/// Names that were seen, so that a job's name is in memory once and not once a run.
#[derive(Debug, Default)]
struct Names(HashMap<String, JobName>);

impl Names {
    fn get(&mut self, text: &str) -> JobName {
        if let Some(name) = self.0.get(text) {
            return name.clone();
        }
        let name = JobName::new(text);
        self.0.insert(text.to_owned(), name.clone());
        name
    }
}

fn parse_page(url: &Url, body: &[u8], names: &mut Names) -> Result<(Rows, u64), HttpError> {
    let bad = |problem| HttpError { problem, method: "GET", url: url.to_string() };
    let page: JobPage<'_> =
        serde_json::from_slice(body).map_err(|error| bad(Problem::of_json(&error)))?;
    let columns = Columns::new(&page.job_property_names).map_err(|e| bad(Problem::Shape(e)))?;
    let mut rows = Rows::default();
    for raw in &page.results {
        let mut reader = serde_json::Deserializer::from_str(raw.get());
        let seed = RowSeed { columns: &columns, names, revisions: &mut rows.revisions };
        let row = seed.deserialize(&mut reader).map_err(|e| bad(Problem::Shape(e.to_string())))?;
        match row {
            Some(row) => rows.rows.push(row),
            None => rows.without_task += 1,
        }
    }
    Ok((rows, page.count))
}

struct RowSeed<'a> {
    columns: &'a Columns,
    names: &'a mut Names,
    revisions: &'a mut HashMap<TreeherderPushId, Box<str>>,
}

impl<'de> DeserializeSeed<'de> for RowSeed<'_> {
    type Value = Option<JobRow>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for RowSeed<'_> {
    type Value = Option<JobRow>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row of a job's columns")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        use serde::de::Error as _;
        let empty = JobName::new("");
        let (mut name, mut group, mut symbol) = (empty.clone(), empty.clone(), empty);
        let (mut platform, mut option) = (String::new(), String::new());
        let (mut push, mut revision) = (None, std::borrow::Cow::Borrowed(""));
        let (mut state, mut result) = (String::new(), String::new());
        let (mut task, mut retry, mut minutes, mut modified) = (None, 0, None, None);
        let (mut tier, mut classification) = (None, None);
        for index in 0.. {
            match self.columns.at(index) {
                None => {
                    if seq.next_element::<IgnoredAny>()?.is_none() {
                        break;
                    }
                    continue;
                }
                Some(column) => match column {
                    Column::Name => name = self.names.get(&text(&mut seq)?),
                    Column::Group => group = self.names.get(&text(&mut seq)?),
                    Column::Symbol => symbol = self.names.get(&text(&mut seq)?),
                    Column::Platform => platform = text(&mut seq)?.into_owned(),
                    Column::Option => option = text(&mut seq)?.into_owned(),
                    Column::PushId => push = seq.next_element::<Option<u64>>()?.flatten(),
                    Column::PushRevision => revision = text(&mut seq)?,
                    Column::Result => result = text(&mut seq)?.into_owned(),
                    Column::State => state = text(&mut seq)?.into_owned(),
                    Column::TaskId => {
                        let text = text(&mut seq)?;
                        task = (!text.is_empty()).then(|| text.parse::<TaskId>());
                    }
                    Column::RetryId => {
                        retry = seq.next_element::<Option<u32>>()?.flatten().unwrap_or(0)
                    }
                    Column::Duration => {
                        minutes = seq.next_element::<Option<f64>>()?.flatten();
                    }
                    Column::Modified => modified = instant(&text(&mut seq)?),
                    Column::Tier => {
                        let number = seq.next_element::<Value>()?.and_then(|tier| tier.as_u64());
                        tier = number.and_then(|tier| u8::try_from(tier).ok());
                    }
                    Column::Classification => {
                        let number = seq.next_element::<Value>()?.and_then(|id| id.as_u64());
                        let number = number.and_then(|id| u32::try_from(id).ok());
                        classification = number.and_then(Classification::from_number);
                    }
                },
            }
        }
        let push = push.ok_or_else(|| A::Error::custom("a row without push_id"))?;
        if !revision.is_empty() {
            let known = self.revisions.entry(TreeherderPushId(push));
            known.or_insert_with(|| Box::from(&*revision));
        }
        let task = match task {
            None => return Ok(None),
            Some(task) => task.map_err(A::Error::custom)?,
        };
        let state = translate(&state, &result);
        // Treeherder counts minutes for runs that have not ended, too.
        let duration = minutes.filter(|_| state.is_final()).map(|m| Minutes(m.max(0.0) as u32));
        let platform = match option.as_str() {
            "" => self.names.get(&platform),
            option => self.names.get(&format!("{platform}/{option}")),
        };
        Ok(Some(JobRow {
            push: TreeherderPushId(push),
            job: name,
            group,
            symbol,
            platform,
            tier,
            run: Run {
                duration,
                seen: modified,
                more: classification
                    .map(|said| Box::new(More { classification: Some(said), ..More::default() })),
                ..Run::new(RunKey { request: task.into(), run: retry }, state)
            },
        }))
    }
}

/// A text, borrowed where it can be; null is empty.
fn text<'de, A: SeqAccess<'de>>(seq: &mut A) -> Result<std::borrow::Cow<'de, str>, A::Error> {
    #[derive(serde::Deserialize)]
    struct Text<'a>(#[serde(borrow)] Option<std::borrow::Cow<'a, str>>);
    let text: Option<Text<'de>> = seq.next_element()?;
    Ok(text.and_then(|text| text.0).unwrap_or_default())
}

/// Treeherder's instants are UTC without saying so.
fn instant(text: &str) -> Option<At> {
    let at = chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok()?;
    Some(At(at.and_utc().timestamp()))
}

/// Treeherder's two words for where a run stands.
fn translate(state: &str, result: &str) -> State {
    match (state, result) {
        ("unscheduled", _) => State::Unscheduled,
        ("pending", _) => State::Pending,
        ("running", _) => State::Running,
        ("completed", "success") => State::Passed,
        ("completed", "testfailed") => State::Failed,
        ("completed", "busted") => State::Busted,
        ("completed", "exception") => State::Exception,
        ("completed", "retry") => State::Retried,
        ("completed", "usercancel") => State::Cancelled,
        ("completed", "superseded") => State::Coalesced,
        ("completed", "skipped") => State::Skipped,
        (state, result) => State::Unknown(format!("{state} {result}").into()),
    }
}
