//! `actions.json`: the recorded one, and a real one where it is at hand.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mozci_clients::taskcluster::{Action, ActionError, Actions, Rendered, satisfies};
use serde_json::{Value, json};

use crate::serving::folder;

type Tags = BTreeMap<String, String>;

fn recorded() -> Actions {
    let text = std::fs::read(folder().join("taskcluster/decision/actions.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

/// Renders what has to be plain enough to be rendered in this process.
fn render(
    actions: &Actions,
    action: &Action,
    group: &str,
    task: Option<&str>,
    input: &Value,
) -> Result<Rendered, ActionError> {
    let rendering = actions.rendering(action, group, task, input)?;
    assert!(rendering.is_plain(), "{}", action.name);
    rendering.run()
}

fn recorded_request() -> Value {
    let file = folder().join("taskcluster/hooks/triggerHook-request.json");
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

fn tags(pairs: &[(&str, &str)]) -> Tags {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn a_rendered_payload_is_the_one_that_was_recorded() {
    let actions = recorded();
    let action = actions.find("retrigger", Some(&tags(&[("retrigger", "true")]))).unwrap();
    let input = json!({"times": 1});
    let group = "ElYTlGDVRui7j4JtKcd8-Q";
    let rendered = render(&actions, action, group, Some("JRE4bCPuQMW9--heOkv_Ng"), &input).unwrap();
    assert_eq!(rendered.payload, recorded_request());
    assert_eq!(rendered.hook_id, "in-tree-action-3-generic/abc123");
}

#[test]
fn actions_on_the_push_and_on_tasks_are_told_apart() {
    let actions = recorded();
    assert!(actions.find("add-new-jobs", None).is_ok());
    let error = actions.find("add-new-jobs", Some(&tags(&[("kind", "test")]))).unwrap_err();
    assert!(matches!(error, ActionError::Absent { .. }), "{error}");
    assert!(actions.find("backfill", Some(&tags(&[]))).is_ok());
    assert!(actions.find("backfill", None).is_err());
    let error = actions.find("run-missing-tests", None).unwrap_err();
    assert!(error.to_string().contains("add-new-jobs"), "{error}");
}

#[test]
fn inputs_are_built_from_the_schema_and_composed_over_its_cap() {
    let actions = recorded();
    let action = actions.find("add-new-jobs", None).unwrap();
    let inputs = action.inputs_for(&["test"], 250).unwrap();
    let times: Vec<u32> = inputs.iter().map(|input| input.times).collect();
    assert_eq!(times, [100, 100, 50]);
    assert_eq!(inputs[2].body, json!({"tasks": ["test"], "times": 50}));
    for input in &inputs {
        render(&actions, action, "g", None, &input.body).unwrap();
    }
    // Without `times` in the schema, as in old trees, each run is requested on its own.
    let old: Actions = serde_json::from_value(json!({"version": 1, "actions": [{
        "name": "add-new-jobs", "kind": "hook", "context": [],
        "schema": {"type": "object", "properties": {"tasks": {}}, "additionalProperties": false},
    }]}))
    .unwrap();
    let inputs = old.find("add-new-jobs", None).unwrap().inputs_for(&["test"], 3).unwrap();
    let bodies: Vec<&Value> = inputs.iter().map(|input| &input.body).collect();
    assert_eq!(bodies, vec![&json!({"tasks": ["test"]}); 3]);
    // A file that takes one label at once would be asked without end.
    let few: Actions = serde_json::from_value(json!({"version": 1, "actions": [{
        "name": "add-new-jobs", "kind": "hook",
        "schema": {"properties": {"tasks": {"maxItems": 1}, "times": {"maximum": 1}}},
    }]}))
    .unwrap();
    let error = few.find("add-new-jobs", None).unwrap().inputs_for(&["a", "b"], 150).unwrap_err();
    assert!(matches!(error, ActionError::Unfit { .. }), "{error}");
    // Several labels go together, as many as are allowed at once.
    let labels: Vec<String> = (0..150).map(|n| format!("t{n}")).collect();
    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
    let inputs = action.inputs_for(&labels, 2).unwrap();
    let sizes: Vec<usize> = inputs.iter().map(|input| input.labels.len()).collect();
    assert_eq!(sizes, [100, 50]);
}

#[test]
fn what_the_schema_refuses_is_not_sent() {
    let actions = recorded();
    let action = actions.find("add-new-jobs", None).unwrap();
    for input in
        [json!({"tasks": ["t"], "times": 0}), json!({"tasks": ["t"], "extra": 1}), json!({})]
    {
        let error = render(&actions, action, "g", None, &input).unwrap_err();
        assert!(matches!(error, ActionError::Refused { .. }), "{input}: {error}");
    }
}

#[test]
fn a_version_nobody_knows_is_refused() {
    let new: Actions = serde_json::from_value(json!({"version": 2, "actions": []})).unwrap();
    assert_eq!(new.find("retrigger", None).unwrap_err(), ActionError::Version(2));
}

#[test]
fn scopes_are_satisfied_by_themselves_and_by_stars() {
    let scopes: Vec<String> =
        ["a:b", "in-tree:hook-action:project-gecko/*"].map(String::from).into();
    assert!(satisfies(&scopes, "a:b"));
    assert!(!satisfies(&scopes, "a:bc"));
    assert!(satisfies(&scopes, "in-tree:hook-action:project-gecko/in-tree-action-3-x"));
    assert!(!satisfies(&scopes, "in-tree:hook-action:project-other/x"));
}

/// The folder with real data, which is not part of the project.
fn real() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/actions");
    if !folder.is_dir() {
        eprintln!("skipped: there is no {}", folder.display());
        return None;
    }
    Some(folder)
}

#[test]
fn a_real_file_of_firefox_ci_is_read() {
    let Some(folder) = real() else { return };
    let read = |name: &str| std::fs::read(folder.join(format!("{name}.json"))).unwrap();
    let actions: Actions = serde_json::from_slice(&read("initialActions")).unwrap();
    let task: Value = serde_json::from_slice(&read("originalTask")).unwrap();
    let of_task: Tags = serde_json::from_value(task["tags"].clone()).unwrap();
    // There are three of this name; the one for decision tasks stands first and does not fit.
    let retrigger = actions.find("retrigger", Some(&of_task)).unwrap();
    let (group, input) = ("f7Jj_h6MTEKr5Ln_7aFqbw", json!({"times": 2}));
    let rendered = render(&actions, retrigger, group, Some("abc"), &input).unwrap();
    assert_eq!(rendered.payload["user"]["input"], json!({"times": 2}));
    let add = actions.find("add-new-jobs", None).unwrap();
    let inputs = add.inputs_for(&["test"], 3).unwrap();
    assert_eq!(inputs[0].body, json!({"tasks": ["test"], "times": 3}));
    render(&actions, add, group, None, &inputs[0].body).unwrap();
}

#[test]
fn real_tag_sets_match_and_do_not() {
    let Some(folder) = real() else { return };
    let read = |name: &str| -> Value {
        let text = std::fs::read(folder.join(format!("{name}.json"))).unwrap();
        serde_json::from_slice(&text).unwrap()
    };
    for (sets, of_task, fits) in [
        ("matchingTagSetList", "matchingTaskTags", true),
        ("mismatchingTagSetList", "mismatchingTaskTags", false),
    ] {
        let file = json!({"version": 1, "actions": [
            {"name": "x", "kind": "hook", "context": read(sets)},
        ]});
        let actions: Actions = serde_json::from_value(file).unwrap();
        let of_task: Tags = serde_json::from_value(read(of_task)).unwrap();
        assert_eq!(actions.find("x", Some(&of_task)).is_ok(), fits, "{sets}");
    }
}
