//! Pushes, dates, jobs and failures as people type them.

use std::process::Command;

use crate::world::{JOB, Served};

fn ids(served: &Served, arguments: &[&str]) -> Vec<u64> {
    let json = served.run(&[arguments, &["--json"]].concat()).json();
    json["pushes"].as_array().unwrap().iter().map(|push| push["id"].as_u64().unwrap()).collect()
}

#[test]
fn pushes_are_named_by_what_is_before_them() {
    let served = Served::settled();
    assert_eq!(ids(&served, &["pushes", "--rev", "tip~3", "--back-revisions", "0"]), [1037]);
    assert_eq!(ids(&served, &["pushes", "--rev", "1036^", "--back-revisions", "1"]), [1035, 1034]);
    let node = served.node(2);
    assert_eq!(
        ids(&served, &["pushes", "--rev", &format!("{node}~2"), "--back-revisions", "0"]),
        [1036]
    );
    assert_eq!(ids(&served, &["pushes", "--rev", "tip", "--from-rev", "tip~2"]).len(), 3);
    let far = served.run(&["pushes", "--rev", "tip~4000"]);
    assert_eq!(far.status, 5, "{far:?}");
    assert!(far.stderr.contains("pushes before tip"), "{far:?}");
    let all = ids(&served, &["pushes", "--since", "7d"]);
    assert!(all.len() > 10, "{all:?}");
    let soon = served.run(&["pushes", "--since", "soon"]);
    assert_eq!(soon.status, 2, "{soon:?}");
    assert!(soon.stderr.contains("yesterday, 2d"), "{soon:?}");
}

#[test]
fn names_of_a_clone_are_looked_up_there() {
    let served = Served::settled();
    let folder = served.home.path().join("clone");
    let at = folder.display().to_string();
    let git = |arguments: &[&str]| {
        let git = Command::new("git").args(["-C", &at]).args(arguments).output().unwrap();
        assert!(git.status.success(), "{arguments:?}: {git:?}");
    };
    std::fs::create_dir(&folder).unwrap();
    git(&["init", "-q", "-b", "main"]);
    git(&[
        "-c",
        "user.name=x",
        "-c",
        "user.email=x@example.com",
        "commit",
        "-q",
        "--allow-empty",
        "-m",
        "one",
    ]);
    git(&["branch", "my-branch"]);
    // The clone's commit is no push: the name was found, and that is said.
    for name in ["HEAD", "@", "my-branch"] {
        let said = served.run(&["--clone", &at, "pushes", "--rev", name]);
        assert_eq!(said.status, 5, "{said:?}");
        assert!(said.stderr.contains(&format!("note: {name} is ")), "{said:?}");
    }
    let unknown = served.run(&["--clone", &at, "pushes", "--rev", "no-such-branch"]);
    assert_eq!(unknown.status, 5, "{unknown:?}");
    assert!(unknown.stderr.contains("has nothing called \"no-such-branch\""), "{unknown:?}");
    // Outside of any clone such a name is no revision.
    let mut outside = served.command(&["pushes", "--rev", "HEAD"]);
    let said = crate::world::Said::new(&outside.current_dir("/").output().unwrap());
    assert_eq!(said.status, 2, "{said:?}");
    assert!(said.stderr.contains("need a clone"), "{said:?}");
}

#[test]
fn jobs_are_named_by_a_part_or_by_a_glob() {
    let served = Served::settled();
    let short = "linux2404-64/opt-mochitest-plain-1";
    let dry = ["--rev", "tip", "--dry-run"];
    // What contains a slash is a whole label as a rule, and is looked for as it is.
    let refused = served.run(&[&["backfill", short][..], &dry].concat());
    assert_eq!(refused.status, 5, "{refused:?}");
    assert!(refused.stderr.contains(JOB), "the nearest name is told: {refused:?}");
    let several = served.run(&[&["backfill", "mochitest-plain-1"][..], &dry].concat());
    assert_eq!(several.status, 2, "{several:?}");
    assert!(several.stderr.contains("fits 5 jobs") && several.stderr.contains(JOB), "{several:?}");
    let one = served.run(&[&["backfill", "*2404-64/opt-*plain-1"][..], &dry].concat());
    assert_eq!(one.status, 0, "{one:?}");
    assert!(one.stderr.contains(&format!("note: *2404-64/opt-*plain-1 is {JOB}")), "{one:?}");
    let unique = served.run(&["jobs", "eslint", "--back-revisions", "2"]);
    assert_eq!(unique.status, 0, "{unique:?}");
    assert!(unique.stderr.contains("eslint is source-test-mozlint-eslint"), "{unique:?}");
    let many =
        served.run(&["trigger", "test-*-mochitest-plain-1", "--rev", "tip", "--dry-run", "--json"]);
    assert_eq!(many.status, 0, "{many:?}");
    assert_eq!(many.json()["jobs"].as_array().map(Vec::len), Some(5), "{many:?}");
    let nothing = served.run(&["trigger", "no-such-job", "--rev", "tip", "--dry-run"]);
    assert_eq!(nothing.status, 5, "{nothing:?}");
}

#[test]
fn a_printed_signature_names_the_failure() {
    let served = Served::settled();
    let unseen = served.run(&["flakiness", JOB, "--same-failure-as", "0123456789ab"]);
    assert_eq!(unseen.status, 5, "{unseen:?}");
    let shown = served.run(&["failures", JOB, "--rev", "tip"]);
    let (_, rest) = shown.stdout.split_once("signature ").unwrap();
    let signature = rest.split_whitespace().next().unwrap();
    let said =
        served.run(&["flakiness", JOB, "--back-revisions", "11", "--same-failure-as", signature]);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.stdout.contains("judged by the same failure of dom/group-0"), "{said:?}");
}
