//! The program as its user runs it, over the simulated CI.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

mod acts;
#[cfg(unix)]
mod asking;
mod background;
mod bad_input;
mod broker;
mod careful;
mod chooser;
mod configs;
mod conformance;
mod cutting;
mod docs;
mod doctor;
mod era;
mod era_real;
mod escapes;
mod failing_files;
mod farm;
mod farm_access;
mod farm_commands;
mod farm_evidence;
mod farm_losses;
mod farm_manners;
mod farm_shapes;
mod farm_sources;
mod farm_watch;
mod gate;
mod guards;
mod helps;
mod hostile_actions;
mod house;
mod hunts;
mod judged;
mod kills;
mod links;
mod looks;
mod looks_of_terminals;
mod lost_answers;
mod marks;
mod master;
mod modern;
mod names;
mod old_state;
mod other_clients;
mod outputs;
mod plain;
mod pressing;
mod pressing_taskgraph;
mod proxy;
#[cfg(unix)]
mod pty;
mod pulse;
mod pulse_losses;
mod schedules;
mod settling;
mod several;
mod signing_proxy;
mod team;
mod tellings;
mod typed_names;
mod unseen;
mod watch_losses;
mod watches;
mod world;
