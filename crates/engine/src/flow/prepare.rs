//! From a plan to bodies that can be sent.

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

use mozci_core::plan::{LeftOut, LeftOutReason, Plan, PlannedRequest};
use mozci_core::push::PushRef;
use serde_json::Value;

use crate::ci::Ci;
use crate::error::Error;
use crate::store::{RequestedJob, TriggerId};

/// A plan that is ready to be sent.
#[derive(Debug, Clone, Default)]
pub struct Prepared {
    /// What is sent, newest push first.
    pub requests: Vec<ReadyRequest>,
    /// What the last look left out, besides what the plan left out itself.
    pub left_out: Vec<LeftOut>,
    /// What the plan left out itself.
    pub passed_over: Vec<LeftOut>,
}

/// One thing to send. Jobs of one push that lack as many runs go together; where an action takes
/// only so many `times`, a request becomes several.
#[derive(Debug, Clone)]
pub struct ReadyRequest {
    /// Where.
    pub push: PushRef,
    /// What for.
    pub jobs: Vec<RequestedJob>,
    /// What it goes by: a decision task, a task, a builder.
    pub group: String,
    /// What is sent.
    pub sends: Sends,
}

/// What a backend sends for a request.
pub trait Sendable: Any + Debug + Send + Sync {
    /// As it stands in the ledger. `id` is the request's id there, `jobs` what it is for.
    fn written(&self, id: &TriggerId, jobs: &[RequestedJob]) -> WrittenDown;

    /// Whether it makes an action, which makes the runs in its turn.
    fn by_action(&self) -> bool {
        false
    }
}

/// What is sent, as the ledger keeps it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WrittenDown {
    /// What is done.
    pub action: String,
    /// The group of the hook that is triggered, where one is.
    pub hook_group: String,
    /// The hook, or what else it goes through.
    pub hook: String,
    /// The body.
    pub body: Value,
}

/// What is sent, which only the backend understands that prepared it.
#[derive(Debug, Clone)]
pub struct Sends(Arc<dyn Sendable>);

impl Sends {
    /// Of a backend's own.
    pub fn new(sendable: impl Sendable) -> Self {
        Self(Arc::new(sendable))
    }

    /// As the backend prepared it; none where another one did.
    pub fn get<T: Sendable>(&self) -> Option<&T> {
        let any: &dyn Any = self.0.as_ref();
        any.downcast_ref()
    }

    pub(crate) fn written(&self, id: &TriggerId, jobs: &[RequestedJob]) -> WrittenDown {
        self.0.written(id, jobs)
    }

    pub(crate) fn by_action(&self) -> bool {
        self.0.by_action()
    }
}

/// Prepares every request of a plan: at most a few questions a push, and only for pushes that are
/// about to be acted on.
///
/// # Errors
/// [`Error::Service`]; nothing has been sent then.
pub async fn prepare(ci: &Ci, plan: &Plan) -> Result<Prepared, Error> {
    ci.backend().prepare(ci, plan).await
}

/// Leaves out of a plan for several jobs what cannot be sent as it is, so that the rest can.
///
/// # Errors
/// [`Error`] where the CI cannot be read.
pub async fn fit_plan(ci: &Ci, plan: &mut Plan) -> Result<(), Error> {
    ci.backend().fit(ci, plan).await
}

/// Checks what a plan needs to be told before it can be sent, without reading anything of its
/// pushes.
///
/// # Errors
/// [`Error::Usage`] with what is missing.
pub async fn check_plan(ci: &Ci, plan: &Plan) -> Result<(), Error> {
    ci.backend().check(ci, plan).await
}

pub(crate) fn left_out(request: &PlannedRequest, why: LeftOutReason) -> LeftOut {
    LeftOut { push: request.push.clone(), job: request.job.clone(), why }
}

pub(crate) fn requested(request: &PlannedRequest, times: u32) -> RequestedJob {
    RequestedJob { job: request.job.clone(), times, why: request.why.to_string() }
}
