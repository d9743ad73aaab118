//! The flows on a Buildbot master.

mod choose;
mod chooser;
mod doctor;
mod history;
mod matrix;
mod on_branch;
mod pushes;
mod ready;
mod reconcile;
mod rows;
mod send;
mod sources;
mod ties;
mod wait;
mod ways;

pub(super) use choose::{choose, chosen};
pub(super) use chooser::chooser;
pub(super) use doctor::doctor;
pub(super) use history::read_jobs;
pub(super) use matrix::read_matrix;
pub(super) use pushes::{read_range, resolve};
pub(super) use ready::{check_plan, fit_plan, prepare};
pub(super) use reconcile::reconcile;
pub(super) use send::send_all;
pub(super) use wait::wait;
