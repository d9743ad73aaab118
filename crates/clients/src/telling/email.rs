//! E-mail over SMTP, never without TLS.

use std::time::Duration;

use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use url::Url;

use crate::pulse::Secret;

/// How e-mail is sent.
#[derive(Debug, Clone)]
pub struct Email {
    /// `smtps://host:port` (TLS from the first byte) or `smtp://host:port` (STARTTLS).
    pub url: Url,
    /// User and password, where the server wants them.
    pub user: Option<(String, Secret)>,
    /// Who it is from.
    pub from: String,
    /// Who it is for.
    pub to: Vec<String>,
    /// How long it may take.
    pub timeout: Duration,
}

/// What is told.
#[derive(Debug, Clone)]
pub struct Letter<'a> {
    /// What makes two sendings one to whoever reads it.
    pub id: &'a str,
    /// One line.
    pub subject: &'a str,
    /// Plain text.
    pub text: &'a str,
}

/// An e-mail that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EmailError {
    /// The server knows no TLS.
    #[error("{host} offers no TLS, and nothing is sent without: use a server that does")]
    NoTls {
        /// The server.
        host: String,
    },
    /// An address that is none, or another thing that no server would take.
    #[error("{0}")]
    Odd(String),
    /// The server says no, or is not there.
    #[error("{host} does not take it: {why}")]
    Refused {
        /// The server.
        host: String,
        /// Why.
        why: String,
    },
}

impl Email {
    /// Sends a letter. Sent twice it has the same Message-ID.
    ///
    /// # Errors
    /// [`EmailError`].
    pub async fn send(&self, letter: &Letter<'_>) -> Result<(), EmailError> {
        let host = self.url.host_str().unwrap_or_default().to_owned();
        let refused = |why: String| EmailError::Refused { host: host.clone(), why };
        let mailbox = |text: &str| {
            let odd = |error| EmailError::Odd(format!("{text:?} is no e-mail address: {error}"));
            text.parse::<Mailbox>().map_err(odd)
        };
        let mut message = Message::builder()
            .from(mailbox(&self.from)?)
            .subject(letter.subject)
            .message_id(Some(format!("<{}@mozci>", letter.id)))
            .header(ContentType::TEXT_PLAIN);
        for to in &self.to {
            message = message.to(mailbox(to)?);
        }
        let odd = |error: lettre::error::Error| EmailError::Odd(error.to_string());
        let message = message.body(letter.text.to_owned()).map_err(odd)?;
        let tls = TlsParameters::new(host.clone()).map_err(|error| refused(error.to_string()))?;
        let wrapped = self.url.scheme() == "smtps";
        let tls = if wrapped { Tls::Wrapper(tls) } else { Tls::Required(tls) };
        let port = self.url.port().unwrap_or(if wrapped { 465 } else { 587 });
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&host)
            .port(port)
            .tls(tls)
            .timeout(Some(self.timeout));
        if let Some((user, password)) = &self.user {
            let credentials = Credentials::new(user.clone(), password.reveal().to_owned());
            transport = transport.credentials(credentials);
        }
        let sent = tokio::time::timeout(self.timeout, transport.build().send(message)).await;
        let sent = sent
            .map_err(|_| refused(format!("no answer within {} s", self.timeout.as_secs_f32())))?;
        sent.map(drop).map_err(|error| {
            let why = match std::error::Error::source(&error) {
                Some(cause) => format!("{error}: {cause}"),
                None => error.to_string(),
            };
            match why.contains("STARTTLS is not supported") {
                true => EmailError::NoTls { host: host.clone() },
                false => refused(why),
            }
        })
    }
}
