//! Taskcluster: reads of the queue and the index through our own HTTP, acts and what needs
//! credentials through the official client.

mod actions;
mod acts;
mod artifacts;
mod graph;
mod group;
mod index;
mod inputs;
mod marker;
mod message;
mod pages;
mod pressed;
mod queue;
mod render;
mod sandbox;
mod signing;
mod status;
mod tasks;
mod wire;

pub use actions::{Action, ActionError, Actions, Rendered};
pub use acts::{
    Fetch, Fire, Fires, Taskcluster, TaskclusterAccess, TaskclusterCredentials, Triggered,
    satisfies,
};
pub use artifacts::Artifact;
pub use group::{GroupState, GroupTask};
pub use inputs::{Input, Narrowed};
pub use marker::{Marker, SUCCEED, marker};
pub use message::{Watched, event};
pub use pressed::{
    BackfillInput, BisectInput, Button, CALLBACKS, ENOUGH_RUNS, Pressed, RetriggerInput, schema,
};
pub use queue::{ActionContext, Created, JobRequests, TaskDefinition};
pub use render::Rendering;
pub use sandbox::{MEMORY, RENDER, SECONDS, serve};
pub use status::TaskStatus;
pub use tasks::{deadline, repeat};
