//! What answers lead to: the commands that they name, pages in a browser, notifications, logs.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::world::{JOB, Said, Served};

/// The commands that an answer names, without the program's name.
fn commands(said: &Said) -> Vec<Vec<String>> {
    let quoted = said.stdout.split('`').skip(1).step_by(2);
    let words = |line: &str| line.split(' ').skip(1).map(str::to_owned).collect::<Vec<_>>();
    quoted.filter(|line| line.starts_with("mozci ")).map(words).collect()
}

fn run(served: &Served, arguments: &[String]) -> Said {
    // The config is the same, which `command` names itself.
    let at = arguments.iter().position(|word| word == "--config").unwrap();
    let rest: Vec<&str> = arguments[at + 2..].iter().map(String::as_str).collect();
    served.run(&rest)
}

/// A program that writes its arguments to a file.
fn recorder(folder: &Path, name: &str) -> std::path::PathBuf {
    let (program, told) = (folder.join(name), folder.join("told"));
    std::fs::write(&program, format!("#!/bin/sh\nprintf '%s\\n' \"$@\" > {}\n", told.display()))
        .unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    told
}

#[test]
fn each_answer_leads_to_the_next() {
    let served = Served::settled();
    let jobs = served.run(&["jobs", JOB, "--back-revisions", "7"]);
    let next = commands(&jobs);
    assert!(next.iter().any(|line| line.contains(&"backfill".to_owned())), "{jobs:?}");
    let failures = next.iter().find(|line| line.contains(&"failures".to_owned())).unwrap();
    let failures = run(&served, failures);
    assert_eq!(failures.status, 0, "{failures:?}");
    let next = commands(&failures);
    assert_eq!(next.len(), 3, "{failures:?}");
    for line in next {
        let dry = line.contains(&"bisect".to_owned()).then(|| "--dry-run".to_owned());
        let said = run(&served, &[line, dry.into_iter().collect()].concat());
        assert_eq!(said.status, 0, "{said:?}");
    }
    let backfill = served.run(&["backfill", JOB, "--rev", "tip", "--dry-run"]);
    let confirm =
        commands(&backfill).into_iter().find(|line| line.contains(&"bisect".into())).unwrap();
    let said = run(&served, &[confirm, vec!["--dry-run".into()]].concat());
    assert_eq!(said.status, 0, "{said:?}");
}

#[test]
fn pages_open_in_the_browser() {
    let served = Served::settled();
    let told = recorder(served.home.path(), "browser");
    let browser = served.home.path().join("browser");
    let open = |arguments: &[&str]| {
        let mut command = served.command(arguments);
        Said::new(&command.env("BROWSER", format!("{} %s", browser.display())).output().unwrap())
    };
    let node = served.node(0);
    let said = open(&["open"]);
    assert_eq!(said.status, 0, "{said:?}");
    let page = format!("/jobs?repo=autoland&revision={node}");
    assert!(said.stdout.trim().ends_with(&page), "{said:?}");
    assert_eq!(std::fs::read_to_string(&told).unwrap().trim(), said.stdout.trim());
    std::fs::remove_file(&told).unwrap();
    let task = served.task(0);
    let printed = open(&["open", &task, "--print"]);
    assert!(printed.stdout.trim().ends_with(&format!("/tasks/{task}")), "{printed:?}");
    assert!(!told.exists());
    assert_eq!(open(&["open", "9999"]).status, 5);
    assert_eq!(open(&["open", "two words"]).status, 2);
    let json = served.run(&["open", "tip", "--json"]).json();
    assert!(json["url"].as_str().unwrap().ends_with(&page));
}

#[test]
fn a_notification_tells_the_answer() {
    let served = Served::settled();
    let told = recorder(served.home.path(), "notify-send");
    let path = format!("{}:/usr/bin:/bin", served.home.path().display());
    let mut command = served.command(&["--notify", "backfill", JOB, "--rev", "tip", "--dry-run"]);
    let said = Said::new(&command.env("PATH", path).output().unwrap());
    assert_eq!(said.status, 0, "{said:?}");
    let text = std::fs::read_to_string(&told).unwrap();
    assert!(text.contains("first bad push: 1037"), "{text}");
    // Where there is no desktop the command is done all the same.
    let mut command = served.command(&["--notify", "pushes"]);
    let said = Said::new(&command.env("PATH", "/nowhere").output().unwrap());
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.stderr.contains("note: no desktop notification could be shown"), "{said:?}");
}

#[test]
fn the_log_is_shown_around_each_failure() {
    let served = Served::settled();
    let task = served.task(0);
    let said = served.run(&["failures", &task, "--log"]);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.stdout.contains("│"), "{said:?}");
    assert!(
        said.stdout.contains("live_backing.log") || said.stdout.contains("live.log"),
        "{said:?}"
    );
}
