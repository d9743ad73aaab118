//! The simulator is held against recorded answers of the real servers: for each kind of request
//! that was recorded it has to answer with the same status, content type and keys.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod faults;
mod hg;
mod queue_acts;
mod replay;
mod taskcluster;
mod treeherder;
