//! What every command does that asks a CI for something.

mod act;
mod args;
mod chase;
mod confirm;
mod ending;
mod host;
mod many;
mod open;
pub(crate) mod telling;

pub(crate) use act::{Act, acted_json, carry_out};
pub(crate) use args::{ActArgs, ConfirmArgs, WishArgs, begin, check};
pub(crate) use chase::chase;
pub(crate) use confirm::confirmed;
pub(crate) use ending::{ended_with, say_unsent};
pub(crate) use host::Terminal;
pub(crate) use many::{Many, ask_for_many};
pub(crate) use open::open_ledger;
