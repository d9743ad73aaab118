//! The command line, and how a command is run.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use clap::error::ErrorKind;
use clap::{FromArgMatches, Parser, Subcommand};
use clap_complete::CompleteEnv;
use clap_complete::engine::ArgValueCompleter;
use mozci_clients::taskcluster::RENDER;
use mozci_engine::Error;
use tokio_util::sync::CancellationToken;

use crate::args::repo_among;
use crate::commands::{
    action, auth, backfill, bisect, cache, cancel, chooser, completions, config, demo, doctor,
    failures, fill, flakiness, guard, investigations, jobs, open, pushes, render_action, requests,
    retrigger, serve, taskgraph_action, trigger, watch,
};
use crate::context::Context;
use crate::desk::notification;
use crate::show::{Out, pager};
use crate::stats::Stats;
use crate::{complete, failure, help, log, system};

/// Finds the push that broke a CI job, and proves it.
#[derive(Debug, Parser)]
#[command(name = "mozci", version, about, propagate_version = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options that every command takes.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Global {
    /// The config file [default: $XDG_CONFIG_HOME/mozci/config.toml]
    #[arg(long, global = true, env = "MOZCI_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The CI, by its name in the config; `demo` is a simulated one
    #[arg(long, global = true, env = "MOZCI_CI", value_name = "NAME", add = ArgValueCompleter::new(complete::cis))]
    pub(crate) ci: Option<String>,
    /// The repository, by its name in the config
    #[arg(long, global = true, env = "MOZCI_REPO", value_name = "NAME", add = ArgValueCompleter::new(complete::repos))]
    pub(crate) repo: Option<String>,
    /// The folder of a Git or Mercurial clone, for looking up short hashes
    #[arg(long, global = true, env = "MOZCI_CLONE", value_name = "DIR")]
    pub(crate) clone: Option<PathBuf>,
    /// Write one JSON object: the same as `--format json`
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// How the answer is written
    #[arg(long, global = true, value_enum, default_value_t, conflicts_with = "json")]
    pub(crate) format: Format,
    /// When to colour the answer
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub(crate) color: Color,
    /// Write a long answer to the terminal without a pager (PAGER names the pager, `less` otherwise)
    #[arg(long, global = true)]
    pub(crate) no_pager: bool,
    /// Show a desktop notification when the command has ended
    #[arg(long, global = true)]
    pub(crate) notify: bool,
    /// Report time, requests and memory used
    #[arg(long, global = true)]
    pub(crate) stats: bool,
    /// End with status 1 where the answer is bad
    #[arg(long, global = true)]
    pub(crate) exit_status: bool,
    /// Log every request to stderr; -vv also logs what the program does about it
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Print only errors to stderr
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
}

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum Format {
    /// Aligned columns, for people
    #[default]
    Table,
    /// Markdown, for issues and chats
    Markdown,
    /// The tables alone as CSV, for spreadsheets; notes go to stderr
    Csv,
    /// One JSON object, for programs
    Json,
    /// `chooser`: build types, platforms, builds and tests, as the graphs.json of 2015 has them
    Graphs,
    /// `chooser`: the jobs, one a line
    Labels,
    /// `chooser`: what `mach try` pushes
    TryTaskConfig,
}

/// When an answer has colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Everywhere
    Always,
    /// Nowhere
    Never,
}

impl Color {
    /// Has everything that is written from here on coloured so.
    fn apply(self) {
        match self {
            Self::Auto => {}
            Self::Always => anstream::ColorChoice::Always.write_global(),
            Self::Never => anstream::ColorChoice::Never.write_global(),
        }
    }
}

impl Format {
    /// Whether only `chooser` writes it.
    pub(crate) fn is_choosers(self) -> bool {
        matches!(self, Self::Graphs | Self::Labels | Self::TryTaskConfig)
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The pushes of a range
    Pushes(pushes::Args),
    /// The state of every job on every push of a range
    Jobs(jobs::Args),
    /// Which tests failed in runs, how, and whether it is the same failure
    Failures(failures::Args),
    /// How often something fails, with what certainty, and where that changed
    Flakiness(flakiness::Args),
    /// Open the page of a push or a run in the browser
    Open(open::Args),
    /// Everything that can run on a push: builds, and the tests on each
    Chooser(chooser::Args),
    /// Ensure that each job has N runs on each push of a range
    Trigger(trigger::Args),
    /// Fill the holes of a job from a bad push back to the last good one
    Backfill(backfill::Args),
    /// Find the push that broke something: trigger, wait, decide
    Bisect(bisect::Args),
    /// Follow jobs, a request or an investigation to the end
    Watch(watch::Args),
    /// List searches and watches, show one, resume one
    Investigations(investigations::Args),
    /// Request every job of a push that is missing or only coalesced
    Fill(fill::Args),
    /// Run failed or coalesced jobs of a push again
    Retrigger(retrigger::Args),
    /// Serve a dashboard of what is broken, with plans to confirm and searches
    Serve(serve::Args),
    /// Cancel waiting and running jobs
    Cancel(cancel::Args),
    /// Where credentials come from, and what they allow
    Auth(auth::Args),
    /// Check each source: reachable, authorised, responses valid, clocks, lag
    Doctor(doctor::Args),
    /// Limits that keep the CI from being flooded, and what has used them
    Guard(guard::Args),
    /// Requests sent to the CI from here: the ledger
    Requests(requests::Args),
    /// Write, find or list the configuration
    Config(config::Args),
    /// The cache: what it holds, and removing it
    Cache(cache::Args),
    /// Run as the action behind a button in Treeherder, inside its task
    Action(action::Args),
    /// Print the file that adds mozci's actions to a tree
    TaskgraphAction(taskgraph_action::Args),
    /// A simulated CI: a short tour, or servers for other programs
    Demo(demo::Args),
    /// Completions for a shell, on stdout
    Completions(completions::Args),
    /// The manual pages
    Man(completions::ManArgs),
}

impl Command {
    /// Whether the command reads, and shows everything at its end.
    fn only_reads(&self) -> bool {
        matches!(
            self,
            Self::Pushes(_)
                | Self::Jobs(_)
                | Self::Failures(_)
                | Self::Flakiness(_)
                | Self::Chooser(_)
                | Self::Doctor(_)
                | Self::Guard(_)
        )
    }

    /// Whether its answer is made of tables, which CSV can hold.
    fn has_tables(&self) -> bool {
        matches!(self, Self::Requests(_) | Self::Investigations(_))
            || (self.only_reads() && !matches!(self, Self::Failures(_)))
    }
}

/// What a command came to: its exit status.
pub(crate) type Done = Result<u8, Error>;

/// What can interrupt a command.
#[derive(Debug, Default)]
pub(crate) struct Interrupt {
    /// Set by the first Ctrl-C: finish what is under way, begin nothing.
    pub(crate) stop: CancellationToken,
    /// Set while requests are sent or followed, which must not just be dropped.
    pub(crate) acting: AtomicBool,
}

pub(crate) fn main() -> ExitCode {
    // Before anything else: whatever is rendered must not profit from what is set up here.
    if std::env::args_os().nth(1).is_some_and(|first| first == RENDER) {
        return render_action::run();
    }
    // A shell that completes runs the program with COMPLETE set; then nothing else happens.
    CompleteEnv::with_factory(help::command).complete();
    let command = if help::is_wanted() { help::for_help() } else { help::command() };
    let parsed = command.try_get_matches().and_then(|found| Cli::from_arg_matches(&found));
    let wants_json = std::env::args_os().any(|word| word == "--json" || word == "--format=json");
    let mut cli = parsed.unwrap_or_else(|error| {
        // Where a command within is missing, its help is shown, and that with its texts.
        let is_help = error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
        let error = match help::for_help().try_get_matches() {
            Err(with_texts) if is_help => with_texts,
            _ => error,
        };
        failure::end_usage(&error, wants_json)
    });
    cli.global.json |= cli.global.format == Format::Json;
    cli.global.color.apply();
    if cli.global.no_pager {
        pager::turn_off();
    }
    log::start(&cli.global);
    let started = Instant::now();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            let error = Error::Odd(format!("cannot start: {error}"));
            return ExitCode::from(failure::report(&error, 0));
        }
    };
    let stats = Stats::new(started);
    let json = cli.global.json;
    let status = match runtime.block_on(interruptible(cli, &stats)) {
        Ok(status) => status,
        Err(error) => {
            if json {
                failure::write_json(&error, stats.sent());
            }
            failure::report(&error, stats.sent())
        }
    };
    // Whatever is still open (a simulated server, a connection) ends with the program.
    runtime.shutdown_background();
    ExitCode::from(status)
}

async fn interruptible(cli: Cli, stats: &Stats) -> Done {
    let interrupt = Interrupt::default();
    let command = run(cli, stats, &interrupt);
    tokio::pin!(command);
    loop {
        tokio::select! {
            done = &mut command => return done,
            signal = system::asked_to_end() => {
                let again = interrupt.stop.is_cancelled();
                interrupt.stop.cancel();
                if signal.is_err() || again || !interrupt.acting.load(Ordering::Relaxed) {
                    return Err(Error::Interrupted);
                }
                failure::say("interrupted: finishing the requests under way; Ctrl-C again quits now");
            }
        }
    }
}

async fn run(cli: Cli, stats: &Stats, interrupt: &Interrupt) -> Done {
    let global = cli.global;
    if global.format == Format::Csv && !cli.command.has_tables() {
        return Err(Error::Usage(
            "only jobs, pushes, flakiness, chooser, doctor, guard, requests and investigations write CSV".into(),
        ));
    }
    let command = match cli.command {
        Command::Demo(args) => return demo::run(args, &global, stats, interrupt).await,
        Command::Action(args) => return action::run(&args, &global, stats, interrupt).await,
        Command::TaskgraphAction(args) => return taskgraph_action::run(&args, &global),
        Command::Cache(args) => return cache::run(&args, &global),
        Command::Config(args) => return config::run(args, &global, stats).await,
        Command::Completions(args) => return completions::run(&args),
        Command::Man(args) => return completions::man(&args),
        Command::Failures(args) if failures::is_of_files(&args) => {
            return failures::run_files(&args, &global);
        }
        command => command,
    };
    if global.json && !matches!(global.format, Format::Table | Format::Json) {
        return Err(Error::Usage(
            "--json and another --format contradict each other: give one of them".into(),
        ));
    }
    if global.format.is_choosers() && !matches!(command, Command::Chooser(_)) {
        return Err(Error::Usage("only `mozci chooser` writes this format".into()));
    }
    let named = match &command {
        Command::Chooser(args) => args.range.named_repo(),
        Command::Pushes(args) => args.range.named_repo(),
        Command::Jobs(args) => repo_among(args.range.rev.as_ref(), &args.jobs),
        Command::Failures(args) => args.range.named_repo(),
        Command::Open(args) => args.named_repo(),
        Command::Flakiness(args) => repo_among(args.range.rev.as_ref(), &args.jobs),
        Command::Trigger(args) => repo_among(args.range.rev.as_ref(), &args.jobs),
        Command::Backfill(args) => args.named_repo(),
        Command::Bisect(args) => args.named_repo(),
        Command::Watch(args) => args.range.named_repo(),
        Command::Fill(args) => repo_among(Some(&args.rev), &args.jobs),
        Command::Retrigger(args) => repo_among(Some(&args.rev), &args.jobs),
        Command::Cancel(args) => repo_among(args.range.rev.as_ref(), &args.jobs),
        _ => None,
    };
    let context = Context::open(&global, named).await?;
    stats.watch(&context);
    let mut out = Out::stdout(&global);
    if let Command::Serve(args) = command {
        return serve::run(args, context, &mut out, interrupt).await;
    }
    if command.only_reads() {
        out = out.paging();
    }
    let done = match command {
        Command::Pushes(args) => pushes::run(args, &context, &mut out, stats).await,
        Command::Jobs(args) => jobs::run(args, &context, &mut out, stats).await,
        Command::Failures(args) => failures::run(args, &context, &mut out, stats).await,
        Command::Open(args) => open::run(args, &context, &mut out).await,
        Command::Flakiness(args) => flakiness::run(args, &context, &mut out, stats).await,
        Command::Chooser(args) => chooser::run(args, &context, &mut out, stats).await,
        Command::Trigger(args) => trigger::run(args, &context, &mut out, stats, interrupt).await,
        Command::Backfill(args) => backfill::run(args, &context, &mut out, stats, interrupt).await,
        Command::Bisect(args) => bisect::run(args, &context, &mut out, stats, interrupt).await,
        Command::Watch(args) => watch::run(args, &context, &mut out, stats, interrupt).await,
        Command::Investigations(args) => {
            investigations::run(args, &context, &mut out, stats, interrupt).await
        }
        Command::Fill(args) => fill::run(args, &context, &mut out, stats, interrupt).await,
        Command::Retrigger(args) => {
            retrigger::run(args, &context, &mut out, stats, interrupt).await
        }
        Command::Cancel(args) => cancel::run(args, &context, &mut out, stats, interrupt).await,
        Command::Doctor(args) => doctor::run(args, &context, &mut out, stats).await,
        Command::Auth(args) => auth::run(args, &context, &mut out).await,
        Command::Guard(args) => guard::run(args, &context, &mut out, stats).await,
        Command::Requests(args) => requests::run(args, &context, &mut out, stats, interrupt).await,
        Command::Action(_)
        | Command::TaskgraphAction(_)
        | Command::Demo(_)
        | Command::Cache(_)
        | Command::Serve(_)
        | Command::Config(_)
        | Command::Completions(_)
        | Command::Man(_) => Ok(0),
    };
    context.ci.leave().await;
    context.say_notes();
    if done.is_err() || !global.json {
        stats.say(&context);
    }
    if global.notify {
        let ended = match &done {
            Ok(0) => "the command is done".to_owned(),
            Ok(status) => format!("the command has ended with status {status}"),
            Err(error) => error.to_string(),
        };
        notification::notify(&out.gist().unwrap_or(ended));
    }
    let written = out.finish();
    done.and_then(|status| written.map(|()| status))
}
