//! Text of servers and of those who push, with everything in it that a terminal obeys: none of it
//! reaches the terminal, and JSON has it as it came.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use mozci_sim::WorldConfig;
use serde_json::Value;

use crate::proxy::read_request;
use crate::world::{JOB, Said, Served};

/// What a terminal obeys, in a name: of a job, so that it has to come through addresses, too.
const IN_A_NAME: &str = "\u{1b}\u{9b}\u{202e}PWN";

/// As it stands in an address, and in JSON that somebody else has written.
const IN_AN_ADDRESS: &str = "%1B%C2%9B%E2%80%AEPWN";
const IN_JSON: &str = "\\u001b\u{9b}\u{202e}PWN";

/// What a terminal obeys, in any other text: a title, a cleared screen, a colour that nobody here
/// uses, turned writing, a line that looks like one of ours.
const IN_A_TEXT: &str =
    "\\u001b]0;PWN\\u0007\\u001b[2J\\u001b[45m\\u202e\\u009b45m\\u2066PWN\\nerror: PWN\\r";

/// What the servers do besides.
#[derive(Debug, Default, Clone)]
struct Tainting {
    /// Addresses with this in them get an answer of this status, as JSON or as a page.
    fails: Option<(&'static str, u16, bool)>,
}

type Rules = Arc<Mutex<Tainting>>;

/// A proxy before a server that puts this into names and texts.
fn taint(target: &str, rules: &Rules, replace: (String, String)) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let target = target.trim_start_matches("http://").to_owned();
    let rules = Arc::clone(rules);
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let (target, rules, replace) = (target.clone(), Arc::clone(&rules), replace.clone());
            std::thread::spawn(move || pass(socket, &target, &rules, &replace));
        }
    });
    url
}

fn pass(mut client: TcpStream, target: &str, rules: &Rules, replace: &(String, String)) {
    let Some(request) = read_request(&mut client) else { return };
    let text = String::from_utf8_lossy(&request).into_owned();
    let first = text.lines().next().unwrap_or_default().to_owned();
    let fails = rules.lock().unwrap().fails.filter(|(part, ..)| first.contains(part));
    if let Some((_, status, is_page)) = fails {
        let escaped: String = serde_json::from_str(&format!("\"{IN_A_TEXT}\"")).unwrap();
        let (kind, body) = match is_page {
            true => ("text/html", format!("<html><title>{escaped}</title>{escaped}</html>")),
            false => (
                "application/json",
                format!(
                    "{{\"code\": \"Odd\", \"message\": \"{IN_A_TEXT}\", \"detail\": \"{IN_A_TEXT}\"}}"
                ),
            ),
        };
        let answer = format!(
            "HTTP/1.1 {status} Odd\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        let _ = client.write_all(answer.as_bytes());
        return;
    }
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let body = body.replace(IN_JSON, "");
    let head = head.replace(IN_AN_ADDRESS, "").replacen("HTTP/1.1", "HTTP/1.0", 1);
    let kept: Vec<&str> =
        head.lines().filter(|line| !line.to_lowercase().starts_with("content-length")).collect();
    let Ok(mut server) = TcpStream::connect(target) else { return };
    let request = format!("{}\r\ncontent-length: {}\r\n\r\n{body}", kept.join("\r\n"), body.len());
    if server.write_all(request.as_bytes()).is_err() {
        return;
    }
    let mut answer = Vec::new();
    let _ = server.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let escaped: String = IN_A_NAME.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect();
    let body = body
        .replace("opt-mochitest-plain-1\"", &format!("opt-mochitest-plain-1{escaped}\""))
        .replace("@mozilla.example", &format!("{IN_A_TEXT}@mozilla.example"))
        .replace("\"title\":\"", &format!("\"title\":\"{IN_A_TEXT}"));
    let head = head.replace(&replace.0, &replace.1);
    let kept: Vec<&str> =
        head.lines().filter(|line| !line.to_lowercase().starts_with("content-length")).collect();
    let answer = format!("{}\r\ncontent-length: {}\r\n\r\n{body}", kept.join("\r\n"), body.len());
    let _ = client.write_all(answer.as_bytes());
}

/// A CI whose every server is tainted.
fn tainted(world: WorldConfig) -> (Served, Rules) {
    let served = Served::of(world);
    let rules = Rules::default();
    let urls = &served.sim.urls;
    let none = || ("\0".to_owned(), String::new());
    let storage = taint(&urls.storage, &rules, none());
    let mut config = served.config();
    for url in [&urls.hg, &urls.treeherder, &urls.taskcluster] {
        let proxied = taint(url, &rules, (urls.storage.clone(), storage.clone()));
        config = config.replace(url.as_str(), &proxied);
    }
    served.write_config(&config);
    (served, rules)
}

/// Runs the program on a pseudo-terminal, with what it writes to either stream.
fn on_terminal(served: &Served, arguments: &[&str]) -> String {
    let script = "
import os, pty, signal, sys
signal.alarm(60)
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
seen = b''
try:
    while True:
        chunk = os.read(fd, 65536)
        if not chunk:
            break
        seen += chunk
except OSError:
    pass
os.waitpid(pid, 0)
sys.stdout.buffer.write(seen)
";
    let inner = served.command(arguments);
    let mut command = Command::new("python3");
    command.args(["-c", script, env!("CARGO_BIN_EXE_mozci")]).args(inner.get_args());
    command.stdin(Stdio::null()).env("TERM", "xterm-256color").env("COLORTERM", "truecolor");
    for (key, value) in inner.get_envs() {
        if let Some(value) = value {
            command.env(key, value);
        }
    }
    String::from_utf8(command.output().unwrap().stdout).unwrap()
}

/// What is left of a screen's bytes that a terminal obeys, once our own colours and the line that shows
/// progress are taken away.
fn obeyed(screen: &str) -> Vec<String> {
    let mut own = screen.replace("\r\n", "\n").replace("\r\u{1b}[2K", "");
    for colour in ["0", "1", "2", "31", "32", "33", "34", "35", "36"] {
        own = own.replace(&format!("\u{1b}[{colour}m"), "");
    }
    let found =
        own.char_indices().filter(|(_, c)| *c != '\n' && mozci_core::harmless::is_obeyed(*c));
    let around = |at: usize| own[own.floor_char_boundary(at.saturating_sub(40))..].chars().take(60);
    found.map(|(at, _)| format!("{:?}", around(at).collect::<String>())).take(3).collect()
}

#[test]
fn no_text_from_outside_steers_a_terminal() {
    let world = WorldConfig { newest_minutes_ago: 600, speed: 20_000.0, ..WorldConfig::default() };
    let (served, rules) = tainted(world);
    let job = format!("{JOB}{IN_A_NAME}");
    let job = job.as_str();
    let commands: [&[&str]; 19] = [
        &["pushes"],
        &["jobs"],
        &["jobs", job],
        &["jobs", "nothing like it"],
        &["chooser"],
        &["chooser", "--format", "labels"],
        &["chooser", "--include", job],
        &["failures", job, "--back-revisions", "9"],
        &["flakiness", job],
        &["backfill", job, "--rev", "tip", "--dry-run"],
        &["backfill", job, "--rev", "tip", "--yes", "--wait"],
        &["trigger", job, "--rev", "1036", "--times", "2", "--yes"],
        &["bisect", job, "--bad", "tip", "--dry-run"],
        &["watch", job, "--rev", "tip"],
        &["requests"],
        &["guard", "status"],
        &["retrigger", "--failed", "--rev", "tip", "--dry-run"],
        &["investigations"],
        &["doctor"],
    ];
    let mut shown = 0;
    for command in commands {
        let screen = on_terminal(&served, command);
        assert_eq!(obeyed(&screen), [""; 0], "{command:?}:\n{screen:?}");
        shown += usize::from(screen.contains("PWN"));
    }
    // The texts did come through.
    assert!(shown >= 10, "{shown}");
    // Errors in every way, by every server.
    let fails = [
        ("/json-pushes", "pushes"),
        ("/api/project", "jobs"),
        ("/trigger ", "trigger"),
        ("/scopes/expand", "trigger"),
        ("/task-group", "cancel"),
        ("actions.json", "trigger"),
        ("/artifacts", "failures"),
        ("/status", "trigger"),
    ];
    let mut texts = 0;
    for (place, (part, command)) in fails.into_iter().enumerate() {
        for (status, is_page) in [
            (400, false),
            (401, false),
            (403, false),
            (404, false),
            (404, true),
            (500, true),
            (502, false),
        ] {
            rules.lock().unwrap().fails = Some((part, status, is_page));
            let times = (10 + place).to_string();
            let arguments: &[&str] = match command {
                "trigger" => &["trigger", job, "--rev", "1035", "--times", &times, "--yes"],
                "cancel" => &["cancel", job, "--rev", "1036", "--yes"],
                "failures" => &["failures", job, "--rev", "tip"],
                "jobs" => &["jobs", job],
                _ => &["pushes"],
            };
            let screen = on_terminal(&served, arguments);
            assert_eq!(obeyed(&screen), [""; 0], "{part} {status}: {screen:?}");
            assert!(!screen.contains("\nerror: PWN"), "{part} {status}: {screen:?}");
            texts += usize::from(screen.contains("PWN"));
            rules.lock().unwrap().fails = None;
            // The same again, from the ledger.
            let again = on_terminal(&served, &["requests"]);
            assert_eq!(obeyed(&again), [""; 0], "{part} {status}: {again:?}");
        }
    }
    assert!(texts >= 20, "{texts}");
}

#[test]
fn json_has_the_text_as_it_came_and_nothing_that_a_terminal_obeys() {
    let (served, _) = tainted(WorldConfig { newest_minutes_ago: 600, ..WorldConfig::default() });
    let job = format!("{JOB}{IN_A_NAME}");
    for command in
        [&["jobs", &job][..], &["pushes"], &["chooser"], &["failures", &job, "--rev", "tip"]]
    {
        let said: Said = served.run(&[command, &["--json"]].concat());
        assert_eq!(said.status, 0, "{said:?}");
        let obeyed = |c: char| c != '\n' && mozci_core::harmless::is_obeyed(c);
        assert!(!said.stdout.contains(obeyed), "{said:?}");
        let text = said.json().to_string();
        assert!(text.contains(IN_A_NAME) || text.contains("\\u001b]0;PWN"), "{text}");
        let _: Value = said.json();
    }
}
