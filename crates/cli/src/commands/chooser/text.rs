//! What can run, for people.

use std::collections::BTreeMap;

use mozci_core::chooser::{Comparison, Job, Platform, Tree};
use mozci_engine::flow::Chooser;

use super::Selection;
use crate::context::Context;
use crate::show::{Out, Table, column, plural};

/// Jobs that are listed one by one at the most.
const LISTED: usize = 200;

/// What running some jobs once takes.
pub(super) struct Time {
    /// Minutes of machine time, of those that are known.
    pub(super) minutes: u64,
    /// Jobs of which nobody knows.
    pub(super) unknown: usize,
}

impl Time {
    pub(super) fn of(found: &Chooser, jobs: &[Job<'_>]) -> Self {
        let mut time = Self { minutes: 0, unknown: 0 };
        for job in jobs {
            match found.past(job.label()).and_then(|past| past.minutes) {
                Some(minutes) => time.minutes += u64::from(minutes.0),
                None => time.unknown += 1,
            }
        }
        time
    }

    fn words(&self, pushes: usize) -> String {
        let time = match self.minutes {
            minutes if minutes >= 120 => format!("{} h", (minutes + 30) / 60),
            minutes => format!("{minutes} min"),
        };
        let unknown = match self.unknown {
            0 => String::new(),
            count => {
                format!("; {count} of them did not run there and {} not counted", is_are(count))
            }
        };
        format!(
            "about {time} of machine time once each (medians of {}{unknown})",
            plural(pushes, "push")
        )
    }
}

fn is_are(count: usize) -> &'static str {
    if count == 1 { "is" } else { "are" }
}

/// Shows what can run, or what of it is meant.
pub(super) fn show(found: &Chooser, selection: &Selection<'_>, context: &Context, out: &mut Out) {
    let tree = Tree::new(selection.jobs.iter().copied());
    let push = &found.push;
    let count = match selection.is_narrowed {
        true => format!("{} of {} jobs", selection.jobs.len(), found.graph.len()),
        false => plural(selection.jobs.len(), "job"),
    };
    out.line(&format!(
        "{} · push {} {} · {count}",
        context.ci.repo,
        push.id,
        push.revision.short()
    ));
    if let Some(manifests) = &selection.manifests {
        out.line(&format!("that run {}", manifests.join(", ")));
    }
    for (build_type, platforms) in &tree.types {
        out.line(build_type);
        for (name, platform) in platforms {
            show_platform(name, platform, out);
        }
    }
    if !tree.without_build.is_empty() {
        let names = some(&tree.without_build);
        out.line(&format!("tests whose build is not known: {names}"));
    }
    let others: Vec<String> =
        tree.others.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    if !others.is_empty() {
        out.line(&format!("neither builds nor tests: {}", others.join(", ")));
    }
    for problem in found.graph.problems() {
        out.line(&format!("! {problem}"));
    }
    if selection.silent > 0 {
        out.line(&format!(
            "{} do not say what they run, and may run it as well",
            plural(selection.silent, "test job")
        ));
    }
    if selection.is_narrowed || out.is_csv() {
        list(found, selection, out);
    }
    if found.pushes > 0 {
        out.line(&Time::of(found, &selection.jobs).words(found.pushes));
    }
    if selection.is_narrowed {
        out.line(&format!(
            "`--format labels` lists them, for `{} trigger - --rev {}` to request",
            context.program(),
            push.revision.short()
        ));
    }
}

fn show_platform(name: &str, platform: &Platform<'_>, out: &mut Out) {
    out.line(&format!("  {name}"));
    for (build, tests) in &platform.builds {
        match tests.len() {
            0 => out.line(&format!("    {build}")),
            count => out.line(&format!("    {build}  {}", plural(count, "test"))),
        }
    }
    // Chunks of a suite are one line's worth together.
    let mut chunks: BTreeMap<&str, usize> = BTreeMap::new();
    for suite in &platform.suites {
        let stem = mozci_core::chunks::stem(suite).unwrap_or(suite);
        *chunks.entry(stem).or_default() += 1;
    }
    let suites: Vec<String> = chunks
        .into_iter()
        .map(|(suite, count)| match count {
            1 => suite.to_owned(),
            count => format!("{suite} ×{count}"),
        })
        .collect();
    if !suites.is_empty() {
        out.line(&format!("      {}", suites.join(" · ")));
    }
}

/// The jobs one by one, with what is known of each.
fn list(found: &Chooser, selection: &Selection<'_>, out: &mut Out) {
    let mut table = Table::new([
        column("job").cuts(40),
        column("variant").drops(3),
        column("tier").right().drops(4),
        column("chosen").drops(2),
        column("ran on").right(),
        column("minutes").right(),
    ]);
    let or_dot = |text: Option<String>| text.unwrap_or_else(|| "·".to_owned());
    let listed = if out.is_csv() { usize::MAX } else { LISTED };
    for job in selection.jobs.iter().take(listed) {
        let past = found.past(job.label());
        let ran = past.map_or(0, |past| past.pushes);
        let minutes = past.and_then(|past| past.minutes);
        let chosen = job.by_default().map(|yes| if yes { "yes" } else { "no" }.to_owned());
        table.row([
            job.label().to_owned(),
            or_dot(job.variant().map(str::to_owned)),
            or_dot(job.tier().map(|tier| tier.to_string())),
            or_dot(chosen),
            format!("{ran} of {}", found.pushes),
            or_dot(minutes.map(|minutes| minutes.0.to_string())),
        ]);
    }
    out.table(table);
    if selection.jobs.len() > listed {
        out.line(&format!(
            "… and {} more: `--format labels` lists all of them",
            selection.jobs.len() - LISTED
        ));
    }
}

/// Some names, and how many more there are.
fn some(names: &[&str]) -> String {
    const NAMED: usize = 5;
    let shown = names.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(NAMED) {
        None | Some(0) => shown,
        Some(more) => format!("{shown} and {more} more"),
    }
}

/// Shows how two pushes differ.
pub(super) fn show_comparison(
    old: &Chooser,
    new: &Chooser,
    found: &Comparison<'_>,
    context: &Context,
    out: &mut Out,
) {
    out.line(&format!(
        "{} · push {} {} against push {} {}",
        context.ci.repo,
        new.push.id,
        new.push.revision.short(),
        old.push.id,
        old.push.revision.short()
    ));
    let renamed = found.renamed.iter().map(|one| format!("  {} → {}", one.from, one.to));
    let sections: [(&str, Vec<String>); 3] = [
        ("added", found.added.iter().map(|label| format!("  {label}")).collect()),
        ("gone", found.gone.iter().map(|label| format!("  {label}")).collect()),
        ("renamed", renamed.collect()),
    ];
    for (what, lines) in sections {
        out.line(&format!("{what}: {}", lines.len()));
        lines.iter().take(LISTED).for_each(|line| out.line(line));
        if lines.len() > LISTED {
            out.line(&format!("  … and {} more: --json has them", lines.len() - LISTED));
        }
    }
}
