//! One request for a question that is asked twice at the same moment.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use super::client::Body;
use super::error::HttpError;

/// An answer's body, shared by everybody who asked.
pub(super) type Answer = Result<Arc<Body>, HttpError>;

/// The questions that are under way.
#[derive(Debug, Default)]
pub(super) struct SingleFlight {
    running: Mutex<HashMap<String, Arc<OnceCell<Answer>>>>,
}

impl SingleFlight {
    /// Asks, or waits for the answer to the same question that somebody else asks just now. Where
    /// that one gives up, whoever waits asks himself.
    pub(super) async fn ask(&self, key: String, make: impl Future<Output = Answer>) -> Answer {
        let cell = Arc::clone(self.running().entry(key.clone()).or_default());
        let answer = cell.get_or_init(|| make).await.clone();
        // A question that is asked later is a new one.
        let mut running = self.running();
        if running.get(&key).is_some_and(|known| Arc::ptr_eq(known, &cell)) {
            running.remove(&key);
        }
        answer
    }

    fn running(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<OnceCell<Answer>>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
