//! Watching: what was told of a job on a push, what is expected of it, and how it ended.

mod apply;
mod ended;
mod expect;

pub use apply::{apply, apply_to_build};
pub use ended::{Ending, ending};
pub use expect::{Expectations, Next, next, plan, still_comes};
