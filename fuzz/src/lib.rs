//! What holds of everything that comes from outside, whatever it is.

pub mod actions;
mod readers;

pub use readers::{hold, hold_report};
