//! A config of one's own: `mozci config`, and what the environment says.

use std::process::Command;

use crate::world::{JOB, Said, Served};

/// The program without a config of the test's.
fn bare(served: &Served, arguments: &[&str]) -> Command {
    let home = served.home.path();
    let mut bare = Command::new(env!("CARGO_BIN_EXE_mozci"));
    bare.args(arguments).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    bare.env("HOME", home).env("XDG_STATE_HOME", home.join("state"));
    bare.env("XDG_CACHE_HOME", home.join("cache")).env("XDG_CONFIG_HOME", home.join("conf"));
    bare.stdin(std::process::Stdio::null());
    bare
}

fn said(command: &mut Command) -> Said {
    Said::new(&command.output().unwrap())
}

#[test]
fn a_config_is_written_checked_and_used() {
    let served = Served::settled();
    let urls = &served.sim.urls;
    let init = [
        "config",
        "init",
        "--kind",
        "taskcluster",
        "--url",
        &urls.taskcluster,
        "--treeherder-url",
        &urls.treeherder,
        "--repository",
        "autoland",
    ];
    let first = said(&mut bare(&served, &init));
    // Without credentials reading works, and doctor says so.
    assert!(first.stdout.contains("wrote ") && first.stdout.contains("treeherder"), "{first:?}");
    assert!(first.stdout.contains("next: `mozci jobs`"), "{first:?}");
    let jobs = said(&mut bare(&served, &["jobs", JOB]));
    assert!(jobs.status == 0 && jobs.stdout.contains("4bc2e35e2d9a"), "{jobs:?}");
    // A file that is there is nobody's to write over.
    let again = said(&mut bare(&served, &init));
    assert!(again.status == 2 && again.stderr.contains("exists already"), "{again:?}");
    let path = said(&mut bare(&served, &["config", "path"]));
    assert!(path.stdout.trim_end().ends_with("conf/mozci/config.toml"), "{path:?}");
    let list = said(&mut bare(&served, &["config", "list", "--json"])).json();
    let cis = list["cis"].as_array().unwrap();
    let own = cis.iter().find(|ci| ci["default"] == true).unwrap();
    assert_eq!(
        (own["name"].as_str(), own["repositories"][0].as_str()),
        (Some("main"), Some("autoland"))
    );
}

#[test]
fn what_init_needs_is_named() {
    let served = Served::settled();
    for (arguments, text) in [
        (&["config", "init"][..], "needs --kind"),
        (&["config", "init", "--kind", "buildbot"], "needs --url"),
        (
            &["config", "init", "--kind", "jenkins", "--url", "http://x", "--repository", "r"],
            "is not a kind of CI",
        ),
        (
            &["config", "init", "--kind", "buildapi", "--url", "http://x", "--repository", "r"],
            "--pushlog-url",
        ),
    ] {
        let said = said(&mut bare(&served, arguments));
        assert!(said.status == 2 && said.stderr.contains(text), "{said:?}");
    }
    assert!(!served.home.path().join("conf").exists());
}

#[test]
fn the_environment_names_what_options_name() {
    let served = Served::settled();
    let mut command = bare(&served, &["pushes", "--json"]);
    command.env("MOZCI_CONFIG", served.config_path()).env("MOZCI_REPO", "mozilla-central");
    let said = said(&mut command);
    assert_eq!(
        (said.status, said.json()["repo"].as_str()),
        (0, Some("mozilla-central")),
        "{said:?}"
    );
}
