//! Lists that come in pages, each with a token for the next one.

use mozci_core::ids::TaskId;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::acts::Taskcluster;
use super::queue::shape;
use crate::http::{HttpError, Problem};

/// Pages of one list that are believed.
const MOST: usize = 100;

/// Entries that one bulk question names; the services give at most 1000 rows a page.
pub(super) const ENTRIES_A_REQUEST: usize = 1000;

/// A page of a list.
pub(super) trait Page: DeserializeOwned {
    /// What is on it.
    type Entry;

    /// Its entries, and the token of the next page. A token may come with nothing left.
    fn into_parts(self) -> (Vec<Self::Entry>, Option<String>);
}

impl Taskcluster {
    /// Reads every page of a list: with a body a bulk question, without one a plain one. An error
    /// of `take` is of the answer's shape.
    ///
    /// A list of which pages are left after as many as are believed was not read: what is missing
    /// must not be taken for absent.
    pub(super) async fn each_of<P: Page>(
        &self,
        list: &Url,
        body: Option<&Value>,
        mut take: impl FnMut(P::Entry) -> Result<(), String>,
    ) -> Result<(), HttpError> {
        let mut token: Option<String> = None;
        for _ in 0..MOST {
            let mut url = list.clone();
            if let Some(token) = &token {
                url.query_pairs_mut().append_pair("continuationToken", token);
            }
            let page: P = match body {
                Some(body) => self.http.ask(url.clone(), body).await?,
                None => self.http.get(url.clone()).await?,
            };
            let (entries, next) = page.into_parts();
            for entry in entries {
                take(entry).map_err(|reason| shape(&url, reason))?;
            }
            token = next;
            if token.is_none() {
                return Ok(());
            }
        }
        let text = format!("the list does not end after {MOST} pages");
        Err(HttpError { problem: Problem::Refused(text), method: "GET", url: list.to_string() })
    }
}

/// A task's id in an answer.
pub(super) fn task_id(text: &str) -> Result<TaskId, String> {
    text.parse().map_err(|error| format!("taskId: {error}"))
}
