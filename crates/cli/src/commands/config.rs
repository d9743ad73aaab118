//! `mozci config`

use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

use mozci_engine::Error;
use mozci_engine::config::{Config, Here, Starter, credentials, repo_of_clone};
use serde_json::{Value, json};

use super::doctor;
use crate::app::{Done, Global};
use crate::context::Context;
use crate::show::{Out, Table, VERSION, column};
use crate::stats::Stats;

/// Arguments of `mozci config`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Write a config file for your CI, and check it
    Init(Init),
    /// Print where the config file is
    Path,
    /// Show which CI and repository commands use here, and what says so
    Show,
    /// List the CIs and their repositories
    List,
}

/// What is known of the CI; what is missing is asked on a terminal.
#[derive(Debug, clap::Args)]
struct Init {
    /// The kind of CI: taskcluster, buildbot or buildapi
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// The URL of the CI: Taskcluster's root URL, a Buildbot master, or self-serve
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// The name of the CI in the config
    #[arg(long, value_name = "NAME", default_value = "main")]
    name: String,
    /// The name of its repository in the config: a branch, or a project of Treeherder
    #[arg(long = "repository", value_name = "NAME")]
    repository: Option<String>,
    /// The branch, where it is not called as the repository
    #[arg(long, value_name = "BRANCH")]
    branch: Option<String>,
    /// Treeherder, for a Taskcluster CI
    #[arg(long, value_name = "URL")]
    treeherder_url: Option<String>,
    /// A Mercurial repository with a pushlog, for Taskcluster and BuildAPI
    #[arg(long, value_name = "URL")]
    pushlog_url: Option<String>,
}

/// Write, find or list the configuration.
pub(crate) async fn run(args: Args, global: &Global, stats: &Stats) -> Done {
    match args.what {
        What::Init(init) => write(init, global, stats).await,
        What::Path => path(global),
        What::Show => show(global),
        What::List => list(global),
    }
}

/// The file that is read where none is named.
fn file(global: &Global) -> Result<PathBuf, Error> {
    global.config.clone().or_else(Config::usual_path).ok_or_else(|| {
        Error::Usage("this system names no folder for configs: give --config FILE".into())
    })
}

fn path(global: &Global) -> Done {
    let path = file(global)?;
    let mut out = Out::stdout(global);
    match out.json {
        true => out.object(&json!({
            "version": VERSION, "command": "config", "path": path, "exists": path.exists(),
        }))?,
        false => out.line(&path.display().to_string()),
    }
    out.finish()?;
    Ok(0)
}

/// The name of the simulated CI.
const DEMO: &str = "demo";

/// What commands that are run here use, and what says so.
fn show(global: &Global) -> Done {
    let config = Config::load(global.config.as_deref())?;
    if global.ci.as_deref() == Some(DEMO) && !config.ci.contains_key(DEMO) {
        return Err(Error::Usage(
            "`--ci demo` is a simulated CI within the program: no config says anything of it"
                .into(),
        ));
    }
    let folder = std::env::current_dir().unwrap_or_default();
    let here = Here::of(&folder)?;
    let of_file = here.as_ref().map(|(path, here)| (path.display().to_string(), here));
    let (ci, ci_by) = match (&global.ci, &of_file) {
        (Some(name), _) => (Some(name.clone()), "--ci or MOZCI_CI".to_owned()),
        (None, Some((path, Here { ci: Some(name), .. }))) => (Some(name.clone()), path.clone()),
        _ if config.default_ci.is_some() => (None, "the config".to_owned()),
        _ => (None, "built in".to_owned()),
    };
    let (ci, own) = config.ci(ci.as_deref())?;
    let (repo, repo_by) = match (&global.repo, &of_file) {
        (Some(name), _) => (Some(name.clone()), "--repo or MOZCI_REPO".to_owned()),
        (None, Some((path, Here { repo: Some(name), .. }))) => (Some(name.clone()), path.clone()),
        _ => match repo_of_clone(own, &folder) {
            Some(name) => (Some(name), "the remote of the clone here".to_owned()),
            None => (None, "the CI's usual one".to_owned()),
        },
    };
    let (repo, _) = own.repo(repo.as_deref())?;
    let file = file(global)?;
    let (exists, source) = (file.exists(), credentials(own, |name| std::env::var(name).ok())?);
    let mut out = Out::stdout(global);
    let mut table = Table::new([column("what"), column("value").wraps(20), column("by").wraps(12)]);
    let in_file = if exists { "read" } else { "not there" };
    for (what, value, by) in [
        ("config", file.display().to_string(), in_file.to_owned()),
        ("CI", ci.to_owned(), ci_by.clone()),
        ("URL", own.root_url.clone(), "the CI".to_owned()),
        ("repository", repo.to_string(), repo_by.clone()),
        ("credentials", source.words(), String::new()),
    ] {
        table.row([what.to_owned(), value, by]);
    }
    out.table(table);
    if out.json {
        out.object(&json!({
            "version": VERSION, "command": "config", "path": file, "exists": exists,
            "ci": ci, "ci_by": ci_by, "url": own.root_url, "repo": repo, "repo_by": repo_by,
            "credentials": source.words(),
        }))?;
    }
    out.finish()?;
    Ok(0)
}

fn list(global: &Global) -> Done {
    let config = Config::load(global.config.as_deref())?;
    // The simulated CI is in no config.
    let named = global.ci.as_deref().filter(|name| *name != DEMO || config.ci.contains_key(*name));
    let (default, _) = config.ci(named)?;
    let mut out = Out::stdout(global);
    let mut entries: Vec<Value> = Vec::new();
    for (name, ci) in &config.ci {
        let repos: Vec<&str> = ci.repos.keys().map(String::as_str).collect();
        let mark = if name == default { "* " } else { "  " };
        out.line(&format!(
            "{mark}{name}  {}  {}",
            json!(ci.kind).as_str().unwrap_or("?"),
            ci.root_url
        ));
        out.line(&format!("    {}", repos.join(", ")));
        entries.push(json!({
            "name": name, "kind": ci.kind, "url": ci.root_url, "repositories": repos,
            "default": name == default,
        }));
    }
    if out.json {
        out.object(&json!({"version": VERSION, "command": "config", "cis": entries}))?;
    }
    out.finish()?;
    Ok(0)
}

/// Writes a config file that is not there yet, and checks the CI with it.
async fn write(init: Init, global: &Global, stats: &Stats) -> Done {
    let path = file(global)?;
    let kind = given_or_asked(init.kind, "--kind", "Kind (taskcluster, buildbot, buildapi)")?;
    let url = given_or_asked(init.url, "--url", "URL of the CI")?;
    let repo = given_or_asked(init.repository, "--repository", "Branch or repository")?;
    let starter = Starter {
        kind,
        url,
        name: init.name,
        repo,
        branch: init.branch,
        treeherder_url: init.treeherder_url,
        pushlog_url: init.pushlog_url,
    };
    let text = starter.text()?;
    save(&path, &text)?;
    let mut out = Out::stdout(global);
    out.line(&format!("wrote {}", path.display()));
    let own = Global { config: Some(path), ci: None, repo: None, ..global.clone() };
    let context = Context::open(&own, None).await?;
    stats.watch(&context);
    let status = doctor::run(doctor::Args {}, &context, &mut out, stats).await?;
    out.line("next: `mozci jobs` shows the runs of the newest pushes");
    context.say_notes();
    out.finish()?;
    Ok(status)
}

/// Never over a file that is there.
fn save(path: &Path, text: &str) -> Result<(), Error> {
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Error::Usage(format!(
            "{} exists already: add this to it, or name another file with --config\n{text}",
            path.display()
        )),
        _ => Error::Odd(format!("cannot write {}: {error}", path.display())),
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut file = std::fs::File::create_new(path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)
}

/// What was given; on a terminal what somebody types.
fn given_or_asked(given: Option<String>, option: &str, question: &str) -> Result<String, Error> {
    if let Some(given) = given {
        return Ok(given);
    }
    let missing = || Error::Usage(format!("`mozci config init` needs {option}"));
    if !std::io::stdin().is_terminal() {
        return Err(missing());
    }
    let failed = |error: std::io::Error| Error::Odd(format!("cannot ask: {error}"));
    let mut stderr = std::io::stderr();
    write!(stderr, "{question}: ").and_then(|()| stderr.flush()).map_err(failed)?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(failed)?;
    match answer.trim() {
        "" => Err(missing()),
        answer => Ok(answer.to_owned()),
    }
}
