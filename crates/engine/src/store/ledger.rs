//! The ledger: every asking, written down before it is sent, with the body as it was sent.

use std::path::{Path, PathBuf};
use std::time::Duration;

use mozci_core::ids::{JobName, RepoName, Revision, TaskId, Vcs};
use mozci_core::time::At;
use rusqlite::{Connection, Row, TransactionBehavior, params};
use serde::Serialize;
use serde_json::Value;

use super::error::StoreError;
use super::place::open;

const MIGRATIONS: [&str; 1] = ["
CREATE TABLE askings (
    id            TEXT PRIMARY KEY,
    plan          TEXT NOT NULL,
    ci            TEXT NOT NULL,
    repo          TEXT NOT NULL,
    push          INTEGER NOT NULL,
    vcs           TEXT NOT NULL,
    revision      TEXT NOT NULL,
    job           TEXT NOT NULL,
    times         INTEGER NOT NULL,
    task_group    TEXT NOT NULL,
    action        TEXT NOT NULL,
    hook_group    TEXT NOT NULL,
    hook          TEXT NOT NULL,
    body          TEXT NOT NULL,
    why           TEXT NOT NULL,
    created       INTEGER NOT NULL,
    state         TEXT NOT NULL CHECK (state IN ('recorded', 'sent', 'not-sent', 'uncertain')),
    task          TEXT,
    detail        TEXT NOT NULL DEFAULT '',
    process       TEXT NOT NULL
);
CREATE INDEX askings_of_job ON askings (ci, job, created);
CREATE INDEX askings_by_day ON askings (created);
"];

/// The id of one asking: a slugid of our own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct AskId(String);

impl AskId {
    /// A new one.
    pub fn new() -> Self {
        Self(slugid::nice())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for AskId {
    fn default() -> Self {
        Self::new()
    }
}

/// How an asking ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum AskState {
    /// Written down; whether it was sent is not known if the process is gone.
    Recorded,
    /// Sent, and answered with the action task that it made.
    Sent {
        /// The action task.
        task: TaskId,
    },
    /// Not sent, or refused: nothing happened.
    NotSent {
        /// Why.
        detail: String,
    },
    /// Nobody can tell yet whether it was.
    Uncertain {
        /// What is known.
        detail: String,
    },
}

/// One asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asking {
    /// Its id.
    pub id: AskId,
    /// The plan that it belongs to.
    pub plan: String,
    /// The CI's root URL.
    pub ci: String,
    /// The repository.
    pub repo: RepoName,
    /// The push's number.
    pub push: u64,
    /// The push's head.
    pub revision: Revision,
    /// The job.
    pub job: JobName,
    /// Runs asked for.
    pub times: u32,
    /// The group that they are asked for in: the decision task.
    pub group: String,
    /// The action.
    pub action: String,
    /// Its hook's group.
    pub hook_group: String,
    /// Its hook.
    pub hook: String,
    /// The body as it is sent.
    pub body: Value,
    /// Why it is asked.
    pub why: String,
    /// When it was written down.
    pub created: At,
    /// How it ended.
    pub state: AskState,
    /// The process that wrote it down, as [`this_process`] names it.
    pub process: String,
}

/// A name for this process that no other has had since the machine was made: its number, the boot
/// that it lives in, and when it was born. Only the number where these cannot be looked up.
pub fn this_process() -> String {
    let pid = std::process::id();
    name_of(pid).unwrap_or_else(|| pid.to_string())
}

fn name_of(pid: u32) -> Option<String> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name stands in brackets and may hold anything; the birth is the twentieth
    // field behind it (proc_pid_stat(5)).
    let born = stat.rsplit_once(')')?.1.split_whitespace().nth(19)?;
    Some(format!("{pid} {} {born}", boot.trim()))
}

impl Asking {
    /// Whether the process that wrote it down is still there to mark how it ends. Where processes
    /// cannot be looked up nobody is believed to be.
    pub fn is_in_hand(&self) -> bool {
        let pid = self.process.split(' ').next().and_then(|pid| pid.parse().ok());
        let lives = pid.and_then(name_of).is_some_and(|name| name == self.process);
        self.state == AskState::Recorded && lives
    }
}

/// What became of an attempt to write askings down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// It stands in the ledger.
    New,
    /// Another process has asked for the job on this push since the facts were read.
    AlreadyAsked,
}

/// The ledger.
#[derive(Debug)]
pub struct Ledger {
    connection: Connection,
    path: PathBuf,
}

impl Ledger {
    /// Opens it, making it where it is not there.
    ///
    /// # Errors
    /// [`StoreError`]: held by another process, on a full disk, of a newer version.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let (path, connection) = open(folder, "ledger.db", Duration::from_secs(5), &MIGRATIONS)?;
        Ok(Self { connection, path })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes askings down in one transaction, before any of them is sent. One whose job was asked
    /// for on the same push after `read` by somebody else is not written.
    ///
    /// # Errors
    /// [`StoreError`]; then none is written.
    pub fn record(&mut self, askings: &[Asking], read: At) -> Result<Vec<Recorded>, StoreError> {
        let failed = StoreError::sqlite(&self.path);
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(&failed)?;
        let mut outcome = Vec::with_capacity(askings.len());
        for asking in askings {
            let others: i64 = transaction
                .query_row(
                    "SELECT count(*) FROM askings WHERE ci = ? AND job = ?
                     AND created >= ? AND revision = ? AND plan <> ? AND state <> 'not-sent'",
                    params![
                        asking.ci,
                        asking.job.as_str(),
                        read.0,
                        asking.revision.hash(),
                        asking.plan
                    ],
                    |row| row.get(0),
                )
                .map_err(&failed)?;
            if others > 0 {
                outcome.push(Recorded::AlreadyAsked);
                continue;
            }
            insert(&transaction, asking).map_err(&failed)?;
            outcome.push(Recorded::New);
        }
        transaction.commit().map_err(&failed)?;
        Ok(outcome)
    }

    /// Notes that an asking is sent at this instant, before it is. False where it is no longer
    /// there to be sent: somebody else gave it up.
    ///
    /// # Errors
    /// [`StoreError`]; then it must not be sent.
    pub fn sending(&self, id: &AskId, now: At) -> Result<bool, StoreError> {
        self.connection
            .execute(
                "UPDATE askings SET created = ? WHERE id = ? AND state = 'recorded'",
                params![now.0, id.as_str()],
            )
            .map(|changed| changed == 1)
            .map_err(StoreError::sqlite(&self.path))
    }

    /// Marks how an asking ended.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn mark(&self, id: &AskId, state: &AskState) -> Result<(), StoreError> {
        let (word, task, detail) = columns(state);
        self.connection
            .execute(
                "UPDATE askings SET state = ?, task = ?, detail = ? WHERE id = ?",
                params![word, task, detail, id.as_str()],
            )
            .map(drop)
            .map_err(StoreError::sqlite(&self.path))
    }

    /// The askings of a CI of which nobody can tell yet whether they were sent.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open_askings(&self, ci: &str) -> Result<Vec<Asking>, StoreError> {
        self.select(
            "ci = ?1 AND state IN ('recorded', 'uncertain') ORDER BY created, rowid",
            params![ci],
        )
    }

    /// The askings for a job of a CI since an instant, however they ended, whatever name the
    /// configuration had for the repository.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn askings_of(
        &self,
        ci: &str,
        job: &JobName,
        since: At,
    ) -> Result<Vec<Asking>, StoreError> {
        self.select(
            "ci = ?1 AND job = ?2 AND created >= ?3 ORDER BY created, rowid",
            params![ci, job.as_str(), since.0],
        )
    }

    /// Whether an action task is already known to belong to an asking.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn knows_task(&self, ci: &str, task: TaskId) -> Result<bool, StoreError> {
        self.connection
            .query_row(
                "SELECT count(*) FROM askings WHERE ci = ? AND task = ?",
                params![ci, task.to_string()],
                |row| row.get::<_, i64>(0),
            )
            .map(|count| count > 0)
            .map_err(StoreError::sqlite(&self.path))
    }

    /// Runs asked for of a CI since an instant, those included of which nobody can tell.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn runs_since(&self, ci: &str, since: At) -> Result<u32, StoreError> {
        self.connection
            .query_row(
                "SELECT coalesce(sum(times), 0) FROM askings
                 WHERE ci = ? AND created >= ? AND state <> 'not-sent'",
                params![ci, since.0],
                |row| row.get::<_, i64>(0),
            )
            .map(|sum| u32::try_from(sum).unwrap_or(u32::MAX))
            .map_err(StoreError::sqlite(&self.path))
    }

    fn select(
        &self,
        condition: &str,
        values: impl rusqlite::Params,
    ) -> Result<Vec<Asking>, StoreError> {
        let failed = StoreError::sqlite(&self.path);
        let sql = format!(
            "SELECT id, plan, ci, repo, push, vcs, revision, job, times, task_group, action,
                    hook_group, hook, body, why, created, state, task, detail, process
             FROM askings WHERE {condition}"
        );
        let mut query = self.connection.prepare(&sql).map_err(&failed)?;
        let rows = query.query_map(values, |row| Ok(asking(row))).map_err(&failed)?;
        let mut askings = Vec::new();
        for row in rows {
            let read = row.and_then(|inner| inner).map_err(&failed)?;
            askings.push(read);
        }
        Ok(askings)
    }
}

fn columns(state: &AskState) -> (&'static str, Option<String>, &str) {
    match state {
        AskState::Recorded => ("recorded", None, ""),
        AskState::Sent { task } => ("sent", Some(task.to_string()), ""),
        AskState::NotSent { detail } => ("not-sent", None, detail),
        AskState::Uncertain { detail } => ("uncertain", None, detail),
    }
}

fn insert(connection: &Connection, asking: &Asking) -> Result<(), rusqlite::Error> {
    let (state, task, detail) = columns(&asking.state);
    let vcs = match asking.revision.vcs() {
        Vcs::Hg => "hg",
        Vcs::Git => "git",
    };
    connection
        .execute(
            "INSERT INTO askings VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            params![
                asking.id.as_str(),
                asking.plan,
                asking.ci,
                asking.repo.as_str(),
                i64::try_from(asking.push).unwrap_or(i64::MAX),
                vcs,
                asking.revision.hash(),
                asking.job.as_str(),
                asking.times,
                asking.group,
                asking.action,
                asking.hook_group,
                asking.hook,
                asking.body.to_string(),
                asking.why,
                asking.created.0,
                state,
                task,
                detail,
                asking.process,
            ],
        )
        .map(drop)
}

/// Reads a row that this program wrote; one that it can't have written is an error.
fn asking(row: &Row<'_>) -> Result<Asking, rusqlite::Error> {
    let bad = |column: usize, error: String| {
        let text = rusqlite::types::Type::Text;
        rusqlite::Error::FromSqlConversionFailure(column, text, error.into())
    };
    let vcs = if row.get::<_, String>(5)? == "git" { Vcs::Git } else { Vcs::Hg };
    let detail: String = row.get(18)?;
    let state = match row.get::<_, String>(16)?.as_str() {
        "recorded" => AskState::Recorded,
        "sent" => AskState::Sent {
            task: row.get::<_, String>(17)?.parse().map_err(|e| bad(17, format!("{e}")))?,
        },
        "not-sent" => AskState::NotSent { detail },
        _ => AskState::Uncertain { detail },
    };
    Ok(Asking {
        id: AskId(row.get(0)?),
        plan: row.get(1)?,
        ci: row.get(2)?,
        repo: RepoName::new(row.get::<_, String>(3)?),
        push: u64::try_from(row.get::<_, i64>(4)?).unwrap_or(0),
        revision: Revision::new(vcs, &row.get::<_, String>(6)?)
            .map_err(|e| bad(6, e.to_string()))?,
        job: JobName::new(row.get::<_, String>(7)?),
        times: row.get(8)?,
        group: row.get(9)?,
        action: row.get(10)?,
        hook_group: row.get(11)?,
        hook: row.get(12)?,
        body: serde_json::from_str(&row.get::<_, String>(13)?)
            .map_err(|e| bad(13, e.to_string()))?,
        why: row.get(14)?,
        created: At(row.get(15)?),
        state,
        process: row.get(19)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(plan: &str, created: i64) -> Asking {
        Asking {
            id: AskId::new(),
            plan: plan.into(),
            ci: "http://tc".into(),
            repo: RepoName::new("autoland"),
            push: 7,
            revision: Revision::new(Vcs::Hg, &"a".repeat(40)).unwrap(),
            job: JobName::new("test"),
            times: 2,
            group: "group".into(),
            action: "add-new-jobs".into(),
            hook_group: "g".into(),
            hook: "h".into(),
            body: serde_json::json!({"user": {"input": {}}}),
            why: "not run".into(),
            created: At(created),
            state: AskState::Recorded,
            process: this_process(),
        }
    }

    #[test]
    fn what_is_recorded_comes_back_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(folder.path()).unwrap();
        let first = asking("p1", 100);
        assert_eq!(ledger.record(std::slice::from_ref(&first), At(90)).unwrap(), [Recorded::New]);
        assert_eq!(ledger.open_askings("http://tc").unwrap(), std::slice::from_ref(&first));
        let task = TaskId::from_bytes([3; 16]);
        ledger.mark(&first.id, &AskState::Sent { task }).unwrap();
        assert!(ledger.open_askings("http://tc").unwrap().is_empty());
        assert!(ledger.knows_task("http://tc", task).unwrap());
        assert_eq!(ledger.runs_since("http://tc", At(100)).unwrap(), 2);
        assert_eq!(ledger.runs_since("http://tc", At(101)).unwrap(), 0);
    }

    #[test]
    fn what_another_process_asked_since_the_reading_is_not_asked_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(folder.path()).unwrap();
        ledger.record(&[asking("p1", 100)], At(90)).unwrap();
        let again = ledger.record(&[asking("p2", 101)], At(95)).unwrap();
        assert_eq!(again, [Recorded::AlreadyAsked]);
        let later = ledger.record(&[asking("p3", 200)], At(150)).unwrap();
        assert_eq!(later, [Recorded::New]);
    }

    #[test]
    fn a_ledger_that_is_held_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(folder.path()).unwrap();
        ledger.connection.busy_timeout(Duration::ZERO).unwrap();
        let other = Connection::open(ledger.path()).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let error = ledger.record(&[asking("p", 1)], At(0)).unwrap_err();
        assert!(matches!(error, StoreError::Busy { .. }), "{error}");
    }

    #[test]
    fn a_full_disk_loses_nothing_that_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(folder.path()).unwrap();
        ledger.record(&[asking("p", 1)], At(0)).unwrap();
        ledger.connection.pragma_update(None, "max_page_count", 1).unwrap();
        let many: Vec<Asking> = (0..500).map(|i| asking("q", 1000 + i)).collect();
        let error = ledger.record(&many, At(500)).unwrap_err();
        assert!(matches!(error, StoreError::Full { .. }), "{error}");
        assert_eq!(ledger.runs_since("http://tc", At(0)).unwrap(), 2);
    }

    #[test]
    fn a_newer_ledger_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(folder.path()).unwrap();
        ledger.connection.pragma_update(None, "user_version", 99).unwrap();
        drop(ledger);
        assert!(matches!(Ledger::open(folder.path()), Err(StoreError::Newer { found: 99, .. })));
    }
}
