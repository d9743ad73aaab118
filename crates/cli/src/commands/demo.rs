//! `mozci demo`: a story told on a simulated CI.

use std::time::Duration;

use mozci_core::revision::RevisionSpec;
use mozci_engine::Error;
use mozci_sim::SimConfig;

use super::demo_serve;
use crate::app::{Cli, Done, Global, Interrupt};
use crate::commands::{backfill, jobs};
use crate::context::{Context, demo_world};
use crate::show::Out;
use crate::stats::Stats;
use clap::{CommandFactory, FromArgMatches};

/// Arguments of `mozci demo`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<DemoCommand>,
    /// The seed of the simulated history
    #[arg(long, default_value_t = 7, value_name = "S")]
    seed: u64,
}

#[derive(Debug, clap::Subcommand)]
enum DemoCommand {
    /// Keep a simulated CI up for other programs until it is ended
    Serve(demo_serve::Args),
}

/// Tells the story, or serves.
pub(crate) async fn run(args: Args, global: &Global, stats: &Stats, interrupt: &Interrupt) -> Done {
    match args.command {
        Some(DemoCommand::Serve(serve)) => demo_serve::run(serve).await,
        None => tell(args.seed, global, stats, interrupt).await,
    }
}

async fn tell(seed: u64, global: &Global, stats: &Stats, interrupt: &Interrupt) -> Done {
    if global.json {
        return Err(Error::Usage(
            "the story is for people: run a command with `--ci demo --json` instead".into(),
        ));
    }
    let mut world = demo_world(seed, 60);
    // Half an hour of machine time passes in two seconds.
    world.speed = 900.0;
    let sim = SimConfig { world, latency: Duration::from_millis(15), ..SimConfig::default() };
    let context = Context::demo(global, sim).await?;
    let truth = match &context.sim {
        Some((sim, _)) => sim.world.truth(),
        None => return Err(Error::Odd("the simulated CI did not start".into())),
    };
    let Some(story) = truth.story else {
        return Err(Error::Odd("the simulated history has no story".into()));
    };
    let mut out = Out::stdout(global);
    let bad = &story.bad[..12];
    out.line("A simulated CI is up: 60 pushes of autoland, a Mercurial pushlog, Treeherder, Taskcluster.");
    out.line("A test fails on the newest push. Most pushes did not run it. Which one broke it?");
    out.line("");

    out.line(&format!("$ mozci jobs {} --rev {bad} --back-revisions 11", story.job));
    let args = parse(&["jobs", &story.job, "--rev", bad, "--back-revisions", "11"])?;
    let args = jobs::Args::from_arg_matches(&args).map_err(usage)?;
    jobs::run(args, &context, &mut out, stats).await?;

    out.line("");
    out.line(&format!("$ mozci backfill {} --rev {bad} --wait --yes", story.job));
    let args = parse(&["backfill", &story.job, "--rev", bad, "--wait", "--yes"])?;
    let mut args = backfill::Args::from_arg_matches(&args).map_err(usage)?;
    args.rev = Some(RevisionSpec::Hash(bad.to_owned()).into());
    let status = backfill::run(args, &context, &mut out, stats, interrupt).await?;

    out.line("");
    out.line(&format!("planted    {}: that push broke it", &story.culprit[..12]));
    out.line("Go on with `mozci backfill --help`, or `mozci demo serve` for your own commands.");
    context.say_notes();
    stats.say(&context);
    Ok(status)
}

/// Reads the arguments of a command of ours as the command line does.
fn parse(arguments: &[&str]) -> Result<clap::ArgMatches, Error> {
    let line = std::iter::once("mozci").chain(arguments.iter().copied());
    let matches = Cli::command().try_get_matches_from(line).map_err(usage)?;
    let (_, of_command) = matches.subcommand().ok_or_else(|| Error::Odd("no command".into()))?;
    Ok(of_command.clone())
}

fn usage(error: clap::Error) -> Error {
    Error::Usage(error.to_string())
}
