//! Waiting for a master to say something, and asking it from time to time where it does not.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mozci_clients::buildbot::{Channel, Master};
use mozci_core::ids::BuildRequestId;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{Receiver, Sender, channel};
use tokio::task::JoinHandle;

use crate::ci::Ci;
use crate::error::Error;

/// How long nothing may be heard on a connection until the state is read all the same.
const QUIET: Duration = Duration::from_secs(600);

/// How long events that come together are taken for one.
const TOGETHER: Duration = Duration::from_millis(100);

/// Pauses between attempts to connect.
const AGAIN: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(60));

/// Events that are kept for a listener that is busy; one that misses some reads the state.
const KEPT: usize = 1024;

/// What is heard.
#[derive(Debug, Clone, Copy)]
enum Heard {
    /// Something of a request changed.
    Request(BuildRequestId),
    /// The connection is there (again): what came before it was not told.
    Connected,
    /// The connection is gone.
    Lost,
}

/// Hears what happens on a CI; where the CI tells nothing, it pauses as long as the configuration
/// says between two looks.
#[derive(Debug)]
pub struct Ear {
    heard: Option<Receiver<Heard>>,
    line: Option<Arc<Line>>,
    poll: Duration,
}

/// The connection that all ears of a command share. It ends with the last of them.
#[derive(Debug)]
struct Line {
    sender: Sender<Heard>,
    channel: Mutex<Option<Channel>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for Line {
    fn drop(&mut self) {
        if let Some(task) = self.task.lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
    }
}

impl Line {
    fn channel(&self) -> Option<Channel> {
        *self.channel.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is(&self, channel: Option<Channel>) {
        *self.channel.lock().unwrap_or_else(PoisonError::into_inner) = channel;
    }
}

impl Ear {
    /// Opens one. What happens from here on is heard, where the CI tells.
    ///
    /// # Errors
    /// [`Error`] where signing in fails.
    pub async fn open(ci: &Ci) -> Result<Self, Error> {
        let Some(farm) = ci.farm() else {
            return Ok(Self { heard: None, line: None, poll: ci.poll });
        };
        let master = farm.master().await?.clone();
        let (sender, heard) = channel(KEPT);
        let line = Line { sender, channel: Mutex::default(), task: Mutex::default() };
        let line = Arc::new(line);
        let first = master.events().await.ok();
        line.is(first.as_ref().map(|events| events.channel));
        // The task must not hold the line, or neither would ever end.
        let task = tokio::spawn(listen(master, first, Arc::downgrade(&line)));
        *line.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
        Ok(Self { heard: Some(heard), line: Some(line), poll: ci.poll })
    }

    /// Another one on the same connection.
    pub fn another(&self) -> Self {
        let heard = self.line.as_ref().map(|line| line.sender.subscribe());
        Self { heard, line: self.line.clone(), poll: self.poll }
    }

    /// How the CI tells, in words; none where it is asked from time to time.
    pub fn told_by(&self) -> Option<&'static str> {
        Some(match self.line.as_ref()?.channel()? {
            Channel::WebSocket => "WebSocket",
            Channel::ServerSent => "server-sent events",
        })
    }

    /// Waits until something of these requests changes, or it is time to look all the same, or
    /// until `stop`.
    pub async fn next(&mut self, of: &[BuildRequestId], stop: &AtomicBool) {
        let live = |ear: &Self| ear.line.as_ref().is_some_and(|line| line.channel().is_some());
        let patience = |ear: &Self| if live(ear) { QUIET.max(ear.poll) } else { ear.poll };
        let mut until = Instant::now() + patience(self);
        while !stop.load(Ordering::Relaxed) && Instant::now() < until {
            let slice = until.saturating_duration_since(Instant::now());
            let slice = slice.min(Duration::from_millis(100));
            let Some(receiver) = &mut self.heard else {
                tokio::time::sleep(slice).await;
                continue;
            };
            match tokio::time::timeout(slice, receiver.recv()).await {
                Err(_) => {}
                Ok(Ok(Heard::Request(id))) if !of.contains(&id) => {}
                Ok(Ok(Heard::Lost)) => until = Instant::now() + self.poll,
                Ok(Err(RecvError::Closed)) => {
                    self.heard = None;
                    until = Instant::now() + self.poll;
                }
                Ok(Ok(_) | Err(RecvError::Lagged(_))) => {
                    tokio::time::sleep(TOGETHER).await;
                    while self.heard.as_mut().is_some_and(|heard| heard.try_recv().is_ok()) {}
                    return;
                }
            }
        }
    }
}

/// Listens, and connects anew whenever the connection has ended.
async fn listen(
    master: Master,
    mut events: Option<mozci_clients::buildbot::Events>,
    line: std::sync::Weak<Line>,
) {
    let mut pause = AGAIN.0;
    loop {
        if let Some(mut open) = events.take() {
            pause = AGAIN.0;
            while let Some(event) = open.next().await {
                let Some(line) = line.upgrade() else { return };
                if event.matters {
                    let _ = line.sender.send(Heard::Request(event.request));
                }
            }
        }
        {
            let Some(line) = line.upgrade() else { return };
            line.is(None);
            let _ = line.sender.send(Heard::Lost);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(AGAIN.1);
        events = master.events().await.ok();
        let Some(line) = line.upgrade() else { return };
        line.is(events.as_ref().map(|events| events.channel));
        if events.is_some() {
            let _ = line.sender.send(Heard::Connected);
        }
    }
}
