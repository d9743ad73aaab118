//! E-mail over SMTP, never without TLS.

use std::net::SocketAddr;
use std::time::Duration;

use lettre::Message;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
#[expect(deprecated, reason = "the one way to hand lettre a connection that is bounded")]
use lettre::transport::smtp::client::AsyncNetworkStream;
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use mozci_core::harmless::harmless_line;
use tokio::net::TcpStream;
use tokio_util::compat::{Compat, FuturesAsyncReadCompatExt};
use url::Url;

use crate::allowance::{Allowance, Bounded};
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
            let odd =
                |error| EmailError::Odd(format!("{text:?} is not an e-mail address: {error}"));
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
        let sent = tokio::time::timeout(self.timeout, self.deliver(&host, &message)).await;
        let sent = sent
            .map_err(|_| refused(format!("no answer within {} s", self.timeout.as_secs_f32())))?;
        sent.map_err(|error| {
            let why = match std::error::Error::source(&*error) {
                Some(cause) => format!("{error}: {cause}"),
                None => error.to_string(),
            };
            refused(harmless_line(&why).chars().take(LONGEST_WHY).collect())
        })?
    }

    /// Speaks SMTP to its end. Every answer counts against one allowance: the library reads a line
    /// however long it is.
    #[expect(deprecated, reason = "the one way to hand lettre a connection that is bounded")]
    async fn deliver(
        &self,
        host: &str,
        message: &Message,
    ) -> Result<Result<(), EmailError>, BoxError> {
        let wrapped = self.url.scheme() == "smtps";
        let port = self.url.port().unwrap_or(if wrapped { 465 } else { 587 });
        let tls = TlsParameters::new(host.to_owned())?;
        let connection = TcpStream::connect((host.trim_matches(['[', ']']), port)).await?;
        let allowance = Allowance::new(MOST_ANSWERS);
        let mut stream: Box<dyn AsyncTokioStream> =
            Box::new(Bounded { stream: connection, allowance: allowance.clone() });
        if wrapped {
            let mut secured = AsyncNetworkStream::use_existing_tokio1(stream);
            secured.upgrade_tls(tls.clone()).await?;
            stream = Box::new(Bounded { stream: secured.compat(), allowance });
        }
        let hello = ClientId::default();
        let mut smtp = AsyncSmtpConnection::connect_with_transport(stream, &hello).await?;
        if !wrapped {
            if !smtp.can_starttls() {
                smtp.abort().await;
                return Ok(Err(EmailError::NoTls { host: host.to_owned() }));
            }
            smtp.starttls(tls, &hello).await?;
        }
        if let Some((user, password)) = &self.user {
            let credentials = Credentials::new(user.clone(), password.reveal().to_owned());
            smtp.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await?;
        }
        smtp.send(message.envelope(), &message.formatted()).await?;
        // It is delivered, whatever the farewell comes to.
        let _ = smtp.quit().await;
        Ok(Ok(()))
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What a server may answer in all, TLS included, in bytes.
const MOST_ANSWERS: u64 = 1 << 20;

/// The longest reason that is told, in characters.
const LONGEST_WHY: usize = 300;

impl AsyncTokioStream for Bounded<TcpStream> {
    fn peer_addr(&self) -> std::io::Result<SocketAddr> {
        self.stream.peer_addr()
    }
}

#[expect(deprecated, reason = "as above")]
impl AsyncTokioStream for Bounded<Compat<AsyncNetworkStream>> {
    fn peer_addr(&self) -> std::io::Result<SocketAddr> {
        self.stream.get_ref().peer_addr()
    }
}
