//! What became of requests, and what plans left out, in the database.

use async_trait::async_trait;
use mozci_core::ids::{JobName, RequestId};
use mozci_core::plan::LeftOut;
use mozci_core::time::At;
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::booking::{LEFT_OUT, LeftOutEntry, NotedOutcome};
use crate::error::StoreError;
use crate::postgres::connect::Postgres;
use crate::postgres::rows::{signed, storable};
use crate::request::TriggerId;
use crate::traits::Outcomes;

type Result<T> = std::result::Result<T, StoreError>;

#[async_trait]
impl Outcomes for Postgres {
    async fn note_outcome(
        &self,
        ci: &str,
        request: RequestId,
        job: &JobName,
        outcome: &str,
        now: At,
    ) -> Result<()> {
        let insert = "INSERT INTO outcomes
             SELECT id, $3, $4, $5 FROM requests WHERE ci = $1 AND request = $2
             ON CONFLICT (request_id, job) DO UPDATE SET at = excluded.at, outcome = excluded.outcome";
        let done = sqlx::query(insert)
            .bind(ci)
            .bind(request.to_string())
            .bind(storable(job.as_str()))
            .bind(now.0)
            .bind(storable(outcome))
            .execute(&self.pool)
            .await;
        done.map(drop).map_err(self.failed())
    }

    async fn outcomes(&self, id: &TriggerId) -> Result<Vec<NotedOutcome>> {
        let failed = self.failed();
        let select = "SELECT job, at, outcome FROM outcomes WHERE request_id = $1 ORDER BY job COLLATE \"C\"";
        let rows = sqlx::query(select).bind(id.as_str()).fetch_all(&self.pool).await;
        let read = |row: &PgRow| {
            Ok(NotedOutcome {
                job: JobName::new(row.try_get::<String, _>(0)?),
                at: At(row.try_get(1)?),
                outcome: row.try_get(2)?,
            })
        };
        let rows = rows.map_err(&failed)?;
        rows.iter().map(read).collect::<std::result::Result<_, sqlx::Error>>().map_err(&failed)
    }

    async fn note_left_out(
        &self,
        ci: &str,
        plan: &str,
        left_out: &[LeftOut],
        now: At,
    ) -> Result<()> {
        let kept = || left_out.iter().take(LEFT_OUT);
        let pushes: Vec<i64> = kept().map(|out| signed(out.push.id.number())).collect();
        let jobs: Vec<String> = kept().map(|out| storable(out.job.as_str())).collect();
        let whys: Vec<String> = kept().map(|out| storable(&out.why.to_string())).collect();
        let insert = "INSERT INTO left_out (plan, ci, at, push, job, why)
             SELECT $1, $2, $3, push, job, why FROM unnest($4::bigint[], $5::text[], $6::text[]) AS t (push, job, why)";
        let done = sqlx::query(insert)
            .bind(plan)
            .bind(ci)
            .bind(now.0)
            .bind(pushes)
            .bind(jobs)
            .bind(whys)
            .execute(&self.pool)
            .await;
        done.map(drop).map_err(self.failed())
    }

    async fn left_out_since(&self, ci: &str, since: At, most: u32) -> Result<Vec<LeftOutEntry>> {
        let failed = self.failed();
        let select = "SELECT plan, at, push, job, why FROM left_out
             WHERE ci = $1 AND at >= $2 ORDER BY at DESC, number DESC LIMIT $3";
        let query = sqlx::query(select).bind(ci).bind(since.0).bind(i64::from(most));
        let rows = query.fetch_all(&self.pool).await.map_err(&failed)?;
        let read = |row: &PgRow| {
            Ok(LeftOutEntry {
                plan: row.try_get(0)?,
                at: At(row.try_get(1)?),
                push: u64::try_from(row.try_get::<i64, _>(2)?).unwrap_or(0),
                job: row.try_get(3)?,
                why: row.try_get(4)?,
            })
        };
        rows.iter().map(read).collect::<std::result::Result<_, sqlx::Error>>().map_err(&failed)
    }
}
