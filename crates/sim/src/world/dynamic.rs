//! What was asked of the simulated CI since it started.

use std::collections::BTreeMap;

use mozci_core::ids::TaskId;
use serde_json::Value;

/// A task that an action created.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// When, in simulated milliseconds.
    pub created: i64,
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

    /// Adds a task of a job and gives its number.
    pub fn add_task(&mut self, push: u32, job: usize, created: i64) -> u8 {
        let tasks = self.tasks.entry((push, job)).or_default();
        tasks.push(Asked { created });
        tasks.len() as u8
    }
}
