//! `mozci completions` and `mozci man`

use std::path::PathBuf;

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
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut help::command(), "mozci", &mut script);
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
    let command = help::command();
    let failed = |error: std::io::Error| Error::Odd(format!("cannot write the manual: {error}"));
    match &args.folder {
        Some(folder) => {
            std::fs::create_dir_all(folder).map_err(failed)?;
            clap_mangen::generate_to(command, folder).map_err(failed)?;
            Ok(0)
        }
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(command).render(&mut page).map_err(failed)?;
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
