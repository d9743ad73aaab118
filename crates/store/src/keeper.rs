//! Renews leases while an investigation is driven.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::error::StoreError;
use crate::investigation::Lease;
use crate::traits::SharedStore;

/// How often leases are renewed: three renewals may fail before one expires.
const RENEWED: Duration = Duration::from_secs(15);

/// Renews leases in a task of its own until it is dropped, and gives them back then.
#[derive(Debug)]
pub struct Keeper {
    stop: CancellationToken,
    task: Option<tokio::task::JoinHandle<()>>,
    /// Why the last renewal failed, where it did.
    problem: Arc<Mutex<Option<StoreError>>>,
}

impl Keeper {
    /// Begins to renew. Needs a Tokio runtime.
    pub fn of(store: SharedStore, leases: Vec<Lease>) -> Self {
        let (stop, problem) = (CancellationToken::new(), Arc::new(Mutex::new(None)));
        let (stopped, noted) = (stop.clone(), Arc::clone(&problem));
        let task = tokio::spawn(async move {
            while stopped.run_until_cancelled(tokio::time::sleep(RENEWED)).await.is_some() {
                *noted.lock() = store.renew(&leases).await.err();
                tracing::debug!(leases = leases.len(), problem = ?*noted.lock(), "leases are renewed");
            }
            for lease in &leases {
                // A lease that cannot be given back expires.
                let _ = store.release(lease).await;
            }
        });
        Self { stop, task: Some(task), problem }
    }

    /// Why the last renewal failed, if it did; once.
    pub fn take_problem(&self) -> Option<StoreError> {
        self.problem.lock().take()
    }

    /// Stops renewing, and waits until the leases are given back.
    pub async fn end(mut self) {
        self.stop.cancel();
        if let Some(task) = self.task.take() {
            let _ = task.await;
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
