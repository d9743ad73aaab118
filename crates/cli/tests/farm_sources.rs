//! A real Buildbot master on whose branch another project lands, too, and requests to pull are filed.

use crate::master::Master;
use crate::world::Said;

/// A revision that the builders' repository does not have: its checkout fails.
const THEIRS: &str = "f00df00df00df00df00df00df00df00df00df00d";

/// A request to pull.
const PULL: &str = "beefbeefbeefbeefbeefbeefbeefbeefbeefbeef";

#[test]
fn another_projects_commits_are_no_history_and_a_failed_checkout_proves_nothing() {
    let Some(mut master) = Master::start("") else { return };
    let ok = |said: Said| {
        assert_eq!(said.status, 0, "{}", said.whole());
        said
    };
    master.land_slowly([1, 2, 3]);
    master.tell(THEIRS, "repository=/src/gadgets&project=gadgets");
    master.tell(PULL, "repository=/src/widgets&category=pull");
    master.land_slowly([4]);

    // One history, and which one is said.
    let pushes = ok(master.mozci(&["pushes", "--back-revisions", "10", "--json"]));
    let told = |said: &Said| {
        let listed = said.json()["pushes"].as_array().unwrap().clone();
        listed.iter().map(|p| p["revision"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let ours: Vec<String> = master.revisions[..4].iter().rev().cloned().collect();
    assert_eq!(told(&pushes), ours, "{}", pushes.whole());
    assert!(pushes.stderr.contains("gadgets"), "{}", pushes.whole());
    let doctor = master.mozci(&["doctor"]).stdout;
    assert!(doctor.contains("several sources share the branch"), "{doctor}");

    // Their history, where the configuration says so: the checkout failed, which is not their push's
    // fault, and proves nothing.
    let config = master.home.path().join("config.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let theirs = text.replace(
        "[ci.farm.repos.main]\n",
        "[ci.farm.repos.main]\nrepository = \"file:///src/gadgets\"\n",
    );
    assert_ne!(theirs, text);
    std::fs::write(&config, &theirs).unwrap();
    let pushes = ok(master.mozci(&["pushes", "--back-revisions", "10", "--json"]));
    assert_eq!(told(&pushes), [THEIRS], "{}", pushes.whole());
    let failed = |said: &Said| {
        let json = said.json();
        let job = &json["pushes"][0]["jobs"]["build"];
        (
            job["verdict"].clone(),
            job["runs"][0]["state"].clone(),
            job["runs"][0]["no_source"].clone(),
        )
    };
    // Builds of ours tell that this builder records revisions.
    let jobs = ok(master.mozci(&["jobs", "build", "--rev", "tip", "--json"]));
    assert_eq!(
        failed(&jobs),
        ("no-evidence".into(), "failed".into(), true.into()),
        "{}",
        jobs.whole()
    );
    let shown = ok(master.mozci(&["jobs", "build", "--rev", "tip"])).stdout;
    assert!(shown.contains("revision missing, no evidence"), "{shown}");
    // No one is asked to repair it, and their builder is not driven with our revisions.
    let searched = master.mozci(&["backfill", "build", "--rev", "tip", "--dry-run"]);
    assert!(!searched.stdout.contains("first bad"), "{}", searched.whole());

    // A project decides as well as a repository.
    let by_project =
        theirs.replace("repository = \"file:///src/gadgets\"", "project = \"gadgets\"");
    std::fs::write(&config, by_project).unwrap();
    let pushes = ok(master.mozci(&["pushes", "--back-revisions", "10", "--json"]));
    assert_eq!(told(&pushes), [THEIRS], "{}", pushes.whole());
}

#[test]
fn numbers_are_revisions_where_the_config_says_so() {
    let Some(mut master) = Master::start("") else { return };
    for number in ["1000001", "1000002", "1000003"] {
        master.tell(number, "repository=/src/widgets");
    }
    let ended = |master: &mut Master| {
        let all = master.get("buildrequests?complete=true");
        all["buildrequests"].as_array().unwrap().len() >= 3
    };
    assert!(master.within(ended));
    let said = master.mozci(&["pushes", "--back-revisions", "5"]);
    assert!(said.stderr.contains("`vcs = \"svn\"`"), "{}", said.whole());
    let config = master.home.path().join("config.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let numbered = text.replace("[ci.farm.repos.main]\n", "[ci.farm.repos.main]\nvcs = \"svn\"\n");
    std::fs::write(&config, numbered).unwrap();
    let pushes = master.mozci(&["pushes", "--back-revisions", "5", "--json"]);
    let told: Vec<String> = pushes.json()["pushes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|push| push["revision"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(told, ["1000003", "1000002", "1000001"], "{}", pushes.whole());
    let jobs = master.mozci(&["jobs", "build", "--rev", "rev:1000003", "--json"]);
    assert_eq!(jobs.status, 0, "{}", jobs.whole());
    let runs = jobs.json()["pushes"][0]["jobs"]["build"]["runs"].clone();
    assert_eq!(runs.as_array().map(Vec::len), Some(1), "{}", jobs.whole());
    // Its requests are known by their numbers, and are requested once.
    let asked = master.mozci(&[
        "trigger",
        "build",
        "--rev",
        "rev:1000003",
        "--times",
        "2",
        "--yes",
        "--wait",
    ]);
    assert_eq!(asked.status, 0, "{}", asked.whole());
    let count = master.requests();
    let again =
        master.mozci(&["trigger", "build", "--rev", "rev:1000003", "--times", "2", "--yes"]);
    assert_eq!((again.status, master.requests()), (0, count), "{}", again.whole());
}

#[test]
fn a_clone_tells_what_was_filed_under_the_branch_and_is_no_commit_of_it() {
    let Some(mut master) = Master::start("") else { return };
    master.land_slowly([1, 2]);
    // A hook files a request to merge under the branch that it is meant for, without a category.
    let repository = master.home.path().join("widgets.git");
    master.tell(PULL, &format!("repository={}", repository.display()));
    let config = master.home.path().join("config.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let clone = format!("[ci.farm.repos.main]\nclone = {repository:?}\n");
    std::fs::write(&config, text.replace("[ci.farm.repos.main]\n", &clone)).unwrap();
    let pushes = |master: &Master| {
        let said = master.mozci(&["pushes", "--back-revisions", "10", "--json"]);
        assert_eq!(said.status, 0, "{}", said.whole());
        let told = said.json()["pushes"].as_array().unwrap().clone();
        let told: Vec<String> =
            told.iter().map(|p| p["revision"].as_str().unwrap().to_owned()).collect();
        (told, said.stderr)
    };
    // As the newest one it may also be newer than the clone.
    let (told, notes) = pushes(&master);
    assert_eq!(told[0], PULL);
    assert!(notes.contains("not in the clone"), "{notes}");
    master.land_slowly([3]);
    let (told, notes) = pushes(&master);
    let ours: Vec<String> = master.revisions[..3].iter().rev().cloned().collect();
    assert_eq!(told, ours);
    assert!(notes.contains("1 changes are left out"), "{notes}");
}
