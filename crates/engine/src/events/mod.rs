//! One stream of events, whoever tells them: Pulse, a Buildbot master, or the clock of somebody who
//! has to look.

mod ear;
mod line;
mod master;
mod pulse;

pub use mozci_clients::taskcluster::Watched;

pub use ear::{Ear, Teller};
