//! Reads of Taskcluster.

use mozci_clients::act::ActError;
use mozci_clients::taskcluster::{
    JobRequests, Rendered, Taskcluster, TaskclusterAccess, TaskclusterCredentials,
};
use mozci_core::ids::JobName;
use mozci_core::run::State;
use serde_json::json;

use crate::serving::{Answer, Server, folder, http, recorded, serve};

async fn taskcluster(answers: Vec<Answer>) -> (Server, Taskcluster) {
    let server = serve(answers).await;
    let credentials = TaskclusterCredentials {
        client_id: "me".into(),
        access_token: "s3cret".into(),
        certificate: None,
    };
    let client =
        Taskcluster::new(http(0), server.url.clone(), TaskclusterAccess::Known(credentials));
    (server, client)
}

fn task() -> mozci_core::ids::TaskId {
    "JRE4bCPuQMW9--heOkv_Ng".parse().unwrap()
}

#[tokio::test]
async fn every_recorded_status_is_read_for_what_it_is() {
    let cases = [
        ("status-completed", State::Passed, vec![State::Passed]),
        ("status-completed-after-retry", State::Passed, vec![State::Retried, State::Passed]),
        ("status-exception-canceled", State::Cancelled, vec![State::Cancelled]),
        ("status-exception-deadline-exceeded", State::Expired, vec![State::Expired]),
        ("status-exception-internal-error", State::Exception, vec![State::Exception]),
        ("status-failed", State::Failed, vec![State::Failed]),
        ("status-pending", State::Pending, vec![State::Pending]),
        ("status-running", State::Running, vec![State::Running]),
        ("status-unscheduled", State::Unscheduled, vec![State::Unscheduled]),
        ("rerunTask", State::Pending, vec![State::Cancelled, State::Pending]),
    ];
    for (name, state, runs) in cases {
        let one = recorded("taskcluster/queue", name);
        let one: serde_json::Value = serde_json::from_slice(&one.body).unwrap();
        let entry = json!({"taskId": one["status"]["taskId"], "status": one["status"]});
        let body = json!({"statuses": [entry]}).to_string();
        let (_server, client) = taskcluster(vec![Answer::json(200, &body)]).await;
        let found = client.statuses(&[task()]).await.unwrap();
        let status = found.values().next().unwrap();
        assert_eq!(status.state, state, "{name}");
        let seen: Vec<State> = status.runs.iter().map(|run| run.state.clone()).collect();
        assert_eq!(seen, runs, "{name}");
    }
}

#[tokio::test]
async fn a_list_is_read_until_there_is_no_token() {
    let mut first: serde_json::Value =
        serde_json::from_slice(&recorded("taskcluster/queue", "statuses").body).unwrap();
    let last = first.to_string();
    first["continuationToken"] = json!("more");
    let answers = vec![Answer::json(200, &first.to_string()), Answer::json(200, &last)];
    let (server, client) = taskcluster(answers).await;
    assert_eq!(client.statuses(&[task()]).await.unwrap().len(), 2);
    let asked = server.asked.lock().unwrap();
    assert_eq!(asked.len(), 2);
    assert!(asked[1].ends_with("continuationToken=more"));
}

#[tokio::test]
async fn definitions_say_label_group_push_and_what_an_action_was_given() {
    let (_server, client) = taskcluster(vec![recorded("taskcluster/queue", "task-test")]).await;
    let test = client.task(task()).await.unwrap();
    assert_eq!(test.label, "test-linux2404-64/opt-mochitest-plain-2");
    assert_eq!(test.dependencies, ["ZguGa1xHTm28Xzhw2SMa0g"]);
    let push = test.push.unwrap();
    assert_eq!((push.0.as_str(), &push.1[..12]), ("autoland", "de9b0e960ced"));

    let (_server, client) = taskcluster(vec![recorded("taskcluster/hooks", "action-task")]).await;
    let action = client.task(task()).await.unwrap().action.unwrap();
    assert_eq!((action.name.as_str(), action.input["times"].as_u64()), ("retrigger", Some(1)));
    let label = JobName::new("test-linux2404-64/opt-mochitest-plain-2");
    assert_eq!(action.requests(&label, |id| id == "JRE4bCPuQMW9--heOkv_Ng"), JobRequests::Runs(1));
    assert_eq!(action.requests(&label, |_| false), JobRequests::Nothing);
}

#[tokio::test]
async fn an_artifact_is_where_the_303_leads() {
    let mut away = recorded("taskcluster/queue", "artifact-303");
    away.headers = vec![("location".into(), "/public-bucket/x".into())];
    let body = std::fs::read(folder().join("taskcluster/decision/label-to-taskid.json")).unwrap();
    let mut content = Answer::json(200, "");
    content.body = body;
    let (server, client) = taskcluster(vec![away, content]).await;
    let wanted = ["build-linux64/opt", "no such job"].into();
    let labels = client.scheduled(task(), &wanted).await.unwrap();
    assert_eq!(labels["build-linux64/opt"], "ZguGa1xHTm28Xzhw2SMa0g");
    assert_eq!(labels.len(), 1);
    let asked = server.asked.lock().unwrap();
    assert_eq!(
        asked[0],
        "/api/queue/v1/task/JRE4bCPuQMW9--heOkv_Ng/artifacts/public/label-to-taskid.json"
    );
}

#[tokio::test]
async fn of_an_actions_records_those_are_read_that_say_something() {
    let listed = |names: &[&str]| {
        let all: Vec<_> = names
            .iter()
            .map(|name| {
                json!({"name": format!("public/{name}.json"), "storageType": "object",
                       "expires": "2027-01-01T00:00:00.000Z", "contentType": "application/json"})
            })
            .collect();
        Answer::json(200, &json!({ "artifacts": all }).to_string())
    };
    let (one, two) = ("JRE4bCPuQMW9--heOkv_Ng", "ZguGa1xHTm28Xzhw2SMa0g");
    let record = |task: &str| Answer::json(200, &json!({ "test-1": task }).to_string());
    let (all, first, second) = ("label-to-taskid", "label-to-taskid-0", "label-to-taskid-1");
    for (names, records, read, tasks) in [
        (vec![all], vec![record(one)], vec![all], vec![one]),
        (vec![all, first], vec![record(one)], vec![all], vec![one]),
        (vec![first], vec![record(one)], vec![first], vec![one]),
        // The one of all has the last task alone.
        (
            vec![all, first, second],
            vec![record(one), record(two)],
            vec![first, second],
            vec![one, two],
        ),
        (vec!["actions"], vec![], vec![], vec![]),
    ] {
        let answers = std::iter::once(listed(&names)).chain(records).collect();
        let (server, client) = taskcluster(answers).await;
        let created = client.created_by(task()).await.unwrap();
        let mut found: Vec<String> = created.names().flat_map(|(_, tasks)| tasks).collect();
        // Two are read at once: which of them comes first is the server's.
        found.sort();
        assert_eq!(found, tasks, "{names:?}");
        let mut asked: Vec<String> = server.asked.lock().unwrap()[1..].to_vec();
        asked.sort();
        let wanted: Vec<String> = read
            .iter()
            .map(|name| format!("/api/queue/v1/task/{}/artifacts/public/{name}.json", task()))
            .collect();
        assert_eq!(asked, wanted, "{names:?}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_told_from_what_cannot_be_read() {
    for name in ["artifact-404", "artifact-404-no-runs"] {
        let (_server, client) = taskcluster(vec![recorded("taskcluster/queue", name)]).await;
        let error = client.artifacts(task()).await.unwrap_err();
        assert!(error.is_not_found(), "{error}");
    }
    let (_server, client) = taskcluster(vec![recorded("taskcluster/index", "findTask-404")]).await;
    assert_eq!(client.find_task("a.b").await.unwrap(), None);
    let (_server, client) = taskcluster(vec![recorded("taskcluster/index", "findTask")]).await;
    let found = client.find_task("a.b").await.unwrap().unwrap();
    assert_eq!(found.to_string(), "ElYTlGDVRui7j4JtKcd8-Q");
    let (_server, client) = taskcluster(vec![Answer::json(502, "<html>").typed("text/html")]).await;
    assert!(client.find_task("a.b").await.is_err());
}

#[tokio::test]
async fn the_full_task_graph_is_reduced_while_it_is_read() {
    let body = std::fs::read(folder().join("taskcluster/decision/full-task-graph.json")).unwrap();
    let mut answer = Answer::json(200, "");
    answer.body = body;
    let (_server, client) = taskcluster(vec![answer]).await;
    let graph = client.full_task_graph(task()).await.unwrap();
    assert_eq!(graph.len(), 12);
    let test = graph.get("test-windows11-64-24h2/debug-xpcshell-2").unwrap();
    assert_eq!(test.build(), Some("build-win64/debug"));
    assert_eq!((test.kind(), test.tier()), (Some("test"), Some(1)));
    assert_eq!((test.build_platform(), test.build_type()), (Some("win64"), Some("debug")));
    assert_eq!(test.suite_on_platform(), Some("xpcshell-2"));
    let manifests: Vec<&str> = test.manifests().unwrap().collect();
    assert_eq!((manifests.len(), manifests[0]), (3, "netwerk/test/unit/xpcshell.toml"));
    assert!(graph.problems().is_empty(), "{:?}", graph.problems());
}

fn act() -> Rendered {
    Rendered {
        action: "add-new-jobs".into(),
        hook_group_id: "project-gecko".into(),
        hook_id: "in-tree-action-3-generic/abc123".into(),
        payload: json!({"decision": {}, "user": {}}),
    }
}

#[tokio::test]
async fn a_trigger_is_sent_once_whatever_comes_back() {
    let cases = [
        ("403-triggerHook-caller", true),
        ("403-triggerHook-role", true),
        ("401-bad-token", true),
        ("401-unknown-client", true),
        ("400-triggerHook-schema", false),
        ("404-triggerHook", false),
    ];
    for (name, forbidden) in cases {
        let (server, client) = taskcluster(vec![recorded("taskcluster/errors", name)]).await;
        let error = client.trigger_hook(&act()).await.unwrap_err();
        let fits = match error {
            ActError::Forbidden(_) => forbidden,
            ActError::Refused(_) => !forbidden,
            _ => false,
        };
        assert!(fits, "{name}: {error:?}");
        assert!(!format!("{error:?}").contains("s3cret"));
        assert_eq!(server.asked.lock().unwrap().len(), 1, "{name}");
    }
    // The server may have done it before it broke: nobody can tell.
    let broken = Answer::json(500, "{}");
    let (server, client) = taskcluster(vec![broken]).await;
    let error = client.trigger_hook(&act()).await.unwrap_err();
    assert!(matches!(error, ActError::Uncertain(_)), "{error:?}");
    assert_eq!(server.asked.lock().unwrap().len(), 1);
    let (_server, client) =
        taskcluster(vec![Answer::json(200, "{\"status\": {\"taskId\": 5}}")]).await;
    let error = client.trigger_hook(&act()).await.unwrap_err();
    assert!(matches!(error, ActError::Uncertain(_)), "{error:?}");
}

#[tokio::test]
async fn a_task_past_its_deadline_needs_no_cancelling() {
    let conflict = r#"{"code": "RequestConflict", "message": "Task deadline exceeded\n\n---\n\n* method: cancelTask"}"#;
    let (server, client) = taskcluster(vec![Answer::json(409, conflict)]).await;
    let error = client.cancel_task(mozci_core::ids::TaskId::from_bytes([7; 16])).await.unwrap_err();
    assert_eq!(error, ActError::Over("Task deadline exceeded".into()));
    assert_eq!(server.asked.lock().unwrap().len(), 1);
    // Of a task that is to be made the same status means something else.
    let (_server, client) = taskcluster(vec![Answer::json(409, conflict)]).await;
    let task = mozci_core::ids::TaskId::from_bytes([7; 16]);
    let error = client.create_task(task, &json!({})).await.unwrap_err();
    assert!(matches!(error, ActError::Refused(_)), "{error:?}");
}

#[tokio::test]
async fn a_missing_scope_is_named() {
    let (_server, client) =
        taskcluster(vec![recorded("taskcluster/errors", "403-triggerHook-caller")]).await;
    let error = client.trigger_hook(&act()).await.unwrap_err().to_string();
    let scope = "hooks:trigger-hook:project-gecko/in-tree-action-3-generic/abc123";
    assert!(error.contains(scope), "{error}");
}

#[tokio::test]
async fn a_hook_that_was_never_reached_did_not_fire() {
    let closed = url::Url::parse("http://127.0.0.1:1/").unwrap();
    let client = Taskcluster::new(http(0), closed, TaskclusterAccess::Anonymous);
    let error = client.trigger_hook(&act()).await.unwrap_err();
    assert!(matches!(error, ActError::NotSent(_)), "{error:?}");
}

#[tokio::test]
async fn what_a_hook_fired_proves_an_absence_only_when_it_is_whole() {
    let since = mozci_core::time::At(1_795_356_000);
    let (_server, client) = taskcluster(vec![recorded("taskcluster/hooks", "listLastFires")]).await;
    let record = client.last_fires("project-gecko", "x/abc123", since).await.unwrap();
    assert_eq!(record.fires[0].task.unwrap().to_string(), "OYTg4j7tR4GYjwQsDSVXrQ");
    // The recording says that there is more and never ends, so that nothing is proven by it.
    assert!(!record.complete);
}

#[tokio::test]
async fn a_list_that_does_not_end_is_no_list() {
    let page = r#"{"statuses": [], "continuationToken": "again"}"#;
    let (server, client) = taskcluster(vec![Answer::json(200, page)]).await;
    let error = client.statuses(&[task()]).await.unwrap_err();
    assert!(error.to_string().contains("does not end"), "{error}");
    assert_eq!(server.asked.lock().unwrap().len(), 100);
}
