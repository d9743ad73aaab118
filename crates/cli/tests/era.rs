//! The Buildbot farm of 2011 to 2017 over the simulator: what BuildAPI lists, dumps tell and
//! allthethings.json has.

use std::collections::BTreeMap;
use std::io::{Read, Write};

use flate2::read::GzDecoder;
use flate2::{Compression, write::GzEncoder};
use mozci_sim::{ERA_LOGIN, WorldConfig};
use serde_json::{Value, json};

use crate::world::{JOB, Said, Served};

/// The builder that JOB is there.
pub(crate) const BUILDER: &str = "Ubuntu VM 12.04 x64 autoland opt test mochitest-1";
const BUILD: &str = "Linux x86-64 autoland build";

/// A world whose pushes ended by now, so that the dumps have all of them.
pub(crate) fn farm() -> Served {
    let world = WorldConfig { newest_minutes_ago: 900, speed: 20_000.0, ..WorldConfig::default() };
    let served = Served::of(world);
    configure(&served, "", true);
    served
}

fn configure(served: &Served, more: &str, signs_in: bool) {
    let urls = &served.sim.urls;
    let (user, password) = ERA_LOGIN;
    let login = json!(["echo", json!({"user": user, "password": password}).to_string()]);
    let login = if signs_in { format!("credentials_command = {login}\n") } else { String::new() };
    served.write_config(&format!(
        "{}[ci.era]\nkind = \"buildapi\"\nurl = \"{th}/buildapi/self-serve\"\nbuildjson_url = \"{th}/buildjson\"\n\
         allthethings = \"{th}/allthethings.json\"\npoll_seconds = 0.05\nrequests_per_minute = 100000\n{login}{more}\
         [ci.era.repos.autoland]\npushlog = \"hg\"\nurl = \"{}/integration/autoland\"\n\
         [ci.era.repos.other]\npushlog = \"hg\"\nurl = \"{}/mozilla-central\"\nbranch = \"mozilla-central\"\n",
        served.config(),
        urls.hg,
        urls.hg,
        th = urls.treeherder,
    ));
}

fn era(served: &Served, arguments: &[&str]) -> Said {
    served.run(&[&["--ci", "era", "--repo", "autoland"], arguments].concat())
}

pub(crate) fn ok(said: Said) -> Said {
    assert_eq!(said.status, 0, "{said:?}");
    said
}

/// The states of a job's runs, by push.
fn states(json: &Value, job: &str) -> BTreeMap<u64, Vec<String>> {
    let pushes = json["pushes"].as_array().unwrap().iter();
    let of = |push: &Value| {
        let jobs = push["jobs"].as_object().unwrap();
        let runs = jobs.get(job).and_then(|job| job["runs"].as_array().or(job.as_array())).cloned();
        runs.unwrap_or_default().iter().map(|r| r["state"].as_str().unwrap().to_owned()).collect()
    };
    pushes.map(|push| (push["id"].as_u64().unwrap(), of(push))).collect()
}

#[test]
fn it_tells_the_same_of_the_same_runs_as_taskcluster() {
    let served = farm();
    let range = ["jobs", "--rev", "tip", "--back-revisions", "30", "--json"];
    let there = ok(era(&served, &[&range[..], &[BUILDER]].concat())).json();
    let here = ok(served.run(&[&range[..], &[JOB]].concat())).json();
    let (there, here) = (states(&there, BUILDER), states(&here, JOB));
    assert_eq!(there.len(), 31);
    let (mut compared, mut coalesced) = (0, 0);
    for (push, runs) in &here {
        let mut others = there[push].clone();
        coalesced += others.iter().filter(|state| *state == "coalesced").count();
        others.retain(|state| state != "coalesced");
        let known = |state: &String| state == "passed" || state == "failed";
        let runs: Vec<&String> = runs.iter().filter(|state| known(state)).collect();
        let others: Vec<&String> = others.iter().filter(|state| known(state)).collect();
        assert_eq!(runs, others, "push {push}");
        compared += runs.len();
    }
    assert!(compared > 4 && coalesced > 3, "{here:?} {there:?}");
}

#[test]
fn holes_are_filled_and_asked_for_once() {
    let served = farm();
    let arguments = ["backfill", BUILDER, "--rev", "tip", "--json"];
    let dry = ok(era(&served, &[&arguments[..], &["--dry-run"]].concat())).json();
    let requests = dry["plan"]["requests"].as_array().unwrap();
    assert!(requests.len() > 3, "{dry}");
    // A build that is missing is requested once, and starts its tests.
    let builds: Vec<&Value> = requests.iter().filter(|r| r["job"] == BUILD).collect();
    for build in &builds {
        assert_eq!(build["times"], 1);
        let out = dry["plan"]["left_out"].as_array().unwrap();
        assert!(
            out.iter().any(|one| one["push"] == build["push"] && one["job"] == BUILDER),
            "{dry}"
        );
    }
    let done = ok(era(&served, &[&arguments[..], &["--yes", "--wait"]].concat())).json();
    let outcomes = done["outcomes"].as_array().unwrap();
    assert_eq!(outcomes.len(), requests.len(), "{done}");
    assert!(outcomes.iter().all(|outcome| outcome["done"] == true), "{done}");
    let again = ok(era(&served, &[&arguments[..], &["--dry-run"]].concat())).json();
    let left: Vec<&Value> = again["plan"]["requests"].as_array().unwrap().iter().collect();
    assert!(left.is_empty(), "{again}");
}

#[test]
fn a_test_gets_the_files_of_its_build_and_a_run_is_asked_for_again() {
    let served = farm();
    let trigger = |times: &str, more: &[&str]| {
        let arguments = ["trigger", BUILDER, "--rev", "tip", "--json", "--times", times];
        ok(era(&served, &[&arguments[..], more].concat())).json()
    };
    let again = trigger("3", &["--dry-run"]);
    assert!(again["plan"]["requests"][0]["again"].is_u64(), "{again}");
    trigger("3", &["--yes", "--wait"]);
    assert_eq!(trigger("3", &["--dry-run"])["plan"]["requests"], json!([]));
    // Where only others' builds carried its request it is requested again, with the build's files.
    let range = ["jobs", BUILDER, "--rev", "tip", "--back-revisions", "25", "--json"];
    let jobs = ok(era(&served, &range)).json();
    let coalesced: Vec<u64> = states(&jobs, BUILDER)
        .into_iter()
        .filter(|(_, states)| states == &["coalesced"])
        .map(|(push, _)| push)
        .collect();
    let planned: Vec<Value> = coalesced
        .iter()
        .map(|push| {
            let rev = push.to_string();
            let arguments = ["trigger", BUILDER, "--rev", &rev, "--json", "--dry-run"];
            ok(era(&served, &arguments)).json()["plan"].clone()
        })
        .collect();
    let with_files = planned.iter().any(|plan| {
        let files = plan["requests"][0]["self_serve"]["files"].as_array();
        files.is_some_and(|files| files.len() == 2)
    });
    assert!(with_files, "{planned:?}");
}

/// BuildAPI's lists are two minutes old: what was requested is not in them yet, and not requested again.
#[test]
fn what_no_list_shows_yet_is_not_asked_for_twice() {
    let world = WorldConfig { newest_minutes_ago: 900, speed: 1.0, ..WorldConfig::default() };
    let served = Served::of(world);
    configure(&served, "", true);
    let planned = |rev: &str, more: &[&str]| {
        let arguments = ["trigger", BUILDER, "--rev", rev, "--times", "2", "--json"];
        let json = ok(era(&served, &[&arguments[..], more].concat())).json();
        json["plan"]["requests"].as_array().unwrap().len()
    };
    assert_eq!(planned("tip", &["--yes"]), 1);
    assert_eq!(planned("tip", &["--dry-run"]), 0);
    // Where the build has to be requested first.
    let dry = ["backfill", BUILDER, "--rev", "tip", "--json", "--dry-run"];
    let plan = ok(era(&served, &dry)).json()["plan"].clone();
    let build = plan["requests"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["job"] == BUILD)
        .unwrap()
        .clone();
    let rev = build["push"]["revision"].as_str().unwrap().to_owned();
    let one = |job: &str, more: &[&str]| {
        let arguments = ["trigger", job, "--rev", &rev, "--json"];
        let json = ok(era(&served, &[&arguments[..], more].concat())).json();
        json["plan"]["requests"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["job"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(one(BUILDER, &["--yes"]), [BUILD]);
    assert!(one(BUILDER, &["--yes"]).is_empty());
    // Nor for the sake of another test that depends on it.
    let other = BUILDER.replace("mochitest-1", "xpcshell-2");
    assert!(one(&other, &["--yes"]).is_empty());
    assert_eq!(served.askings("sent"), 2);
}

/// A finished build whose files are gone is made again once, and is on its way while it runs.
#[test]
fn a_build_that_is_made_again_is_waited_for() {
    let world = WorldConfig { newest_minutes_ago: 900, speed: 1.0, ..WorldConfig::default() };
    let served = Served::of(world);
    configure(&served, "", true);
    // Files are kept of the newest thirty pushes: older ones whose build passed.
    let jobs = ["jobs", BUILD, "--rev", "tip", "--back-revisions", "50", "--json"];
    let built = states(&ok(era(&served, &jobs)).json(), BUILD);
    let (push, _) = built.iter().find(|(_, runs)| runs.as_slice() == ["passed"]).unwrap();
    let rev = push.to_string();
    let ask = || {
        let arguments = ["trigger", BUILDER, "--rev", &rev, "--times", "7", "--yes", "--json"];
        let plan = ok(era(&served, &arguments)).json()["plan"].clone();
        let builds = plan["requests"].as_array().unwrap().iter().filter(|one| one["job"] == BUILD);
        (builds.count(), plan["waits_for"].as_array().unwrap().len())
    };
    assert_eq!(ask(), (1, 1));
    assert_eq!(ask(), (0, 1));
    // It is listed by now, and runs.
    served.world().clock.advance(400_000);
    let states = states(&ok(era(&served, &jobs)).json(), BUILD);
    assert!(states[push].len() == 2 && !states[push].contains(&"failed".to_owned()), "{states:?}");
    assert_eq!(ask(), (0, 1));
    assert_eq!(served.askings("sent"), 1);
    let followed =
        served.ledger().query_row("SELECT task FROM askings", [], |row| row.get::<_, String>(0));
    let followed = followed.unwrap();
    assert!(followed.starts_with("self-serve/"), "{followed}");
}

#[test]
fn who_may_not_is_told_so_and_nothing_was_sent() {
    let served = farm();
    configure(&served, "", false);
    let said = era(&served, &["jobs", "--rev", "tip"]);
    assert_eq!(said.status, 4, "{said:?}");
    let mut command =
        served.command(&["--ci", "era", "--repo", "autoland", "jobs", "--rev", "tip"]);
    command.env("BUILDAPI_USER", ERA_LOGIN.0).env("BUILDAPI_PASSWORD", "wrong");
    let said = Said::new(&command.output().unwrap());
    assert_eq!(said.status, 4, "{said:?}");
    assert!(!said.whole().contains("wrong"), "{said:?}");
    let mut command =
        served.command(&["--ci", "era", "--repo", "autoland", "jobs", "--rev", "tip"]);
    let half = Said::new(&command.env("BUILDAPI_USER", "me").output().unwrap());
    assert_eq!(half.status, 4, "{half:?}");
    assert!(half.stderr.contains("BUILDAPI_PASSWORD"), "{half:?}");
}

#[test]
fn what_runs_is_taken_back_and_everything_else_works_as_elsewhere() {
    let world = WorldConfig { newest_minutes_ago: 900, speed: 30.0, ..WorldConfig::default() };
    let served = Served::of(world);
    configure(&served, "", true);
    let asked = ok(era(&served, &["trigger", BUILDER, "--rev", "tip", "--times", "2", "--yes"]));
    assert!(asked.stdout.contains("requested"), "{asked:?}");
    // Until a list shows it.
    served.world().clock.advance(5_000);
    let cancelled =
        ok(era(&served, &["cancel", BUILDER, "--rev", "tip", "--yes", "--json"])).json();
    assert_eq!(cancelled["results"].as_array().unwrap().len(), 1, "{cancelled}");
    let jobs = ok(era(&served, &["jobs", BUILDER, "--rev", "tip", "--json"])).json();
    let states: Vec<String> = states(&jobs, BUILDER).into_values().flatten().collect();
    assert!(states.contains(&"cancelled".to_owned()), "{states:?}");
    let doctor = ok(era(&served, &["doctor", "--json"])).json();
    let checks = doctor["checks"].as_array().unwrap().iter();
    assert!(checks.into_iter().all(|check| check["health"] == "ok"), "{doctor}");
    let coalesced = ["retrigger", "--rev", "1036", "--coalesced", "--dry-run", "--json"];
    let plan = ok(era(&served, &coalesced)).json();
    assert!(!plan["plan"]["requests"].as_array().unwrap().is_empty(), "{plan}");
    let fill = ok(era(&served, &["fill", "--rev", "1036", "--dry-run", "--json"])).json();
    assert!(!fill["plan"]["requests"].as_array().unwrap().is_empty(), "{fill}");
}

#[test]
fn a_test_that_seldom_runs_is_looked_for_further_back() {
    let served = farm();
    let debug = BUILDER.replace(" opt ", " debug ");
    let said = era(&served, &["backfill", &debug, "--rev", "tip", "--dry-run"]);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.stderr.contains("runs every 7 pushes"), "{said:?}");
}

#[test]
fn names_that_lead_nowhere_or_elsewhere_are_said() {
    let served = farm();
    let jobs = |name: &str| era(&served, &["backfill", name, "--rev", "tip", "--dry-run"]);
    let slip = jobs("Ubuntu VM 12.04 x64 autoland opt test mochitset-1");
    assert_eq!(slip.status, 5, "{slip:?}");
    assert!(slip.stderr.contains(BUILDER), "{slip:?}");
    let other = jobs("Ubuntu VM 12.04 x64 mozilla-central opt test mochitest-1");
    assert_eq!(other.status, 2, "{other:?}");
    assert!(other.stderr.contains("--repo other"), "{other:?}");
    let both = jobs("Ubuntu autoland mozilla-central opt test x mozilla-central autoland x");
    assert_eq!(both.status, 2, "{both:?}");
    assert!(both.stderr.contains("may be of autoland or of other"), "{both:?}");
}

fn gunzip(bytes: &[u8]) -> String {
    let mut text = String::new();
    GzDecoder::new(bytes).read_to_string(&mut text).unwrap();
    text
}

/// Archives what the farm has of the days of its pushes; gives the days.
fn archive(served: &Served, folder: &std::path::Path) -> Vec<String> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let pushes = &served.world().autoland.pushes;
    let day = |at: i64| chrono::DateTime::from_timestamp(at, 0).unwrap().date_naive();
    let (mut at, last) = (day(pushes[0].date), day(pushes[pushes.len() - 1].date + 86_400));
    let mut days = Vec::new();
    while at <= last {
        let url = format!("{}/buildjson/builds-{at}.js.gz", served.sim.urls.treeherder);
        let body = runtime.block_on(async {
            let client = reqwest::Client::builder().user_agent("archiver/1").build().unwrap();
            let answer = client.get(url).send().await.unwrap();
            answer.status().is_success().then_some(answer.bytes().await.unwrap())
        });
        if let Some(body) = body {
            std::fs::write(folder.join(format!("builds-{at}.js.gz")), body).unwrap();
            days.push(at.to_string());
        }
        at = at.succ_opt().unwrap();
    }
    days
}

#[test]
fn history_is_asked_about_without_any_server() {
    let served = farm();
    let folder = tempfile::tempdir().unwrap();
    let days = archive(&served, folder.path());
    assert!(!days.is_empty());
    let things = folder.path().join("allthethings.json");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let body = runtime.block_on(async {
        let client = reqwest::Client::builder().user_agent("archiver/1").build().unwrap();
        let url = format!("{}/allthethings.json", served.sim.urls.treeherder);
        client.get(url).send().await.unwrap().bytes().await.unwrap()
    });
    std::fs::write(&things, body).unwrap();
    served.write_config(&format!(
        "[ci.era]\nkind = \"buildapi\"\nbuildjson_dir = {:?}\nallthethings = {:?}\n\
         [ci.era.repos.autoland]\npushlog = \"dumps\"\n",
        folder.path(),
        things
    ));
    let range = ["--rev", "tip", "--back-revisions", "20"];
    let jobs = ok(era(&served, &[&["jobs", BUILDER, "--json"], &range[..]].concat()));
    let json = jobs.json();
    assert_eq!(json["pushes"].as_array().unwrap().len(), 21, "{jobs:?}");
    let newest = &json["pushes"][0];
    // By when they were first built, which two that landed close to each other may be the other way
    // round.
    let landed: Vec<String> = (0..4).map(|back| served.node(back)).collect();
    assert!(landed.iter().any(|node| newest["revision"] == node.as_str()), "{jobs:?}");
    let found: Vec<String> = states(&json, BUILDER).into_values().flatten().collect();
    assert!(
        found.contains(&"failed".to_owned()) && found.contains(&"passed".to_owned()),
        "{found:?}"
    );
    // The logs are where the dumps say: of them the server is still there.
    let failures = ok(era(
        &served,
        &[&["failures", "--include", "opt test mochitest-1", "--json"], &range[..]].concat(),
    ));
    assert!(failures.stdout.contains("dom/group-0/test/test_0_0.html"), "{failures:?}");
    let rate =
        ok(era(&served, &[&["flakiness", "--include", BUILDER, "--json"], &range[..]].concat()));
    assert!(rate.stdout.contains(BUILDER), "{rate:?}");
    let asks = era(&served, &["trigger", BUILDER, "--rev", "tip", "--times", "9", "--yes"]);
    assert_eq!(asks.status, 4, "{asks:?}");
    assert!(asks.stderr.contains("archived dumps"), "{asks:?}");
    let doctor = era(&served, &["doctor"]);
    assert!(doctor.stdout.contains("are archived"), "{doctor:?}");
    let chooser = ok(era(&served, &["chooser", "--format", "graphs"])).json();
    assert!(chooser["opt"]["linux64"][BUILD].as_array().unwrap().len() >= 10, "{chooser}");
    // One day is cut off in the middle, and one is gone: both are said.
    let last = folder.path().join(format!("builds-{}.js.gz", days[days.len() - 1]));
    let text = gunzip(&std::fs::read(&last).unwrap());
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(&text.as_bytes()[..text.len() * 2 / 3]).unwrap();
    std::fs::write(&last, packer.finish().unwrap()).unwrap();
    let cut = era(&served, &[&["jobs", BUILDER], &range[..]].concat());
    assert_eq!(cut.status, 3, "{cut:?}");
    assert!(cut.stderr.contains("is cut off after"), "{cut:?}");
    let nobody = era(&served, &["jobs", "--rev", "abcdef012345"]);
    assert_eq!(nobody.status, 5, "{nobody:?}");
    assert!(nobody.stderr.contains("days that are archived"), "{nobody:?}");
}

#[test]
fn a_day_without_a_dump_leaves_unknown_what_it_would_tell() {
    let served = farm();
    let folder = tempfile::tempdir().unwrap();
    let th = &served.sim.urls.treeherder;
    let config = served.read_config();
    let config = config.replace(
        &format!("buildjson_url = \"{th}/buildjson\""),
        &format!("buildjson_dir = {:?}", folder.path()),
    );
    served.write_config(&config);
    let said = era(&served, &["jobs", BUILDER, "--rev", "tip", "--json"]);
    assert!(said.stderr.contains("there is no dump of"), "{said:?}");
    let states: Vec<String> = states(&said.json(), BUILDER).into_values().flatten().collect();
    assert!(states.iter().all(|state| state.starts_with("unknown")), "{states:?}");
}
