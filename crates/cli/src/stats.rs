//! What a command cost.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use mozci_clients::http::Meter;
use mozci_engine::Error;
use serde::Serialize;

use crate::context::Context;
use crate::{failure, system};

/// Counts from the program's start.
#[derive(Debug)]
pub(crate) struct Stats {
    started: Instant,
    /// The counters of the CI that the command works with.
    meter: OnceLock<Arc<Meter>>,
}

/// The costs, under the names that every output has for them.
#[derive(Debug, Serialize)]
pub(crate) struct Costs {
    wall_ms: u64,
    cpu_ms: u64,
    http_requests: u64,
    http_bytes: u64,
    http_retries: u64,
    http_confirmed: u64,
    held_back_ms: u64,
    cache_hits: u64,
    longest_chain: u64,
    peak_rss_kib: u64,
    /// The URLs that were requested more than once, without their queries, the most asked first.
    most_asked: Vec<MostRequested>,
}

#[derive(Debug, Serialize)]
struct MostRequested {
    url: String,
    times: u64,
}

/// How many of the most asked URLs are told.
const MOST_ASKED: usize = 5;

impl Stats {
    pub(crate) fn new(started: Instant) -> Self {
        Self { started, meter: OnceLock::new() }
    }

    /// Counts what is sent to this CI from here on.
    pub(crate) fn watch(&self, context: &Context) {
        let _ = self.meter.set(Arc::clone(context.ci.http().meter()));
    }

    /// Trigger requests that were sent so far, or may have been.
    pub(crate) fn sent(&self) -> u64 {
        self.meter.get().map_or(0, |meter| meter.sent_so_far())
    }

    /// The costs so far. With a simulated CI inside the program its own work counts, too.
    pub(crate) fn costs(&self, context: &Context) -> Costs {
        let usage = context.ci.usage();
        let (cpu_ms, peak_rss_kib) = system::costs();
        Costs {
            wall_ms: u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            cpu_ms,
            http_requests: usage.requests,
            http_bytes: usage.bytes,
            http_retries: usage.retries,
            http_confirmed: usage.confirmed,
            held_back_ms: u64::try_from(usage.held.as_millis()).unwrap_or(u64::MAX),
            cache_hits: usage.cache_hits,
            longest_chain: usage.longest_chain,
            most_asked: context
                .ci
                .http()
                .meter()
                .most_requested(MOST_ASKED)
                .into_iter()
                .map(|(url, times)| MostRequested { url, times })
                .collect(),
            peak_rss_kib,
        }
    }

    /// The costs for the JSON object, where they were requested.
    pub(crate) fn json(&self, context: &Context) -> Result<Option<serde_json::Value>, Error> {
        if !context.global.stats {
            return Ok(None);
        }
        let value = serde_json::to_value(self.costs(context));
        value.map(Some).map_err(|error| Error::Odd(error.to_string()))
    }

    /// The costs as a line on stderr, where they were requested.
    pub(crate) fn say(&self, context: &Context) {
        if context.global.stats
            && let Ok(line) = serde_json::to_string(&self.costs(context))
        {
            failure::say(&line);
        }
    }
}
