//! The flows on a Buildbot farm of 2011 to 2017.

mod archive;
mod asked;
mod choose;
mod doctor;
mod history;
mod matrix;
mod rows;
mod send;
mod wait;

pub(super) use archive::{read_range, resolve};
pub(super) use choose::{choose, chooser, chosen, every};
pub(super) use doctor::doctor;
pub(super) use history::read_jobs;
pub(super) use matrix::read_matrix;
pub(super) use send::{prepare, reconcile, send_all};
pub(super) use wait::wait;
