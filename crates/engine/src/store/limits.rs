//! What the ledger knows of limits: pools of workers, who used how much, and a CI that fails.

use mozci_core::ids::JobName;
use mozci_core::time::At;
use rusqlite::{OptionalExtension, params};
use serde::Serialize;

use crate::store::error::StoreError;
use crate::store::ledger::Ledger;

/// Runs that were asked for together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Spent {
    /// The plan.
    pub plan: String,
    /// The investigation that it was for.
    pub investigation: Option<String>,
    /// One of its jobs.
    pub job: String,
    /// When.
    pub at: At,
    /// Runs.
    pub runs: u32,
}

/// What the breaker of a whole CI is called.
const SERVICE: &str = "service";

impl Ledger {
    /// The pool that a job runs in, as far as it is known.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn pool(&self, ci: &str, job: &JobName) -> Result<Option<String>, StoreError> {
        let connection = self.connection.lock();
        let select = "SELECT pool FROM pools WHERE ci = ? AND job = ?";
        let found = connection.query_row(select, params![ci, job.as_str()], |row| row.get(0));
        found.optional().map_err(StoreError::sqlite(&self.path))
    }

    /// Notes the pool that a job runs in.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn know_pool(&self, ci: &str, job: &JobName, pool: &str) -> Result<(), StoreError> {
        let connection = self.connection.lock();
        let insert = "INSERT OR REPLACE INTO pools VALUES (?, ?, ?)";
        let done = connection.execute(insert, params![ci, job.as_str(), pool]);
        done.map(drop).map_err(StoreError::sqlite(&self.path))
    }

    /// Runs asked for in a pool since an instant.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn runs_in_pool(&self, ci: &str, pool: &str, since: At) -> Result<u32, StoreError> {
        let connection = self.connection.lock();
        let select = "SELECT coalesce(sum(times), 0) FROM askings
             JOIN asked_jobs ON asking = id
             JOIN pools ON pools.ci = askings.ci AND pools.job = asked_jobs.job
             WHERE askings.ci = ? AND pool = ? AND created >= ? AND state <> 'not-sent'";
        let values = params![ci, pool, since.0];
        let sum = connection.query_row(select, values, |row| row.get::<_, i64>(0));
        let sum = sum.map_err(StoreError::sqlite(&self.path))?;
        Ok(u32::try_from(sum).unwrap_or(u32::MAX))
    }

    /// What used the most since an instant, by plans.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn spent(&self, ci: &str, since: At, most: u32) -> Result<Vec<Spent>, StoreError> {
        let connection = self.connection.lock();
        let failed = StoreError::sqlite(&self.path);
        let select =
            "SELECT plan, max(investigation), min(job), max(created), sum(times) FROM askings
             JOIN asked_jobs ON asking = id
             WHERE ci = ? AND created >= ? AND state <> 'not-sent' AND times > 0
             GROUP BY plan ORDER BY 5 DESC, 4 DESC LIMIT ?";
        let mut query = connection.prepare(select).map_err(&failed)?;
        let rows = query.query_map(params![ci, since.0, most], |row| {
            let runs: i64 = row.get(4)?;
            Ok(Spent {
                plan: row.get(0)?,
                investigation: row.get::<_, Option<String>>(1)?.filter(|id| !id.is_empty()),
                job: row.get(2)?,
                at: At(row.get(3)?),
                runs: u32::try_from(runs).unwrap_or(u32::MAX),
            })
        });
        rows.map_err(&failed)?.collect::<Result<_, _>>().map_err(&failed)
    }

    /// Since when, and why, a CI is left alone; none where it takes what it is asked for.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn breaker(&self, ci: &str) -> Result<Option<(At, String)>, StoreError> {
        let connection = self.connection.lock();
        let select = "SELECT opened, why FROM breakers WHERE ci = ? AND what = ?";
        let read = |row: &rusqlite::Row<'_>| Ok((At(row.get(0)?), row.get(1)?));
        let found = connection.query_row(select, params![ci, SERVICE], read).optional();
        found.map_err(StoreError::sqlite(&self.path))
    }

    /// Opens the breaker of a CI, or closes it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn set_breaker(&self, ci: &str, open: Option<(At, &str)>) -> Result<(), StoreError> {
        let connection = self.connection.lock();
        let done = match open {
            Some((at, why)) => connection.execute(
                "INSERT OR REPLACE INTO breakers VALUES (?, ?, ?, ?)",
                params![ci, SERVICE, at.0, why],
            ),
            None => {
                let delete = "DELETE FROM breakers WHERE ci = ? AND what = ?";
                connection.execute(delete, params![ci, SERVICE])
            }
        };
        done.map(drop).map_err(StoreError::sqlite(&self.path))
    }
}
