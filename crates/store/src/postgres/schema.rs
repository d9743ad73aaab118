//! The tables, in a schema of their own.

/// Each brings the database from one version to the next.
pub(super) const MIGRATIONS: [&str; 1] = ["
CREATE TABLE owners (
    name          text PRIMARY KEY,
    until         timestamptz NOT NULL
);
CREATE TABLE requests (
    id            text PRIMARY KEY,
    seq           bigint NOT NULL,
    plan          text NOT NULL,
    ci            text NOT NULL,
    repo          text NOT NULL,
    push          bigint NOT NULL,
    vcs           text NOT NULL,
    revision      text NOT NULL,
    task_group    text NOT NULL,
    action        text NOT NULL,
    hook_group    text NOT NULL,
    hook          text NOT NULL,
    body          text NOT NULL,
    created       bigint NOT NULL,
    state         text NOT NULL CHECK (state IN ('recorded', 'sent', 'not-sent', 'uncertain')),
    request       text,
    detail        text NOT NULL DEFAULT '',
    process       text NOT NULL,
    asker         text NOT NULL,
    command       text NOT NULL,
    investigation text NOT NULL,
    fence         bigint NOT NULL,
    UNIQUE (ci, seq)
);
CREATE INDEX requests_of_ci ON requests (ci, created, seq);
CREATE INDEX requests_open ON requests (ci, created) WHERE state IN ('recorded', 'uncertain');
CREATE INDEX requests_of_request ON requests (request, ci) WHERE request IS NOT NULL;
CREATE INDEX requests_of_investigation ON requests (investigation, created);
CREATE TABLE requested_jobs (
    request_id    text NOT NULL REFERENCES requests (id),
    job           text NOT NULL,
    times         bigint NOT NULL,
    why           text NOT NULL,
    PRIMARY KEY (request_id, job)
);
CREATE TABLE outcomes (
    request_id    text NOT NULL REFERENCES requests (id),
    job           text NOT NULL,
    at            bigint NOT NULL,
    outcome       text NOT NULL,
    PRIMARY KEY (request_id, job)
);
CREATE TABLE left_out (
    number        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    plan          text NOT NULL,
    ci            text NOT NULL,
    at            bigint NOT NULL,
    push          bigint NOT NULL,
    job           text NOT NULL,
    why           text NOT NULL
);
CREATE INDEX left_out_by_day ON left_out (ci, at);
CREATE TABLE investigations (
    id            text PRIMARY KEY,
    form          bigint NOT NULL,
    ci            text NOT NULL,
    repo          text NOT NULL,
    question      text NOT NULL,
    created       bigint NOT NULL,
    state         text NOT NULL CHECK (state IN ('open', 'done', 'cancelled')),
    holder        text NOT NULL DEFAULT '',
    held_until    timestamptz NOT NULL DEFAULT 'epoch',
    fence         bigint NOT NULL DEFAULT 0
);
CREATE INDEX investigations_open ON investigations (ci, repo, created) WHERE state = 'open';
CREATE INDEX investigations_by_age ON investigations (created);
CREATE TABLE steps (
    investigation text NOT NULL REFERENCES investigations (id),
    number        bigint NOT NULL,
    at            bigint NOT NULL,
    step          text NOT NULL,
    PRIMARY KEY (investigation, number)
);
CREATE TABLE pools (
    ci            text NOT NULL,
    job           text NOT NULL,
    pool          text NOT NULL,
    PRIMARY KEY (ci, job)
);
CREATE TABLE breakers (
    ci            text PRIMARY KEY,
    opened        bigint NOT NULL,
    why           text NOT NULL
);
CREATE TABLE messages (
    id            text PRIMARY KEY,
    investigation text NOT NULL,
    question      text NOT NULL,
    channel       text NOT NULL,
    body          text NOT NULL,
    created       timestamptz NOT NULL DEFAULT clock_timestamp(),
    tries         bigint NOT NULL DEFAULT 0,
    next_try      timestamptz NOT NULL DEFAULT clock_timestamp(),
    delivered     timestamptz,
    problem       text NOT NULL DEFAULT '',
    UNIQUE (investigation, question, channel)
);
CREATE INDEX messages_waiting ON messages (next_try) WHERE delivered IS NULL;
"];

/// The schema that the tables are in.
pub(super) const SCHEMA: &str = "mozci";
