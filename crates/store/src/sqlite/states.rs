//! How the state of a trigger request changes in the ledger.
//!
//! Two kinds of callers write: the process that sends a request and sees its answer, and any process
//! that settles a request in doubt later. The sender's answer is a fact. What a settling process
//! concluded may be out of date by the time it writes, so that it compares and sets in one statement.

use mozci_core::ids::RequestId;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use crate::error::StoreError;
use crate::request::{NAMES_AN_EXISTING_REQUEST, TriggerId, TriggerRequest, TriggerState};
use crate::sqlite::database::Database;
use crate::words::columns;

impl Database {
    pub(super) fn mark(&self, id: &TriggerId, state: &TriggerState) -> Result<(), StoreError> {
        let failed = StoreError::sqlite(&self.path);
        let connection = self.connection.lock();
        let transaction = immediate(&connection).map_err(&failed)?;
        if let TriggerState::Sent { request } = state {
            let others = format!(
                "UPDATE askings SET state = 'uncertain', task = NULL,
                    detail = 'the request that was taken for it belongs to another entry'
                 WHERE task = ?1 AND id <> ?2 AND ci = (SELECT ci FROM askings WHERE id = ?2)
                   AND action NOT IN {NAMES_AN_EXISTING_REQUEST}
                   AND (SELECT action FROM askings WHERE id = ?2) NOT IN {NAMES_AN_EXISTING_REQUEST}"
            );
            let values = params![request.to_string(), id.as_str()];
            transaction.execute(&others, values).map_err(&failed)?;
        }
        let condition = match state {
            TriggerState::Sent { .. } => "TRUE",
            _ => "state IN ('recorded', 'uncertain')",
        };
        set(&transaction, id, state, condition).map_err(&failed)?;
        transaction.commit().map_err(&failed)
    }

    pub(super) fn mark_again(
        &self,
        id: &TriggerId,
        state: &TriggerState,
    ) -> Result<(), StoreError> {
        let connection = self.connection.lock();
        let failed = StoreError::sqlite(&self.path);
        set(&connection, id, state, "TRUE").map(drop).map_err(failed)
    }

    pub(super) fn settle(
        &self,
        read: &TriggerRequest,
        state: &TriggerState,
    ) -> Result<bool, StoreError> {
        let failed = StoreError::sqlite(&self.path);
        let connection = self.connection.lock();
        let transaction = immediate(&connection).map_err(&failed)?;
        if let TriggerState::Sent { request } = state
            && owner(&transaction, &read.ci, *request, read.id.as_str()).map_err(&failed)?.is_some()
        {
            return Ok(false);
        }
        let (was, _, _) = columns(&read.state);
        let condition = format!("state = '{was}' AND created = {}", read.created.0);
        let changed = set(&transaction, &read.id, state, &condition).map_err(&failed)?;
        transaction.commit().map_err(&failed)?;
        Ok(changed)
    }

    pub(super) fn owner(
        &self,
        ci: &str,
        request: RequestId,
        except: Option<&TriggerId>,
    ) -> Result<Option<TriggerId>, StoreError> {
        let connection = self.connection.lock();
        let except = except.map_or("", TriggerId::as_str);
        owner(&connection, ci, request, except).map_err(StoreError::sqlite(&self.path))
    }

    pub(super) fn hooks(&self, ci: &str, most: usize) -> Result<Vec<(String, String)>, StoreError> {
        let connection = self.connection.lock();
        let failed = StoreError::sqlite(&self.path);
        let select = "SELECT hook_group, hook FROM askings WHERE ci = ?1 AND hook_group <> ''
             GROUP BY hook_group, hook ORDER BY max(created) DESC LIMIT ?2";
        let mut query = connection.prepare_cached(select).map_err(&failed)?;
        let values = params![ci, i64::try_from(most).unwrap_or(i64::MAX)];
        let rows = query.query_map(values, |row| Ok((row.get(0)?, row.get(1)?)));
        rows.map_err(&failed)?.collect::<Result<_, _>>().map_err(&failed)
    }
}

/// A transaction that may write, which waits for others that do.
fn immediate(connection: &Connection) -> Result<Transaction<'_>, rusqlite::Error> {
    Transaction::new_unchecked(connection, TransactionBehavior::Immediate)
}

fn set(
    connection: &Connection,
    id: &TriggerId,
    state: &TriggerState,
    condition: &str,
) -> Result<bool, rusqlite::Error> {
    let (word, task, detail) = columns(state);
    let update =
        format!("UPDATE askings SET state = ?, task = ?, detail = ? WHERE id = ? AND {condition}");
    let changed = connection.execute(&update, params![word, task, detail, id.as_str()])?;
    Ok(changed == 1)
}

fn owner(
    connection: &Connection,
    ci: &str,
    request: RequestId,
    except: &str,
) -> Result<Option<TriggerId>, rusqlite::Error> {
    let select = format!(
        "SELECT id FROM askings WHERE ci = ?1 AND task = ?2 AND id <> ?3
           AND action NOT IN {NAMES_AN_EXISTING_REQUEST}
           AND coalesce((SELECT action FROM askings WHERE id = ?3), '')
               NOT IN {NAMES_AN_EXISTING_REQUEST}
         LIMIT 1"
    );
    let values = params![ci, request.to_string(), except];
    let found = connection.query_row(&select, values, |row| row.get(0)).optional()?;
    Ok(found.map(TriggerId::from_ledger))
}
