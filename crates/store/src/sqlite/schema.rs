//! The tables of `ledger.db`: what was requested, the investigations that requested it, and what is
//! to be told. They are one file, so that one transaction can check one and write another.

/// Each brings the file from one version to the next.
pub(super) const MIGRATIONS: [&str; 4] = [
    "
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
",
    // One trigger request may be for several jobs of its push.
    "
CREATE TABLE asked_jobs (
    asking        TEXT NOT NULL REFERENCES askings (id),
    job           TEXT NOT NULL,
    times         INTEGER NOT NULL,
    why           TEXT NOT NULL,
    PRIMARY KEY (asking, job)
) WITHOUT ROWID;
INSERT INTO asked_jobs SELECT id, job, times, why FROM askings;
DROP INDEX askings_of_job;
ALTER TABLE askings DROP COLUMN job;
ALTER TABLE askings DROP COLUMN times;
ALTER TABLE askings DROP COLUMN why;
",
    // Who asks, for which investigation, and under which lease of it; what came of it; what was left
    // out; what is to be told to whom.
    "
ALTER TABLE askings ADD COLUMN asker TEXT NOT NULL DEFAULT '';
ALTER TABLE askings ADD COLUMN command TEXT NOT NULL DEFAULT '';
ALTER TABLE askings ADD COLUMN investigation TEXT NOT NULL DEFAULT '';
ALTER TABLE askings ADD COLUMN fence INTEGER NOT NULL DEFAULT 0;
CREATE INDEX askings_of_investigation ON askings (investigation, created);
CREATE TABLE outcomes (
    asking        TEXT NOT NULL REFERENCES askings (id),
    job           TEXT NOT NULL,
    at            INTEGER NOT NULL,
    outcome       TEXT NOT NULL,
    PRIMARY KEY (asking, job)
) WITHOUT ROWID;
CREATE TABLE left_out (
    plan          TEXT NOT NULL,
    ci            TEXT NOT NULL,
    at            INTEGER NOT NULL,
    push          INTEGER NOT NULL,
    job           TEXT NOT NULL,
    why           TEXT NOT NULL
);
CREATE INDEX left_out_by_day ON left_out (ci, at);
CREATE TABLE investigations (
    id            TEXT PRIMARY KEY,
    form          INTEGER NOT NULL,
    ci            TEXT NOT NULL,
    repo          TEXT NOT NULL,
    question      TEXT NOT NULL,
    created       INTEGER NOT NULL,
    state         TEXT NOT NULL CHECK (state IN ('open', 'done', 'cancelled')),
    holder        TEXT NOT NULL DEFAULT '',
    held_until    INTEGER NOT NULL DEFAULT 0,
    fence         INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX investigations_open ON investigations (state, created);
CREATE TABLE steps (
    investigation TEXT NOT NULL REFERENCES investigations (id),
    number        INTEGER NOT NULL,
    at            INTEGER NOT NULL,
    step          TEXT NOT NULL,
    PRIMARY KEY (investigation, number)
) WITHOUT ROWID;
CREATE TABLE pools (
    ci            TEXT NOT NULL,
    job           TEXT NOT NULL,
    pool          TEXT NOT NULL,
    PRIMARY KEY (ci, job)
) WITHOUT ROWID;
CREATE TABLE breakers (
    ci            TEXT NOT NULL,
    what          TEXT NOT NULL,
    opened        INTEGER NOT NULL,
    why           TEXT NOT NULL,
    PRIMARY KEY (ci, what)
) WITHOUT ROWID;
CREATE TABLE messages (
    id            TEXT PRIMARY KEY,
    investigation TEXT NOT NULL,
    question      TEXT NOT NULL,
    channel       TEXT NOT NULL,
    body          TEXT NOT NULL,
    created       INTEGER NOT NULL,
    tries         INTEGER NOT NULL DEFAULT 0,
    next_try      INTEGER NOT NULL,
    delivered     INTEGER,
    problem       TEXT NOT NULL DEFAULT '',
    UNIQUE (investigation, question, channel)
);
",
    // What is read with every poll or every plan costs the same however much was ever requested, of however many CIs.
    "
CREATE INDEX askings_of_ci ON askings (ci, created);
DROP INDEX askings_by_day;
CREATE INDEX askings_open ON askings (ci, created) WHERE state IN ('recorded', 'uncertain');
CREATE INDEX askings_of_task ON askings (task, ci) WHERE task IS NOT NULL;
",
];

/// The file's name.
pub(super) const FILE: &str = "ledger.db";

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read with every poll must not cost more with every request that was ever sent.
    #[test]
    fn polls_read_no_whole_table() {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        for migration in MIGRATIONS {
            connection.execute_batch(migration).unwrap();
        }
        for (condition, index) in [
            ("ci = ?1 AND state IN ('recorded', 'uncertain') ORDER BY created", "askings_open"),
            ("ci = ?1 AND created >= ?2 ORDER BY created", "askings_of_ci"),
            ("ci = ?1 ORDER BY created DESC LIMIT 10", "askings_of_ci"),
            ("ci = ?1 AND task = ?2", "askings_of_task"),
            ("task = ?1 AND id <> 'x' AND ci = ?2", "askings_of_task"),
            ("investigation = ?1 AND state <> 'not-sent'", "askings_of_investigation"),
        ] {
            let explain = format!("EXPLAIN QUERY PLAN SELECT id FROM askings WHERE {condition}");
            let values = vec!["x"; condition.matches('?').count()];
            let plan: String = connection
                .query_row(&explain, rusqlite::params_from_iter(values), |row| row.get("detail"))
                .unwrap();
            assert!(plan.contains(index), "{condition}: {plan}");
        }
    }
}
