//! How Pulse is reached, and what is listened to.

use std::fmt;
use std::time::Duration;

use url::Url;

/// A text that is in no output.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for whoever has to send it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// How a broker is reached.
#[derive(Debug, Clone)]
pub struct PulseSettings {
    /// `amqps://host:port`, with the virtual host as path; no user in it.
    pub url: Url,
    /// Who listens; queues are this user's.
    pub user: String,
    /// The password.
    pub password: Secret,
    /// How long anything may take that the broker is requested.
    pub timeout: Duration,
    /// How often both sides give a sign of life, in seconds.
    pub heartbeat: u16,
    /// Messages that may be under way without being acknowledged.
    pub prefetch: u16,
}

impl PulseSettings {
    /// The usual settings.
    pub fn new(url: Url, user: impl Into<String>, password: Secret) -> Self {
        Self {
            url,
            user: user.into(),
            password,
            timeout: Duration::from_secs(20),
            heartbeat: 30,
            prefetch: 2_000,
        }
    }

    /// The broker, as errors name it.
    pub(super) fn place(&self) -> String {
        let host = self.url.host_str().unwrap_or("?");
        match self.url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }
}

/// The name of a queue: Pulse lets a user have only those below `queue/<user>/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueName(String);

impl QueueName {
    /// The queue of an instance of mozci. Of the instance letters, digits, `-` and `_` are kept.
    pub fn new(user: &str, instance: &str) -> Self {
        let fits = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let instance: String = instance.chars().filter(fits).take(60).collect();
        Self(format!("queue/{user}/mozci-{instance}"))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for QueueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How long a queue lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueKind {
    /// Ours alone, and gone with the connection.
    Temporary,
    /// It keeps what comes while nobody listens, until it is removed or nobody has listened for a
    /// day.
    Durable,
}

/// What of an exchange comes into a queue.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Binding {
    /// The exchange.
    pub exchange: String,
    /// The pattern of routing keys: `*` is a word, `#` any number of them.
    pub routing_key: String,
}
