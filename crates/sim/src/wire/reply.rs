//! A request and a reply, free of any HTTP library.

use serde::Serialize;
use serde_json::Value;

use super::treeherder_jobs::RowCache;
use crate::server::Urls;

/// What a service gets to see of a request.
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    /// The path as it was sent, still percent-encoded.
    pub(crate) path: &'a str,
    pub(crate) raw_query: &'a str,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) user_agent: &'a str,
    pub(crate) accept: &'a str,
    pub(crate) authorization: Option<&'a str>,
    /// Host and port as the client named them, which it signs.
    pub(crate) host: &'a str,
    pub(crate) body: &'a [u8],
    pub(crate) urls: &'a Urls,
    pub(crate) rows: &'a RowCache,
}

impl Request<'_> {
    /// The last value of a query parameter.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.query.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Every value of a query parameter.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.query.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The path's segments, decoded.
    pub(crate) fn segments(&self) -> Vec<String> {
        let parts = self.path.split('/').skip(1);
        parts.map(decode).collect()
    }
}

/// Undoes percent-encoding; what is no valid encoding stays as it is.
pub(crate) fn decode(text: &str) -> String {
    let plus_safe = text.replace('+', "%2B");
    let pair = format!("x={plus_safe}");
    let decoded = url::form_urlencoded::parse(pair.as_bytes()).next();
    decoded.map_or_else(String::new, |(_, value)| value.into_owned())
}

/// A reply.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn new(status: u16, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, content_type, headers: Vec::new(), body: body.into() }
    }

    /// JSON as Treeherder and Mercurial send it.
    pub(crate) fn json(status: u16, body: &impl Serialize) -> Self {
        Self::new(status, "application/json", serde_json::to_vec(body).unwrap_or_default())
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
}

/// Milliseconds as Taskcluster writes an instant.
pub(crate) fn iso(ms: i64) -> String {
    chrono::DateTime::from_timestamp_millis(ms)
        .unwrap_or_default()
        .to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

/// A body as JSON; null where it is none.
pub(crate) fn body_json(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or(Value::Null)
}
