//! The search for a culprit: rounds of requests until there is a verdict, and down into merges.

mod assumed;
mod begin;
mod decide;
mod into_merges;
mod mark;
mod outcome;
mod progress;
mod round;
mod run;
mod suspects;

pub use assumed::assumed;
pub use begin::{newest_open, take, take_the_same};
pub use into_merges::{Searched, search};
pub use mark::Mark;
pub use outcome::{Ended, Finished, names, push_json, verdict_line};
pub use progress::SearchProgress;
pub use run::{Repositories, SearchContext, SearchOptions};
