//! Raw text logs, of Taskcluster and of Buildbot: the fallback where nothing structured is.

mod failing;
mod reader;
mod rules;
mod runners;

pub(crate) use failing::{leaks, takes_too_long};
pub(crate) use reader::read;
pub use rules::{is_error_line, rules_as_one_pattern};
