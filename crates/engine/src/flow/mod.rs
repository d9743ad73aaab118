//! The flows.

mod ask;
mod asked;
mod decisions;
mod history;
mod known;
mod matrix;
mod prepare;
mod range;
mod reconcile;
mod resolve;
mod wait;

pub use ask::{AskResult, ask};
pub use history::{JobHistory, read_job};
pub use matrix::{JobsFilter, Matrix, read_matrix};
pub use prepare::{Prepared, prepare};
pub use range::{RangePushes, read_range};
pub use reconcile::{SETTLE_SECONDS, reconcile};
pub use resolve::resolve;
pub use wait::{Awaited, LIMIT, Outcome, pause, wait};
