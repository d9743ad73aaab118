//! Arguments that several commands take.

mod filter;
mod range;
mod subject;

pub(crate) use filter::FilterArgs;
pub(crate) use range::{RangeArgs, ReachArgs, date, named_repo};
pub(crate) use subject::SubjectArgs;
