//! A search as people see it: what is chased, what is believed, what is requested, what it came to.

use mozci_core::bisect::{Backout, Possibility, Search, Verdict};
use mozci_core::plan::Plan;
use mozci_core::rate::{self, Rate, runs_to_see};
use mozci_engine::ci::Ci;
use mozci_engine::drive::search::{Ended, Finished, assumed, names, verdict_line};
use mozci_engine::flow::{BisectQuestion, SearchData};
use serde_json::Value;

use crate::context::Context;
use crate::show::{Out, plural, rate_words};
use mozci_core::rate::percent;

/// Suspects that are shown as bars.
const BARS: usize = 8;

/// How wide the widest bar is.
const WIDEST: f64 = 30.0;

/// What is chased, and between which pushes.
pub(super) fn head(out: &mut Out, question: &BisectQuestion, case: &SearchData) {
    let hunt = case.hunt();
    let history = hunt.history();
    let background = Rate::of(history.failures, history.runs);
    out.line(&format!(
        "{} · {} · good {} {} · bad {} {}",
        question.job,
        plural(hunt.suspects(), "suspect"),
        case.good().id,
        case.good().revision.short(),
        case.bad().id,
        case.bad().revision.short(),
    ));
    out.line(&match history.runs {
        0 => "no run before the good push: the background is not known".to_owned(),
        _ => format!("background before the good push: {}", rate_words(&background)),
    });
    let more = case.background();
    if more.further.runs > 0 || !more.others.is_empty() {
        let others = match more.others.as_slice() {
            [] => String::new(),
            [first] => format!(", and by {first}"),
            [first, rest @ ..] => {
                format!(", and by {first} and {}", plural(rest.len(), "other configuration"))
            }
        };
        out.line(&format!(
            "  read from {} further back{others} ({} for it)",
            plural(more.further.runs as usize, "run"),
            plural(usize::try_from(more.requests).unwrap_or(usize::MAX), "request"),
        ));
    }
    let out_of_reach = hunt.out();
    if !out_of_reach.is_empty() {
        let first = &out_of_reach[0];
        let push = hunt.push(first.push).map(|facts| facts.push.id.to_string());
        out.line(&format!(
            "{} cannot be run, for example {}: {}",
            plural(out_of_reach.len(), "push"),
            push.unwrap_or_default(),
            first.why
        ));
    }
}

/// What is believed by now, as bars over the likeliest suspects.
pub(super) fn belief(out: &mut Out, case: &SearchData, search: &Search, requested: u32) {
    let posterior = search.posterior();
    let seen: u32 = search.counts().iter().map(|counts| counts.telling()).sum();
    if seen == 0 {
        return;
    }
    let hunt = case.hunt();
    let mut likely: Vec<usize> = (1..posterior.suspects.len()).collect();
    likely.sort_by(|a, b| posterior.suspects[*b].total_cmp(&posterior.suspects[*a]));
    likely.truncate(BARS);
    likely.retain(|suspect| posterior.suspects[*suspect] >= 0.005);
    let shown: f64 = likely.iter().map(|suspect| posterior.suspects[*suspect]).sum();
    likely.sort_unstable_by(|a, b| b.cmp(a));
    out.line("");
    out.line(&format!(
        "{} conclusive so far, {} of them requested",
        plural(seen as usize, "run"),
        requested.min(seen)
    ));
    for suspect in likely {
        let Some(facts) = hunt.push(suspect) else { continue };
        let probability = posterior.suspects[suspect];
        let widest = if out.is_narrow() { WIDEST / 2.0 } else { WIDEST };
        let bar = "█".repeat((probability * widest).round().max(1.0) as usize);
        let room = widest as usize;
        let counts = search.counts()[suspect];
        let ran = match (counts.telling(), counts.is_testable()) {
            (_, false) => "cannot be run".to_owned(),
            (0, _) => String::new(),
            (runs, _) => format!("failed {} of {runs}", counts.failed),
        };
        out.line(&format!(
            " {:>7} {}  {bar:room$}  {:>6}  {ran}",
            facts.push.id,
            facts.push.revision.short(),
            rate::probability(probability)
        ));
    }
    let others = 1.0 - shown - posterior.none - posterior.suspects[0];
    let rest = [
        (others, "the others together"),
        (posterior.none, "no culprit among them"),
        (posterior.suspects[0], "older than all of them"),
    ];
    let rest: Vec<String> = rest
        .iter()
        .filter(|(probability, _)| *probability >= 0.005)
        .map(|(probability, what)| format!("{what} {}", percent(*probability)))
        .collect();
    if !rest.is_empty() {
        out.line(&format!("         {}", rest.join(" · ")));
    }
}

/// Where the search goes on, since what was taken for good fails, too.
pub(super) fn widened(out: &mut Out, case: &SearchData) {
    out.line("");
    out.line(&format!(
        "it already failed before all of them: going back to push {} {}, {}",
        case.good().id,
        case.good().revision.short(),
        plural(case.hunt().suspects(), "suspect"),
    ));
}

/// Suspects that were backed out before the bad push.
pub(super) fn gone(out: &mut Out, case: &SearchData, gone: &[Backout]) {
    let pushes: Vec<_> = case.pushes().collect();
    for Backout { suspect, until } in gone {
        if let (Some(suspect), Some(until)) = (pushes.get(*suspect), pushes.get(*until)) {
            out.line(&format!(
                "push {} was backed out by push {}, before the bad push: it cannot be the cause",
                suspect.id, until.id
            ));
        }
    }
}

/// What is to be expected, before anything is requested.
pub(super) fn outlook(out: &mut Out, search: &Search, question: &BisectQuestion, rest: u32) {
    let expected = search.expected();
    let rounds = (expected / f64::from(question.at_once)).ceil().max(1.0);
    out.line(&format!(
        "expect about {} in {}; {rest} are allowed (--budget)",
        plural(expected.ceil() as usize, "run"),
        plural((rounds * 1.2).ceil() as usize, "round"),
    ));
    if expected > f64::from(rest) {
        out.line("the budget will most likely not be enough: the search then ends with the likeliest push");
    }
}

/// What is requested in a round.
pub(super) fn round(out: &mut Out, number: u32, plan: &Plan) {
    let wanted: Vec<String> = plan
        .requests
        .iter()
        .map(|request| match request.times {
            1 => request.push.id.to_string(),
            times => format!("{} ×{times}", request.push.id),
        })
        .collect();
    let waits = match plan.waits_for.len() {
        0 => String::new(),
        count => format!(", {} once their builds exist", plural(count, "push")),
    };
    out.line(&format!(
        "round {number}: {} on {}{waits}",
        plural(plan.runs() as usize, "run"),
        wanted.join(", ")
    ));
}

/// What it came to.
pub(super) fn end(out: &mut Out, finished: &Finished<'_>, context: &Context, ci: &Ci) {
    out.line("");
    let Finished { case, search, ended, .. } = finished;
    let cost = format!(
        "{} in {}",
        plural(finished.runs as usize, "run"),
        plural(finished.rounds as usize, "round")
    );
    match ended {
        Ended::Verdict(verdict) => {
            let gist = format!("{}: {}", finished.question.job, verdict_line(verdict, &names(case)));
            out.keep_gist(gist);
            out.line(&format!("{} · {cost}", verdict_line(verdict, &names(case))));
            verdict_more(out, finished, verdict, ci);
        }
        Ended::BackedOut => out.line(&format!(
            "backed out: every commit of push {} was backed out since; give --anyway to search all the same",
            case.bad().id
        )),
        Ended::Fixed => {
            let since = finished.since;
            let first = since.first_passed.as_ref().map(|push| push.id.to_string());
            out.line(&format!(
                "fixed since: it passed {} of {} times on the pushes after {}, first on {}; give --anyway to search all the same",
                since.tally.runs,
                since.tally.runs,
                case.bad().id,
                first.unwrap_or_default()
            ));
        }
        Ended::Budget
        | Ended::NothingToTest
        | Ended::Left
        | Ended::Interrupted
        | Ended::Service => {
            let why = match ended {
                Ended::Budget => "undecided: the budget is spent (--budget)",
                Ended::NothingToTest => {
                    "undecided: no push is left on which another run can be requested (`runs_per_push` under [guards] may be what limits it)"
                }
                Ended::Interrupted => "interrupted",
                Ended::Left => "undecided: a round is under way; the same command goes on when it has ended",
                _ => "undecided: requests did not get through, or cannot be followed",
            };
            out.line(&format!("{why} · {cost}"));
            likeliest(out, case, search);
            resume(out, finished, context);
        }
        Ended::BudgetTooSmall { least } => out.line(&format!(
            "refused: a budget of {} is not enough: {} suspects take at least {} even if it fails every time; give `--budget {least}` or more, or a nearer --good",
            finished.question.budget,
            case.hunt().suspects(),
            plural(*least as usize, "run"),
        )),
        Ended::Refused(_) => {
            out.line(&format!("stopped by a guard · {cost}"));
            likeliest(out, case, search);
            resume(out, finished, context);
        }
        Ended::GoodFails { good, bad } => {
            out.line(&format!("undecided: the good push fails, too · {cost}"));
            out.line(&format!(
                "  push {} failed {} of {} times, the bad push {} of {}: the cause is older, or the failure is intermittent; name an older good push with --good, or see with `{} flakiness` how often it fails",
                case.good().id, good.failures, good.runs, bad.failures, bad.runs, context.program()
            ));
            resume(out, finished, context);
        }
        Ended::DryRun => out.line("dry run: nothing was sent"),
        Ended::Declined => out.line("nothing was sent"),
    }
}

fn resume(out: &mut Out, finished: &Finished<'_>, context: &Context) {
    if let Some(id) = finished.id {
        out.line(&format!(
            "`{} investigations resume {id}` goes on where it stands",
            context.program()
        ));
    }
}

fn likeliest(out: &mut Out, case: &SearchData, search: &Search) {
    let hunt = case.hunt();
    let credible = search.credible(0.95);
    // What is no push is named first: it is most often overlooked.
    let mut named: Vec<String> = Vec::new();
    if credible.contains(&Possibility::Older) {
        named.push("older than all of them".to_owned());
    }
    if credible.contains(&Possibility::None) {
        named.push("no culprit among them".to_owned());
    }
    let suspects: Vec<String> = credible
        .iter()
        .filter_map(|possibility| match possibility {
            Possibility::Suspect(number) => Some(hunt.push(*number)?.push.id.to_string()),
            Possibility::Older | Possibility::None => None,
        })
        .collect();
    if !suspects.is_empty() {
        let more = match suspects.len().saturating_sub(10) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let some = suspects.iter().take(10).cloned().collect::<Vec<_>>().join(", ");
        named.push(format!("{}: {some}{more}", plural(suspects.len(), "push")));
    }
    out.line(&format!("  with 95 % it is one of these: {}", named.join("; ")));
}

fn verdict_more(out: &mut Out, finished: &Finished<'_>, verdict: &Verdict, ci: &Ci) {
    let hunt = finished.case.hunt();
    if let Verdict::Culprit { first, last, .. } = verdict {
        for culprit in finished.culprits {
            for commit in &culprit.commits {
                let backout = match &commit.backed_out_by {
                    Some(by) => format!("  → backed out by {}", by.short()),
                    None => String::new(),
                };
                out.line(&format!(
                    "  {}  {}  {}{backout}",
                    commit.revision.short(),
                    commit.summary,
                    commit.author
                ));
            }
            if culprit.commits.is_empty() {
                out.line(&format!("  {}  by {}", culprit.push.revision, culprit.push.author));
            }
        }
        let proved = mozci_core::culprit::Proved::of(&hunt, *first, *last);
        out.line(&format!("  fails  {} since", rate_words(&proved.since)));
        out.line(&format!("  before {}", rate_words(&proved.before)));
        for (side, name) in [(&proved.first_bad, "first bad"), (&proved.last_good, "last good")] {
            let Some(side) = side else { continue };
            let failed = side.runs.iter().filter(|run| run.failed).count();
            out.line(&format!("  {name} {}: failed {failed} of {}", side.push.id, side.runs.len()));
            let telling = side.runs.iter().find(|run| run.failed == (name == "first bad"));
            if let Some(link) = telling.and_then(|run| ci.link(run.key.request)) {
                out.line(&format!("    {link}"));
            }
        }
        let since = finished.since;
        if since.tally.runs > 0 {
            out.line(&format!(
                "  on the pushes after the bad one it failed {}",
                rate_words(&since.tally.rate())
            ));
        }
        for one in assumed(finished) {
            out.line(&format!("  {}: {}", one.mark(), one.words));
        }
    }
    if let Verdict::None { .. } = verdict {
        let all = mozci_core::culprit::Proved::of(&hunt, hunt.suspects(), hunt.suspects());
        let (a, b) = (all.since, all.before);
        let rate = Rate::of(a.failures + b.failures, a.runs + b.runs);
        out.line(&format!("  intermittent: it fails {} in all", rate_words(&rate)));
        if let Some(runs) = runs_to_see(rate.rate, 0.99) {
            out.line(&format!("  {runs} runs would show it once with 99 %"));
        }
    }
    if let Some(id) = finished.id {
        out.line(&format!("  investigation {id}"));
    }
}

/// An investigation in one line, from its last step.
pub(crate) fn summary(last: Option<&Value>) -> String {
    match last {
        None => "begun".to_owned(),
        Some(step) if step["step"] == "begun" => "begun".to_owned(),
        Some(step) if step["step"] == "widened" => {
            "went further back: the good push failed, too".to_owned()
        }
        Some(step) if step["step"] == "round" => {
            format!("round {} requested", step["round"])
        }
        Some(step) => step["end"]["summary"].as_str().unwrap_or("ended").to_owned(),
    }
}
