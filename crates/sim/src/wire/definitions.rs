//! Task definitions and statuses as the queue has them.

use serde_json::{Map, Value, json};

use super::reply::iso;
use crate::world::{
    ActionTask, Catalog, Dynamic, JobKind, Life, Outcome, SUITES, SimPush, TaskRef, TaskState,
    Tree, World,
};

pub(super) const DAY: i64 = 86_400_000;

/// The hook that every action goes through.
pub(super) const HOOK_GROUP: &str = "project-gecko";
pub(super) const HOOK_ID: &str = "in-tree-action-3-generic/5f1e9a7c20";

/// The commit that the world shows under a place that it does not have, for totality.
pub(super) fn push_of(world: &World, task: TaskRef) -> &SimPush {
    &world.autoland.pushes[task.push() as usize]
}

/// Pool of a task: provisioner and worker type.
fn pool(world: &World, task: TaskRef) -> (&'static str, &'static str) {
    match task {
        TaskRef::Decision { .. } | TaskRef::Action { .. } => ("gecko-3", "decision"),
        TaskRef::Mark { .. } => ("built-in", "succeed"),
        TaskRef::Job { job, .. } => match world.catalog.jobs[job].kind {
            JobKind::Build => ("gecko-3", "b-linux-amd"),
            _ => ("gecko-t", "t-linux-docker-noscratch-amd"),
        },
    }
}

/// `queue.status`
pub(super) fn status(world: &World, task: TaskRef, life: &Life, dynamic: &Dynamic) -> Value {
    status_at(world, task, life, dynamic, world.clock.now())
}

/// A task's status as it is, or was, at a simulated instant.
pub(super) fn status_at(
    world: &World,
    task: TaskRef,
    life: &Life,
    dynamic: &Dynamic,
    now: i64,
) -> Value {
    let shown = |at: i64| iso(world.clock.shown(at));
    let (provisioner, worker) = pool(world, task);
    let given_group = dynamic.definition_of(task).and_then(|given| given["taskGroupId"].as_str());
    let seen: Vec<_> = life.runs_at(now).collect();
    let mut runs = Vec::new();
    for (n, (run, state)) in seen.iter().enumerate() {
        let mut entry = Map::new();
        entry.insert("runId".into(), json!(n));
        entry.insert("state".into(), json!(state.word()));
        let reruns = dynamic.reruns.get(&task).map_or(&[][..], Vec::as_slice);
        let created = match run {
            // One that was cancelled before it was ever scheduled.
            run if run.started.is_none() && run.resolved == run.scheduled => "exception",
            run if reruns.contains(&run.scheduled) => "rerun",
            _ if n == 0 => "scheduled",
            _ => "retry",
        };
        entry.insert("reasonCreated".into(), json!(created));
        if let TaskState::Resolved(outcome) = state {
            let reason = match outcome {
                Outcome::Completed => "completed",
                Outcome::Failed => "failed",
                Outcome::Exception(reason) => reason,
            };
            entry.insert("reasonResolved".into(), json!(reason));
        }
        if let Some(started) = run.started.filter(|started| *started <= now) {
            entry.insert("workerGroup".into(), json!("sim"));
            entry.insert("workerId".into(), json!("sim-1"));
            entry.insert("takenUntil".into(), json!(shown(started + 1_200_000)));
            entry.insert("scheduled".into(), json!(shown(run.scheduled)));
            entry.insert("started".into(), json!(shown(started)));
        } else {
            entry.insert("scheduled".into(), json!(shown(run.scheduled)));
        }
        if matches!(state, TaskState::Resolved(_)) {
            entry.insert("resolved".into(), json!(shown(run.resolved)));
        }
        runs.push(Value::Object(entry));
    }
    if runs.is_empty()
        && let TaskState::Resolved(_) = life.state_at(now)
    {
        runs.push(json!({
            "runId": 0, "state": "exception", "reasonCreated": "exception",
            "reasonResolved": "deadline-exceeded",
            "scheduled": shown(life.deadline), "resolved": shown(life.deadline),
        }));
    }
    json!({
        "taskId": dynamic.id_of(world.seed(), task),
        "provisionerId": provisioner,
        "workerType": worker,
        "taskQueueId": format!("{provisioner}/{worker}"),
        "schedulerId": "gecko-level-3",
        "projectId": "none",
        "taskGroupId": given_group.map_or_else(|| group(world, task), str::to_owned),
        "priority": "low",
        "deadline": shown(life.deadline),
        "expires": shown(life.created + 365 * DAY),
        "retriesLeft": 5 - (runs.len() as i64 - 1).clamp(0, 5),
        "state": life.state_at(now).word(),
        "runs": runs,
    })
}

/// The group of a task: its push's decision task.
pub(super) fn group(world: &World, task: TaskRef) -> String {
    TaskRef::Decision { push: task.push() }.id(world.seed()).to_string()
}

/// `queue.task`
pub(super) fn definition(world: &World, task: TaskRef, life: &Life, dynamic: &Dynamic) -> Value {
    if let Some(given) = dynamic.definition_of(task) {
        return given.clone();
    }
    let push = push_of(world, task);
    let (provisioner, worker) = pool(world, task);
    let shown = |at: i64| iso(world.clock.shown(at));
    let (node, project) = (push.node(), &world.autoland.name);
    let repo_url = format!("https://hg.example.org/{}", world.autoland.path);
    let mut dependencies = Vec::new();
    let mut scopes: Vec<&str> = Vec::new();
    let mut routes = vec![format!("tc-treeherder.v2.{project}.{node}")];
    let mut env = Map::new();
    env.insert("GECKO_HEAD_REV".into(), json!(node));
    env.insert("GECKO_HEAD_REPOSITORY".into(), json!(repo_url));
    env.insert("MOZ_SCM_LEVEL".into(), json!("3"));
    let (name, description, command, mut tags, extra);
    match task {
        // A mark has the definition that it was created with.
        TaskRef::Decision { .. } | TaskRef::Mark { .. } => {
            name = "Gecko Decision Task".to_owned();
            description = "The task that creates all of the other tasks in the task graph".into();
            command = json!(["./mach", "taskgraph", "decision"]);
            if world.config.tree != Tree::WithoutScopes {
                scopes.push("assume:repo:hg.mozilla.org/integration/autoland:branch:default");
            }
            let index = format!("index.gecko.v2.{project}.revision.{node}.taskgraph.decision");
            routes.push(index);
            routes.push(format!("index.gecko.v2.{project}.pushlog-id.{}.decision", push.id));
            tags = json!({"kind": "decision-task"});
            extra = json!({
                "index": {"rank": push.date},
                "tasks_for": "hg-push",
                "treeherder": treeherder("D", "?", "gecko-decision", None, "other"),
            });
        }
        TaskRef::Action { n, .. } => {
            let found = dynamic.actions_of(push_index(task)).nth(usize::from(n));
            let (action_name, title, symbol, context, client) = match found {
                Some((_, action)) => action_fields(action),
                None => ("", "", "", Value::Null, ""),
            };
            name = format!("Action: {title}");
            description = format!("Action triggered by clientID `{client}`");
            command = json!(["./mach", "taskgraph", "action-callback"]);
            env.insert("ACTION_INPUT".into(), json!(context["input"].to_string()));
            env.insert("ACTION_TASK_ID".into(), json!(context["taskId"].to_string()));
            env.insert("ACTION_TASK_GROUP_ID".into(), context["taskGroupId"].clone());
            let callback = found.map_or("", |(_, action)| action.name());
            env.insert("ACTION_CALLBACK".into(), json!(callback));
            let own = task.id(world.seed());
            let base = format!("index.gecko.v2.{project}.revision.{node}.taskgraph.actions");
            routes.push(format!("{base}.{own}"));
            routes.push(format!("index.gecko.v2.{project}.pushlog-id.{}.actions.{own}", push.id));
            tags = json!({"kind": "action-callback", "action": action_name});
            let mut shown = treeherder(symbol, "AC", "gecko-decision", None, "other");
            shown["groupName"] = json!("Action task");
            extra = json!({
                "action": {"name": action_name, "context": context},
                "parent": group(world, task),
                "tasks_for": "action",
                "treeherder": shown,
            });
        }
        TaskRef::Job { job, n, .. } => {
            let entry = &world.catalog.jobs[job];
            name = entry.label.clone();
            description = format!("{} of a simulated {project}", entry.label);
            command = json!(["run-task", "--", entry.kind.word()]);
            if let Some(build) = entry.build {
                let built = world.tasks_of_job(push_index(task), build, dynamic).next();
                dependencies
                    .extend(built.map(|built| dynamic.id_of(world.seed(), built).to_string()));
            }
            if entry.kind == JobKind::Build {
                let product = format!("firefox.{}-{}", entry.platform, entry.option);
                routes.push(format!("index.gecko.v2.{project}.revision.{node}.{product}"));
            }
            tags = json!({"kind": entry.kind.word(), "label": entry.label, "retrigger": "true"});
            if let Some((suite, chunk)) = entry.chunk {
                let manifests: Vec<String> = world
                    .given(push_index(task), job, n, dynamic)
                    .into_iter()
                    .map(|manifest| Catalog::manifest_name(suite, manifest))
                    .collect();
                let paths = json!({SUITES[suite].name: manifests}).to_string();
                env.insert("MOZHARNESS_TEST_PATHS".into(), json!(paths));
                tags["test-type"] = json!(SUITES[suite].family);
                tags["test-suite"] = json!(SUITES[suite].name);
                tags["tests_grouped"] = json!("1");
                let mut shown = treeherder(
                    &entry.symbols.0,
                    entry.symbols.1,
                    entry.platform,
                    Some(entry.option),
                    "test",
                );
                shown["groupName"] = json!(SUITES[suite].name);
                extra = json!({
                    "suite": SUITES[suite].name,
                    "chunks": {"current": chunk, "total": world.catalog.chunks},
                    "parent": group(world, task),
                    "treeherder-platform": format!("{}/{}", entry.platform, entry.option),
                    "treeherder": shown,
                    "index": {"rank": push.date},
                    "test-setting": {
                        "_hash": &node[..12],
                        "build": {"type": entry.option},
                        "runtime": {},
                        "platform": {"arch": "64", "os": {"name": "linux", "version": "2404"}},
                    },
                });
            } else {
                extra = json!({
                    "index": {"rank": push.date},
                    "parent": group(world, task),
                    "treeherder-platform": format!("{}/{}", entry.platform, entry.option),
                    "treeherder": treeherder(&entry.symbols.0, entry.symbols.1, entry.platform, Some(entry.option), "build"),
                });
            }
        }
    }
    let mut extra = extra;
    if let TaskRef::Job { job, .. } = task {
        extra["treeherder"]["tier"] = json!(world.catalog.jobs[job].tier());
    }
    tags["os"] = json!("linux");
    tags["project"] = json!(project);
    tags["createdForUser"] = json!(push.user);
    tags["worker-implementation"] = json!("docker-worker");
    json!({
        "provisionerId": provisioner,
        "workerType": worker,
        "taskQueueId": format!("{provisioner}/{worker}"),
        "schedulerId": "gecko-level-3",
        "projectId": "none",
        "taskGroupId": group(world, task),
        "dependencies": dependencies,
        "requires": "all-completed",
        "routes": routes,
        "priority": "low",
        "retries": 5,
        "created": shown(life.created),
        "deadline": shown(life.deadline),
        "expires": shown(life.created + 365 * DAY),
        "scopes": scopes,
        "payload": {"env": env, "command": command, "maxRunTime": 5400},
        "metadata": {
            "name": name,
            "owner": push.user,
            "source": format!("{repo_url}/file/{node}/taskcluster"),
            "description": description,
        },
        "tags": tags,
        "extra": extra,
    })
}

fn push_index(task: TaskRef) -> u32 {
    task.push()
}

fn treeherder(
    symbol: &str,
    group: &str,
    platform: &str,
    option: Option<&str>,
    kind: &str,
) -> Value {
    let mut shown = json!({
        "tier": 1,
        "symbol": symbol,
        "jobKind": kind,
        "machine": {"platform": platform},
        "groupSymbol": group,
    });
    if let Some(option) = option {
        shown["collection"] = json!({option: true});
        shown["platform"] = json!(format!("{platform}/{option}"));
    }
    shown
}

fn action_fields(action: &ActionTask) -> (&str, &str, &str, Value, &str) {
    let field = |name: &str| action.payload["decision"]["action"][name].as_str().unwrap_or("");
    let user = &action.payload["user"];
    let context = json!({
        "input": user["input"],
        "taskId": user["taskId"],
        "taskGroupId": user["taskGroupId"],
    });
    (field("name"), field("title"), field("symbol"), context, action.client.as_str())
}
