//! How answers are written: widths, Markdown, the ledger, the cache, completions, manual pages.

use crate::world::{JOB, Said, Served, steady};

fn snapshot(name: &str, text: &str) {
    steady().bind(|| insta::assert_snapshot!(name, text));
}

fn at_width(served: &Served, columns: usize, arguments: &[&str]) -> Said {
    let mut command = served.command(arguments);
    Said::new(&command.env("COLUMNS", columns.to_string()).output().unwrap())
}

#[test]
fn sixty_columns_are_enough() {
    let served = Served::settled();
    let backfill = ["backfill", JOB, "--rev", "tip", "--max-revisions", "12", "--dry-run"];
    let all: [&[&str]; 6] = [
        &["pushes", "--back-revisions", "5"],
        &["jobs", "--include", "plain-1", "--back-revisions", "5"],
        &["jobs", "--back-revisions", "5"],
        &["trigger", "--suite", "xpcshell", "--back-revisions", "2", "--dry-run"],
        &backfill,
        &["doctor"],
    ];
    for arguments in all {
        for columns in [60, 80, 100] {
            let said = at_width(&served, columns, arguments);
            assert_eq!(said.status, 0, "{said:?}");
            for line in said.stdout.lines() {
                let whole = line.contains('`') || line.split_whitespace().count() <= 2;
                let width = line.chars().count();
                assert!(width <= columns || whole, "{width} > {columns}: {line}");
            }
        }
    }
    snapshot("backfill_at_60", &at_width(&served, 60, &backfill).stdout);
    let jobs = at_width(&served, 60, all[1]);
    // The age in the first lines is another one each time.
    let from = jobs.stdout.find(" push").unwrap();
    snapshot("jobs_at_60", &jobs.stdout[from..]);
    // A pipe gets whole lines.
    let piped = served.run(&backfill);
    assert!(piped.stdout.lines().any(|line| line.chars().count() > 80), "{}", piped.stdout);
}

#[test]
fn markdown_has_tables_with_heads() {
    let served = Served::settled();
    let jobs = served.run(&[
        "--format",
        "markdown",
        "jobs",
        "--include",
        "plain-1",
        "--back-revisions",
        "2",
    ]);
    snapshot("jobs_markdown", &jobs.stdout);
    let backfill = ["--format", "markdown", "backfill", JOB, "--rev", "tip", "--dry-run"];
    snapshot("backfill_markdown", &served.run(&backfill).stdout);
    let json = served.run(&["--format", "json", "pushes"]);
    assert_eq!(json.json()["command"], "pushes");
    let both = served.run(&["--format", "markdown", "--json", "pushes"]);
    assert_eq!(both.status, 2, "{both:?}");
}

#[test]
fn the_ledger_can_be_read() {
    let served = Served::settled();
    let none = served.run(&["requests"]);
    assert_eq!(none.status, 0, "{none:?}");
    served.run(&["trigger", JOB, "--rev", "1039", "--yes"]);
    let json = served.run(&["requests", "--json"]).json();
    assert_eq!(json["runs_in_24_hours"], 1);
    let request = &json["requests"][0];
    assert_eq!(
        (request["state"].as_str(), request["push"]["id"].as_u64()),
        (Some("sent"), Some(1039))
    );
    assert_eq!(request["jobs"][0]["job"], JOB);
    assert_eq!(request["body"]["user"]["input"]["tasks"][0], JOB);
    let text = served.run(&["requests"]).stdout;
    assert!(text.contains(JOB) && text.contains("sent"), "{text}");
    let open = served.run(&["requests", "--open", "--json"]).json();
    assert_eq!(open["requests"].as_array().unwrap().len(), 0);
}

#[test]
fn the_cache_can_be_seen_and_cleared_and_the_ledger_stays() {
    let served = Served::settled();
    served.run(&["trigger", JOB, "--rev", "1039", "--yes"]);
    let before = served.run(&["cache", "--json"]).json();
    assert!(before["bytes"].as_u64().unwrap() > 10_000, "{before}");
    let kinds: Vec<&str> =
        before["facts"].as_array().unwrap().iter().map(|f| f["kind"].as_str().unwrap()).collect();
    assert!(kinds.contains(&"push/1") && kinds.contains(&"task/2"), "{kinds:?}");
    let cleared = served.run(&["cache", "clear", "--json"]).json();
    assert!(cleared["removed_bytes"].as_u64().unwrap() > 0);
    assert_eq!(served.run(&["cache", "size", "--json"]).json()["bytes"], 0);
    assert_eq!(served.askings("sent"), 1);
    let again = served.run(&["trigger", JOB, "--rev", "1039", "--dry-run", "--json"]);
    assert_eq!(again.json()["plan"]["requests"].as_array().unwrap().len(), 0, "{again:?}");
}

#[test]
fn shells_and_man_get_what_they_need() {
    let served = Served::settled();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let said = served.run(&["completions", shell]);
        assert!(said.status == 0 && said.stdout.contains("COMPLETE"), "{shell}: {said:?}");
    }
    let main = served.run(&["man"]);
    assert!(main.stdout.contains(".TH MOZCI") && main.stdout.contains("backfill"), "{main:?}");
    let folder = served.home.path().join("man");
    let said = served.run(&["man", "--folder", folder.to_str().unwrap()]);
    assert_eq!(said.status, 0, "{said:?}");
    let pages = std::fs::read_dir(folder).unwrap().count();
    assert!(pages >= 12, "{pages}");
}

#[test]
fn the_readmes_recipes_for_legacy_calls_work() {
    let readme = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/commands.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    let table = readme.split("## Coming from `trigger.py`").nth(1).unwrap();
    let recipes: Vec<&str> = table
        .lines()
        .filter(|line| line.starts_with('|'))
        .filter_map(|line| line.split('`').find(|code| code.starts_with("mozci ")))
        .collect();
    assert!(recipes.len() >= 8, "{recipes:?}");
    let served = Served::settled();
    for recipe in recipes {
        let words = recipe.split(' ').skip(1).map(|word| match word {
            "B" => JOB,
            "R" => "1036",
            "F" => "1033",
            word => word,
        });
        let mut arguments: Vec<&str> = words.collect();
        arguments.push("--dry-run");
        let said = served.run(&arguments);
        assert_eq!(said.status, 0, "{recipe}: {said:?}");
    }
}
