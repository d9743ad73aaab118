//! One stream of events, whoever tells them: a broker, a server, or the clock of somebody who has to look.

pub(crate) mod ear;
pub(crate) mod line;

pub use ear::{Ear, Teller};
pub(crate) use line::Line;
