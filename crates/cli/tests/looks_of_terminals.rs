//! Answers on a pseudo-terminal: widths, colours, links, a pager, and terminals that can do less.

use crate::pty::Terminal;
use crate::world::{Served, steady};

/// What the program wrote to a terminal of so many columns, from the first table on.
fn on_terminal(served: &Served, columns: u16, arguments: &[&str], env: &[(&str, &str)]) -> String {
    let mut command = served.command(arguments);
    command.envs(env.iter().copied());
    let (status, _, all) = Terminal::start(command, columns).end();
    assert_eq!(status, 0, "{all}");
    // What was being done is taken away again before the answer.
    let begin =
        all.rfind(" push ").map_or(0, |at| all[..at].rfind('\n').map_or(0, |line| line + 1));
    let first = all.find(" push  revision").unwrap_or(begin);
    all[first..].replace("\r\n", "\n")
}

/// Escape sequences made visible.
fn visible(text: &str) -> String {
    text.replace('\u{1b}', "␛")
}

const JOBS: [&str; 5] = ["jobs", "--include", "mochitest-plain", "--back-revisions", "7"];

#[test]
fn a_table_has_colours_and_every_name_at_every_width() {
    let served = Served::settled();
    for columns in [60, 80, 120, 200] {
        let all = on_terminal(&served, columns, &JOBS, &[]);
        let name = format!("terminal_{columns}");
        steady().bind(|| insta::assert_snapshot!(name, visible(&all)));
        let plain = anstream::adapter::strip_str(&all).to_string();
        assert!(plain.contains("mochitest-plain-2"), "{plain}");
        for line in plain.lines().filter(|line| !line.contains('`')) {
            assert!(line.chars().count() <= usize::from(columns), "{columns}: {line}");
        }
    }
}

#[test]
fn a_terminal_that_can_do_less_gets_less() {
    let served = Served::settled();
    let coloured = on_terminal(&served, 100, &JOBS, &[]);
    assert!(coloured.contains("\u{1b}[31m✗\u{1b}[0m"), "{}", visible(&coloured));
    let plain = on_terminal(&served, 100, &JOBS, &[("NO_COLOR", "1")]);
    assert!(!plain.contains('\u{1b}') && plain.contains('✗'), "{}", visible(&plain));
    let ascii = on_terminal(&served, 100, &JOBS, &[("LC_ALL", "C"), ("NO_COLOR", "1")]);
    assert!(ascii.is_ascii() && ascii.contains(" x "), "{ascii}");
    let never = [&["--color", "never"], &JOBS[..]].concat();
    assert!(!on_terminal(&served, 100, &never, &[]).contains('\u{1b}'));
    // Off a terminal there are colours where they are requested.
    let always = [&["--color", "always"], &JOBS[..]].concat();
    assert!(served.run(&always).stdout.contains("\u{1b}[31m✗"));
    assert!(!served.run(&JOBS).stdout.contains('\u{1b}'));
}

#[test]
fn hashes_lead_to_their_pages_where_the_terminal_follows_links() {
    let served = Served::settled();
    let env = [("FORCE_HYPERLINK", "1")];
    let all = on_terminal(&served, 100, &["pushes"], &env);
    let node = served.node(0);
    let link = format!("jobs?repo=autoland&revision={node}\u{1b}\\");
    assert!(all.contains("\u{1b}]8;;http") && all.contains(&link), "{}", visible(&all));
    let none = on_terminal(&served, 100, &["pushes"], &[("FORCE_HYPERLINK", "0")]);
    assert!(!none.contains("\u{1b}]8;"), "{}", visible(&none));
}

#[test]
fn a_long_answer_goes_through_the_pager_and_a_short_one_does_not() {
    let served = Served::settled();
    let pager = [("PAGER", "tail -n 1")];
    let long = ["pushes", "--back-revisions", "59"];
    let all = on_terminal(&served, 100, &long, &pager);
    assert!(all.lines().count() <= 2, "only what the pager shows: {all}");
    let whole =
        on_terminal(&served, 100, &["--no-pager", "pushes", "--back-revisions", "59"], &pager);
    assert!(whole.lines().count() > 55, "{whole}");
    let short = on_terminal(&served, 100, &["pushes", "--back-revisions", "3"], &pager);
    assert!(short.lines().count() >= 5, "{short}");
    let none = on_terminal(&served, 100, &long, &[("PAGER", "no-such-pager")]);
    assert!(none.lines().count() > 55, "{none}");
}

#[test]
fn tables_are_csv_where_that_is_requested() {
    let served = Served::settled();
    let csv = served.run(&["--format", "csv", "jobs", "--include", "mochitest-plain-1"]);
    assert_eq!(csv.status, 0, "{csv:?}");
    let mut reader = csv::Reader::from_reader(csv.stdout.as_bytes());
    let header = reader.headers().unwrap().clone();
    assert_eq!(header.iter().next(), Some("push"));
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert!(rows.len() > 5 && rows.iter().all(|row| row.len() == header.len()));
    assert!(csv.stderr.contains("bad at"), "what is no table goes to stderr: {csv:?}");
    for command in [
        &["pushes"][..],
        &["doctor"],
        &["guard", "status"],
        &["chooser"],
        &["flakiness", "--suite", "reftest"],
    ] {
        let said = served.run(&[&["--format", "csv"], command].concat());
        let mut reader = csv::Reader::from_reader(said.stdout.as_bytes());
        assert!(reader.records().all(|row| row.is_ok()), "{said:?}");
        assert!(said.stdout.lines().count() >= 2, "{said:?}");
    }
    // A spreadsheet gets dates, whole hashes and empty cells.
    let pushes = served.run(&["--format", "csv", "pushes"]).stdout;
    let tip = served.node(0);
    let row = pushes.lines().find(|line| line.contains(&tip)).unwrap();
    assert!(row.contains("T") && row.contains("Z,"), "{row}");
    assert!(!pushes.contains('·'), "{pushes}");
    served.run(&["trigger", crate::world::JOB, "--rev", "1039", "--yes"]);
    let ledger = served.run(&["--format", "csv", "requests"]).stdout;
    assert!(
        ledger.starts_with("date,age,state,push,") && ledger.contains(",sent,1039,"),
        "{ledger}"
    );
    assert_eq!(served.run(&["--format", "csv", "cache"]).status, 2);
    assert_eq!(served.run(&["--ci", "demo", "config", "list"]).status, 0);
    let refused = served.run(&["--format", "csv", "trigger", "x", "--rev", "tip"]);
    assert_eq!(refused.status, 2, "{refused:?}");
}

#[test]
fn somebody_s_own_failures_are_found() {
    let served = Served::settled();
    let everybody = served.run(&["pushes", "--back-revisions", "30", "--json"]).json();
    let author = everybody["pushes"][0]["author"].as_str().unwrap().to_owned();
    let short = author.split('@').next().unwrap();
    let mine = served.run(&["pushes", "--author", short, "--json"]).json();
    let mine = mine["pushes"].as_array().unwrap();
    assert!(!mine.is_empty() && mine.iter().all(|push| push["author"] == *author), "{mine:?}");
    let failed = served.run(&["jobs", "--failed", "--author", short, "--json"]).json();
    for push in failed["pushes"].as_array().unwrap() {
        assert_eq!(push["author"], *author);
    }
    let nobody = served.run(&["jobs", "--author", "nobody-at-all"]);
    assert_eq!(nobody.status, 5, "{nobody:?}");
    // `@me` is whoever the clone's Git knows.
    let folder = served.home.path().join("clone");
    let git = |arguments: &[&str]| {
        let mut git = std::process::Command::new("git");
        assert!(git.args(arguments).output().unwrap().status.success());
    };
    let at = folder.display().to_string();
    git(&["init", "-q", &at]);
    git(&["-C", &at, "config", "user.email", &author]);
    let me = served.run(&["--clone", &at, "pushes", "--author", "@me", "--json"]).json();
    assert_eq!(me["pushes"].as_array().unwrap().len(), mine.len());
}
