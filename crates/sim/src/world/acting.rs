//! What action tasks do once they have run.

use std::collections::BTreeMap;

use mozci_core::ids::TaskId;
use serde_json::Value;

use super::catalog::Catalog;
use super::dynamic::{ActionTask, Dynamic, Ran};
use super::ids::TaskRef;
use super::life::{Life, Outcome};
use super::world_impl::{DAY, World, one_run};

impl World {
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
            by_program: false,
            ran: None,
        };
        action.by_program = dynamic.programs.contains(action.name());
        action.sound = self.labels_of(&action).is_some();
        dynamic.actions.push(action);
        id
    }

    /// Says what became of the program that is an action's callback.
    pub fn ran(&self, id: TaskId, ran: Ran) {
        let mut dynamic = self.dynamic();
        if let Some(action) = dynamic.actions.iter_mut().find(|action| action.id == id) {
            action.ran = Some(ran);
        }
    }

    /// The life of an action's task.
    pub(super) fn life_of_action(action: &ActionTask) -> Life {
        let created = action.created;
        let started = created + 10_000;
        let (ends, ok) = match (&action.ran, action.by_program) {
            (Some(ran), _) => (ran.ended.max(started), ran.ok),
            // At work until its program says that it has ended.
            (None, true) => (created + DAY, false),
            (None, false) => (action.ends(), action.sound),
        };
        let outcome = if ok { Outcome::Completed } else { Outcome::Failed };
        one_run(created, started, ends, outcome)
    }

    /// The labels that an action requests and how many times; `None` where its input is unsound.
    fn labels_of(&self, action: &ActionTask) -> Option<Vec<(usize, u32)>> {
        if action.by_program {
            return Some(Vec::new());
        }
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

    /// The manifests that an action narrows a job to, where it does.
    fn given_by(&self, action: &ActionTask, job: usize) -> Option<Vec<u32>> {
        let (suite, _) = self.catalog.jobs[job].chunk?;
        let names = action.input()["test_manifests"].as_array()?;
        let all = 0..self.catalog.manifests();
        let named = all.filter(|manifest| {
            let name = Catalog::manifest_name(suite, *manifest);
            names.iter().any(|given| given.as_str() == Some(&name))
        });
        Some(named.collect())
    }

    /// Lets every action that has ended take effect, in the order in which they end.
    pub(super) fn settle(&self, dynamic: &mut Dynamic, now: i64) {
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
                let manifests = self.given_by(&action, *job);
                self.make(dynamic, action.push, *job, action.ends(), manifests, &mut made);
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
        manifests: Option<Vec<u32>>,
        made: &mut BTreeMap<String, TaskId>,
    ) {
        if let Some(build) = self.catalog.jobs[job].build
            && self.tasks_of_job(push, build, dynamic).next().is_none()
        {
            self.make(dynamic, push, build, created, None, made);
        }
        // A build that a job brought along is not made a second time for its own sake.
        if made.contains_key(&self.catalog.jobs[job].label) {
            return;
        }
        let n = dynamic.add_task(push, job, created, manifests);
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
}
