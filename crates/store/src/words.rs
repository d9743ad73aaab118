//! The words that every store has for states of requests and for version control systems.

use mozci_core::ids::{IdError, Vcs};

use crate::request::TriggerState;

/// A state as columns: its word, the CI's request, the detail.
pub(crate) fn columns(state: &TriggerState) -> (&'static str, Option<String>, &str) {
    match state {
        TriggerState::Planned => ("recorded", None, ""),
        TriggerState::Sent { request } => ("sent", Some(request.to_string()), ""),
        TriggerState::NotSent { detail } => ("not-sent", None, detail),
        TriggerState::Uncertain { detail } => ("uncertain", None, detail),
    }
}

/// Reads a state from its columns.
///
/// # Errors
/// [`IdError`] for a request that was sent and whose id cannot be read.
pub(crate) fn state(
    word: &str,
    request: Option<&str>,
    detail: String,
) -> Result<TriggerState, IdError> {
    Ok(match word {
        "recorded" => TriggerState::Planned,
        "sent" => TriggerState::Sent { request: request.unwrap_or_default().parse()? },
        "not-sent" => TriggerState::NotSent { detail },
        _ => TriggerState::Uncertain { detail },
    })
}

/// The word of a version control system.
pub(crate) fn vcs_word(vcs: Vcs) -> &'static str {
    match vcs {
        Vcs::Hg => "hg",
        Vcs::Git => "git",
        Vcs::Svn => "svn",
    }
}

/// Reads the word of a version control system.
pub(crate) fn vcs(word: &str) -> Vcs {
    match word {
        "git" => Vcs::Git,
        "svn" => Vcs::Svn,
        _ => Vcs::Hg,
    }
}
