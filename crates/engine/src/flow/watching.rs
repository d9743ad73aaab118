//! Some jobs on some pushes, kept up to date by what is told of them.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::{Duration, Instant};

use mozci_core::event::{Event, Standing};
use mozci_core::facts::{Decision, PushFacts};
use mozci_core::ids::{JobName, RequestId, TaskId};
use mozci_core::plan::LeftOut;
use mozci_core::push::Push;
use mozci_core::run::{Run, RunKey, State};
use mozci_core::time::At;
use mozci_core::watch::{apply, apply_to_build, still_comes};
use tokio_util::sync::CancellationToken;

use crate::ci::Ci;
use crate::error::Error;
use crate::events::{EventOrigin, Subscription};
use crate::flow::build_of::BuildOf;
use crate::flow::history::{JobHistory, read_jobs};
use crate::flow::reconcile::reconcile;
use crate::flow::send::TriggerResult;
use crate::store::{Ledger, TriggerState};

/// A job on a push: its history's place, and the push's place in it.
pub type CellIndex = (usize, usize);

/// Jobs on pushes, as they stand.
#[derive(Debug)]
pub struct Watching {
    /// What is known of each job.
    pub histories: Vec<JobHistory>,
    pushes: Vec<Push>,
    subscription: Subscription,
    /// Where a job on the push of a task group is.
    by_group: HashMap<(TaskId, JobName), CellIndex>,
    /// Where a request is known to be.
    by_request: HashMap<RequestId, CellIndex>,
    /// The places whose build has this name on the push of a group.
    by_build: HashMap<(TaskId, JobName), Vec<CellIndex>>,
    /// Actions that have not made their runs yet, with what they were requested.
    actions: HashMap<RequestId, Vec<(CellIndex, u32)>>,
    /// When the state is read though nobody told anything.
    read_at: Option<Instant>,
    /// The places that it is read for.
    coming: BTreeSet<CellIndex>,
    /// Events that were taken in, and looks that were made, for whoever counts.
    pub events_received: u64,
    /// How often the state was read.
    pub looks: u64,
}

/// The task group of a push, where its CI has such.
fn group_of(facts: &PushFacts) -> Option<TaskId> {
    match &facts.decision {
        Decision::Done(task) => Some(*task),
        _ => None,
    }
}

/// How long after an action's end its runs may take to show up.
const SHOWS: Duration = Duration::from_secs(5);

/// Failures to read in a row after which watching is given up.
const FAILURES: u32 = 5;

impl Watching {
    /// Begins to watch, as an instance whose queue outlives it where one is named: what happens from here on is heard, then what there is is read.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn open(
        ci: &Ci,
        ledger: &Ledger,
        pushes: &[Push],
        jobs: &[JobName],
        instance: Option<&str>,
    ) -> Result<Self, Error> {
        let histories = read_jobs(ci, Some(ledger), pushes, jobs, None).await?;
        let all = histories.iter().flat_map(|history| &history.facts);
        let subscription = Subscription::open(ci, all.collect(), instance).await?;
        let mut watching = Self {
            histories,
            pushes: pushes.to_vec(),
            subscription,
            by_group: HashMap::new(),
            by_request: HashMap::new(),
            by_build: HashMap::new(),
            actions: HashMap::new(),
            read_at: None,
            coming: BTreeSet::new(),
            events_received: 0,
            looks: 1,
        };
        watching.index();
        // What happened between the reading and the listening nobody told.
        if watching.subscription.origin().is_some() {
            watching.look(ci, ledger).await?;
        }
        Ok(watching)
    }

    /// Ends watching for good.
    pub async fn close(self) {
        self.subscription.close().await;
    }

    /// Who tells what happens; none where it is looked for.
    pub fn origin(&self) -> Option<EventOrigin> {
        self.subscription.origin()
    }

    /// For how long a job that was not run may still come by itself. The state is read then, if
    /// nothing is told before.
    pub fn still_comes(&mut self, place: CellIndex, now: At) -> Option<Duration> {
        let build_runs = self.histories[place.0].build_runs.get(place.1)?;
        let left = Duration::from_secs(still_comes(build_runs, now)?);
        self.coming.insert(place);
        self.read_within(left);
        Some(left)
    }

    /// What was left out since somebody else requested it a moment ago comes all the same: the state is
    /// read soon, and these places are decided on again. Says whether there are any.
    pub fn others_requested(&mut self, left_out: &[LeftOut]) -> bool {
        let left_out: HashSet<_> = left_out
            .iter()
            .filter(|out| out.why.comes_from_others())
            .map(|out| (out.push.id, &out.job))
            .collect();
        let is_left_out = |(job, push): &CellIndex| {
            let history = &self.histories[*job];
            left_out.contains(&(history.facts[*push].push.id, &history.job))
        };
        let coming: Vec<CellIndex> = self.places().filter(is_left_out).collect();
        let any = !coming.is_empty();
        if any {
            self.coming.extend(coming);
            self.read_within(SHOWS);
        }
        any
    }

    /// Has the state read at the latest after this time.
    fn read_within(&mut self, time: Duration) {
        let at = Instant::now() + time;
        self.read_at = Some(self.read_at.map_or(at, |before| before.min(at)));
    }

    /// What is known at a place.
    pub fn facts(&self, (history, push): CellIndex) -> &PushFacts {
        &self.histories[history].facts[push]
    }

    /// Every place, by pushes and then jobs.
    pub fn places(&self) -> impl Iterator<Item = CellIndex> + use<> {
        let (jobs, pushes) = (self.histories.len(), self.pushes.len());
        (0..pushes).flat_map(move |push| (0..jobs).map(move |job| (job, push)))
    }

    fn index(&mut self) {
        self.by_group.clear();
        self.by_request.clear();
        self.by_build.clear();
        for (i, history) in self.histories.iter().enumerate() {
            for (j, facts) in history.facts.iter().enumerate() {
                for run in &facts.runs {
                    self.by_request.insert(run.key.request, (i, j));
                }
                let Some(group) = group_of(facts) else { continue };
                self.by_group.insert((group, history.job.clone()), (i, j));
                for build in history.build.names() {
                    self.by_build.entry((group, build.clone())).or_default().push((i, j));
                }
            }
        }
    }

    /// Notes what was requested, so that what comes of it is known as that.
    pub fn requested(&mut self, results: &[TriggerResult]) {
        for result in results {
            let TriggerState::Sent { request } = result.state else { continue };
            for requested in &result.jobs {
                let Some(place) = self.place(&requested.job, result) else { continue };
                let facts = &mut self.histories[place.0].facts[place.1];
                if result.by_action {
                    facts.requested += requested.times;
                    self.actions.entry(request).or_default().push((place, requested.times));
                } else if !facts.runs.iter().any(|run| run.key.request == request) {
                    let key = RunKey { request, run: 0 };
                    facts.runs.push(Run::new(key, State::Pending));
                    self.by_request.insert(request, place);
                }
            }
        }
    }

    fn place(&self, job: &JobName, result: &TriggerResult) -> Option<CellIndex> {
        let history = self.histories.iter().position(|history| history.job == *job)?;
        let push = self.pushes.iter().position(|push| push.id == result.push.id)?;
        Some((history, push))
    }

    /// Waits until something is told of what is watched, or it is time to look. Gives the places
    /// where something changed; none where nothing did, or at a stop.
    ///
    /// # Errors
    /// [`Error::Service`] after several failures to read in a row.
    pub async fn next(
        &mut self,
        ci: &Ci,
        ledger: &Ledger,
        stop: &CancellationToken,
    ) -> Result<Vec<CellIndex>, Error> {
        let (by_group, by_request, by_build, actions) =
            (&self.by_group, &self.by_request, &self.by_build, &self.actions);
        let histories = &self.histories;
        let matters = |event: &Event| match event {
            Event::Stands(told) => {
                by_request.contains_key(&told.request)
                    || actions.contains_key(&told.request)
                    || key(told).is_some_and(|key| {
                        by_group.contains_key(&key) || by_build.contains_key(&key)
                    })
            }
            Event::Changed(_) => true,
            Event::GroupEnded(group) => {
                let mut all = histories.iter().flat_map(|history| &history.facts);
                all.any(|facts| group_of(facts) == Some(*group))
            }
            _ => false,
        };
        let until = self.read_at.map(|at| at.saturating_duration_since(Instant::now()));
        let events_received = self.subscription.next_of(&matters, until, stop).await;
        if stop.is_cancelled() {
            return Ok(Vec::new());
        }
        let mut changed = BTreeSet::new();
        // Nothing told means that it is time to look.
        let mut looks = events_received.is_empty();
        for event in &events_received {
            match event {
                Event::Stands(told) => self.take(told, &mut changed),
                Event::GroupEnded(_) => {}
                _ => looks = true,
            }
        }
        // A run that still waits when all that was told is taken in, and its group has ended: its own
        // end was not told.
        looks |= events_received.iter().any(|event| match event {
            Event::GroupEnded(group) => self.waits_in(*group),
            _ => false,
        });
        self.events_received += events_received.len() as u64;
        if looks {
            changed.extend(self.look_patiently(ci, ledger, stop).await?);
        }
        Ok(changed.into_iter().collect())
    }

    /// Whether a run of a group is known to wait or to be at work. What an action is about to make is
    /// none yet.
    fn waits_in(&self, group: TaskId) -> bool {
        let all = self.histories.iter().flat_map(|history| &history.facts);
        let mut ours = all.filter(|facts| group_of(facts) == Some(group));
        ours.any(|facts| facts.runs.iter().any(|run| run.state.is_waiting()))
    }

    fn take(&mut self, told: &Standing, changed: &mut BTreeSet<CellIndex>) {
        if self.actions.contains_key(&told.request) {
            if told.state.is_final() {
                self.action_ended(told, changed);
            }
            return;
        }
        let key = key(told);
        let known = self.by_request.get(&told.request).copied();
        if let Some(place) =
            known.or_else(|| key.as_ref().and_then(|k| self.by_group.get(k).copied()))
        {
            self.by_request.insert(told.request, place);
            if apply(&mut self.histories[place.0].facts[place.1], told) {
                changed.insert(place);
            }
        }
        let Some(((_, build), hang)) =
            key.and_then(|key| self.by_build.get(&key).cloned().map(|hang| (key, hang)))
        else {
            return;
        };
        for (i, j) in hang {
            let history = &mut self.histories[i];
            let (facts, runs) = (&mut history.facts[j], history.build_runs.get_mut(j));
            if runs.is_some_and(|runs| apply_to_build(facts, &build, runs, told)) {
                changed.insert((i, j));
            }
        }
    }

    /// An action that ended well has made its runs, which are told of by themselves; what has not
    /// shown up a moment later is looked for. One that failed made nothing.
    fn action_ended(&mut self, told: &Standing, changed: &mut BTreeSet<CellIndex>) {
        for (place, times) in self.actions.remove(&told.request).unwrap_or_default() {
            let facts = &mut self.histories[place.0].facts[place.1];
            if !told.state.is_good() {
                facts.requested = facts.requested.saturating_sub(times);
                facts.doubtful = facts.doubtful.min(facts.requested);
            } else if facts.requested > 0 {
                self.read_at = Some(Instant::now() + SHOWS);
            }
            changed.insert(place);
        }
    }

    /// Reads everything, and again where that fails, a few times.
    async fn look_patiently(
        &mut self,
        ci: &Ci,
        ledger: &Ledger,
        stop: &CancellationToken,
    ) -> Result<Vec<CellIndex>, Error> {
        let started = Instant::now();
        let mut failures = 0;
        loop {
            let error = match self.look(ci, ledger).await {
                Ok(changed) => return Ok(changed),
                Err(error) => error,
            };
            failures += 1;
            if failures >= FAILURES && started.elapsed() >= ci.patience() {
                return Err(error);
            }
            if failures == 1 {
                tracing::warn!("note: a poll failed and is retried: {error}");
            }
            crate::flow::pause(ci.poll.min(Duration::from_secs(15)), stop).await;
            if stop.is_cancelled() {
                return Ok(Vec::new());
            }
        }
    }

    /// Reads everything. Gives the places where something is new.
    async fn look(&mut self, ci: &Ci, ledger: &Ledger) -> Result<Vec<CellIndex>, Error> {
        self.read_at = None;
        self.looks += 1;
        reconcile(ci, ledger).await?;
        let jobs: Vec<JobName> = self.histories.iter().map(|h| h.job.clone()).collect();
        let builds: Vec<BuildOf> = self.histories.iter().map(|h| h.build.clone()).collect();
        let mut now = read_jobs(ci, Some(ledger), &self.pushes, &jobs, Some(&builds)).await?;
        // What was given time to come is decided on again, whether it came or not.
        let mut changed: Vec<CellIndex> = std::mem::take(&mut self.coming).into_iter().collect();
        for (i, history) in now.iter_mut().enumerate() {
            for (j, facts) in history.facts.iter_mut().enumerate() {
                let before = &self.histories[i].facts[j];
                // What was told already a source that lags behind may not show yet.
                let mut runs = before.runs.clone();
                runs.retain(|run| self.subscription.standing(run.key.request).is_some());
                for run in runs {
                    let told = Standing {
                        request: run.key.request,
                        group: None,
                        job: None,
                        state: run.state.clone(),
                        runs: vec![run],
                    };
                    apply(facts, &told);
                }
                if facts.runs != before.runs
                    || facts.requested != before.requested
                    || facts.build != before.build
                {
                    changed.push((i, j));
                }
            }
        }
        self.histories = now;
        self.index();
        Ok(changed)
    }
}

fn key(told: &Standing) -> Option<(TaskId, JobName)> {
    Some((told.group?, told.job.clone()?))
}
