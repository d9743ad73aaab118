//! The commands, a file each.

pub(crate) mod backfill;
pub(crate) mod demo;
pub(crate) mod demo_serve;
pub(crate) mod jobs;
pub(crate) mod pushes;
pub(crate) mod trigger;
