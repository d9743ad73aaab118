//! A simulated CI: a history with planted truth, and servers over it that speak the wire formats
//! of the Mercurial pushlog, Treeherder and Taskcluster.
//!
//! Outcomes are a function of seed, push, job and the n-th run, never of time; time only decides
//! how much of an outcome can be seen yet. Where a real server or client disagrees with what is
//! served here, this crate is wrong.

mod config;
pub mod faults;
pub mod pulse;
pub mod server;
mod wire;
pub mod world;

pub use config::config;
pub use faults::{Fault, Faults};
pub use pulse::{PulseConfig, PulseFaults};
pub use server::{Sim, SimConfig, SimCredentials, Urls};
pub use wire::{ERA_LOGIN, all_the_things};
pub use world::{Artifacts, HuntConfig, Ran, Tree, Truth, World, WorldConfig};
