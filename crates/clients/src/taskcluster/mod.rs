//! Taskcluster: reads of the queue and the index through our own HTTP, acts and what needs
//! credentials through the official client.

mod actions;
mod acts;
mod graph;
mod index;
mod queue;
mod status;
mod wire;

pub use actions::{Action, ActionError, Actions, Rendered};
pub use acts::{ActError, Fire, Fires, Taskcluster, TaskclusterCredentials, Triggered, satisfies};
pub use graph::{GraphEntry, TaskGraph};
pub use queue::{ActionContext, Asks, TaskDefinition};
pub use status::TaskStatus;
