//! The browser of whoever sits at the machine.

use std::path::Path;

use mozci_engine::Error;
use url::Url;

/// Opens an address: the browser that `BROWSER` names, else the machine's own.
///
/// # Errors
/// [`Error::Odd`] where no browser can be started.
pub(crate) fn open(url: &str) -> Result<(), Error> {
    crate::status::clear();
    webbrowser::open(url).map_err(|error| {
        Error::Odd(format!("no browser can be opened: {error}; the address is {url}"))
    })
}

/// Opens a file.
///
/// # Errors
/// [`Error::Odd`] for a file that is not there, and where no browser can be started.
pub(crate) fn open_file(path: &Path) -> Result<(), Error> {
    let odd = |what: String| Error::Odd(format!("cannot open {}: {what}", path.display()));
    let whole = path.canonicalize().map_err(|error| odd(error.to_string()))?;
    let url = Url::from_file_path(&whole).map_err(|()| odd("it has no address".into()))?;
    open(url.as_str())
}
