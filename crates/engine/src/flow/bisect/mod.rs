//! The search for a culprit: what is asked, what is read for it, and what is said of the culprit.

pub(crate) mod background;
pub(crate) mod case;
pub(crate) mod details;
pub(crate) mod find_job;
pub(crate) mod question;

pub use background::Background;
pub use case::{SearchData, Since, open_case};
pub use details::{CulpritPush, Known, culprit_pushes, weigh};
pub use find_job::job_of_failure;
pub use question::BisectQuestion;
