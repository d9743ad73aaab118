//! From what a user typed to a push.

use mozci_core::ids::Revision;
use mozci_core::push::Push;
use mozci_core::revision::RevisionSpec;

use crate::ci::Ci;
use crate::error::Error;

/// Finds the push that is meant.
///
/// # Errors
/// [`Error::NotFound`] with what is known: where else the revision is, which pushes a short hash
/// fits.
pub async fn resolve(ci: &Ci, spec: &RevisionSpec) -> Result<Push, Error> {
    if let RevisionSpec::Hash(hash) = spec
        && let Some(known) = ci.resolved(hash)
    {
        return Ok(known);
    }
    let host = match spec {
        RevisionSpec::Task { host, .. } => host.as_deref(),
        RevisionSpec::InRepo { host, .. } | RevisionSpec::Build { host, .. } => Some(host.as_str()),
        _ => None,
    };
    check_host(ci, host)?;
    let mut push = [ci.pushes.resolve(ci, spec).await?];
    ci.put_names(&mut push);
    let [push] = push;
    ci.keep_resolved(&push);
    Ok(push)
}

/// Checks that a link leads to one of the CI's own servers.
pub(crate) fn check_host(ci: &Ci, host: Option<&str>) -> Result<(), Error> {
    match host.filter(|host| !ci.has_host(host)) {
        None => Ok(()),
        Some(host) => Err(Error::Usage(format!(
            "the link leads to {host}, which is no server of the CI at {}: name the CI with --ci, or give the bare revision or task id",
            ci.root_url
        ))),
    }
}

/// An error about a commit that was requested under another name.
pub(crate) fn called(hash: &str, named: &Revision, error: Error) -> Error {
    match error {
        Error::NotFound(text) => {
            Error::NotFound(format!("{hash} is {} here: {text}", named.hash()))
        }
        other => other,
    }
}
