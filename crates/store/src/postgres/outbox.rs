//! Messages in the database.

use async_trait::async_trait;
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::error::StoreError;
use crate::message::{IN_HAND, Message, NewMessage, TRIES, pause};
use crate::postgres::connect::Postgres;
use crate::postgres::rows::storable;
use crate::traits::Outbox;

type Result<T> = std::result::Result<T, StoreError>;

#[async_trait]
impl Outbox for Postgres {
    async fn post(&self, message: &NewMessage) -> Result<bool> {
        let NewMessage { id, investigation, question, channel, body } = message;
        let insert = "INSERT INTO messages (id, investigation, question, channel, body)
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
        let done = sqlx::query(insert)
            .bind(id)
            .bind(investigation)
            .bind(storable(question))
            .bind(channel)
            .bind(storable(body))
            .execute(&self.pool)
            .await;
        done.map(|done| done.rows_affected() == 1).map_err(self.failed())
    }

    async fn take_due(&self) -> Result<Vec<Message>> {
        let failed = self.failed();
        let update = "UPDATE messages SET next_try = clock_timestamp() + make_interval(secs => $1)
             WHERE id IN (SELECT id FROM messages
                WHERE delivered IS NULL AND tries < $2 AND next_try <= clock_timestamp()
                FOR UPDATE SKIP LOCKED)
             RETURNING id, channel, body, tries";
        let query = sqlx::query(update).bind(IN_HAND as f64).bind(i64::from(TRIES));
        let rows = query.fetch_all(&self.pool).await.map_err(&failed)?;
        let read = |row: &PgRow| {
            Ok(Message {
                id: row.try_get(0)?,
                channel: row.try_get(1)?,
                body: row.try_get(2)?,
                tries: u32::try_from(row.try_get::<i64, _>(3)?).unwrap_or(u32::MAX),
            })
        };
        rows.iter().map(read).collect::<std::result::Result<_, sqlx::Error>>().map_err(&failed)
    }

    async fn delivered(&self, id: &str) -> Result<()> {
        let update =
            "UPDATE messages SET delivered = clock_timestamp(), problem = '' WHERE id = $1";
        let done = sqlx::query(update).bind(id).execute(&self.pool).await;
        done.map(drop).map_err(self.failed())
    }

    async fn not_delivered(&self, message: &Message, problem: &str) -> Result<()> {
        let update = "UPDATE messages SET tries = tries + 1, problem = $3,
                next_try = clock_timestamp() + make_interval(secs => $2)
             WHERE id = $1";
        let query = sqlx::query(update).bind(&message.id).bind(pause(message.tries) as f64);
        let done = query.bind(storable(problem)).execute(&self.pool).await;
        done.map(drop).map_err(self.failed())
    }

    async fn waiting(&self) -> Result<(u32, String)> {
        let failed = self.failed();
        let select =
            "SELECT count(*), coalesce(max(problem), '') FROM messages WHERE delivered IS NULL";
        let row = sqlx::query(select).fetch_one(&self.pool).await.map_err(&failed)?;
        let count: i64 = row.try_get(0).map_err(&failed)?;
        Ok((u32::try_from(count).unwrap_or(u32::MAX), row.try_get(1).map_err(&failed)?))
    }
}
