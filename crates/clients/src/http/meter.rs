//! Counting: what the questions cost.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Counts requests. Shared by every client of a program.
#[derive(Debug, Default)]
pub struct Meter {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    requests: u64,
    chain: Chain,
    bytes: u64,
    retries: u64,
    cache_hits: u64,
    confirmed: u64,
    held: Duration,
    sent: u64,
    /// How often each URL was requested.
    asked: HashMap<String, u64>,
}

/// URLs that are counted one by one.
const MOST_URLS: usize = 20_000;

/// What was counted so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Requests sent, retries and redirects included.
    pub requests: u64,
    /// Bytes of the answers' bodies, after decompression.
    pub bytes: u64,
    /// Requests that retried.
    pub retries: u64,
    /// Questions that the disk answered.
    pub cache_hits: u64,
    /// Answers that a server confirmed instead of sending them again.
    pub confirmed: u64,
    /// How long requests were held back so as not to ask a host too fast, added up.
    pub held: Duration,
    /// The longest chain of requests each of which was sent after the one before had its answer.
    pub longest_chain: u64,
}

impl Meter {
    /// Counts one request and its answer's size.
    pub fn request(&self, from: Instant, bytes: usize) {
        let mut inner = self.inner();
        inner.requests += 1;
        inner.chain.add(from, Instant::now());
        inner.bytes += bytes as u64;
    }

    /// Counts a question by its URL, without its query. Where redirects lead is not counted.
    pub fn asked(&self, url: String) {
        let mut inner = self.inner();
        if inner.asked.len() < MOST_URLS || inner.asked.contains_key(&url) {
            *inner.asked.entry(url).or_default() += 1;
        }
    }

    /// The URLs that were requested more than once, the most asked first, `count` at the most.
    pub fn most_requested(&self, count: usize) -> Vec<(String, u64)> {
        let inner = self.inner();
        let more = inner.asked.iter().filter(|(_, times)| **times > 1);
        let mut all: Vec<(String, u64)> = more.map(|(url, times)| (url.clone(), *times)).collect();
        all.sort_unstable_by(|(a, m), (b, n)| n.cmp(m).then_with(|| a.cmp(b)));
        all.truncate(count);
        all
    }

    /// Counts a request that has to be sent again.
    pub fn retry(&self) {
        self.inner().retries += 1;
    }

    /// Counts questions that the disk answered.
    pub fn cache_hits(&self, hits: u64) {
        self.inner().cache_hits += hits;
    }

    /// Counts an answer that a server confirmed.
    pub fn confirmed(&self) {
        self.inner().confirmed += 1;
    }

    /// Counts how long a request was held back.
    pub fn held(&self, time: Duration) {
        self.inner().held += time;
    }

    /// Counts a trigger request that was sent, or may have been.
    pub fn sent(&self) {
        self.inner().sent += 1;
    }

    /// Trigger requests that were sent, or may have been.
    pub fn sent_so_far(&self) -> u64 {
        self.inner().sent
    }

    /// What was counted so far.
    pub fn usage(&self) -> Usage {
        let inner = self.inner();
        Usage {
            requests: inner.requests,
            bytes: inner.bytes,
            retries: inner.retries,
            cache_hits: inner.cache_hits,
            confirmed: inner.confirmed,
            held: inner.held,
            longest_chain: inner.chain.length,
        }
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The most requests of which none overlaps another. Of requests in the order of their answers the one that is
/// answered first is always part of such a chain, so that nothing else has to be kept.
#[derive(Debug, Default)]
struct Chain {
    length: u64,
    /// When the last of them had its answer.
    free_from: Option<Instant>,
}

impl Chain {
    /// Adds a request whose answer came after those of all before it.
    fn add(&mut self, from: Instant, until: Instant) {
        if self.free_from.is_none_or(|free| from >= free) {
            self.length += 1;
            self.free_from = Some(until);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_once_is_not_told() {
        let meter = Meter::default();
        for url in ["b", "a", "c", "b", "a", "b"] {
            meter.asked(url.to_owned());
        }
        assert_eq!(meter.most_requested(5), [("b".to_owned(), 3), ("a".to_owned(), 2)]);
        assert_eq!(meter.most_requested(1), [("b".to_owned(), 3)]);
    }

    #[test]
    fn the_longest_chain_is_of_requests_that_waited_for_each_other() {
        let start = Instant::now();
        let chain = |requests: &[(u64, u64)]| {
            let mut chain = Chain::default();
            let at = |millis| start + Duration::from_millis(millis);
            requests.iter().for_each(|(from, until)| chain.add(at(*from), at(*until)));
            chain.length
        };
        assert_eq!(chain(&[]), 0);
        assert_eq!(chain(&[(0, 10), (0, 12), (5, 20)]), 1);
        assert_eq!(chain(&[(0, 10), (10, 20), (0, 30), (21, 30)]), 3);
    }
}
