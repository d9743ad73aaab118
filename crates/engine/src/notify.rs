//! Telling whoever requested it: what is told stands in the store first, and is sent until it is taken.

use std::time::Duration;

use mozci_clients::notify::{Email, Letter, Webhook};
use mozci_clients::pulse::Secret;
use mozci_core::time::At;
use serde::Serialize;
use serde_json::{Value, json};
use url::Url;

use crate::config::Notify;
use crate::error::Error;
use crate::store::{Message, NewMessage, Store, TriggerId};

/// What is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Occasion {
    /// It came to its end.
    Finished,
    /// It cannot go on unless somebody decides something.
    NeedsYou,
    /// It cannot go on, since something does not work.
    Stuck,
}

impl Occasion {
    fn words(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::NeedsYou => "needs you",
            Self::Stuck => "stuck",
        }
    }
}

/// News of an investigation.
#[derive(Debug, Clone, Serialize)]
pub struct News<'a> {
    /// The investigation.
    pub investigation: &'a str,
    /// What happened.
    pub occasion: Occasion,
    /// The CI's URL.
    pub ci: &'a str,
    /// The repository.
    pub repo: &'a str,
    /// What is being investigated.
    pub subject: &'a str,
    /// What came of it, in a sentence.
    pub summary: &'a str,
    /// The command that goes on from here.
    pub command: &'a str,
}

/// The ways to whoever is told.
#[derive(Debug)]
pub struct Channels {
    webhook: Option<Webhook>,
    email: Option<Email>,
}

/// How long a delivery may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The form of what webhooks are sent.
const VERSION: u32 = 1;

impl Channels {
    /// As the configuration says, with secrets from the environment as `env` has it; none where nobody
    /// is to be told.
    ///
    /// # Errors
    /// [`Error::Usage`] for an address that is none.
    pub fn open(
        config: &Notify,
        user_agent: &str,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, Error> {
        let get = |name: &str| env(name).filter(|value| !value.is_empty());
        let parse = |key: &str, text: &str, schemes: [&str; 2]| {
            let url = Url::parse(text).map_err(|error| {
                Error::Usage(format!("`{key}` under [notify] in the config: {error}"))
            })?;
            match schemes.contains(&url.scheme()) && url.password().is_none() {
                true => Ok(url),
                false => Err(Error::Usage(format!(
                    "`{key}` under [notify] in the config has to begin with {}:// or {}://, and have no password in it",
                    schemes[0], schemes[1]
                ))),
            }
        };
        let webhook = match &config.webhook {
            None => None,
            Some(text) => Some(Webhook {
                url: parse("webhook", text, ["https", "http"])?,
                secret: get("MOZCI_WEBHOOK_SECRET").map(Secret::new),
                allow_private: config.webhook_allow_private,
                timeout: TIMEOUT,
                user_agent: user_agent.to_owned(),
            }),
        };
        let email = match (&config.smtp_url, config.email_to.is_empty()) {
            (_, true) => None,
            (None, false) => {
                let text = "`email_to` under [notify] in the config needs `smtp_url`: smtps://host:465, or smtp://host:587 with STARTTLS";
                return Err(Error::Usage(text.into()));
            }
            (Some(text), false) => Some(Email {
                url: parse("smtp_url", text, ["smtps", "smtp"])?,
                user: get("SMTP_USER").zip(get("SMTP_PASSWORD").map(Secret::new)),
                from: config.email_from.clone().unwrap_or_else(|| config.email_to[0].clone()),
                to: config.email_to.clone(),
                timeout: TIMEOUT,
            }),
        };
        let any = webhook.is_some() || email.is_some();
        Ok(any.then_some(Self { webhook, email }))
    }

    /// Puts news into the store, for each channel once a question.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn post(
        &self,
        outbox: &dyn Store,
        question: &str,
        news: &News<'_>,
        now: At,
    ) -> Result<(), Error> {
        let channels = [("webhook", self.webhook.is_some()), ("email", self.email.is_some())];
        for (channel, _) in channels.into_iter().filter(|(_, there)| *there) {
            let id = TriggerId::new().as_str().to_owned();
            let body = json!({"version": VERSION, "delivery": id, "at": now, "news": news});
            let message = NewMessage {
                investigation: news.investigation.to_owned(),
                question: question.to_owned(),
                channel: channel.to_owned(),
                body: body.to_string(),
                id,
            };
            outbox.post(&message).await?;
        }
        Ok(())
    }

    /// Sends what is due. Returns why messages were not delivered; they are tried again later.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn deliver(&self, outbox: &dyn Store) -> Result<Vec<String>, Error> {
        let mut problems = Vec::new();
        for message in outbox.take_due().await? {
            match self.send(&message).await {
                Ok(()) => outbox.delivered(&message.id).await?,
                Err(problem) => {
                    outbox.not_delivered(&message, &problem).await?;
                    problems.push(problem);
                }
            }
        }
        Ok(problems)
    }

    async fn send(&self, message: &Message) -> Result<(), String> {
        match (message.channel.as_str(), &self.webhook, &self.email) {
            ("webhook", Some(webhook), _) => {
                let sent = webhook.deliver(&message.id, &message.body).await;
                sent.map_err(|error| format!("the webhook was not delivered: {error}"))
            }
            ("email", _, Some(email)) => {
                let body: Value = serde_json::from_str(&message.body).unwrap_or(Value::Null);
                let (subject, text) = letter(&body["news"]);
                let letter = Letter { id: &message.id, subject: &subject, text: &text };
                let sent = email.send(&letter).await;
                sent.map_err(|error| format!("the e-mail was not delivered: {error}"))
            }
            (channel, ..) => Err(format!("the config no longer says how to send a {channel}")),
        }
    }
}

/// News as an e-mail.
fn letter(news: &Value) -> (String, String) {
    let text = |key: &str| news[key].as_str().unwrap_or_default();
    let occasion = match text("occasion") {
        "finished" => Occasion::Finished,
        "needs-you" => Occasion::NeedsYou,
        _ => Occasion::Stuck,
    };
    let subject = format!("mozci {}: {}", occasion.words(), text("subject"));
    let body = format!(
        "{}\n\n{} on {} ({})\ninvestigation {}\n\n{}\n",
        text("summary"),
        text("subject"),
        text("repo"),
        text("ci"),
        text("investigation"),
        text("command"),
    );
    (subject.chars().filter(|c| !c.is_control()).take(200).collect(), body)
}
