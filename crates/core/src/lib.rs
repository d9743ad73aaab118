//! The facts and decisions of mozci.
//!
//! *Invariant:* this crate decides and knows nothing else. It does no I/O, has no async and
//! reads no clock (`now` is an argument), and no service's JSON comes in here. Whatever it is
//! asked has the shape `(facts, question) -> plan | next step | verdict`.

mod add_to_plan;
pub mod again;
pub mod backfill;
pub mod bisect;
pub mod chooser;
pub mod chunks;
pub mod classify;
pub mod commit;
pub mod culprit;
pub mod era;
pub mod estimate;
pub mod event;
pub mod facts;
pub mod farm;
pub mod filter;
pub mod flakiness;
pub mod guard;
pub mod harmless;
pub mod ids;
pub mod job_name;
mod left_out;
pub mod merge_plans;
pub mod nearest;
pub mod plan;
pub mod push;
pub mod range;
pub mod rate;
pub mod remaining;
pub mod revision;
pub mod revision_name;
pub mod run;
pub mod run_count;
pub mod run_spec;
pub mod sighting;
pub mod standing;
pub mod time;
pub mod watch;
