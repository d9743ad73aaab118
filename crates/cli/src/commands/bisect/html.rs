//! The page of a search: one file of HTML without anything from elsewhere.

use std::fmt::Write;
use std::path::Path;

use mozci_core::bisect::Verdict;
use mozci_core::culprit::Proved;
use mozci_core::flakiness::Told;
use mozci_core::rate::Rate;
use mozci_engine::Error;
use mozci_engine::ci::Ci;
use mozci_engine::drive::search::{Ended, Finished, assumed, names, verdict_line};

use crate::show::{plural, rate_words};
use mozci_core::rate::percent;

const STYLE: &str = "body{font:14px/1.45 system-ui,sans-serif;margin:2em auto;max-width:60em;padding:0 1em;color:#1d2126;background:#fff}\
h1{font-size:1.35em;margin:0 0 .3em}h2{font-size:1.05em;margin:1.6em 0 .4em}\
table{border-collapse:collapse;width:100%}td,th{padding:.15em .6em .15em 0;text-align:left;vertical-align:middle}\
th{font-weight:600;border-bottom:1px solid #c9ced6}td.n{text-align:right;font-variant-numeric:tabular-nums}\
code{font:12px ui-monospace,monospace}tr.it td{background:#fff1cc}.s{color:#5b6572}\
@media(prefers-color-scheme:dark){body{color:#dfe3e8;background:#16191d}th{border-color:#3a424c}tr.it td{background:#4a3c10}.s{color:#9aa5b1}}";

/// Writes the page.
pub(super) fn write(path: &Path, finished: &Finished<'_>, ci: &Ci) -> Result<(), Error> {
    let page = page(finished, ci);
    std::fs::write(path, page)
        .map_err(|error| Error::Odd(format!("cannot write {}: {error}", path.display())))
}

/// Text made fit for HTML.
fn text(raw: &str) -> String {
    let clean = mozci_evidence::harmless_line(raw);
    clean.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn page(finished: &Finished<'_>, ci: &Ci) -> String {
    let case = finished.case;
    let pushes = names(case);
    let verdict = match finished.ended {
        Ended::Verdict(verdict) => verdict_line(verdict, &pushes),
        _ => finished.end()["summary"].as_str().unwrap_or_default().to_owned(),
    };
    let about = finished.question.about.as_ref().and_then(|about| about.subject.as_ref());
    let about = about.map_or(String::new(), |subject| format!(" · {}", text(subject.name())));
    let mut html = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>\
         <title>{0}</title><style>{STYLE}</style><h1>{1}</h1><p><code>{0}</code>{about}<br>\
         <span class=s>{2} · {3} between push {4} and {5} · {6} requested in {7}</span>",
        text(&finished.question.job),
        text(&verdict),
        text(ci.repo.as_str()),
        plural(case.hunt().suspects(), "suspect"),
        case.good().id,
        case.bad().id,
        plural(finished.runs as usize, "run"),
        plural(finished.rounds as usize, "round"),
    );
    culprits(&mut html, finished);
    rests_on(&mut html, finished);
    rates(&mut html, finished);
    grid(&mut html, finished, ci);
    html.push_str("</html>\n");
    html
}

/// What the verdict rests on, where somebody is named.
fn rests_on(html: &mut String, finished: &Finished<'_>) {
    if finished.culprits.is_empty() {
        return;
    }
    html.push_str("<h2>What this rests on</h2><table>");
    for one in assumed(finished) {
        let _ = write!(html, "<tr><td class=s>{}<td>{}", one.mark(), text(&one.words));
    }
    html.push_str("</table>");
}

fn culprits(html: &mut String, finished: &Finished<'_>) {
    if finished.culprits.is_empty() {
        return;
    }
    html.push_str("<h2>Commits</h2><table>");
    for culprit in finished.culprits {
        for commit in &culprit.commits {
            let backout = commit.backed_out_by.as_ref();
            let _ = write!(
                html,
                "<tr><td><code>{}</code><td>{}<td class=s>{}<td>{}",
                commit.revision.short(),
                text(&commit.summary),
                text(&commit.author),
                backout.map_or(String::new(), |by| format!(
                    "backed out by <code>{}</code>",
                    by.short()
                ))
            );
        }
        if culprit.commits.is_empty() {
            let _ = write!(
                html,
                "<tr><td><code>{}</code><td class=s>{}",
                culprit.push.revision.short(),
                text(&culprit.push.author)
            );
        }
    }
    html.push_str("</table>");
}

/// The two rates with their intervals, drawn to one scale.
fn rates(html: &mut String, finished: &Finished<'_>) {
    let Ended::Verdict(Verdict::Culprit { first, last, .. }) = finished.ended else { return };
    let proved = Proved::of(&finished.case.hunt(), *first, *last);
    html.push_str("<h2>How often it fails</h2><table>");
    for (name, rate) in [("since", &proved.since), ("before", &proved.before)] {
        let _ = write!(html, "<tr><td>{name}<td>{}<td>{}", interval(rate), rate_words(rate));
    }
    html.push_str("</table>");
}

/// A rate's interval as a line with a dot.
fn interval(rate: &Rate) -> String {
    let at = |share: f64| 5.0 + share * 290.0;
    format!(
        "<svg width=300 height=16 role=img aria-label='{}'><line x1=5 x2=295 y1=8 y2=8 stroke=#c9ced6 />\
         <line x1={:.1} x2={:.1} y1=8 y2=8 stroke=#2f6fb2 stroke-width=5 /><circle cx={:.1} cy=8 r=5 fill=#c0392b /></svg>",
        percent(rate.rate),
        at(rate.low),
        at(rate.high),
        at(rate.rate)
    )
}

/// Every push with its runs and what is believed of it.
fn grid(html: &mut String, finished: &Finished<'_>, ci: &Ci) {
    let hunt = finished.case.hunt();
    let posterior = finished.search.posterior();
    let guilty = |number: usize| match finished.ended {
        Ended::Verdict(Verdict::Culprit { first, last, .. }) => (*first..=*last).contains(&number),
        _ => false,
    };
    html.push_str("<h2>Runs and what is believed</h2><table><tr><th>push<th>revision<th>author<th>runs<th>culprit<th>");
    for number in (0..=hunt.suspects()).rev() {
        let Some(facts) = hunt.push(number) else { continue };
        let probability = if number == 0 { 0.0 } else { posterior.suspects[number] };
        let class = if guilty(number) { " class=it" } else { "" };
        let _ = write!(
            html,
            "<tr{class}><td>{}<td><code>{}</code><td class=s>{}<td>",
            facts.push.id,
            facts.push.revision.short(),
            text(&facts.push.author)
        );
        runs(html, facts, ci);
        if !finished.search.counts()[number].is_testable() {
            html.push_str("<span class=s>cannot be run</span>");
        }
        let told = match (number, probability) {
            (0, _) => "good".to_owned(),
            (_, hardly) if hardly < 5e-4 => "·".to_owned(),
            _ => percent(probability),
        };
        let _ = write!(
            html,
            "<td class=n>{told}<td><svg width=160 height=12><rect width={:.1} height=12 fill=#2f6fb2 /></svg>",
            probability * 160.0
        );
    }
    let _ = write!(
        html,
        "</table><p class=s>no culprit {} · older than all of them {} · red failed, green passed, grey says nothing</p>",
        percent(posterior.none),
        percent(posterior.suspects[0])
    );
}

/// A square a run, with a link where there is one.
fn runs(html: &mut String, facts: &mozci_core::facts::PushFacts, ci: &Ci) {
    for run in &facts.runs {
        let (colour, word) = match Told::of(run) {
            Told::Failed => ("#c0392b", "failed"),
            Told::Passed => ("#2e8b57", "passed"),
            Told::Open => ("#d9b44a", "not ended"),
            _ => ("#9aa5b1", "says nothing"),
        };
        let square = format!(
            "<svg width=13 height=13><title>{word}: {}</title><rect width=11 height=11 y=1 rx=2 fill={colour} /></svg>",
            text(run.state.word())
        );
        match ci.link(run.key.request) {
            Some(link) => {
                let _ = write!(html, "<a href=\"{}\">{square}</a>", text(&link));
            }
            None => html.push_str(&square),
        }
    }
}
