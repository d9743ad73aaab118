//! The manual's pages: what clap knows of a command, and what a manual has besides.

use std::path::Path;

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::examples::EXAMPLES;
use super::line::{command, of_command, whole};

/// What each exit status means.
const STATUSES: [(&str, &str); 8] = [
    ("0", "done"),
    ("1", "the answer is bad (only with --exit-status)"),
    ("2", "a mistake on the command line or in the config"),
    ("3", "a service failed, or refused a part of it"),
    ("4", "not allowed: credentials or scopes are missing"),
    ("5", "not found"),
    ("6", "a guard refused"),
    ("130", "interrupted"),
];

/// Files that the program reads and writes.
const FILES: [(&str, &str); 4] = [
    ("$XDG_CONFIG_HOME/mozci/config.toml", "the config: `mozci config path` prints where it is"),
    (".mozci.toml", "in a folder or above it: `ci` and `repo` for commands that are run there"),
    ("$XDG_STATE_HOME/mozci/ledger.db", "every request that was sent, and the investigations"),
    ("$XDG_CACHE_HOME/mozci", "answers of servers: `mozci cache` shows and removes them"),
];

/// What is read from the environment.
const ENVIRONMENT: [(&str, &str); 8] = [
    ("MOZCI_CONFIG, MOZCI_CI, MOZCI_REPO, MOZCI_CLONE", "as --config, --ci, --repo, --clone"),
    ("MOZCI_DATABASE_URL", "a PostgreSQL database for the ledger and the investigations"),
    ("MOZCI_LOG", "what is logged: error, warn, info, debug, trace"),
    ("MOZCI_PAGER, PAGER", "the pager for long answers; empty for none"),
    ("NO_COLOR, CLICOLOR_FORCE", "colours off, or on where there is no terminal"),
    (
        "TASKCLUSTER_CLIENT_ID, TASKCLUSTER_ACCESS_TOKEN, TASKCLUSTER_CERTIFICATE",
        "credentials for Taskcluster",
    ),
    ("BUILDBOT_USER, BUILDBOT_PASSWORD", "credentials for a Buildbot master"),
    ("BUILDAPI_USER, BUILDAPI_PASSWORD", "credentials for BuildAPI"),
];

/// The main page.
///
/// # Errors
/// Those of writing.
pub(crate) fn page(out: &mut Vec<u8>) -> std::io::Result<()> {
    write(whole(), "mozci", &[], out)
}

/// A page for each command into a folder.
///
/// # Errors
/// Those of writing.
pub(crate) fn pages(folder: &Path) -> std::io::Result<()> {
    let mut all = vec![("mozci".to_owned(), whole())];
    // Options of every command stand in the main page alone.
    let mut root = of_command(command(), "");
    root.build();
    for within in root.get_subcommands().filter(|within| within.get_name() != "help") {
        collect(within, &format!("mozci-{}", within.get_name()), &mut all);
    }
    let names: Vec<String> = all.iter().map(|(name, _)| name.clone()).collect();
    for (name, command) in all {
        let mut out = Vec::new();
        let others: Vec<&str> =
            names.iter().map(String::as_str).filter(|other| is_near(&name, other)).collect();
        write(command, &name, &others, &mut out)?;
        std::fs::write(folder.join(format!("{name}.1")), out)?;
    }
    Ok(())
}

fn collect(command: &Command, name: &str, all: &mut Vec<(String, Command)>) {
    all.push((name.to_owned(), command.clone()));
    for within in command.get_subcommands().filter(|within| within.get_name() != "help") {
        collect(within, &format!("{name}-{}", within.get_name()), all);
    }
}

/// Whether a page is the parent or a child of another.
fn is_near(name: &str, other: &str) -> bool {
    let is_child = |parent: &str, child: &str| {
        child.strip_prefix(parent).is_some_and(|rest| rest.starts_with('-'))
    };
    other != name && (is_child(name, other) || is_child(other, name))
}

fn write(command: Command, name: &str, others: &[&str], out: &mut Vec<u8>) -> std::io::Result<()> {
    let bare = command.get_name().to_owned();
    // What follows the options in the help has sections of its own here.
    let called = name.replacen("mozci-", "mozci ", 1);
    let command = command.after_help("").display_name(name.to_owned()).bin_name(called);
    let man = Man::new(command).title(name.to_uppercase()).source(version());
    man.render_title(out)?;
    man.render_name_section(out)?;
    man.render_synopsis_section(out)?;
    man.render_description_section(out)?;
    man.render_options_section(out)?;
    if name == "mozci" {
        man.render_subcommands_section(out)?;
    }
    let examples = EXAMPLES.iter().find(|(of, _)| *of == bare).map_or(&[][..], |(_, all)| all);
    section(out, "EXAMPLES", examples)?;
    section(out, "EXIT STATUS", &STATUSES)?;
    section(out, "FILES", &FILES)?;
    section(out, "ENVIRONMENT", &ENVIRONMENT)?;
    let mut also = Roff::default();
    also.control("SH", ["SEE ALSO"]);
    let mut pages: Vec<String> = others.iter().map(|other| format!("{other}(1)")).collect();
    if pages.is_empty() {
        pages.push("mozci(1)".to_owned());
    }
    also.text([roman(pages.join(", "))]);
    also.to_writer(out)
}

fn version() -> String {
    format!("mozci {}", env!("CARGO_PKG_VERSION"))
}

/// A section of terms with what they mean.
fn section(out: &mut Vec<u8>, title: &str, terms: &[(&str, &str)]) -> std::io::Result<()> {
    if terms.is_empty() {
        return Ok(());
    }
    let mut roff = Roff::default();
    roff.control("SH", [title]);
    for (term, meaning) in terms {
        roff.control("TP", []);
        roff.text([bold(*term)]);
        roff.text([roman(*meaning)]);
    }
    roff.to_writer(out)
}
