//! Evidence of many runs: what is kept first, then a few at once.

use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use mozci_clients::http::{HttpError, Streamed};
use mozci_clients::side_by_side;
use mozci_core::run::RunKey;
use mozci_evidence::Evidence;

use crate::ci::Ci;
use crate::flow::evidence::find::AskedRun;
use crate::flow::evidence::signatures;
use crate::flow::evidence::wish::{Reading, RunEvidence, Wish};
use crate::store::FactKind;

/// Runs that are read at once.
const AT_ONCE: usize = 4;

/// How long the sources of one run may take together.
const BUDGET: Duration = Duration::from_secs(180);

/// Why a source is not read any more.
const OVER_BUDGET: &str = "not read: the sources before it took too long";

/// How long to read in silence, and how often to say that it goes on.
const SILENCE: Duration = Duration::from_secs(10);

/// The largest evidence of one run that is kept, in bytes of JSON.
const KEPT: usize = 2 << 20;

/// What was read of a run.
#[derive(Debug, Clone)]
pub struct Looked {
    /// What there is.
    pub evidence: RunEvidence,
    /// Whether it was known already.
    pub was_kept: bool,
}

/// Reads what is wanted of runs, in their order. Of a run that has ended nothing is read twice;
/// what cannot be read of one is said in its evidence and stops none of the others.
pub async fn read_evidence(ci: &Ci, runs: &[AskedRun], wish: &Wish) -> Vec<Looked> {
    let wish = &Wish { rules: ci.rules.clone(), ..wish.clone() };
    side_by_side(runs.iter().map(|run| one(ci, run, wish)), AT_ONCE).collect().await
}

/// What is kept of a run is kept under this key.
fn key(run: &RunKey, wish: &Wish) -> String {
    format!("{}/{}|{}", run.request, run.run, wish.key())
}

/// Whether a run was read before, so that reading it costs nothing.
pub(crate) fn is_kept(ci: &Ci, run: &RunKey, wish: &Wish) -> bool {
    let wish = Wish { rules: ci.rules.clone(), ..wish.clone() };
    ci.fact::<serde::de::IgnoredAny>(FactKind::Evidence, &key(run, &wish)).is_some()
}

async fn one(ci: &Ci, run: &AskedRun, wish: &Wish) -> Looked {
    let key = key(&run.run.key, wish);
    let is_final = run.run.state.is_final();
    if let Some(evidence) = ci.fact(FactKind::Evidence, &key).filter(|_| is_final) {
        return Looked { evidence, was_kept: true };
    }
    let reading = ci.backend().read(ci, run, wish);
    let Read { evidence, settled, .. } = aloud(run, reading).await;
    signatures::keep(ci, evidence.certain());
    // What broke off on its way, or is not all there yet, may be whole the next time.
    if is_final && settled && !evidence.readings.is_empty() {
        let size = serde_json::to_string(&evidence).map_or(usize::MAX, |text| text.len());
        if size <= KEPT {
            ci.keep(FactKind::Evidence, [(key, &evidence)]);
        }
    }
    Looked { evidence, was_kept: false }
}

/// Reads, and says now and then that it still does.
async fn aloud(run: &AskedRun, reading: impl Future<Output = Read>) -> Read {
    let started = Instant::now();
    let mut reading = pin!(reading);
    loop {
        match tokio::time::timeout(SILENCE, &mut reading).await {
            Ok(read) => return read,
            Err(_) => tracing::warn!(
                "still reading what {} run {} says: {} s so far",
                run.run.key.request,
                run.run.key.run,
                started.elapsed().as_secs()
            ),
        }
    }
}

/// What was read, and whether it stays so.
#[derive(Debug)]
pub struct Read {
    /// What there is.
    pub evidence: RunEvidence,
    /// Whether it stays so.
    pub settled: bool,
    /// When no further source is begun.
    until: Instant,
}

impl Read {
    /// Nothing yet. The time that the sources have together begins.
    pub fn begin() -> Self {
        Self { evidence: RunEvidence::default(), settled: true, until: Instant::now() + BUDGET }
    }

    /// Nothing, and why.
    pub fn failed(why: String) -> Self {
        let evidence = RunEvidence { failed: Some(why), ..RunEvidence::default() };
        Self { evidence, settled: false, ..Self::begin() }
    }

    /// What is left of the time that the sources have together.
    pub(crate) fn rest(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    /// How long this source may take. None where the sources before it took all the time: then it is
    /// passed over.
    pub(crate) fn left(&mut self, source: &str) -> Option<Duration> {
        let left = self.rest();
        if left.is_zero() {
            self.settled = false;
            self.evidence.pass_over(source, OVER_BUDGET);
        }
        Some(left).filter(|left| !left.is_zero())
    }

    /// Takes in what came of reading a source to its end.
    pub fn take(
        &mut self,
        source: String,
        link: Option<String>,
        found: Result<Streamed<Evidence>, HttpError>,
    ) {
        let streamed = match found {
            Ok(streamed) => streamed,
            Err(error) => {
                self.settled = false;
                return self.evidence.pass_over(source, error.to_string());
            }
        };
        if let Some(broke) = streamed.broke {
            self.settled = false;
            self.evidence.pass_over(&source, format!("it was cut off: {broke}"));
        }
        let evidence = streamed.value;
        if evidence.is_void() {
            let why: Vec<String> = evidence.marks.iter().map(|mark| mark.words()).collect();
            self.evidence.pass_over(source, why.join("; "));
        } else {
            self.evidence.readings.push(Reading { source, link, evidence });
        }
    }
}
