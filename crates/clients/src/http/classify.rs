//! What an answer means.

use std::time::Duration;

use chrono::DateTime;
use mozci_core::harmless::harmless_line;
use reqwest::header::{CONTENT_TYPE, DATE, LOCATION, RETRY_AFTER};
use reqwest::{Method, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::error::{HttpError, Problem, beginning};
use super::secrets::without_secrets;

pub(super) fn failure(method: &Method, url: &Url, problem: Problem) -> HttpError {
    let method = if *method == Method::POST { "POST" } else { "GET" };
    HttpError { problem, method, url: shown(url) }
}

/// The longest part of a URL that an error shows, in characters.
const LONGEST_URL: usize = 300;

/// A URL as errors and logs may show it: no user, no password, no query and no fragment, which may
/// be a signature. That there was a query is shown.
pub(super) fn shown(url: &Url) -> String {
    let mut plain = url.clone();
    let _ = plain.set_password(None);
    let _ = plain.set_username("");
    plain.set_fragment(None);
    plain.set_query(None);
    let mut text: String = plain.as_str().chars().take(LONGEST_URL).collect();
    if text.len() < plain.as_str().len() {
        text.push('…');
    } else if url.query().is_some() {
        text.push_str("?…");
    }
    text
}

pub(super) fn parse<T: DeserializeOwned>(
    body: &[u8],
    method: &Method,
    url: &Url,
) -> Result<T, HttpError> {
    serde_json::from_slice(body).map_err(|error| failure(method, url, Problem::of_json(&error)))
}

pub(super) fn content_type(response: &Response) -> &str {
    let kind = response.headers().get(CONTENT_TYPE);
    kind.and_then(|value| value.to_str().ok()).unwrap_or("")
}

pub(super) fn is_json(content_type: &str) -> bool {
    content_type.split(';').next().is_some_and(|kind| {
        let kind = kind.trim();
        kind == "application/json" || kind.ends_with("+json")
    })
}

/// Only JSON is taken for success: proxies and Treeherder answer pages in HTML with any status.
pub(super) fn classify(
    status: StatusCode,
    content_type: &str,
    body: Vec<u8>,
) -> Result<Vec<u8>, Problem> {
    let is_json = is_json(content_type);
    if status.is_success() && is_json {
        return match ends_early(&body) {
            true => Err(Problem::Broken("the JSON ends in the middle".into())),
            false => Ok(body),
        };
    }
    let text = String::from_utf8_lossy(&body);
    if status.is_success() {
        let content_type = content_type.to_owned();
        return Err(Problem::NotJson { content_type, start: beginning(&text) });
    }
    let message = if is_json { message_of(&body) } else { beginning(&text) };
    Err(match status.as_u16() {
        // A page in HTML is a proxy's or a web server's: nothing was looked for behind it.
        404 if is_json => Problem::NotFound(message),
        status @ (401 | 403) => Problem::Forbidden { status, message },
        status => Problem::Status { status, message },
    })
}

/// Whether an object or a list lacks its end, as where a server or a proxy gave up half-way and
/// closed the connection in an orderly way.
fn ends_early(body: &[u8]) -> bool {
    let body = body.trim_ascii();
    match (body.first(), body.last()) {
        (Some(b'{'), last) => last != Some(&b'}') || body.len() == 1,
        (Some(b'['), last) => last != Some(&b']') || body.len() == 1,
        (first, _) => first.is_none(),
    }
}

/// The words of an error in JSON: Taskcluster's `message`, Mercurial's `error`, Treeherder's
/// `detail`, bare string or dictionary of fields.
fn message_of(body: &[u8]) -> String {
    let value: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let text = ["message", "error", "detail"].iter().find_map(|key| value[*key].as_str());
    match text.or_else(|| value.as_str()) {
        // Taskcluster repeats method and time behind a rule.
        Some(text) => beginning_of_message(text),
        None => beginning(&String::from_utf8_lossy(body)),
    }
}

fn beginning_of_message(text: &str) -> String {
    let text = text.split("\n---\n").next().unwrap_or(text);
    if let Some(scopes) = missing_scopes(text) {
        return without_secrets(&harmless_line(&format!("missing scope {scopes}")));
    }
    let text = without_secrets(&harmless_line(text));
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(600).collect()
}

/// The scopes that a refusal of Taskcluster's names, without the rest of its expression.
fn missing_scopes(text: &str) -> Option<String> {
    let expression = text.split("following scope expression:").nth(1)?;
    let quoted = expression.split('"').skip(1).step_by(2);
    let scopes: Vec<&str> =
        quoted.filter(|word| !matches!(*word, "AllOf" | "AnyOf")).take(MOST_SCOPES).collect();
    let bare = || expression.trim_matches(['`', '\n', ' ', '.']).to_owned();
    Some(if scopes.is_empty() { bare() } else { scopes.join(", ") })
}

/// Scopes of a refusal that are named.
const MOST_SCOPES: usize = 5;

/// Where a redirect leads.
///
/// # Errors
/// [`Problem::Status`] where it leads nowhere, or out of encryption.
pub(super) fn redirect(response: &Response) -> Result<Url, Problem> {
    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    let status = response.status().as_u16();
    next_hop(response.url(), location).map_err(|message| Problem::Status { status, message })
}

fn next_hop(from: &Url, location: Option<&str>) -> Result<Url, String> {
    let target = location.and_then(|location| from.join(location).ok());
    match target {
        // What was requested under encryption is not to be had without.
        Some(url) if url.scheme() == "http" && from.scheme() == "https" => {
            let host = url.host_str().unwrap_or_default();
            Err(format!("a redirect from https to http ({host}), which is not followed"))
        }
        Some(url) if matches!(url.scheme(), "http" | "https") => Ok(url),
        _ => Err("a redirect to nowhere".to_owned()),
    }
}

/// The server's instant, where the answer names one that can be read.
pub(super) fn date(response: &Response) -> Option<i64> {
    let text = response.headers().get(DATE)?.to_str().ok()?;
    DateTime::parse_from_rfc2822(text).ok().map(|date| date.timestamp())
}

/// How long the server asks to be left alone: seconds, or an instant of its own clock.
pub(super) fn retry_after(response: &Response) -> Option<Duration> {
    let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let until = DateTime::parse_from_rfc2822(text).ok()?.timestamp();
    let now = date(response).unwrap_or_else(|| chrono::Utc::now().timestamp());
    Some(Duration::from_secs(u64::try_from(until - now).unwrap_or(0)))
}

pub(super) fn problem_of(error: &reqwest::Error) -> Problem {
    if error.is_timeout() {
        Problem::Timeout
    } else if error.is_connect() {
        Problem::Connect(chain(error))
    } else {
        Problem::Broken(chain(error))
    }
}

/// The last cause of an error, which says most, without URLs that may be signed.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    without_secrets(&last.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_stays_with_http_and_leaves_no_encryption() {
        let hop = |from: &str, to: &str| next_hop(&Url::parse(from).unwrap(), Some(to));
        assert_eq!(hop("https://a/x", "/y").unwrap().as_str(), "https://a/y");
        assert_eq!(hop("http://a/x", "https://b/y").unwrap().as_str(), "https://b/y");
        assert_eq!(hop("http://a/x", "http://b/").unwrap().as_str(), "http://b/");
        for (from, to) in [
            ("https://a/x", "http://a/x"),
            ("https://a/x", "HTTP://b/?X-Amz-Signature=s3cret"),
            ("https://a/x", "file:///etc/passwd"),
            ("http://a/x", "gopher://b/"),
        ] {
            let error = hop(from, to).unwrap_err();
            assert!(!error.contains("s3cret"), "{error}");
        }
        assert!(next_hop(&Url::parse("http://a/").unwrap(), None).is_err());
    }

    #[test]
    fn a_url_is_shown_without_what_may_be_secret() {
        let url = Url::parse("https://me:s3cret@host/a/b?sig=s3cret#s3cret").unwrap();
        assert_eq!(shown(&url), "https://host/a/b?…");
    }
}
