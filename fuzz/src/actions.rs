//! What holds of a push's `actions.json`, whatever somebody wrote into it.

use mozci_clients::taskcluster::{ActionError, Actions};
use serde_json::{Map, Value, json};

/// The largest payload that may come of one, in bytes.
const LARGEST: usize = 1 << 20;

/// Bytes as they are asked for: a little language of JSON with the words of JSON-e and JSON Schema.
struct Grammar<'a> {
    bytes: &'a [u8],
    nodes: usize,
}

const OPERATORS: [&str; 16] = [
    "$eval",
    "$if",
    "$map",
    "$reduce",
    "$let",
    "$merge",
    "$flatten",
    "$sort",
    "$reverse",
    "$json",
    "$fromNow",
    "$switch",
    "$match",
    "$find",
    "$flattenDeep",
    "$mergeDeep",
];

const EXPRESSIONS: [&str; 16] = [
    "input",
    "input.tasks",
    "input.times",
    "taskId",
    "taskGroupId",
    "v",
    "v.w",
    "a + a",
    "range(0, 1000000000)",
    "[a, a]",
    "fromNow('9999999999 years')",
    "((((1))))",
    "!x",
    "9 ** 9",
    "input['tasks'][0]",
    "",
];

const KEYWORDS: [&str; 24] = [
    "type",
    "properties",
    "items",
    "anyOf",
    "oneOf",
    "allOf",
    "not",
    "$ref",
    "pattern",
    "format",
    "required",
    "enum",
    "const",
    "minimum",
    "maximum",
    "maxItems",
    "uniqueItems",
    "definitions",
    "additionalProperties",
    "patternProperties",
    "dependentSchemas",
    "unevaluatedProperties",
    "title",
    "$dynamicRef",
];

impl Grammar<'_> {
    fn next(&mut self) -> usize {
        match self.bytes.split_first() {
            Some((first, rest)) => {
                self.bytes = rest;
                usize::from(*first)
            }
            None => 0,
        }
    }

    fn word<'w>(&mut self, words: &[&'w str]) -> &'w str {
        words[self.next() % words.len()]
    }

    fn text(&mut self) -> String {
        match self.next() % 4 {
            0 => self.word(&EXPRESSIONS).to_owned(),
            1 => format!("${{{}}}", self.word(&EXPRESSIONS)),
            2 => format!("x${{{}}}$${{y}}", self.word(&EXPRESSIONS)),
            _ => "text".to_owned(),
        }
    }

    fn value(&mut self, depth: usize, keys: &[&str]) -> Value {
        self.nodes += 1;
        if depth > 20 || self.nodes > 400 {
            return json!(1);
        }
        match self.next() % 7 {
            0 => json!(self.text()),
            1 => json!(self.next()),
            2 => json!(self.next().is_multiple_of(2)),
            3 => (0..self.next() % 6).map(|_| self.value(depth + 1, keys)).collect(),
            4 => json!({"$eval": self.word(&EXPRESSIONS)}),
            _ => {
                let mut object = Map::new();
                for _ in 0..self.next() % 5 {
                    let key = match self.next() % 4 {
                        0 => self.text(),
                        1 => "each(x)".to_owned(),
                        _ => self.word(keys).to_owned(),
                    };
                    let inner = self.value(depth + 1, keys);
                    object.insert(key, inner);
                }
                object.into()
            }
        }
    }
}

/// A file made of these bytes, and what it is asked for: JSON with these three as it stands, and
/// anything else by a little grammar.
fn made(bytes: &[u8]) -> (Value, Value, Value, Value) {
    if let Ok(Value::Object(mut object)) = serde_json::from_slice::<Value>(bytes) {
        let mut take = |key: &str| object.remove(key).unwrap_or(Value::Null);
        return (take("schema"), take("payload"), take("variables"), take("input"));
    }
    let mut grammar = Grammar { bytes, nodes: 0 };
    let input = json!({"tasks": ["a", "b"], "times": grammar.next()});
    let payload = grammar.value(0, &OPERATORS);
    grammar.nodes = 0;
    let schema = grammar.value(0, &KEYWORDS);
    let variables = match grammar.next() % 2 {
        0 => json!({"v": {"w": "x".repeat(grammar.next() * 20)}, "a": "a"}),
        _ => json!({}),
    };
    (schema, payload, variables, input)
}

/// Panics where a file breaks what is promised of it: what is rendered in this process ends, within
/// bounds, and refuses in words.
///
/// # Panics
/// Where something of that does not hold.
pub fn hold_actions(bytes: &[u8]) {
    // As a file of its own, whatever it is.
    let _ = serde_json::from_slice::<Actions>(bytes).map(|actions| used(&actions, &json!({})));
    let (schema, payload, variables, input) = made(bytes);
    let file = json!({"version": 1, "variables": variables, "actions": [{
        "name": "add-new-jobs", "kind": "hook", "context": [], "hookGroupId": "g", "hookId": "h",
        "schema": schema, "hookPayload": payload,
    }]});
    if let Ok(actions) = serde_json::from_str::<Actions>(&file.to_string()) {
        used(&actions, &input);
    }
}

fn used(actions: &Actions, input: &Value) {
    let Ok(action) = actions.find("add-new-jobs", None) else { return };
    if let Ok(inputs) = action.inputs_for(&["a", "b"], 3) {
        assert!(inputs.len() <= 200, "{} requests", inputs.len());
    }
    let rendering = match actions.rendering(action, "group", None, input) {
        Ok(rendering) => rendering,
        Err(error) => return assert!(error.to_string().len() < 1000, "{error}"),
    };
    // What is not plain may do anything, and is rendered elsewhere.
    if !rendering.is_plain() {
        return;
    }
    match rendering.run() {
        Ok(rendered) => assert!(rendered.payload.to_string().len() <= LARGEST),
        Err(error) => {
            let told = matches!(error, ActionError::Refused { .. } | ActionError::Template { .. });
            assert!(told && error.to_string().len() < 4000, "{error}");
        }
    }
}
