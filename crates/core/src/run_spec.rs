//! Whatever a user has at hand to name a run with.

use std::str::FromStr;

use url::Url;

use crate::ids::TaskId;
use crate::revision::{BuildName, RevisionSpec, host_of};

/// A run as it was typed or pasted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunSpec {
    /// A run of a task.
    Task {
        /// The task.
        task: TaskId,
        /// The run; none is the last one.
        run: Option<u32>,
        /// The host and port of the link that named it, if it was one.
        host: Option<String>,
    },
    /// A build of a Buildbot master's.
    Build {
        /// The link's host and port.
        host: String,
        /// Which build.
        which: BuildName,
    },
}

/// A run that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a run: give a task id, `<task id>/<run>`, a link to a task or run of Taskcluster's or Treeherder's, or one to a Buildbot build"
)]
pub struct RunError(String);

impl FromStr for RunSpec {
    type Err = RunError;

    fn from_str(text: &str) -> Result<Self, RunError> {
        let text = text.trim();
        let error = || RunError(text.chars().take(200).collect());
        let (task, run) = match text.contains("://") {
            true => return from_url(text).ok_or_else(error),
            // Ids have neither of these, but `-`.
            false => match text.split_once(['/', '.']) {
                Some((task, run)) => (task, Some(run.parse().map_err(|_| error())?)),
                None => (text, None),
            },
        };
        let task = task.parse().map_err(|_| error())?;
        Ok(Self::Task { task, run, host: None })
    }
}

fn from_url(text: &str) -> Option<RunSpec> {
    // A Treeherder link may name a push as well.
    if let Some((task, run)) = selected(text) {
        let host = Url::parse(text).ok().as_ref().and_then(host_of);
        return Some(RunSpec::Task { task, run, host });
    }
    match text.parse().ok()? {
        RevisionSpec::Task { task, host, .. } => {
            Some(RunSpec::Task { task, run: run_of(text, task), host })
        }
        RevisionSpec::Build { host, which } => Some(RunSpec::Build { host, which }),
        _ => None,
    }
}

/// The run that a link selects: `selectedTaskRun=<task>.<run>` (older ones `<task>-<run>`).
fn selected(text: &str) -> Option<(TaskId, Option<u32>)> {
    let at = text.find("selectedTaskRun=")? + "selectedTaskRun=".len();
    let value = text[at..].split(['&', '#']).next()?;
    let task = value.get(..22)?.parse().ok()?;
    let run = value.get(22..).and_then(|rest| rest.strip_prefix(['.', '-']));
    Some((task, run.and_then(|run| run.parse().ok())))
}

/// The number of the run in a link to a task.
fn run_of(text: &str, task: TaskId) -> Option<u32> {
    let url = Url::parse(text).ok()?;
    let segments: Vec<&str> = url.path_segments()?.collect();
    let place = segments.iter().position(|segment| *segment == task.to_string())?;
    match segments.get(place + 1..)? {
        ["runs", run, ..] => run.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_named_in_many_ways() {
        let id = "JRE4bCPuQMW9--heOkv_Ng";
        let check = |text: &str, expected: Option<u32>| {
            let found: RunSpec = text.parse().unwrap();
            let RunSpec::Task { task, run, .. } = found else { panic!("{text}: {found:?}") };
            assert_eq!((task.to_string().as_str(), run), (id, expected), "{text}");
        };
        check(id, None);
        check(&format!("{id}/2"), Some(2));
        check(&format!("{id}.1"), Some(1));
        check(&format!("https://tc.example/tasks/{id}"), None);
        check(&format!("https://tc.example/tasks/{id}/runs/3/logs/live"), Some(3));
        let treeherder = "https://th.example/jobs?repo=autoland";
        check(&format!("{treeherder}&selectedTaskRun={id}.1"), Some(1));
        check(&format!("{treeherder}&revision=abcdef012345&selectedTaskRun={id}.0"), Some(0));
        check(&format!("https://th.example/#/jobs?repo=x&selectedTaskRun={id}-0"), Some(0));
        let build: RunSpec = "http://bb.example/#/builders/3/builds/7".parse().unwrap();
        assert!(matches!(build, RunSpec::Build { which: BuildName::Of { number: 7, .. }, .. }));
        for none in ["", "mochitest-plain-1", "https://th.example/", "12345", "abc/def"] {
            assert!(none.parse::<RunSpec>().is_err(), "{none}");
        }
    }
}
