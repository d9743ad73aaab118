//! Revisions under either of their names.

use std::path::Path;
use std::process::Command;

use mozci_sim::WorldConfig;

use crate::world::{Said, Served};

/// A world, and a config in which Lando is asked.
fn with_lando() -> Served {
    let served = Served::of(WorldConfig { newest_minutes_ago: 600, ..WorldConfig::default() });
    let url = format!("{}/lando/api", served.sim.urls.treeherder);
    configure(&served, &url, "");
    served
}

fn configure(served: &Served, lando: &str, more: &str) {
    let config = served.config();
    let config =
        config.replacen("poll_seconds", &format!("lando_url = \"{lando}\"\npoll_seconds"), 1);
    let repo = "[ci.sim.repos.autoland]\n";
    let with = format!("{repo}lando_repo = \"firefox\"\n{more}");
    served.write_config(&config.replacen(repo, &with, 1));
}

/// A commit on the newest pushes that landed in Git: its push's number, its names, and whether the
/// pushlog knows that of Git's.
fn landed(served: &Served, known: bool) -> (u64, String, String) {
    let pushes = served.world().autoland.pushes.iter().rev();
    let mut all = pushes.flat_map(|push| push.commits.iter().map(move |commit| (push.id, commit)));
    let fits = |(_, commit): &(u64, &mozci_sim::world::Commit)| {
        commit.landed.is_some() && commit.git.is_some() == known
    };
    let (push, commit) = all.find(fits).unwrap();
    (push, commit.node.clone(), commit.landed.clone().unwrap())
}

fn pushes(served: &Served, rev: &str) -> Said {
    served.run(&["pushes", "--rev", rev, "--back-revisions", "0", "--json", "--stats"])
}

fn is_push(said: &Said, id: u64) -> serde_json::Value {
    assert_eq!(said.status, 0, "{said:?}");
    let push = said.json()["pushes"][0].clone();
    assert_eq!(push["id"], id, "{said:?}");
    push
}

#[test]
fn a_commit_of_gits_is_found_by_lando_and_remembered() {
    let served = with_lando();
    let (id, node, git) = landed(&served, false);
    let first = pushes(&served, &git);
    let push = is_push(&first, id);
    // Both names are shown, though the pushlog has only one.
    let changesets = push["changesets"].as_array().unwrap();
    let ours = changesets.iter().find(|changeset| changeset["revision"] == node.as_str()).unwrap();
    assert_eq!(ours["git"], git.as_str());
    let second = pushes(&served, &git);
    is_push(&second, id);
    let requests = |said: &Said| said.json()["stats"]["http_requests"].as_u64().unwrap();
    assert!(requests(&second) < requests(&first), "{first:?} {second:?}");
    is_push(&pushes(&served, &node), id);
}

#[test]
fn without_lando_the_pushlogs_own_names_are_looked_through() {
    let served = with_lando();
    let (id, _, git) = landed(&served, true);
    let (_, _, unknown) = landed(&served, false);
    configure(&served, "http://127.0.0.1:9", "");
    let said = pushes(&served, &git);
    is_push(&said, id);
    assert!(said.stderr.contains("cannot be looked up"), "{said:?}");
    let said = pushes(&served, &unknown);
    assert_eq!(said.status, 5, "{said:?}");
    assert!(said.stderr.contains("cannot be looked up"), "{said:?}");
    // One that landed nowhere has no name; that is normal.
    let served = with_lando();
    let said = pushes(&served, &"ab".repeat(20));
    assert_eq!(said.status, 5, "{said:?}");
    assert!(!said.stderr.contains("cannot be looked up"), "{said:?}");
}

fn run(program: &str, folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    command.current_dir(folder).args(arguments).env("HGPLAIN", "1").env("HGUSER", "somebody");
    for who in ["GIT_AUTHOR", "GIT_COMMITTER"] {
        command.env(format!("{who}_NAME"), "somebody").env(format!("{who}_EMAIL"), "s@example.org");
        command.env(format!("{who}_DATE"), "2026-01-01T00:00:00Z");
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_clone_expands_short_hashes_and_says_what_means_two_things() {
    let served = with_lando();
    let clone = tempfile::TempDir::new().unwrap();
    let git = |arguments: &[&str]| run("git", clone.path(), arguments);
    git(&["init", "--quiet"]);
    // Commits until one begins as one of Mercurial's does, in four digits.
    let nodes: Vec<String> = {
        let pushes = &served.world().autoland.pushes;
        pushes.iter().flat_map(|p| p.commits.iter().map(|c| c.node.clone())).collect()
    };
    git(&["commit", "--quiet", "--allow-empty", "-m", "first"]);
    let tree = git(&["write-tree"]);
    let mut made = (0..).map(|n| git(&["commit-tree", &tree, "-m", &n.to_string()]));
    let alone = made.next().unwrap();
    let both = made
        .take(5_000)
        .find(|commit| nodes.iter().filter(|node| node[..4] == commit[..4]).count() == 1);
    let dir = clone.path().to_str().unwrap();
    // It is expanded, and nobody knows it here.
    let said = served.run(&["--clone", dir, "pushes", "--rev", &alone[..8]]);
    assert_eq!(said.status, 5, "{said:?}");
    let both = both.expect("of 5,000 commits one begins as one of 150 others does");
    let alone = served.run(&["pushes", "--rev", &format!("rev:{}", &both[..4])]);
    assert_eq!(alone.status, 0, "{alone:?}");
    let said = served.run(&["--clone", dir, "pushes", "--rev", &format!("rev:{}", &both[..4])]);
    assert_eq!(said.status, 5, "{said:?}");
    assert!(said.stderr.contains("means two things"), "{said:?}");
    assert!(said.stderr.contains(&both[..12]), "{said:?}");
    // Two of the clone's own that begin alike are told of, and a clone that cannot be read is.
    let mut made = (5_000..).map(|n| git(&["commit-tree", &tree, "-m", &n.to_string()]));
    let mut seen = std::collections::HashMap::new();
    let twice = loop {
        let commit = made.next().unwrap();
        if let Some(before) = seen.insert(commit[..4].to_owned(), commit.clone()) {
            break before[..4].to_owned();
        }
    };
    let said = served.run(&["--clone", dir, "pushes", "--rev", &format!("rev:{twice}")]);
    assert_ne!(said.status, 0, "{said:?}");
    let empty = tempfile::TempDir::new().unwrap();
    std::fs::write(empty.path().join("HEAD"), "").unwrap();
    let broken = empty.path().to_str().unwrap();
    let said = served.run(&["--clone", broken, "pushes", "--rev", &format!("rev:{}", &both[..4])]);
    assert_eq!(said.status, 2, "{said:?}");
    let said = served.run(&["--clone", "/nowhere", "pushes", "--rev", "abcdef0123"]);
    assert_eq!(said.status, 2, "{said:?}");
    assert!(said.stderr.contains("no clone of Git's or Mercurial's"), "{said:?}");
}

/// A repository whose pushes come from Treeherder and are Git's needs a word in the config and no more.
#[test]
fn a_repository_that_is_gits_needs_a_config_change_only() {
    let served = with_lando();
    let bare = "[ci.sim.repos.bare]\n";
    served.write_config(&served.read_config().replacen(bare, &format!("{bare}vcs = \"git\"\n"), 1));
    let arguments = ["--repo", "bare", "backfill", crate::world::JOB, "--rev", "tip", "--dry-run"];
    let said = served.run(&[&arguments[..], &["--json"]].concat());
    assert_eq!(said.status, 0, "{said:?}");
    let requests = said.json()["plan"]["requests"].as_array().unwrap().clone();
    assert!(!requests.is_empty(), "{said:?}");
    assert!(requests.iter().all(|request| request["push"]["vcs"] == "git"), "{said:?}");
}
