//! Requests as rows of the database.

use std::sync::Arc;

use mozci_core::ids::{JobName, RepoName, Revision};
use mozci_core::time::At;
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::booking::Writer;
use crate::request::{RequestedJob, TriggerId, TriggerRequest, TriggerState};
use crate::words::{columns, state, vcs, vcs_word};

/// The columns that [`request`] reads. Whether the process lives is asked in the same snapshot as the row.
pub(super) const COLUMNS: &str =
    "id, plan, ci, repo, push, vcs, revision, task_group, action, hook_group, hook, body,
     created, state, request, detail, process, asker, investigation,
     EXISTS (SELECT FROM owners WHERE name = process AND until > clock_timestamp()) AS lives";

/// A text of somebody else's as PostgreSQL can keep it: it has no NUL.
pub(super) fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// A number of 64 bits without sign as the database keeps it.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) async fn insert(
    connection: &mut sqlx::PgConnection,
    request: &TriggerRequest,
    seq: i64,
    writer: &Writer,
) -> Result<(), sqlx::Error> {
    let (state, ci_request, detail) = columns(&request.state);
    let lease = writer.lease.as_ref();
    let insert = "INSERT INTO requests VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16,
         $17, $18, $19, $20, $21, $22)";
    sqlx::query(insert)
        .bind(request.id.as_str())
        .bind(seq)
        .bind(&request.plan)
        .bind(&request.ci)
        .bind(request.repo.as_str())
        .bind(signed(request.push))
        .bind(vcs_word(request.revision.vcs()))
        .bind(request.revision.hash())
        .bind(&request.group)
        .bind(&request.action)
        .bind(&request.hook_group)
        .bind(&request.hook)
        .bind(request.body.to_string())
        .bind(request.created.0)
        .bind(state)
        .bind(ci_request)
        .bind(storable(detail))
        .bind(&request.process)
        .bind(&request.asker)
        .bind(writer.command)
        .bind(lease.map_or("", |lease| lease.id.as_str()))
        .bind(lease.map_or(0, |lease| lease.fence))
        .execute(&mut *connection)
        .await?;
    for requested in &request.jobs {
        sqlx::query("INSERT INTO requested_jobs VALUES ($1, $2, $3, $4)")
            .bind(request.id.as_str())
            .bind(storable(requested.job.as_str()))
            .bind(i64::from(requested.times))
            .bind(storable(&requested.why))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Reads a row that this program wrote; one that it can't have written is an error.
pub(super) fn request(row: &PgRow) -> Result<TriggerRequest, sqlx::Error> {
    let bad = |column: &str, error: String| sqlx::Error::ColumnDecode {
        index: column.to_owned(),
        source: error.into(),
    };
    let vcs = vcs(row.try_get("vcs")?);
    let state = state(row.try_get("state")?, row.try_get("request")?, row.try_get("detail")?)
        .map_err(|error| bad("request", error.to_string()))?;
    let investigation: String = row.try_get("investigation")?;
    Ok(TriggerRequest {
        in_hand: state == TriggerState::Planned && row.try_get("lives")?,
        id: TriggerId::from_ledger(row.try_get("id")?),
        plan: row.try_get("plan")?,
        ci: row.try_get("ci")?,
        repo: RepoName::new(row.try_get::<String, _>("repo")?),
        push: u64::try_from(row.try_get::<i64, _>("push")?).unwrap_or(0),
        revision: Revision::new(vcs, row.try_get("revision")?)
            .map_err(|error| bad("revision", error.to_string()))?,
        jobs: Vec::new(),
        group: row.try_get("task_group")?,
        action: row.try_get("action")?,
        hook_group: row.try_get("hook_group")?,
        hook: row.try_get("hook")?,
        body: serde_json::from_str(row.try_get("body")?)
            .map(Arc::new)
            .map_err(|error| bad("body", error.to_string()))?,
        created: At(row.try_get("created")?),
        state,
        process: row.try_get("process")?,
        asker: row.try_get("asker")?,
        investigation: (!investigation.is_empty()).then_some(investigation),
    })
}

/// Reads a requested job, and the request that it belongs to.
pub(super) fn requested_job(row: &PgRow) -> Result<(String, RequestedJob), sqlx::Error> {
    let job = RequestedJob {
        job: JobName::new(row.try_get::<String, _>("job")?),
        times: u32::try_from(row.try_get::<i64, _>("times")?).unwrap_or(u32::MAX),
        why: row.try_get("why")?,
    };
    Ok((row.try_get("request_id")?, job))
}
