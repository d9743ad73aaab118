//! The Mercurial server and its pushlog.

mod pushlog;
mod relevance;
mod wire;

pub use pushlog::{HgError, PushPage, Pushlog};
