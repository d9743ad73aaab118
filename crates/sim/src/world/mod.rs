//! The simulated history: pushes, jobs, what was planted, and every task's life.

mod acting;
mod artifacts;
mod catalog;
mod clock;
mod dynamic;
mod history;
mod hunt;
mod ids;
mod life;
mod planting;
mod random;
mod story;
mod telling;
mod truth;

pub use artifacts::{Artifacts, Trouble};
pub use catalog::{Catalog, Job, JobKind, SUITES, Suite};
pub use clock::Clock;
pub use dynamic::{ActionTask, Asked, Dynamic, Ran};
pub use history::{Commit, RepoHistory, SimPush};
pub use hunt::{Hunt, HuntConfig};
pub use ids::TaskRef;
pub use life::{Life, Outcome, RunLife, TaskState};
pub(crate) use random::{hash, unit};
pub use story::Story;
pub use truth::{
    Failing, Planted, PlantedKind, Truth, TruthHunt, TruthPlanted, TruthPush, TruthStory,
};
pub use world_impl::{Tree, World, WorldConfig};

mod world_impl;

#[cfg(test)]
mod tests;
