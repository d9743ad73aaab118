//! The world: history, plan of what runs, outcomes, and what happens on request.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::artifacts::{Artifacts, Trouble};
use super::catalog::{Catalog, JobKind};
use super::clock::Clock;
use super::dynamic::Dynamic;
use super::history::{MERGED, RepoHistory, autoland, central};
use super::hunt::{Hunt, HuntConfig};
use super::ids::TaskRef;
use super::life::{Life, Outcome, RunLife};
use super::planting::plant;
use super::random::{For, between, hash, unit};
use super::story::Story;
use super::truth::{Failing, Planted, PlantedKind};

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
pub(super) const DAY: i64 = 24 * 60 * MINUTE;

/// How large a world is and how it goes.
#[derive(Debug, Clone)]
pub struct WorldConfig {
    /// Everything that happens is a function of it.
    pub seed: u64,
    /// Pushes of autoland.
    pub pushes: u32,
    /// About how many jobs there are.
    pub jobs: u32,
    /// Every so many pushes everything is scheduled; on the others about a quarter of the tests.
    pub full_every: u32,
    /// How much faster than real what is requested goes.
    pub speed: f64,
    /// How long before the start the newest push landed, in minutes.
    pub newest_minutes_ago: u32,
    /// How far Treeherder is behind, as a factor on its usual half minute to three minutes.
    pub treeherder_lag: f64,
    /// How far the servers' clocks are ahead of this machine's, in seconds.
    pub skew_seconds: i64,
    /// How the pushes' trees differ from the usual.
    pub tree: Tree,
    /// What became of what the runs of tests left.
    pub artifacts: Artifacts,
    /// What is hunted, instead of the demo's story.
    pub hunt: Option<HuntConfig>,
    /// Whether mozilla-central takes autoland's heads as they are, without merge commits.
    pub central_as_it_is: bool,
    /// A gzipped file that is every push's full task graph.
    pub task_graph: Option<std::path::PathBuf>,
}

/// The trees whose decision tasks offer the actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tree {
    /// As of today.
    #[default]
    Usual,
    /// One that does not offer to add jobs.
    WithoutAddNewJobs,
    /// One whose action to add jobs wants to be told why.
    WantsReason,
    /// One whose decision tasks may not use the hook that their actions name.
    WithoutScopes,
    /// One whose groups are sealed.
    Sealed,
    /// One whose actions write all that they make into one record, in which tasks of a job are one.
    MergedRecords,
}

impl Default for WorldConfig {
    fn default() -> Self {
        Self {
            seed: 7,
            pushes: 60,
            jobs: 57,
            full_every: 20,
            speed: 600.0,
            newest_minutes_ago: 180,
            treeherder_lag: 1.0,
            skew_seconds: 0,
            tree: Tree::Usual,
            artifacts: Artifacts::Usual,
            hunt: None,
            central_as_it_is: false,
            task_graph: None,
        }
    }
}

/// A simulated CI's history and present.
#[derive(Debug)]
pub struct World {
    /// Its size and pace.
    pub config: WorldConfig,
    /// Its time.
    pub clock: Clock,
    /// Its jobs.
    pub catalog: Catalog,
    /// The repository that CI runs on.
    pub autoland: RepoHistory,
    /// A repository that it is merged into.
    pub central: RepoHistory,
    /// What was planted.
    pub planted: Vec<Planted>,
    /// The demo's story.
    pub story: Option<Story>,
    /// What is hunted.
    pub hunt: Option<Hunt>,
    dynamic: Mutex<Dynamic>,
}

impl World {
    /// Makes a world whose history ends now.
    pub fn new(config: WorldConfig) -> Self {
        let mut catalog = Catalog::new(config.jobs);
        if let Some(every) = config.hunt.and_then(|hunt| hunt.deal_every) {
            catalog.deal_every = every;
        }
        let hunt = config.hunt.and_then(|h| Hunt::new(h, &catalog, config.pushes, config.seed));
        let story = Story::new(&catalog, config.pushes).filter(|_| hunt.is_none());
        let planted = plant(&config, &catalog, story.as_ref(), hunt.as_ref());
        let backouts = planted
            .iter()
            .filter_map(|planted| planted.fixed.map(|fixed| (fixed, planted.first)))
            .collect();
        let clock = Clock::starting_now(config.speed, config.skew_seconds * SECOND);
        let newest = clock.start() / SECOND - i64::from(config.newest_minutes_ago) * 60;
        let autoland = autoland(config.seed, config.pushes, newest, &backouts);
        let central = central(config.seed, &autoland, config.central_as_it_is);
        Self {
            config,
            clock,
            catalog,
            autoland,
            central,
            planted,
            story,
            hunt,
            dynamic: Mutex::default(),
        }
    }

    /// The CI of the repository that autoland is merged into: every merge is one push there. What is
    /// hunted in autoland came there with the merge that has it.
    pub fn of_central(below: &Self) -> Self {
        let mut config = below.config.clone();
        config.seed = below.config.seed.wrapping_add(1 << 40);
        config.pushes = below.central.pushes.len() as u32;
        config.hunt = config.hunt.and_then(|hunt| {
            let tip = config.pushes.checked_sub(1)?;
            let suspects = tip.min(4);
            let culprit = below.hunt.as_ref()?.culprit().map(|push| push / MERGED);
            let culprit = culprit.and_then(|push| push.checked_sub(tip - suspects));
            Some(HuntConfig {
                suspects,
                culprit,
                rate: hunt.rate,
                background: hunt.background,
                ..HuntConfig::default()
            })
        });
        let catalog = below.catalog.clone();
        let hunt = config.hunt.and_then(|h| Hunt::new(h, &catalog, config.pushes, config.seed));
        let planted = plant(&config, &catalog, None, hunt.as_ref());
        Self {
            clock: below.clock.beside(),
            catalog,
            autoland: below.central.clone(),
            central: RepoHistory::default(),
            planted,
            story: None,
            hunt,
            dynamic: Mutex::default(),
            config,
        }
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.config.seed
    }

    /// What was asked so far, with the effects of every action that has ended by now.
    pub fn dynamic(&self) -> MutexGuard<'_, Dynamic> {
        let mut dynamic = self.dynamic.lock().unwrap_or_else(PoisonError::into_inner);
        self.settle(&mut dynamic, self.clock.now());
        dynamic
    }

    /// How a push's decision task ends; `None` where there is none.
    pub fn decision_outcome(&self, push: u32) -> Option<Outcome> {
        let story = self.story.as_ref().and_then(|story| story.decision_failed(push));
        let hunted = self.hunt.as_ref().and_then(|hunt| hunt.decision_failed(push));
        let draw = unit(self.seed(), &[For::Decision as u64, u64::from(push)]);
        match story.or(hunted) {
            Some(true) => Some(Outcome::Failed),
            Some(false) => Some(Outcome::Completed),
            None if push.is_multiple_of(self.config.full_every) => Some(Outcome::Completed),
            None if draw < 0.015 => Some(Outcome::Failed),
            None if draw < 0.03 => None,
            None => Some(Outcome::Completed),
        }
    }

    /// Whether a job is scheduled on a push.
    pub fn scheduled(&self, push: u32, job: usize) -> bool {
        if self.decision_outcome(push) != Some(Outcome::Completed) {
            return false;
        }
        if let Some(says) = self.story.as_ref().and_then(|story| story.scheduled(job, push)) {
            return says;
        }
        if self.story.as_ref().is_some_and(|s| s.build == job && s.covers(push)) {
            return true;
        }
        if let Some(says) = self.hunt.as_ref().and_then(|hunt| hunt.scheduled(job, push)) {
            return says;
        }
        let kind = self.catalog.jobs[job].kind;
        let rate = match kind {
            JobKind::Build => 0.93,
            JobKind::Test => 0.25,
            JobKind::Source => 0.6,
        };
        push.is_multiple_of(self.config.full_every)
            || unit(self.seed(), &[For::Scheduled as u64, u64::from(push), job as u64]) < rate
            // A test that is scheduled brings its build.
            || (kind == JobKind::Build
                && self.catalog.jobs.iter().enumerate().any(|(t, test)| {
                    test.build == Some(job) && test.kind == JobKind::Test && self.scheduled(push, t)
                }))
    }

    /// Whether a person has said of a failure that it is known to come and go.
    pub fn is_classified(&self, task: TaskRef) -> bool {
        let TaskRef::Job { push, job, n } = task else { return false };
        let parts = [For::Classified as u64, u64::from(push), job as u64, u64::from(n)];
        unit(self.seed(), &parts) < 0.67
    }

    /// What is wrong with an artifact of a run of a test.
    pub fn trouble(&self, task: TaskRef, run: usize, name: &str) -> Option<Trouble> {
        let TaskRef::Job { push, job, n } = task else { return None };
        if self.config.artifacts == Artifacts::Usual || self.catalog.jobs[job].chunk.is_none() {
            return None;
        }
        let name = name.bytes().fold(0, |sum: u64, byte| sum * 31 % 65_521 + u64::from(byte));
        let run = u64::from(n) << 32 | run as u64;
        let parts = [For::Trouble as u64, u64::from(push), job as u64, run, name];
        match hash(self.seed(), &parts) % 4 {
            0 => Some(Trouble::Error),
            1 => Some(Trouble::Private),
            2 => Some(Trouble::Gone),
            _ => None,
        }
    }

    /// The outcomes of every run of the n-th task of a job on a push, retries included.
    pub fn outcomes(&self, push: u32, job: usize, n: u8) -> Vec<Outcome> {
        self.outcomes_with(push, job, n, &self.catalog.manifests_of(self.seed(), job, push))
    }

    /// The manifests that a task runs: its chunk's, unless it was given others.
    pub fn given(&self, push: u32, job: usize, n: u8, dynamic: &Dynamic) -> Vec<u32> {
        let asked = usize::from(n).checked_sub(1);
        let asked = asked.and_then(|n| dynamic.tasks.get(&(push, job))?.get(n));
        match asked.and_then(|asked| asked.manifests.clone()) {
            Some(given) => given,
            None => self.catalog.manifests_of(self.seed(), job, push),
        }
    }

    fn outcomes_with(&self, push: u32, job: usize, n: u8, manifests: &[u32]) -> Vec<Outcome> {
        let seed = self.seed();
        let draw = |what: For, run: u64| {
            unit(seed, &[what as u64, u64::from(push), job as u64, u64::from(n), run])
        };
        let hunted = |hunt: &Hunt| {
            hunt.failed(job, push, n).is_some() || hunt.build_broken(job, push).is_some()
        };
        let in_story =
            self.story.as_ref().is_some_and(|s| (s.job == job || s.build == job) && s.covers(push))
                || self.hunt.as_ref().is_some_and(hunted);
        let mut outcomes = Vec::new();
        if !in_story && n == 0 && self.catalog.jobs[job].kind == JobKind::Test {
            if draw(For::Cancelled, 0) < 0.006 {
                return vec![Outcome::Exception("canceled")];
            }
            if draw(For::Coalesced, 0) < 0.012 {
                return vec![Outcome::Exception("superseded")];
            }
        }
        while !in_story && outcomes.len() < 5 && draw(For::Infra, outcomes.len() as u64) < 0.02 {
            outcomes.push(Outcome::Exception("worker-shutdown"));
        }
        if !in_story && draw(For::Dead, 0) < 0.003 {
            outcomes.push(Outcome::Exception("internal-error"));
        } else {
            outcomes.push(if self.fails(push, job, n, manifests) {
                Outcome::Failed
            } else {
                Outcome::Completed
            });
        }
        outcomes
    }

    /// Whether the last run of the n-th task of a job on a push fails.
    fn fails(&self, push: u32, job: usize, n: u8, manifests: &[u32]) -> bool {
        let entry = &self.catalog.jobs[job];
        if let Some(broken) = self.story.as_ref().and_then(|s| s.build_broken(job, push)) {
            return broken;
        }
        if let Some(broken) = self.hunt.as_ref().and_then(|h| h.build_broken(job, push)) {
            return broken;
        }
        if entry.chunk.is_some() {
            return !self.failing(push, job, n, manifests).is_empty();
        }
        self.planted.iter().any(|planted| {
            matches!(planted.kind, PlantedKind::BrokenBuild { place, .. } if place == job)
                && planted.covers(push)
        })
    }

    /// What was planted that fails in the n-th task of a test job on a push, which runs these
    /// manifests.
    pub fn failing(&self, push: u32, job: usize, n: u8, manifests: &[u32]) -> Vec<Failing> {
        let Some((suite, _)) = self.catalog.jobs[job].chunk else { return Vec::new() };
        let here = |place: (usize, u32)| place.0 == suite && manifests.contains(&place.1);
        let all = self.planted.iter().enumerate().filter(|(_, planted)| planted.covers(push));
        let failing = all.filter_map(|(number, planted)| match &planted.kind {
            PlantedKind::Regression { place, .. } | PlantedKind::Intermittent { place, .. } => {
                let fails = here(*place) && self.planted_fails(push, job, n, number);
                let intermittent = matches!(planted.kind, PlantedKind::Intermittent { .. });
                fails.then_some(Failing { number, manifest: place.1, intermittent })
            }
            PlantedKind::BrokenBuild { .. } => None,
        });
        failing.collect()
    }

    /// Whether a manifest, by its suite and number, fails in the n-th task of a job on a push.
    pub fn manifest_fails(&self, push: u32, job: usize, n: u8, manifest: (usize, u32)) -> bool {
        let all = self.planted.iter().enumerate().filter(|(_, planted)| planted.covers(push));
        all.filter(|(_, planted)| match &planted.kind {
            PlantedKind::Regression { place, .. } | PlantedKind::Intermittent { place, .. } => {
                *place == manifest
            }
            PlantedKind::BrokenBuild { .. } => false,
        })
        .any(|(number, _)| self.planted_fails(push, job, n, number))
    }

    /// Whether what was planted fails there, where it is.
    fn planted_fails(&self, push: u32, job: usize, n: u8, number: usize) -> bool {
        let option = self.catalog.jobs[job].option;
        let parts = [u64::from(push), job as u64, u64::from(n), number as u64];
        let draw =
            || unit(self.seed(), &[For::Flake as u64, parts[0], parts[1], parts[2], parts[3]]);
        match &self.planted[number].kind {
            PlantedKind::Regression { option: only, rate, place, .. } => {
                let hunted = self.hunt.as_ref().filter(|hunt| *place == (0, hunt.manifest));
                match hunted.and_then(|hunt| hunt.failed(job, push, n)) {
                    Some(failed) => failed,
                    None => only.is_none_or(|only| only == option) && draw() < *rate,
                }
            }
            PlantedKind::Intermittent { rate, .. } => draw() < *rate,
            PlantedKind::BrokenBuild { .. } => false,
        }
    }

    /// The tasks of a job on a push, in the order of their creation.
    pub fn tasks_of_job<'a>(
        &'a self,
        push: u32,
        job: usize,
        dynamic: &'a Dynamic,
    ) -> impl Iterator<Item = TaskRef> + 'a {
        let asked = dynamic.tasks.get(&(push, job)).map_or(0, Vec::len) as u8;
        let first = if self.scheduled(push, job) { 0 } else { 1 };
        (first..=asked).map(move |n| TaskRef::Job { push, job, n })
    }

    /// Every task of a push: the decision task, the jobs', the actions.
    pub fn tasks_of_push(&self, push: u32, dynamic: &Dynamic) -> Vec<TaskRef> {
        let mut tasks = Vec::new();
        if self.decision_outcome(push).is_some() {
            tasks.push(TaskRef::Decision { push });
        }
        for job in 0..self.catalog.jobs.len() {
            tasks.extend(self.tasks_of_job(push, job, dynamic));
        }
        tasks.extend(dynamic.actions_of(push).map(|(n, _)| TaskRef::Action { push, n }));
        let marks = 0..dynamic.marks_of(push).len() as u8;
        tasks.extend(marks.map(|n| TaskRef::Mark { push, n }));
        tasks
    }

    /// The life of a task, where there is such a task.
    pub fn life(&self, task: TaskRef, dynamic: &Dynamic) -> Option<Life> {
        let mut life = self.undisturbed(task, dynamic)?;
        let cancelled = dynamic.cancelled.get(&task).copied();
        let again = dynamic.reruns.get(&task).map_or(&[][..], Vec::as_slice);
        if let Some(at) = cancelled.filter(|at| !again.iter().any(|again| again < at)) {
            life.cancel(at);
        }
        for at in again {
            let TaskRef::Job { push, job, n } = task else { continue };
            let number = life.runs.len() as u64;
            let takes = i64::from(self.catalog.jobs.get(job)?.minutes) * MINUTE;
            let seed = [For::Waits as u64, u64::from(push), job as u64, u64::from(n), number];
            let started = at + between(self.seed(), &seed, 20, 240) * SECOND;
            let given = self.given(push, job, n, dynamic);
            let outcome = match self.fails(push, job, n.wrapping_add(number as u8), &given) {
                true => Outcome::Failed,
                false => Outcome::Completed,
            };
            let resolved = started + takes;
            life.runs.push(RunLife { scheduled: *at, started: Some(started), resolved, outcome });
        }
        if let Some(at) = cancelled.filter(|at| again.iter().any(|again| again < at)) {
            life.cancel(at);
        }
        Some(life)
    }

    fn undisturbed(&self, task: TaskRef, dynamic: &Dynamic) -> Option<Life> {
        if task.push() >= self.config.pushes {
            return None;
        }
        match task {
            TaskRef::Decision { push } => {
                let created = self.autoland.pushes[push as usize].date * SECOND + 5 * SECOND;
                let outcome = self.decision_outcome(push)?;
                Some(one_run(created, created + 15 * SECOND, created + 150 * SECOND, outcome))
            }
            TaskRef::Action { push, n } => {
                let (_, action) = dynamic.actions_of(push).nth(usize::from(n))?;
                Some(Self::life_of_action(action))
            }
            TaskRef::Mark { push, n } => {
                let created = *dynamic.marks_of(push).get(usize::from(n))?;
                Some(one_run(created, created, created, Outcome::Completed))
            }
            TaskRef::Job { push, job, n } => self.life_of_job(push, job, n, dynamic),
        }
    }

    fn life_of_job(&self, push: u32, job: usize, n: u8, dynamic: &Dynamic) -> Option<Life> {
        let entry = self.catalog.jobs.get(job)?;
        let created = match n {
            0 if self.scheduled(push, job) => {
                self.life(TaskRef::Decision { push }, dynamic)?.end()?.0 + 5 * SECOND
            }
            0 => return None,
            n => dynamic.tasks.get(&(push, job))?.get(usize::from(n) - 1)?.created,
        };
        let deadline = created + 4 * DAY;
        let ready = match entry.build {
            None => Some(created),
            Some(build) => {
                let built = self.tasks_of_job(push, build, dynamic).next()?;
                match self.life(built, dynamic)?.end()? {
                    (at, Outcome::Completed) => Some(at.max(created)),
                    _ => None,
                }
            }
        };
        let Some(mut at) = ready else {
            return Some(Life { created, runs: Vec::new(), deadline });
        };
        let draw = [push as u64, job as u64, n as u64];
        let parts = |what: For| [what as u64, draw[0], draw[1], draw[2]];
        let wait = between(self.seed(), &parts(For::Waits), 20, 240) * SECOND;
        let usual = i64::from(entry.minutes) * MINUTE;
        let takes = usual * between(self.seed(), &parts(For::Duration), 80, 125) / 100;
        let mut runs = Vec::new();
        let given = self.given(push, job, n, dynamic);
        for outcome in self.outcomes_with(push, job, n, &given) {
            let (started, resolved) = match outcome {
                Outcome::Exception("superseded") => (None, at + wait),
                Outcome::Exception("canceled") => (Some(at + wait), at + wait + takes / 4),
                outcome if outcome.is_retried() => (Some(at + wait), at + wait + takes / 3),
                _ => (Some(at + wait), at + wait + takes),
            };
            runs.push(RunLife { scheduled: at, started, resolved, outcome });
            at = resolved;
        }
        Some(Life { created, runs, deadline })
    }
}

pub(super) fn one_run(created: i64, started: i64, resolved: i64, outcome: Outcome) -> Life {
    let run = RunLife { scheduled: created, started: Some(started), resolved, outcome };
    Life { created, runs: vec![run], deadline: created + DAY }
}
