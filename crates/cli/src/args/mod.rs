//! Arguments that several commands take.

mod author;
mod filter;
mod job_names;
mod links;
mod range;
mod subject;
mod when;

pub(crate) use author::AuthorArgs;
pub(crate) use filter::FilterArgs;
pub(crate) use job_names::{expand, expand_one};
pub(crate) use links::{labels_of, repo_among};
pub(crate) use range::{RangeArgs, ReachArgs, named_repo};
pub(crate) use subject::SubjectArgs;
pub(crate) use when::date;
