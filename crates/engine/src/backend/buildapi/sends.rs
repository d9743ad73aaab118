//! What is sent to a self-serve BuildAPI.

use mozci_core::ids::{BuildId, BuildRequestId, JobName};
use serde_json::json;

use crate::flow::{Sendable, WrittenDown};
use crate::store::{RequestedJob, TriggerId};

/// What is sent.
#[derive(Debug, Clone)]
pub(crate) enum SelfServeSends {
    /// A builder on a revision, a test with the files that it runs on.
    Ask {
        /// The builder.
        builder: JobName,
        /// The whole revision.
        revision: String,
        /// The files.
        files: Vec<String>,
        /// The requests that were listed for it then: what comes of this one is another.
        known: Vec<BuildRequestId>,
    },
    /// A request, once more.
    Again {
        /// The request.
        request: BuildRequestId,
        /// The requests that were listed then.
        known: Vec<BuildRequestId>,
    },
    /// A request is taken back, or its build is stopped.
    Cancel {
        /// The request.
        request: BuildRequestId,
        /// Its build, where it has one.
        build: Option<BuildId>,
    },
}

impl Sendable for SelfServeSends {
    fn written(&self, _id: &TriggerId, _jobs: &[RequestedJob]) -> WrittenDown {
        let (action, body) = match self {
            Self::Ask { builder, revision, files, known } => (
                "self-serve",
                json!({"builder": builder, "revision": revision, "files": files, "known": known}),
            ),
            Self::Again { request, known } => {
                ("self-serve again", json!({"build_request": request, "known": known}))
            }
            Self::Cancel { request, build: Some(build) } => {
                ("stop", json!({"build": build, "build_request": request}))
            }
            Self::Cancel { request, build: None } => ("cancel", json!({"build_request": request})),
        };
        WrittenDown { action: action.to_owned(), body, ..WrittenDown::default() }
    }
}
