//! How fast one host is asked: so many requests at once, so many a minute, and none before the
//! instant that it named itself.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use url::Url;

/// The span that requests are counted over.
const MINUTE: Duration = Duration::from_secs(60);

/// What tells hosts apart.
pub(super) fn host_key(url: &Url) -> String {
    let port = url.port_or_known_default().unwrap_or(0);
    format!("{}:{port}", url.host_str().unwrap_or(""))
}

/// The pace of every host.
#[derive(Debug)]
pub(super) struct Pace {
    at_once: usize,
    per_minute: usize,
    hosts: Mutex<HashMap<String, Arc<Host>>>,
}

#[derive(Debug)]
struct Host {
    places: Arc<Semaphore>,
    sent: Mutex<Sent>,
}

#[derive(Debug, Default)]
struct Sent {
    /// When the latest requests were sent, oldest first; as many as a minute may see.
    times: VecDeque<Instant>,
    /// The host asked to be left alone until then.
    not_before: Option<Instant>,
}

/// Leave to send one request; its place is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    _place: OwnedSemaphorePermit,
    /// How long the host's pace held it back.
    pub(super) held: Duration,
}

impl Pace {
    pub(super) fn new(at_once: usize, per_minute: usize) -> Self {
        Self { at_once: at_once.max(1), per_minute: per_minute.max(1), hosts: Mutex::default() }
    }

    /// Waits until a request may be sent to a URL's host.
    pub(super) async fn turn(&self, url: &Url) -> Option<Turn> {
        let host = self.host(url);
        let place = Arc::clone(&host.places).acquire_owned().await.ok()?;
        let mut held = Duration::ZERO;
        while let Some(until) = host.book(self.per_minute) {
            let wait = until.saturating_duration_since(Instant::now());
            held += wait;
            tokio::time::sleep(wait).await;
        }
        Some(Turn { _place: place, held })
    }

    /// Sends nothing to a URL's host for so long: it requested that.
    pub(super) fn hold(&self, url: &Url, wait: Duration) {
        let host = self.host(url);
        let mut sent = host.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let until = Instant::now() + wait;
        sent.not_before = Some(sent.not_before.map_or(until, |known| known.max(until)));
    }

    fn host(&self, url: &Url) -> Arc<Host> {
        let key = host_key(url);
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(hosts.entry(key).or_insert_with(|| {
            let places = Arc::new(Semaphore::new(self.at_once));
            Arc::new(Host { places, sent: Mutex::default() })
        }))
    }
}

impl Host {
    /// Books a request for now, or says until when there is none to be had.
    fn book(&self, per_minute: usize) -> Option<Instant> {
        let now = Instant::now();
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(until) = sent.not_before.filter(|until| *until > now) {
            return Some(until);
        }
        sent.not_before = None;
        while sent.times.front().is_some_and(|time| now.duration_since(*time) >= MINUTE) {
            sent.times.pop_front();
        }
        if sent.times.len() >= per_minute {
            return sent.times.front().map(|oldest| *oldest + MINUTE);
        }
        sent.times.push_back(now);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(host: &str) -> Url {
        Url::parse(&format!("http://{host}/x")).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_minute_sees_so_many_requests_and_each_host_counts_for_itself() {
        let pace = Pace::new(10, 3);
        let started = Instant::now();
        for _ in 0..3 {
            pace.turn(&url("a")).await.unwrap();
        }
        pace.turn(&url("b")).await.unwrap();
        assert_eq!(started.elapsed(), Duration::ZERO);
        let fourth = pace.turn(&url("a")).await.unwrap();
        assert_eq!(started.elapsed().as_secs(), 60);
        assert_eq!(fourth.held.as_secs(), 60);
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_asks_for_a_pause_gets_it_from_every_request() {
        let pace = Pace::new(10, 100);
        let started = Instant::now();
        pace.hold(&url("a"), Duration::from_secs(7));
        pace.hold(&url("a"), Duration::from_secs(3));
        tokio::join!(async { pace.turn(&url("a")).await.unwrap() }, async {
            pace.turn(&url("a")).await.unwrap()
        });
        assert_eq!(started.elapsed().as_secs(), 7);
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_at_once_than_allowed() {
        let pace = Pace::new(1, 100);
        let first = pace.turn(&url("a")).await.unwrap();
        let (a, second) = (url("a"), Duration::from_secs(1));
        assert!(tokio::time::timeout(second, pace.turn(&a)).await.is_err());
        drop(first);
        assert!(tokio::time::timeout(second, pace.turn(&a)).await.is_ok());
    }
}
