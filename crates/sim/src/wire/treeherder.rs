//! Treeherder: what surrounds its pushes and jobs, traps included.

use serde_json::json;

use super::era::era;
use super::reply::{Reply, Request};
use super::{treeherder_about as about, treeherder_jobs, treeherder_push};
use crate::world::World;

/// Answers a request to Treeherder.
pub(crate) fn treeherder(world: &World, request: &Request<'_>) -> Reply {
    let agent = request.user_agent;
    if ["python-requests/", "Python-urllib/", "Go-http-client/", "libcurl/"]
        .iter()
        .any(|blocked| agent.starts_with(blocked))
    {
        let page = "\n<!doctype html>\n<html lang=\"en\">\n<head>\n  <title>403 Forbidden</title>\n</head>\n<body>\n  <h1>403 Forbidden</h1><p></p>\n</body>\n</html>\n";
        return Reply::new(403, "text/html; charset=utf-8", page);
    }
    if let Some(version) = request.accept.split("version=").nth(1)
        && !["1.0", "1.1"].contains(&version.trim())
    {
        return detail(406, "Invalid version in \"Accept\" header.");
    }
    let segments = request.segments();
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    if let Some(reply) = era(world, request, &path) {
        return reply;
    }
    match path.as_slice() {
        ["treestatus", "trees", tree] => return tree_status(world, tree),
        ["treestatus", "trees"] => {
            let name = world.autoland.name.clone();
            return Reply::json(200, &json!({"result": {name: {}}}));
        }
        _ => {}
    }
    if let ["lando", "api", question, "firefox", hash] = path.as_slice() {
        return lando(world, question, hash);
    }
    // The trailing slash is mandatory: without it there is only the error page.
    match path.as_slice() {
        ["api", "jobs", ""] => treeherder_jobs::jobs(world, request),
        ["api", "repository", ""] => about::repositories(world, request),
        ["api", "failureclassification", ""] => about::classifications(),
        ["api", "machineplatforms", ""] => about::platforms(world),
        ["api", "optioncollectionhash", ""] => about::options(),
        ["api", "taskclustermetadata", ""] => about::metadata(world, request),
        ["api", "performance", "framework", ""] => about::frameworks(),
        ["api", "performance", "alert", ""] => {
            Reply::json(200, &json!({"next": null, "previous": null, "results": []}))
        }
        ["api", "performance", "alertsummary", ""] => {
            Reply::json(200, &json!({"count": 0, "next": null, "previous": null, "results": []}))
        }
        ["api", "failures", ""] => about::failures(world, request, false),
        ["api", "failuresbybug", ""] => about::failures(world, request, true),
        ["api", "project", project, rest @ ..] if rest.last() == Some(&"") => {
            if *project != world.autoland.name {
                return detail(404, &format!("No project with name {project}"));
            }
            match &rest[..rest.len() - 1] {
                ["push"] => treeherder_push::list(world, request),
                ["push", "decisiontask"] => treeherder_push::decision_tasks(world, request),
                ["push", "group_results"] => treeherder_push::group_results(world, request),
                ["push", id] => treeherder_push::one(world, id),
                ["push", id, "status"] => treeherder_push::status(world, id),
                ["jobs"] => treeherder_jobs::project_jobs(world, request),
                ["jobs", id] => treeherder_jobs::one(world, id),
                ["job-log-url"] => treeherder_jobs::log_urls(world, request),
                ["note"] => about::notes(request),
                ["note", "push_notes"] | ["bug-job-map"] => Reply::json(200, &json!([])),
                _ => server_error(),
            }
        }
        _ => server_error(),
    }
}

/// An error as Django REST framework writes it.
pub(super) fn detail(status: u16, text: &str) -> Reply {
    Reply::json(status, &json!({"detail": text}))
}

/// What Treeherder answers to most things that it does not know.
pub(super) fn server_error() -> Reply {
    let page = "\n<!doctype html>\n<html lang=\"en\">\n<head>\n  <title>Server Error (500)</title>\n</head>\n<body>\n  <h1>Server Error (500)</h1><p></p>\n</body>\n</html>\n";
    Reply::new(500, "text/html; charset=utf-8", page)
}

/// What Treestatus, which has a host of its own in the real thing, says of a tree.
fn tree_status(world: &World, tree: &str) -> Reply {
    if tree != world.autoland.name {
        return Reply::json(404, &json!({"status": 404, "title": "No such tree"}));
    }
    let closed = world.dynamic().closed.clone();
    let status = if closed.is_some() { "closed" } else { "open" };
    Reply::json(
        200,
        &json!({"result": {
            "tree": tree, "status": status, "reason": closed.unwrap_or_default(),
            "message_of_the_day": "", "category": "development", "tags": [],
        }}),
    )
}

/// What Lando says of a commit's name in the other version control system: it takes whole hashes.
fn lando(world: &World, question: &str, hash: &str) -> Reply {
    let commits = world.autoland.pushes.iter().flat_map(|push| &push.commits);
    let mut landed = commits.filter_map(|commit| Some((&commit.node, commit.landed.as_ref()?)));
    let found = landed.find(|(hg, git)| match question {
        "git2hg" => git.as_str() == hash,
        "hg2git" => hg.as_str() == hash,
        _ => false,
    });
    match found {
        Some((hg, git)) => Reply::json(200, &json!({"git_hash": git, "hg_hash": hg})),
        None => Reply::json(404, &json!({"error": "no such mapping"})),
    }
}
