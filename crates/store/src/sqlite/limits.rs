//! Limits in the SQLite file: pools of workers, who used how much, and CIs that fail.

use mozci_core::ids::JobName;
use mozci_core::time::At;
use rusqlite::{OptionalExtension, params};

use crate::booking::Spent;
use crate::error::StoreError;
use crate::sqlite::database::Database;

/// What the breaker of a whole CI is called.
const SERVICE: &str = "service";

impl Database {
    pub(super) fn pool(&self, ci: &str, job: &JobName) -> Result<Option<String>, StoreError> {
        let connection = self.connection.lock();
        let select = "SELECT pool FROM pools WHERE ci = ? AND job = ?";
        let found = connection.query_row(select, params![ci, job.as_str()], |row| row.get(0));
        found.optional().map_err(StoreError::sqlite(&self.path))
    }

    pub(super) fn know_pool(&self, ci: &str, job: &JobName, pool: &str) -> Result<(), StoreError> {
        let connection = self.connection.lock();
        let insert = "INSERT OR REPLACE INTO pools VALUES (?, ?, ?)";
        let done = connection.execute(insert, params![ci, job.as_str(), pool]);
        done.map(drop).map_err(StoreError::sqlite(&self.path))
    }

    pub(super) fn runs_in_pool(&self, ci: &str, pool: &str, since: At) -> Result<u32, StoreError> {
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

    pub(super) fn spent(&self, ci: &str, since: At, most: u32) -> Result<Vec<Spent>, StoreError> {
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

    pub(super) fn breaker(&self, ci: &str) -> Result<Option<(At, String)>, StoreError> {
        let connection = self.connection.lock();
        let select = "SELECT opened, why FROM breakers WHERE ci = ? AND what = ?";
        let read = |row: &rusqlite::Row<'_>| Ok((At(row.get(0)?), row.get(1)?));
        let found = connection.query_row(select, params![ci, SERVICE], read).optional();
        found.map_err(StoreError::sqlite(&self.path))
    }

    pub(super) fn set_breaker(&self, ci: &str, open: Option<(At, &str)>) -> Result<(), StoreError> {
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
