//! What became of requests, and what plans left out, in the SQLite file.

use mozci_core::ids::{JobName, RequestId};
use mozci_core::plan::LeftOut;
use mozci_core::time::At;
use rusqlite::{OptionalExtension, params};

use crate::booking::{LEFT_OUT, LeftOutEntry, NotedOutcome};
use crate::error::StoreError;
use crate::request::TriggerId;
use crate::sqlite::database::Database;

impl Database {
    pub(super) fn note_outcome(
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

    pub(super) fn outcomes(&self, id: &TriggerId) -> Result<Vec<NotedOutcome>, StoreError> {
        let connection = self.connection.lock();
        let failed = StoreError::sqlite(&self.path);
        let select = "SELECT job, at, outcome FROM outcomes WHERE asking = ? ORDER BY job";
        let mut query = connection.prepare_cached(select).map_err(&failed)?;
        let rows = query.query_map([id.as_str()], |row| {
            Ok(NotedOutcome {
                job: JobName::new(row.get::<_, String>(0)?),
                at: At(row.get(1)?),
                outcome: row.get(2)?,
            })
        });
        rows.map_err(&failed)?.collect::<Result<_, _>>().map_err(&failed)
    }

    pub(super) fn note_left_out(
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

    pub(super) fn left_out_since(
        &self,
        ci: &str,
        since: At,
        most: u32,
    ) -> Result<Vec<LeftOutEntry>, StoreError> {
        let connection = self.connection.lock();
        let failed = StoreError::sqlite(&self.path);
        let select = "SELECT plan, at, push, job, why FROM left_out
             WHERE ci = ? AND at >= ? ORDER BY at DESC, rowid DESC LIMIT ?";
        let mut query = connection.prepare(select).map_err(&failed)?;
        let rows = query.query_map(params![ci, since.0, most], |row| {
            Ok(LeftOutEntry {
                plan: row.get(0)?,
                at: At(row.get(1)?),
                push: u64::try_from(row.get::<_, i64>(2)?).unwrap_or(0),
                job: row.get(3)?,
                why: row.get(4)?,
            })
        });
        rows.map_err(&failed)?.collect::<Result<_, _>>().map_err(&failed)
    }

    pub(super) fn oldest_of_newest(&self, ci: &str, most: u32) -> Result<Option<At>, StoreError> {
        let connection = self.connection.lock();
        let select = "SELECT min(created) FROM
             (SELECT created FROM askings WHERE ci = ? ORDER BY created DESC, rowid DESC LIMIT ?)";
        let found = connection
            .query_row(select, params![ci, most], |row| row.get::<_, Option<i64>>(0))
            .optional();
        Ok(found.map_err(StoreError::sqlite(&self.path))?.flatten().map(At))
    }
}
