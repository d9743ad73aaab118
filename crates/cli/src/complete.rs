//! Values that a shell completes: names of CIs, repositories, jobs, investigations and requests, from the config and
//! from what this machine has kept. No server is asked.

use std::ffi::OsStr;

use clap_complete::engine::CompletionCandidate;
use mozci_engine::config::Config;
use mozci_engine::flow::seen_names;

use crate::app::Global;
use crate::context::Context;

/// Values that are offered at the most.
const MOST: usize = 500;

/// The options as the environment has them: a shell does not hand over the rest of the line.
fn global() -> Global {
    let var = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    Global {
        config: var("MOZCI_CONFIG").map(Into::into),
        ci: var("MOZCI_CI"),
        repo: var("MOZCI_REPO"),
        quiet: true,
        ..Global::default()
    }
}

fn config() -> Option<Config> {
    Config::load(global().config.as_deref()).ok()
}

fn fitting(current: &OsStr, all: impl IntoIterator<Item = String>) -> Vec<CompletionCandidate> {
    let Some(current) = current.to_str() else { return Vec::new() };
    let fits = |name: &String| name.starts_with(current);
    all.into_iter().filter(fits).take(MOST).map(CompletionCandidate::new).collect()
}

/// CIs of the config, and the simulated one.
pub(crate) fn cis(current: &OsStr) -> Vec<CompletionCandidate> {
    let names = config().map(|config| config.ci.into_keys().collect::<Vec<_>>());
    fitting(current, names.unwrap_or_default().into_iter().chain(["demo".to_owned()]))
}

/// Repositories of the CI that commands use unless another is named.
pub(crate) fn repos(current: &OsStr) -> Vec<CompletionCandidate> {
    let names = config().and_then(|config| {
        let (_, ci) = config.ci(global().ci.as_deref()).ok()?;
        Some(ci.repos.keys().cloned().collect::<Vec<_>>())
    });
    fitting(current, names.unwrap_or_default())
}

/// Jobs that were seen here. A part of a name will do: whatever contains it is offered.
pub(crate) fn jobs(current: &OsStr) -> Vec<CompletionCandidate> {
    let Some(text) = current.to_str() else { return Vec::new() };
    let Ok(context) = Context::configured(&global(), None) else { return Vec::new() };
    let names = seen_names(&context.ci);
    let begins = names.iter().filter(|name| name.starts_with(text));
    let contains = names.iter().filter(|name| !name.starts_with(text) && name.contains(text));
    begins.chain(contains).take(MOST).map(CompletionCandidate::new).collect()
}

/// Investigations of this machine.
pub(crate) fn investigations(current: &OsStr) -> Vec<CompletionCandidate> {
    fitting(current, kept_investigations().unwrap_or_default())
}

fn kept_investigations() -> Option<Vec<String>> {
    let context = Context::configured(&global(), None).ok()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    let all = runtime.block_on(async {
        let store = context.ci.store().await.ok()?;
        store.by_prefix("").await.ok()
    })?;
    Some(all.into_iter().map(|found| found.id).collect())
}
