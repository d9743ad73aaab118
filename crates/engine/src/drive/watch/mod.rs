//! Watches: jobs on pushes are followed to their ends, and what does not come as expected is requested.

mod followed;
mod jobs;
mod many;
mod progress;
mod question;
mod request;
mod run;
mod send;

pub use followed::follow_steps;
pub use jobs::{Follow, jobs_to_follow, read_pushes};
pub use many::watch_many;
pub use progress::WatchProgress;
pub use question::{WatchQuestion, is_watch};
pub use request::{find_request, follow_request};
pub use run::{WatchContext, Watched, watch};
