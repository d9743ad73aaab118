//! What was asked of the simulated CI since it started.

use std::collections::{BTreeMap, BTreeSet};

use mozci_core::ids::TaskId;
use serde_json::Value;

use super::ids::TaskRef;

/// A task that an action created.
#[derive(Debug, Clone)]
pub struct Asked {
    /// When, in simulated milliseconds.
    pub created: i64,
    /// The manifests that it was given, by their numbers, where it is not its chunk's.
    pub manifests: Option<Vec<u32>>,
}

/// An action task.
#[derive(Debug, Clone)]
pub struct ActionTask {
    /// Its id.
    pub id: TaskId,
    /// The push that it belongs to.
    pub push: u32,
    /// The hook that fired it.
    pub hook_id: String,
    /// The payload that the hook was triggered with.
    pub payload: Value,
    /// Who triggered it.
    pub client: String,
    /// When it was created.
    pub created: i64,
    /// Whether its input makes sense; one that does not fails.
    pub sound: bool,
    /// What it created, a map from label to task for each of the `times`.
    pub made: Vec<BTreeMap<String, TaskId>>,
    /// Whether its effects are there.
    pub applied: bool,
    /// Whether a program outside the simulation is its callback.
    pub by_program: bool,
    /// What became of that program, once it has ended.
    pub ran: Option<Ran>,
}

/// What became of a program that ran as an action's callback.
#[derive(Debug, Clone)]
pub struct Ran {
    /// When it ended, in simulated milliseconds.
    pub ended: i64,
    /// Whether it ended well.
    pub ok: bool,
    /// What it wrote.
    pub log: String,
    /// The files that it left, by their names below `public/`.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl ActionTask {
    /// The name of the action.
    pub fn name(&self) -> &str {
        self.payload["decision"]["action"]["cb_name"].as_str().unwrap_or("")
    }

    /// What the user gave to it.
    pub fn input(&self) -> &Value {
        &self.payload["user"]["input"]
    }

    /// When it ends: about a minute of machine time after it was created.
    pub fn ends(&self) -> i64 {
        self.created + 75_000
    }
}

/// Everything that was asked.
#[derive(Debug, Default)]
pub struct Dynamic {
    /// Tasks of a job on a push besides the scheduled one; the n-th has the number n + 1.
    pub tasks: BTreeMap<(u32, usize), Vec<Asked>>,
    /// Action tasks in the order of their requests.
    pub actions: Vec<ActionTask>,
    /// Tasks that were created under ids from outside, with their definitions.
    created: BTreeMap<TaskId, (TaskRef, Value)>,
    /// When each task without work was created, by its push, in simulated milliseconds.
    marks: BTreeMap<u32, Vec<i64>>,
    /// The ids from outside by their tasks' places.
    names: BTreeMap<TaskRef, TaskId>,
    /// When a task was cancelled, in simulated milliseconds.
    pub cancelled: BTreeMap<TaskRef, i64>,
    /// Why the tree is closed, where it is.
    pub closed: Option<String>,
    /// When a task was run again, in simulated milliseconds.
    pub reruns: BTreeMap<TaskRef, Vec<i64>>,
    /// Whether strangers may read nothing, as on a fresh deployment without a role `anonymous`.
    pub private: bool,
    /// What decision tasks have in the place of their own files, by the file's name. Nothing says that
    /// it is JSON.
    pub files: BTreeMap<String, String>,
    /// The callbacks of actions that are programs outside the simulation, by their names. Whoever runs them says
    /// what became of them.
    pub programs: BTreeSet<String>,
}

impl Dynamic {
    /// The action tasks of a push with their numbers.
    pub fn actions_of(&self, push: u32) -> impl Iterator<Item = (u8, &ActionTask)> {
        self.actions
            .iter()
            .filter(move |action| action.push == push)
            .enumerate()
            .map(|(n, action)| (n as u8, action))
    }

    /// The task of an id: one that was created under it, or one of the world's own.
    pub fn task_of(&self, seed: u64, id: TaskId) -> Option<TaskRef> {
        match self.created.get(&id) {
            Some((task, _)) => Some(*task),
            None => TaskRef::read(seed, id),
        }
    }

    /// The id of a task.
    pub fn id_of(&self, seed: u64, task: TaskRef) -> TaskId {
        self.names.get(&task).copied().unwrap_or_else(|| task.id(seed))
    }

    /// The definition that a task was created with from outside.
    pub fn definition_of(&self, task: TaskRef) -> Option<&Value> {
        Some(&self.created.get(self.names.get(&task)?)?.1)
    }

    /// The ids under which tasks were created from outside.
    pub fn created_ids(&self) -> impl Iterator<Item = TaskId> {
        self.created.keys().copied()
    }

    /// Takes a task in under an id from outside.
    pub fn create(&mut self, id: TaskId, push: u32, job: usize, definition: Value, created: i64) {
        let n = self.add_task(push, job, created, None);
        let task = TaskRef::Job { push, job, n };
        self.created.insert(id, (task, definition));
        self.names.insert(task, id);
    }

    /// Takes a task without work in under an id from outside.
    pub fn mark(&mut self, id: TaskId, push: u32, definition: Value, created: i64) {
        let marks = self.marks.entry(push).or_default();
        let task = TaskRef::Mark { push, n: marks.len() as u8 };
        marks.push(created);
        self.created.insert(id, (task, definition));
        self.names.insert(task, id);
    }

    /// When the tasks without work of a push were created.
    pub fn marks_of(&self, push: u32) -> &[i64] {
        self.marks.get(&push).map_or(&[], Vec::as_slice)
    }

    /// Whether anything was requested on a push.
    pub fn touches(&self, push: u32) -> bool {
        self.actions_of(push).next().is_some()
            || !self.marks_of(push).is_empty()
            || self.tasks.range((push, 0)..(push + 1, 0)).next().is_some()
            || self.cancelled.keys().chain(self.reruns.keys()).any(|task| task.push() == push)
    }

    /// Adds a task of a job and gives its number.
    pub fn add_task(
        &mut self,
        push: u32,
        job: usize,
        created: i64,
        manifests: Option<Vec<u32>>,
    ) -> u8 {
        let tasks = self.tasks.entry((push, job)).or_default();
        tasks.push(Asked { created, manifests });
        tasks.len() as u8
    }
}
