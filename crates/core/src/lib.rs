//! The facts and decisions of mozci.
//!
//! *Invariant:* this crate decides and knows nothing else. It does no I/O, has no async and
//! reads no clock (`now` is an argument), and no service's JSON comes in here. Whatever it is
//! asked has the shape `(facts, question) -> plan | next step | verdict`.

pub mod again;
pub mod backfill;
pub mod bisect;
pub mod chooser;
pub mod chunks;
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
pub mod have;
pub mod ids;
pub mod judge;
mod left_out;
pub mod nearest;
mod place;
pub mod plan;
pub mod push;
pub mod range;
pub mod rate;
pub mod revision;
pub mod run;
pub mod run_spec;
pub mod several;
pub mod sighting;
pub mod time;
pub mod watch;
