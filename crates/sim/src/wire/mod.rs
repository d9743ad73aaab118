//! The wire formats, each service a function from a request to a reply.

mod actions;
mod auth;
mod definitions;
mod era;
mod evidence;
mod graph;
mod hg;
mod hg_log;
mod hg_revision;
mod hooks;
mod index;
mod messages;
mod queue;
mod queue_acts;
mod reply;
mod route;
mod storage;
mod taskcluster;
mod treeherder;
mod treeherder_about;
mod treeherder_jobs;
mod treeherder_push;
mod treeherder_results;

pub(crate) use auth::{READER, SHERIFF};
pub use era::{ERA_LOGIN, all_the_things};
pub(crate) use hg::hg;
pub(crate) use messages::{Message, Moment, message, moments};
pub(crate) use reply::{Reply, Request};
pub(crate) use route::is_for;
pub(crate) use storage::storage;
pub(crate) use taskcluster::taskcluster;
pub(crate) use treeherder::treeherder;
pub(crate) use treeherder_jobs::RowCache;
