//! The connection that all subscriptions of a command share.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mozci_core::event::{Event, Standing};
use mozci_core::ids::RequestId;
use tokio::sync::broadcast::{Receiver, Sender, channel};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::events::subscription::EventOrigin;
use crate::store::Standings;

/// Events that are kept for a listener that is busy; one that misses some looks for itself.
const KEPT: usize = 4096;

/// Pauses between attempts to connect.
const AGAIN: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(60));

/// The connection that all subscriptions of a command share. It ends with the last of them.
#[derive(Debug)]
pub(crate) struct Hub {
    pub(crate) sender: Sender<Event>,
    by: Mutex<Option<EventOrigin>>,
    task: Mutex<Option<JoinHandle<()>>>,
    /// What has been told so far, where whoever tells says all that is to be known.
    pub(crate) told: Option<Arc<Standings>>,
    /// Which connection it is: what was told on an earlier one may be out of date.
    session: AtomicI64,
    /// Takes what is to be changed about listening.
    pub(crate) changes: Option<mpsc::Sender<Change>>,
    /// Messages that were told so far.
    pub(crate) count: AtomicU64,
}

/// What is listened to, which only the backend understands that listens.
pub(crate) type Scope = Box<dyn std::any::Any + Send>;

/// A change of what is listened to.
#[derive(Debug)]
pub(crate) enum Change {
    /// This as well.
    More(Scope),
    /// Nothing any more: a queue that outlives the connection is removed.
    End,
}

impl Drop for Hub {
    fn drop(&mut self) {
        if let Some(task) = self.task.lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
    }
}

impl Hub {
    /// One on which nobody tells anything yet.
    pub(crate) fn new(
        told: Option<Arc<Standings>>,
        changes: Option<mpsc::Sender<Change>>,
    ) -> (Arc<Self>, Receiver<Event>) {
        let (sender, events_received) = channel(KEPT);
        let (by, task, session) = (Mutex::default(), Mutex::default(), AtomicI64::new(0));
        let count = AtomicU64::new(0);
        (Arc::new(Self { sender, by, task, told, session, changes, count }), events_received)
    }

    /// Who tells at the moment.
    pub(crate) fn by(&self) -> Option<EventOrigin> {
        *self.by.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes who tells from here on.
    pub(crate) fn is(&self, by: Option<EventOrigin>) {
        *self.by.lock().unwrap_or_else(PoisonError::into_inner) = by;
    }

    /// Hands over the task that listens.
    pub(crate) fn runs(&self, task: JoinHandle<()>) {
        *self.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
    }

    /// The task that listens, for whoever waits for its end.
    pub(crate) fn take_task(&self) -> Option<JoinHandle<()>> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Which connection it is, counted from 1.
    pub(crate) fn session(&self) -> i64 {
        self.session.load(Ordering::Relaxed)
    }

    /// A new connection: what was told before may be out of date.
    pub(crate) fn connected(&self, by: EventOrigin) {
        self.forget();
        self.is(Some(by));
    }

    /// What was told so far is not gone by any more.
    pub(crate) fn forget(&self) {
        self.session.fetch_add(1, Ordering::Relaxed);
    }

    /// Tells everybody.
    pub(crate) fn publish(&self, event: Event) {
        tracing::trace!(?event, "an event arrived");
        // Nobody listening is no failure.
        let _ = self.sender.send(event);
    }

    /// Where a request stands, if it was told on this connection.
    pub(crate) fn standing(&self, request: RequestId) -> Option<Standing> {
        self.by()?;
        self.told.as_ref()?.get(request, self.session()).ok().flatten()
    }
}

/// Pauses that grow between attempts, none of the same length as another process's.
#[derive(Debug)]
pub(crate) struct Pauses(Duration);

impl Pauses {
    pub(crate) fn new() -> Self {
        Self(AGAIN.0)
    }

    /// The next one: it grows to a minute, and a part of it is chance.
    pub(crate) fn next(&mut self) -> Duration {
        let pause = self.0.mul_f64(0.5 + fastrand::f64());
        self.0 = (self.0 * 2).min(AGAIN.1);
        pause
    }
}
