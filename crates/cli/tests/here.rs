//! What the folder says in which a command runs.

use crate::world::{Said, Served};

fn run_in(served: &Served, folder: &std::path::Path, arguments: &[&str]) -> Said {
    Said::new(&served.command(arguments).current_dir(folder).output().unwrap())
}

#[test]
fn a_file_in_the_folder_names_ci_and_repository() {
    let served = Served::settled();
    let folder = served.home.path().join("tree/below");
    std::fs::create_dir_all(&folder).unwrap();
    let file = served.home.path().join("tree/.mozci.toml");
    std::fs::write(&file, "repo = \"mozilla-central\"\n").unwrap();
    let shown = run_in(&served, &folder, &["config", "show", "--json"]).json();
    assert_eq!(shown["repo"], "mozilla-central");
    assert_eq!(shown["repo_by"], file.to_str().unwrap());
    // What is said on the command line goes before it.
    let said = run_in(&served, &folder, &["--repo", "autoland", "pushes"]);
    assert!(said.stdout.starts_with("autoland"), "{said:?}");
    std::fs::write(&file, "ci = \"nosuch\"\n").unwrap();
    let said = run_in(&served, &folder, &["pushes"]);
    assert_eq!(said.status, 2, "{said:?}");
    assert!(said.stderr.contains(".mozci.toml") && said.stderr.contains("nosuch"), "{said:?}");
    // A repository of somebody else's cannot have a command run.
    std::fs::write(&file, "credentials_command = [\"touch\", \"pwned\"]\n").unwrap();
    let said = run_in(&served, &folder, &["pushes"]);
    assert_eq!(said.status, 2, "{said:?}");
    assert!(!folder.join("pwned").exists());
}

#[test]
fn the_clone_s_remote_names_the_repository() {
    let served = Served::settled();
    let folder = served.home.path().join("clone");
    std::fs::create_dir_all(folder.join(".hg")).unwrap();
    let remote = format!("{}/mozilla-central/", served.sim.urls.hg.trim_end_matches('/'));
    std::fs::write(folder.join(".hg/hgrc"), format!("[paths]\ndefault = {remote}\n")).unwrap();
    let shown = run_in(&served, &folder, &["config", "show", "--json"]).json();
    assert_eq!(shown["repo"], "mozilla-central", "{shown}");
    assert_eq!(shown["repo_by"], "the remote of the clone here");
}

#[test]
fn where_credentials_come_from_is_told_without_them() {
    let served = Served::settled();
    let said = served.run(&["auth", "status"]);
    assert_eq!(said.status, 0, "{said:?}");
    let from = "from: `credentials_command` in the config, which runs echo\n";
    assert!(said.stdout.contains(from), "{said:?}");
    assert!(said.stdout.contains("trigger, backfill, fill, retrigger: allowed"), "{said:?}");
    let config = std::fs::read_to_string(served.config_path()).unwrap();
    let (_, rest) = config.split_once("accessToken").unwrap();
    let secret = rest.split(|c: char| !c.is_ascii_alphanumeric()).find(|word| word.len() > 8);
    assert!(!said.whole().contains(secret.unwrap()), "{said:?}");
    let none = served.run(&["--ci", "firefox", "config", "show"]);
    assert!(none.stdout.contains("there are none"), "{none:?}");
}
