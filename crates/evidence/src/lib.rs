//! A log or an artifact in, failures out. Nothing here asks a network; what is read is read once,
//! from any [`std::io::Read`], packed or plain, in memory that does not grow with it.
//!
//! [`read`] is the way in. Formats are those of `wire/failures.md`: errorsummary, mozlog's raw
//! structured log, raw text logs of Taskcluster and of Buildbot, JUnit XML, and a Buildbot master's
//! test results.

mod blocks;
mod choice;
mod errorsummary;
mod evidence;
mod failure;
mod input;
mod json;
mod limits;
mod names;
mod needles;
mod proof;
mod read;
mod reasons;
mod reports;
mod results;
mod signature;
mod sniff;
mod structured;
mod subject;
mod text;
mod together;

pub use choice::{Wanted, artifacts_in_order, is_settled};
pub use evidence::{Evidence, Explained, Format, GroupStatus, Mark, Match};
pub use failure::{Failure, Kind, Where};
pub use limits::Limits;
pub use mozci_core::harmless::{harmless, harmless_line};
pub use names::{group_of_id, test_of_id};
pub use proof::{About, prove};
pub use read::{Question, read};
pub use reasons::{Reason, reasons};
pub use signature::Signature;
pub use subject::{Seen, Subject};
pub use text::tools::{Rule, RuleError, Rules};
pub use text::{is_error_line, rules_as_one_pattern};
pub use together::{Same, together};
