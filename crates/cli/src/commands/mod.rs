//! The commands, a file each.

pub(crate) mod action;
pub(crate) mod auth;
pub(crate) mod backfill;
pub(crate) mod bisect;
pub(crate) mod cache;
pub(crate) mod cancel;
pub(crate) mod chooser;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod demo;
pub(crate) mod demo_serve;
pub(crate) mod doctor;
pub(crate) mod failures;
pub(crate) mod fill;
pub(crate) mod flakiness;
pub(crate) mod guard;
pub(crate) mod investigations;
pub(crate) mod jobs;
pub(crate) mod open;
pub(crate) mod pushes;
pub(crate) mod render_action;
pub(crate) mod requests;
pub(crate) mod retrigger;
pub(crate) mod taskgraph_action;
pub(crate) mod trigger;
pub(crate) mod watch;
