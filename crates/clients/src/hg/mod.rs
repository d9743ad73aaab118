//! The Mercurial server and its pushlog.

mod full;
mod pushlog;
mod relevance;
mod wire;

pub use full::MergePush;
pub use pushlog::{HgError, PushPage, Pushlog};
