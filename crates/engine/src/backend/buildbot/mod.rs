//! A Buildbot master.

pub(crate) mod backend;
pub(crate) mod choose;
pub(crate) mod chooser;
pub(crate) mod doctor;
pub(crate) mod events;
pub(crate) mod evidence;
pub(crate) mod farm;
pub(crate) mod history;
pub(crate) mod lineage;
pub(crate) mod matrix;
pub(crate) mod on_branch;
pub(crate) mod pushes;
pub(crate) mod ready;
pub(crate) mod reconcile;
pub(crate) mod rows;
pub(crate) mod send;
pub(crate) mod sends;
pub(crate) mod sources;
pub(crate) mod ties;
pub(crate) mod wait;
pub(crate) mod ways;

pub(crate) use backend::{of_buildbot, resolve_named};
pub(crate) use choose::{choose, chosen};
pub(crate) use chooser::chooser;
pub(crate) use doctor::doctor;
pub(crate) use farm::Farm;
pub(crate) use history::read_jobs;
pub(crate) use matrix::read_matrix;
pub(crate) use pushes::{read_range, resolve};
pub(crate) use ready::{check_plan, fit_plan, prepare};
pub(crate) use reconcile::reconcile;
pub(crate) use send::send_all;
pub(crate) use wait::wait;
