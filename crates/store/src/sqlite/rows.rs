//! Requests as rows of the file.

use std::path::Path;
use std::sync::Arc;

use mozci_core::ids::{JobName, RepoName, Revision};
use mozci_core::time::At;
use rusqlite::{Connection, Row, params};

use crate::booking::Writer;
use crate::request::{RequestedJob, TriggerId, TriggerRequest, TriggerState};
use crate::sqlite::owners::lives;
use crate::words::{columns, state, vcs, vcs_word};

/// What a trigger request is read from, in the order that [`request`] goes by.
pub(super) const COLUMNS: &str = "id, plan, ci, repo, push, vcs, revision, task_group, action,
     hook_group, hook, body, created, state, task, detail, process, asker, investigation";

pub(super) fn insert(
    connection: &Connection,
    request: &TriggerRequest,
    writer: &Writer,
) -> Result<(), rusqlite::Error> {
    let (state, task, detail) = columns(&request.state);
    connection.execute(
        "INSERT INTO askings VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
        params![
            request.id.as_str(),
            request.plan,
            request.ci,
            request.repo.as_str(),
            i64::try_from(request.push).unwrap_or(i64::MAX),
            vcs_word(request.revision.vcs()),
            request.revision.hash(),
            request.group,
            request.action,
            request.hook_group,
            request.hook,
            request.body.to_string(),
            request.created.0,
            state,
            task,
            detail,
            request.process,
            request.asker,
            writer.command,
            writer.lease.as_ref().map_or("", |lease| lease.id.as_str()),
            writer.lease.as_ref().map_or(0, |lease| lease.fence),
        ],
    )?;
    let mut jobs = connection.prepare_cached("INSERT INTO asked_jobs VALUES (?, ?, ?, ?)")?;
    for requested in &request.jobs {
        jobs.execute(params![
            request.id.as_str(),
            requested.job.as_str(),
            requested.times,
            requested.why
        ])?;
    }
    Ok(())
}

/// Reads a row that this program wrote into the ledger of a folder; one that it can't have written is an error.
pub(super) fn request(folder: &Path, row: &Row<'_>) -> Result<TriggerRequest, rusqlite::Error> {
    let bad = |column: usize, error: String| {
        let text = rusqlite::types::Type::Text;
        rusqlite::Error::FromSqlConversionFailure(column, text, error.into())
    };
    let vcs = vcs(&row.get::<_, String>(5)?);
    let (word, sent): (String, Option<String>) = (row.get(13)?, row.get(14)?);
    let state =
        state(&word, sent.as_deref(), row.get(15)?).map_err(|error| bad(14, error.to_string()))?;
    let process: String = row.get(16)?;
    Ok(TriggerRequest {
        in_hand: state == TriggerState::Planned && lives(folder, &process),
        id: TriggerId::from_ledger(row.get(0)?),
        plan: row.get(1)?,
        ci: row.get(2)?,
        repo: RepoName::new(row.get::<_, String>(3)?),
        push: u64::try_from(row.get::<_, i64>(4)?).unwrap_or(0),
        revision: Revision::new(vcs, &row.get::<_, String>(6)?)
            .map_err(|e| bad(6, e.to_string()))?,
        jobs: Vec::new(),
        group: row.get(7)?,
        action: row.get(8)?,
        hook_group: row.get(9)?,
        hook: row.get(10)?,
        body: serde_json::from_str(&row.get::<_, String>(11)?)
            .map(Arc::new)
            .map_err(|e| bad(11, e.to_string()))?,
        created: At(row.get(12)?),
        state,
        process,
        asker: row.get(17)?,
        investigation: row.get::<_, Option<String>>(18)?.filter(|id| !id.is_empty()),
    })
}

/// The jobs of a trigger request.
pub(super) fn jobs_of(
    connection: &Connection,
    id: &TriggerId,
) -> Result<Vec<RequestedJob>, rusqlite::Error> {
    let mut query = connection
        .prepare_cached("SELECT job, times, why FROM asked_jobs WHERE asking = ? ORDER BY job")?;
    let read = |row: &Row<'_>| {
        Ok(RequestedJob {
            job: JobName::new(row.get::<_, String>(0)?),
            times: row.get(1)?,
            why: row.get(2)?,
        })
    };
    query.query_map([id.as_str()], read)?.collect()
}
