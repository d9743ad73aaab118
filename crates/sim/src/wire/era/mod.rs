//! Mozilla's Buildbot farm of 2011 to 2017 over the world: self-serve BuildAPI, the dumps of builds, and
//! allthethings.json. In shape as `wire/buildapi.md` of the project's plan has them.

mod builds;
mod dumps;
mod names;
mod self_serve;
mod served;
mod things;

pub use names::ERA_LOGIN;
pub(super) use served::era;
pub use things::all_the_things;
