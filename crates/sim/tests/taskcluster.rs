//! The recorded answers of Taskcluster.

use mozci_sim::Sim;
use mozci_sim::world::{Outcome, TaskRef, World};
use serde_json::Value;

use crate::replay::{Answer, answer, compare, folder, get, sim};

pub(crate) fn recorded(name: &str) -> (u16, Value) {
    let text = std::fs::read(folder("taskcluster").join(format!("{name}.json"))).unwrap();
    let value: Value = serde_json::from_slice(&text).unwrap();
    match (value["status"].as_u64(), value.get("body")) {
        (Some(status), Some(body)) => (status as u16, body.clone()),
        _ => (200, value),
    }
}

/// A task of a job with these outcomes.
pub(crate) fn find(world: &World, wanted: &[Outcome]) -> TaskRef {
    let pushes = 0..world.config.pushes;
    pushes
        .flat_map(|push| (0..world.catalog.jobs.len()).map(move |job| (push, job)))
        .filter(|(push, job)| {
            world.catalog.jobs[*job].chunk.is_some() && world.scheduled(*push, *job)
        })
        .map(|(push, job)| TaskRef::Job { push, job, n: 0 })
        .find(|task| {
            let life = world.life(*task, &world.dynamic()).unwrap();
            life.runs.iter().map(|run| run.outcome).eq(wanted.iter().copied())
        })
        .unwrap()
}

async fn post(sim: &Sim, path: &str, body: &str) -> Answer {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client
        .post(format!("{}{path}", sim.urls.taskcluster))
        .header("content-type", "application/json")
        .body(body.to_owned());
    answer(request.send().await.unwrap()).await
}

#[tokio::test]
async fn each_kind_of_request_is_answered_as_it_was_recorded() {
    let sim = sim().await;
    let world = &sim.world;
    let id = |task: TaskRef| task.id(world.seed()).to_string();
    let decided = (0..world.config.pushes)
        .find(|push| world.decision_outcome(*push) == Some(Outcome::Completed))
        .unwrap();
    let undecided = (0..world.config.pushes)
        .find(|push| world.decision_outcome(*push) == Some(Outcome::Failed))
        .unwrap();
    let decision = id(TaskRef::Decision { push: decided });
    let node = |push: u32| world.autoland.pushes[push as usize].node().to_owned();
    let build = (0..5).find(|job| world.scheduled(decided, *job)).unwrap();
    let build = id(TaskRef::Job { push: decided, job: build, n: 0 });
    let completed = find(world, &[Outcome::Completed]);
    let retried = find(world, &[Outcome::Exception("worker-shutdown"), Outcome::Completed]);
    let failed = find(world, &[Outcome::Failed]);
    let cancelled = find(world, &[Outcome::Exception("canceled")]);
    let internal = find(world, &[Outcome::Exception("internal-error")]);
    let blocked = find(world, &[]);
    // An action that really ran, by the hook that the recording went through.
    let label = world.catalog.jobs[10].label.clone();
    let payload = serde_json::json!({
        "decision": {"action": {"name": "add-new-jobs", "cb_name": "add-new-jobs", "title": "Add new jobs", "symbol": "add-new"}},
        "user": {"input": {"tasks": [label], "times": 1}, "taskId": null, "taskGroupId": decision},
    });
    let action = world.act(decided, "in-tree-action-3-generic/5f1e9a7c20", payload, "test");
    while !world.dynamic().actions[0].applied {
        tokio::task::yield_now().await;
    }

    let task = |task: TaskRef, rest: &str| format!("queue/v1/task/{}{rest}", id(task));
    let unknown = "b7Dg7Jw_RsWEU6dewKOL_A";
    let requests = [
        ("queue/status-completed", task(completed, "/status")),
        ("queue/status-completed-after-retry", task(retried, "/status")),
        ("queue/status-failed", task(failed, "/status")),
        ("queue/status-exception-canceled", task(cancelled, "/status")),
        ("queue/status-exception-internal-error", task(internal, "/status")),
        ("queue/status-unscheduled", task(blocked, "/status")),
        ("queue/task-test", task(completed, "")),
        ("queue/task-build", format!("queue/v1/task/{build}")),
        ("queue/task-decision", format!("queue/v1/task/{decision}")),
        ("hooks/action-task", format!("queue/v1/task/{action}")),
        ("queue/getTaskGroup", format!("queue/v1/task-group/{decision}")),
        ("queue/listTaskGroup-first", format!("queue/v1/task-group/{decision}/list?limit=20")),
        (
            "queue/listTaskGroup-400-token",
            format!("queue/v1/task-group/{decision}/list?continuationToken=!!"),
        ),
        ("queue/listTaskGroup-404", format!("queue/v1/task-group/{unknown}/list")),
        ("queue/listArtifacts-decision", format!("queue/v1/task/{decision}/runs/0/artifacts")),
        ("queue/listArtifacts-latest", format!("queue/v1/task/{decision}/artifacts")),
        ("queue/listArtifacts-page", format!("queue/v1/task/{decision}/runs/0/artifacts?limit=2")),
        ("queue/artifact-303", format!("queue/v1/task/{decision}/artifacts/public/actions.json")),
        ("queue/artifact-404", task(completed, "/artifacts/public/nothing.txt")),
        ("queue/artifact-404-no-runs", task(blocked, "/artifacts/public/logs/live_backing.log")),
        (
            "queue/latestArtifact-content",
            format!("queue/v1/task/{decision}/artifact-content/public/actions.json"),
        ),
        (
            "index/findTask",
            format!(
                "index/v1/task/gecko.v2.autoland.revision.{}.taskgraph.decision",
                node(decided)
            ),
        ),
        (
            "index/findTask-pushlog-id",
            format!(
                "index/v1/task/gecko.v2.autoland.pushlog-id.{}.decision",
                world.autoland.pushes[decided as usize].id
            ),
        ),
        (
            "index/findTask-404",
            format!(
                "index/v1/task/gecko.v2.autoland.revision.{}.taskgraph.decision",
                node(undecided)
            ),
        ),
        ("queue/listDependentTasks", format!("queue/v1/task/{build}/dependents?limit=1")),
        (
            "index/listNamespaces",
            "index/v1/namespaces/gecko.v2.autoland.revision?limit=3".to_owned(),
        ),
        (
            "index/listTasks-actions",
            format!(
                "index/v1/tasks/gecko.v2.autoland.revision.{}.taskgraph.actions",
                node(decided)
            ),
        ),
        (
            "hooks/action-label-to-taskid",
            format!("queue/v1/task/{action}/artifact-content/public/label-to-taskid.json"),
        ),
        ("index/listTasks-empty", "index/v1/tasks/gecko.v2.nothing.here".to_owned()),
        ("errors/404-status", format!("queue/v1/task/{unknown}/status")),
        ("errors/404-task", format!("queue/v1/task/{unknown}")),
        ("errors/400-status-bad-taskId", "queue/v1/task/not-a-task-id/status".to_owned()),
    ];
    let mut problems = Vec::new();
    for (name, path) in &requests {
        let (status, mut body) = recorded(name);
        let mut found = get(&format!("{}/api/{path}", sim.urls.taskcluster), None, "*/*").await;
        if *name == "hooks/action-label-to-taskid" {
            // The content is where the answer says.
            let place: Value = serde_json::from_str(&found.body).unwrap();
            found = get(place["url"].as_str().unwrap(), None, "*/*").await;
        }
        if *name == "queue/listTaskGroup-first" {
            // Any kind of task may come first; the recorded one was a test.
            let tests = |page: &mut Value| {
                let tasks = page["tasks"].as_array_mut().unwrap();
                tasks.retain(|entry| entry["task"]["tags"]["kind"] == "test");
                tasks.truncate(1);
            };
            let mut page: Value = serde_json::from_str(&found.body).unwrap();
            tests(&mut page);
            tests(&mut body);
            found.body = page.to_string();
        }
        compare(name, status, "application/json", &body, &found, &mut problems);
    }
    let ids = serde_json::json!({"taskIds": [id(completed), id(failed)]}).to_string();
    let found = post(&sim, "/api/queue/v1/tasks/status", &ids).await;
    let (status, body) = recorded("queue/statuses");
    compare("queue/statuses", status, "application/json", &body, &found, &mut problems);
    let path = format!("/api/queue/v1/task/{}/cancel", id(completed));
    let found = post(&sim, &path, "").await;
    let (status, body) = recorded("errors/403-anonymous");
    compare("errors/403-anonymous", status, "application/json", &body, &found, &mut problems);
    let hook = "/api/hooks/v1/hooks/project-gecko/in-tree-action-3-generic%2F5f1e9a7c20";
    let gone = "/api/hooks/v1/hooks/project-gecko/in-tree-action-3-generic%2Fgone";
    let payload = serde_json::json!({
        "decision": {"action": {"name": "cancel", "cb_name": "cancel", "title": "Cancel", "symbol": "cx"}},
        "user": {"input": {}, "taskId": null, "taskGroupId": decision},
    });
    let payload = payload.to_string();
    let create = "/api/queue/v1/task/b7Dg7Jw_RsWEU6dewKOL_A";
    let sheriff = mozci_sim::SimCredentials::sheriff();
    let reader = mozci_sim::SimCredentials::reader();
    let nobody = ("nobody", "token");
    let sheriff = (sheriff.client_id, sheriff.access_token);
    let reader = (reader.client_id, reader.access_token);
    let wrong = (sheriff.0, "wrong-token");
    for (name, client, path, body) in [
        ("hooks/triggerHook-response", sheriff, format!("{hook}/trigger"), payload.as_str()),
        ("errors/400-triggerHook-schema", sheriff, format!("{hook}/trigger"), "{\"nope\": 1}"),
        ("errors/403-triggerHook-caller", reader, format!("{hook}/trigger"), payload.as_str()),
        ("errors/404-triggerHook", sheriff, format!("{gone}/trigger"), payload.as_str()),
        ("errors/401-unknown-client", nobody, create.to_owned(), "{}"),
        ("errors/401-bad-token", wrong, create.to_owned(), "{}"),
        ("errors/403-scopes", reader, create.to_owned(), "{}"),
        ("hooks/listLastFires", sheriff, format!("{hook}/last-fires"), ""),
    ] {
        let method = match body {
            "" => "GET",
            _ if path.contains("/task/") => "PUT",
            _ => "POST",
        };
        let found = signed(&sim, client, method, &path, body).await;
        let (status, body) = recorded(name);
        compare(name, status, "application/json", &body, &found, &mut problems);
    }
    problems.retain(|problem| !KNOWN.iter().any(|known| problem.contains(known)));
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// Commands and environments differ from task to task; an action's input is the user's; there was
/// more than a page of fires and actions when they were recorded, and more than one of dependents.
const KNOWN: [&str; 5] = [
    ".payload.",
    ".extra.action.context.input.",
    "listLastFires: .continuationToken",
    "listTasks-actions: .continuationToken",
    ".requestInfo.payload",
];

/// Sends what is signed as a client signs it.
pub(crate) async fn signed(
    sim: &Sim,
    (id, token): (&str, &str),
    method: &str,
    path: &str,
    body: &str,
) -> Answer {
    let url: url::Url = format!("{}{path}", sim.urls.taskcluster).parse().unwrap();
    let key = hawk::Key::new(token, hawk::SHA256).unwrap();
    let credentials = hawk::Credentials { id: id.to_owned(), key };
    let hash =
        hawk::PayloadHasher::hash("application/json", hawk::SHA256, body.as_bytes()).unwrap();
    let mut request = hawk::RequestBuilder::from_url(method, &url).unwrap();
    if !body.is_empty() {
        request = request.hash(&hash[..]);
    }
    let header = request.request().make_header(&credentials).unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let sent = client
        .request(method.parse().unwrap(), url)
        .header("authorization", format!("Hawk {header}"))
        .header("content-type", "application/json")
        .body(body.to_owned());
    answer(sent.send().await.unwrap()).await
}

#[tokio::test]
async fn artifacts_of_a_decision_task_have_the_recorded_shapes() {
    let sim = sim().await;
    let world = &sim.world;
    let push = (0..world.config.pushes)
        .find(|push| world.decision_outcome(*push) == Some(Outcome::Completed))
        .unwrap();
    let decision = TaskRef::Decision { push }.id(world.seed());
    for name in ["actions", "label-to-taskid", "target-tasks"] {
        let url = format!("{}/public-bucket/{decision}/0/public/{name}.json", sim.urls.storage);
        let found = get(&url, None, "*/*").await;
        assert_eq!(
            (found.status, found.content_type.as_str()),
            (200, "application/json"),
            "{name}"
        );
        let simulated: Value = serde_json::from_str(&found.body).unwrap();
        let (_, recorded) = recorded(&format!("decision/{name}"));
        match name {
            "actions" => {
                let keys = |value: &Value| -> Vec<String> {
                    value["actions"][2].as_object().unwrap().keys().cloned().collect()
                };
                assert_eq!(keys(&simulated), keys(&recorded));
                assert_eq!(simulated["version"], recorded["version"]);
                let payload = |value: &Value| -> Vec<String> {
                    let payload = &value["actions"][2]["hookPayload"]["decision"];
                    payload.as_object().unwrap().keys().cloned().collect()
                };
                assert_eq!(payload(&simulated), payload(&recorded));
            }
            "label-to-taskid" => assert!(simulated.as_object().unwrap().len() > 5),
            _ => assert!(simulated.as_array().unwrap().len() > 5),
        }
    }
}
