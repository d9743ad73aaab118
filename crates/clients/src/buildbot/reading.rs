//! Changes, buildsets, build requests and builds, by range.

use std::collections::{BTreeMap, HashMap};

use mozci_core::farm::{Build, Request, Results};
use mozci_core::ids::{BuildId, BuildRequestId};
use mozci_core::push::summary_of;
use mozci_core::revision::BuildName;
use mozci_core::time::At;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::master::Master;
use super::wire::{Builds, ChangeRow, Changes, Requests, SetRow, Sets, StampRow};
use crate::http::{HttpError, Problem};

/// What a buildset is of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stamp {
    /// Its id; the same for the same revision, branch, repository, project, codebase and patch.
    pub id: u64,
    /// The revision as it was given: whole, shortened, or empty for the newest there is.
    pub revision: String,
    /// The branch.
    pub branch: Option<String>,
    /// The repository.
    pub repository: String,
    /// The project.
    pub project: String,
    /// The codebase; empty where there is only one.
    pub codebase: String,
    /// When the master first saw it, where it tells.
    pub created: Option<At>,
    /// Whether a patch was laid over it, so that it says nothing of the revision itself.
    pub patched: bool,
}

/// A change: one revision, as a change source told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its id.
    pub id: u64,
    /// Who made it.
    pub author: String,
    /// The first line of its message.
    pub summary: Option<String>,
    /// When, as the change source has it: of a commit as a rule, not of its landing.
    pub when: At,
    /// The source stamp that it makes.
    pub stamp: Stamp,
    /// What the change source sorts it by: `pull` and the like for what is no push of the branch.
    pub category: Option<String>,
}

/// A buildset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set {
    /// Its id.
    pub id: u64,
    /// Why, in the words of whoever made it.
    pub reason: String,
    /// When it was submitted.
    pub submitted: At,
    /// When all of it had ended.
    pub complete: Option<At>,
    /// How, by what the master says: one whose requests were coalesced is called a success.
    pub results: Option<Results>,
    /// The build that triggered it.
    pub parent: Option<BuildId>,
    /// The build that it repeats.
    pub rebuilt: Option<BuildId>,
    /// What it is of, one a codebase.
    pub stamps: Vec<Stamp>,
}

/// Rows of a list that was requested by time.
#[derive(Debug, Clone)]
pub struct Listed<T> {
    /// The rows, those that were not requested left out.
    pub rows: Vec<T>,
    /// Whether rows came that were not requested: masters ignore filters that they do not know.
    pub ignored: bool,
}

/// The revisions that a build found, by codebase.
pub type Got = BTreeMap<String, String>;

/// A page of rows. No cap of the master's was found; it takes seconds over larger ones.
const PAGE: usize = 4000;

/// Pages of one list at the most.
const MOST_PAGES: usize = 25;

/// The longest list of ids that one question names.
const IDS: usize = 200;

/// A list by time.
struct ByTime<'a> {
    path: &'a str,
    id: &'a str,
    time: &'a str,
    since: At,
    filters: &'a [(&'a str, String)],
}

/// Which builds are requested.
#[derive(Debug, Clone, Copy)]
pub enum BuildsOf<'a> {
    /// Those of every builder.
    All,
    /// Those of some, by their ids.
    Builders(&'a [u64]),
}

impl BuildsOf<'_> {
    fn filters(self) -> Vec<(&'static str, String)> {
        match self {
            Self::All => Vec::new(),
            // Repeated equality is a trap (the last one or none counts); `__in` is not.
            Self::Builders(ids) => ids.iter().map(|id| ("builderid__in", id.to_string())).collect(),
        }
    }
}

impl Master {
    /// The newest changes of a branch, newest first.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn newest_changes(
        &self,
        branch: &str,
        before: Option<u64>,
        count: usize,
    ) -> Result<Vec<Change>, HttpError> {
        let mut query = vec![
            ("branch", branch.to_owned()),
            ("order", "-changeid".to_owned()),
            ("limit", count.to_string()),
        ];
        query.extend(before.map(|before| ("changeid__lt", before.to_string())));
        self.changes(&query).await
    }

    /// The newest change of a codebase before a change.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn change_before(
        &self,
        codebase: &str,
        change: u64,
    ) -> Result<Option<Change>, HttpError> {
        let query = [
            ("codebase", codebase.to_owned()),
            ("changeid__lt", change.to_string()),
            ("order", "-changeid".to_owned()),
            ("limit", "1".to_owned()),
        ];
        let mut found = self.changes(&query).await?;
        found.retain(|found| found.id < change && found.stamp.codebase == codebase);
        Ok(found.into_iter().next())
    }

    /// Changes of a branch whose revision has this in it, newest first, a hundred at the most.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn changes_of(&self, branch: &str, part: &str) -> Result<Vec<Change>, HttpError> {
        let query = [
            ("branch", branch.to_owned()),
            ("revision__contains", part.to_owned()),
            ("order", "-changeid".to_owned()),
            ("limit", "100".to_owned()),
        ];
        let mut found = self.changes(&query).await?;
        // Should the filter be ignored, everything comes back.
        found.retain(|change| change.stamp.revision.contains(part));
        Ok(found)
    }

    async fn changes(&self, query: &[(&str, String)]) -> Result<Vec<Change>, HttpError> {
        let answer: Changes = self.get(&["changes"], query).await?;
        let mut changes: Vec<Change> = answer.changes.into_iter().map(change).collect();
        // With an order and a limit the newest come, but the other way round.
        changes.sort_unstable_by_key(|change| std::cmp::Reverse(change.id));
        Ok(changes)
    }

    /// The buildsets that were submitted since an instant.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn sets_since(&self, since: At) -> Result<Listed<Set>, HttpError> {
        let (path, id, time) = ("buildsets", "bsid", "submitted_at");
        let list = ByTime { path, id, time, since, filters: &[] };
        let rows = |answer: Sets| answer.buildsets.into_iter().map(set).collect();
        self.since(&list, rows, |set: &Set| (set.id, set.submitted)).await
    }

    /// The newest buildsets, newest first.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn newest_sets(&self, count: usize) -> Result<Vec<Set>, HttpError> {
        let query = [("order", "-bsid".to_owned()), ("limit", count.to_string())];
        let answer: Sets = self.get(&["buildsets"], &query).await?;
        Ok(answer.buildsets.into_iter().map(set).collect())
    }

    /// The buildsets that repeat a build.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn repeats_of(&self, build: BuildId) -> Result<Vec<Set>, HttpError> {
        let query = [("rebuilt_buildid", build.to_string())];
        let answer: Sets = self.get(&["buildsets"], &query).await?;
        let sets = answer.buildsets.into_iter().map(set);
        Ok(sets.filter(|set| set.rebuilt == Some(build)).collect())
    }

    /// One buildset.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn set(&self, id: u64) -> Result<Set, HttpError> {
        let answer: Sets = self.get(&["buildsets", &id.to_string()], &[]).await?;
        let found = answer.buildsets.into_iter().next().map(set);
        found.ok_or_else(|| self.nothing("buildset", id))
    }

    /// The build requests that were submitted since an instant.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn requests_since(
        &self,
        since: At,
        of: BuildsOf<'_>,
    ) -> Result<Listed<Request>, HttpError> {
        let (path, id, time) = ("buildrequests", "buildrequestid", "submitted_at");
        let list = ByTime { path, id, time, since, filters: &of.filters() };
        let rows = |answer: Requests| answer.buildrequests.into_iter().map(Into::into).collect();
        self.since(&list, rows, |request: &Request| (request.id.0, request.submitted)).await
    }

    /// The builds that began since an instant.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn builds_since(
        &self,
        since: At,
        of: BuildsOf<'_>,
    ) -> Result<Listed<Build>, HttpError> {
        let (path, id, time) = ("builds", "buildid", "started_at");
        let list = ByTime { path, id, time, since, filters: &of.filters() };
        let rows = |answer: Builds| answer.builds.into_iter().map(Into::into).collect();
        self.since(&list, rows, |build: &Build| (build.id.0, build.started)).await
    }

    /// Some build requests.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn requests(&self, ids: &[BuildRequestId]) -> Result<Vec<Request>, HttpError> {
        let mut found: Vec<Request> = Vec::new();
        for ids in ids.chunks(IDS) {
            let query: Vec<(&str, String)> =
                ids.iter().map(|id| ("buildrequestid__in", id.to_string())).collect();
            let answer: Requests = self.get(&["buildrequests"], &query).await?;
            let rows = answer.buildrequests.into_iter().map(Request::from);
            found.extend(rows.filter(|request| ids.contains(&request.id)));
        }
        Ok(found)
    }

    /// The requests of a builder that wait to be built.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn waiting_requests(&self, builder: u64) -> Result<Vec<Request>, HttpError> {
        let query = [
            ("builderid", builder.to_string()),
            ("complete", "false".to_owned()),
            ("claimed", "false".to_owned()),
        ];
        let answer: Requests = self.get(&["buildrequests"], &query).await?;
        let rows = answer.buildrequests.into_iter().map(Request::from);
        let waits = |row: &Request| row.claimed.is_none() && row.complete.is_none();
        Ok(rows.filter(|row| row.builder == builder && waits(row)).collect())
    }

    /// The requests of one buildset.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn requests_of_set(&self, set: u64) -> Result<Vec<Request>, HttpError> {
        let query = [("buildsetid", set.to_string())];
        let answer: Requests = self.get(&["buildrequests"], &query).await?;
        let rows = answer.buildrequests.into_iter().map(Request::from);
        Ok(rows.filter(|request| request.set == set).collect())
    }

    /// The builds of some requests, every retry included.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn builds_of(&self, requests: &[BuildRequestId]) -> Result<Vec<Build>, HttpError> {
        let mut found: Vec<Build> = Vec::new();
        for ids in requests.chunks(IDS) {
            let query: Vec<(&str, String)> =
                ids.iter().map(|id| ("buildrequestid__in", id.to_string())).collect();
            let answer: Builds = self.get(&["builds"], &query).await?;
            let rows = answer.builds.into_iter().map(Build::from);
            found.extend(rows.filter(|build| ids.contains(&build.request)));
        }
        Ok(found)
    }

    /// The revisions that builds found, by codebase (empty where there is only one). A build without any
    /// never got that far. It costs the master a query a build.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn got_revisions(
        &self,
        builds: &[BuildId],
    ) -> Result<HashMap<BuildId, Got>, HttpError> {
        let mut found = HashMap::new();
        for ids in builds.chunks(IDS) {
            let mut query: Vec<(&str, String)> =
                ids.iter().map(|id| ("buildid__in", id.to_string())).collect();
            query.push(("property", "got_revision".to_owned()));
            let answer: Builds = self.get(&["builds"], &query).await?;
            for row in answer.builds {
                // A property is a value and where it came from.
                let value = row.properties.get("got_revision").map(|pair| &pair[0]);
                found.insert(BuildId(row.buildid), value.map(got).unwrap_or_default());
            }
        }
        Ok(found)
    }

    /// A build by whatever names it, and its number on its builder. Of a request it is the newest build.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn build(&self, name: &BuildName) -> Result<(Build, Option<u64>), HttpError> {
        let answer: Builds = match name {
            BuildName::Of { builder, number } => {
                self.get(&["builders", builder, "builds", &number.to_string()], &[]).await?
            }
            BuildName::Id(id) => self.get(&["builds", &id.to_string()], &[]).await?,
            BuildName::Request(id) => {
                let query = [("buildrequestid", id.to_string()), ("order", "buildid".to_owned())];
                let mut answer: Builds = self.get(&["builds"], &query).await?;
                answer.builds.retain(|row| row.is_of(BuildRequestId(*id)));
                answer
            }
        };
        let found = answer.builds.into_iter().next_back();
        let found = found.ok_or_else(|| HttpError {
            problem: Problem::NotFound(format!("there is no {name}, or nothing was built yet")),
            method: "GET",
            url: self.base.to_string(),
        })?;
        let number = found.number;
        Ok((found.into(), number))
    }

    /// Reads a list newest first, in pages, back to an instant.
    async fn since<A: DeserializeOwned, T>(
        &self,
        list: &ByTime<'_>,
        rows: impl Fn(A) -> Vec<T>,
        key: impl Fn(&T) -> (u64, At),
    ) -> Result<Listed<T>, HttpError> {
        let mut listed = Listed { rows: Vec::new(), ignored: false };
        let after = format!("{}__ge", list.time);
        let below = format!("{}__lt", list.id);
        let mut last: Option<u64> = None;
        for _ in 0..MOST_PAGES {
            let mut query: Vec<(&str, String)> = vec![
                (&after, list.since.0.to_string()),
                ("order", format!("-{}", list.id)),
                ("limit", PAGE.to_string()),
            ];
            query.extend(list.filters.iter().map(|(name, value)| (*name, value.clone())));
            query.extend(last.map(|last| (below.as_str(), last.to_string())));
            let page = rows(self.get::<A>(&[list.path], &query).await?);
            let is_short = page.len() < PAGE;
            let keys: Vec<(u64, At)> = page.iter().map(&key).collect();
            let lowest = keys.iter().map(|(id, _)| *id).min();
            if last.is_some_and(|last| keys.iter().any(|(id, _)| *id >= last)) {
                let what =
                    format!("the master ignores {below}, so that {} cannot be paged", list.path);
                return Err(self.odd(list.path, what));
            }
            let old = keys.iter().filter(|(_, at)| *at < list.since).count();
            listed.ignored |= old > 0;
            listed.rows.extend(page.into_iter().filter(|row| key(row).1 >= list.since));
            // Where the filter is ignored the page's end tells when enough was read.
            if is_short || old == keys.len() {
                return Ok(listed);
            }
            last = lowest;
        }
        let what = format!("{MOST_PAGES} pages of {PAGE} {} since the range began", list.path);
        let problem = Problem::Refused(format!("more than {what}: narrow the range"));
        Err(HttpError { problem, method: "GET", url: self.base.to_string() })
    }

    fn odd(&self, path: &str, what: String) -> HttpError {
        let url = self.url(&["api", "v2", path], &[]).to_string();
        HttpError { problem: Problem::Shape(what), method: "GET", url }
    }

    fn nothing(&self, kind: &str, id: impl std::fmt::Display) -> HttpError {
        let problem = Problem::NotFound(format!("there is no {kind} {id}"));
        HttpError { problem, method: "GET", url: self.base.to_string() }
    }
}

/// The value of `got_revision`: a text, or a number (Subversion); with codebases an object of them.
fn got(value: &Value) -> Got {
    let text = |value: &Value| match value {
        Value::String(text) if !text.is_empty() => Some(text.to_ascii_lowercase()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    match value {
        Value::Object(all) => {
            all.iter().filter_map(|(codebase, v)| Some((codebase.clone(), text(v)?))).collect()
        }
        one => text(one).map(|revision| (String::new(), revision)).into_iter().collect(),
    }
}

fn stamp(row: StampRow) -> Stamp {
    Stamp {
        id: row.ssid,
        revision: row.revision.unwrap_or_default().to_ascii_lowercase(),
        branch: row.branch,
        repository: row.repository,
        project: String::new(),
        codebase: row.codebase,
        created: row.created_at.map(At),
        patched: row.patch.is_some(),
    }
}

fn change(row: ChangeRow) -> Change {
    let (id, created) = match &row.sourcestamp {
        Some(stamp) => (stamp.ssid, stamp.created_at.map(At)),
        None => (0, None),
    };
    Change {
        id: row.changeid,
        author: row.author,
        summary: summary_of(&row.comments),
        when: At(row.when_timestamp),
        stamp: Stamp {
            id,
            revision: row.revision.unwrap_or_default().to_ascii_lowercase(),
            branch: row.branch,
            repository: row.repository,
            project: row.project,
            codebase: row.codebase,
            created,
            patched: false,
        },
        category: row.category,
    }
}

fn set(row: SetRow) -> Set {
    Set {
        id: row.bsid,
        reason: row.reason,
        submitted: At(row.submitted_at),
        complete: row.complete_at.map(At),
        results: Results::new(row.results),
        parent: row.parent_buildid.map(BuildId),
        rebuilt: row.rebuilt_buildid.map(BuildId),
        stamps: row.sourcestamps.into_iter().map(stamp).collect(),
    }
}
