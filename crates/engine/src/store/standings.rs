//! Where requests stand, as it was told: written down before it is acknowledged.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mozci_core::event::{Event, Standing};
use mozci_core::ids::{JobName, RequestId};
use mozci_core::run::{Run, RunKey, State};
use mozci_core::time::{At, Minutes};
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Value, json};

use mozci_store::StoreError;
use mozci_store::sqlite::{Care, lives, open, this_process};

const MIGRATIONS: [&str; 1] = ["
CREATE TABLE listeners (
    id       INTEGER PRIMARY KEY,
    process  TEXT NOT NULL
);
CREATE TABLE standings (
    listener INTEGER NOT NULL REFERENCES listeners (id) ON DELETE CASCADE,
    request  TEXT NOT NULL,
    stage    INTEGER NOT NULL,
    session  INTEGER NOT NULL,
    told     TEXT NOT NULL,
    PRIMARY KEY (listener, request)
) WITHOUT ROWID;
CREATE TABLE aside (
    at          INTEGER NOT NULL,
    exchange    TEXT NOT NULL,
    routing_key TEXT NOT NULL,
    reason      TEXT NOT NULL,
    bytes       INTEGER NOT NULL,
    start       BLOB NOT NULL
);
CREATE TABLE counts (name TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
"];

/// Messages kept aside, the newest.
const ASIDE: i64 = 1_000;

/// How much of such a message is kept, in bytes.
const START: usize = 4_096;

/// A message that nobody understands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aside {
    /// Its exchange.
    pub exchange: String,
    /// Its routing key.
    pub routing_key: String,
    /// What is wrong with it.
    pub reason: String,
    /// How long it is.
    pub bytes: usize,
    /// How it begins.
    pub start: Vec<u8>,
}

impl Aside {
    /// A message, cut to what is kept of it.
    pub fn new(exchange: &str, routing_key: &str, body: &[u8], reason: String) -> Self {
        Self {
            exchange: exchange.to_owned(),
            routing_key: routing_key.to_owned(),
            reason,
            bytes: body.len(),
            start: body[..body.len().min(START)].to_vec(),
        }
    }
}

/// Where requests stand, for one listener.
#[derive(Debug)]
pub struct Standings {
    writer: Mutex<Connection>,
    reader: Mutex<Connection>,
    path: PathBuf,
    listener: i64,
}

/// The file's name.
const FILE: &str = "events.db";

impl Standings {
    /// Opens the file for a new listener, and forgets what was told to those that are gone.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let busy = Duration::from_secs(5);
        let (path, writer) = open(folder, FILE, busy, &MIGRATIONS, Care::Precious)?;
        let (_, reader) = open(folder, FILE, busy, &MIGRATIONS, Care::Precious)?;
        let failed = StoreError::sqlite(&path);
        writer.pragma_update(None, "foreign_keys", true).map_err(&failed)?;
        let mut query = writer.prepare("SELECT id, process FROM listeners").map_err(&failed)?;
        let rows = query.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)));
        let all: Vec<(i64, String)> =
            rows.map_err(&failed)?.collect::<Result<_, _>>().map_err(&failed)?;
        drop(query);
        let me = this_process(folder)?;
        for (id, process) in all {
            if process != me && !lives(folder, &process) {
                writer.execute("DELETE FROM listeners WHERE id = ?", [id]).map_err(&failed)?;
            }
        }
        writer.execute("INSERT INTO listeners (process) VALUES (?)", [me]).map_err(&failed)?;
        let listener = writer.last_insert_rowid();
        Ok(Self { writer: Mutex::new(writer), reader: Mutex::new(reader), path, listener })
    }

    /// Keeps what was told on a connection, and what nobody understands, in one transaction. What is
    /// older than what is known changes nothing.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing is kept.
    pub fn keep(&self, events: &[Event], aside: &[Aside], session: i64) -> Result<(), StoreError> {
        let failed = StoreError::sqlite(&self.path);
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = writer.unchecked_transaction().map_err(&failed)?;
        let upsert = "INSERT INTO standings VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (listener, request) DO UPDATE SET
               told = CASE WHEN excluded.stage >= stage THEN excluded.told ELSE told END,
               stage = max(stage, excluded.stage), session = max(session, excluded.session)";
        for event in events {
            let Event::Stands(standing) = event else { continue };
            let mut statement = transaction.prepare_cached(upsert).map_err(&failed)?;
            let request = standing.request.to_string();
            let values = params![self.listener, request, standing.stage(), session, text(standing)];
            statement.execute(values).map_err(&failed)?;
        }
        for odd in aside {
            let Aside { exchange, routing_key, reason, bytes, start } = odd;
            let at = chrono::Utc::now().timestamp();
            let values = params![at, exchange, routing_key, reason, *bytes as i64, start];
            let insert = "INSERT INTO aside VALUES (?, ?, ?, ?, ?, ?)";
            transaction.execute(insert, values).map_err(&failed)?;
        }
        if !aside.is_empty() {
            let count = "INSERT INTO counts VALUES ('aside', ?1) ON CONFLICT (name) DO UPDATE SET count = count + ?1";
            transaction.execute(count, [aside.len() as i64]).map_err(&failed)?;
            let trim = "DELETE FROM aside WHERE rowid <= (SELECT max(rowid) FROM aside) - ?";
            transaction.execute(trim, [ASIDE]).map_err(&failed)?;
        }
        transaction.commit().map_err(&failed)
    }

    /// Where a request stands, if it was told on this connection.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn get(&self, request: RequestId, session: i64) -> Result<Option<Standing>, StoreError> {
        let failed = StoreError::sqlite(&self.path);
        let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let select =
            "SELECT told FROM standings WHERE listener = ? AND request = ? AND session >= ?";
        let mut query = reader.prepare_cached(select).map_err(&failed)?;
        let values = params![self.listener, request.to_string(), session];
        let told: Option<String> =
            query.query_row(values, |row| row.get(0)).optional().map_err(&failed)?;
        Ok(told.and_then(|told| standing(request, &told)))
    }

    /// How many messages nobody has understood so far, and the newest of them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn aside(&self) -> Result<(u64, Option<Aside>), StoreError> {
        let failed = StoreError::sqlite(&self.path);
        let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let count = reader
            .query_row("SELECT count FROM counts WHERE name = 'aside'", [], |row| {
                row.get::<_, i64>(0)
            })
            .optional()
            .map_err(&failed)?;
        let newest = "SELECT exchange, routing_key, reason, bytes, start FROM aside ORDER BY rowid DESC LIMIT 1";
        let newest = reader
            .query_row(newest, [], |row| {
                let bytes: i64 = row.get(3)?;
                Ok(Aside {
                    exchange: row.get(0)?,
                    routing_key: row.get(1)?,
                    reason: row.get(2)?,
                    bytes: usize::try_from(bytes).unwrap_or(0),
                    start: row.get(4)?,
                })
            })
            .optional()
            .map_err(&failed)?;
        Ok((count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0), newest))
    }
}

impl Drop for Standings {
    fn drop(&mut self) {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        // What stays is removed when the next one is opened.
        let _ = writer.execute("DELETE FROM listeners WHERE id = ?", [self.listener]);
    }
}

/// A standing as it is stored.
fn text(standing: &Standing) -> String {
    let run = |run: &Run| {
        json!([run.key.run, run.state, run.duration.map(|m| m.0), run.seen.map(|at| at.0)])
    };
    let runs: Vec<Value> = standing.runs.iter().map(run).collect();
    json!({"group": standing.group, "job": standing.job, "state": standing.state, "runs": runs})
        .to_string()
}

fn standing(request: RequestId, told: &str) -> Option<Standing> {
    let told: Value = serde_json::from_str(told).ok()?;
    let run = |entry: &Value| {
        let key = RunKey { request, run: u32::try_from(entry[0].as_u64()?).ok()? };
        let duration = entry[2].as_u64().and_then(|m| u32::try_from(m).ok()).map(Minutes);
        let seen = entry[3].as_i64().map(At);
        let state = State::from_word(entry[1].as_str()?);
        Some(Run { duration, seen, ..Run::new(key, state) })
    };
    Some(Standing {
        request,
        group: told["group"].as_str().and_then(|group| group.parse().ok()),
        job: told["job"].as_str().map(JobName::new),
        state: State::from_word(told["state"].as_str()?),
        runs: told["runs"].as_array()?.iter().map(run).collect::<Option<_>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use mozci_core::ids::TaskId;

    fn told(task: u8, states: &[State]) -> Event {
        let request: RequestId = TaskId::from_bytes([task; 16]).into();
        let run = |(i, state): (usize, &State)| Run {
            duration: Some(Minutes(3)),
            seen: Some(At(70)),
            ..Run::new(RunKey { request, run: i as u32 }, state.clone())
        };
        Event::Stands(Standing {
            request,
            group: Some(TaskId::from_bytes([1; 16])),
            job: Some(JobName::new("test \"quoted\"")),
            state: states.last().cloned().unwrap_or(State::Unscheduled),
            runs: states.iter().enumerate().map(run).collect(),
        })
    }

    fn request(task: u8) -> RequestId {
        TaskId::from_bytes([task; 16]).into()
    }

    #[test]
    fn what_was_told_comes_back_as_it_was_and_never_goes_back() {
        let folder = tempfile::tempdir().unwrap();
        let store = Standings::open(folder.path()).unwrap();
        let odd = State::Unknown("odd".into());
        let last = told(7, &[State::Retried, odd, State::Passed]);
        store.keep(&[told(7, &[State::Running]), last.clone()], &[], 1).unwrap();
        // Late, and twice.
        store.keep(&[told(7, &[State::Retried]), told(7, &[State::Running])], &[], 1).unwrap();
        let Event::Stands(expected) = last else { unreachable!() };
        assert_eq!(store.get(request(7), 1).unwrap(), Some(expected.clone()));
        assert_eq!(store.get(request(8), 1).unwrap(), None);
        // On a new connection it is not believed until it was told again.
        assert_eq!(store.get(request(7), 2).unwrap(), None);
        store.keep(&[told(7, &[State::Running])], &[], 2).unwrap();
        assert_eq!(store.get(request(7), 2).unwrap(), Some(expected));
    }

    #[test]
    fn listeners_do_not_believe_each_other_and_leave_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let first = Standings::open(folder.path()).unwrap();
        let second = Standings::open(folder.path()).unwrap();
        first.keep(&[told(7, &[State::Running])], &[], 1).unwrap();
        assert_eq!(second.get(request(7), 1).unwrap(), None);
        drop(first);
        let rows = || {
            let writer = second.writer.lock().unwrap();
            let count = "SELECT count(*) FROM standings";
            writer.query_row(count, [], |row| row.get::<_, i64>(0)).unwrap()
        };
        assert_eq!(rows(), 0);
    }

    #[test]
    fn what_nobody_understands_is_counted_and_cut() {
        let folder = tempfile::tempdir().unwrap();
        let store = Standings::open(folder.path()).unwrap();
        assert_eq!(store.aside().unwrap(), (0, None));
        let odd = Aside::new("e", "k", &vec![b'x'; 10_000], "no JSON".into());
        for _ in 0..3 {
            let many = vec![odd.clone(); 600];
            store.keep(&[], &many, 1).unwrap();
        }
        let (count, newest) = store.aside().unwrap();
        let newest = newest.unwrap();
        assert_eq!((count, newest.bytes, newest.start.len()), (1_800, 10_000, START));
    }

    #[test]
    fn a_full_disk_is_said_and_keeps_nothing_halfway() {
        let folder = tempfile::tempdir().unwrap();
        let store = Standings::open(folder.path()).unwrap();
        store.writer.lock().unwrap().pragma_update(None, "max_page_count", 1).unwrap();
        let many: Vec<Event> = (0..=255).map(|task| told(task, &[State::Running])).collect();
        let error = store.keep(&many, &[], 1).unwrap_err();
        assert!(matches!(error, StoreError::Full { .. }), "{error}");
        assert_eq!(store.get(request(0), 1).unwrap(), None);
    }
}
