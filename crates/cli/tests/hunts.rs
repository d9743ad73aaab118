//! `mozci bisect`, `flakiness` and `investigations` over planted culprits.

use std::time::Duration;

use mozci_sim::{HuntConfig, SimConfig, WorldConfig};
use serde_json::Value;

use crate::world::{JOB, Said, Served, steady};

const TEST: &str = "dom/group-0/test/test_0_0.html";

fn hunted(hunt: HuntConfig, seed: u64) -> Served {
    let world = WorldConfig {
        seed,
        pushes: hunt.suspects + 60,
        newest_minutes_ago: 600,
        speed: 20_000.0,
        hunt: Some(hunt),
        ..WorldConfig::default()
    };
    let served = Served::of(world);
    let guards = "[guards]\nruns_per_plan = 1000\nruns_per_push = 250\nruns_per_day = 100000\n";
    served.write_config(&format!("{}{guards}", served.config()));
    served
}

fn hunt(suspects: u32, culprit: Option<u32>, rate: f64, background: f64) -> HuntConfig {
    HuntConfig { suspects, culprit, rate, background, broken: 0.15, ..HuntConfig::default() }
}

fn verdict(said: &Said) -> (String, Vec<String>) {
    let json = said.json();
    let pushes = json["end"]["pushes"].as_array().cloned().unwrap_or_default();
    let named = pushes.iter().map(|push| push["revision"].as_str().unwrap().to_owned()).collect();
    (json["end"]["verdict"].as_str().unwrap_or_default().to_owned(), named)
}

#[test]
fn planted_culprits_are_found_whatever_their_rate() {
    for (seed, planted) in [
        (1, hunt(12, Some(5), 1.0, 0.0)),
        (2, hunt(32, Some(20), 0.5, 0.01)),
        (3, hunt(8, Some(8), 0.3, 0.0)),
        (4, hunt(16, Some(1), 0.7, 0.03)),
    ] {
        let served = hunted(planted, seed);
        let args = ["bisect", "--test", TEST, "--bad", "tip", "--yes", "--json"];
        let said = served.run(&[&args[..], &["--budget", "600"]].concat());
        assert_eq!(said.status, 0, "{said:?}");
        let (word, named) = verdict(&said);
        let truth = served.world().truth().hunt.unwrap();
        assert_eq!(word, "culprit", "{seed}: {said:?}");
        assert!(named.contains(&truth.culprit.unwrap()), "{seed}: {said:?}");
        // It is proven by runs on either side, and said who did it.
        let json = said.json();
        assert_eq!(json["job"], JOB);
        assert!(json["proof"]["first_bad"]["runs"].as_array().is_some_and(|runs| !runs.is_empty()));
        assert!(json["proof"]["last_good"]["runs"].as_array().is_some_and(|runs| !runs.is_empty()));
        let commits = json["culprits"][0]["commits"].as_array().unwrap();
        assert!(commits.iter().all(|commit| commit["author"].as_str().is_some()), "{json:#}");
        // Nothing was requested that is not told.
        let asked: u64 = json["runs"].as_u64().unwrap();
        assert_eq!(served.created() as u64, asked, "{json:#}");
    }
}

#[test]
fn where_there_is_no_culprit_that_is_said() {
    let served = hunted(hunt(12, None, 0.0, 0.02), 5);
    let args = ["bisect", JOB, "--test", TEST, "--bad", "tip", "--yes", "--json", "--p-min", "0.3"];
    let said = served.run(&args);
    assert_eq!((said.status, verdict(&said).0.as_str()), (0, "none"), "{said:?}");
    let text =
        served.run(&["bisect", JOB, "--test", TEST, "--bad", "tip", "--yes", "--p-min", "0.3"]);
    assert!(text.stdout.contains("no push among them makes it fail 30 %"), "{text:?}");
}

#[test]
fn a_search_that_is_killed_goes_on_and_asks_for_nothing_twice() {
    let served = hunted(hunt(32, Some(11), 0.5, 0.0), 6);
    let args = ["bisect", JOB, "--test", TEST, "--bad", "tip", "--yes", "--json"];
    let mut child = served.command(&args).stdout(std::process::Stdio::null()).spawn().unwrap();
    // Killed once its first round was requested; what is cut off in the middle of sending is told by
    // the hooks' records, a minute later, which other tests wait for.
    for _ in 0..2_000 {
        if served.created() >= 8 {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let listed = served.run(&["investigations", "--json"]).json();
    let id = listed["investigations"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(listed["investigations"][0]["state"], "open");
    let said = served.run(&["investigations", "resume", &id[..5], "--yes", "--json"]);
    assert_eq!(said.status, 0, "{said:?}");
    let (word, named) = verdict(&said);
    assert_eq!(word, "culprit");
    assert!(named.contains(&served.world().truth().hunt.unwrap().culprit.unwrap()));
    let json = said.json();
    assert!(served.created() as u64 <= json["runs"].as_u64().unwrap(), "{json:#}");
    let listed = served.run(&["investigations", "--json"]).json();
    assert_eq!(listed["investigations"][0]["state"], "done");
    // At its end it is told again, from the runs that are there.
    let before = served.created();
    let again = served.run(&["investigations", "resume", &id, "--yes", "--json"]);
    assert_eq!((verdict(&again).0.as_str(), served.created()), ("culprit", before), "{again:?}");
    let shown = served.run(&["investigations", "show", &id]);
    assert!(shown.stdout.contains("round 1 requested"), "{shown:?}");
}

#[test]
fn what_is_wrong_with_a_search_is_said_with_a_way_on() {
    let served = hunted(hunt(12, Some(5), 1.0, 0.0), 7);
    let good = served.node(12);
    let old = served.node(20);
    let check = |args: &[&str], status: i32, text: &str| {
        let said = served.run(args);
        assert_eq!(said.status, status, "{args:?}: {said:?}");
        let whole = said.whole();
        assert!(whole.contains(text), "{args:?}: {whole}");
    };
    let dry = "--dry-run";
    check(&["bisect", JOB, "--bad", &good, "--good", "tip", dry], 2, "swap them");
    check(&["bisect", JOB, "--bad", &good, dry], 2, "--bad passes");
    check(&["bisect", JOB, "--bad", "tip", "--good", "tip", dry], 2, "has to be older");
    check(&["bisect", "--bad", "tip", dry], 2, "name what to search for");
    check(&["bisect", JOB, "--bad", "tip", "--budget", "0", "--yes"], 2, "a budget of 0");
    check(&["bisect", JOB, "--bad", "tip", "--budget", "2", "--yes"], 6, "is not enough");
    check(&["bisect", JOB, "--bad", "tip", "--test", "no/such/test.js", dry], 5, "did not run");
    check(&["bisect", "no-such-job", "--bad", "tip", dry], 5, "no job is called");
    check(&["bisect", JOB, "--bad", "tip", "--max-revisions", "5", dry], 5, "no good push");
    check(&["bisect", JOB, "--bad", "tip", "--p-min", "0.7", dry], 2, "between 0 and 0.5");
    check(&["bisect", JOB, "--bad", "tip"], 2, "nobody can confirm");
    check(&["investigations", "resume", "zzzz", "--yes"], 5, "no investigation is called");
    check(&["bisect", JOB, "--bad", "tip", "--good", &old, dry], 0, "20 suspects");
    assert_eq!(served.created(), 0);
}

#[test]
fn an_investigation_of_another_version_is_not_misread() {
    let served = hunted(hunt(8, Some(3), 1.0, 0.0), 8);
    let args = ["bisect", JOB, "--bad", "tip", "--yes", "--json"];
    let id = served.run(&args).json()["investigation"].as_str().unwrap().to_owned();
    let store = served.home.path().join("state/mozci/ledger.db");
    let open = || rusqlite::Connection::open(&store).unwrap();
    open().execute("UPDATE investigations SET form = 99", []).unwrap();
    let said = served.run(&["investigations", "resume", &id, "--yes"]);
    assert_eq!(said.status, 2, "{said:?}");
    assert!(said.stderr.contains("a newer version of mozci"), "{said:?}");
    assert!(said.stderr.contains("begin anew with `mozci bisect`"), "{said:?}");
    open().execute("UPDATE investigations SET form = 1, question = '{\"job\": 3}'", []).unwrap();
    let said = served.run(&["investigations", "resume", &id, "--yes"]);
    assert!(said.stderr.contains("cannot be read"), "{said:?}");
    open().execute("UPDATE investigations SET state = 'cancelled', form = 1", []).unwrap();
    let said = served.run(&["investigations", "resume", &id, "--yes"]);
    assert!(said.stderr.contains("was cancelled"), "{said:?}");
}

#[test]
fn a_culprit_that_came_with_a_merge_is_found_where_it_came_from() {
    followed(false);
}

#[test]
fn a_head_that_was_taken_as_it_is_is_a_merge_too() {
    followed(true);
}

fn followed(central_as_it_is: bool) {
    let world = WorldConfig {
        seed: 11,
        pushes: 150,
        newest_minutes_ago: 600,
        speed: 20_000.0,
        // With the merge of the pushes 75 to 99, by their places.
        hunt: Some(hunt(70, Some(9), 1.0, 0.0)),
        central_as_it_is,
        ..WorldConfig::default()
    };
    let served = Served::start(SimConfig { world, central: true, ..SimConfig::default() });
    let merges = ["pushes", "--repo", "mozilla-central", "--rev", "tip", "--back-revisions", "1"];
    let json = served.run(&[&merges[..], &["--follow-merges", "--json"]].concat()).json();
    let pushes = &served.world().autoland.pushes;
    for (merge, from) in json["merges"].as_array().unwrap().iter().zip([125, 100]) {
        let origin = &merge["origin"];
        assert_eq!(origin["repo"], "autoland", "{json:#}");
        assert_eq!(origin["first"]["revision"], pushes[from].node());
        assert_eq!(origin["last"]["revision"], pushes[from + 24].node());
        assert_eq!(origin["before"]["revision"], pushes[from - 1].node());
    }
    let said = served.run(&[&merges[..], &["--follow-merges"]].concat());
    assert!(
        said.stdout.contains("merges 25 pushes of autoland")
            || said.stdout.contains("merges 26 pushes"),
        "{said:?}"
    );

    let truth = served.world().truth().hunt.unwrap();
    let args = ["bisect", JOB, "--repo", "mozilla-central", "--bad", "tip", "--test", TEST];
    let said = served.run(&[&args[..], &["--yes", "--json"]].concat());
    assert_eq!(said.status, 0, "{said:?}");
    let json = said.json();
    let path: Vec<&str> = json["path"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["repo"].as_str().unwrap())
        .collect();
    assert_eq!(path, ["mozilla-central", "autoland"], "{json:#}");
    let named = json["origin"]["end"]["pushes"].as_array().unwrap();
    let found = named.iter().any(|push| push["revision"] == truth.culprit.as_deref().unwrap());
    assert!(found, "{json:#}");
    // What no configured repository knows is said to come from nowhere known.
    let own = ["pushes", "--rev", "tip", "--back-revisions", "100", "--follow-merges"];
    let said = served.run(&own);
    assert!(said.stdout.contains("merges commits that no repository"), "{said:?}");
}

#[test]
fn a_report_is_one_page_without_anything_from_elsewhere() {
    let served = hunted(hunt(8, Some(3), 1.0, 0.0), 9);
    let page = served.home.path().join("report.html");
    let args = ["bisect", JOB, "--bad", "tip", "--yes", "--report", page.to_str().unwrap()];
    let said = served.run(&args);
    assert_eq!(said.status, 0, "{said:?}");
    let html = std::fs::read_to_string(page).unwrap();
    let (_, rest) = html.split_once("<h1").unwrap();
    let verdict = &rest[..rest.find("</h1>").unwrap()];
    let culprit = served.world().truth().hunt.unwrap().culprit.unwrap();
    let truth = served.world().truth();
    let id = truth.pushes.iter().find(|push| push.revision == culprit).unwrap().id;
    assert!(
        verdict.contains(&format!("Push {id} by ")) && verdict.contains(" broke "),
        "{verdict}"
    );
    // The headline and the bar say the same.
    let sure = verdict.rsplit_once('(').unwrap().1.trim_end_matches(')');
    assert!(html.contains(&format!("<b>{sure}</b>")), "{sure}");
    for outside in ["<script", "src=", "@import", "url("] {
        assert!(!html.contains(outside), "{outside}");
    }
}

#[test]
fn the_failure_rate_is_told_with_its_interval_and_where_it_changed() {
    let served = Served::settled();
    let args = ["flakiness", "--include", "opt-mochitest-plain", "--back-revisions", "59"];
    let json = served.run(&[&args[..], &["--json"]].concat()).json();
    let all = &json["all"];
    let number = |value: &Value| value.as_f64().unwrap();
    assert!(
        number(&all["low"]) < number(&all["rate"]) && number(&all["rate"]) < number(&all["high"])
    );
    let platforms = json["platforms"].as_array().unwrap();
    let runs: u64 = platforms.iter().map(|of| of["runs"].as_u64().unwrap()).sum();
    assert_eq!(runs, all["runs"].as_u64().unwrap());
    // The planted step is within the interval of the one change that is seen.
    let changes = json["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 1, "{json:#}");
    let truth = served.world().truth();
    let culprit = truth.story.unwrap().culprit;
    let id = truth.pushes.iter().find(|push| push.revision == culprit).unwrap().id;
    let place = |which: &str| changes[0][which]["id"].as_u64().unwrap();
    assert!((place("earliest")..=place("latest")).contains(&id), "{json:#}");
    let said = served.run(&["flakiness", "--back-revisions", "9"]);
    assert_eq!(said.status, 2, "{said:?}");
    steady().bind(|| insta::assert_snapshot!("flakiness", served.run(&args).whole()));
}

#[test]
fn what_the_next_runs_are_expected_to_tell_is_explained() {
    let served = hunted(hunt(12, Some(5), 1.0, 0.0), 9);
    let said = served.run(&["bisect", JOB, "--bad", "tip", "--dry-run", "--explain"]);
    assert_eq!(said.status, 0, "{said:?}");
    let told = said
        .stdout
        .lines()
        .filter(|line| line.contains("after a failure the culprit is there or before it"));
    assert!(told.count() >= 3, "{said:?}");
    // And in the end what a verdict rests on.
    let said = served.run(&["bisect", JOB, "--bad", "tip", "--yes"]);
    assert_eq!(said.status, 0, "{said:?}");
    for words in ["checked: each run was judged by", "checked: the repository has no backout"] {
        assert!(said.stdout.contains(words), "{words}: {said:?}");
    }
    assert!(said.stdout.contains("that it failed before already"), "{said:?}");
}
