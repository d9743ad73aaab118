//! The report of a search: the answer first, then everything that it rests on.

use maud::{Markup, html};
use mozci_core::bisect::Verdict;
use mozci_core::culprit::Proved;
use mozci_core::push::{Push, PushRef};
use mozci_core::rate::{Rate, probability, runs_to_see};
use mozci_core::time::At;
use mozci_engine::ci::Ci;
use mozci_engine::drive::search::{Ended, Finished, assumed, names, verdict_line};
use mozci_engine::flow::known_summary;

use crate::words::{instant, plain, plural, rate};
use crate::{chart, layout, marks};

/// What stands around a report.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// How a command begins that goes on from here.
    pub program: &'a str,
    /// The program's version.
    pub version: &'a str,
    /// When the report is written.
    pub now: At,
}

/// The report of a search, as one file of HTML.
pub fn report(finished: &Finished<'_>, ci: &Ci, about: About<'_>) -> String {
    let title = format!("{} · mozci", plain(&sentence(finished)));
    let main = html! {
        p class="crumb" {
            (ci.repo) " · " (plain(&finished.question.job))
            @if let Some(id) = finished.id { " · investigation " code { (id) } }
        }
        h1 class="verdict wrap" { (plain(&sentence(finished))) }
        @if let Some(more) = more(finished) { p class="lede" { (plain(&more)) } }
        div class="two late mt" {
            div class="stack" {
                (commits(finished, ci))
                (evidence(finished, ci))
            }
            aside class="stack" aria-label="Rates and what it took" {
                (rates(finished, about.program))
                (cost(finished))
                (rests_on(finished))
            }
        }
    };
    let foot = html! { "mozci " (about.version) " on " (ci.root_url) " · " (instant(about.now)) };
    layout::one_file(&title, &main, &foot).into_string()
}

/// What was searched for, in a sentence's words.
fn subject(finished: &Finished<'_>) -> String {
    let about = finished.question.about.as_ref().and_then(|about| about.subject.as_ref());
    about.map_or_else(|| finished.question.job.clone(), |subject| subject.name().to_owned())
}

/// The answer as a sentence.
fn sentence(finished: &Finished<'_>) -> String {
    let pushes = names(finished.case);
    let subject = subject(finished);
    let who = |number: usize| pushes.get(number).map_or("?", |push| author(push));
    match finished.ended {
        Ended::Verdict(Verdict::Culprit { first, last, probability: sure }) => {
            let ids: Vec<String> = (*first..=*last)
                .filter_map(|at| pushes.get(at))
                .map(|push| push.id.to_string())
                .collect();
            let by = if first == last { format!(" by {}", who(*first)) } else { String::new() };
            format!("Push {}{by} broke {subject} ({})", ids.join(" or "), probability(*sure))
        }
        Ended::Verdict(verdict @ (Verdict::Older { .. } | Verdict::None { .. })) => {
            format!("{subject}: {}", verdict_line(verdict, &pushes))
        }
        Ended::Verdict(verdict) => format!("{subject}: {}", verdict_line(verdict, &pushes)),
        _ => format!("{subject}: {}", finished.end()["summary"].as_str().unwrap_or("not decided")),
    }
}

/// What the answer leaves open.
fn more(finished: &Finished<'_>) -> Option<String> {
    let Ended::Verdict(Verdict::Culprit { first, last, .. }) = finished.ended else { return None };
    (first != last).then(|| {
        "No runs can be made on the older of these pushes, so the search cannot tell them apart.".to_owned()
    })
}

fn author(push: &Push) -> &str {
    push.author.split('@').next().unwrap_or_default()
}

/// A push's hash, as a link to its page where there is one.
fn hash(push: &Push, ci: &Ci) -> Markup {
    let short = html! { span class="mono" { (push.revision.short()) } };
    match ci.page_of(&PushRef::from(push)) {
        Some(page) => html! { a href=(page) { (short) } },
        None => short,
    }
}

fn commits(finished: &Finished<'_>, ci: &Ci) -> Markup {
    if finished.culprits.is_empty() {
        return html! {};
    }
    html! {
        section class="box" {
            h2 { (if finished.culprits.len() == 1 { "The push" } else { "The pushes" }) }
            @for culprit in finished.culprits {
                @if !culprit.commits.is_empty() {
                    table {
                        thead { tr { th scope="col" { "Commit" } th scope="col" { "Change" } th scope="col" class="c3" { "Author" } } }
                        tbody {
                            @for commit in &culprit.commits {
                                tr {
                                    th scope="row" class="mono" { (commit.revision.short()) }
                                    td class="wrap" {
                                        (plain(&commit.summary))
                                        @if let Some(by) = &commit.backed_out_by {
                                            br; b { "backed out by " (by.short()) }
                                        }
                                    }
                                    td class="c3 wrap" { (plain(&commit.author)) }
                                }
                            }
                        }
                    }
                }
                dl class="kv" {
                    dt { "Push" } dd { (culprit.push.id) " · " (hash(&culprit.push, ci)) }
                    dt { "Landed" } dd { (instant(culprit.push.date)) " by " (plain(&culprit.push.author)) }
                    @if !culprit.commits.is_empty() {
                        dt { "Backed out?" }
                        dd { (if culprit.commits.iter().any(|commit| commit.backed_out_by.is_some()) { "Yes" } else { "Not that anybody knows" }) }
                    }
                }
            }
        }
    }
}

/// Every push between the good and the bad one, with its runs and what is believed of it.
fn evidence(finished: &Finished<'_>, ci: &Ci) -> Markup {
    let hunt = finished.case.hunt();
    let posterior = finished.search.posterior();
    let named = |number: usize| match finished.ended {
        Ended::Verdict(Verdict::Culprit { first, last, .. }) => (*first..=*last).contains(&number),
        _ => false,
    };
    html! {
        section class="box" {
            h2 { "Every push and its runs, newest first" }
            div class="scroll" role="region" aria-label="Pushes" tabindex="0" {
                table class="walk inv" {
                    thead { tr {
                        th scope="col" { "Push" }
                        th scope="col" class="c3" { "Revision" }
                        th scope="col" class="c3" { "Change" }
                        th scope="col" { "Runs" }
                        th scope="col" { "Broke it" }
                    } }
                    tbody {
                        @for number in (0..=hunt.suspects()).rev() {
                            @if let Some(facts) = hunt.push(number) {
                                tr class=(if named(number) { "in win" } else { "" }) {
                                    th scope="row" class="nw" { (facts.push.id) }
                                    td class="c3 nw" { (hash(&facts.push, ci)) }
                                    td class="c3 sumc" {
                                        span class="dim" { (plain(author(&facts.push))) } " "
                                        (plain(&known_summary(ci, &facts.push).unwrap_or_default()))
                                    }
                                    td {
                                        @for run in &facts.runs { (marks::mark(run, ci.link(run.key.request))) }
                                        @if !finished.search.counts()[number].is_testable() {
                                            span class="tag" { "cannot be run" }
                                        }
                                    }
                                    td class="pb" {
                                        @if number == 0 { span class="tag" { "good end" } }
                                        @else {
                                            @let share = posterior.suspects[number];
                                            (chart::probability(share, &probability(share)))
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
            (marks::legend())
            p class="dim" {
                "Probability that no push among them is the cause: " (probability(posterior.none))
                ". That the cause is older than all of them: " (probability(posterior.suspects[0])) "."
            }
        }
    }
}

/// How often it fails, before and since.
fn rates(finished: &Finished<'_>, program: &str) -> Markup {
    let hunt = finished.case.hunt();
    let (before, since) = match finished.ended {
        Ended::Verdict(Verdict::Culprit { first, last, .. }) => {
            let proved = Proved::of(&hunt, *first, *last);
            (proved.before, proved.since)
        }
        _ => {
            let history = hunt.history();
            (Rate::of(history.failures, history.runs), finished.since.tally.rate())
        }
    };
    let passes = runs_to_see(since.rate, 0.99).zip(runs_to_see(since.low, 0.99));
    html! {
        section class="box" {
            h2 { "How often it fails" }
            (chart::two_rates(&before, &since))
            dl class="kv" {
                dt { "Before" } dd { (rate(&before)) }
                dt { "Since" } dd { (rate(&since)) }
                @let later = finished.since.tally.rate();
                @if later.runs > 0 { dt { "After the bad push" } dd { (rate(&later)) } }
            }
            p class="dim" { "In brackets and as lines: the 95 % interval." }
            @if let Some((passes, most)) = passes {
                p { (plural(passes as usize, "pass")) " in a row confirm a fix with 99 % (" (most) " at the lower bound)." }
            }
        }
        section class="box noprint" {
            h2 { "What to do next" }
            p { code class="wrap" { (plain(program)) " flakiness " (plain(&finished.question.job)) " --rev tip" } " says whether it still fails." }
        }
    }
}

fn cost(finished: &Finished<'_>) -> Markup {
    html! {
        section class="box" {
            h2 { "What it took" }
            p class="total" { (plural(finished.runs as usize, "run")) }
            p {
                (plural(finished.rounds as usize, "round")) ", "
                (plural(finished.case.hunt().suspects(), "suspect")) " between push "
                (finished.case.good().id) " and " (finished.case.bad().id) "."
            }
        }
    }
}

/// What the answer assumes, and whether each was checked.
fn rests_on(finished: &Finished<'_>) -> Markup {
    let all = if finished.culprits.is_empty() { Vec::new() } else { assumed(finished) };
    if all.is_empty() {
        return html! {};
    }
    html! {
        section class="box" {
            h2 { "What this rests on" }
            dl {
                @for one in &all {
                    dt class=(if one.checked { "dim" } else { "" }) { b { (one.mark()) } }
                    dd class="wrap" { (plain(&one.words)) }
                }
            }
        }
    }
}
