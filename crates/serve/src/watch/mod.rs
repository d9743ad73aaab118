//! What is read of a repository, once for everybody.

mod groups;
mod snapshot;
mod watcher;

pub(crate) use groups::Group;
pub(crate) use snapshot::Snapshot;
pub(crate) use watcher::Watched;
