//! From whatever somebody has at hand to the page about it.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use mozci_core::revision_name::RevisionName;
use mozci_core::run_spec::RunSpec;
use mozci_engine::Error;
use mozci_engine::flow::{find_run, resolve, spelled};
use serde::Deserialize;

use super::common::{encoded, first};
use crate::service::Service;
use crate::web::problem;

#[derive(Deserialize)]
pub(in crate::web) struct Asked {
    #[serde(default)]
    q: String,
    #[serde(default)]
    url: String,
    #[serde(default)]
    repo: String,
}

/// A text: a push, a link, a signature, a job, or a part of a test's name.
pub(in crate::web) async fn query(
    State(service): State<Arc<Service>>,
    Query(asked): Query<Asked>,
) -> Response {
    lead(&service, &asked.repo, asked.q.trim()).await
}

/// A link of the CI's, as a bookmarklet hands it over.
pub(in crate::web) async fn url(
    State(service): State<Arc<Service>>,
    Query(asked): Query<Asked>,
) -> Response {
    lead(&service, &asked.repo, asked.url.trim()).await
}

/// Leads to a page of the service, never elsewhere.
async fn lead(service: &Service, repo: &str, text: &str) -> Response {
    let repo = if service.repos.contains_key(repo) { repo } else { first(service) };
    let Some(watched) = service.repos.get(repo) else {
        return problem::not_found("no repository is watched");
    };
    let to = |path: String| Redirect::to(&path).into_response();
    if let Some(read) = watched.snapshot() {
        if read.groups.iter().any(|group| group.id == text) {
            return to(format!("/r/{repo}/failure/{text}"));
        }
        if read.job(text).is_some() {
            return to(format!("/r/{repo}/grid?show=all&include={}", encoded(text)));
        }
    }
    match found(watched, repo, text).await {
        Ok(path) => to(path),
        // What names no push may be a part of a test's name.
        Err(Error::Usage(_)) if !text.contains("://") => {
            to(format!("/r/{repo}?text={}", encoded(text)))
        }
        Err(error) => problem::error(&error),
    }
}

async fn found(watched: &crate::watch::Watched, repo: &str, text: &str) -> Result<String, Error> {
    let ci = &watched.ci;
    if let Ok(run) = text.parse::<RunSpec>()
        && let Ok(run) = find_run(ci, &run).await
        && let Some(read) = watched.snapshot()
    {
        let place =
            read.matrix.rows.iter().position(|row| row.iter().any(|(_, of)| of.key == run.run.key));
        if let Some(push) = place.and_then(|place| read.pushes.get(place)) {
            let (request, number) = (encoded(&run.run.key.request.to_string()), run.run.key.run);
            return Ok(format!("/r/{repo}/run/{}/{request}/{number}", push.id));
        }
    }
    let name: RevisionName = text.parse().map_err(|error| Error::Usage(format!("{error}")))?;
    if let RevisionName::Local(_) = name {
        return Err(Error::Usage(format!("{text:?} names no push")));
    }
    let push = resolve(ci, &spelled(ci, &name).await?).await?;
    Ok(format!("/r/{repo}/push/{}", push.id))
}
