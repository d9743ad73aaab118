//! Opening the ledger.

use mozci_engine::Error;
use mozci_engine::drive;
use mozci_engine::store::Ledger;

use super::host::Terminal;
use crate::app::Interrupt;
use crate::context::Context;
use crate::show::Out;
use crate::stats::Stats;

/// Opens the ledger, settles what can be told by now of requests that were unconfirmed, and says what is still open.
pub(crate) async fn open_ledger(
    context: &Context,
    out: &mut Out,
    stats: &Stats,
    interrupt: &Interrupt,
) -> Result<Ledger, Error> {
    drive::open_ledger(&context.ci, &mut Terminal::new(context, out, stats, interrupt)).await
}
