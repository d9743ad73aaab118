//! Faults: what a CI that misbehaves does to single requests.

mod cut;
mod draw;
mod twist;

pub(crate) use cut::{Cut, Cutting};
pub(crate) use draw::{Drawn, Schedule};
pub use draw::{Fault, Faults};
pub(crate) use twist::twist;
