//! Answers whose content is not what was promised.

use serde_json::{Map, Value, json};

use super::draw::{Drawn, Fault};
use crate::wire::Reply;

/// Words of states and results, in which an unknown one may turn up.
const WORDS: [&str; 12] = [
    "completed",
    "success",
    "testfailed",
    "busted",
    "failed",
    "exception",
    "pending",
    "running",
    "unscheduled",
    "retry",
    "usercancel",
    "superseded",
];

/// Changes a reply by a fault that is about its content. What is not JSON, and what the fault finds
/// nothing in, stays as it is.
pub(crate) fn twist(reply: &mut Reply, drawn: Drawn, is_further_page: bool) {
    if drawn.fault == Fault::WrongType {
        reply.content_type = "text/html; charset=utf-8";
        return;
    }
    let Ok(mut body) = serde_json::from_slice::<Value>(&reply.body) else { return };
    let changed = match drawn.fault {
        Fault::UnknownWord => unknown_word(&mut body, drawn.seed),
        Fault::MissingField => missing_field(&mut body, drawn.seed),
        Fault::ExtraField => extra_field(&mut body),
        Fault::ShiftedPage if is_further_page => shifted(&mut body),
        _ => false,
    };
    if changed {
        reply.body = body.to_string().into_bytes();
    }
}

/// Calls `visit` on every value below one.
fn walk(value: &mut Value, visit: &mut impl FnMut(&mut Value)) {
    visit(value);
    match value {
        Value::Array(list) => list.iter_mut().for_each(|value| walk(value, visit)),
        Value::Object(map) => map.values_mut().for_each(|value| walk(value, visit)),
        _ => {}
    }
}

/// Puts a new word in the place of one of the states.
fn unknown_word(body: &mut Value, seed: u64) -> bool {
    let is_word = |value: &Value| value.as_str().is_some_and(|text| WORDS.contains(&text));
    let mut count = 0;
    walk(body, &mut |value| count += u64::from(is_word(value)));
    if count == 0 {
        return false;
    }
    let (chosen, mut at) = (seed % count, 0);
    walk(body, &mut |value| {
        if is_word(value) {
            if at == chosen {
                *value = json!("evaporated");
            }
            at += 1;
        }
    });
    true
}

/// Keys that a protocol leaves out to say something, so that nobody can miss them.
const OPTIONAL: [&str; 1] = ["continuationToken"];

/// Takes one field out of one of the objects.
fn missing_field(body: &mut Value, seed: u64) -> bool {
    if let Some(names) = body.get_mut("job_property_names").and_then(Value::as_array_mut) {
        // The rows are arrays: a column goes out of all of them.
        let column = (seed % names.len().max(1) as u64) as usize;
        names.remove(column);
        for row in body["results"].as_array_mut().into_iter().flatten() {
            if let Some(cells) = row.as_array_mut().filter(|cells| column < cells.len()) {
                cells.remove(column);
            }
        }
        return true;
    }
    let is_record = |map: &Map<String, Value>| KEYS.iter().any(|key| map.contains_key(*key));
    let mut count = 0;
    walk(body, &mut |value| count += u64::from(value.as_object().is_some_and(is_record)));
    if count == 0 {
        return false;
    }
    let (chosen, mut at, mut changed) = (seed % count, 0, false);
    walk(body, &mut |value| {
        let Some(map) = value.as_object_mut().filter(|map| is_record(map)) else { return };
        if at == chosen {
            let keys: Vec<String> =
                map.keys().filter(|key| !OPTIONAL.contains(&key.as_str())).cloned().collect();
            let key = &keys[(seed >> 8) as usize % keys.len().max(1)];
            changed = map.remove(key).is_some();
        }
        at += 1;
    });
    changed
}

/// Keys by which an object is known for a record, and not for a dictionary of names.
const KEYS: [&str; 9] = [
    "state",
    "taskId",
    "lastpushid",
    "user",
    "results",
    "revision",
    "statuses",
    "tasks",
    "metadata",
];

/// Gives every record a field that nobody knew yet.
fn extra_field(body: &mut Value) -> bool {
    let mut changed = false;
    if let Some(names) = body.get_mut("job_property_names").and_then(Value::as_array_mut) {
        names.insert(0, json!("moon_phase"));
        for row in body["results"].as_array_mut().into_iter().flatten() {
            if let Some(cells) = row.as_array_mut() {
                cells.insert(0, json!({"waxing": true}));
            }
        }
        changed = true;
    }
    walk(body, &mut |value| {
        if let Some(map) = value.as_object_mut()
            && KEYS.iter().any(|key| map.contains_key(*key))
        {
            map.insert("moonPhase".to_owned(), json!({"waxing": true}));
            changed = true;
        }
    });
    changed
}

/// Takes the first row of a page away: it moved to the page before, which has been read.
fn shifted(body: &mut Value) -> bool {
    match body.get_mut("results").and_then(Value::as_array_mut) {
        Some(rows) if !rows.is_empty() => {
            rows.remove(0);
            true
        }
        _ => false,
    }
}
