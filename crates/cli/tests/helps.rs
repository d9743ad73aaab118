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

#[test]
fn the_manual_has_what_a_manual_has() {
    let served = Served::settled();
    let folder = served.home.path().join("man");
    let said = served.run(&["man", "--folder", folder.to_str().unwrap()]);
    assert_eq!(said.status, 0, "{said:?}");
    let page = |name: &str| std::fs::read_to_string(folder.join(format!("{name}.1"))).unwrap();
    for name in ["mozci", "mozci-backfill", "mozci-config-init"] {
        let text = page(name);
        for section in ["NAME", "SYNOPSIS", "EXIT STATUS", "FILES", "ENVIRONMENT", "SEE ALSO"] {
            let quoted = format!(".SH \"{section}\"");
            let has = text.contains(&quoted) || text.contains(&format!(".SH {section}\n"));
            assert!(has, "{name} has no {section}:\n{text}");
        }
    }
    let backfill = page("mozci-backfill");
    assert!(backfill.contains("EXAMPLES") && backfill.contains("mozci backfill"), "{backfill}");
    // Options of every command stand in the main page alone.
    assert!(page("mozci").contains("\\-\\-stats") && !backfill.contains("\\-\\-stats"));
    assert!(page("mozci-config").contains("mozci\\-config\\-init(1)"));
}

#[test]
fn shells_complete_what_the_config_and_the_cache_know() {
    let served = Served::settled();
    assert_eq!(served.run(&["jobs", "--back-revisions", "3"]).status, 0);
    let complete = |words: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_mozci"));
        let base = served.command(&[]);
        command.env_clear().envs(base.get_envs().filter_map(|(key, value)| Some((key, value?))));
        command
            .env("MOZCI_CONFIG", served.config_path())
            .env("COMPLETE", "bash")
            .env("_CLAP_COMPLETE_INDEX", (words.len() - 1).to_string())
            .env("_CLAP_COMPLETE_COMP_TYPE", "9")
            .env("_CLAP_COMPLETE_SPACE", "true")
            .env("_CLAP_IFS", "\n")
            .arg("--")
            .args(words);
        Said::new(&command.output().unwrap()).stdout
    };
    let cis = complete(&["mozci", "--ci", ""]);
    assert!(cis.lines().any(|name| name == "firefox") && cis.contains("demo"), "{cis}");
    assert!(complete(&["mozci", "--repo", "auto"]).contains("autoland"));
    assert!(complete(&["mozci", "jobs", "plain-1"]).contains(crate::world::JOB));
    assert!(complete(&["mozci", "back"]).contains("backfill"));
    for shell in ["bash", "zsh", "fish"] {
        let script = served.run(&["completions", shell]);
        assert!(script.stdout.contains("COMPLETE"), "{script:?}");
    }
}

#[test]
fn the_version_names_its_commit() {
    let served = Served::settled();
    let short = served.run(&["--version"]).stdout;
    assert!(short.starts_with("mozci ") && short.contains('('), "{short}");
    let long = served.run(&["--version", "--verbose"]).stdout;
    assert!(long.contains("commit ") && long.contains("compiler "), "{long}");
}
