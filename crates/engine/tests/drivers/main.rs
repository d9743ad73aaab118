//! The drivers without a terminal: what they report, in which order, over a CI that is a folder of files.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod act;
mod folder;
mod host;
mod opened;
mod search;
mod stored;
mod toy;
mod watch;
mod world;
