//! The world: history, plan of what runs, outcomes, and what happens on request.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use mozci_core::ids::TaskId;
use serde_json::Value;

use super::catalog::{Catalog, JobKind, SUITES};
use super::clock::Clock;
use super::dynamic::{ActionTask, Dynamic};
use super::history::{RepoHistory, autoland, central};
use super::ids::TaskRef;
use super::life::{Life, Outcome, RunLife};
use super::random::{For, between, hash, unit};
use super::story::Story;
use super::truth::{Planted, PlantedKind, Truth, TruthPlanted, TruthPush, TruthStory};

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
}

impl Default for WorldConfig {
    fn default() -> Self {
        Self {
            seed: 7,
            pushes: 60,
            jobs: 57,
            full_every: 20,
            speed: 600.0,
            newest_minutes_ago: 100,
            treeherder_lag: 1.0,
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
        let clock = Clock::starting_now(config.speed);
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
        self.planted.iter().enumerate().any(|(i, planted)| {
            let here = |place: (usize, u32)| {
                place.0 == suite
                    && self.catalog.chunk_of(self.seed(), suite, place.1, push) == chunk
            };
            match &planted.kind {
                PlantedKind::Regression { place, option, .. } => {
                    planted.covers(push)
                        && here(*place)
                        && option.is_none_or(|option| option == entry.option)
                }
                PlantedKind::Intermittent { place, rate, .. } => {
                    planted.covers(push)
                        && here(*place)
                        && unit(
                            self.seed(),
                            &[
                                For::Flake as u64,
                                u64::from(push),
                                job as u64,
                                u64::from(n),
                                i as u64,
                            ],
                        ) < *rate
                }
                PlantedKind::BrokenBuild { .. } => false,
            }
        })
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

    /// Everything that was planted, with the outcomes of all that was scheduled.
    pub fn truth(&self) -> Truth {
        let revision = |push: u32| self.autoland.pushes[push as usize].node().to_owned();
        let pushes = self.autoland.pushes.iter().enumerate().map(|(i, push)| {
            let index = i as u32;
            let scheduled = (0..self.catalog.jobs.len())
                .filter(|job| self.scheduled(index, *job))
                .map(|job| {
                    let words = self.outcomes(index, job, 0).iter().map(|o| o.word()).collect();
                    (self.catalog.jobs[job].label.clone(), words)
                })
                .collect();
            TruthPush {
                index,
                id: push.id,
                treeherder_id: push.treeherder_id,
                revision: push.node().to_owned(),
                decision: self.decision_outcome(index).map_or("missing", Outcome::word),
                decision_task: TaskRef::Decision { push: index }.id(self.seed()).to_string(),
                scheduled,
            }
        });
        let planted = self.planted.iter().map(|planted| TruthPlanted {
            culprit: revision(planted.first),
            fixed_by: planted.fixed.map(revision),
            planted: planted.clone(),
        });
        let story = self.story.as_ref().map(|story| TruthStory {
            job: self.catalog.jobs[story.job].label.clone(),
            culprit: revision(story.culprit),
            bad: revision(story.tip),
            last_good_run: revision(story.tip - 11),
        });
        Truth {
            seed: self.seed(),
            repo: self.autoland.name.clone(),
            pushes: pushes.collect(),
            planted: planted.collect(),
            story,
        }
    }
}

fn one_run(created: i64, started: i64, resolved: i64, outcome: Outcome) -> Life {
    let run = RunLife { scheduled: created, started: Some(started), resolved, outcome };
    Life { created, runs: vec![run], deadline: created + DAY }
}

/// Plants regressions that are backed out, broken builds that are too, intermittents that stay,
/// and the story's regression.
fn plant(config: &WorldConfig, catalog: &Catalog, story: Option<&Story>) -> Vec<Planted> {
    let seed = config.seed;
    let mut planted = Vec::new();
    let last = story.map_or(config.pushes, |story| story.tip - 11);
    let regression = |suite: usize, manifest: u32, option| PlantedKind::Regression {
        suite: SUITES[suite].name,
        manifest: Catalog::manifest_name(suite, manifest),
        place: (suite, manifest),
        option,
    };
    for block in 0..config.pushes / 20 {
        let parts = |what: u64| [For::Plant as u64, u64::from(block), what];
        let first = block * 20 + between(seed, &parts(0), 2, 9) as u32;
        let fixed = first + between(seed, &parts(1), 3, 7) as u32;
        if fixed + 3 < last {
            let suite = hash(seed, &parts(2)) as usize % SUITES.len();
            // The story's own manifest is left alone.
            let manifest = 1 + hash(seed, &parts(3)) as u32 % (catalog.manifests() - 1);
            let option = [None, Some("debug"), Some("opt")][hash(seed, &parts(4)) as usize % 3];
            let kind = regression(suite, manifest, option);
            planted.push(Planted { kind, first, fixed: Some(fixed) });
            let place = hash(seed, &parts(5)) as usize % 5;
            let kind = PlantedKind::BrokenBuild { job: catalog.jobs[place].label.clone(), place };
            planted.push(Planted { kind, first: fixed + 1, fixed: Some(fixed + 2) });
        }
    }
    for i in 0..catalog.manifests().div_ceil(3) {
        let parts = |what: u64| [For::Plant as u64, 1 << 32, u64::from(i), what];
        let suite = hash(seed, &parts(0)) as usize % SUITES.len();
        let manifest = 1 + hash(seed, &parts(1)) as u32 % (catalog.manifests() - 1);
        let rate = [0.01, 0.03, 0.08, 0.15, 0.3][hash(seed, &parts(2)) as usize % 5];
        let first = hash(seed, &parts(3)) as u32 % config.pushes.max(1);
        // An intermittent in the story's own job would blur it.
        if story.is_some() && suite == 0 && manifest.is_multiple_of(catalog.chunks) {
            continue;
        }
        planted.push(Planted {
            kind: PlantedKind::Intermittent {
                suite: SUITES[suite].name,
                manifest: Catalog::manifest_name(suite, manifest),
                place: (suite, manifest),
                rate,
            },
            first,
            fixed: None,
        });
    }
    if let Some(story) = story {
        let kind = regression(0, 0, Some("opt"));
        planted.push(Planted { kind, first: story.culprit, fixed: None });
    }
    planted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_world_and_another_another() {
        let truth = |seed| {
            let config = WorldConfig { seed, pushes: 40, ..WorldConfig::default() };
            serde_json::to_string(&World::new(config).truth()).unwrap()
        };
        assert_eq!(truth(7), truth(7));
        assert_ne!(truth(7), truth(8));
    }

    #[test]
    fn the_story_holds_on_any_seed() {
        for seed in 0..50 {
            let world = World::new(WorldConfig { seed, pushes: 30, ..WorldConfig::default() });
            let story = world.story.clone().unwrap();
            let outcome = |push| *world.outcomes(push, story.job, 1).last().unwrap();
            assert_eq!(outcome(story.tip), Outcome::Failed, "seed {seed}");
            assert_eq!(outcome(story.culprit), Outcome::Failed, "seed {seed}");
            for push in story.tip - 11..story.culprit {
                assert_eq!(outcome(push), Outcome::Completed, "seed {seed}, push {push}");
            }
            assert!(world.scheduled(story.tip, story.job));
            assert!(!world.scheduled(story.culprit, story.job));
        }
    }

    #[test]
    fn an_action_creates_its_tasks_and_the_build_that_is_missing() {
        let world = World::new(WorldConfig { speed: 1e6, ..WorldConfig::default() });
        let dynamic = world.dynamic();
        let (push, job) = (0..world.config.pushes)
            .flat_map(|push| (0..world.catalog.jobs.len()).map(move |job| (push, job)))
            .find(|(push, job)| {
                let build = world.catalog.jobs[*job].build;
                world.decision_outcome(*push) == Some(Outcome::Completed)
                    && build.is_some_and(|build| !world.scheduled(*push, build))
            })
            .unwrap();
        drop(dynamic);
        let label = world.catalog.jobs[job].label.clone();
        let payload = serde_json::json!({
            "decision": {"action": {"cb_name": "add-new-jobs"}},
            "user": {"input": {"tasks": [label], "times": 2}},
        });
        world.act(push, "hook", payload, "test");
        while !world.dynamic().actions[0].applied {
            std::thread::yield_now();
        }
        let dynamic = world.dynamic();
        let build = world.catalog.jobs[job].build.unwrap();
        assert_eq!(world.tasks_of_job(push, job, &dynamic).count(), 2);
        assert_eq!(world.tasks_of_job(push, build, &dynamic).count(), 1);
    }
}
