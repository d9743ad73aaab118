//! `mozci render-action`: renders what a push's actions.json computes, with little memory and time.
//! The program starts itself so; it is for nobody else.

use std::process::ExitCode;

use mozci_clients::taskcluster::{MEMORY, SECONDS, serve};

use crate::system;

/// Answers one question on stdin.
pub(crate) fn run() -> ExitCode {
    if system::limit(MEMORY, SECONDS).is_err() {
        return ExitCode::FAILURE;
    }
    match serve(std::io::stdin().lock(), std::io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
