//! What decision tasks left, kept for as long as the program runs: it does not change, and a search requests it
//! again and again.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use mozci_clients::http::HttpError;
use mozci_clients::taskcluster::{Actions, GroupState};
use mozci_core::ids::TaskId;
use mozci_core::time::At;

use super::backend::TaskclusterBackend;
use crate::error::Error;

/// Decision tasks whose actions are kept; a file is some 200 KiB.
const MOST: usize = 64;

/// What is kept.
#[derive(Debug, Default)]
pub(crate) struct Decided {
    actions: Mutex<HashMap<TaskId, Arc<Actions>>>,
    states: Mutex<HashMap<TaskId, GroupState>>,
    /// What sets of scopes stand for. Decision tasks of one repository have the same ones.
    scopes: tokio::sync::Mutex<HashMap<Vec<String>, Vec<String>>>,
}

/// What is kept under a key, where anything is.
fn kept<K: Eq + Hash, T: Clone>(map: &Mutex<HashMap<K, T>>, key: &K) -> Option<T> {
    map.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
}

fn keep<K: Eq + Hash, T>(map: &Mutex<HashMap<K, T>>, key: K, value: T) {
    let mut map = map.lock().unwrap_or_else(PoisonError::into_inner);
    if map.len() >= MOST {
        map.clear();
    }
    map.insert(key, value);
}

impl TaskclusterBackend {
    /// The actions that a decision task offers.
    pub(super) async fn actions(&self, decision: TaskId) -> Result<Arc<Actions>, Failed> {
        if let Some(known) = kept(&self.decided.actions, &decision) {
            return Ok(known);
        }
        let actions = Arc::new(self.taskcluster.actions(decision).await?);
        keep(&self.decided.actions, decision, Arc::clone(&actions));
        Ok(actions)
    }

    /// Whether tasks can be added to a decision task's group. One that was open stays so for as long as the
    /// program runs: should somebody seal it, the queue refuses what is sent.
    pub(super) async fn group_state(
        &self,
        decision: TaskId,
        now: At,
    ) -> Result<GroupState, Failed> {
        if let Some(known) = kept(&self.decided.states, &decision) {
            return Ok(known);
        }
        let state = self.taskcluster.group_state(decision, now).await?;
        keep(&self.decided.states, decision, state);
        Ok(state)
    }

    /// What scopes stand for. One question is enough for many decision tasks; whoever asks it holds the
    /// others up until the answer is there.
    pub(super) async fn expanded_scopes(&self, scopes: &[String]) -> Result<Vec<String>, Failed> {
        let mut known = self.decided.scopes.lock().await;
        if let Some(expanded) = known.get(scopes) {
            return Ok(expanded.clone());
        }
        let expanded = self.taskcluster.expand_scopes(scopes).await?;
        known.insert(scopes.to_vec(), expanded.clone());
        Ok(expanded)
    }
}

/// Why something could not be read.
#[derive(Debug)]
pub(crate) enum Failed {
    /// The service, whose answer may mean something to whoever asked.
    Http(HttpError),
    /// Anything else.
    Other(Error),
}

impl From<HttpError> for Failed {
    fn from(error: HttpError) -> Self {
        Self::Http(error)
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl Failed {
    /// The error, of reading this.
    pub(crate) fn reading(self, what: impl Into<String>) -> Error {
        match self {
            Self::Http(error) => Error::service(what.into())(error),
            Self::Other(error) => error,
        }
    }
}
