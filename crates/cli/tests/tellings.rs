//! Whoever is told is told once, and what was not taken is tried again.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

use crate::watches::failing;
use crate::world::{JOB, Said, Served};

/// What came in at a webhook.
#[derive(Debug)]
pub(crate) struct Came {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Came {
    fn header(&self, name: &str) -> String {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let found = lines.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.to_owned()).unwrap_or_default()
    }

    pub(crate) fn delivery(&self) -> String {
        self.header("x-mozci-delivery")
    }
}

fn read(client: &mut TcpStream) -> Option<Came> {
    let mut all = Vec::new();
    let mut buffer = [0u8; 4096];
    loop {
        let text = String::from_utf8_lossy(&all).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().filter_map(|line| line.split_once(": "));
            let mut length = length.filter(|(n, _)| n.eq_ignore_ascii_case("content-length"));
            let length: usize = length.next()?.1.parse().ok()?;
            if body.len() >= length {
                return Some(Came { head: head.to_owned(), body: body.to_owned() });
            }
        }
        match client.read(&mut buffer) {
            Ok(n @ 1..) => all.extend_from_slice(&buffer[..n]),
            _ => return None,
        }
    }
}

/// A webhook's receiver that gives these answers one after the other, then 200 for ever; an empty one
/// hangs.
pub(crate) fn sink(answers: Vec<&'static str>) -> (String, Receiver<Came>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (sender, came) = channel();
    std::thread::spawn(move || {
        let mut hanging = Vec::new();
        for (n, client) in listener.incoming().enumerate() {
            let Ok(mut client) = client else { continue };
            let answer = answers.get(n).copied().unwrap_or("200 OK");
            let Some(request) = read(&mut client) else { continue };
            if answer.is_empty() {
                hanging.push(client);
                continue;
            }
            let answer =
                format!("HTTP/1.1 {answer}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
            let _ = client.write_all(answer.as_bytes());
            if sender.send(request).is_err() {
                return;
            }
        }
    });
    (url, came)
}

fn world() -> Served {
    Served::start(failing(1.0, 20_000.0))
}

fn run(served: &Served, arguments: &[&str], secret: &str) -> Said {
    let mut command = served.command(arguments);
    Said::new(&command.env("MOZCI_WEBHOOK_SECRET", secret).output().unwrap())
}

const WATCH: [&str; 7] = ["watch", JOB, "--rev", "tip", "--retry-failed", "2", "--yes"];

fn tells() -> Vec<&'static str> {
    [&WATCH[..], &["--tell"]].concat()
}

#[test]
fn a_webhook_is_signed_and_told_once() {
    let served = world();
    let (url, came) = sink(vec!["503 Service Unavailable"]);
    served.write_config(&format!(
        "{}[notify]\nwebhook = \"{url}\"\nwebhook_allow_private = true\n",
        served.config()
    ));
    let said = run(&served, &tells(), "hunter2");
    assert_eq!(said.status, 0, "{said:?}");
    assert!(!format!("{said:?}").contains("hunter2"));
    let first = came.recv_timeout(Duration::from_secs(10)).unwrap();
    // The first was refused, and so it came again.
    assert!(said.stderr.contains("retried later"), "{said:?}");
    let again = came.recv_timeout(Duration::from_secs(10)).unwrap();
    assert_eq!((first.delivery(), &first.body), (again.delivery(), &again.body));
    let mac = hmac_sha256::HMAC::mac(again.body.as_bytes(), b"hunter2");
    let hex: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(again.header("x-mozci-signature-256"), format!("sha256={hex}"));
    let body: Value = serde_json::from_str(&again.body).unwrap();
    assert_eq!(body["news"]["occasion"], "finished", "{body}");
    assert_eq!(body["news"]["summary"], "ended: failed 3 of 3", "{body}");
    assert_eq!(body["delivery"].as_str().unwrap(), again.delivery());
    // What was taken is not told again.
    assert_eq!(run(&served, &["investigations"], "hunter2").status, 0);
    assert!(came.recv_timeout(Duration::from_millis(500)).is_err());
}

#[test]
fn nobody_is_told_who_did_not_ask_and_nothing_goes_to_a_private_address() {
    let served = world();
    let (url, came) = sink(vec![]);
    served.write_config(&format!("{}[notify]\nwebhook = \"{url}\"\n", served.config()));
    assert_eq!(run(&served, &WATCH, "").status, 0);
    let said = run(&served, &tells(), "");
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.stderr.contains("is the private address 127.0.0.1"), "{said:?}");
    assert!(came.recv_timeout(Duration::from_millis(200)).is_err());
    let served = world();
    let said = run(&served, &tells(), "");
    assert_eq!(said.status, 2, "{said:?}");
    assert!(said.stderr.contains("--tell needs somebody to notify"), "{said:?}");
}

#[test]
fn a_redirect_is_not_followed() {
    let served = world();
    let (elsewhere, came_elsewhere) = sink(vec![]);
    let answer = format!("302 Found\r\nlocation: {elsewhere}");
    let (url, came) = sink(vec![Box::leak(answer.into_boxed_str())]);
    served.write_config(&format!(
        "{}[notify]\nwebhook = \"{url}\"\nwebhook_allow_private = true\n",
        served.config()
    ));
    let said = run(&served, &tells(), "");
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.stderr.contains("answers with a redirect (302)"), "{said:?}");
    assert!(came.recv_timeout(Duration::from_secs(1)).is_ok());
    assert!(came_elsewhere.recv_timeout(Duration::from_millis(200)).is_err());
}

#[test]
fn what_needs_somebody_says_so() {
    let served = world();
    let (url, came) = sink(vec![]);
    served.write_config(&format!(
        "{}[guards]\nruns_per_plan = 1\n[notify]\nwebhook = \"{url}\"\nwebhook_allow_private = true\n",
        served.config()
    ));
    let said = run(&served, &tells(), "");
    assert_eq!(said.status, 6, "{said:?}");
    let body: Value =
        serde_json::from_str(&came.recv_timeout(Duration::from_secs(5)).unwrap().body).unwrap();
    assert_eq!(body["news"]["occasion"], "needs-you", "{body}");
    assert!(body["news"]["summary"].as_str().unwrap().contains("runs_per_plan"), "{body}");
}

/// A mail server, which ends with the test.
struct Mail {
    process: Child,
    port: String,
    letters: Receiver<Value>,
}

impl Drop for Mail {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn mail(arguments: &[&str]) -> Option<Mail> {
    let Some(python) = std::env::var_os("MOZCI_TEST_PYTHON") else {
        eprintln!("skipped: MOZCI_TEST_PYTHON names no Python; scripts/test makes one");
        return None;
    };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/mail/sink.py");
    let mut command = Command::new(python);
    command.arg(script).args(arguments).stdout(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let port = lines.next().unwrap().unwrap();
    let (sender, letters) = channel();
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            let _ = sender.send(serde_json::from_str(&line).unwrap());
        }
    });
    Some(Mail { process, port, letters })
}

#[test]
fn an_email_goes_over_tls_or_not_at_all() {
    let served = world();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let path = |name: &str| served.home.path().join(name);
    std::fs::write(path("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(path("key.pem"), made.signing_key.serialize_pem()).unwrap();
    let (cert, key) = (path("cert.pem"), path("key.pem"));
    let arguments = ["tls", cert.to_str().unwrap(), key.to_str().unwrap()];
    let (Some(secure), Some(plain)) = (mail(&arguments), mail(&["plain"])) else { return };
    let config = |port: &str| {
        format!(
            "{}[notify]\nemail_to = [\"sheriff@example.org\"]\nsmtp_url = \"smtp://localhost:{port}\"\n",
            served.config()
        )
    };
    served.write_config(&config(&plain.port));
    let said = run(&served, &tells(), "");
    assert!(said.stderr.contains("offers no TLS"), "{said:?}");
    assert!(plain.letters.recv_timeout(Duration::from_millis(200)).is_err());
    served.write_config(&config(&secure.port));
    let mut command = served.command(&["investigations"]);
    served.ledger().execute("UPDATE messages SET next_try = 0", []).unwrap();
    let said = Said::new(&command.env("SSL_CERT_FILE", &cert).output().unwrap());
    assert_eq!(said.status, 0, "{said:?}");
    let letter =
        secure.letters.recv_timeout(Duration::from_secs(10)).unwrap_or_else(|_| panic!("{said:?}"));
    assert_eq!(letter["tls"], true, "{letter}");
    assert_eq!(letter["to"][0], "sheriff@example.org", "{letter}");
    assert!(letter["text"].as_str().unwrap().contains("failed 3 of 3"), "{letter}");
    let id = "SELECT id FROM messages WHERE delivered IS NOT NULL";
    let id: String = served.ledger().query_row(id, [], |row| row.get(0)).unwrap();
    assert_eq!(letter["id"], format!("<{id}@mozci>"));
}
