//! What changes a task, against what was recorded: created, sent twice, another one under the same
//! id, cancelled, run again.

use mozci_sim::world::{Outcome, TaskRef};
use mozci_sim::{Sim, SimConfig, SimCredentials, WorldConfig};
use serde_json::{Value, json};

use crate::replay::{Answer, compare, get};
use crate::taskcluster::{find, recorded, signed};

const NEW: &str = "K2M13_HXTA2_uy0Azq6mJg";

async fn act(sim: &Sim, method: &str, path: &str, body: &str) -> Answer {
    let sheriff = SimCredentials::sheriff();
    let client = (sheriff.client_id, sheriff.access_token);
    signed(sim, client, method, &format!("/api/queue/v1/task/{path}"), body).await
}

#[tokio::test]
async fn tasks_are_created_cancelled_and_run_again_as_recorded() {
    let world = WorldConfig { newest_minutes_ago: 600, speed: 1.0, ..WorldConfig::default() };
    let sim = Sim::start(SimConfig { world, ..SimConfig::default() }).await.unwrap();
    let original = find(&sim.world, &[Outcome::Completed]).id(sim.world.seed()).to_string();
    let read = async |id: &str| -> Value {
        let url = format!("{}/api/queue/v1/task/{id}", sim.urls.taskcluster);
        serde_json::from_str(&get(&url, None, "*/*").await.body).unwrap()
    };
    let mut body = read(&original).await;
    let now = chrono::Utc::now();
    let at = |hours: i64| {
        let at = now + chrono::TimeDelta::hours(hours);
        at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
    };
    (body["created"], body["deadline"], body["expires"]) =
        (at(0).into(), at(24).into(), at(999).into());
    let text = body.to_string();
    let mut problems = Vec::new();
    let mut check = |name: &str, found: &Answer| {
        let (status, body) = recorded(name);
        compare(name, status, "application/json", &body, found, &mut problems);
    };
    let created = act(&sim, "PUT", NEW, &text).await;
    check("queue/createTask", &created);
    // What was sent is what is kept, so that sending it again is no conflict and makes nothing.
    assert_eq!(read(NEW).await, body);
    let again = act(&sim, "PUT", NEW, &text).await;
    assert_eq!(again.status, 200, "{}", again.body);
    let tasks = sim.world.dynamic().tasks.values().map(Vec::len).sum::<usize>();
    assert_eq!(tasks, 1);
    body["priority"] = json!("high");
    check("errors/409-createTask", &act(&sim, "PUT", NEW, &body.to_string()).await);
    check("queue/cancelTask", &act(&sim, "POST", &format!("{NEW}/cancel"), "").await);
    // A second time changes nothing.
    check("queue/cancelTask", &act(&sim, "POST", &format!("{NEW}/cancel"), "").await);
    check("queue/rerunTask", &act(&sim, "POST", &format!("{NEW}/rerun"), "").await);
    // The recorded task was running when it was cancelled, and no worker had this one.
    problems.retain(|p| {
        !["workerGroup", "workerId", "takenUntil", "started"].iter().any(|k| p.contains(k))
    });
    // The payload of a refusal repeats what was sent.
    problems.retain(|p| !p.contains("requestInfo.payload"));
    assert!(problems.is_empty(), "{}", problems.join("\n"));

    let old = TaskRef::Job { push: 0, job: 0, n: 0 };
    let life = sim.world.life(old, &sim.world.dynamic());
    if life.is_some() {
        let path = format!("{}/rerun", old.id(sim.world.seed()));
        let late = act(&sim, "POST", &path, "").await;
        assert!([200, 409].contains(&late.status), "{}", late.body);
    }
    body["deadline"] = at(-1).into();
    let late = act(&sim, "PUT", "b7Dg7Jw_RsWEU6dewKOL_A", &body.to_string()).await;
    assert_eq!(late.status, 400, "{}", late.body);
}
