//! The clients against recorded answers of real servers, one test a status and a trap.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

mod actions;
mod buildapi;
mod buildbot;
mod contracts;
mod every_answer;
mod hostile;
mod http;
mod lando;
mod messages;
mod pushlog;
mod queue;
mod seeds;
mod serving;
mod treeherder;
