//! Telling whoever asked for it how something ended.

use std::time::Duration;

use mozci_core::time::At;
use mozci_engine::Error;
use mozci_engine::notify::{Courier, News, Occasion};
use mozci_engine::store::Outbox;

use crate::context::Context;

/// The pauses before a message that was not taken is tried again by the same command; after that
/// later commands do so.
const AGAIN: [Duration; 3] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// What is told, besides of which CI.
pub(crate) struct Told<'a> {
    pub(crate) investigation: &'a str,
    pub(crate) occasion: Occasion,
    pub(crate) subject: &'a str,
    pub(crate) summary: &'a str,
    pub(crate) command: &'a str,
}

/// Refuses before anything begins what could not be told in the end.
pub(crate) fn check(context: &Context, tells: bool) -> Result<(), Error> {
    if tells && context.courier()?.is_none() {
        return Err(Error::Usage(
            "--tell needs somebody to tell: set `webhook`, or `email_to` and `smtp_url`, under [notify] in the config".into(),
        ));
    }
    Ok(())
}

/// Tells it on every channel, once a question: what happened, and what was said of it.
pub(crate) async fn tell(context: &Context, told: &Told<'_>) -> Result<(), Error> {
    let Some(courier) = context.courier()? else { return Ok(()) };
    let ci = &context.ci;
    let outbox = Outbox::open(&ci.place.state)?;
    let news = News {
        investigation: told.investigation,
        occasion: told.occasion,
        ci: &ci.root_url,
        repo: ci.repo.as_str(),
        subject: told.subject,
        summary: told.summary,
        command: told.command,
    };
    let question = format!("{:?}: {}", told.occasion, told.summary);
    courier.post(&outbox, &question, &news, now())?;
    let mut pauses = AGAIN.into_iter();
    loop {
        let problems = deliver(context, &courier, &outbox).await?;
        if problems == 0 {
            return Ok(());
        }
        let Some(pause) = pauses.next() else { return Ok(()) };
        tokio::time::sleep(pause).await;
    }
}

/// Sends what earlier commands could not deliver and what is due.
pub(crate) async fn deliver_due(context: &Context) {
    let due = async {
        let Some(courier) = context.courier()? else { return Ok(0) };
        deliver(context, &courier, &Outbox::open(&context.ci.place.state)?).await
    };
    let due: Result<usize, Error> = due.await;
    if let Err(error) = due {
        context.talk(&format!("note: {error}"));
    }
}

async fn deliver(context: &Context, courier: &Courier, outbox: &Outbox) -> Result<usize, Error> {
    let problems = courier.deliver(outbox, now()).await?;
    for problem in &problems {
        context.talk(&format!("note: {problem}; it is tried again later"));
    }
    Ok(problems.len())
}

/// Messages go by this machine's clock.
fn now() -> At {
    At(chrono::Utc::now().timestamp())
}
