//! A Buildbot farm: what its build requests and builds say of a job's runs, which request absorbed
//! another, and which build a job hangs on.

mod absorbed;
mod hangs;
mod request;

pub use absorbed::absorbers;
pub use hangs::{Hangs, Link, Set, hangs_on, is_build_absent};
pub use request::{Build, Request, Results, runs_of};
