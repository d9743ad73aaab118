//! Rules of text logs as data, and what is made of the lines that they take.

mod drafts;
mod known;
mod open;
mod reader;
mod rule;
mod search;
mod set;
#[cfg(test)]
mod tests;
mod words;

pub(super) use drafts::{Draft, Drafts};
pub(super) use reader::{Around, Outcome, Tools};
pub use rule::Rule;
pub(super) use rule::{Effect, Tier};
pub(super) use set::regex;
pub use set::{RuleError, Rules};
pub(crate) use words::{is_infra, kind_of_test};
