//! Text logs: of Mozilla's harnesses, and of everybody else's tools.

mod envelope;
mod failing;
mod guess;
mod plain;
mod reader;
mod rules;
mod settle;
mod surround;
pub(crate) mod tools;

pub(crate) use failing::{leaks, takes_too_long};
pub(crate) use reader::read;
pub use rules::{is_error_line, rules_as_one_pattern};
