//! Telling whoever requested it how something ended.

use mozci_engine::Error;
use mozci_engine::drive::Notifier;

use super::host::Terminal;
use crate::app::Interrupt;
use crate::context::Context;
use crate::show::Out;
use crate::stats::Stats;

/// Who is told in the end; none where nobody requested it.
///
/// # Errors
/// [`Error::Usage`] where the config names nobody.
pub(crate) fn notifier(context: &Context, tells: bool) -> Result<Option<Notifier>, Error> {
    if !tells {
        return Ok(None);
    }
    match context.channels()? {
        Some(channels) => Ok(Some(Notifier { channels, program: context.program() })),
        None => Err(Error::Usage(
            "--tell needs somebody to notify: set `webhook`, or `email_to` and `smtp_url`, under [notify] in the config".into(),
        )),
    }
}

/// Sends what earlier commands could not deliver and what is due.
pub(crate) async fn deliver_due(
    context: &Context,
    out: &mut Out,
    stats: &Stats,
    interrupt: &Interrupt,
) {
    let due = async {
        let Some(channels) = context.channels()? else { return Ok(()) };
        let notifier = Notifier { channels, program: context.program() };
        let mut terminal = Terminal::new(context, out, stats, interrupt);
        notifier.deliver_due(&context.ci, &mut terminal).await
    };
    let due: Result<(), Error> = due.await;
    if let Err(error) = due {
        context.talk(&format!("note: {error}"));
    }
}
