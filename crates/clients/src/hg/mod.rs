//! The Mercurial server and its pushlog.

mod commit;
mod full;
mod pushlog;
mod relevance;
mod wire;

pub use full::MergePush;
pub use pushlog::{HgError, PushPage, Pushlog};
