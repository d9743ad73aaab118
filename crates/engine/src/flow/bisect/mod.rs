//! The search for a culprit: what is asked, what is read for it, and what is said of the culprit.

mod background;
mod case;
mod details;
mod find_job;
mod question;

pub use background::Background;
pub use case::{Case, Since, open_case};
pub use details::{CulpritPush, culprit_pushes, weigh};
pub use find_job::job_of_failure;
pub use question::BisectQuestion;
