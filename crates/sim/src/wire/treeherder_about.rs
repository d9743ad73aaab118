//! What surrounds Treeherder's pushes and jobs: lists of names, notes, classifications.

use serde_json::{Value, json};

use super::reply::{Reply, Request};
use super::treeherder::detail;
use super::treeherder_jobs::task_of_job;
use crate::world::World;

/// `repository/`
pub(super) fn repositories(world: &World, request: &Request<'_>) -> Reply {
    let repo = &world.autoland;
    Reply::json(
        200,
        &json!([{
            "id": 77,
            "repository_group": {"name": "development", "description": "Simulated"},
            "name": repo.name,
            "dvcs_type": "hg",
            "url": format!("{}/{}", request.urls.hg, repo.path),
            "codebase": "gecko",
            "description": "",
            "active_status": "active",
            "life_cycle_order": null,
            "performance_alerts_enabled": false,
            "expire_performance_data": false,
            "is_try_repo": false,
            "accepts_pull_requests": false,
            "tc_root_url": request.urls.taskcluster,
        }]),
    )
}

/// `failureclassification/`
pub(super) fn classifications() -> Reply {
    let names = [
        "not classified",
        "fixed by commit",
        "expected fail",
        "intermittent",
        "infra",
        "new failure not classified",
        "autoclassified intermittent",
        "intermittent needs bugid",
    ];
    let all: Vec<Value> =
        names.iter().enumerate().map(|(i, name)| json!({"id": i + 1, "name": name})).collect();
    Reply::json(200, &all)
}

/// `machineplatforms/`
pub(super) fn platforms(world: &World) -> Reply {
    let mut names: Vec<&str> = world.catalog.jobs.iter().map(|job| job.platform).collect();
    names.push("gecko-decision");
    names.sort_unstable();
    names.dedup();
    let all: Vec<Value> =
        names.iter().enumerate().map(|(i, name)| json!({"id": i + 1, "platform": name})).collect();
    Reply::json(200, &all)
}

/// `optioncollectionhash/`
pub(super) fn options() -> Reply {
    Reply::json(
        200,
        &json!([
            {
                "option_collection_hash": "102210fe594ee9b33d82058545b1ed14f4c8206e",
                "options": [{"name": "opt"}],
            },
            {
                "option_collection_hash": "32faaecac742100f7753f0c1d0aa0add01b4046b",
                "options": [{"name": "debug"}],
            },
        ]),
    )
}

/// `performance/framework/`: nothing is measured here, but by these it would be.
pub(super) fn frameworks() -> Reply {
    let names = [(1, "talos"), (2, "build_metrics"), (13, "browsertime"), (18, "mozharness")];
    let all: Vec<Value> = names.iter().map(|(id, name)| json!({"id": id, "name": name})).collect();
    Reply::json(200, &all)
}

/// `taskclustermetadata/?job_ids=`
pub(super) fn metadata(world: &World, request: &Request<'_>) -> Reply {
    let ids = request.get("job_ids").unwrap_or("").split(',');
    let all: Vec<Value> = ids
        .filter_map(|id| {
            let (task, run) = task_of_job(world, id)?;
            let job: u64 = id.parse().ok()?;
            Some(json!({"job": job, "task_id": task, "retry_id": run}))
        })
        .collect();
    Reply::json(200, &all)
}

/// `project/<repo>/note/`: nobody has classified anything, and nobody may without signing in.
pub(super) fn notes(request: &Request<'_>) -> Reply {
    match (request.method, request.get("job_id")) {
        ("GET", Some(_)) => Reply::json(200, &json!([])),
        ("GET", None) => detail(400, "The job_id parameter is mandatory for this endpoint"),
        _ => detail(403, "Authentication credentials were not provided."),
    }
}

/// `failures/` and `failuresbybug/`: no failure was ever given a bug here.
pub(super) fn failures(world: &World, request: &Request<'_>, by_bug: bool) -> Reply {
    let mut errors = serde_json::Map::new();
    for day in ["startday", "endday"] {
        let text = request.get(day).unwrap_or("");
        if chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").is_err() {
            let text = "Datetime has wrong format. Use one of these formats instead: YYYY-MM-DD.";
            errors.insert(day.to_owned(), json!([text]));
        }
    }
    let tree = request.get("tree").unwrap_or("");
    if ![world.autoland.name.as_str(), "all"].contains(&tree) {
        errors.insert("tree".to_owned(), json!([format!("{tree} does not exist.")]));
    }
    if by_bug && request.get("bug").is_none() {
        errors.insert("bug".to_owned(), json!(["This field is required."]));
    }
    match errors.is_empty() {
        true => Reply::json(200, &json!([])),
        false => Reply::json(400, &errors),
    }
}
