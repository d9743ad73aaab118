//! Requests in the database.

use std::collections::HashMap;

use async_trait::async_trait;
use mozci_core::ids::{JobName, RequestId};
use mozci_core::time::At;
use sqlx::postgres::{PgArguments, PgConnection};
use sqlx::{Arguments, AssertSqlSafe, Row};

use crate::booking::{Booking, Day, LedgerCursor, Recorded, Writer};
use crate::error::StoreError;
use crate::postgres::connect::Postgres;
use crate::postgres::lease::holds;
use crate::postgres::limits::runs_since;
use crate::postgres::rows::{COLUMNS, insert, request, requested_job};
use crate::request::{RequestedJob, TriggerId, TriggerRequest, TriggerState};
use crate::traits::{Requests, Turn};

type Result<T> = std::result::Result<T, StoreError>;

/// Makes whoever writes requests of one CI take turns, until the transaction ends: positions in the ledger are then
/// in the order of commits, and the day's budget is summed over all that came before.
pub(super) async fn alone(
    connection: &mut PgConnection,
    ci: &str,
) -> std::result::Result<(), sqlx::Error> {
    let lock = "SELECT pg_advisory_xact_lock(hashtext('mozci requests'), hashtext($1))";
    sqlx::query(lock).bind(ci).execute(connection).await.map(drop)
}

/// One of the jobs of a request that somebody else requested on the same push since `read`.
async fn requested_since(
    connection: &mut PgConnection,
    request: &TriggerRequest,
    read: LedgerCursor,
    own: &str,
) -> std::result::Result<Option<String>, sqlx::Error> {
    let jobs: Vec<&str> = request.jobs.iter().map(|requested| requested.job.as_str()).collect();
    let select = "SELECT job FROM requests JOIN requested_jobs ON request_id = id
         WHERE ci = $1 AND seq > $2 AND revision = $3 AND plan <> $4 AND state <> 'not-sent' AND times > 0
           AND (investigation = '' OR investigation <> $5) AND job = ANY ($6)
         ORDER BY seq LIMIT 1";
    sqlx::query_scalar(select)
        .bind(&request.ci)
        .bind(read.0)
        .bind(request.revision.hash())
        .bind(&request.plan)
        .bind(own)
        .bind(jobs)
        .fetch_optional(connection)
        .await
}

/// The last position that is taken in the ledger of a CI.
async fn last(
    connection: impl sqlx::PgExecutor<'_>,
    ci: &str,
) -> std::result::Result<i64, sqlx::Error> {
    let newest = "SELECT coalesce(max(seq), 0) FROM requests WHERE ci = $1";
    sqlx::query_scalar(newest).bind(ci).fetch_one(connection).await
}

impl Postgres {
    /// Requests by a condition, with their jobs.
    async fn select(&self, condition: &str, values: PgArguments) -> Result<Vec<TriggerRequest>> {
        let failed = self.failed();
        let sql = format!("SELECT {COLUMNS} FROM requests WHERE {condition}");
        // The conditions are texts of this file; values are bound.
        let query = sqlx::query_with(AssertSqlSafe(sql), values);
        let rows = query.fetch_all(&self.pool).await.map_err(&failed)?;
        let found: std::result::Result<Vec<_>, _> = rows.iter().map(request).collect();
        let mut found = found.map_err(&failed)?;
        let ids: Vec<&str> = found.iter().map(|request| request.id.as_str()).collect();
        let select =
            "SELECT request_id, job, times, why FROM requested_jobs WHERE request_id = ANY ($1)
             ORDER BY request_id, job COLLATE \"C\"";
        let rows = sqlx::query(select).bind(ids).fetch_all(&self.pool).await.map_err(&failed)?;
        let mut jobs: HashMap<String, Vec<RequestedJob>> = HashMap::new();
        for row in &rows {
            let (id, job) = requested_job(row).map_err(&failed)?;
            jobs.entry(id).or_default().push(job);
        }
        for request in &mut found {
            request.jobs = jobs.remove(request.id.as_str()).unwrap_or_default();
        }
        Ok(found)
    }

    /// Values to be bound.
    fn values<const N: usize>(&self, texts: [&str; N], numbers: &[i64]) -> Result<PgArguments> {
        let mut values = PgArguments::default();
        let failed = |error: sqlx::error::BoxDynError| self.failed()(sqlx::Error::Encode(error));
        for text in texts {
            values.add(text).map_err(failed)?;
        }
        for number in numbers {
            values.add(*number).map_err(failed)?;
        }
        Ok(values)
    }
}

#[async_trait]
impl Requests for Postgres {
    async fn cursor(&self, ci: &str) -> Result<LedgerCursor> {
        last(&self.pool, ci).await.map(LedgerCursor).map_err(self.failed())
    }

    async fn book(
        &self,
        requests: &[TriggerRequest],
        read: LedgerCursor,
        day: Day,
        writer: &Writer,
    ) -> Result<Booking> {
        let failed = self.failed();
        let mut transaction = self.pool.begin().await.map_err(&failed)?;
        if let Some(first) = requests.first() {
            alone(&mut transaction, &first.ci).await.map_err(&failed)?;
        }
        if let Some(lease) = &writer.lease
            && !holds(&mut transaction, lease).await.map_err(&failed)?
        {
            return Ok(Booking::TakenOver);
        }
        let Some(first) = requests.first() else { return Ok(Booking::Booked(Vec::new())) };
        let adds = requests.iter().fold(0u32, |sum, request| sum.saturating_add(request.times()));
        if adds > 0 {
            let used =
                runs_since(&mut *transaction, &first.ci, day.since).await.map_err(&failed)?;
            if used.saturating_add(adds) > day.limit {
                return Ok(Booking::OverBudget { used });
            }
        }
        let own = writer.lease.as_ref().map_or("", |lease| lease.id.as_str());
        let mut seq = last(&mut *transaction, &first.ci).await.map_err(&failed)?;
        let mut outcome = Vec::with_capacity(requests.len());
        for request in requests {
            let other = requested_since(&mut transaction, request, read, own);
            let other = other.await.map_err(&failed)?.filter(|_| request.times() > 0);
            if let Some(job) = other {
                outcome.push(Recorded::AlreadyAsked(JobName::new(job)));
                continue;
            }
            seq += 1;
            insert(&mut transaction, request, seq, writer).await.map_err(&failed)?;
            outcome.push(Recorded::New);
        }
        transaction.commit().await.map_err(&failed)?;
        Ok(Booking::Booked(outcome))
    }

    async fn sending(&self, id: &TriggerId, now: At) -> Result<bool> {
        let update = "UPDATE requests SET created = $1 WHERE id = $2 AND state = 'recorded'
               AND (investigation = '' OR fence = (SELECT fence FROM investigations
                    WHERE investigations.id = investigation AND state = 'open'))";
        let id = id.as_str().to_owned();
        self.apart(async move |store| {
            let done = sqlx::query(update).bind(now.0).bind(id).execute(&store.pool).await;
            done.map(|done| done.rows_affected() == 1).map_err(store.failed())
        })
        .await
    }

    async fn mark(&self, id: &TriggerId, state: &TriggerState) -> Result<()> {
        let (id, state) = (id.clone(), state.clone());
        self.apart(async move |store| store.write_state(&id, &state).await).await
    }

    async fn mark_again(&self, id: &TriggerId, state: &TriggerState) -> Result<()> {
        let (id, state) = (id.clone(), state.clone());
        self.apart(async move |store| store.write_state_again(&id, &state).await).await
    }

    async fn settle(&self, read: &TriggerRequest, state: &TriggerState) -> Result<bool> {
        let (read, state) = (read.clone(), state.clone());
        self.apart(async move |store| store.record_end(&read, &state).await).await
    }

    async fn owner(
        &self,
        ci: &str,
        request: RequestId,
        except: Option<&TriggerId>,
    ) -> Result<Option<TriggerId>> {
        self.entry_of(ci, request, except).await
    }

    async fn take_turn(&self, ci: &str) -> Result<Option<Turn>> {
        // The lock ends with its connection, and the connection with whoever holds it.
        let mut connection = self.own_connection().await?;
        let lock = "SELECT pg_try_advisory_lock(hashtext('mozci settling'), hashtext($1))";
        let got: bool = sqlx::query_scalar(lock)
            .bind(ci)
            .fetch_one(&mut connection)
            .await
            .map_err(self.failed())?;
        Ok(got.then(|| Box::new(connection) as Turn))
    }

    async fn open_requests(&self, ci: &str) -> Result<Vec<TriggerRequest>> {
        let open = "ci = $1 AND state IN ('recorded', 'uncertain') ORDER BY created, seq";
        self.select(open, self.values([ci], &[])?).await
    }

    async fn requests_since(&self, ci: &str, since: At) -> Result<Vec<TriggerRequest>> {
        let since = self.values([ci], &[since.0])?;
        self.select("ci = $1 AND created >= $2 ORDER BY created, seq", since).await
    }

    async fn newest(&self, ci: &str, most: u32) -> Result<Vec<TriggerRequest>> {
        let newest = self.values([ci], &[most.into()])?;
        self.select("ci = $1 ORDER BY created DESC, seq DESC LIMIT $2", newest).await
    }

    async fn oldest_of_newest(&self, ci: &str, most: u32) -> Result<Option<At>> {
        let select = "SELECT min(created) FROM
             (SELECT created FROM requests WHERE ci = $1 ORDER BY created DESC, seq DESC LIMIT $2) AS newest";
        let found: Option<i64> = sqlx::query_scalar(select)
            .bind(ci)
            .bind(i64::from(most))
            .fetch_one(&self.pool)
            .await
            .map_err(self.failed())?;
        Ok(found.map(At))
    }

    async fn of_investigation(&self, id: &str) -> Result<Vec<TriggerRequest>> {
        let condition = "investigation = $1 AND state <> 'not-sent' ORDER BY created, seq";
        self.select(condition, self.values([id], &[])?).await
    }

    async fn find(&self, ci: &str, id: &str) -> Result<Option<TriggerRequest>> {
        let values = self.values([ci, id], &[])?;
        let condition = match id.parse() {
            Ok(RequestId::SelfServe(_)) => "ci = $1 AND request = $2 ORDER BY created, seq",
            _ => "ci = $1 AND id = $2",
        };
        Ok(self.select(condition, values).await?.pop())
    }

    async fn made_by(&self, command: &str, ci: &str, revision: &str, job: &JobName) -> Result<u32> {
        let select = "SELECT coalesce(sum(times), 0)::bigint FROM requests JOIN requested_jobs ON request_id = id
             WHERE ci = $1 AND revision = $2 AND job = $3 AND command = $4 AND state <> 'not-sent'";
        let sum: i64 = sqlx::query_scalar(select)
            .bind(ci)
            .bind(revision)
            .bind(job.as_str())
            .bind(command)
            .fetch_one(&self.pool)
            .await
            .map_err(self.failed())?;
        Ok(u32::try_from(sum).unwrap_or(u32::MAX))
    }

    async fn hooks(&self, ci: &str, most: usize) -> Result<Vec<(String, String)>> {
        let failed = self.failed();
        let select = "SELECT hook_group, hook FROM requests WHERE ci = $1 AND hook_group <> ''
             GROUP BY hook_group, hook ORDER BY max(created) DESC LIMIT $2";
        let rows = sqlx::query(select)
            .bind(ci)
            .bind(i64::try_from(most).unwrap_or(i64::MAX))
            .fetch_all(&self.pool)
            .await
            .map_err(&failed)?;
        let read = |row: &sqlx::postgres::PgRow| Ok((row.try_get(0)?, row.try_get(1)?));
        rows.iter().map(read).collect::<std::result::Result<_, _>>().map_err(&failed)
    }
}
