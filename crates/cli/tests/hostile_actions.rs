//! What somebody who may push can write into a push's `actions.json`: nothing of it takes the program
//! down, holds it up, or is sent.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::world::{JOB, Said, Served};

/// Memory that the program may write to, in KiB. Addresses are not counted: the allocator reserves 64 MiB of them for
/// each thread, and how many threads there are depends on the machine.
const MEMORY: u64 = 128 << 10;

/// How long one command may take, on a machine that is busy with other tests.
const LONGEST: Duration = Duration::from_secs(30);

/// Runs the program under a limit of memory.
fn run(served: &Served, arguments: &[&str]) -> (Said, Duration) {
    let inner = served.command(arguments);
    let mut command = Command::new("bash");
    command.args(["-c", &format!("ulimit -d {MEMORY}; exec \"$0\" \"$@\"")]);
    command.arg(inner.get_program()).args(inner.get_args()).env_clear();
    for (key, value) in inner.get_envs() {
        if let Some(value) = value {
            command.env(key, value);
        }
    }
    let started = Instant::now();
    let said = Said::new(&command.output().unwrap());
    (said, started.elapsed())
}

/// A file whose `add-new-jobs` has this payload and this schema.
fn file(payload: &str, schema: &str) -> String {
    format!(
        r#"{{"version": 1, "variables": {{}}, "actions": [{{"name": "add-new-jobs", "kind": "hook",
            "context": [], "hookGroupId": "project-gecko", "hookId": "in-tree-action-3-generic/5f1e9a7c20",
            "schema": {schema}, "hookPayload": {payload}}}]}}"#
    )
}

const SCHEMA: &str = r#"{"type": "object", "properties": {"tasks": {"type": "array"}, "times": {"type": "integer"}}}"#;

/// An expression in the place of the payload.
fn eval(expression: &str) -> String {
    file(&json!({"$eval": expression}).to_string(), SCHEMA)
}

/// A list of so many nested maps over ten elements each.
fn nested_map(depth: usize) -> Value {
    (0..depth).fold(
        json!("x"),
        |inner, n| json!({"$map": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], format!("each(x{n})"): inner}),
    )
}

/// A payload that makes so many copies of copies.
fn doubling(depth: usize) -> Value {
    (0..depth).fold(
        json!([{"$eval": "a"}]),
        |inner, _| json!({"$let": {"a": {"$eval": "[a, a]"}}, "in": inner}),
    )
}

/// A schema whose references double each other.
fn doubling_refs(depth: usize) -> String {
    let mut definitions = serde_json::Map::new();
    for n in 0..depth {
        let next = json!({"$ref": format!("#/definitions/d{}", n + 1)});
        definitions.insert(format!("d{n}"), json!({"allOf": [next, next]}));
    }
    definitions.insert(format!("d{depth}"), json!({"type": "object"}));
    json!({
        "allOf": [{"$ref": "#/definitions/d0"}], "definitions": definitions,
        "properties": {"tasks": {"type": "array"}, "times": {"type": "integer"}},
    })
    .to_string()
}

fn with_property(property: Value) -> String {
    json!({"type": "object", "properties": {"tasks": property, "times": {"type": "integer"}}})
        .to_string()
}

/// Every kind, with its name.
fn kinds() -> Vec<(&'static str, String)> {
    let deep = |open: &str, close: &str, n: usize| format!("{}{}", open.repeat(n), close.repeat(n));
    let text = |text: &str| Value::from(text).to_string();
    let mut kinds = vec![
        // Computation that grows.
        ("nested maps, 9 deep", file(&nested_map(9).to_string(), SCHEMA)),
        ("nested maps, 20 deep", file(&nested_map(20).to_string(), SCHEMA)),
        (
            "doubling lets",
            file(&json!({"$let": {"a": "x"}, "in": doubling(40)}).to_string(), SCHEMA),
        ),
        ("a long range", eval("range(0, 1000000000)")),
        ("ranges of ranges", eval("len(range(0, 10000000)) + len(range(0, 10000000))")),
        ("a range with a tiny step", eval("range(0, 1000000000000, 1)")),
        ("a doubling text", file(&doubling_text(40), SCHEMA)),
        ("a joined range", eval("join(range(0, 50000000), 'xxxxxxxxxx')")),
        ("a split text", eval("split(join(range(0, 10000000), ','), ',')")),
        (
            "a reduced list",
            file(
                &json!({
                    "$reduce": {"$eval": "range(0, 100000)"}, "initial": "x",
                    "each(acc, v)": {"$eval": "acc + acc"},
                })
                .to_string(),
                SCHEMA,
            ),
        ),
        (
            "a sorted list",
            file(&json!({"$sort": {"$eval": "range(0, 100000000)"}}).to_string(), SCHEMA),
        ),
        (
            "a mapped range",
            file(
                &json!({
                    "$map": {"$eval": "range(0, 100000000)"}, "each(x)": {"a": {"$eval": "x"}},
                })
                .to_string(),
                SCHEMA,
            ),
        ),
        ("flattened lists", file(&json!({"$flattenDeep": [nested_map(8)]}).to_string(), SCHEMA)),
        ("merged objects", file(&json!({"$merge": [nested_map(8)]}).to_string(), SCHEMA)),
        (
            "json of a range",
            file(&json!({"$json": {"$eval": "range(0, 100000000)"}}).to_string(), SCHEMA),
        ),
        ("a power", eval("9 ** 9 ** 9 ** 9")),
        ("a power of a float", eval("1.5 ** 999999999")),
        ("a modulus", eval("1 % 0")),
        ("a division", eval("1 / 0")),
        ("a slice", eval("range(0, 100000000)[1:99999999]")),
        // Depth.
        ("3,000 brackets", eval(&format!("{}1{}", "(".repeat(3000), ")".repeat(3000)))),
        ("100,000 brackets", eval(&format!("{}1{}", "(".repeat(100_000), ")".repeat(100_000)))),
        ("100,000 lists", eval(&deep("[", "]", 100_000))),
        (
            "100,000 lists in a text",
            file(&text(&format!("${{{}}}", deep("[", "]", 100_000))), SCHEMA),
        ),
        ("100,000 minus signs", eval(&format!("{}1", "-".repeat(100_000)))),
        ("100,000 nots", eval(&format!("{}true", "!".repeat(100_000)))),
        ("100,000 dots", eval(&format!("input{}", ".a".repeat(100_000)))),
        ("100,000 additions", eval(&format!("1{}", "+1".repeat(100_000)))),
        ("100,000 objects", eval(&deep("{a:", "}", 100_000))),
        ("a deep payload", file(&deep("[", "]", 100_000), SCHEMA)),
        ("a payload of 127", file(&deep("[", "]", 120), SCHEMA)),
        (
            "a deep schema",
            file("{}", &deep(r#"{"not":"#, "}", 50_000).replace("not\":}", "not\":{}}")),
        ),
        ("a deep result", eval(&deep("[", "]", 90))),
        // Time and dates.
        ("years from now", file(&json!({"$fromNow": "9999999999 years"}).to_string(), SCHEMA)),
        ("years ago", file(&json!({"$fromNow": "-9999999999 years"}).to_string(), SCHEMA)),
        ("fromNow", eval("fromNow('9999999999 years')")),
        ("fromNow of nothing", eval("fromNow('')")),
        ("fromNow of a bad date", eval("fromNow('1 day', 'x')")),
        ("fromNow of the last date", eval("fromNow('1 year', '9999-12-31T23:59:59Z')")),
        // Schemas.
        ("34 doubling references", file("{}", &doubling_refs(34))),
        (
            "a reference to itself",
            file("{}", r##"{"$ref": "#", "properties": {"tasks": {}, "times": {}}}"##),
        ),
        (
            "a circle",
            file(
                "{}",
                r##"{"allOf": [{"$ref": "#/definitions/a"}], "definitions": {"a": {"$ref": "#/definitions/b"}, "b": {"$ref": "#/definitions/a"}}, "properties": {"tasks": {}, "times": {}}}"##,
            ),
        ),
        (
            "a reference to a file",
            file("{}", &with_property(json!({"$ref": "file:///etc/passwd"}))),
        ),
        (
            "a reference to a host",
            file("{}", &with_property(json!({"$ref": "http://127.0.0.1:1/x"}))),
        ),
        (
            "a pattern that backtracks",
            file(
                "{}",
                &with_property(json!({"items": {"pattern": "^(([a-z0-9/-])+.)+[A-Z]([a-z])+$"}})),
            ),
        ),
        (
            "a pattern that looks back",
            file("{}", &with_property(json!({"items": {"pattern": "(?=(a*)*b)(?<=x)"}}))),
        ),
        (
            "a huge pattern",
            file("{}", &with_property(json!({"items": {"pattern": "((a{1000}){1000}){1000}"}}))),
        ),
        ("a pattern that is none", file("{}", &with_property(json!({"items": {"pattern": "("}})))),
        (
            "many alternatives",
            file(
                "{}",
                &with_property(
                    json!({"anyOf": vec![json!({"type": "string", "minLength": 9}); 3000]}),
                ),
            ),
        ),
        ("nested alternatives", file("{}", &with_property(alternatives(12)))),
        ("a schema of the wrong type", file("{}", "[1, 2, 3]")),
        (
            "a schema with odd bounds",
            file(
                "{}",
                r#"{"properties": {"tasks": {"maxItems": -1}, "times": {"maximum": 1e308}}}"#,
            ),
        ),
        (
            "one run and one label at once",
            file(
                r#"{"$eval": "input"}"#,
                r#"{"properties": {"tasks": {"maxItems": 0}, "times": {"maximum": 0}}}"#,
            ),
        ),
        // Size.
        (
            "a payload of 3 million elements",
            file(&format!("[{}0]", "0,".repeat(3_000_000)), SCHEMA),
        ),
        (
            "a payload of 3 million elements, copied",
            file(&json!([{"$eval": "input"}, "x".repeat(200_000)]).to_string(), SCHEMA),
        ),
        (
            "copies of a large variable",
            file("{}", SCHEMA)
                .replace(
                    r#""variables": {}"#,
                    &format!(r#""variables": {{"v": "{}"}}"#, "x".repeat(60_000)),
                )
                .replace(
                    r#""hookPayload": {}"#,
                    &format!(r#""hookPayload": {}"#, json!(vec![json!({"$eval": "v"}); 190])),
                ),
        ),
        (
            "many contexts",
            file("{}", SCHEMA).replace(
                r#""context": []"#,
                &format!(r#""context": [{}{{}}]"#, r#"{"a": ""},"#.repeat(400_000)),
            ),
        ),
        (
            "many actions",
            format!(
                r#"{{"version": 1, "actions": [{}{{"name": "b", "kind": "hook"}}]}}"#,
                r#"{"name":"a","kind":""},"#.repeat(180_000)
            ),
        ),
        ("a file of 40 MB", format!("{}{}", file("{}", SCHEMA), " ".repeat(40 << 20))),
        ("a list of 60 MB", format!("[{}0]", "0,".repeat(30 << 20))),
        (
            "many names",
            format!(
                r#"{{"version": 1, "actions": [{}{{"name": "b", "kind": "hook"}}]}}"#,
                format!(r#"{{"name":"{}","kind":""}},"#, "n".repeat(500)).repeat(7000)
            ),
        ),
        ("no JSON at all", "\u{0}\u{1b}]0;x\u{7}".repeat(100)),
        ("half a file", file("{}", SCHEMA)[..200].to_owned()),
        // Names of operators that do not exist, and unfit shapes.
        ("an unknown operator", file(r#"{"$explode": 1}"#, SCHEMA)),
        ("a switch", file(r#"{"$switch": {"true": 1, "1 == 1": 2}}"#, SCHEMA)),
        (
            "a find",
            file(
                &json!({"$find": {"$eval": "range(0, 100000000)"}, "each(x)": "x == -1"})
                    .to_string(),
                SCHEMA,
            ),
        ),
        ("unclosed", file(&text("${input"), SCHEMA)),
        ("a text with a null", eval("'\u{0}'")),
        ("an escape in an expression", eval("'\u{1b}]0;x\u{7}' + unknown")),
    ];
    kinds.push((
        "an untrusted hook that computes",
        eval("range(0, 1000000000)").replace("project-gecko", "project-other"),
    ));
    kinds
}

fn doubling_text(depth: usize) -> String {
    let inner = (0..depth)
        .fold(json!("${a}"), |inner, _| json!({"$let": {"a": {"$eval": "a + a"}}, "in": inner}));
    json!({"$let": {"a": "xxxxxxxxxx"}, "in": inner}).to_string()
}

fn alternatives(depth: usize) -> Value {
    (0..depth).fold(json!({"type": "string"}), |inner, _| json!({"anyOf": [inner, inner]}))
}

#[test]
fn no_file_takes_the_program_down_or_holds_it_up_and_nothing_of_it_is_sent() {
    let served = Served::settled();
    let kinds = kinds();
    assert!(kinds.len() >= 60, "{}", kinds.len());
    let mut longest = Duration::ZERO;
    for (name, text) in kinds {
        served.world().dynamic().files.insert("actions.json".into(), text);
        let before = served.actions();
        let (said, took) = run(&served, &["trigger", JOB, "--rev", "1036", "--yes", "--json"]);
        longest = longest.max(took);
        assert!(took < LONGEST, "{name}: {took:?}");
        // A payload that is small and whole may be sent: the hook is the tree's own.
        let sent = served.actions() - before;
        // The hook refuses what is no payload of an action: 2; another hook is not trusted: 4.
        assert!(matches!(said.status, 0 | 2 | 3 | 4), "{name}: {said:?}");
        assert!((said.status == 0) == (sent == 1), "{name}: {sent} sent, {said:?}");
        assert!(said.stdout.len() < 20_000 && said.stderr.len() < 20_000, "{name}");
        assert!(!said.stderr.contains('\u{1b}') && !said.stdout.contains('\u{1b}'), "{name}");
        served.world().dynamic().actions.truncate(before);
        // What was sent counts as requested: the next one begins anew.
        let forget = "DELETE FROM asked_jobs; DELETE FROM askings";
        served.ledger().execute_batch(forget).unwrap();
    }
    eprintln!("the longest took {longest:?}");
}

#[test]
fn what_only_computes_a_little_is_rendered_in_a_process_of_its_own() {
    let served = Served::settled();
    let payload = json!({
        "decision": {"action": {"name": "add-new-jobs", "cb_name": "add-new-jobs", "symbol": "add"}},
        "user": {"$merge": [
            {"input": {"$eval": "input"}, "taskGroupId": {"$eval": "taskGroupId"}},
            {"taskId": {"$if": "taskId", "then": "${taskId}"}},
        ]},
    });
    let schema = r#"{"type": "object", "properties": {"tasks": {"items": {"pattern": "^[a-z]"}}, "times": {"type": "integer"}}}"#;
    served
        .world()
        .dynamic()
        .files
        .insert("actions.json".into(), file(&payload.to_string(), schema));
    let (said, _) = run(&served, &["trigger", JOB, "--rev", "1036", "--yes", "--wait", "--json"]);
    assert_eq!((said.status, served.actions()), (0, 1), "{said:?}");
    assert_eq!(served.created(), 1, "{said:?}");
}
