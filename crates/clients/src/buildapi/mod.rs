//! Mozilla's Buildbot farm of 2011 to 2017: self-serve BuildAPI, the dumps of builds (buildjson), and
//! allthethings.json.

mod dumps;
mod self_serve;
mod things;

pub use dumps::{Day, DumpError, Dumps, ReadDump, Wanted, read_dump};
pub use self_serve::{Accepted, SelfServe};
pub use things::{Things, parse_things};
