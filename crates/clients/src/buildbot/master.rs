//! The master, and how its data API is asked.

use serde::de::DeserializeOwned;
use url::Url;

use crate::http::{Http, HttpError, Problem};

/// A Buildbot master.
#[derive(Debug, Clone)]
pub struct Master {
    pub(super) http: Http,
    pub(super) base: Url,
}

/// A question's parameters.
pub(crate) type Query<'a> = &'a [(&'a str, String)];

impl Master {
    /// The master at this URL, which may be below a path of its host.
    pub fn new(http: Http, mut base: Url) -> Self {
        base.set_query(None);
        base.set_fragment(None);
        if !base.path().ends_with('/') {
            let path = format!("{}/", base.path());
            base.set_path(&path);
        }
        Self { http, base }
    }

    /// Where its pages are.
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// Where a build request can be looked at.
    pub fn request_link(&self, request: mozci_core::ids::BuildRequestId) -> String {
        format!("{}#/buildrequests/{request}", self.base)
    }

    /// Where a change can be looked at.
    pub fn change_link(&self, change: u64) -> String {
        format!("{}#/changes/{change}", self.base)
    }

    /// A URL below the master's own.
    pub(super) fn url(&self, segments: &[&str], query: Query<'_>) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    /// Asks the data API.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        query: Query<'_>,
    ) -> Result<T, HttpError> {
        let path: Vec<&str> = ["api", "v2"].iter().chain(segments).copied().collect();
        self.http.get(self.url(&path, query)).await.map_err(|error| self.explain(error))
    }

    /// Says what the master's own errors mean. They come as plain text with JSON in it.
    pub(super) fn explain(&self, mut error: HttpError) -> HttpError {
        let base = &self.base;
        error.problem = match error.problem {
            Problem::Status { status: 404, message } => match buildbots(&message) {
                Some(text) => Problem::NotFound(text),
                None => Problem::Status {
                    status: 404,
                    message: format!("no Buildbot master answers at {base}: {message}"),
                },
            },
            Problem::Status { status, message } => {
                let message = buildbots(&message).unwrap_or(message);
                Problem::Status { status, message }
            }
            Problem::NotJson { content_type, start } => Problem::NotJson {
                content_type,
                start: format!("no Buildbot master seems to be at {base}: {start}"),
            },
            other => other,
        };
        error
    }
}

/// The words of an error of Buildbot's; none where it is somebody else's.
fn buildbots(message: &str) -> Option<String> {
    let text = message.strip_prefix("{\"error\":")?.trim().trim_start_matches('"');
    // What the master adds is its own insides.
    let end = text.find(" with arguments ").unwrap_or(text.len());
    Some(text[..end].trim_end_matches(['}', '"', '…']).to_owned())
}
