//! What is sent to a Buildbot master.

use mozci_core::ids::{BuildId, BuildRequestId, SchedulerName};
use serde_json::{Map, Value, json};

use crate::flow::{Sendable, WrittenDown};
use crate::store::{RequestedJob, TriggerId};

/// What a builder is forced by.
pub(crate) const FORCE: &str = "force";

/// What a build is repeated by.
pub(crate) const REBUILD: &str = "rebuild";

/// What is sent.
#[derive(Debug, Clone)]
pub(crate) enum BuildSends {
    /// A builder is forced.
    Force {
        /// Through this scheduler.
        scheduler: SchedulerName,
        /// With these values.
        parameters: Map<String, Value>,
        /// How long a reason of ours may be, in bytes; none where the scheduler takes none.
        reason_room: Option<usize>,
    },
    /// A build is repeated.
    Rebuild(BuildId),
    /// A build is stopped.
    Stop {
        /// The build.
        build: BuildId,
        /// The request that it carries out.
        request: BuildRequestId,
    },
    /// A build request is taken back that is not being built yet.
    Withdraw(BuildRequestId),
}

impl Sendable for BuildSends {
    fn written(&self, id: &TriggerId, jobs: &[RequestedJob]) -> WrittenDown {
        let (action, hook, body) = match self {
            Self::Force { scheduler, parameters, reason_room } => {
                let mut parameters = parameters.clone();
                // The one text of ours that the master keeps: by it the request is found again, where the
                // form takes it.
                let reasons: Vec<&str> =
                    jobs.iter().map(|requested| requested.why.as_str()).collect();
                if let Some(room) = reason_room {
                    let whole = format!("mozci {}: {}", id.as_str(), reasons.join(", "));
                    let reason = &whole[..whole.floor_char_boundary(*room)];
                    parameters.insert("reason".into(), reason.into());
                }
                (FORCE, scheduler.to_string(), parameters.into())
            }
            Self::Rebuild(build) => (REBUILD, String::new(), json!({"build": build})),
            Self::Stop { build, request } => {
                ("stop", String::new(), json!({"build": build, "build_request": request}))
            }
            Self::Withdraw(request) => ("cancel", String::new(), json!({"build_request": request})),
        };
        WrittenDown { action: action.to_owned(), hook_group: String::new(), hook, body }
    }
}
