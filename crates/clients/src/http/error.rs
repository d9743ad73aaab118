//! What can go wrong with a request.

use std::fmt;

use mozci_core::harmless::harmless_line;

use super::secrets::without_secrets;

/// A request that brought no answer that could be used.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{problem} ({method} {})", without_secrets(url))]
pub struct HttpError {
    /// What went wrong.
    pub problem: Problem,
    /// The method.
    pub method: &'static str,
    /// Where to, without credentials.
    pub url: String,
}

/// The ways in which a request goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// The server says that there is no such thing, in these words.
    NotFound(String),
    /// The server refuses: credentials or scopes, in its words.
    Forbidden {
        /// 401 or 403.
        status: u16,
        /// The server's words.
        message: String,
    },
    /// Any other status that is no success, with the beginning of what came along.
    Status {
        /// The status.
        status: u16,
        /// The server's words, or the beginning of its page.
        message: String,
    },
    /// Nothing could be sent: the connection was refused, or the name not found.
    Connect(String),
    /// Nothing came within the time.
    Timeout,
    /// The answer comes, but more slowly than an answer may.
    TooSlow {
        /// Bytes that came.
        bytes: usize,
        /// In how many seconds.
        seconds: u64,
    },
    /// The connection broke while the answer was read.
    Broken(String),
    /// The answer is larger than is believed of such an answer.
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// It is more than is asked of a server at once.
    Refused(String),
    /// Something else came where JSON was expected.
    NotJson {
        /// What the server calls it.
        content_type: String,
        /// How it begins.
        start: String,
    },
    /// JSON came, but not of the promised shape.
    Shape(String),
}

impl HttpError {
    /// Whether the thing requested is not there, as opposed to not to be had now.
    pub fn is_not_found(&self) -> bool {
        matches!(self.problem, Problem::NotFound(_))
    }

    /// Whether the same request may well succeed later.
    pub fn is_passing(&self) -> bool {
        match &self.problem {
            Problem::Status { status, .. } => *status == 429 || *status >= 500,
            // A page where JSON was expected is a proxy's as a rule, and goes with its trouble.
            Problem::NotJson { .. } => true,
            Problem::Connect(_) | Problem::Timeout | Problem::Broken(_) => true,
            _ => false,
        }
    }
}

impl Problem {
    /// What is wrong with a body that cannot be read as it was promised.
    pub(crate) fn of_json(error: &serde_json::Error) -> Self {
        match error.classify() {
            serde_json::error::Category::Data => Self::Shape(error.to_string()),
            _ => Self::Broken(format!("it is not complete JSON ({error})")),
        }
    }
}

/// In words. Whatever text a server or a library put into it comes without secrets and without
/// anything that a terminal obeys.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = Words(self).to_string();
        f.write_str(&harmless_line(&without_secrets(&words)))
    }
}

/// A problem as it came.
struct Words<'a>(&'a Problem);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Problem::NotFound(text) if text.is_empty() => {
                f.write_str("the server does not have it")
            }
            Problem::NotFound(text) => write!(f, "the server says: {text}"),
            Problem::Forbidden { status, message } => {
                write!(f, "the server refuses with {status}: {message}")
            }
            Problem::Status { status, message } => {
                write!(f, "the server answered {status}: {message}")
            }
            Problem::Connect(reason) => write!(f, "no connection to the server: {reason}"),
            Problem::Timeout => f.write_str("the server did not answer in time"),
            Problem::TooSlow { bytes, seconds } => {
                write!(f, "the server sends too slowly: {bytes} bytes in {seconds} s")
            }
            Problem::Broken(reason) => write!(f, "the answer was cut off: {reason}"),
            Problem::TooLarge { limit } => {
                write!(f, "the answer is larger than {} MiB", limit / (1 << 20))
            }
            Problem::Refused(reason) => f.write_str(reason),
            Problem::NotJson { content_type, start } => {
                let kind = if content_type.is_empty() { "no content type" } else { content_type };
                write!(f, "the server answered {kind} where JSON was expected: {start:?}")
            }
            Problem::Shape(reason) => write!(f, "the answer has an unexpected shape: {reason}"),
        }
    }
}

/// The most of a text that is looked at, in bytes.
const LOOKED_AT: usize = 4096;

/// The beginning of a text from outside, on one line, without secrets and without anything that a
/// terminal obeys.
pub(crate) fn beginning(text: &str) -> String {
    let looked_at = &text[..text.floor_char_boundary(LOOKED_AT)];
    let clean = without_secrets(&harmless_line(looked_at));
    let mut short: String = clean.chars().take(200).collect();
    if short.len() < clean.len() || looked_at.len() < text.len() {
        short.push('…');
    }
    short.split_whitespace().collect::<Vec<_>>().join(" ")
}
