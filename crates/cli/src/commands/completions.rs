//! `mozci completions` and `mozci man`

use std::path::PathBuf;

use clap_complete::env::Shells;
use mozci_engine::Error;

use crate::app::Done;
use crate::help;

/// Arguments of `mozci completions`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

/// Write completions for a shell to stdout.
pub(crate) fn run(args: &Args) -> Done {
    let shells = Shells::builtins();
    let name = args.shell.to_string();
    let completer = shells
        .completer(&name)
        .ok_or_else(|| Error::Usage(format!("there are no completions for {name}")))?;
    let mut script = Vec::new();
    completer
        .write_registration("COMPLETE", "mozci", "mozci", "mozci", &mut script)
        .map_err(|error| Error::Odd(format!("the completions cannot be written: {error}")))?;
    write(&script)
}

/// Arguments of `mozci man`.
#[derive(Debug, clap::Args)]
pub(crate) struct ManArgs {
    /// Write a page for each command into this folder, instead of the main page to stdout
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
}

/// Write the manual pages.
pub(crate) fn man(args: &ManArgs) -> Done {
    let failed = |error: std::io::Error| Error::Odd(format!("cannot write the manual: {error}"));
    match &args.folder {
        Some(folder) => {
            std::fs::create_dir_all(folder).map_err(failed)?;
            help::pages(folder).map_err(failed)?;
            Ok(0)
        }
        None => {
            let mut page = Vec::new();
            help::page(&mut page).map_err(failed)?;
            write(&page)
        }
    }
}

/// Writes to stdout; a reader that has gone away is no failure.
pub(crate) fn write(text: &[u8]) -> Done {
    use std::io::Write;
    match std::io::stdout().write_all(text) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::Odd(format!("the answer could not be written: {error}")))
        }
        _ => Ok(0),
    }
}
