//! Taskcluster, with Treeherder beside it or without.

pub(crate) mod at_work;
pub(crate) mod backend;
pub(crate) mod builds;
pub(crate) mod by_action;
pub(crate) mod choose;
pub(crate) mod chooser;
pub(crate) mod chunks;
pub(crate) mod created;
pub(crate) mod decided;
pub(crate) mod decisions;
pub(crate) mod doctor;
pub(crate) mod elsewhere;
pub(crate) mod evidence;
pub(crate) mod find;
pub(crate) mod graphs;
pub(crate) mod history;
pub(crate) mod linked;
pub(crate) mod listen;
pub(crate) mod listened;
pub(crate) mod marker;
pub(crate) mod matrix;
pub(crate) mod of_ci;
pub(crate) mod plain;
pub(crate) mod prepare;
pub(crate) mod pressed;
pub(crate) mod pulse;
pub(crate) mod reconcile;
pub(crate) mod requested;
pub(crate) mod send;
pub(crate) mod sends;
pub(crate) mod tasks;
pub(crate) mod wait;

pub(crate) use backend::{Parts, TaskclusterBackend};
pub(crate) use of_ci::without_treeherder;
pub(crate) use plain::Plain;
pub use pressed::{Selected, earlier_presses, selected};
