//! What all pages have around them.

use maud::{DOCTYPE, Markup, html};
use mozci_pages::{age, plain};

use crate::access::Session;
use crate::service::Service;
use crate::watch::Watched;

/// The sections, by their names and addresses; those of a repository begin with its own.
const SECTIONS: [(&str, &str); 7] = [
    ("Broken now", ""),
    ("Grid", "/grid"),
    ("Choose jobs", "/choose"),
    ("Investigations", "/investigations"),
    ("Requests", "/requests"),
    ("Limits", "/limits"),
    ("Health", "/health"),
];

/// A page of a section.
pub(super) struct Frame<'a> {
    pub(super) service: &'a Service,
    pub(super) session: &'a Session,
    /// The repository that it is about.
    pub(super) repo: &'a str,
    pub(super) section: &'a str,
    pub(super) title: String,
    /// Whether it changes in place when something new was read.
    pub(super) is_live: bool,
    /// Whether it takes all the width there is.
    pub(super) is_wide: bool,
}

impl Frame<'_> {
    /// The whole page.
    pub(super) fn page(&self, body: &Markup) -> Markup {
        let Self { service, session, repo, .. } = self;
        let live = self.is_live.then(|| format!("/r/{repo}/events"));
        html! {
            (DOCTYPE)
            html lang="en" {
                (head(&self.title))
                body {
                    a class="skip" href="#main" { "Skip to the content" }
                    header class="top" {
                        a class="brand" href="/" { "mozci" }
                        span { @for name in &service.options.repos {
                            a href={ "/r/" (name) } aria-current=[(name == repo).then_some("true")] { (name) } " "
                        } }
                        nav aria-label="Main" { ul {
                            @for (name, path) in SECTIONS {
                                li { a href=(address(repo, path)) aria-current=[(name == self.section).then_some("page")] { (name) } }
                            }
                        } }
                        form class="who" method="post" action="/signout" {
                            (token(service, session))
                            button { "Sign out" }
                        }
                    }
                    @if let Some(watched) = service.repos.get(*repo) { (bar(repo, watched)) }
                    main id="main" class=[self.is_wide.then_some("wide")] data-live=[live] { (body) }
                    footer class="foot" {
                        "mozci " (service.options.version) " on " (service.options.ci) " · "
                        a href="/health" { "health" }
                    }
                }
            }
        }
    }
}

fn address(repo: &str, path: &str) -> String {
    match path {
        "" | "/grid" | "/choose" => format!("/r/{repo}{path}"),
        path => path.to_owned(),
    }
}

fn head(title: &str) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            title { (plain(title)) " · mozci" }
            link rel="icon" href="/assets/icon.svg" type="image/svg+xml";
            link rel="stylesheet" href="/assets/mozci.css";
            script src="/assets/mozci.js" defer {}
        }
    }
}

/// When a repository was read, and what went wrong since.
fn bar(repo: &str, watched: &Watched) -> Markup {
    let now = watched.ci.now();
    html! {
        section class="bar" aria-label="State of the repository" {
            span { b { (repo) } " "
                @match watched.snapshot() {
                    Some(read) => { "read " (age(now, read.at)) " ago" },
                    None => "is being read",
                }
            }
            @if let Some(read) = watched.snapshot() {
                @if let Some(behind) = read.matrix.behind { span { "newest result " (behind / 60) " min old" } }
                @if read.unread > 0 { span { (read.unread) " failed runs are still to be read" } }
                @if let Some(why) = &read.matrix.incomplete { span { b { "incomplete: " } (plain(why)) } }
            }
            @if let Some((since, why)) = watched.problem() {
                span { b { "not read for " (age(now, since)) ": " } (plain(&why)) }
            }
            form role="search" action="/q" {
                input type="hidden" name="repo" value=(repo);
                label class="vh" for="q" { "Go to a push, job, test or link" }
                input id="q" name="q" type="search" placeholder="Push, job, test or any CI link  ( / )";
            }
        }
    }
}

/// The field that shows that a form is this session's own.
pub(super) fn token(service: &Service, session: &Session) -> Markup {
    html! { input type="hidden" name="token" value=(service.access.form_token(session)); }
}

/// A page without anything around it, for who is not signed in.
pub(super) fn bare(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            (head(title))
            body { main id="main" class="slim" { (body) } }
        }
    }
}
