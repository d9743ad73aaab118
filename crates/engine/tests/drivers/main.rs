//! The drivers without a terminal: what they report, in which order, over a CI that is a folder of files.

mod act;
mod host;
mod search;
mod stored;
mod toy;
mod watch;
mod world;
