//! Limits in the database: pools of workers, who used how much, and CIs that fail.

use async_trait::async_trait;
use mozci_core::ids::JobName;
use mozci_core::time::At;
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::booking::Spent;
use crate::error::StoreError;
use crate::postgres::connect::Postgres;
use crate::postgres::rows::storable;
use crate::traits::Limits;

type Result<T> = std::result::Result<T, StoreError>;

/// Runs requested of a CI since an instant.
pub(super) async fn runs_since(
    connection: impl sqlx::PgExecutor<'_>,
    ci: &str,
    since: At,
) -> std::result::Result<u32, sqlx::Error> {
    let select = "SELECT coalesce(sum(times), 0)::bigint FROM requests JOIN requested_jobs ON request_id = id
         WHERE ci = $1 AND created >= $2 AND state <> 'not-sent'";
    let query = sqlx::query_scalar(select).bind(ci).bind(since.0);
    let sum: i64 = query.fetch_one(connection).await?;
    Ok(u32::try_from(sum).unwrap_or(u32::MAX))
}

#[async_trait]
impl Limits for Postgres {
    async fn runs_since(&self, ci: &str, since: At) -> Result<u32> {
        runs_since(&self.pool, ci, since).await.map_err(self.failed())
    }

    async fn runs_in_pool(&self, ci: &str, pool: &str, since: At) -> Result<u32> {
        let select = "SELECT coalesce(sum(times), 0)::bigint FROM requests
             JOIN requested_jobs ON request_id = id
             JOIN pools ON pools.ci = requests.ci AND pools.job = requested_jobs.job
             WHERE requests.ci = $1 AND pool = $2 AND created >= $3 AND state <> 'not-sent'";
        let query = sqlx::query_scalar(select).bind(ci).bind(pool).bind(since.0);
        let sum: i64 = query.fetch_one(&self.pool).await.map_err(self.failed())?;
        Ok(u32::try_from(sum).unwrap_or(u32::MAX))
    }

    async fn spent(&self, ci: &str, since: At, most: u32) -> Result<Vec<Spent>> {
        let failed = self.failed();
        let select = "SELECT plan, investigation, min(job), max(created), sum(times)::bigint
             FROM requests JOIN requested_jobs ON request_id = id
             WHERE ci = $1 AND created >= $2 AND state <> 'not-sent'
             GROUP BY plan, investigation HAVING sum(times) > 0
             ORDER BY sum(times) DESC, max(created) DESC LIMIT $3";
        let query = sqlx::query(select).bind(ci).bind(since.0).bind(i64::from(most));
        let rows = query.fetch_all(&self.pool).await.map_err(&failed)?;
        let read = |row: &PgRow| {
            let investigation: String = row.try_get(1)?;
            Ok(Spent {
                plan: row.try_get(0)?,
                investigation: (!investigation.is_empty()).then_some(investigation),
                job: row.try_get(2)?,
                at: At(row.try_get(3)?),
                runs: u32::try_from(row.try_get::<i64, _>(4)?).unwrap_or(u32::MAX),
            })
        };
        rows.iter().map(read).collect::<std::result::Result<_, sqlx::Error>>().map_err(&failed)
    }

    async fn pool(&self, ci: &str, job: &JobName) -> Result<Option<String>> {
        let select = "SELECT pool FROM pools WHERE ci = $1 AND job = $2";
        let query = sqlx::query_scalar(select).bind(ci).bind(job.as_str());
        query.fetch_optional(&self.pool).await.map_err(self.failed())
    }

    async fn know_pool(&self, ci: &str, job: &JobName, pool: &str) -> Result<()> {
        let insert = "INSERT INTO pools VALUES ($1, $2, $3)
             ON CONFLICT (ci, job) DO UPDATE SET pool = excluded.pool";
        let query = sqlx::query(insert).bind(ci).bind(storable(job.as_str())).bind(storable(pool));
        query.execute(&self.pool).await.map(drop).map_err(self.failed())
    }

    async fn breaker(&self, ci: &str) -> Result<Option<(At, String)>> {
        let failed = self.failed();
        let select = "SELECT opened, why FROM breakers WHERE ci = $1";
        let row = sqlx::query(select).bind(ci).fetch_optional(&self.pool).await.map_err(&failed)?;
        let read = |row: PgRow| Ok((At(row.try_get(0)?), row.try_get(1)?));
        row.map(read).transpose().map_err(|error: sqlx::Error| failed(error))
    }

    async fn set_breaker(&self, ci: &str, open: Option<(At, &str)>) -> Result<()> {
        let query = match open {
            Some((at, why)) => sqlx::query(
                "INSERT INTO breakers VALUES ($1, $2, $3)
                 ON CONFLICT (ci) DO UPDATE SET opened = excluded.opened, why = excluded.why",
            )
            .bind(ci)
            .bind(at.0)
            .bind(storable(why)),
            None => sqlx::query("DELETE FROM breakers WHERE ci = $1").bind(ci),
        };
        query.execute(&self.pool).await.map(drop).map_err(self.failed())
    }
}
