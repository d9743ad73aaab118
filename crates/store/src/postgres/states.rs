//! How the state of a request changes in the database.

use mozci_core::ids::RequestId;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;

use crate::error::StoreError;
use crate::postgres::connect::Postgres;
use crate::postgres::requests::alone;
use crate::postgres::rows::storable;
use crate::request::{NAMES_AN_EXISTING_REQUEST, TriggerId, TriggerRequest, TriggerState};
use crate::words::columns;

type Result<T> = std::result::Result<T, StoreError>;

impl Postgres {
    pub(super) async fn write_state(&self, id: &TriggerId, state: &TriggerState) -> Result<()> {
        let failed = self.failed();
        let mut transaction = self.pool.begin().await.map_err(&failed)?;
        if let TriggerState::Sent { request } = state {
            let ci = sqlx::query_scalar::<_, String>("SELECT ci FROM requests WHERE id = $1");
            let ci = ci.bind(id.as_str()).fetch_optional(&mut *transaction).await;
            let Some(ci) = ci.map_err(&failed)? else { return Ok(()) };
            alone(&mut transaction, &ci).await.map_err(&failed)?;
            let others = format!(
                "UPDATE requests SET state = 'uncertain', request = NULL,
                    detail = 'the request that was taken for it belongs to another entry'
                 WHERE request = $1 AND id <> $2 AND ci = $3
                   AND action NOT IN {NAMES_AN_EXISTING_REQUEST}
                   AND (SELECT action FROM requests WHERE id = $2) NOT IN {NAMES_AN_EXISTING_REQUEST}"
            );
            sqlx::query(AssertSqlSafe(others))
                .bind(request.to_string())
                .bind(id.as_str())
                .bind(&ci)
                .execute(&mut *transaction)
                .await
                .map_err(&failed)?;
        }
        let condition = match state {
            TriggerState::Sent { .. } => "TRUE",
            _ => "state IN ('recorded', 'uncertain')",
        };
        set(&mut transaction, id, state, condition).await.map_err(&failed)?;
        transaction.commit().await.map_err(&failed)
    }

    pub(super) async fn write_state_again(
        &self,
        id: &TriggerId,
        state: &TriggerState,
    ) -> Result<()> {
        let failed = self.failed();
        let mut connection = self.pool.acquire().await.map_err(&failed)?;
        set(&mut connection, id, state, "TRUE").await.map(drop).map_err(&failed)
    }

    pub(super) async fn record_end(
        &self,
        read: &TriggerRequest,
        state: &TriggerState,
    ) -> Result<bool> {
        let failed = self.failed();
        let mut transaction = self.pool.begin().await.map_err(&failed)?;
        alone(&mut transaction, &read.ci).await.map_err(&failed)?;
        if let TriggerState::Sent { request } = state {
            let other = entry_of(&mut transaction, &read.ci, *request, read.id.as_str()).await;
            if other.map_err(&failed)?.is_some() {
                return Ok(false);
            }
        }
        let (was, _, _) = columns(&read.state);
        let condition = format!("state = '{was}' AND created = {}", read.created.0);
        let changed = set(&mut transaction, &read.id, state, &condition).await.map_err(&failed)?;
        transaction.commit().await.map_err(&failed)?;
        Ok(changed)
    }

    pub(super) async fn entry_of(
        &self,
        ci: &str,
        request: RequestId,
        except: Option<&TriggerId>,
    ) -> Result<Option<TriggerId>> {
        let failed = self.failed();
        let mut connection = self.pool.acquire().await.map_err(&failed)?;
        let except = except.map_or("", TriggerId::as_str);
        entry_of(&mut connection, ci, request, except).await.map_err(&failed)
    }
}

/// Sets a state where the condition, a text of this file, holds.
async fn set(
    connection: &mut PgConnection,
    id: &TriggerId,
    state: &TriggerState,
    condition: &str,
) -> std::result::Result<bool, sqlx::Error> {
    let (word, request, detail) = columns(state);
    let update = format!(
        "UPDATE requests SET state = $1, request = $2, detail = $3 WHERE id = $4 AND {condition}"
    );
    let query = sqlx::query(AssertSqlSafe(update)).bind(word).bind(request).bind(storable(detail));
    let done = query.bind(id.as_str()).execute(connection).await?;
    Ok(done.rows_affected() == 1)
}

async fn entry_of(
    connection: &mut PgConnection,
    ci: &str,
    request: RequestId,
    except: &str,
) -> std::result::Result<Option<TriggerId>, sqlx::Error> {
    let select = format!(
        "SELECT id FROM requests WHERE ci = $1 AND request = $2 AND id <> $3
           AND action NOT IN {NAMES_AN_EXISTING_REQUEST}
           AND coalesce((SELECT action FROM requests WHERE id = $3), '') NOT IN {NAMES_AN_EXISTING_REQUEST}
         LIMIT 1"
    );
    let query = sqlx::query_scalar(AssertSqlSafe(select)).bind(ci).bind(request.to_string());
    let found: Option<String> = query.bind(except).fetch_optional(connection).await?;
    Ok(found.map(TriggerId::from_ledger))
}
