//! A Buildbot farm of 2011 to 2017.

pub(crate) mod api;
pub(crate) mod archive;
pub(crate) mod backend;
pub(crate) mod choose;
pub(crate) mod doctor;
pub(crate) mod evidence;
pub(crate) mod history;
pub(crate) mod matrix;
pub(crate) mod requested;
pub(crate) mod rows;
pub(crate) mod send;
pub(crate) mod sends;
pub(crate) mod wait;

pub(crate) use api::BuildApi;
pub(crate) use archive::{read_range, resolve};
pub(crate) use backend::of_buildapi;
pub(crate) use choose::{choose, chooser, chosen, every};
pub(crate) use doctor::doctor;
pub(crate) use history::read_jobs;
pub(crate) use matrix::read_matrix;
pub(crate) use send::{prepare, reconcile, send_all};
pub(crate) use wait::wait;
