//! The help: every command is in it, and every example runs.

use std::process::Stdio;

use crate::world::{Said, Served};

#[test]
fn options_of_every_command_are_explained_once() {
    let served = Served::settled();
    assert!(served.run(&["--help"]).stdout.contains("--exit-status"));
    for arguments in [&["jobs", "-h"][..], &["bisect", "--help"], &["config", "init", "-h"]] {
        let help = served.run(arguments).stdout;
        assert!(!help.contains("--exit-status") && !help.contains("--stats"), "{help}");
    }
    assert!(served.run(&["jobs", "-h"]).stdout.ends_with("mozci --help\n"));
    // They work as before.
    assert_eq!(served.run(&["jobs", "--stats", "-q"]).status, 0);
}

/// The examples in a command's help.
fn examples(served: &Served, name: &str) -> Vec<String> {
    let help = served.run(&[name, "--help"]).stdout;
    let Some((_, examples)) = help.split_once("Examples:\n") else { return Vec::new() };
    let lines = examples.lines().filter_map(|line| line.strip_prefix("  mozci "));
    lines.map(str::to_owned).collect()
}

#[test]
fn the_root_lists_every_command_once() {
    let served = Served::settled();
    let help = served.run(&["--help"]).stdout;
    assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
    let listed = |name: &str| help.matches(&format!("\n  {name} ")).count();
    for name in ["jobs", "bisect", "backfill", "config", "demo", "taskgraph-action", "man"] {
        assert_eq!(listed(name), 1, "{name}: {help}");
    }
    // Those that the completions know are those that the help lists.
    let fish = served.run(&["completions", "fish"]).stdout;
    let known = fish.lines().filter(|line| line.contains("__fish_mozci_needs_command"));
    let known = known.filter_map(|line| line.split(" -a \"").nth(1)?.split('"').next());
    let missing: Vec<&str> =
        known.filter(|name| *name != "help" && !name.contains('\\') && listed(name) != 1).collect();
    assert_eq!(missing, [""; 0], "{help}");
}

#[test]
fn every_example_runs_on_the_simulated_ci() {
    let served = Served::settled();
    let names = [
        "pushes",
        "jobs",
        "failures",
        "flakiness",
        "chooser",
        "trigger",
        "backfill",
        "bisect",
        "watch",
        "investigations",
        "fill",
        "retrigger",
        "cancel",
        "doctor",
        "guard",
        "requests",
        "config",
        "cache",
        "completions",
    ];
    for name in names {
        let examples = examples(&served, name);
        assert_eq!(examples.len(), 3, "{name}");
        for line in examples {
            // Nobody can be asked here; its own test writes a config.
            if line == "config init" {
                continue;
            }
            let words: Vec<&str> = line.split(' ').map(|word| word.trim_matches('\'')).collect();
            let mut command = served.command(&words);
            let said = Said::new(&command.stdin(Stdio::null()).output().unwrap());
            assert_eq!(said.status, 0, "mozci {line}: {said:?}");
        }
    }
}

#[test]
fn a_program_gets_the_errors_of_the_command_line_too() {
    let served = Served::settled();
    let said = served.run(&["jobs", "--json", "--no-such-option"]);
    let error = &said.json()["error"];
    assert_eq!(
        (said.status, error["code"].as_str(), error["sent"].as_u64()),
        (2, Some("usage"), Some(0))
    );
    assert!(error["message"].as_str().unwrap().contains("--no-such-option"), "{said:?}");
    let said = served.run(&["jobs", "--ci", "smi", "--json"]);
    assert_eq!(said.json()["error"]["code"], "usage");
    assert!(said.stderr.contains("did you mean sim?"), "{said:?}");
    // Help is no error.
    assert_eq!(served.run(&["jobs", "--json", "--help"]).status, 0);
    // A command that never sends does not say that it sent nothing.
    let config = served.config().replace(&served.sim.urls.hg, "http://127.0.0.1:1");
    served.write_config(&config);
    let said = served.run(&["pushes"]);
    assert!(said.status == 3 && !said.stderr.contains("nothing was sent"), "{said:?}");
    let said = served.run(&["backfill", "x", "--rev", "tip", "--yes"]);
    assert!(said.status == 3 && said.stderr.contains("nothing was sent"), "{said:?}");
}
