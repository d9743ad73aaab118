//! From the history of a job to the search for what broke it, and back: which runs to request, and
//! what proves the verdict.

mod assumed;
mod hunt;
mod lives;
mod newest;
mod proof;
mod range;
mod suspicion;

pub use assumed::{Assumed, Assumption, Known, assumptions};
pub use hunt::{HuntSettings, Out, SearchModel};
pub use lives::backed_out_at;
pub use proof::{Proved, Side};
pub use range::last_good;
pub use suspicion::suspicion;
