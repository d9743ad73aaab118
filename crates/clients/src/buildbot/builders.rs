//! Builders, and the workers that build for them.

use super::master::Master;
use super::wire::{Builders, Workers};
use crate::http::HttpError;

/// A builder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Builder {
    /// Its id.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Whether a master has it at present; one that is gone keeps its builds.
    pub active: bool,
    /// What people sort builders by.
    pub tags: Vec<String>,
}

/// A worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    /// Its name.
    pub name: String,
    /// Whether it takes builds: it is connected, and nobody paused it.
    pub takes: bool,
    /// The ids of the builders that it is for.
    pub builders: Vec<u64>,
}

impl Master {
    /// Every builder.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn builders(&self) -> Result<Vec<Builder>, HttpError> {
        let answer: Builders = self.get(&["builders"], &[]).await?;
        let builders = answer.builders.into_iter().map(|row| Builder {
            id: row.builderid,
            name: row.name,
            active: !row.masterids.is_empty(),
            tags: row.tags,
        });
        Ok(builders.collect())
    }

    /// Every worker.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn workers(&self) -> Result<Vec<Worker>, HttpError> {
        let answer: Workers = self.get(&["workers"], &[]).await?;
        let workers = answer.workers.into_iter().map(|row| Worker {
            takes: !row.connected_to.is_empty() && !row.paused,
            builders: row.configured_on.iter().map(|on| on.builderid).collect(),
            name: row.name,
        });
        Ok(workers.collect())
    }
}
