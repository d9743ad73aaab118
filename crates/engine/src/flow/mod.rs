//! The flows.

mod ask;
mod asked;
mod at_work;
mod bisect;
mod buildapi;
mod buildbot;
mod builds;
mod by_action;
mod choose;
mod chooser;
mod chunks;
mod created;
mod decisions;
mod doctor;
mod elsewhere;
mod evidence;
mod graphs;
mod guards;
mod history;
mod known;
mod linked;
mod listened;
mod marker;
mod matrix;
mod merges;
mod plain;
mod prepare;
mod pressed;
mod range;
mod reconcile;
mod red;
mod resolve;
mod wait;
mod watching;

pub use ask::{AskResult, Refused, ask};
pub use at_work::{AtWork, MOST_GROUPS, at_work};
pub use bisect::{
    Background, BisectQuestion, Case, CulpritPush, Since, culprit_pushes, job_of_failure,
    open_case, weigh,
};
pub use builds::BuildOf;
pub use choose::{Chosen, choose, chosen, every};
pub use chooser::{Chooser, Past, chooser};
pub use doctor::{Check, Health, doctor};
pub use evidence::{
    AskedRun, Looked, PassedOver, Reading, RunEvidence, RunName, Subjects, WhyRed,
    Wish as EvidenceWish, find_run, judge_by, read_evidence, why_red,
};
pub use guards::{guards, tree_status};
pub use history::{JobHistory, read_job, read_jobs, settle_times};
pub use linked::{Linked, linked};
pub use listened::listened;
pub use marker::{MarkOf, Marked, can_mark, mark};
pub use matrix::{Matrix, read_matrix};
pub use merges::{Merge, Origin, merges};
pub use prepare::{Prepared, ReadyAsk, Sends, check_plan, fit_plan, prepare};
pub use pressed::{Selected, earlier_press, selected};
pub use range::{RangePushes, read_range};
pub use reconcile::{SETTLE_SECONDS, reconcile};
pub use red::newest_red;
pub use resolve::resolve;
pub use wait::{Awaited, LIMIT, Outcome, pause, stand, wait};
pub use watching::{Place as WatchPlace, Watching};
