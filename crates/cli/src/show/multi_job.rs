//! Plans for several jobs, a paragraph a push.

use std::collections::BTreeMap;

use mozci_core::classify::PushClass;
use mozci_core::facts::PushFacts;
use mozci_core::plan::Plan;
use mozci_core::push::PushRef;
use mozci_engine::flow::JobHistory;

use super::out::Out;
use super::words::plural;

/// Jobs that are listed of one kind on one push, and how many where the plan is a large one.
const LISTED: (usize, usize) = (12, 3);

/// Requests over which a plan is a large one.
const LARGE: usize = 60;

/// Shows for each push how its jobs stand, what is requested, and what is left out and why.
pub(crate) fn show_multi_job(out: &mut Out, histories: &[JobHistory], plan: &Plan) {
    let listed = if plan.requests.len() > LARGE { LISTED.1 } else { LISTED.0 };
    let pushes = histories.first().map_or(0, |history| history.facts.len());
    for place in 0..pushes {
        let facts: Vec<&PushFacts> = histories.iter().map(|h| &h.facts[place]).collect();
        let Some(first) = facts.first() else { continue };
        let push = PushRef::from(&first.push);
        out.line(&format!("{:>13}  {}  {}", push.id, push.revision.short(), standing(&facts)));
        list(
            out,
            listed,
            "→ request",
            plan.requests.iter().filter(|r| r.push == push).map(|r| {
                let times = if r.times == 1 { String::new() } else { format!("{} × ", r.times) };
                let build = r.builds.as_ref().map(|b| format!(" (and {b}, which is missing)"));
                format!("{times}{}{}", r.job, build.unwrap_or_default())
            }),
        );
        list(
            out,
            listed,
            "waits for its build",
            plan.waits_for
                .iter()
                .filter(|w| w.push == push)
                .map(|w| format!("{} ({})", w.job, w.build)),
        );
        let mut left_out: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for entry in plan.left_out.iter().filter(|entry| entry.push == push) {
            left_out.entry(entry.why.to_string()).or_default().push(entry.job.to_string());
        }
        for (why, jobs) in left_out {
            list(out, listed, &format!("left out: {why}:"), jobs.into_iter());
        }
    }
}

/// How many of the jobs are good, bad, and so on.
fn standing(facts: &[&PushFacts]) -> String {
    let mut counts = [0usize; 6];
    for facts in facts {
        counts[match facts.push_class() {
            PushClass::Bad { .. } => 0,
            PushClass::Mixed { .. } => 1,
            PushClass::Good { .. } => 2,
            PushClass::Waiting if !facts.is_under_way() => 4,
            PushClass::Waiting => 3,
            _ if facts.requested > 0 => 3,
            PushClass::NoEvidence | PushClass::NotRun => 5,
        }] += 1;
    }
    let words = ["bad", "mixed", "good", "under way", "blocked forever", "without a result"];
    let told: Vec<String> = counts
        .iter()
        .zip(words)
        .filter(|(count, _)| **count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    format!("{}: {}", plural(facts.len(), "job"), told.join(", "))
}

fn list(out: &mut Out, listed: usize, what: &str, items: impl Iterator<Item = String>) {
    let items: Vec<String> = items.collect();
    match items.as_slice() {
        [] => {}
        [one] => out.line(&format!("      {what} {one}")),
        many => {
            out.line(&format!("      {what}"));
            for item in many.iter().take(listed) {
                out.line(&format!("        {item}"));
            }
            if many.len() > listed {
                out.line(&format!("        and {} more (--json lists all)", many.len() - listed));
            }
        }
    }
}
