//! The commands that only look.

use mozci_sim::WorldConfig;
use serde_json::Value;

use crate::world::{JOB, Said, Served, planned, steady};

fn snapshot(name: &str, text: &str) {
    steady().bind(|| insta::assert_snapshot!(name, text));
}

#[test]
fn pushes_of_a_range() {
    let served = Served::settled();
    snapshot("pushes", &served.run(&["pushes", "--back-revisions", "3"]).whole());
    let json = served.run(&["pushes", "--rev", "1040", "--json"]);
    snapshot("pushes_json", &served.run(&["pushes", "--delta", "0", "--json"]).whole());
    assert_eq!(json.json()["pushes"].as_array().unwrap().len(), 10);
}

#[test]
fn every_way_to_name_a_push_leads_to_it() {
    let served = Served::settled();
    let pushes = &served.world().autoland.pushes;
    let wide = pushes.iter().rposition(|p| p.commits.len() > 1 && p.commits[0].git.is_some());
    let push = &pushes[wide.unwrap()];
    let git = push.commits[0].git.clone().unwrap();
    let node = push.node();
    let index = wide.unwrap() as u32;
    let task = (0..served.world().catalog.jobs.len())
        .find(|job| served.world().scheduled(index, *job))
        .map(|job| mozci_sim::world::TaskRef::Job { push: index, job, n: 0 })
        .unwrap()
        .id(served.world().seed())
        .to_string();
    let ways = [
        node.to_owned(),
        node[..12].to_owned(),
        node[..7].to_owned(),
        push.commits[0].node.clone(),
        git.clone(),
        git[..12].to_owned(),
        push.id.to_string(),
        task.clone(),
        format!("{}/tasks/{task}/runs/0", served.sim.urls.taskcluster),
        format!("{}/jobs?repo=autoland&revision={node}", served.sim.urls.treeherder),
        format!("{}/jobs?repo=autoland&selectedTaskRun={task}.0", served.sim.urls.treeherder),
        format!("{}/integration/autoland/rev/{node}", served.sim.urls.hg),
    ];
    for way in ways {
        let said = served.run(&["pushes", "--rev", &way, "--back-revisions", "0", "--json"]);
        assert_eq!(said.status, 0, "{way}: {said:?}");
        let json = said.json();
        assert_eq!(json["pushes"][0]["revision"], node, "{way}");
        assert_eq!(json["pushes"][0]["vcs"], "hg");
        assert_eq!(json["version"], 2);
    }
}

#[test]
fn ranges_keep_their_promises() {
    let served = Served::settled();
    let ids = |arguments: &[&str]| -> Vec<u64> {
        let mut all = vec!["pushes", "--json"];
        all.extend(arguments);
        let said = served.run(&all);
        assert_eq!(said.status, 0, "{said:?}");
        let json = said.json();
        let pushes = json["pushes"].as_array().unwrap();
        pushes.iter().map(|push| push["id"].as_u64().unwrap()).collect()
    };
    // Sixty pushes from 980, with a gap after the twenty-first: 1040 is the newest.
    assert_eq!(ids(&["--back-revisions", "2"]), [1040, 1039, 1038]);
    assert_eq!(ids(&["--rev", "1030", "--from-rev", "1028"]), [1030, 1029, 1028]);
    assert_eq!(ids(&["--rev", "1030", "--delta", "1"]), [1031, 1030, 1029]);
    assert_eq!(ids(&["--rev", "1003", "--back-revisions", "3"]), [1003, 1002, 1000, 999]);
    assert_eq!(ids(&["--back-revisions", "7", "--every", "3"]), [1040, 1037, 1034, 1033]);
    assert_eq!(ids(&["--rev", "981", "--back-revisions", "20"]), [981, 980]);
    assert_eq!(ids(&["--back-revisions", "59"]).len(), 60);
    let node = served.node(5);
    assert_eq!(ids(&["--from-rev", &node[..12]]), [1040, 1039, 1038, 1037, 1036, 1035]);
    assert!(ids(&["--since", "2020-01-01"]).len() == 60);
}

#[test]
fn a_repository_without_a_pushlog_is_read_from_treeherder() {
    let served = Served::settled();
    let said = served.run(&["--repo", "bare", "pushes", "--back-revisions", "2", "--json"]);
    let json = said.json();
    let revisions: Vec<&str> = json["pushes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["revision"].as_str().unwrap())
        .collect();
    let expected = served.run(&["pushes", "--back-revisions", "2", "--json"]).json();
    let mut by_pushlog: Vec<&str> = expected["pushes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["revision"].as_str().unwrap())
        .collect();
    // Treeherder orders by time, and times are not monotonic.
    let mut by_time = revisions.clone();
    by_time.sort_unstable();
    by_pushlog.sort_unstable();
    assert_eq!(by_time, by_pushlog, "{said:?}");
    let said =
        served.run(&["--repo", "bare", "backfill", JOB, "--rev", &served.node(0), "--dry-run"]);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.stdout.contains("→ request 1"), "{said:?}");
}

#[test]
fn the_matrix() {
    let served = Served::settled();
    let one = served.run(&["jobs", JOB, "--back-revisions", "11"]);
    snapshot("jobs_of_one", &one.whole());
    let some = served.run(&["jobs", "--include", "linux2404-64/opt-moch", "--back-revisions", "5"]);
    snapshot("jobs_of_some", &some.whole());
    let all = served.run(&["jobs", "--back-revisions", "3"]);
    snapshot("jobs_of_all", &all.whole());
}

#[test]
fn a_job_that_did_not_run_here_is_told_from_one_that_does_not_exist() {
    let served = Served::settled();
    let said = served.run(&["jobs", JOB, "--rev", "1036", "--back-revisions", "0"]);
    assert!(said.status == 0 && said.stderr.contains("has no run on any"), "{said:?}");
    assert_eq!(served.run(&["jobs", "no-such-job", "--rev", "1036"]).status, 5);
}

#[test]
fn the_matrix_as_json_is_the_planted_truth() {
    let served = Served::settled();
    let said = served.run(&["jobs", "--back-revisions", "59", "--json", "--stats"]);
    let json = said.json();
    let world = served.world();
    let pushes = json["pushes"].as_array().unwrap();
    assert_eq!(pushes.len(), 60);
    for (push, index) in pushes.iter().rev().zip(0u32..) {
        let jobs = push["jobs"].as_object().unwrap();
        for (job, entry) in world.catalog.jobs.iter().enumerate() {
            let shown = jobs.get(&entry.label);
            assert_eq!(shown.is_some(), world.scheduled(index, job), "{} on {index}", entry.label);
            let Some(shown) = shown else { continue };
            let states: Vec<&str> = shown["runs"]
                .as_array()
                .unwrap()
                .iter()
                .map(|r| r["state"].as_str().unwrap())
                .collect();
            let life = world
                .life(mozci_sim::world::TaskRef::Job { push: index, job, n: 0 }, &world.dynamic());
            let is_test = entry.label.starts_with("test-");
            let expected: Vec<&str> = life
                .unwrap()
                .runs
                .iter()
                .map(|run| match run.outcome.word() {
                    "completed" => "passed",
                    "failed" if is_test => "failed",
                    "failed" => "busted",
                    "worker-shutdown" => "retried",
                    "canceled" => "cancelled",
                    "superseded" => "coalesced",
                    _ => "exception",
                })
                .collect();
            let expected = if expected.is_empty() { vec!["unscheduled"] } else { expected };
            assert_eq!(states, expected, "{} on push {index}", entry.label);
        }
    }
    let stats = &json["stats"];
    for key in [
        "wall_ms",
        "cpu_ms",
        "http_requests",
        "http_bytes",
        "cache_hits",
        "longest_chain",
        "peak_rss_kib",
    ] {
        assert!(stats[key].is_u64(), "{key}: {stats}");
    }
    assert!(stats["http_requests"].as_u64().unwrap() <= 8, "{stats}");
}

#[test]
fn a_plan_is_the_planted_holes() {
    let served = Served::settled();
    let said = served.run(&["backfill", JOB, "--rev", &served.node(0), "--dry-run"]);
    snapshot("backfill_dry_run", &said.whole());
    let json = served.run(&["backfill", JOB, "--rev", "tip", "--dry-run", "--json"]).json();
    snapshot("backfill_dry_run_json", &serde_json::to_string_pretty(&json).unwrap());
    let asked = planned(&json);
    assert_eq!(asked, [1039, 1036, 1035, 1034, 1033, 1031, 1030]);
    assert_eq!(served.actions(), 0);
}

#[test]
fn every_seed_gives_a_plan_that_is_the_truth() {
    for seed in 1..12 {
        let served =
            Served::of(WorldConfig { seed, newest_minutes_ago: 600, ..WorldConfig::default() });
        let json = served.run(&["backfill", JOB, "--rev", "tip", "--dry-run", "--json"]).json();
        let world = served.world();
        let job = world.catalog.find(JOB).unwrap();
        let build = world.catalog.jobs[job].build.unwrap();
        let index =
            |entry: &Value| world.autoland.by_id(entry["push"]["id"].as_u64().unwrap()).unwrap();
        let good = world.autoland.by_id(json["walk"]["push"]["id"].as_u64().unwrap()).unwrap();
        let mut expected = Vec::new();
        for push in (good + 1..60).rev() {
            let decided = world.decision_outcome(push).map(|o| o.word()) == Some("completed");
            let built = !world.scheduled(push, build)
                || world.outcomes(push, build, 0).last().unwrap().word() == "completed";
            let counts = world.scheduled(push, job)
                && matches!(
                    world.outcomes(push, job, 0).last().unwrap().word(),
                    "completed" | "failed"
                );
            if decided && built && !counts {
                expected.push(push);
            }
        }
        let asked: Vec<u32> =
            json["plan"]["requests"].as_array().unwrap().iter().map(index).collect();
        assert_eq!(asked, expected, "seed {seed}");
    }
}

#[test]
fn no_good_push_asks_for_nothing_unless_anyway() {
    let served = Served::settled();
    let node = served.node(0);
    let short = served.run(&["backfill", JOB, "--rev", &node, "--max-revisions", "5", "--dry-run"]);
    snapshot("backfill_bad_for_longer", &short.whole());
    let anyway = served.run(&[
        "backfill",
        JOB,
        "--rev",
        &node,
        "--max-revisions",
        "5",
        "--dry-run",
        "--anyway",
        "--json",
    ]);
    let json = anyway.json();
    assert_eq!(json["walk"]["end"], "bad-for-longer");
    assert_eq!(json["plan"]["requests"].as_array().unwrap().len(), 3);
    let never =
        served.run(&["backfill", JOB, "--rev", "1038", "--max-revisions", "0", "--dry-run"]);
    assert!(never.stdout.contains("never ran on any push of the range (1 push)"), "{never:?}");
    assert_eq!(never.status, 0);
}

#[test]
fn a_second_look_costs_fewer_requests_and_a_reset_server_is_noticed() {
    let mut served = Served::settled();
    let look = ["backfill", JOB, "--rev", "tip", "--dry-run", "--json", "--stats"];
    let cold = served.run(&look).json();
    let warm = served.run(&look).json();
    assert_eq!(cold["plan"], warm["plan"]);
    let requests = |json: &Value| json["stats"]["http_requests"].as_u64().unwrap();
    // Two of each are for what hooks fired lately, which is refused without credentials first; five
    // of the cold one and three of the other for why the job is red; five a push, of seven, for whether
    // they can be asked.
    assert!(requests(&cold) <= 67 && requests(&warm) <= 45, "{} {}", cold["stats"], warm["stats"]);
    // Another history under the same URLs: what was known before must not be believed.
    let other =
        Served::of(WorldConfig { seed: 8, newest_minutes_ago: 600, ..WorldConfig::default() });
    let expected = other.run(&look).json();
    let ports = |served: &Served| -> Vec<String> {
        let urls = &served.sim.urls;
        [&urls.hg, &urls.treeherder, &urls.taskcluster].map(|u| u.clone()).into()
    };
    let (mine, theirs) = (ports(&served), ports(&other));
    // The facts are kept by URL: give the other world's to this home's under its own.
    let cache =
        rusqlite::Connection::open(served.home.path().join("cache/mozci/facts.db")).unwrap();
    for (from, to) in mine.iter().zip(&theirs) {
        cache.execute("UPDATE facts SET server = replace(server, ?, ?)", [from, to]).unwrap();
    }
    let config = other.config();
    served.write_config(&config);
    let said = served.run(&look);
    assert_eq!(said.json()["plan"], expected["plan"], "{said:?}");
    assert!(said.stderr.contains("was reset"), "{said:?}");
    served.sim = other.sim;
}

#[test]
fn the_answer_may_be_bad() {
    let served = Served::settled();
    let asked = ["--exit-status", "backfill", JOB, "--rev", "tip", "--dry-run"];
    assert_eq!(served.run(&asked).status, 1);
    assert_eq!(served.run(&asked[1..]).status, 0);
    assert_eq!(served.run(&["--exit-status", "jobs", JOB, "--back-revisions", "3"]).status, 1);
    assert_eq!(served.run(&["--exit-status", "jobs", JOB, "--rev", "1029"]).status, 0);
}

#[test]
fn each_request_is_said_with_v_and_nothing_with_q() {
    let served = Served::settled();
    let said = served.run(&["-v", "pushes"]);
    assert!(said.stderr.contains("GET http://") && said.stderr.contains(" 200 "), "{said:?}");
    assert_eq!(served.run(&["-q", "pushes"]).stderr, "");
}

#[test]
fn what_is_logged_names_its_search_and_request_and_no_secret() {
    let served = Served::settled();
    let said = served.run(&["-vv", "backfill", JOB, "--rev", "tip", "--yes"]);
    assert_eq!(said.status, 0, "{said:?}");
    let of_request = |line: &&str| line.starts_with("request{id=") && line.contains(" push=10");
    assert!(said.stderr.lines().any(|line| of_request(&line)), "{said:?}");
    assert!(said.stderr.contains("mozci_engine::flow::history: histories are read jobs=1"));
    let search = ["-vv", "bisect", JOB, "--bad", "1040", "--whole-job", "--yes", "--no-wait"];
    let said = served.run(&search);
    let of_search = |line: &&str| {
        let begin = format!("search{{repo=autoland job={JOB} investigation=");
        line.starts_with(&begin) && line.contains("}: request{id=")
    };
    assert!(said.stderr.lines().any(|line| of_search(&line)), "{said:?}");
    // Nor are they named where everything is logged.
    let mut all = served.command(&["jobs", JOB]);
    let all = Said::new(&all.env("MOZCI_LOG", "trace").output().unwrap());
    let secret = mozci_sim::server::SimCredentials::sheriff().access_token;
    for logged in [&said.stderr, &all.stderr] {
        assert!(!logged.contains(secret) && !logged.contains("authorization"), "{logged}");
    }
}

#[test]
fn a_filter_that_matches_nothing_is_an_error_with_the_nearest_names() {
    let served = Served::settled();
    let said = served.run(&["jobs", "--include", "mochitest-plane"]);
    assert_eq!(said.status, 5, "{said:?}");
    assert!(
        said.stderr.contains("none of the ") && said.stderr.contains("mochitest-plain"),
        "{said:?}"
    );
    let said = served.run(&["jobs", "--include", "mochitest-plane", "--json"]);
    assert_eq!((said.status, said.json()["error"]["code"].as_str()), (5, Some("not-found")));
    // Without a filter nothing is wrong with pushes on which nothing ran.
    assert_eq!(served.run(&["jobs", "--include", "mochitest-plain"]).status, 0);
}
