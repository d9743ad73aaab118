//! Mozilla's Buildbot farm of 2011 to 2017, as its BuildAPI, its dumps and its allthethings.json tell
//! of it: which build triggers which tests, how a request stands, what a builder's name says. The
//! sources are described in `wire/buildapi.md` of the project's plan.

mod farm;
mod match_requests;
mod names;
mod standing;

pub use farm::{Build, EraBuilder, EraFarm, EraScheduler};
pub use match_requests::match_requests;
pub use names::{branch_rest, build_type, is_test, platform, suite};
pub use standing::{DumpRow, Listed, Outcome, standing, state_of};
