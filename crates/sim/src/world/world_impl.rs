//! The world: history, plan of what runs, outcomes, and what happens on request.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use mozci_core::ids::TaskId;
use serde_json::Value;

use super::catalog::{Catalog, JobKind};
use super::clock::Clock;
use super::dynamic::{ActionTask, Dynamic};
use super::history::{RepoHistory, autoland, central};
use super::ids::TaskRef;
use super::life::{Life, Outcome, RunLife};
use super::planting::plant;
use super::random::{For, between, unit};
use super::story::Story;
use super::truth::{Planted, PlantedKind};

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const DAY: i64 = 24 * 60 * MINUTE;

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
    /// How much faster than real what is asked for goes.
    pub speed: f64,
    /// How long before the start the newest push landed, in minutes.
    pub newest_minutes_ago: u32,
    /// How far Treeherder is behind, as a factor on its usual half minute to three minutes.
    pub treeherder_lag: f64,
    /// How far the servers' clocks are ahead of this machine's, in seconds.
    pub skew_seconds: i64,
    /// How the pushes' trees differ from the usual.
    pub tree: Tree,
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
    dynamic: Mutex<Dynamic>,
}

impl World {
    /// Makes a world whose history ends now.
    pub fn new(config: WorldConfig) -> Self {
        let catalog = Catalog::new(config.jobs);
        let story = Story::new(&catalog, config.pushes);
        let planted = plant(&config, &catalog, story.as_ref());
        let backouts = planted
            .iter()
            .filter_map(|planted| planted.fixed.map(|fixed| (fixed, planted.first)))
            .collect();
        let clock = Clock::starting_now(config.speed, config.skew_seconds * SECOND);
        let newest = clock.start() / SECOND - i64::from(config.newest_minutes_ago) * 60;
        let autoland = autoland(config.seed, config.pushes, newest, &backouts);
        let central = central(config.seed, &autoland);
        Self {
            config,
            clock,
            catalog,
            autoland,
            central,
            planted,
            story,
            dynamic: Mutex::default(),
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

    /// Takes an action task in, as a hook makes one.
    pub fn act(&self, push: u32, hook_id: &str, payload: Value, client: &str) -> TaskId {
        let mut dynamic = self.dynamic();
        let now = self.clock.now();
        self.add_action(&mut dynamic, push, hook_id, payload, client, now)
    }

    fn add_action(
        &self,
        dynamic: &mut Dynamic,
        push: u32,
        hook_id: &str,
        payload: Value,
        client: &str,
        created: i64,
    ) -> TaskId {
        let n = dynamic.actions_of(push).count() as u8;
        let id = TaskRef::Action { push, n }.id(self.seed());
        let mut action = ActionTask {
            id,
            push,
            hook_id: hook_id.to_owned(),
            payload,
            client: client.to_owned(),
            created,
            sound: true,
            made: Vec::new(),
            applied: false,
        };
        action.sound = self.labels_of(&action).is_some();
        dynamic.actions.push(action);
        id
    }

    /// The labels that an action asks for and how many times; `None` where its input is unsound.
    fn labels_of(&self, action: &ActionTask) -> Option<Vec<(usize, u32)>> {
        let input = action.input();
        let times = input["times"].as_u64().unwrap_or(1) as u32;
        let known = |label: &Value| self.catalog.find(label.as_str()?);
        let of_task = || {
            let id: TaskId = action.payload["user"]["taskId"].as_str()?.parse().ok()?;
            match TaskRef::read(self.seed(), id)? {
                TaskRef::Job { job, .. } => Some(job),
                _ => None,
            }
        };
        match action.name() {
            "add-new-jobs" => {
                let labels = input["tasks"].as_array()?;
                labels.iter().map(|label| Some((known(label)?, times))).collect()
            }
            "retrigger-multiple" => {
                let requests = input["requests"].as_array()?;
                let mut all = Vec::new();
                for request in requests {
                    let times = request["times"].as_u64().unwrap_or(1) as u32;
                    for label in request["tasks"].as_array()? {
                        all.push((known(label)?, times));
                    }
                }
                Some(all)
            }
            "backfill-task" => Some(vec![(known(&input["label"])?, times)]),
            "retrigger" | "backfill" => Some(vec![(of_task()?, times)]),
            "cancel" | "cancel-all" | "confirm-failures" => Some(Vec::new()),
            _ => None,
        }
    }

    /// Lets every action that has ended take effect, in the order in which they end.
    fn settle(&self, dynamic: &mut Dynamic, now: i64) {
        while let Some(i) = dynamic
            .actions
            .iter()
            .enumerate()
            .filter(|(_, action)| !action.applied && action.ends() <= now)
            .min_by_key(|(_, action)| action.ends())
            .map(|(i, _)| i)
        {
            dynamic.actions[i].applied = true;
            if dynamic.actions[i].sound {
                self.apply(dynamic, i);
            }
        }
    }

    fn apply(&self, dynamic: &mut Dynamic, i: usize) {
        let action = dynamic.actions[i].clone();
        let labels = self.labels_of(&action).unwrap_or_default();
        if action.name() == "backfill" {
            return self.apply_backfill(dynamic, &action, &labels);
        }
        let times = labels.iter().map(|(_, times)| *times).max().unwrap_or(0);
        for time in 0..times {
            let mut made = BTreeMap::new();
            for (job, _) in labels.iter().filter(|(_, times)| time < *times) {
                self.make(dynamic, action.push, *job, action.ends(), &mut made);
            }
            dynamic.actions[i].made.push(made);
        }
    }

    /// Creates a task of a job, and its build where the push has none.
    fn make(
        &self,
        dynamic: &mut Dynamic,
        push: u32,
        job: usize,
        created: i64,
        made: &mut BTreeMap<String, TaskId>,
    ) {
        if let Some(build) = self.catalog.jobs[job].build
            && self.tasks_of_job(push, build, dynamic).next().is_none()
        {
            self.make(dynamic, push, build, created, made);
        }
        let n = dynamic.add_task(push, job, created);
        let id = TaskRef::Job { push, job, n }.id(self.seed());
        made.insert(self.catalog.jobs[job].label.clone(), id);
    }

    /// The first stage of a backfill: one more action on each earlier push.
    fn apply_backfill(&self, dynamic: &mut Dynamic, action: &ActionTask, labels: &[(usize, u32)]) {
        let depth = action.input()["depth"].as_u64().unwrap_or(19) as u32;
        let Some((job, times)) = labels.first().copied() else {
            return;
        };
        for push in (action.push.saturating_sub(depth)..action.push).rev() {
            if self.decision_outcome(push) != Some(Outcome::Completed) {
                continue;
            }
            let mut payload = action.payload.clone();
            payload["decision"]["action"]["cb_name"] = "backfill-task".into();
            payload["decision"]["action"]["name"] = "backfill-task".into();
            payload["user"]["input"] = serde_json::json!({
                "label": self.catalog.jobs[job].label, "times": times,
            });
            payload["user"]["taskGroupId"] =
                TaskRef::Decision { push }.id(self.seed()).to_string().into();
            let ends = action.ends();
            self.add_action(dynamic, push, &action.hook_id, payload, "backfill", ends);
        }
    }

    /// How a push's decision task ends; `None` where there is none.
    pub fn decision_outcome(&self, push: u32) -> Option<Outcome> {
        let story = self.story.as_ref().and_then(|story| story.decision_failed(push));
        let draw = unit(self.seed(), &[For::Decision as u64, u64::from(push)]);
        match story {
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

    /// The outcomes of every run of the n-th task of a job on a push, retries included.
    pub fn outcomes(&self, push: u32, job: usize, n: u8) -> Vec<Outcome> {
        let seed = self.seed();
        let draw = |what: For, run: u64| {
            unit(seed, &[what as u64, u64::from(push), job as u64, u64::from(n), run])
        };
        let in_story =
            self.story.as_ref().is_some_and(|s| (s.job == job || s.build == job) && s.covers(push));
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
            outcomes.push(if self.fails(push, job, n) {
                Outcome::Failed
            } else {
                Outcome::Completed
            });
        }
        outcomes
    }

    /// Whether the last run of the n-th task of a job on a push fails.
    fn fails(&self, push: u32, job: usize, n: u8) -> bool {
        let entry = &self.catalog.jobs[job];
        if let Some(broken) = self.story.as_ref().and_then(|s| s.build_broken(job, push)) {
            return broken;
        }
        let Some((suite, chunk)) = entry.chunk else {
            return self.planted.iter().any(|planted| {
                matches!(planted.kind, PlantedKind::BrokenBuild { place, .. } if place == job)
                    && planted.covers(push)
            });
        };
        self.planted.iter().any(|planted| match planted.kind {
            PlantedKind::Regression { place, .. } | PlantedKind::Intermittent { place, .. } => {
                place.0 == suite
                    && planted.covers(push)
                    && self.catalog.chunk_of(self.seed(), suite, place.1, push) == chunk
                    && self.manifest_fails(push, job, n, place)
            }
            PlantedKind::BrokenBuild { .. } => false,
        })
    }

    /// Whether a manifest, by its suite and number, fails in the n-th task of a job on a push.
    pub fn manifest_fails(&self, push: u32, job: usize, n: u8, manifest: (usize, u32)) -> bool {
        let option = self.catalog.jobs[job].option;
        let draw = |i: usize| {
            let parts = [u64::from(push), job as u64, u64::from(n), i as u64];
            unit(self.seed(), &[For::Flake as u64, parts[0], parts[1], parts[2], parts[3]])
        };
        self.planted.iter().enumerate().filter(|(_, planted)| planted.covers(push)).any(
            |(i, planted)| match &planted.kind {
                PlantedKind::Regression { place, option: only, .. } => {
                    *place == manifest && only.is_none_or(|only| only == option)
                }
                PlantedKind::Intermittent { place, rate, .. } => {
                    *place == manifest && draw(i) < *rate
                }
                PlantedKind::BrokenBuild { .. } => false,
            },
        )
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
        tasks
    }

    /// The life of a task, where there is such a task.
    pub fn life(&self, task: TaskRef, dynamic: &Dynamic) -> Option<Life> {
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
                let outcome = if action.sound { Outcome::Completed } else { Outcome::Failed };
                let created = action.created;
                Some(one_run(created, created + 10 * SECOND, action.ends(), outcome))
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
        for outcome in self.outcomes(push, job, n) {
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

fn one_run(created: i64, started: i64, resolved: i64, outcome: Outcome) -> Life {
    let run = RunLife { scheduled: created, started: Some(started), resolved, outcome };
    Life { created, runs: vec![run], deadline: created + DAY }
}
