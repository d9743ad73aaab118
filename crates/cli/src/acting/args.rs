//! The arguments of commands that send requests, and what is checked of them before anything is read.

use std::io::IsTerminal;

use mozci_core::plan::Wish;
use mozci_engine::Error;
use mozci_engine::config::credentials_missing;
use mozci_engine::drive::Permission;

use crate::context::Context;
use crate::failure;

/// Whether an act is carried out, and who is asked before.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Requesting jobs")]
pub(crate) struct ConfirmArgs {
    /// Show the plan and send nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Don't ask before sending
    #[arg(long, short)]
    pub(crate) yes: bool,
}

impl ConfirmArgs {
    /// Whether requests may be sent.
    pub(crate) fn permission(&self) -> Permission {
        match (self.dry_run, self.yes) {
            (true, _) => Permission::DryRun,
            (false, true) => Permission::Given,
            (false, false) => Permission::Ask,
        }
    }
}

/// How an act is carried out that has something to wait for.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Requesting jobs")]
pub(crate) struct ActArgs {
    #[command(flatten)]
    pub(crate) confirm: ConfirmArgs,
    /// A value for a field of a Buildbot force scheduler; may be repeated
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = parameter)]
    pub(crate) parameters: Vec<(String, String)>,
    /// Follow what was requested, and what was under way already, until it has ended
    #[arg(long)]
    pub(crate) wait: bool,
}

/// Reads a name with its value.
fn parameter(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("it needs a name, an equals sign and a value".to_owned()),
    }
}

/// How many runs are wanted, and where.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Requesting jobs")]
pub(crate) struct WishArgs {
    /// Have N runs on each push that is asked about, counting what is there and what is requested
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) times: u32,
    /// Leave out pushes whose build was never made, instead of having it made
    #[arg(long)]
    pub(crate) built: bool,
}

impl WishArgs {
    pub(crate) fn wish(&self) -> Wish {
        Wish { times: self.times, only_built: self.built }
    }
}

/// Refuses before anything is read what could not be carried out anyway.
pub(crate) fn check(context: &Context, args: &ConfirmArgs) -> Result<(), Error> {
    if args.dry_run {
        return Ok(());
    }
    failure::may_send();
    if !context.ci.can_send() {
        return Err(credentials_missing(&context.config));
    }
    let can_send = std::io::stdin().is_terminal() && !context.global.json;
    if !args.yes && !can_send {
        return Err(Error::Usage(
            "this is not a terminal, so nobody can confirm: pass `--yes` to send, or `--dry-run` to see the plan".into(),
        ));
    }
    Ok(())
}

/// Checks what an act needs before anything is read, and hands on what was given for force schedulers, by which
/// is decided how a builder is requested.
pub(crate) fn begin(context: &Context, args: &ActArgs) -> Result<(), Error> {
    check(context, &args.confirm)?;
    take_parameters(context, args)
}

fn take_parameters(context: &Context, args: &ActArgs) -> Result<(), Error> {
    let backend = context.ci.backend();
    if args.parameters.is_empty() {
        return Ok(());
    }
    if !backend.takes_values() {
        return Err(Error::Usage(format!(
            "--param is for Buildbot masters, and {} is not one",
            context.ci.root_url
        )));
    }
    context.talk("note: existing runs count, whatever their parameters: --times N requests more");
    backend.give(&context.ci, args.parameters.clone())
}
