//! Every driver can be spawned on a runtime of several threads.

use mozci_core::push::Push;
use tokio_util::sync::CancellationToken;

use crate::ci::Ci;
use crate::drive::search::{SearchContext, search};
use crate::drive::watch::{
    WatchContext, WatchQuestion, follow_request, follow_steps, watch, watch_many,
};
use crate::drive::{Act, Host, Notifier, Session, carry_out, open_ledger, settle};
use crate::flow::{Awaited, BisectQuestion};
use crate::store::{Investigation, Lease, Ledger, Store};

fn is_send<T: Send>(_: &T) {}

/// Never run: that it compiles is what it says.
#[expect(dead_code, clippy::too_many_arguments, reason = "only its types count")]
fn every_driver_is_send(
    (ci, ledger, store): (&Ci, &mut Ledger, &dyn Store),
    host: &mut dyn Host,
    (act, question, notifier): (&Act<'_>, &BisectQuestion, &Notifier),
    session: &mut Session<'_>,
    searching: &mut SearchContext<'_>,
    watching: &mut WatchContext<'_>,
    (watched, found): (&WatchQuestion, &Investigation),
    (awaited, cancel): (&[Awaited], &CancellationToken),
) {
    is_send(&carry_out(act, session));
    is_send(&open_ledger(ci, host));
    is_send(&settle(ci, ledger, host));
    is_send(&search(question, None, false, searching));
    is_send(&watch(watched, Vec::<Push>::new(), watching));
    is_send(&watch_many(Vec::<(WatchQuestion, Lease)>::new(), Vec::new(), watching));
    is_send(&follow_request(awaited, session));
    is_send(&follow_steps(store, found, ci, host, cancel));
    is_send(&notifier.deliver_due(ci, host));
}
