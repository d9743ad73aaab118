//! Arguments that several commands take.

mod filter;
mod range;

pub(crate) use filter::FilterArgs;
pub(crate) use range::{RangeArgs, ReachArgs, named_repo};
