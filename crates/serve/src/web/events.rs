//! Tells open pages that something new was read.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use tokio_stream::wrappers::WatchStream;

use super::problem;
use crate::service::Service;

/// A stream with an event for each time that something new was read.
pub(super) async fn stream(
    State(service): State<Arc<Service>>,
    Path(repo): Path<String>,
) -> Response {
    let Some(watched) = service.repos.get(&repo) else {
        return problem::not_found("no such repository is watched");
    };
    let ended = service.cancel.clone();
    let events = WatchStream::from_changes(watched.changes())
        .take_until(async move { ended.cancelled().await })
        .map(|count| Ok::<_, Infallible>(Event::default().data(count.to_string())));
    Sse::new(events).keep_alive(KeepAlive::default()).into_response()
}
