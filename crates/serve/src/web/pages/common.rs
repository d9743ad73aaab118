//! What several pages need.

use std::sync::Arc;

use axum::response::Response;
use maud::{Markup, html};
use mozci_core::push::{Push, PushRef};
use mozci_pages::plain;

use crate::access::Session;
use crate::service::Service;
use crate::watch::{Snapshot, Watched};
use crate::web::frame::{Frame, token};
use crate::web::problem;

/// A repository that is watched, and what was read of it.
pub(super) fn read<'a>(
    service: &'a Service,
    repo: &str,
) -> Result<(&'a Arc<Watched>, Arc<Snapshot>), Box<Response>> {
    let Some(watched) = service.repos.get(repo) else {
        return Err(Box::new(problem::not_found("no such repository is watched")));
    };
    match watched.snapshot() {
        Some(read) => Ok((watched, read)),
        None => {
            let why = watched.problem().map_or(
                "it is being read for the first time: reload in a moment".into(),
                |(_, why)| why,
            );
            let status = axum::http::StatusCode::SERVICE_UNAVAILABLE;
            Err(Box::new(problem::of(status, &why)))
        }
    }
}

/// A frame of a section of a repository.
pub(super) fn frame<'a>(
    service: &'a Service,
    session: &'a Session,
    repo: &'a str,
    section: &'a str,
    title: impl Into<String>,
) -> Frame<'a> {
    Frame { service, session, repo, section, title: title.into(), is_live: false, is_wide: false }
}

/// The repository that pages show which are about no particular one.
pub(super) fn first(service: &Service) -> &str {
    service.options.repos.first().map_or("", String::as_str)
}

/// The same, with what is read of it.
pub(super) fn first_watched(service: &Service) -> Result<(&str, &Arc<Watched>), Box<Response>> {
    let repo = first(service);
    let watched = service.repos.get(repo);
    watched
        .map(|watched| (repo, watched))
        .ok_or_else(|| Box::new(problem::not_found("no repository is watched")))
}

/// Who pushed, without the host.
pub(super) fn author(push: &Push) -> String {
    plain(push.author.split('@').next().unwrap_or_default())
}

/// What a push is about.
pub(super) fn summary(push: &Push) -> String {
    plain(push.summary.as_deref().unwrap_or_default())
}

/// A push's hash, with a link to where it can be looked at.
pub(super) fn hash(watched: &Watched, push: &Push) -> Markup {
    let short = html! { span class="mono" { (push.revision.short()) } };
    match watched.ci.page_of(&PushRef::from(push)) {
        Some(page) => html! { a href=(page) { (short) } },
        None => short,
    }
}

/// A text as it stands in a link's path.
pub(super) fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

/// A form with one button that makes a plan, which is shown before anything is sent.
pub(super) fn plan_button(
    (service, session, repo): (&Service, &Session, &str),
    fields: &[(&str, &str)],
    label: &str,
    is_first: bool,
) -> Markup {
    html! {
        form method="post" action={ "/r/" (repo) "/plans" } {
            (token(service, session))
            @for (name, value) in fields { input type="hidden" name=(name) value=(value); }
            button class=[is_first.then_some("go")] { (label) }
        }
    }
}
