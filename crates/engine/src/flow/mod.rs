//! The flows: what is asked of a CI whatever its kind, and what is done with the answers.

pub(crate) mod at_work;
pub(crate) mod bisect;
pub(crate) mod build_of;
pub(crate) mod cancel;
pub(crate) mod choose;
pub(crate) mod chooser;
pub(crate) mod evidence;
pub(crate) mod gate;
pub(crate) mod guards;
pub(crate) mod health;
pub(crate) mod history;
pub(crate) mod job_names;
pub(crate) mod linked;
pub(crate) mod look_up;
pub(crate) mod marker;
pub(crate) mod matrix;
pub(crate) mod merges;
pub(crate) mod prepare;
pub(crate) mod range;
pub(crate) mod reconcile;
pub(crate) mod red;
pub(crate) mod resolve;
pub(crate) mod send;
mod spelled;
pub(crate) mod wait;
pub(crate) mod watching;

pub use at_work::AtWork;
pub use bisect::{
    Background, BisectQuestion, CulpritPush, Known, SearchData, Since, culprit_pushes,
    job_of_failure, open_case, weigh,
};
pub use build_of::BuildOf;
pub use cancel::{Cancellable, Cancellation, cancellable};
pub use choose::{Chosen, choose, chosen, every};
pub use chooser::{Chooser, Past, chooser};
pub use evidence::{
    AskedRun, FileEvidence, FilesRead, Given, Looked, PassedOver, Read as EvidenceRead, Reading,
    RunEvidence, RunName, SameAs, Subjects, WhyRed, Wish as EvidenceWish, find_run, judge_by,
    read_evidence, read_files, why_red,
};
pub use guards::{guards, tree_status};
pub use health::{Check, Health, doctor};
pub use history::{JobHistory, read_job, read_jobs, settle_times};
pub use job_names::{job_names, seen_names};
pub use linked::{Linked, linked};
pub use look_up::look_up_outcomes;
pub use marker::{MarkOf, Marked, can_mark, mark};
pub use matrix::{Matrix, read_matrix};
pub use merges::{Merge, Origin, merges};
pub use prepare::{
    Prepared, ReadyRequest, Sendable, Sends, WrittenDown, check_plan, fit_plan, prepare,
};
pub use range::{RangePushes, known_summary, read_range, read_summaries};
pub use reconcile::{SETTLE_SECONDS, reconcile};
pub use red::newest_red;
pub use resolve::resolve;
pub use send::{Refused, TriggerResult, send_requests};
pub use spelled::spelled;
pub use wait::{Awaited, LIMIT, Outcome, pause, stand, wait};
pub use watching::{CellIndex, Watching};
