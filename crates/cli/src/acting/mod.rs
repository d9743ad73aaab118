//! What every command does that asks a CI for something.

mod act;
mod chase;
mod doubts;
mod follow;
mod many;
pub(crate) mod telling;

pub(crate) use act::{
    Act, ActArgs, Acted, ConfirmArgs, WishArgs, carry_out, check, confirmed, ended_with, guarded,
    plan_all, say_unsent, send, used_today,
};
pub(crate) use chase::chase;
pub(crate) use doubts::{open_ledger, settle};
pub(crate) use follow::follow;
pub(crate) use many::{Many, ask_for_many};
