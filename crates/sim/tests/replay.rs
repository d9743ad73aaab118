//! Asking the simulator what was asked of the real server, and comparing the answers' shapes.

use std::path::{Path, PathBuf};

use mozci_sim::{Sim, SimConfig, WorldConfig};
use serde_json::Value;

pub(crate) fn folder(service: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../clients/tests/recorded").join(service)
}

/// A world in which nothing goes on any more, with everything that was recorded in it.
pub(crate) async fn sim() -> Sim {
    let world = WorldConfig {
        seed: 7,
        pushes: 80,
        newest_minutes_ago: 600,
        speed: 100_000.0,
        ..WorldConfig::default()
    };
    Sim::start(SimConfig { world, ..SimConfig::default() }).await.unwrap()
}

/// What a server answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) body: String,
}

pub(crate) async fn get(url: &str, agent: Option<&str>, accept: &str) -> Answer {
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .unwrap();
    let mut request = client.get(url).header("accept", accept);
    if let Some(agent) = agent {
        request = request.header("user-agent", agent);
    }
    answer(request.send().await.unwrap()).await
}

pub(crate) async fn answer(response: reqwest::Response) -> Answer {
    let kind = response.headers().get("content-type");
    let content_type = kind.map_or(String::new(), |kind| kind.to_str().unwrap().to_owned());
    Answer {
        status: response.status().as_u16(),
        content_type,
        body: response.text().await.unwrap(),
    }
}

/// Where two answers differ in their keys. Values may differ; a list or a map by ids is compared
/// by its first entry; null stands for anything.
pub(crate) fn differences(recorded: &Value, simulated: &Value, path: &str) -> Vec<String> {
    match (recorded, simulated) {
        (Value::Object(a), Value::Object(b)) => {
            let by_id = |map: &serde_json::Map<String, Value>| map.keys().all(|key| is_id(key));
            if by_id(a) && by_id(b) {
                return match (a.values().next(), b.values().next()) {
                    (Some(a), Some(b)) => differences(a, b, &format!("{path}.*")),
                    _ => Vec::new(),
                };
            }
            let mut found = Vec::new();
            for key in a.keys().filter(|key| !b.contains_key(*key)) {
                found.push(format!("{path}.{key} is not simulated"));
            }
            for key in b.keys().filter(|key| !a.contains_key(*key)) {
                found.push(format!("{path}.{key} was never recorded"));
            }
            for (key, value) in a {
                if let Some(other) = b.get(key) {
                    found.extend(differences(value, other, &format!("{path}.{key}")));
                }
            }
            found
        }
        (Value::Array(a), Value::Array(b)) => match (a.first(), b.first()) {
            (Some(a), Some(b)) => differences(a, b, &format!("{path}[]")),
            _ => Vec::new(),
        },
        (Value::Null, _) | (_, Value::Null) => Vec::new(),
        (a, b) if kind(a) == kind(b) => Vec::new(),
        (a, b) => vec![format!("{path} is {} and was {}", kind(b), kind(a))],
    }
}

fn is_id(key: &str) -> bool {
    let digits = key.bytes().all(|b| b.is_ascii_digit());
    let label = key.contains('/');
    let hash = [12, 40].contains(&key.len()) && key.bytes().all(|b| b.is_ascii_hexdigit());
    digits || label || hash || key.len() == 22
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Compares a simulated answer with a recorded one.
pub(crate) fn compare(
    name: &str,
    status: u16,
    content_type: &str,
    recorded: &Value,
    answer: &Answer,
    problems: &mut Vec<String>,
) {
    if answer.status != status {
        problems.push(format!("{name}: status {} and was {status}", answer.status));
    }
    let bare = |kind: &str| kind.split(';').next().unwrap_or("").trim().to_owned();
    if bare(&answer.content_type) != bare(content_type) {
        problems.push(format!("{name}: {} and was {content_type}", answer.content_type));
    }
    if bare(content_type) == "application/json" {
        let simulated: Value = serde_json::from_str(&answer.body).unwrap_or(Value::Null);
        for difference in differences(recorded, &simulated, "") {
            problems.push(format!("{name}: {difference}"));
        }
    }
}
