//! The help: of commands, and the manual's pages.

mod examples;
mod line;
mod man;

pub(crate) use line::{command, for_help, is_wanted};
pub(crate) use man::{page, pages};
