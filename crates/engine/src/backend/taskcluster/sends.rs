//! What is sent to a Taskcluster.

use mozci_clients::taskcluster::Rendered;
use mozci_core::ids::TaskId;
use serde_json::{Value, json};

use crate::flow::{Sendable, WrittenDown};
use crate::store::{RequestedJob, TriggerId};

/// What a task is created by, where there are no actions.
pub(crate) const CREATE: &str = "createTask";

/// What a task is cancelled by.
pub(crate) const CANCEL: &str = "cancelTask";

/// What is sent.
#[derive(Debug, Clone)]
pub(crate) enum TaskSends {
    /// An action's hook is triggered.
    Hook(Rendered),
    /// A task is created from this body.
    Create(Value),
    /// A task is cancelled.
    Cancel(TaskId),
}

impl Sendable for TaskSends {
    fn written(&self, _id: &TriggerId, _jobs: &[RequestedJob]) -> WrittenDown {
        let direct = |action: &str, body: Value| WrittenDown {
            action: action.to_owned(),
            body,
            ..WrittenDown::default()
        };
        match self {
            Self::Hook(Rendered { action, hook_group_id, hook_id, payload }) => WrittenDown {
                action: action.clone(),
                hook_group: hook_group_id.clone(),
                hook: hook_id.clone(),
                body: payload.clone(),
            },
            Self::Create(body) => direct(CREATE, body.clone()),
            Self::Cancel(task) => direct(CANCEL, json!({"taskId": task})),
        }
    }

    fn by_action(&self) -> bool {
        matches!(self, Self::Hook(_))
    }
}
