//! Buttons of Treeherder's that run mozci: `mozci action` inside an action's task.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use mozci_sim::{SimCredentials, Tree, WorldConfig};
use serde_json::{Value, json};

use crate::other_clients::python;
use crate::world::{JOB, Said, Served};
use crate::{proxy, signing_proxy};

/// A task that runs the program, with a home of its own that ends with it.
struct Task<'a> {
    served: &'a Served,
    proxy: String,
    folder: tempfile::TempDir,
    task: String,
    group: String,
}

impl<'a> Task<'a> {
    /// A task on the newest push whose story's job has a run.
    fn on(served: &'a Served, credentials: SimCredentials) -> Self {
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
    fn again(&self) -> Task<'a> {
        Task {
            served: self.served,
            proxy: self.proxy.clone(),
            folder: tempfile::tempdir().unwrap(),
            task: self.task.clone(),
            group: self.group.clone(),
        }
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
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
    fn press(&self, given: &[(&str, &str)]) -> Said {
        let mut command = self.served.command(&["action"]);
        command.current_dir(self.folder.path()).envs(self.environment());
        command.envs(given.iter().copied());
        Said::new(&command.output().unwrap())
    }

    /// What stands in the artifact.
    fn told(&self) -> Value {
        let path = self.folder.path().join("artifacts/mozci.json");
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }
}

/// A task's definition, from the queue.
fn definition(root: &str, task: &str) -> Value {
    use std::io::{Read, Write};
    let host = root.trim_start_matches("http://").trim_end_matches('/');
    let mut server = std::net::TcpStream::connect(host).unwrap();
    write!(
        server,
        "GET /api/queue/v1/task/{task} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    server.read_to_string(&mut answer).unwrap();
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    serde_json::from_str(&body[body.find('{').unwrap()..=body.rfind('}').unwrap()]).unwrap()
}

/// Reads the log as Treeherder's tracker of backfills does: each push's decision task, and the action task that was
/// seen for it.
fn tracked(log: &str) -> (Value, Vec<(String, Option<String>)>) {
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
        (&[("ACTION_INPUT", r#"{"depth": 3}"#)], 2, "does not fit mozci-backfill"),
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
                assert!(said.stdout.contains("pressed twice at the same moment"), "{said:?}");
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

/// The minimal project in `../shared`, with our file in it, as a Git checkout.
fn tree(served: &Served) -> Option<(tempfile::TempDir, PathBuf)> {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/taskgraph-demo");
    if !demo.is_dir() {
        eprintln!("skipped: {} is not there", demo.display());
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("tree");
    let run = |program: &str, arguments: &[&str]| {
        let done =
            Command::new(program).args(arguments).current_dir(folder.path()).output().unwrap();
        assert!(done.status.success(), "{program} {arguments:?}: {done:?}");
    };
    run("cp", &["-r", demo.to_str().unwrap(), root.to_str().unwrap()]);
    let file = served.run(&[
        "taskgraph-action",
        "--config-in-tree",
        served.config_path().to_str().unwrap(),
    ]);
    assert_eq!(file.status, 0, "{file:?}");
    std::fs::write(root.join("taskcluster/demo_taskgraph/actions/mozci.py"), file.stdout).unwrap();
    let root_text = root.to_str().unwrap();
    run("git", &["init", "-q", root_text]);
    run("git", &["-C", root_text, "add", "-A"]);
    run(
        "git",
        &["-C", root_text, "-c", "user.email=a@b", "-c", "user.name=a", "commit", "-qm", "tree"],
    );
    Some((folder, root))
}

fn taskgraph(python: &Path, root: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(python.with_file_name("taskgraph"));
    command
        .args(arguments)
        .current_dir(root)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("TASKCLUSTER_ROOT_URL", "http://127.0.0.1:1");
    command
}

/// The action that Treeherder's Backfill button runs for a task with these tags: of the actions that fit a selected
/// task the first of each name is kept, and the button takes the one that is called `backfill`.
fn behind_the_button<'a>(actions: &'a Value, tags: &Value) -> &'a Value {
    assert_eq!(actions["version"], 1);
    let fits = |action: &&Value| {
        action["context"].as_array().unwrap().iter().any(|wanted| {
            wanted.as_object().unwrap().iter().all(|(name, value)| tags[name] == *value)
        })
    };
    let kept = actions["actions"].as_array().unwrap().iter().filter(fits);
    kept.into_iter().find(|action| action["name"] == "backfill").unwrap()
}

#[test]
fn the_real_taskgraph_offers_our_actions_and_runs_them() {
    let Some(python) = python() else { return };
    let served = Served::settled();
    let task = Task::on(&served, SimCredentials::sheriff());
    let Some((_folder, root)) = tree(&served) else { return };
    let listed = taskgraph(&python, &root, &["actions", "-p", "params.yml"]).output().unwrap();
    assert!(listed.status.success(), "{listed:?}");
    let actions: Value = serde_json::from_slice(&listed.stdout).unwrap();
    let action = behind_the_button(&actions, &json!({"kind": "test", "label": JOB}));
    assert_eq!(action["hookPayload"]["decision"]["action"]["cb_name"], "mozci-backfill");
    assert_eq!(action["hookGroupId"], "project-demo");
    let hook = action["hookId"].as_str().unwrap();
    assert!(hook.starts_with("in-tree-action-3-backfill/"), "{hook}");
    let names: Vec<&str> = actions["actions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| a["name"].as_str().unwrap())
        .collect();
    for name in ["backfill", "mozci-bisect", "mozci-retrigger-until"] {
        assert!(names.contains(&name), "{names:?}");
    }
    // The hook's payload, rendered as Treeherder renders it, gives the task its environment.
    let context = json!({"taskId": task.task, "taskGroupId": task.group, "input": {}});
    let script = "import jsone, json, sys; print(json.dumps(jsone.render(json.loads(sys.argv[1]), json.loads(sys.argv[2]))))";
    let rendered = Command::new(&python)
        .args(["-c", script, &action["hookPayload"].to_string(), &context.to_string()])
        .output()
        .unwrap();
    let payload: Value = serde_json::from_slice(&rendered.stdout).unwrap();
    let by_hook = task.again();
    let user = &payload["user"];
    let said = by_hook.press(&[
        ("ACTION_TASK_ID", &user["taskId"].to_string()),
        ("ACTION_TASK_GROUP_ID", user["taskGroupId"].as_str().unwrap()),
        ("ACTION_INPUT", &user["input"].to_string()),
        ("ACTION_CALLBACK", payload["decision"]["action"]["cb_name"].as_str().unwrap()),
    ]);
    assert_eq!((said.status, served.actions()), (0, 7), "{said:?}");

    // The button once more: taskgraph loads the file and calls the callback, which runs the program.
    std::fs::write(root.join("input.json"), "{}").unwrap();
    let words = [
        "test-action-callback",
        "-p",
        "params.yml",
        "--task-id",
        &task.task,
        "--task-group-id",
        &task.group,
        "--input",
        "input.json",
        "mozci-backfill",
    ];
    let mut command = taskgraph(&python, &root, &words);
    for (name, value) in task.environment() {
        // taskgraph's own callback hands these on from its arguments.
        if !name.starts_with("ACTION_") {
            command.env(name, value);
        }
    }
    let done = command.env("MOZCI", env!("CARGO_BIN_EXE_mozci")).output().unwrap();
    let said = Said::new(&done);
    assert_eq!(said.status, 0, "{said:?}");
    assert_eq!(served.actions(), 7, "pressed twice, asked once: {said:?}");
    assert_eq!(tracked(&said.stdout).0["label"], JOB);
    assert!(root.join("artifacts/mozci.json").is_file());
    // A refusal makes the action's task fail.
    let bad = taskgraph(&python, &root, &words)
        .env("MOZCI", env!("CARGO_BIN_EXE_mozci"))
        .envs(task.environment().into_iter().filter(|(name, _)| !name.starts_with("ACTION_")))
        .env("TASKCLUSTER_PROXY_URL", "http://127.0.0.1:9")
        .output()
        .unwrap();
    assert!(!bad.status.success(), "{bad:?}");
}

#[test]
fn a_file_for_a_tree_takes_no_odd_names() {
    let served = Served::settled();
    let odd = served.run(&["taskgraph-action", "--permission", "a/b"]);
    assert_eq!(odd.status, 2, "{odd:?}");
    let odd =
        served.run(&["taskgraph-action", "--url", "https://x.example/mozci", "--sha256", "12"]);
    assert_eq!(odd.status, 2, "{odd:?}");
    let proxied = proxy::start("http://127.0.0.1:9").0;
    let hash = "0".repeat(64);
    let file =
        served.run(&["taskgraph-action", "--url", &format!("{proxied}/mozci"), "--sha256", &hash]);
    assert!(file.stdout.contains(&format!("SHA256 = \"{hash}\"")), "{file:?}");
}
