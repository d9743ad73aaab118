//! Plans and searches of this process.

use std::collections::BTreeMap;
use std::sync::Arc;

use mozci_engine::Error;
use mozci_engine::drive::search::Repositories;
use mozci_engine::store::Investigation;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::plans::{self, Planned, State, Wanted};
use super::searches::{self, Begin, Live, SearchWanted};
use crate::error::whole;

/// Plans that are kept at the most; the oldest goes.
const PLANS: usize = 500;

/// Searches that are kept, as far as they have ended.
const SEARCHES: usize = 100;

/// Plans and searches of this process.
pub(crate) struct Acts {
    open: Arc<dyn Repositories>,
    plans: Mutex<BTreeMap<u64, Arc<Planned>>>,
    searches: Mutex<BTreeMap<String, Arc<Live>>>,
    /// One plan at a time is sent, so that each sees what the one before sent.
    sending: tokio::sync::Mutex<()>,
    /// One search at a time is begun, so that the same one is not begun twice.
    beginning: tokio::sync::Mutex<()>,
    /// What must come to a stop before the service ends.
    pub(crate) tasks: TaskTracker,
    cancel: CancellationToken,
}

impl Acts {
    pub(crate) fn new(open: Arc<dyn Repositories>, cancel: CancellationToken) -> Self {
        let (plans, searches) = (Mutex::new(BTreeMap::new()), Mutex::new(BTreeMap::new()));
        let (sending, beginning) = (tokio::sync::Mutex::new(()), tokio::sync::Mutex::new(()));
        Self { open, plans, searches, sending, beginning, tasks: TaskTracker::new(), cancel }
    }

    /// Makes a plan, which nobody has confirmed yet.
    ///
    /// # Errors
    /// Those of planning.
    pub(crate) async fn plan(&self, repo: &str, wanted: Wanted) -> Result<Arc<Planned>, Error> {
        let built = plans::build(self.open.open(repo)?, &wanted).await?;
        let mut all = self.plans.lock();
        let number = all.last_key_value().map_or(1, |(number, _)| number + 1);
        let planned = Planned::new(format!("p{number}"), repo, wanted, built);
        all.insert(number, Arc::clone(&planned));
        if all.len() > PLANS {
            all.pop_first();
        }
        Ok(planned)
    }

    /// A plan by its id.
    pub(crate) fn planned(&self, id: &str) -> Option<Arc<Planned>> {
        let number = id.strip_prefix('p')?.parse().ok()?;
        self.plans.lock().get(&number).cloned()
    }

    /// Carries a plan out that somebody confirmed. Confirmed twice, it is carried out once. Where what is wanted
    /// means another plan by now, nothing is sent, and that plan is made.
    pub(crate) async fn confirm(&self, planned: &Planned) {
        {
            let mut state = planned.state.lock();
            if *state != State::Open {
                return;
            }
            *state = State::Sending;
        }
        let _turn = self.sending.lock().await;
        let state = self.send(planned).await.unwrap_or_else(State::Failed);
        *planned.state.lock() = state;
    }

    async fn send(&self, planned: &Planned) -> Result<State, String> {
        let failed = |error: Error| whole(&error);
        let ci = self.open.open(&planned.repo).map_err(failed)?;
        let built = plans::build(ci, &planned.wanted).await.map_err(failed)?;
        if plans::digest(&built.plan) != planned.digest() {
            let anew = self.plan(&planned.repo, planned.wanted.clone()).await.map_err(failed)?;
            return Ok(State::Changed(anew.id.clone()));
        }
        plans::carry_out(built, &self.cancel).await
    }

    /// Begins a search: its investigation's id.
    ///
    /// # Errors
    /// Those of beginning it.
    pub(crate) async fn search(
        &self,
        repo: &str,
        wanted: SearchWanted,
        (program, version): (&str, &str),
    ) -> Result<String, Error> {
        let begin = Begin {
            open: Arc::clone(&self.open),
            repo: repo.to_owned(),
            program: program.to_owned(),
            version: version.to_owned(),
            cancel: self.cancel.clone(),
            tasks: self.tasks.clone(),
        };
        // Begun twice, as by a double click, it is one search.
        let _turn = self.beginning.lock().await;
        let running = |live: &Arc<Live>| {
            live.repo == repo && live.wanted == wanted && live.ended.lock().is_none()
        };
        let same =
            self.searches.lock().iter().find(|(_, live)| running(live)).map(|(id, _)| id.clone());
        if let Some(id) = same {
            return Ok(id);
        }
        let (id, live) = searches::begin(begin, wanted).await?;
        self.keep(id.clone(), live);
        Ok(id)
    }

    /// Goes on with a search that nobody drives.
    ///
    /// # Errors
    /// Those of claiming it.
    pub(crate) async fn resume(
        &self,
        found: &Investigation,
        (program, version): (&str, &str),
    ) -> Result<(), Error> {
        let begin = Begin {
            open: Arc::clone(&self.open),
            repo: found.repo.clone(),
            program: program.to_owned(),
            version: version.to_owned(),
            cancel: self.cancel.clone(),
            tasks: self.tasks.clone(),
        };
        let _turn = self.beginning.lock().await;
        let live = searches::resume(begin, found).await?;
        self.keep(found.id.clone(), live);
        Ok(())
    }

    /// Keeps a search, and lets go of those that ended where there are many.
    fn keep(&self, id: String, live: Arc<Live>) {
        let mut all = self.searches.lock();
        if all.len() >= SEARCHES {
            let ended =
                all.iter().find(|(_, live)| live.ended.lock().is_some()).map(|(id, _)| id.clone());
            ended.map(|id| all.remove(&id));
        }
        all.insert(id, live);
    }

    /// Waits until what is being sent and driven has come to a stop, after everything was told to end.
    pub(crate) async fn ended(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// A search of this process.
    pub(crate) fn live(&self, id: &str) -> Option<Arc<Live>> {
        self.searches.lock().get(id).cloned()
    }
}
