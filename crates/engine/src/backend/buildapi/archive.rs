//! Pushes as archived dumps have them, where no server tells any: the revisions that were built, each
//! by when its first build began.

use std::collections::HashMap;

use chrono::NaiveDate;
use mozci_clients::buildapi::{Day, DumpError};
use mozci_core::ids::{ChangeId, PushId, Revision};
use mozci_core::push::{Changeset, Push};
use mozci_core::range::{RangeSpec, Reach};
use mozci_core::revision::RevisionSpec;
use mozci_core::time::At;

use crate::backend::FoundRange;
use crate::backend::buildapi::api::BuildApi;
use crate::ci::Ci;
use crate::error::Error;
use crate::flow::range::{MOST, empty, reversed, too_long};

/// Days that are looked through for a revision.
const SEARCHED: usize = 400;

/// Finds the push that is meant.
pub(crate) async fn resolve(ci: &Ci, api: &BuildApi, spec: &RevisionSpec) -> Result<Push, Error> {
    let mut archive = Archive::new(ci, api);
    archive.find(spec).await
}

/// Reads the pushes of a range, newest first.
pub(crate) async fn read_range(
    ci: &Ci,
    api: &BuildApi,
    spec: &RangeSpec,
) -> Result<FoundRange, Error> {
    let mut archive = Archive::new(ci, api);
    let rev = archive.find(&spec.rev).await?;
    let at = |archive: &Archive<'_>, push: &Push| {
        archive.pushes.iter().position(|known| known.revision == push.revision).unwrap_or(0)
    };
    match &spec.reach {
        Reach::Single => Ok((vec![rev], 0, false)),
        Reach::Back(count) => {
            let wanted = *count as usize + 1;
            if wanted > MOST {
                return Err(too_long(wanted));
            }
            let pushes = archive.back_from(&rev, wanted).await?;
            let at_start = pushes.len() < wanted && archive.is_exhausted();
            Ok((pushes, 0, at_start))
        }
        Reach::Delta(count) => {
            let newer: Vec<Push> = {
                let place = at(&archive, &rev);
                archive.pushes[place.saturating_sub(*count as usize)..place].to_vec()
            };
            let origin = newer.len();
            let older = archive.back_from(&rev, *count as usize + 1).await?;
            let at_start = older.len() < *count as usize + 1 && archive.is_exhausted();
            Ok((newer.into_iter().chain(older).collect(), origin, at_start))
        }
        Reach::From(from) => {
            let from = archive.find(from).await?;
            let (newest, oldest) = (at(&archive, &rev), at(&archive, &from));
            match newest <= oldest {
                true => Ok((archive.pushes[newest..=oldest].to_vec(), 0, false)),
                false => Err(reversed(&from, &rev)),
            }
        }
        Reach::Since(since) => {
            while archive.oldest().is_none_or(|day| Day::Of(day) >= Day::of(*since)) {
                if !archive.read_one_more().await? {
                    archive.say_short();
                    break;
                }
            }
            let from = at(&archive, &rev);
            let pushes: Vec<Push> =
                archive.pushes[from..].iter().filter(|p| p.date >= *since).cloned().collect();
            if pushes.is_empty() {
                return Err(empty(ci, &rev));
            }
            Ok((pushes, 0, false))
        }
    }
}

/// What was read of an archive, day by day, the newest first.
struct Archive<'a> {
    ci: &'a Ci,
    api: &'a BuildApi,
    days: Vec<NaiveDate>,
    read: usize,
    first: HashMap<String, At>,
    /// Newest first.
    pushes: Vec<Push>,
    short: usize,
}

impl<'a> Archive<'a> {
    fn new(ci: &'a Ci, api: &'a BuildApi) -> Self {
        let days = api.dumps.archived();
        let (first, pushes) = (HashMap::new(), Vec::new());
        Self { ci, api, days, read: 0, first, pushes, short: 0 }
    }

    /// The oldest day that was read.
    fn oldest(&self) -> Option<NaiveDate> {
        self.read.checked_sub(1).and_then(|last| self.days.get(last)).copied()
    }

    /// Reads the day before those that were read; says whether there was one.
    async fn read_one_more(&mut self) -> Result<bool, Error> {
        let Some(day) = self.days.get(self.read).copied().filter(|_| self.read < SEARCHED) else {
            return Ok(false);
        };
        self.read += 1;
        let branch = format!(" {} ", self.api.branch);
        let ours = move |row: &mozci_core::era::DumpRow| row.builder.contains(&branch);
        let read = match self.api.dumps.read(Day::Of(day), Box::new(ours)).await {
            Ok(read) => read,
            Err(DumpError::Http(error)) => {
                return Err(Error::service(format!("cannot read the dump of {day}"))(error));
            }
            Err(error) => {
                self.ci.note(error.to_string());
                return Ok(true);
            }
        };
        if let Some(broke) = read.broke {
            self.ci.note(format!(
                "the dump of {day} is cut off after {} builds ({broke}): pushes may be missing",
                read.seen
            ));
        }
        for row in read.rows {
            let Some(started) = row.started else { continue };
            // One that is requested again days later is no new push.
            let first = self.first.entry(row.revision).or_insert(started);
            *first = (*first).min(started);
        }
        let mut pushes = Vec::with_capacity(self.first.len());
        self.short = 0;
        for (revision, date) in &self.first {
            match Revision::new(self.ci.vcs(), revision) {
                Ok(revision) => pushes.push((*date, revision)),
                Err(_) => self.short += 1,
            }
        }
        pushes.sort_unstable_by(|a, b| (a.0, a.1.hash()).cmp(&(b.0, b.1.hash())));
        let mut before = 0;
        self.pushes = pushes
            .into_iter()
            .map(|(date, revision)| {
                // Its number is when it was first built: two of one second follow one another.
                let number = u64::try_from(date.0).unwrap_or(0).max(before + 1);
                before = number;
                Push {
                    id: PushId::Change(ChangeId(number)),
                    changesets: vec![Changeset { revision: revision.clone(), git: None }],
                    revision,
                    git: None,
                    author: String::new(),
                    date,
                    summary: None,
                }
            })
            .collect();
        self.pushes.reverse();
        Ok(true)
    }

    async fn find(&mut self, spec: &RevisionSpec) -> Result<Push, Error> {
        let meant = |push: &Push| match spec {
            RevisionSpec::Tip => true,
            RevisionSpec::Id(id) => push.id.number() == *id,
            RevisionSpec::Hash(hash) | RevisionSpec::InRepo { hash, .. } => {
                push.revision.hash().starts_with(hash.as_str())
            }
            RevisionSpec::Task { .. } | RevisionSpec::Build { .. } => false,
        };
        if let RevisionSpec::Task { .. } | RevisionSpec::Build { .. } = spec {
            return Err(Error::Usage(format!(
                "{} has neither tasks nor pages of builds: give a revision",
                self.ci.root_url
            )));
        }
        loop {
            let found: Vec<Push> = self.pushes.iter().filter(|push| meant(push)).cloned().collect();
            let ambiguous = !matches!(spec, RevisionSpec::Tip) && found.len() > 1;
            match found.into_iter().next() {
                Some(_) if ambiguous => {
                    return Err(Error::NotFound(format!(
                        "{spec} fits several revisions of {}: give more digits",
                        self.ci.repo
                    )));
                }
                Some(push) => {
                    // The day before may have its first builds.
                    self.read_one_more().await?;
                    let same = self.pushes.iter().find(|known| known.revision == push.revision);
                    self.say_short();
                    return Ok(same.cloned().unwrap_or(push));
                }
                None if self.read_one_more().await? => {}
                None => {
                    self.say_short();
                    return Err(Error::NotFound(format!(
                        "no build of {spec} on the branch {:?} is in the newest {} of the {} days that are archived",
                        self.api.branch,
                        self.read,
                        self.days.len()
                    )));
                }
            }
        }
    }

    /// So many pushes from one on back, newest first.
    async fn back_from(&mut self, rev: &Push, wanted: usize) -> Result<Vec<Push>, Error> {
        loop {
            let place = self.pushes.iter().position(|known| known.revision == rev.revision);
            let place = place.unwrap_or(0);
            let more = self.pushes.len() - place.min(self.pushes.len());
            // The oldest day that was read may lack the first builds of its pushes.
            if more > wanted || !self.read_one_more().await? {
                self.say_short();
                return Ok(self.pushes.iter().skip(place).take(wanted).cloned().collect());
            }
        }
    }

    /// Whether there is nothing before what was read.
    fn is_exhausted(&self) -> bool {
        self.read >= self.days.len()
    }

    fn say_short(&self) {
        if self.read >= SEARCHED && !self.is_exhausted() {
            self.ci.note(format!(
                "only the newest {SEARCHED} of {} archived days were looked through: give a `buildjson_dir` with the days in question alone",
                self.days.len()
            ));
        }
        if self.short > 0 {
            self.ci.note(format!(
                "{} revisions are shortened in the dumps and left out: whole ones have 40 digits",
                self.short
            ));
        }
    }
}
