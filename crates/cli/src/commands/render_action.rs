//! `mozci render-action`: renders what a push's actions.json computes, with little memory and time.
//! The program starts itself so; it is for nobody else.

use std::process::ExitCode;

use mozci_clients::taskcluster::serve;

/// Answers one question on stdin.
pub(crate) fn run() -> ExitCode {
    if limit().is_err() {
        return ExitCode::FAILURE;
    }
    match serve(std::io::stdin().lock(), std::io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Limits memory, processor time and what a crash leaves, for this process alone.
#[cfg(unix)]
fn limit() -> Result<(), nix::errno::Errno> {
    use mozci_clients::taskcluster::{MEMORY, SECONDS};
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let wanted = [
        (Resource::RLIMIT_AS, MEMORY),
        (Resource::RLIMIT_CPU, SECONDS),
        (Resource::RLIMIT_CORE, 0),
    ];
    for (resource, most) in wanted {
        let (_, hard) = getrlimit(resource)?;
        let most = most.min(hard);
        setrlimit(resource, most, most)?;
    }
    Ok(())
}

/// Where nothing limits a process, the parent's patience does.
#[cfg(not(unix))]
fn limit() -> Result<(), std::convert::Infallible> {
    Ok(())
}
