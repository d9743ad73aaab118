//! Facts that cannot change, under the server that they are of. Never lists, never states that go
//! on.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rusqlite::{OptionalExtension, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use mozci_store::StoreError;
use mozci_store::sqlite::{Care, Shared, open};

const MIGRATIONS: [&str; 2] = [
    "
CREATE TABLE facts (
    server TEXT NOT NULL,
    kind   TEXT NOT NULL,
    key    TEXT NOT NULL,
    value  TEXT NOT NULL,
    PRIMARY KEY (server, kind, key)
) WITHOUT ROWID;
",
    "
CREATE TABLE large (
    server TEXT NOT NULL,
    kind   TEXT NOT NULL,
    key    TEXT NOT NULL,
    value  BLOB NOT NULL,
    UNIQUE (server, kind, key) ON CONFLICT REPLACE
);
",
];

/// Facts beyond this number are dropped, all at once: they only save requests.
const MOST: i64 = 200_000;

/// Large facts that are kept of a kind and a server: the newest.
const LARGE: i64 = 8;

/// The kinds of facts. The reader's version is part of a kind's name, so that an older reader's
/// facts are not taken for a newer one's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactKind {
    /// A push of a pushlog by its number; null for a number that no push has.
    Push,
    /// The first line of the message of a push's head, by the push's number.
    Summary,
    /// A failure that was read, by the id of its signature.
    Signature,
    /// The names of the jobs that were seen last.
    Jobs,
    /// The highest number of a push that was seen.
    LastPush,
    /// The results' number of a push, by its revision.
    ResultsPush,
    /// A task's definition.
    Task,
    /// The label of a task.
    Label,
    /// A push's decision task, once it has ended well.
    Decision,
    /// What was read of a run that has ended.
    Evidence,
    /// What a commit is called in the version control system that pushes go by.
    Name,
    /// A push's task graph: a large one.
    Graph,
    /// The hook that a decision task's actions trigger, with its group.
    Hook,
    /// The group of an action task.
    Group,
    /// What an action task that has ended created.
    Created,
    /// The task that a decision task made of a job; null for none.
    Scheduled,
}

impl FactKind {
    fn name(self) -> &'static str {
        match self {
            Self::Push => "push/1",
            Self::Summary => "summary/1",
            Self::Signature => "signature/1",
            Self::Jobs => "jobs/1",
            Self::LastPush => "last-push/1",
            Self::ResultsPush => "results-push/1",
            Self::Task => "task/2",
            Self::Label => "label/1",
            Self::Decision => "decision/1",
            Self::Evidence => "evidence/1",
            Self::Name => "name/1",
            Self::Graph => "graph/2",
            Self::Hook => "hook/1",
            Self::Group => "group/1",
            Self::Created => "created/1",
            Self::Scheduled => "scheduled/1",
        }
    }
}

/// How many facts of a kind are kept of a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FactCount {
    /// The server, by the URLs that it is known under.
    pub server: String,
    /// The kind, with its reader's version.
    pub kind: String,
    /// How many.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// The facts of one server.
#[derive(Debug)]
pub struct Facts {
    connection: Shared,
    path: PathBuf,
    server: String,
    hits: AtomicU64,
}

impl Facts {
    /// Opens the facts of a server.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(folder: &Path, server: impl Into<String>) -> Result<Self, StoreError> {
        let (path, connection) =
            open(folder, "facts.db", Duration::from_millis(500), &MIGRATIONS, Care::Cache)?;
        let failed = StoreError::sqlite(&path);
        let count: i64 = connection
            .query_row("SELECT count(*) FROM facts", [], |row| row.get(0))
            .map_err(&failed)?;
        if count > MOST {
            connection.execute("DELETE FROM facts", []).map_err(&failed)?;
        }
        let connection = Shared::new(connection);
        Ok(Self { connection, path, server: server.into(), hits: 0.into() })
    }

    /// A fact, where it is known. One that cannot be read counts as unknown: it only saves a
    /// request.
    pub fn get<T: DeserializeOwned>(&self, kind: FactKind, key: &str) -> Option<T> {
        let connection = self.connection.lock();
        let text: Option<String> = connection
            .prepare_cached("SELECT value FROM facts WHERE server = ? AND kind = ? AND key = ?")
            .and_then(|mut query| {
                query.query_row(params![self.server, kind.name(), key], |row| row.get(0)).optional()
            })
            .ok()
            .flatten();
        let fact = serde_json::from_str(&text?).ok()?;
        self.hits.fetch_add(1, Ordering::Relaxed);
        Some(fact)
    }

    /// Keeps facts, all or none. That they cannot be kept is no error for anybody.
    pub fn put<T: Serialize>(&self, kind: FactKind, facts: impl IntoIterator<Item = (String, T)>) {
        let connection = self.connection.lock();
        let kept = || -> Result<(), rusqlite::Error> {
            let transaction = connection.unchecked_transaction()?;
            {
                let mut insert = transaction.prepare_cached(
                    "INSERT INTO facts VALUES (?, ?, ?, ?)
                     ON CONFLICT DO UPDATE SET value = excluded.value",
                )?;
                for (key, value) in facts {
                    let Ok(text) = serde_json::to_string(&value) else {
                        continue;
                    };
                    insert.execute(params![self.server, kind.name(), key, text])?;
                }
            }
            transaction.commit()
        };
        let _ = kept();
    }

    /// A large fact, where it is known.
    pub fn get_large<T: DeserializeOwned>(&self, kind: FactKind, key: &str) -> Option<T> {
        let connection = self.connection.lock();
        let select = "SELECT value FROM large WHERE server = ? AND kind = ? AND key = ?";
        let mut query = connection.prepare_cached(select).ok()?;
        let mut rows = query.query(params![self.server, kind.name(), key]).ok()?;
        let row = rows.next().ok()??;
        let fact = postcard::from_bytes(row.get_ref(0).ok()?.as_blob().ok()?).ok()?;
        self.hits.fetch_add(1, Ordering::Relaxed);
        Some(fact)
    }

    /// Keeps a large fact, and of its kind only the newest few. That it cannot be kept is no error for
    /// anybody.
    pub fn put_large<T: Serialize>(&self, kind: FactKind, key: &str, fact: &T) {
        let connection = self.connection.lock();
        let kept = || -> Option<()> {
            let bytes = postcard::to_stdvec(fact).ok()?;
            let insert = "INSERT INTO large VALUES (?, ?, ?, ?)";
            let values = params![self.server, kind.name(), key, bytes];
            connection.execute(insert, values).ok()?;
            let trim = "DELETE FROM large WHERE server = ?1 AND kind = ?2 AND rowid NOT IN (
                SELECT rowid FROM large WHERE server = ?1 AND kind = ?2 ORDER BY rowid DESC LIMIT ?3)";
            connection.execute(trim, params![self.server, kind.name(), LARGE]).ok()?;
            Some(())
        };
        let _ = kept();
    }

    /// Forgets everything of this server: it was reset, and nothing that was known holds.
    ///
    /// # Errors
    /// [`StoreError`]; facts that cannot be forgotten must not be used.
    pub fn forget(&self) -> Result<(), StoreError> {
        let connection = self.connection.lock();
        let failed = StoreError::sqlite(&self.path);
        for table in ["facts", "large"] {
            let delete = format!("DELETE FROM {table} WHERE server = ?");
            connection.execute(&delete, params![self.server]).map_err(&failed)?;
        }
        Ok(())
    }

    /// What is kept, by server and kind.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn contents(&self) -> Result<Vec<FactCount>, StoreError> {
        let connection = self.connection.lock();
        let failed = StoreError::sqlite(&self.path);
        let mut query = connection
            .prepare(
                "SELECT server, kind, count(*), sum(length(key) + length(value))
                 FROM (SELECT * FROM facts UNION ALL SELECT * FROM large)
                 GROUP BY server, kind ORDER BY server, kind",
            )
            .map_err(&failed)?;
        let read = |row: &rusqlite::Row<'_>| {
            Ok(FactCount {
                server: row.get(0)?,
                kind: row.get(1)?,
                count: u64::from(row.get::<_, u32>(2)?),
                bytes: u64::try_from(row.get::<_, i64>(3)?).unwrap_or(0),
            })
        };
        let rows = query.query_map([], read).map_err(&failed)?;
        rows.collect::<Result<_, _>>().map_err(&failed)
    }

    /// How many questions were answered so far, counted from the last time this was asked.
    pub fn take_hits(&self) -> u64 {
        self.hits.swap(0, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_of_their_server_and_can_be_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let one = Facts::open(folder.path(), "one").unwrap();
        let two = Facts::open(folder.path(), "two").unwrap();
        one.put(FactKind::Label, [("k".to_owned(), "v")]);
        assert_eq!(one.get::<String>(FactKind::Label, "k").as_deref(), Some("v"));
        assert_eq!(two.get::<String>(FactKind::Label, "k"), None);
        assert_eq!(one.get::<String>(FactKind::Task, "k"), None);
        assert_eq!(one.take_hits(), 1);
        one.forget().unwrap();
        assert_eq!(one.get::<String>(FactKind::Label, "k"), None);
    }

    #[test]
    fn of_large_facts_the_newest_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let facts = Facts::open(folder.path(), "one").unwrap();
        for number in 0..20u32 {
            facts.put_large(FactKind::Graph, &number.to_string(), &vec![number; 1000]);
        }
        let kept = |number: u32| {
            facts.get_large::<Vec<u32>>(FactKind::Graph, &number.to_string()).map(|v| v.len())
        };
        assert_eq!((kept(19), kept(12), kept(11)), (Some(1000), Some(1000), None));
        // One that is cut short is not known.
        let cut = "UPDATE large SET value = substr(value, 1, 100) WHERE key = '19'";
        facts.connection.lock().execute(cut, []).unwrap();
        assert_eq!(kept(19), None);
        let contents = facts.contents().unwrap();
        assert_eq!((contents[0].kind.as_str(), contents[0].count), ("graph/2", 8));
        facts.forget().unwrap();
        assert_eq!(kept(19), None);
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read_them() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let _facts = Facts::open(folder.path(), "one").unwrap();
        let mode = std::fs::metadata(folder.path().join("facts.db")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
