//! A thousand random schedules of faults: every command ends, with the right status, requests
//! nothing that is there, and what the ledger says is what happened.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mozci_sim::world::{Outcome, TaskRef};
use mozci_sim::{Fault, Faults, World, WorldConfig};
use serde_json::Value;

use crate::world::{JOB, Said, Served};

/// Worlds of 200 pushes, and schedules on each.
const WORLDS: u64 = 10;
const SCHEDULES: u64 = 100;

/// A draw from `0..below`, by seed and place (splitmix64).
fn draw(seed: u64, place: u64, below: u64) -> u64 {
    let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(place << 17 | place);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) % below
}

fn faults(seed: u64) -> Faults {
    let rates = [0.02, 0.05, 0.1, 0.2, 0.4];
    // A third of the schedules has only what passes; of the others each has a few kinds.
    let kinds: Vec<Fault> = match draw(seed, 1, 3) {
        0 => Fault::PASSING.to_vec(),
        _ => {
            let some = Fault::ALL.into_iter().enumerate();
            some.filter(|(i, _)| draw(seed, 100 + *i as u64, 3) == 0).map(|(_, f)| f).collect()
        }
    };
    Faults {
        seed,
        rate: rates[draw(seed, 2, 5) as usize],
        kinds,
        stall: Duration::from_secs(2),
        retry_after: draw(seed, 3, 10) / 9,
    }
}

/// What a command may request: how many runs a push is to have of each job.
struct Asked {
    arguments: Vec<String>,
    want: Option<u32>,
}

fn command(world: &World, seed: u64) -> Asked {
    let pushes = &world.autoland.pushes;
    let push = pushes[pushes.len() - 1 - draw(seed, 10, 150) as usize].id.to_string();
    let job = &world.catalog.jobs[draw(seed, 11, world.catalog.jobs.len() as u64) as usize].label;
    let suite = ["reftest", "xpcshell", "mochitest-plain"][draw(seed, 12, 3) as usize];
    let times = 1 + draw(seed, 13, 3) as u32;
    let text = match draw(seed, 14, 10) {
        0 => format!("pushes --rev {push} --back-revisions 20"),
        1 => format!("jobs --rev {push} --back-revisions 5 --include {suite}"),
        2 => format!("jobs {JOB} --rev {push} --back-revisions 20"),
        3 => "backfill JOB --rev tip --yes".to_owned(),
        4 => format!("backfill {job} --rev {push} --max-revisions 15 --yes"),
        5 => format!("trigger {job} --rev {push} --back-revisions 4 --times {times} --yes"),
        6 => format!("trigger --suite {suite} --tier 1 --rev {push} --times {times} --yes"),
        7 => format!("fill --rev {push} --yes"),
        8 => format!("retrigger --failed --rev {push} --yes"),
        _ => format!("cancel --rev {push} --include {suite} --yes"),
    };
    let want = match text.split(' ').next() {
        Some("trigger") => Some(times),
        Some("backfill" | "fill") => Some(1),
        _ => None,
    };
    let arguments =
        text.split(' ').map(|word| if word == "JOB" { JOB } else { word }.to_owned()).collect();
    Asked { arguments, want }
}

/// Runs that count, by push and job: those that are there, and those that actions are to create.
fn truth(world: &World) -> HashMap<(u64, String), u32> {
    let dynamic = world.dynamic();
    let mut have: HashMap<(u64, String), u32> = HashMap::new();
    for push in 0..world.config.pushes {
        for task in world.tasks_of_push(push, &dynamic) {
            let TaskRef::Job { job, .. } = task else { continue };
            let counts = world.life(task, &dynamic).is_some_and(|life| match life.end() {
                Some((_, Outcome::Exception(_))) => false,
                // One that waits for a build which failed is requested all the same.
                _ => life.state_at(world.clock.now()).word() != "exception",
            });
            if counts {
                let id = world.autoland.pushes[push as usize].id;
                *have.entry((id, world.catalog.jobs[job].label.clone())).or_default() += 1;
            }
        }
    }
    for action in dynamic.actions.iter().filter(|action| !action.applied) {
        let id = world.autoland.pushes[action.push as usize].id;
        let times = action.input()["times"].as_u64().unwrap_or(1) as u32;
        for label in action.input()["tasks"].as_array().into_iter().flatten() {
            *have.entry((id, label.as_str().unwrap().to_owned())).or_default() += times;
        }
    }
    have
}

/// Whether a job has a failed run on a push. What came of trigger requests since may be newer, so that this
/// is looked at only where the world stands still.
fn failed_and_nothing_to_come(world: &World, push: u64, job: &str) -> bool {
    let dynamic = world.dynamic();
    let (place, job) = (world.autoland.by_id(push).unwrap(), world.catalog.find(job).unwrap());
    world.tasks_of_job(place, job, &dynamic).any(|task| {
        let life = world.life(task, &dynamic).unwrap();
        life.runs.iter().any(|run| run.outcome == Outcome::Failed)
    })
}

/// Runs the program, which has to end within a time that only a hang exceeds.
fn bounded(served: &Served, arguments: &[&str]) -> Said {
    let mut all = vec!["120", env!("CARGO_BIN_EXE_mozci")];
    let ours = served.command(arguments);
    let words: Vec<String> =
        ours.get_args().map(|word| word.to_str().unwrap().to_owned()).collect();
    all.extend(words.iter().map(String::as_str));
    let mut timeout = std::process::Command::new("timeout");
    timeout.args(all).env_clear();
    for (key, value) in ours.get_envs() {
        timeout.env(key, value.unwrap());
    }
    Said::new(&timeout.stdin(std::process::Stdio::null()).output().unwrap())
}

/// An answer without what differs from look to look.
fn steady(said: &Said) -> Value {
    let mut json = said.json();
    json.as_object_mut().unwrap().remove("treeherder_behind_seconds");
    json
}

/// One schedule; gives the exit status.
fn one(served: &Served, seed: u64) -> i32 {
    let world = served.world();
    let asked = command(world, seed);
    let mut arguments: Vec<&str> = asked.arguments.iter().map(String::as_str).collect();
    arguments.push("--json");
    let faults = faults(seed);
    let harmless =
        faults.kinds.iter().all(|f| Fault::PASSING.contains(f) || *f == Fault::ExtraField);
    let reads = ["pushes", "jobs"].contains(&arguments[0]);
    let sound = (reads && harmless).then(|| steady(&served.run(&arguments)));
    let before = truth(world);
    served.sim.set_faults(Some(faults.clone()));
    let said = bounded(served, &arguments);
    served.sim.set_faults(None);
    let context = || format!("seed {seed}: {arguments:?} under {faults:?}\n{said:?}");
    // Nothing here is a usage error, not allowed, refused, or cut off for its time; and nothing is
    // not found but the task graph of a push that has none.
    let chooses = arguments[0] == "fill" || arguments[..2] == ["trigger", "--suite"];
    let bare = !served.read_config().contains("treeherder_url");
    let graphless = chooses && {
        let rev = arguments.iter().position(|word| *word == "--rev").unwrap();
        let id: u64 = arguments[rev + 1].parse().unwrap();
        world.decision_outcome(world.autoland.by_id(id).unwrap()) != Some(Outcome::Completed)
    };
    // Without task graphs there is nothing to fill, and a job that did not run there is unknown.
    let expected: &[i32] = match (bare, arguments[0]) {
        (true, "fill") => &[2],
        (true, "pushes" | "cancel") => &[0, 3],
        (true, _) => &[0, 3, 5],
        (false, _) if graphless => &[3, 5],
        (false, _) => &[0, 3],
    };
    assert!(expected.contains(&said.status), "{}", context());
    if said.status == 3 {
        assert!(!said.stderr.is_empty(), "{}", context());
        // Even then nothing was requested that is there.
    }
    if said.stdout.is_empty() {
        return said.status;
    }
    let json = said.json();
    if let Some(sound) = sound.filter(|_| said.status == 0) {
        // What was requested before may have come meanwhile: then there is nothing to compare.
        let still = steady(&served.run(&arguments)) == sound;
        assert!(!still || steady(&said) == sound, "{}", context());
    }
    for request in json["plan"]["requests"].as_array().into_iter().flatten() {
        let push = request["push"]["id"].as_u64().unwrap();
        let job = request["job"].as_str().unwrap().to_owned();
        let have = before.get(&(push, job.clone())).copied().unwrap_or(0);
        if arguments[0] == "retrigger" {
            // Once, and only where the job has failed and nothing is to come.
            assert_eq!(request["times"], 1, "{}", context());
            assert!(
                failed_and_nothing_to_come(world, push, &job),
                "{job} on {push}\n{}",
                context()
            );
        }
        if let Some(want) = asked.want {
            let times = request["times"].as_u64().unwrap() as u32;
            assert!(
                have + times <= want,
                "{have} of {job} on {push} and {times} more\n{}",
                context()
            );
        }
    }
    let mut results = json["results"].as_array().into_iter().flatten();
    // The world's clock is quick: a task may reach its deadline between the plan and its cancelling.
    let is_over = |result: &Value| {
        arguments[0] == "cancel"
            && result["detail"].as_str().is_some_and(|why| why.starts_with("there is nothing left"))
    };
    let all_sent = results.all(|result| result["state"] == "sent" || is_over(result));
    assert!(said.status != 0 || all_sent, "{}", context());
    said.status
}

/// Holds the ledger against what happened, once everything that was unconfirmed can be told.
fn settled(served: &Served) {
    let world = served.world();
    world.clock.advance(150_000);
    let said = served.run(&["requests", "--limit", "100000", "--json"]);
    assert_eq!(said.status, 0, "{said:?}");
    let json = said.json();
    let mut sent: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for request in json["requests"].as_array().unwrap() {
        let state = request["state"].as_str().unwrap();
        assert!(["sent", "not-sent"].contains(&state), "{request}");
        if state == "sent" {
            let action = request["action"].as_str().unwrap().to_owned();
            let task = request["task"].as_str().unwrap().to_owned();
            let new = sent.entry(action.clone()).or_default().insert(task);
            assert!(new || action == "cancelTask", "the same task twice: {request}");
        }
    }
    let dynamic = world.dynamic();
    let happened: BTreeSet<String> = dynamic.actions.iter().map(|a| a.id.to_string()).collect();
    let made: BTreeSet<String> = dynamic.created_ids().map(|id| id.to_string()).collect();
    let created = sent.remove("createTask").unwrap_or_default();
    assert_eq!(created, made, "what was created, and what is there");
    let cancelled: BTreeSet<String> = dynamic
        .cancelled
        .keys()
        .map(|task| dynamic.id_of(world.seed(), *task).to_string())
        .collect();
    let taken_back = sent.remove("cancelTask").unwrap_or_default();
    assert!(cancelled.is_subset(&taken_back), "{cancelled:?} and {taken_back:?}");
    // What is left hooks fired: `add-new-jobs`, and `backfill-task` for a manifest.
    let asked: BTreeSet<String> = sent.into_values().flatten().collect();
    assert_eq!(asked, happened, "what was sent, and what happened");
}

#[test]
fn a_thousand_schedules_of_faults() {
    let statuses: Mutex<BTreeMap<i32, u64>> = Mutex::default();
    let given: Mutex<BTreeMap<Fault, u64>> = Mutex::default();
    let next = AtomicUsize::new(0);
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed) as u64;
            if number >= WORLDS {
                return;
            }
            // In two of the worlds much is under way.
            let live = number % 5 == 4;
            let served = Served::of(WorldConfig {
                seed: 1000 + number,
                pushes: 200,
                newest_minutes_ago: if live { 20 } else { 600 },
                speed: if live { 60.0 } else { 5_000.0 },
                treeherder_lag: if number % 3 == 2 { 20.0 } else { 1.0 },
                ..WorldConfig::default()
            });
            // In two others there is no Treeherder, and runs are repeated by clones.
            let bare = number % 5 == 3;
            let config = if bare { crate::plain::config(&served) } else { served.config() };
            let config = config.replace("retry_seconds = 0.01\n", "").replace(
                "poll_seconds",
                "timeout_seconds = 0.7\nretry_seconds = 0.005\npoll_seconds",
            );
            let guards = "[guards]\nruns_per_plan = 100000\nruns_per_day = 1000000\n";
            served.write_config(&format!("{config}{guards}"));
            for schedule in 0..SCHEDULES {
                let status = one(&served, number * SCHEDULES + schedule);
                *statuses.lock().unwrap().entry(status).or_default() += 1;
            }
            settled(&served);
            for (fault, count) in served.sim.faults_given() {
                *given.lock().unwrap().entry(fault).or_default() += count;
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(work);
        }
    });
    let (statuses, given) = (statuses.into_inner().unwrap(), given.into_inner().unwrap());
    eprintln!("exit statuses {statuses:?}, faults met {given:?}");
    assert_eq!(statuses.values().sum::<u64>(), WORLDS * SCHEDULES);
    assert!(statuses[&0] > statuses[&3], "most commands get through: {statuses:?}");
    assert_eq!(given.len(), Fault::ALL.len(), "every fault was met: {given:?}");
}
