//! Investigations in the database.

use async_trait::async_trait;
use mozci_core::time::At;
use serde_json::Value;
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::error::StoreError;
use crate::investigation::{FORM, Investigation, InvestigationState, LISTED, Lease};
use crate::postgres::connect::Postgres;
use crate::postgres::lease::holds;
use crate::request::short_id;
use crate::traits::Investigations;

type Result<T> = std::result::Result<T, StoreError>;

fn taken_over(lease: &Lease) -> StoreError {
    StoreError::TakenOver { id: lease.id.clone() }
}

fn bad(column: &str, error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::ColumnDecode { index: column.to_owned(), source: Box::new(error) }
}

fn json(row: &PgRow, column: &str) -> std::result::Result<Value, sqlx::Error> {
    serde_json::from_str(row.try_get(column)?).map_err(|error| bad(column, error))
}

fn investigation(row: &PgRow) -> std::result::Result<Investigation, sqlx::Error> {
    let id: String = row.try_get("id")?;
    let word: &str = row.try_get("state")?;
    let state = InvestigationState::parse(word).ok_or_else(|| {
        let text = format!(
            "investigation {id} is in the state {word:?}, which this version does not know"
        );
        bad("state", std::io::Error::other(text))
    })?;
    Ok(Investigation {
        form: u32::try_from(row.try_get::<i64, _>("form")?).unwrap_or(u32::MAX),
        ci: row.try_get("ci")?,
        repo: row.try_get("repo")?,
        question: json(row, "question")?,
        created: At(row.try_get("created")?),
        state,
        id,
    })
}

impl Postgres {
    /// Writes a step and, in the same transaction, a state.
    async fn step_and(
        &self,
        lease: &Lease,
        step: &Value,
        now: At,
        state: Option<InvestigationState>,
    ) -> Result<()> {
        let failed = self.failed();
        let mut transaction = self.pool.begin().await.map_err(&failed)?;
        if !holds(&mut transaction, lease).await.map_err(&failed)? {
            return Err(taken_over(lease));
        }
        let insert = "INSERT INTO steps
             SELECT $1, coalesce(max(number), 0) + 1, $2, $3 FROM steps WHERE investigation = $1";
        let query = sqlx::query(insert).bind(&lease.id).bind(now.0).bind(step.to_string());
        query.execute(&mut *transaction).await.map_err(&failed)?;
        if let Some(state) = state {
            let query = sqlx::query("UPDATE investigations SET state = $2 WHERE id = $1");
            let query = query.bind(&lease.id).bind(state.word());
            query.execute(&mut *transaction).await.map_err(&failed)?;
        }
        transaction.commit().await.map_err(&failed)
    }
}

#[async_trait]
impl Investigations for Postgres {
    async fn begin(&self, ci: &str, repo: &str, question: &Value, now: At) -> Result<String> {
        let id = short_id();
        let insert = "INSERT INTO investigations (id, form, ci, repo, question, created, state)
             VALUES ($1, $2, $3, $4, $5, $6, 'open')";
        let done = sqlx::query(insert)
            .bind(&id)
            .bind(i64::from(FORM))
            .bind(ci)
            .bind(repo)
            .bind(question.to_string())
            .bind(now.0)
            .execute(&self.pool)
            .await;
        done.map(|_| id).map_err(self.failed())
    }

    async fn step(&self, lease: &Lease, step: &Value, now: At) -> Result<()> {
        self.step_and(lease, step, now, None).await
    }

    async fn finish(&self, lease: &Lease, step: &Value, now: At) -> Result<()> {
        self.step_and(lease, step, now, Some(InvestigationState::Done)).await
    }

    async fn change_question(&self, lease: &Lease, question: &Value) -> Result<()> {
        let update = "UPDATE investigations SET question = $3
             WHERE id = $1 AND fence = $2 AND state = 'open'";
        let query =
            sqlx::query(update).bind(&lease.id).bind(lease.fence).bind(question.to_string());
        match query.execute(&self.pool).await.map_err(self.failed())?.rows_affected() {
            1 => Ok(()),
            _ => Err(taken_over(lease)),
        }
    }

    async fn set_state(&self, id: &str, state: InvestigationState) -> Result<()> {
        let query = sqlx::query("UPDATE investigations SET state = $2 WHERE id = $1");
        let done = query.bind(id).bind(state.word()).execute(&self.pool).await;
        done.map(drop).map_err(self.failed())
    }

    async fn open_investigations(&self, ci: &str, repo: &str) -> Result<Vec<Investigation>> {
        let failed = self.failed();
        let select = "SELECT id, form, ci, repo, question, created, state FROM investigations
             WHERE state = 'open' AND ci = $1 AND repo = $2 ORDER BY created, id";
        let rows = sqlx::query(select).bind(ci).bind(repo).fetch_all(&self.pool).await;
        let read: std::result::Result<_, _> =
            rows.map_err(&failed)?.iter().map(investigation).collect();
        read.map_err(&failed)
    }

    async fn by_prefix(&self, prefix: &str) -> Result<Vec<Investigation>> {
        let failed = self.failed();
        let select = "SELECT id, form, ci, repo, question, created, state FROM investigations
             WHERE starts_with(id, $1) ORDER BY created DESC, id LIMIT $2";
        let most = i64::try_from(LISTED).unwrap_or(i64::MAX);
        let rows = sqlx::query(select).bind(prefix).bind(most).fetch_all(&self.pool).await;
        let read: std::result::Result<_, _> =
            rows.map_err(&failed)?.iter().map(investigation).collect();
        read.map_err(&failed)
    }

    async fn steps(&self, id: &str) -> Result<Vec<(At, Value)>> {
        let failed = self.failed();
        let select = "SELECT at, step FROM steps WHERE investigation = $1 ORDER BY number";
        let rows = sqlx::query(select).bind(id).fetch_all(&self.pool).await.map_err(&failed)?;
        let read = |row: &PgRow| Ok((At(row.try_get("at")?), json(row, "step")?));
        rows.iter().map(read).collect::<std::result::Result<_, sqlx::Error>>().map_err(&failed)
    }

    async fn last_step(&self, id: &str) -> Result<Option<Value>> {
        let failed = self.failed();
        let select = "SELECT step FROM steps WHERE investigation = $1 ORDER BY number DESC LIMIT 1";
        let row = sqlx::query(select).bind(id).fetch_optional(&self.pool).await.map_err(&failed)?;
        row.as_ref().map(|row| json(row, "step")).transpose().map_err(&failed)
    }
}
