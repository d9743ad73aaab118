//! The report of a search as a file.

use std::path::Path;

use mozci_engine::Error;
use mozci_engine::ci::Ci;
use mozci_engine::drive::search::Finished;
use mozci_pages::{About, report};

/// Writes the report.
///
/// # Errors
/// [`Error::Odd`] for a file that cannot be written.
pub(super) fn write(
    path: &Path,
    finished: &Finished<'_>,
    ci: &Ci,
    program: &str,
) -> Result<(), Error> {
    let about = About { program, version: env!("CARGO_PKG_VERSION"), now: ci.now() };
    std::fs::write(path, report(finished, ci, about))
        .map_err(|error| Error::Odd(format!("cannot write {}: {error}", path.display())))
}
