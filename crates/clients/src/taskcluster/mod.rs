//! Taskcluster: reads of the queue and the index through our own HTTP, acts and what needs
//! credentials through the official client.

mod actions;
mod acts;
mod artifacts;
mod graph;
mod group;
mod index;
mod message;
mod pages;
mod queue;
mod status;
mod tasks;
mod wire;

pub use actions::{Action, ActionError, Actions, Input, Narrowed, Rendered};
pub use acts::{Fire, Fires, Taskcluster, TaskclusterCredentials, Triggered, satisfies};
pub use artifacts::Artifact;
pub use group::GroupTask;
pub use message::{Watched, event};
pub use queue::{ActionContext, Asks, Created, TaskDefinition};
pub use status::TaskStatus;
pub use tasks::{deadline, repeat};
