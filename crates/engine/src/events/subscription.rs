//! Hearing what happens on a CI, and looking from time to time where it does not tell.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use mozci_core::event::{Event, Gap, Standing};
use mozci_core::facts::PushFacts;
use mozci_core::ids::RequestId;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use crate::ci::Ci;
use crate::error::Error;
use crate::events::hub::{Change, Hub, Scope};

/// How long nothing may be heard on a connection until the state is read all the same.
const QUIET: Duration = Duration::from_secs(600);

/// How long events that only say when to look are taken for one.
const TOGETHER: Duration = Duration::from_millis(100);

/// How long the end of listening may take.
const CLOSED: Duration = Duration::from_secs(5);

/// Who tells what happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventOrigin {
    /// Pulse.
    Pulse,
    /// A master's WebSocket.
    WebSocket,
    /// A master's server-sent events.
    ServerSent,
}

impl EventOrigin {
    /// Who tells, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Pulse => "Pulse",
            Self::WebSocket => "the master (WebSocket)",
            Self::ServerSent => "the master (server-sent events)",
        }
    }
}

/// Hears what happens on a CI; where the CI tells nothing, it pauses as long as the configuration
/// says between two looks.
#[derive(Debug)]
pub struct Subscription {
    events_received: Option<Receiver<Event>>,
    hub: Option<Arc<Hub>>,
    poll: Duration,
}

impl Subscription {
    /// One that hears nothing: whoever has it looks.
    pub fn polling(ci: &Ci) -> Self {
        Self { events_received: None, hub: None, poll: ci.poll }
    }

    /// One on a connection.
    pub(crate) fn on(ci: &Ci, hub: Arc<Hub>, events_received: Receiver<Event>) -> Self {
        Self { events_received: Some(events_received), hub: Some(hub), poll: ci.poll }
    }

    /// Opens one. What happens to these from here on is heard, where the CI tells. With `instance` its queue
    /// outlives the process: what comes while it is away is kept for a day, until it is [closed](Self::close).
    ///
    /// # Errors
    /// [`Error`] where signing in to a CI fails.
    pub async fn open(
        ci: &Ci,
        facts: Vec<&PushFacts>,
        instance: Option<&str>,
    ) -> Result<Self, Error> {
        ci.backend().listen(ci, facts, instance).await
    }

    /// Another one on the same connection.
    pub fn another(&self) -> Self {
        let events_received = self.hub.as_ref().map(|hub| hub.sender.subscribe());
        Self { events_received, hub: self.hub.clone(), poll: self.poll }
    }

    /// Who tells at the moment; none where it is looked for from time to time.
    pub fn origin(&self) -> Option<EventOrigin> {
        self.hub.as_ref()?.by()
    }

    /// Listens to more. What happened to it so far has to be looked for.
    pub async fn also(&self, scope: Scope) {
        if let Some(changes) = self.hub.as_ref().and_then(|hub| hub.changes.as_ref()) {
            // It ends only with the connection, and then there is nothing to hear.
            let _ = changes.send(Change::More(scope)).await;
        }
    }

    /// Ends listening for good: a queue that would be kept is removed.
    pub async fn close(self) {
        let Some(hub) = self.hub else { return };
        let Some(changes) = &hub.changes else { return };
        if changes.send(Change::End).await.is_ok()
            && let Some(task) = hub.take_task()
        {
            // A broker that does not answer removes it when nobody has listened for a day.
            let _ = tokio::time::timeout(CLOSED, task).await;
        }
    }

    /// Messages that were told and stored so far, whether they concern anybody here or not.
    pub fn told(&self) -> u64 {
        self.hub.as_ref().map_or(0, |hub| hub.count.load(Ordering::Relaxed))
    }

    /// Where a request stands, if that was told since the connection is there, or learned from a look.
    pub fn standing(&self, request: RequestId) -> Option<Standing> {
        self.hub.as_ref()?.standing(request)
    }

    /// Takes in what was looked for, so that it need not be looked for again while events come.
    pub fn learned(&self, standings: Vec<Standing>) {
        let Some(hub) = self.hub.as_ref().filter(|hub| hub.by().is_some()) else { return };
        let Some(store) = &hub.told else { return };
        let events: Vec<Event> = standings.into_iter().map(Event::Stands).collect();
        // What cannot be kept is looked for again.
        let _ = store.keep(&events, &[], hub.session());
    }

    /// Waits until something of these requests changes, or something may have been missed, or it is
    /// time to look all the same, or until `stop`. What was told is in [`standing`](Self::standing)
    /// then. Says what was heard of them; nothing where it is time to look.
    pub async fn next(&mut self, of: &[RequestId], stop: &CancellationToken) -> Vec<Event> {
        let matters = |event: &Event| match event {
            Event::Stands(standing) => of.contains(&standing.request),
            Event::Changed(request) => of.contains(request),
            _ => false,
        };
        self.next_of(&matters, None, stop).await
    }

    /// As [`next`](Self::next), of whatever `matters`, and no longer than `most`. That something may
    /// have been missed matters in any case.
    pub async fn next_of(
        &mut self,
        matters: &(dyn Fn(&Event) -> bool + Sync),
        most: Option<Duration>,
        stop: &CancellationToken,
    ) -> Vec<Event> {
        let matters = |event: &Event| matches!(event, Event::Gap(_)) || matters(event);
        let live = self.origin().is_some();
        let patience = if live { QUIET.max(self.poll) } else { self.poll };
        let patience = most.map_or(patience, |most| most.min(patience));
        let mut until = Instant::now() + patience;
        while !stop.is_cancelled() && Instant::now() < until {
            let left = until.saturating_duration_since(Instant::now());
            let Some(receiver) = &mut self.events_received else {
                let _ = tokio::time::timeout(left, stop.cancelled()).await;
                continue;
            };
            let told = tokio::time::timeout(left, receiver.recv());
            let told = tokio::select! {
                () = stop.cancelled() => break,
                told = told => told,
            };
            match told {
                Err(_) => {}
                Ok(Ok(Event::Silence)) => until = Instant::now() + self.poll,
                Ok(Err(RecvError::Closed)) => {
                    self.events_received = None;
                    until = Instant::now() + self.poll;
                }
                Ok(Err(RecvError::Lagged(_))) => return vec![Event::Gap(Gap::Overrun)],
                Ok(Ok(event)) if matters(&event) => {
                    if matches!(event, Event::Changed(_)) {
                        tokio::time::sleep(TOGETHER).await;
                    }
                    let mut events_received = vec![event];
                    while let Some(Ok(event)) =
                        self.events_received.as_mut().map(Receiver::try_recv)
                    {
                        events_received.extend(Some(event).filter(|event| matters(event)));
                    }
                    return events_received;
                }
                Ok(Ok(_)) => {}
            }
        }
        // Nobody told anything for long: what is known is held against the CI once.
        if let Some(hub) = self.hub.as_ref().filter(|_| !stop.is_cancelled()) {
            hub.forget();
        }
        Vec::new()
    }
}
