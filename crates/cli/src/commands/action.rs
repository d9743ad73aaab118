//! `mozci action`

mod tracker;

use std::path::{Path, PathBuf};

use clap::Parser;
use mozci_clients::taskcluster::{BackfillInput, BisectInput, Button, ENOUGH_RUNS, Pressed};
use mozci_core::ids::TaskId;
use mozci_engine::Error;
use mozci_engine::backend::taskcluster::{Selected, earlier_presses, selected};
use mozci_engine::config::Config;
use serde_json::{Value, json};

use super::{backfill, bisect, trigger};
use crate::app::{Done, Global, Interrupt};
use crate::context::Context;
use crate::failure;
use crate::show::{Out, VERSION};
use crate::stats::Stats;

/// Arguments of `mozci action`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {
    /// The folder in which mozci.json is written; workers publish it under public/
    #[arg(long, value_name = "DIR", default_value = "artifacts")]
    artifacts: PathBuf,
}

const AFTER: &str = "\
Reads ACTION_CALLBACK, ACTION_TASK_ID, ACTION_TASK_GROUP_ID and ACTION_INPUT. Sends its requests through TASKCLUSTER_PROXY_URL, with the scopes of the task. `mozci taskgraph-action` writes the file
that a tree needs.";

/// The file that says what was done.
const FILE: &str = "mozci.json";

/// Carries out what a button in Treeherder requests, inside the action's task.
pub(crate) async fn run(
    args: &Args,
    global: &Global,
    stats: &Stats,
    interrupt: &Interrupt,
) -> Done {
    if global.json {
        return Err(Error::Usage(format!(
            "`mozci action` writes text for the task's log, and its JSON to {}/{FILE}",
            args.artifacts.display()
        )));
    }
    // Before anything is sent: what was done must be told.
    std::fs::create_dir_all(&args.artifacts).map_err(unwritable(&args.artifacts))?;
    let mut about = json!({"version": VERSION, "command": "action"});
    let done = press(global, stats, interrupt, &mut about).await;
    match &done {
        Ok(status) => about["status"] = json!(status),
        Err(error) => about["error"] = failure::object(error, stats.sent()),
    }
    let path = args.artifacts.join(FILE);
    std::fs::write(&path, format!("{about:#}\n")).map_err(unwritable(&path))?;
    done
}

fn unwritable(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    move |error| Error::Odd(format!("cannot write {}: {error}", path.display()))
}

/// Finds out what was pressed on what, and runs the command for it. What becomes known on the way is put into
/// `about`.
async fn press(global: &Global, stats: &Stats, interrupt: &Interrupt, about: &mut Value) -> Done {
    let env = |name: &str| std::env::var(name).ok();
    let pressed = Pressed::read(env).map_err(Error::Usage)?;
    about["task"] = json!(pressed.task);
    about["task_group"] = json!(pressed.group);
    let (context, selected) = open(global, &pressed, env("TASKCLUSTER_ROOT_URL")).await?;
    about["ci"] = json!(context.ci_name);
    about["repo"] = json!(context.ci.repo);
    about["job"] = json!(selected.job);
    stats.watch(&context);
    let mut out = Out::stdout(global).keeping();
    let words = command(&pressed, &selected);
    about["runs"] = json!(words);
    out.line(&format!("{} was selected; this runs: mozci {}", selected.job, shown(&words)));
    if !pressed.ignored.is_empty() {
        let ignored = pressed.ignored.join(", ");
        out.line(&format!("note: {ignored} of the input belongs to the tree's own backfill and does nothing here: each push gets the runs it lacks"));
    }
    let own = env("TASK_ID");
    wait_for_earlier(&context, &pressed, &selected, &mut out, interrupt, own).await;
    let done = match &pressed.button {
        Button::Backfill(_) => {
            backfill::run(parsed(&words)?, &context, &mut out, stats, interrupt).await
        }
        Button::Bisect(_) => {
            bisect::run(parsed(&words)?, &context, &mut out, stats, interrupt).await
        }
        Button::RetriggerUntil(_) => {
            trigger::run(parsed(&words)?, &context, &mut out, stats, interrupt).await
        }
    };
    if let Some(answer) = out.take_kept() {
        if let Button::Backfill(_) = pressed.button {
            for line in tracker::lines(selected.job.as_str(), &answer, |task| context.ci.link(task))
            {
                out.line(&line);
            }
        }
        about["answer"] = answer;
    }
    context.say_notes();
    stats.say(&context);
    out.finish()?;
    done
}

/// Waits until earlier presses on the same job have ended, so that this one sees what they sent. Where that cannot be
/// told, or takes too long, it says so and goes on.
async fn wait_for_earlier(
    context: &Context,
    pressed: &Pressed,
    selected: &Selected,
    out: &mut Out,
    interrupt: &Interrupt,
    own: Option<String>,
) {
    let unknown =
        "note: it is not known whether another press is at work, so a push may get one extra run";
    let Some(own) = own.and_then(|own| own.parse().ok()) else {
        out.line(&format!("{unknown}: TASK_ID is not set"));
        return;
    };
    let link = |task: TaskId| context.ci.link(task.into()).unwrap_or_else(|| task.to_string());
    let mut on_wait = |task| {
        let link = link(task);
        out.line(&format!("an earlier press on this job is at work; waiting for it: {link}"));
    };
    let (job, stop) = (&selected.job, &interrupt.stop);
    let waited = earlier_presses(&context.ci, pressed, own, job, stop, &mut on_wait).await;
    match waited {
        Ok(None) => {}
        Ok(Some((task, seconds))) => out.line(&format!(
            "note: {} is still at work after {seconds} s: a push may get one extra run",
            link(task)
        )),
        Err(error) => out.line(&format!("{unknown}: {error}")),
    }
}

/// Opens the CI that the task runs on, and the repository that the selected task ran for.
async fn open(
    global: &Global,
    pressed: &Pressed,
    root: Option<String>,
) -> Result<(Context, Selected), Error> {
    let config = Config::load(global.config.as_deref())?;
    // The task is of one Taskcluster, whose proxy signs for no other.
    let own = match root.filter(|root| !root.is_empty()) {
        Some(root) => Some(config.ci_at(&root)?.to_owned()),
        None => None,
    };
    let name = match (&global.ci, own) {
        (Some(name), Some(own)) if *name != own => {
            return Err(Error::Usage(format!(
                "this task is one of the CI {own:?} (TASKCLUSTER_ROOT_URL), and --ci names {name:?}"
            )));
        }
        (given, own) => own.or_else(|| given.clone()),
    };
    let global = Global { ci: name, ..global.clone() };
    let (_, ci) = config.ci(global.ci.as_deref())?;
    // Any repository will do to read the task, which names its own.
    let first = ci.repos.keys().next().cloned();
    let any = Global { repo: None, ..global.clone() };
    let context = Context::configured(&any, global.repo.clone().or(first))?;
    let selected = selected(&context.ci, pressed).await?;
    if *selected.project == *context.ci.project() {
        return Ok((context, selected));
    }
    if let Some(repo) = &global.repo {
        return Err(Error::Usage(format!(
            "the task {} ran for {}, and {repo} was asked about",
            pressed.task, selected.project
        )));
    }
    let own = Context::configured(&global, Some(selected.project.clone()))?;
    Ok((own, selected))
}

/// The command that does what was requested.
fn command(pressed: &Pressed, selected: &Selected) -> Vec<String> {
    let task = pressed.task;
    let mut words: Vec<String> = Vec::new();
    let mut push = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            words.push(format!("--{name}={value}"));
        }
    };
    let number = |value: &Option<u32>| value.filter(|number| *number > 0).map(|n| n.to_string());
    let text = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
    let name = match &pressed.button {
        Button::Backfill(BackfillInput { max_revisions, times, test }) => {
            push("rev", Some(task.to_string()));
            push("max-revisions", number(max_revisions));
            push("times", number(times));
            push("test", text(test));
            "backfill"
        }
        Button::Bisect(BisectInput { max_revisions, budget, mark, test }) => {
            push("bad", Some(task.to_string()));
            push("max-revisions", number(max_revisions));
            push("budget", number(budget));
            push("test", text(test));
            words.push("--no-wait".to_owned());
            if *mark == Some(true) {
                words.push("--mark".to_owned());
            }
            "bisect"
        }
        Button::RetriggerUntil(input) => {
            push("rev", Some(task.to_string()));
            push("times", Some(input.runs.unwrap_or(ENOUGH_RUNS).to_string()));
            "trigger"
        }
    };
    words.insert(0, name.to_owned());
    // A label may begin with a dash.
    words.extend(["--yes".to_owned(), "--".to_owned(), selected.job.to_string()]);
    words
}

/// The command as it can be given again.
fn shown(words: &[String]) -> String {
    words.iter().map(|word| crate::show::shell_word(word)).collect::<Vec<_>>().join(" ")
}

/// A command's arguments alone.
#[derive(Parser)]
#[command(no_binary_name = true)]
struct Alone<A: clap::Args> {
    #[command(flatten)]
    args: A,
}

/// The arguments of a command, read as from a command line.
fn parsed<A: clap::Args>(words: &[String]) -> Result<A, Error> {
    let alone = Alone::<A>::try_parse_from(words.iter().skip(1));
    alone.map(|alone| alone.args).map_err(|error| Error::Usage(error.to_string()))
}
