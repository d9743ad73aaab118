//! What a watch that may request runs was asked, so that it can go on after a restart.

use crate::error::Error;
use crate::store::{FORM, Investigation};
use mozci_core::ids::JobName;
use mozci_core::watch::Expectations;
use serde_json::{Value, json};

/// What is followed, and what is expected.
#[derive(Debug, Clone)]
pub struct WatchQuestion {
    /// The jobs.
    pub jobs: Vec<JobName>,
    /// The pushes' heads, in the order of the range.
    pub pushes: Vec<String>,
    /// What is done where something does not come.
    pub expect: Expectations,
}

/// Whether an investigation is a watch.
pub fn is_watch(found: &Investigation) -> bool {
    found.question["kind"] == "watch"
}

impl WatchQuestion {
    /// What is followed, in a few words.
    pub fn subject(&self) -> String {
        match self.jobs.as_slice() {
            [one] => one.to_string(),
            many => format!("{} jobs", many.len()),
        }
    }

    /// The newest push's head.
    pub fn newest(&self) -> &str {
        self.pushes.first().map_or("tip", String::as_str)
    }

    /// A name for a watch that is no investigation, since it requests nothing: each is one of its own.
    pub fn name(&self) -> String {
        format!("watch of {} at {}", self.newest(), chrono::Utc::now().to_rfc3339())
    }

    /// As it is kept.
    pub fn to_value(&self) -> Value {
        json!({
            "kind": "watch",
            "job": self.subject(),
            "jobs": self.jobs,
            "pushes": self.pushes,
            "retry_failed": self.expect.retry_failed,
            "fill": self.expect.fill,
            "until_failure": self.expect.until_failure,
            "most": self.expect.most,
        })
    }

    /// Reads one that was kept.
    ///
    /// # Errors
    /// [`Error::Usage`] where another version wrote it.
    pub fn of(found: &Investigation) -> Result<Self, Error> {
        let unreadable = || {
            Error::Usage(format!(
                "investigation {} was written by another version of mozci and cannot be read: begin anew with `mozci watch`, which counts the runs that are there",
                found.id
            ))
        };
        if found.form != FORM {
            return Err(unreadable());
        }
        let question = &found.question;
        let texts = |key: &str| -> Option<Vec<String>> {
            let list = question[key].as_array()?.iter();
            list.map(|value| Some(value.as_str()?.to_owned())).collect()
        };
        let number = |key: &str| question[key].as_u64().and_then(|n| u32::try_from(n).ok());
        let read = || {
            Some(Self {
                jobs: texts("jobs")?.iter().map(JobName::new).collect(),
                pushes: texts("pushes")?,
                expect: Expectations {
                    retry_failed: number("retry_failed")?,
                    fill: question["fill"].as_bool()?,
                    until_failure: number("until_failure"),
                    most: number("most")?,
                },
            })
        };
        read().ok_or_else(unreadable)
    }
}
