//! What the ledger knows beside trigger requests: what came of them, and what was left out.

use mozci_core::ids::{JobName, RequestId};
use mozci_core::plan::LeftOut;
use mozci_core::time::At;
use rusqlite::{OptionalExtension, params};
use serde::Serialize;

use crate::store::error::StoreError;
use crate::store::ledger::Ledger;
use crate::store::request::TriggerId;

/// What came of a job that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Came {
    /// The job.
    pub job: JobName,
    /// When it was seen.
    pub at: At,
    /// What was seen, in words.
    pub outcome: String,
}

/// What a plan did not ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PassedOver {
    /// The plan.
    pub plan: String,
    /// When.
    pub at: At,
    /// The push's number.
    pub push: u64,
    /// The job.
    pub job: String,
    /// Why not.
    pub why: String,
}

/// What one plan left out that is kept at the most.
const LEFT_OUT: usize = 1_000;

impl Ledger {
    /// Notes what came of what a request was made for; of a request that is no trigger request's nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn came(
        &self,
        ci: &str,
        request: RequestId,
        job: &JobName,
        outcome: &str,
        now: At,
    ) -> Result<(), StoreError> {
        let connection = self.connection.lock();
        let insert = "INSERT OR REPLACE INTO outcomes
             SELECT id, ?3, ?4, ?5 FROM askings WHERE ci = ?1 AND task = ?2";
        let values = params![ci, request.to_string(), job.as_str(), now.0, outcome];
        let done = connection.execute(insert, values);
        done.map(drop).map_err(StoreError::sqlite(&self.path))
    }

    /// What came of a trigger request, as far as anybody followed it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn outcomes(&self, id: &TriggerId) -> Result<Vec<Came>, StoreError> {
        let connection = self.connection.lock();
        let failed = StoreError::sqlite(&self.path);
        let select = "SELECT job, at, outcome FROM outcomes WHERE asking = ? ORDER BY job";
        let mut query = connection.prepare_cached(select).map_err(&failed)?;
        let rows = query.query_map([id.as_str()], |row| {
            Ok(Came {
                job: JobName::new(row.get::<_, String>(0)?),
                at: At(row.get(1)?),
                outcome: row.get(2)?,
            })
        });
        rows.map_err(&failed)?.collect::<Result<_, _>>().map_err(&failed)
    }

    /// Notes what a plan left out, and why.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn left_out(
        &self,
        ci: &str,
        plan: &str,
        left_out: &[LeftOut],
        now: At,
    ) -> Result<(), StoreError> {
        let connection = self.connection.lock();
        let failed = StoreError::sqlite(&self.path);
        let transaction = connection.unchecked_transaction().map_err(&failed)?;
        for out in left_out.iter().take(LEFT_OUT) {
            let push = i64::try_from(out.push.id.number()).unwrap_or(i64::MAX);
            let values = params![plan, ci, now.0, push, out.job.as_str(), out.why.to_string()];
            let insert = "INSERT INTO left_out VALUES (?, ?, ?, ?, ?, ?)";
            transaction.execute(insert, values).map_err(&failed)?;
        }
        transaction.commit().map_err(&failed)
    }

    /// What was left out since an instant, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn passed_over(
        &self,
        ci: &str,
        since: At,
        most: u32,
    ) -> Result<Vec<PassedOver>, StoreError> {
        let connection = self.connection.lock();
        let failed = StoreError::sqlite(&self.path);
        let select = "SELECT plan, at, push, job, why FROM left_out
             WHERE ci = ? AND at >= ? ORDER BY at DESC, rowid DESC LIMIT ?";
        let mut query = connection.prepare(select).map_err(&failed)?;
        let rows = query.query_map(params![ci, since.0, most], |row| {
            Ok(PassedOver {
                plan: row.get(0)?,
                at: At(row.get(1)?),
                push: u64::try_from(row.get::<_, i64>(2)?).unwrap_or(0),
                job: row.get(3)?,
                why: row.get(4)?,
            })
        });
        rows.map_err(&failed)?.collect::<Result<_, _>>().map_err(&failed)
    }

    /// When the oldest of the newest trigger requests was made: what was left out before it belongs to none of
    /// them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn oldest_of_newest(&self, ci: &str, most: u32) -> Result<Option<At>, StoreError> {
        let connection = self.connection.lock();
        let select = "SELECT min(created) FROM
             (SELECT created FROM askings WHERE ci = ? ORDER BY created DESC, rowid DESC LIMIT ?)";
        let found = connection
            .query_row(select, params![ci, most], |row| row.get::<_, Option<i64>>(0))
            .optional();
        Ok(found.map_err(StoreError::sqlite(&self.path))?.flatten().map(At))
    }
}
