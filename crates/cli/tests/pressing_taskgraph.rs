//! The file that a tree takes, with the real taskgraph.

use std::path::{Path, PathBuf};
use std::process::Command;

use mozci_sim::SimCredentials;
use serde_json::{Value, json};

use crate::other_clients::python;
use crate::pressing::{Task, tracked};
use crate::proxy;
use crate::world::{JOB, Said, Served};

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
pub(crate) fn behind_the_button<'a>(actions: &'a Value, tags: &Value) -> &'a Value {
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

/// What Gecko has beside its actions: a registry of its own. This one says what it is given.
const REGISTRY: &str = r#"
def register_callback_action(name, cb_name, context, order, permission, **others):
    def register(callback):
        print(name, cb_name, context, order, permission)
        return callback
    return register
"#;

#[test]
fn a_tree_with_a_registry_of_its_own_has_the_actions_there() {
    let served = Served::settled();
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let actions = folder.path().join("gecko_taskgraph/actions");
    std::fs::create_dir_all(&actions).unwrap();
    let file = served.run(&["taskgraph-action"]).stdout;
    for (name, text) in [("registry.py", REGISTRY), ("__init__.py", ""), ("mozci.py", &file)] {
        std::fs::write(actions.join(name), text).unwrap();
    }
    let mut command = Command::new(python);
    command.args(["-c", "import gecko_taskgraph.actions.mozci"]).current_dir(folder.path());
    let said = Said::new(&command.output().unwrap());
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.stdout.starts_with("backfill mozci-backfill [{}] 190 backfill\n"), "{said:?}");
    assert_eq!(said.stdout.lines().count(), 3, "{said:?}");
}

#[test]
fn a_file_for_a_tree_takes_no_odd_names() {
    let served = Served::settled();
    let zeros = "0".repeat(64);
    for odd in [
        &["--permission", "a/b"][..],
        &["--name", "mozci-bisect"],
        &["--url", "https://x.example/mozci", "--sha256", "12"],
        &["--url", "x.example/mozci", "--sha256", &zeros],
        &["--url", "file:///mozci", "--sha256", &zeros],
    ] {
        let said = served.run(&[&["taskgraph-action"], odd].concat());
        assert_eq!(said.status, 2, "{odd:?}: {said:?}");
    }
    let proxied = proxy::start("http://127.0.0.1:9").0;
    let url = format!("{proxied}/mozci");
    let file = served.run(&["taskgraph-action", "--url", &url, "--sha256", &zeros]);
    assert!(file.stdout.contains(&format!("SHA256 = \"{zeros}\"")), "{file:?}");
}
