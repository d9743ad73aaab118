//! The other artifacts of decision and action tasks.

use serde_json::{Map, Value, json};

use super::actions::actions;
use super::evidence::{TestRun, build_log};
use crate::Tree;
use crate::world::{Catalog, Dynamic, Ran, RunLife, TaskRef, World};

/// Everything that can run on a push, by label.
fn graph(world: &World, push: u32, labels: impl Iterator<Item = usize>) -> Value {
    let node = world.autoland.pushes[push as usize].node();
    let mut graph = Map::new();
    for job in labels {
        let entry = &world.catalog.jobs[job];
        let mut dependencies = Map::new();
        if let Some(build) = entry.build {
            dependencies.insert("build".into(), json!(world.catalog.jobs[build].label));
        }
        let mut attributes = json!({"kind": entry.kind.word(), "retrigger": true});
        if let Some((suite, chunk)) = entry.chunk {
            let manifests: Vec<String> = world
                .catalog
                .manifests_of(world.seed(), job, push)
                .into_iter()
                .map(|manifest| Catalog::manifest_name(suite, manifest))
                .collect();
            attributes["test_manifests"] = json!(manifests);
            attributes["test_chunk"] = json!(chunk.to_string());
            attributes["test_platform"] = json!(format!("{}/{}", entry.platform, entry.option));
            attributes["unittest_suite"] = json!(crate::world::SUITES[suite].name);
        }
        attributes["build_type"] = json!(entry.option);
        // A test has the platform of its build.
        let build =
            entry.build.map_or(entry.label.as_str(), |build| &world.catalog.jobs[build].label);
        if let Some((platform, _)) = build.strip_prefix("build-").and_then(|b| b.split_once('/')) {
            attributes["build_platform"] = json!(platform);
        }
        graph.insert(
            entry.label.clone(),
            json!({
                "label": entry.label,
                "kind": entry.kind.word(),
                "description": format!("{} of a simulated {}", entry.label, world.autoland.name),
                "attributes": attributes,
                "dependencies": dependencies,
                "soft_dependencies": [],
                "if_dependencies": [],
                "optimization": null,
                "task": {
                    "metadata": {"name": entry.label},
                    "payload": {"env": {"GECKO_HEAD_REV": node}, "maxRunTime": 5400},
                    "extra": {
                        "treeherder": {"tier": entry.tier(), "symbol": entry.symbols.0},
                        "treeherder-platform": format!("{}/{}", entry.platform, entry.option),
                    },
                    "tags": {"kind": entry.kind.word(), "label": entry.label},
                },
            }),
        );
    }
    Value::Object(graph)
}

/// The names of the artifacts of one run of a task.
pub(super) fn names(
    world: &World,
    task: TaskRef,
    run: (usize, &RunLife),
    dynamic: &Dynamic,
) -> Vec<(String, &'static str)> {
    let json = "application/json";
    let mut names: Vec<(String, &'static str)> = match task {
        TaskRef::Decision { .. } => [
            "public/actions.json",
            "public/full-task-graph.json",
            "public/label-to-taskid.json",
            "public/target-tasks.json",
            "public/task-graph.json",
        ]
        .into_iter()
        .map(|name| (name.to_owned(), json))
        .chain([("public/parameters.yml".to_owned(), "application/yaml")])
        .collect(),
        TaskRef::Action { push, n } if ran(push, n, dynamic).is_some() => {
            let files = ran(push, n, dynamic).into_iter().flat_map(|ran| ran.files.keys());
            files.map(|file| (format!("public/{file}"), json)).collect()
        }
        TaskRef::Action { push, n } => {
            let made =
                dynamic.actions_of(push).nth(usize::from(n)).map_or(0, |(_, a)| a.made.len());
            // One file where it was done once, one a time otherwise.
            let files = |stem: &str| -> Vec<String> {
                match made {
                    0 => vec![],
                    _ if world.config.tree == Tree::MergedRecords => {
                        vec![format!("public/{stem}.json")]
                    }
                    1 => vec![format!("public/{stem}.json")],
                    times => (0..times).map(|time| format!("public/{stem}-{time}.json")).collect(),
                }
            };
            let all = files("label-to-taskid").into_iter().chain(files("to-run"));
            all.map(|name| (name, json)).collect()
        }
        TaskRef::Mark { .. } => Vec::new(),
        TaskRef::Job { .. } => {
            let of_tests =
                test_run(world, task, run, dynamic).map(|run| run.names()).unwrap_or_default();
            of_tests.into_iter().map(|name| (name, "text/plain; charset=utf-8")).collect()
        }
    };
    names.push(("public/logs/live_backing.log".to_owned(), "text/plain; charset=utf-8"));
    names.sort();
    names
}

/// What became of the program that is an action's callback, where one is.
fn ran(push: u32, n: u8, dynamic: &Dynamic) -> Option<&Ran> {
    dynamic.actions_of(push).nth(usize::from(n))?.1.ran.as_ref()
}

/// A run of a test job; none of other tasks.
fn test_run(
    world: &World,
    task: TaskRef,
    (number, run): (usize, &RunLife),
    dynamic: &Dynamic,
) -> Option<TestRun> {
    let TaskRef::Job { push, job, n } = task else { return None };
    let (suite, _) = world.catalog.jobs[job].chunk?;
    Some(TestRun {
        push,
        job,
        n,
        run: number as u32,
        outcome: run.outcome,
        started: run.started.unwrap_or(run.scheduled),
        suite,
        manifests: world.given(push, job, n, dynamic),
    })
}

/// An artifact's content, where the task has it.
pub(super) fn content(
    world: &World,
    task: TaskRef,
    run: (usize, &RunLife),
    name: &str,
    dynamic: &Dynamic,
) -> Option<(&'static str, Vec<u8>)> {
    let kind = names(world, task, run, dynamic).into_iter().find(|(known, _)| known == name)?.1;
    let file = name.strip_prefix("public/")?;
    let replaced = dynamic.files.get(file).filter(|_| matches!(task, TaskRef::Decision { .. }));
    if let Some(text) = replaced {
        return Some((kind, text.clone().into_bytes()));
    }
    if let TaskRef::Action { push, n } = task
        && let Some(ran) = ran(push, n, dynamic)
    {
        let content = match file {
            "logs/live_backing.log" => ran.log.clone().into_bytes(),
            file => ran.files.get(file)?.clone(),
        };
        return Some((kind, content));
    }
    let value = match (task, file) {
        (TaskRef::Job { .. }, _) => {
            let text = match test_run(world, task, run, dynamic) {
                Some(of_test) => of_test.content(world, name)?,
                None => build_log(world, run.1.outcome, run.1.started.unwrap_or(run.1.scheduled)),
            };
            return Some((kind, text.into_bytes()));
        }
        (_, "logs/live_backing.log") => {
            let log = format!(
                "[taskcluster 2026-01-01 00:00:00.000Z] Task ID: {}\n",
                task.id(world.seed())
            );
            return Some((kind, log.into_bytes()));
        }
        (TaskRef::Decision { push }, "actions.json") => actions(world, push),
        (TaskRef::Decision { push }, "full-task-graph.json") => {
            graph(world, push, 0..world.catalog.jobs.len())
        }
        (TaskRef::Decision { push }, "task-graph.json") => {
            graph(world, push, scheduled(world, push))
        }
        (TaskRef::Decision { push }, "target-tasks.json") => {
            scheduled(world, push).map(|job| json!(world.catalog.jobs[job].label)).collect()
        }
        (TaskRef::Decision { push }, "label-to-taskid.json") => scheduled(world, push)
            .map(|job| {
                let id = TaskRef::Job { push, job, n: 0 }.id(world.seed());
                (world.catalog.jobs[job].label.clone(), json!(id))
            })
            .collect::<Map<String, Value>>()
            .into(),
        (TaskRef::Decision { push }, "parameters.yml") => {
            let entry = &world.autoland.pushes[push as usize];
            let text = format!(
                "---\nhead_rev: \"{}\"\nlevel: \"3\"\nproject: \"{}\"\npushdate: {}\npushlog_id: \"{}\"\n",
                entry.node(),
                world.autoland.name,
                entry.date,
                entry.id
            );
            return Some((kind, text.into_bytes()));
        }
        (TaskRef::Action { push, n }, file) => {
            let (_, action) = dynamic.actions_of(push).nth(usize::from(n))?;
            let stem = file.strip_suffix(".json")?;
            let (stem, time) = match stem.rsplit_once('-').map(|(s, n)| (s, n.parse::<usize>())) {
                Some((short, Ok(time))) => (short, time),
                _ => (stem, 0),
            };
            let merged;
            let made = match world.config.tree {
                Tree::MergedRecords => {
                    let all = action.made.iter().flatten();
                    merged = all.map(|(job, task)| (job.clone(), *task)).collect();
                    &merged
                }
                _ => action.made.get(time)?,
            };
            match stem {
                "label-to-taskid" => json!(made),
                _ => json!(made.keys().collect::<Vec<_>>()),
            }
        }
        _ => return None,
    };
    Some((kind, value.to_string().into_bytes()))
}

fn scheduled(world: &World, push: u32) -> impl Iterator<Item = usize> + '_ {
    (0..world.catalog.jobs.len()).filter(move |job| world.scheduled(push, *job))
}
