//! The same for programs: `/api/v1`, JSON.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use mozci_engine::drive::search::push_json;
use serde::Deserialize;
use serde_json::{Value, json};

use super::plan::{LONGEST, carried_out};
use crate::acts::{Planned, State as PlanState, Wanted};
use crate::error::whole;
use crate::service::Service;
use crate::web::problem::{for_programs as problem, status};

/// The repositories that are watched.
pub(in crate::web) async fn repos(State(service): State<Arc<Service>>) -> Json<Value> {
    let repos = service.repos.iter().map(|(name, watched)| {
        json!({
            "name": name,
            "read": watched.snapshot().map(|read| read.at),
            "problem": watched.problem().map(|(since, why)| json!({"since": since, "why": why})),
        })
    });
    Json(json!({"version": 1, "repos": repos.collect::<Vec<_>>()}))
}

fn read(service: &Service, repo: &str) -> Result<Arc<crate::watch::Snapshot>, Box<Response>> {
    let Some(watched) = service.repos.get(repo) else {
        return Err(Box::new(problem(StatusCode::NOT_FOUND, "no such repository is watched")));
    };
    watched.snapshot().ok_or_else(|| {
        let why = watched
            .problem()
            .map_or("it is being read for the first time".to_owned(), |(_, why)| why);
        Box::new(problem(StatusCode::SERVICE_UNAVAILABLE, &why))
    })
}

/// The failures, the most pressing first.
pub(in crate::web) async fn failures(
    State(service): State<Arc<Service>>,
    Path(repo): Path<String>,
) -> Response {
    let read = match read(&service, &repo) {
        Ok(read) => read,
        Err(response) => return *response,
    };
    let id = |place: &usize| read.pushes.get(*place).map(|push| push.id);
    let failures = read.groups.iter().map(|group| {
        let jobs: Vec<&str> = group.jobs.iter().map(|job| read.name(*job).0.as_str()).collect();
        let mut pushes: Vec<_> = group.runs.iter().filter_map(|(push, ..)| id(push)).collect();
        pushes.dedup();
        let mut state = json!(group.standing);
        for key in ["first_bad", "last_good", "last_bad"] {
            if let Some(place) = state[key].as_u64() {
                state[key] = json!(usize::try_from(place).ok().and_then(|place| id(&place)));
            }
        }
        json!({
            "signature": group.id, "test": group.failure.test, "message": group.failure.message,
            "state": state, "reasons": group.reasons, "jobs": jobs, "pushes": pushes,
            "runs": group.runs.len(),
        })
    });
    Json(json!({"version": 1, "read": read.at, "failures": failures.collect::<Vec<_>>()}))
        .into_response()
}

/// The pushes, newest first.
pub(in crate::web) async fn pushes(
    State(service): State<Arc<Service>>,
    Path(repo): Path<String>,
) -> Response {
    match read(&service, &repo) {
        Ok(read) => {
            let pushes: Vec<Value> = read.pushes.iter().map(push_json).collect();
            Json(json!({"version": 1, "read": read.at, "pushes": pushes})).into_response()
        }
        Err(response) => *response,
    }
}

fn planned_json(planned: &Planned) -> Value {
    let (state, detail) = match &*planned.state.lock() {
        PlanState::Open => ("open", Value::Null),
        PlanState::Sending => ("sending", Value::Null),
        PlanState::Done(lines) => ("done", json!(lines)),
        PlanState::Refused(lines) => ("refused", json!(lines)),
        PlanState::Changed(id) => ("changed", json!({"plan": id})),
        PlanState::Failed(why) => ("failed", json!(why)),
    };
    json!({
        "version": 1, "id": planned.id, "repo": planned.repo, "created": planned.created, "wanted": planned.wanted,
        "digest": planned.digest(), "plan": planned.plan, "state": state, "detail": detail,
    })
}

/// Makes a plan; nothing is sent.
pub(in crate::web) async fn plan(
    State(service): State<Arc<Service>>,
    Path(repo): Path<String>,
    body: String,
) -> Response {
    if !service.repos.contains_key(&repo) {
        return problem(StatusCode::NOT_FOUND, "no such repository is watched");
    }
    if body.len() > LONGEST {
        return problem(StatusCode::PAYLOAD_TOO_LARGE, "these are too many jobs for one plan");
    }
    let wanted: Wanted = match serde_json::from_str(&body) {
        Ok(wanted) => wanted,
        Err(error) => return problem(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    match service.acts.plan(&repo, wanted).await {
        Ok(planned) => (StatusCode::CREATED, Json(planned_json(&planned))).into_response(),
        Err(error) => problem(status(&error), &whole(&error)),
    }
}

/// A plan, and what came of it.
pub(in crate::web) async fn planned(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
) -> Response {
    match service.acts.planned(&id) {
        Some(planned) => Json(planned_json(&planned)).into_response(),
        None => problem(StatusCode::NOT_FOUND, "there is no such plan"),
    }
}

/// Which plan is confirmed: the digest that it was shown with.
#[derive(Deserialize)]
pub(in crate::web) struct Confirmed {
    digest: String,
}

/// Carries a plan out. Sent twice, it is carried out once: the answer is the same.
pub(in crate::web) async fn confirm(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
    body: String,
) -> Response {
    let Some(planned) = service.acts.planned(&id) else {
        return problem(StatusCode::NOT_FOUND, "there is no such plan");
    };
    match serde_json::from_str::<Confirmed>(&body) {
        Ok(confirmed) if confirmed.digest == planned.digest() => {}
        Ok(_) => return problem(StatusCode::CONFLICT, "that is another plan; nothing was sent"),
        Err(error) => return problem(StatusCode::BAD_REQUEST, &error.to_string()),
    }
    carried_out(&service, Arc::clone(&planned)).await;
    Json(planned_json(&planned)).into_response()
}
