//! The program as its user runs it, over the simulated CI.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod acts;
mod bad_input;
mod house;
mod looks;
mod lost_answers;
mod other_clients;
mod proxy;
mod world;
