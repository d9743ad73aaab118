//! Drivers: what works for a while without a terminal. Each reports [`Progress`], requests [`Consent`] before it
//! sends, and ends by a cancellation token. The program and the service render what they report.

mod act;
mod follow;
mod notify;
mod progress;
mod resume;
pub mod search;
mod session;
mod settle;
mod step;
mod tally;
#[cfg(test)]
mod tests;
pub mod watch;

pub use act::{Act, ActEnd, Acted, all_facts, carry_out, plan_all};
pub use notify::Notifier;
pub use progress::{Consent, Host, Observer, Permission, Progress, Question, Stage};
pub use resume::{
    OpenInvestigations, check_resumable, claim_again, find_investigation, pushes_of_watches,
};
pub use session::Session;
pub use settle::{open_ledger, settle};
