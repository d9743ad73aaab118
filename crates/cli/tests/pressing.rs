//! Buttons of Treeherder's that run mozci: `mozci action` inside an action's task.

use std::collections::BTreeMap;

use mozci_sim::{Ran, SimCredentials, Tree, WorldConfig};
use serde_json::{Value, json};

use crate::pressing_taskgraph::behind_the_button;
use crate::signing_proxy;
use crate::world::{JOB, Said, Served};

/// A task that runs the program, with a home of its own that ends with it.
pub(crate) struct Task<'a> {
    served: &'a Served,
    proxy: String,
    folder: tempfile::TempDir,
    pub(crate) task: String,
    pub(crate) group: String,
}

impl<'a> Task<'a> {
    /// A task on the newest push whose story's job has a run.
    pub(crate) fn on(served: &'a Served, credentials: SimCredentials) -> Self {
        served.without_credentials();
        let task = served.task(0);
        let proxy = signing_proxy::start(&served.sim.urls.taskcluster, credentials);
        let group = definition(&served.sim.urls.taskcluster, &task)["taskGroupId"]
            .as_str()
            .unwrap()
            .to_owned();
        Self { served, proxy, folder: tempfile::tempdir().unwrap(), task, group }
    }

    /// The same, as another task that knows nothing of the first.
    pub(crate) fn again(&self) -> Task<'a> {
        Task {
            served: self.served,
            proxy: self.proxy.clone(),
            folder: tempfile::tempdir().unwrap(),
            task: self.task.clone(),
            group: self.group.clone(),
        }
    }

    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let place = |name: &str| self.folder.path().join(name).display().to_string();
        vec![
            ("HOME", place("home")),
            ("XDG_STATE_HOME", place("state")),
            ("XDG_CACHE_HOME", place("cache")),
            ("TASKCLUSTER_ROOT_URL", self.served.sim.urls.taskcluster.clone()),
            ("TASKCLUSTER_PROXY_URL", self.proxy.clone()),
            ("ACTION_TASK_GROUP_ID", self.group.clone()),
            ("ACTION_TASK_ID", json!(self.task).to_string()),
            ("ACTION_INPUT", "{}".to_owned()),
            ("ACTION_CALLBACK", "mozci-backfill".to_owned()),
        ]
    }

    /// Runs the callback, with some of its environment given.
    pub(crate) fn press(&self, given: &[(&str, &str)]) -> Said {
        let mut command = self.served.command(&["action"]);
        command.current_dir(self.folder.path()).envs(self.environment());
        command.envs(given.iter().copied());
        Said::new(&command.output().unwrap())
    }

    /// What stands in the artifact.
    pub(crate) fn told(&self) -> Value {
        let path = self.folder.path().join("artifacts/mozci.json");
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }
}

/// Sends a request to a simulated service, and gives the body of the answer.
fn fetched(host: &str, head: &str, body: &str) -> String {
    use std::io::{Read, Write};
    let host = host.trim_start_matches("http://").trim_end_matches('/');
    let mut server = std::net::TcpStream::connect(host).unwrap();
    let length = body.len();
    write!(
        server,
        "{head} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    server.read_to_string(&mut answer).unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

/// A task's definition, from the queue.
pub(crate) fn definition(root: &str, task: &str) -> Value {
    let body = fetched(root, &format!("GET /api/queue/v1/task/{task}"), "");
    serde_json::from_str(&body).unwrap()
}

/// Reads the log as Treeherder's tracker of backfills does: each push's decision task, and the action task that was
/// seen for it.
pub(crate) fn tracked(log: &str) -> (Value, Vec<(String, Option<String>)>) {
    let mut lines = log.lines();
    let started = lines.find_map(|line| line.strip_prefix("BACKFILL_STARTED: ")).unwrap();
    let mut pushes: Vec<(String, Option<String>)> = Vec::new();
    for line in lines {
        if let Some(data) = line.strip_prefix("BACKFILL_DATA: ") {
            let data: Value = serde_json::from_str(data).unwrap();
            pushes.push((data["decision_task_id"].as_str().unwrap().to_owned(), None));
        } else if let (Some((_, link)), Some(push)) =
            (line.split_once("Task seen here: "), pushes.last_mut())
        {
            push.1 = link.rsplit('/').next().map(str::to_owned);
        }
    }
    (serde_json::from_str(started).unwrap(), pushes)
}

#[test]
fn the_button_backfills_through_the_tasks_proxy() {
    let served = Served::settled();
    let task = Task::on(&served, SimCredentials::sheriff());
    // Whoever asks without the proxy reads nothing.
    served.world().dynamic().private = true;
    let said = task.press(&[]);
    assert_eq!(said.status, 0, "{said:?}");
    assert_eq!(served.actions(), 7, "{said:?}");
    let (started, pushes) = tracked(&said.stdout);
    assert_eq!(started["label"], JOB);
    assert_eq!(started["target_pushes"].as_array().unwrap().len(), 7);
    assert_eq!(pushes.len(), 7);
    let dynamic = served.world().dynamic();
    let made: Vec<String> = dynamic.actions.iter().map(|action| action.id.to_string()).collect();
    drop(dynamic);
    for (decision, action) in pushes {
        assert!(decision.parse::<mozci_core::ids::TaskId>().is_ok(), "{decision}");
        assert!(made.contains(&action.unwrap()), "{said:?}");
    }
    let told = task.told();
    assert_eq!(told["job"], JOB);
    assert_eq!(told["repo"], "autoland");
    assert_eq!(told["answer"]["results"].as_array().unwrap().len(), 7);
    assert!(told["answer"]["plan"]["left_out"].is_array());

    // Pressed again, by a task that has no ledger of the first.
    let again = task.again();
    let said = again.press(&[]);
    assert_eq!(said.status, 0, "{said:?}");
    assert_eq!(served.actions(), 7, "pressed twice, asked once: {said:?}");
    assert_eq!(again.told()["answer"]["results"], json!([]));
}

/// A tree that offers ours before its own, as Treeherder sees it: presses make tasks, which workers run.
pub(crate) struct Offered<'a> {
    task: Task<'a>,
    hook: String,
    payload: Value,
}

impl<'a> Offered<'a> {
    fn on(task: Task<'a>) -> Self {
        let urls = &task.served.sim.urls;
        let mut actions: Value =
            serde_json::from_str(&Self::stored(task.served, &task.group, "actions.json")).unwrap();
        let list = actions["actions"].as_array_mut().unwrap();
        let mut ours = list.iter().find(|action| action["name"] == "backfill").unwrap().clone();
        ours["hookPayload"]["decision"]["action"]["cb_name"] = json!("mozci-backfill");
        list.insert(0, ours);
        {
            let mut dynamic = task.served.world().dynamic();
            dynamic.files.insert("actions.json".into(), actions.to_string());
            dynamic.programs.insert("mozci-backfill".into());
        }
        let offered = Self::stored(task.served, &task.group, "actions.json");
        let offered: Value = serde_json::from_str(&offered).unwrap();
        let tags = &definition(&urls.taskcluster, &task.task)["tags"];
        let action = behind_the_button(&offered, tags);
        let mut payload = action["hookPayload"].clone();
        payload["user"] = json!({"input": {}, "taskId": task.task, "taskGroupId": task.group});
        let hook = format!(
            "POST /api/hooks/v1/hooks/{}/{}/trigger",
            action["hookGroupId"].as_str().unwrap(),
            action["hookId"].as_str().unwrap().replace('/', "%2F")
        );
        Self { task, hook, payload }
    }

    fn stored(served: &Served, task: &str, file: &str) -> String {
        fetched(&served.sim.urls.storage, &format!("GET /public-bucket/{task}/0/public/{file}"), "")
    }

    /// Presses the button: the action's task.
    fn press(&self) -> String {
        let fired = fetched(&self.task.proxy, &self.hook, &self.payload.to_string());
        let fired: Value = serde_json::from_str(&fired).unwrap();
        fired["taskId"].as_str().unwrap().to_owned()
    }

    /// What a worker does with a task: it runs the program with what the definition says, and nothing else.
    fn work(&self, pressed: &str) -> Said {
        let served = self.task.served;
        let given = definition(&served.sim.urls.taskcluster, pressed);
        let given = given["payload"]["env"].as_object().unwrap();
        let mut given: Vec<(&str, &str)> =
            given.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect();
        given.push(("TASK_ID", pressed));
        let worker = self.task.again();
        let said = worker.press(&given);
        let files = BTreeMap::from([("mozci.json".into(), worker.told().to_string().into_bytes())]);
        let world = served.world();
        let (ended, ok) = (world.clock.now(), said.status == 0);
        let ran = Ran { ended, ok, log: said.stdout.clone(), files };
        world.ran(pressed.parse().unwrap(), ran);
        said
    }
}

/// From the button to Treeherder's tracker: the hook, its task, a worker that runs the program, the log that is read.
#[test]
fn a_press_goes_from_the_hook_to_the_tracker() {
    let served = Served::settled();
    let offered = Offered::on(Task::on(&served, SimCredentials::sheriff()));
    let pressed = offered.press();
    let said = offered.work(&pressed);
    assert_eq!(said.status, 0, "{said:?}");
    let (started, pushes) = tracked(&Offered::stored(&served, &pressed, "logs/live_backing.log"));
    assert_eq!(started["label"], JOB);
    assert_eq!(pushes.len(), 7);
    assert!(pushes.iter().all(|(_, action)| action.is_some()), "{pushes:?}");
    let told: Value =
        serde_json::from_str(&Offered::stored(&served, &pressed, "mozci.json")).unwrap();
    assert_eq!(told["answer"]["results"].as_array().unwrap().len(), 7);
    // The press itself, and the seven that it made. A second press makes none.
    assert_eq!(served.actions(), 8);
    let said = offered.work(&offered.press());
    assert_eq!((said.status, served.actions()), (0, 9), "{said:?}");
    assert!(said.stdout.contains("nothing to request"), "{said:?}");
}

/// The queue tells which presses came before: each waits for those, and sees what they sent.
#[test]
fn presses_at_one_moment_ask_once() {
    let world = WorldConfig { newest_minutes_ago: 600, speed: 1.0, ..WorldConfig::default() };
    let served = Served::of(world);
    let offered = Offered::on(Task::on(&served, SimCredentials::sheriff()));
    let pressed = [offered.press(), offered.press(), offered.press()];
    let said: Vec<Said> = std::thread::scope(|scope| {
        let workers: Vec<_> =
            pressed.iter().map(|task| scope.spawn(|| offered.work(task))).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    for said in &said {
        assert_eq!(said.status, 0, "{said:?}");
    }
    let left = said.iter().filter(|said| said.stdout.contains("an earlier press on this job"));
    let mut times: BTreeMap<u32, u64> = BTreeMap::new();
    for action in served.world().dynamic().actions.iter().filter(|action| !action.by_program) {
        *times.entry(action.push).or_default() += action.input()["times"].as_u64().unwrap_or(1);
    }
    assert_eq!(times.len(), 7, "{times:?}: {said:?}");
    assert!(times.values().all(|times| *times == 1), "{times:?}: {said:?}");
    assert!(left.count() >= 1, "{said:?}");
}

#[test]
fn what_scripts_send_to_the_trees_own_backfill_is_understood() {
    let served = Served::settled();
    let task = Task::on(&served, SimCredentials::sheriff());
    // As Treeherder's own requests have it.
    let said = task.press(&[("ACTION_INPUT", r#"{"retrigger": false, "slices": 3}"#)]);
    assert_eq!((said.status, served.actions()), (0, 7), "{said:?}");
    assert!(said.stdout.contains("retrigger, slices of the input"), "{said:?}");
}

#[test]
fn a_ci_that_is_called_as_the_simulated_one_is_acted_on() {
    let served = Served::settled();
    let task = Task::on(&served, SimCredentials::sheriff());
    let config = served.read_config();
    served.write_config(&config.replace("\"sim\"", "\"demo\"").replace("ci.sim", "ci.demo"));
    let said = task.press(&[]);
    assert_eq!((said.status, served.actions()), (0, 7), "{said:?}");
}

#[test]
fn what_is_under_way_is_not_asked_for_by_a_second_press() {
    let world = WorldConfig { newest_minutes_ago: 600, speed: 1.0, ..WorldConfig::default() };
    let served = Served::of(world);
    let task = Task::on(&served, SimCredentials::sheriff());
    let first = task.press(&[]);
    assert_eq!((first.status, served.actions()), (0, 7), "{first:?}");
    let second = task.again().press(&[]);
    assert_eq!((second.status, served.actions()), (0, 7), "{second:?}");
    // Nor by a search: what is under way is all that it needs to know first.
    let search = [("ACTION_CALLBACK", "mozci-bisect")];
    let third = task.again();
    let said = third.press(&search);
    assert_eq!((said.status, served.actions()), (0, 7), "{said:?}");
    assert_eq!(third.told()["answer"]["end"]["summary"], "a round is under way");
}

#[test]
fn a_search_asks_for_one_round_and_leaves() {
    let served = Served::settled();
    let task = Task::on(&served, SimCredentials::sheriff());
    let said = task.press(&[("ACTION_CALLBACK", "mozci-bisect")]);
    assert_eq!(said.status, 0, "{said:?}");
    let told = task.told();
    assert_eq!(told["answer"]["end"]["summary"], "a round is under way", "{told}");
    let asked = served.actions();
    assert!(asked > 0, "{said:?}");
    // Pressed again and again it comes to a verdict.
    for _ in 0..20 {
        let next = task.again();
        let said = next.press(&[("ACTION_CALLBACK", "mozci-bisect")]);
        assert_eq!(said.status, 0, "{said:?}");
        let verdict = next.told()["answer"]["end"].clone();
        if verdict["verdict"] == "culprit" {
            let truth = served.world().truth().story.unwrap();
            assert!(verdict.to_string().contains(truth.culprit.as_str()), "{verdict}");
            return;
        }
    }
    panic!("no verdict after twenty presses");
}

#[test]
fn enough_runs_are_asked_for_to_know_the_rate() {
    let served = Served::settled();
    let task = Task::on(&served, SimCredentials::sheriff());
    let input = [("ACTION_CALLBACK", "mozci-retrigger-until"), ("ACTION_INPUT", r#"{"runs": 5}"#)];
    let said = task.press(&input);
    assert_eq!(said.status, 0, "{said:?}");
    let results = task.told()["answer"]["results"].clone();
    let times: u64 = results
        .as_array()
        .unwrap()
        .iter()
        .map(|result| result["jobs"][0]["times"].as_u64().unwrap())
        .sum();
    assert!((1..=4).contains(&times), "one is there: {results}");
}

#[test]
fn every_bad_press_has_its_answer_and_asks_for_nothing() {
    let served = Served::settled();
    let task = Task::on(&served, SimCredentials::sheriff());
    let group = json!(task.group).to_string();
    let (nowhere, other) = (json!("VG_suAYIRdup9mOBDb6vQw").to_string(), "V1Ixl5lvSGOCF44tq-WLxw");
    type Given<'a> = &'a [(&'a str, &'a str)];
    let cases: [(Given<'_>, i32, &str); 8] = [
        (&[("ACTION_TASK_ID", "null")], 2, "none was selected"),
        (&[("ACTION_TASK_ID", &group)], 2, "is a decision task"),
        (&[("ACTION_TASK_ID", &nowhere)], 5, "it may have expired"),
        (&[("ACTION_TASK_GROUP_ID", other)], 2, "is of the task group"),
        (&[("ACTION_INPUT", r#"{"deep": 3}"#)], 2, "does not fit mozci-backfill"),
        (&[("ACTION_CALLBACK", "backfill")], 2, "no callback of mozci's"),
        (&[("TASKCLUSTER_ROOT_URL", "https://tc.example")], 5, "no CI in the config"),
        (&[("ACTION_TASK_GROUP_ID", "")], 2, "ACTION_TASK_GROUP_ID is not set"),
    ];
    for (given, status, words) in cases {
        let task = task.again();
        let said = task.press(given);
        assert_eq!(said.status, status, "{given:?}: {said:?}");
        assert!(said.stderr.contains(words), "{given:?}: {said:?}");
        let told = task.told();
        assert_eq!(told["error"]["status"], status, "{told}");
    }
    // A repository that was named, and the task ran for another.
    let elsewhere = task.again();
    let mut command = served.command(&["--repo", "mozilla-central", "action"]);
    command.current_dir(elsewhere.folder.path()).envs(elsewhere.environment());
    let said = Said::new(&command.output().unwrap());
    assert_eq!(said.status, 2, "{said:?}");
    assert!(said.stderr.contains("ran for autoland"), "{said:?}");
    assert_eq!(served.actions(), 0);
}

#[test]
fn a_proxy_signs_for_its_own_taskcluster_alone() {
    let served = Served::settled();
    let task = Task::on(&served, SimCredentials::sheriff());
    let mut command = served.command(&["trigger", JOB, "--rev", "tip", "--times", "3", "--yes"]);
    command.envs(task.environment()).env("TASKCLUSTER_ROOT_URL", "https://tc.example");
    let said = Said::new(&command.output().unwrap());
    assert_eq!((said.status, served.actions()), (4, 0), "{said:?}");
    // What strangers may read is read all the same.
    let mut command = served.command(&["jobs", JOB, "--rev", "tip"]);
    command.envs(task.environment()).env("TASKCLUSTER_ROOT_URL", "https://tc.example");
    let said = Said::new(&command.output().unwrap());
    assert_eq!(said.status, 0, "{said:?}");
    // Any command of a task's own goes through it.
    let mut command = served.command(&["trigger", JOB, "--rev", "tip", "--times", "3", "--yes"]);
    let said = Said::new(&command.envs(task.environment()).output().unwrap());
    assert_eq!((said.status, served.actions()), (0, 1), "{said:?}");
}

#[test]
fn a_tree_that_takes_no_tasks_is_said_in_the_log() {
    for (tree, status, words) in [
        (Tree::Sealed, 3, "its task group is sealed"),
        (Tree::WithoutScopes, 4, "in-tree:hook-action:"),
    ] {
        let world = WorldConfig { tree, newest_minutes_ago: 600, ..WorldConfig::default() };
        let served = Served::of(world);
        let task = Task::on(&served, SimCredentials::sheriff());
        let said = task.press(&[]);
        assert_eq!((said.status, served.actions()), (status, 0), "{tree:?}: {said:?}");
        assert!(said.stdout.contains(words), "{tree:?}: {said:?}");
        let told = task.told();
        assert_eq!(told["status"], status);
        assert!(!told["answer"]["plan"]["left_out"].as_array().unwrap().is_empty(), "{told}");
    }
}

#[test]
fn pressed_twice_at_once_a_push_gets_one_run_more_at_the_most() {
    let world = WorldConfig { newest_minutes_ago: 600, speed: 1.0, ..WorldConfig::default() };
    let served = Served::of(world);
    let task = Task::on(&served, SimCredentials::sheriff());
    let other = task.again();
    std::thread::scope(|scope| {
        for task in [&task, &other] {
            scope.spawn(move || {
                let said = task.press(&[]);
                assert_eq!(said.status, 0, "{said:?}");
                assert!(said.stdout.contains("whether another press is at work"), "{said:?}");
            });
        }
    });
    let dynamic = served.world().dynamic();
    let mut times: BTreeMap<u32, u64> = BTreeMap::new();
    for action in &dynamic.actions {
        *times.entry(action.push).or_default() += action.input()["times"].as_u64().unwrap_or(1);
    }
    assert_eq!(times.len(), 7, "{times:?}");
    assert!(times.values().all(|times| *times <= 2), "{times:?}");
}

#[test]
fn a_scope_that_the_task_lacks_is_named() {
    let served = Served::settled();
    let task = Task::on(&served, SimCredentials::reader());
    let said = task.press(&[]);
    assert_eq!(said.status, 4, "{said:?}");
    let whole = said.whole();
    assert!(
        whole.contains("hooks:trigger-hook:project-gecko/in-tree-action-3-generic/"),
        "{said:?}"
    );
    assert_eq!(served.actions(), 0);
    // Nor does a proxy that is away.
    let away = Task { proxy: "http://127.0.0.1:9".to_owned(), ..task.again() };
    let said = away.press(&[]);
    assert_eq!(said.status, 3, "{said:?}");
}
