//! Arguments that several commands take.

mod author;
mod filter;
mod links;
mod range;
mod subject;

pub(crate) use author::AuthorArgs;
pub(crate) use filter::FilterArgs;
pub(crate) use links::{labels_of, repo_among};
pub(crate) use range::{RangeArgs, ReachArgs, date, named_repo};
pub(crate) use subject::SubjectArgs;
