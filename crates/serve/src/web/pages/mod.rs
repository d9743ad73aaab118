//! The pages, one file each.

pub(super) mod api;
pub(super) mod broken;
pub(super) mod chooser;
mod common;
pub(super) mod failure;
pub(super) mod from;
pub(super) mod grid;
pub(super) mod health;
pub(super) mod investigations;
pub(super) mod limits;
pub(super) mod plan;
pub(super) mod push;
pub(super) mod requests;
pub(super) mod run;
pub(super) mod signin;
