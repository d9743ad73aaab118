//! What is broken now.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use mozci_core::standing::Standing;
use mozci_pages::{age, plain, plural, rate, strip};
use serde::Deserialize;

use super::common::{author, encoded, frame, plan_button, read, summary};
use crate::access::Session;
use crate::service::Service;
use crate::watch::{Group, Snapshot, Watched};

/// Failures of a tab that are shown at the most.
const SHOWN: usize = 100;

#[derive(Deserialize, Default)]
#[serde(default)]
pub(in crate::web) struct Wanted {
    tab: String,
    text: String,
}

/// The tabs: their names in the address, and what they are called.
const TABS: [(&str, &str); 3] =
    [("", "Needs a person"), ("intermittent", "Intermittent"), ("known", "Known or fixed")];

fn tab(standing: &Standing) -> &'static str {
    match standing {
        Standing::Intermittent { .. } => "intermittent",
        Standing::Known { .. } | Standing::Fixed { .. } => "known",
        _ => "",
    }
}

/// Shows it.
pub(in crate::web) async fn show(
    State(service): State<Arc<Service>>,
    Extension(session): Extension<Session>,
    Path(repo): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Response {
    let (watched, read) = match read(&service, &repo) {
        Ok(read) => read,
        Err(response) => return *response,
    };
    let text = wanted.text.to_lowercase();
    let fits = |group: &&Group| {
        text.is_empty()
            || [group.failure.test.as_deref(), group.failure.message.as_deref(), Some(&*group.id)]
                .into_iter()
                .flatten()
                .any(|part| part.to_lowercase().contains(&text))
            || group
                .jobs
                .iter()
                .any(|job| read.name(*job).0.as_str().to_lowercase().contains(&text))
    };
    let all: Vec<&Group> = read.groups.iter().filter(fits).collect();
    let of = |name: &str| all.iter().filter(|group| tab(&group.standing) == name).count();
    let current = TABS.iter().find(|(name, _)| *name == wanted.tab).map_or("", |(name, _)| *name);
    let shown: Vec<&&Group> = all.iter().filter(|group| tab(&group.standing) == current).collect();
    let here = (&*service, &session, &*repo);
    let body = html! {
        div class="head" { div { h1 { "Broken now on " (repo) } p class="lede" { (lede(&read)) } }
            div class="acts" { a class="btn" href={ "/r/" (repo) "/grid" } { "Open the grid" } } }
        nav class="tabs" aria-label="Kinds of failures" {
            @for (name, title) in TABS {
                a href={ "?tab=" (name) "&text=" (encoded(&wanted.text)) } aria-current=[(name == current).then_some("page")] { (title) " " b { (of(name)) } }
            }
        }
        form class="filters" method="get" {
            input type="hidden" name="tab" value=(current);
            label class="grow" { "Test, message or signature" input name="text" type="search" size="28" value=(wanted.text); }
            button { "Apply" }
        }
        @if shown.is_empty() {
            p { @if text.is_empty() { "Nothing here, in " (read.pushes.len()) " pushes." } @else { "Nothing fits “" (plain(&wanted.text)) "”." } }
        }
        ol class="fails" aria-label="Failures, the most pressing first" {
            @for (place, group) in shown.iter().take(SHOWN).enumerate() { (entry(here, watched, &read, group, place == 0)) }
        }
        @if shown.len() > SHOWN { p { "And " (shown.len() - SHOWN) " more: narrow them with a text." } }
        p class="dim" { "Each strip shows the pushes that were read, oldest left: tall where it failed, low where the same jobs passed, a dot where they did not run." }
    };
    let mut frame = frame(&service, &session, &repo, "Broken now", format!("Broken now on {repo}"));
    frame.is_live = true;
    frame.page(&body).into_response()
}

fn lede(read: &Snapshot) -> String {
    let pressing = read.groups.iter().filter(|group| tab(&group.standing).is_empty()).count();
    let unclear = match read.unclear {
        0 => String::new(),
        some => format!(" Why {} failed is not known.", plural(some, "run")),
    };
    let text = match (pressing, read.groups.len()) {
        (0, 0) if read.unclear == 0 => {
            format!("Nothing is broken: no run failed on {}.", plural(read.pushes.len(), "push"))
        }
        (0, 0) => "No failure is known.".to_owned(),
        (0, some) => {
            format!(
                "Nothing needs a person. Intermittent, known or fixed: {}.",
                plural(some, "failure")
            )
        }
        (1, _) => "One failure needs a person.".to_owned(),
        (some, _) => format!("{some} failures need a person."),
    };
    format!("{text}{unclear}")
}

/// How a failure stands, in a few words more than its kind.
pub(super) fn standing_words(read: &Snapshot, standing: &Standing) -> String {
    let id =
        |place: usize| read.pushes.get(place).map_or_else(String::new, |push| push.id.to_string());
    match standing {
        Standing::New { first_bad, .. } => format!("since push {}", id(*first_bad)),
        Standing::Range { untested, .. } => format!("range of {}", plural(untested + 1, "push")),
        Standing::Intermittent { rate: how } | Standing::Known { rate: how } => rate(how),
        Standing::Older { first_bad } => format!("at least since push {}", id(*first_bad)),
        Standing::Fixed { last_bad, passes } => {
            format!("{passes} passes since push {}", id(*last_bad))
        }
    }
}

/// What a failure is called.
pub(super) fn title(group: &Group) -> String {
    plain(group.failure.test.as_deref().unwrap_or(group.failure.kind.word()))
}

fn entry(
    here: (&Service, &Session, &str),
    watched: &Watched,
    read: &Snapshot,
    group: &Group,
    is_first: bool,
) -> Markup {
    let (_, _, repo) = here;
    let mark = match &group.standing {
        Standing::Intermittent { .. } | Standing::Known { .. } => ("v", ""),
        Standing::Range { .. } => ("s", ""),
        Standing::Fixed { .. } => ("p", "✓"),
        _ => ("f", "✗"),
    };
    let newest = group.runs.first().and_then(|(push, ..)| read.pushes.get(*push));
    let platforms: std::collections::BTreeSet<&str> =
        group.jobs.iter().map(|job| read.name(*job).1.as_str()).collect();
    html! {
        li {
            p class="state" { i class={ "m " (mark.0) } aria-hidden="true" { (mark.1) }
                span { (group.standing.words()) small class="dim" { (standing_words(read, &group.standing)) } } }
            div {
                h2 class="wrap" { a href={ "/r/" (repo) "/failure/" (group.id) } { (title(group)) } }
                @if let Some(message) = &group.failure.message { p class="msg wrap" { (plain(message).chars().take(200).collect::<String>()) } }
                p class="where" {
                    @for platform in &platforms { span class="tag" { (platform) } }
                    span class="tag mono" title="The same failure has the same signature" { (group.id) }
                }
            }
            div class="ev" {
                (strip(&group.seen))
                dl class="kv" {
                    dt { "Failed" } dd { (plural(group.runs.len(), "run")) " of " (plural(group.jobs.len(), "job")) }
                    @if let Some(push) = newest { dt { "Last on" } dd { (push.id) ", " (age(watched.ci.now(), push.date)) " ago" } }
                    @if let Standing::New { first_bad, .. } = &group.standing {
                        @if let Some(push) = read.pushes.get(*first_bad) {
                            dt { "Push" } dd class="wrap" { (author(push)) ": " (summary(push)) }
                        }
                    }
                }
            }
            div class="next" { (next(here, read, group, is_first)) }
        }
    }
}

/// The next step for a failure.
pub(super) fn next(
    here: (&Service, &Session, &str),
    read: &Snapshot,
    group: &Group,
    is_first: bool,
) -> Markup {
    let (_, _, repo) = here;
    let Some((push, job, _)) = group.runs.first() else { return html! {} };
    let (Some(push), (job, _)) = (read.pushes.get(*push), read.name(*job)) else { return html! {} };
    let (rev, test) = (push.revision.hash(), group.failure.test.as_deref().unwrap_or_default());
    let search = format!(
        "/r/{repo}/searches?job={}&bad={rev}&test={}",
        encoded(job.as_str()),
        encoded(test)
    );
    let backfill = [("act", "backfill"), ("job", job.as_str()), ("rev", rev), ("test", test)];
    html! {
        @match &group.standing {
            Standing::Range { .. } | Standing::Older { .. } => {
                (plan_button(here, &backfill, "Plan a backfill", is_first))
                a href=(search) { "Search for the culprit" }
            },
            Standing::Intermittent { .. } | Standing::New { .. } => {
                a class="btn" href=(search) { "Search for the culprit" }
            },
            Standing::Known { .. } | Standing::Fixed { .. } => {},
        }
    }
}
