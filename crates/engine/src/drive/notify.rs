//! Notifying whoever requested it of how something ended.

use std::time::Duration;

use crate::ci::Ci;
use crate::drive::progress::{Observer, Progress};
use crate::error::Error;
use crate::notify::{Channels, News, Occasion};
use crate::store::Store;

/// The pauses before a message that was not taken is sent again by the same driver. After that later drivers
/// send it.
const RETRIES: [Duration; 3] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// The channels, and how somebody goes on from a message.
#[derive(Debug)]
pub struct Notifier {
    /// The channels.
    pub channels: Channels,
    /// How a command has to begin to reach the same CI and repository.
    pub program: String,
}

/// What is told, besides of which CI.
pub(super) struct Notice<'a> {
    pub(super) investigation: &'a str,
    pub(super) occasion: Occasion,
    pub(super) subject: &'a str,
    pub(super) summary: &'a str,
    /// The command that goes on from here, without the program.
    pub(super) command: &'a str,
}

impl Notifier {
    /// Sends it on every channel, once a question: what happened, and what was said of it.
    pub(super) async fn notify(
        &self,
        ci: &Ci,
        notice: &Notice<'_>,
        observer: &mut dyn Observer,
    ) -> Result<(), Error> {
        let outbox = ci.store().await?;
        let command = format!("{} {}", self.program, notice.command);
        let news = News {
            investigation: notice.investigation,
            occasion: notice.occasion,
            ci: &ci.root_url,
            repo: ci.repo.as_str(),
            subject: notice.subject,
            summary: notice.summary,
            command: &command,
        };
        let question = format!("{:?}: {}", notice.occasion, notice.summary);
        self.channels.post(&*outbox, &question, &news, ci.now()).await?;
        let mut pauses = RETRIES.into_iter();
        loop {
            if self.deliver(ci, &*outbox, observer).await? == 0 {
                return Ok(());
            }
            let Some(pause) = pauses.next() else { return Ok(()) };
            tokio::time::sleep(pause).await;
        }
    }

    /// Sends what earlier drivers could not deliver and what is due. Says what still was not delivered.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn deliver_due(&self, ci: &Ci, observer: &mut dyn Observer) -> Result<(), Error> {
        self.deliver(ci, &*ci.store().await?, observer).await.map(drop)
    }

    async fn deliver(
        &self,
        ci: &Ci,
        outbox: &dyn Store,
        observer: &mut dyn Observer,
    ) -> Result<usize, Error> {
        let problems = self.channels.deliver(outbox).await?;
        for problem in &problems {
            observer.on(ci, Progress::Undelivered(problem));
        }
        Ok(problems.len())
    }
}
