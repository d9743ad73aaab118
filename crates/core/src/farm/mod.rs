//! A Buildbot farm: what its build requests and builds say of a job's runs, which request absorbed
//! another, and which build a job depends on.

mod absorbed;
mod build_dependency;
mod request;

pub use absorbed::absorbers;
pub use build_dependency::{BuildDependency, Link, Set, build_dependency, is_build_absent};
pub use request::{Build, Request, Results, runs_of};
