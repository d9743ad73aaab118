//! How often something fails: over a range, by platform, by windows of pushes, and where that changed.

mod change;
mod tally;

pub use change::{Change, Seen, changes, rises_elsewhere};
pub use tally::{Tally, Told};
