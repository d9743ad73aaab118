//! What every command does that asks a CI for something.

mod act;
mod args;
mod chase;
mod confirm;
mod ending;
mod host;
mod multi_job;
pub(crate) mod notify;
mod open;

pub(crate) use act::{Act, acted_json, carry_out};
pub(crate) use args::{ActArgs, ConfirmArgs, WishArgs, begin, check};
pub(crate) use chase::chase;
pub(crate) use confirm::confirmed;
pub(crate) use ending::{ended_with, say_unsent};
pub(crate) use host::Terminal;
pub(crate) use multi_job::{MultiJob, send_for_jobs};
pub(crate) use open::open_ledger;
