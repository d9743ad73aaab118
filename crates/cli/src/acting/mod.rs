//! What every command does that asks a CI for something.

mod act;
mod chase;
mod doubts;
mod ending;
mod follow;
mod many;
pub(crate) mod telling;

pub(crate) use act::{
    Act, ActArgs, Acted, ConfirmArgs, WishArgs, begin, carry_out, check, confirmed, guarded,
    plan_all, send, used_today,
};
pub(crate) use chase::chase;
pub(crate) use doubts::{open_ledger, settle};
pub(crate) use ending::{ended_with, is_missing, say_unsent};
pub(crate) use follow::follow;
pub(crate) use many::{Many, ask_for_many};
