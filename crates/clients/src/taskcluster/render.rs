//! Rendering the payload of an action, within bounds.
//!
//! A payload is a JSON-e template and a schema checks its input: both are little programs of whoever
//! pushed. Nested `$map`, `range(0, 1e9)`, deep brackets in an expression and `$ref`s that double
//! each other take all memory, never end, or overflow the stack. So what is plain is rendered here:
//! copies of named values, checked by a schema without references and patterns, whose cost follows
//! from its size. Everything else is rendered in a process of its own, with little memory and time
//! ([`sandbox`](super::sandbox)).

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::actions::{ActionError, Rendered};
use crate::http::beginning;

/// The largest payload that is sent, in bytes. The queue takes no larger task.
pub(super) const LARGEST_RESULT: usize = 1 << 20;

/// How deep a template, a schema or a result may be.
const DEEPEST: usize = 64;

/// Values that a plain template copies at the most.
const MOST_COPIES: usize = 200;

/// What rendering a payload takes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Rendering {
    pub(super) action: String,
    pub(super) hook_group_id: String,
    pub(super) hook_id: String,
    pub(super) schema: Option<Value>,
    pub(super) payload: Value,
    pub(super) context: Map<String, Value>,
    pub(super) input: Value,
}

impl Rendering {
    /// Whether it can be rendered here: the cost is bounded by its size.
    pub fn is_plain(&self) -> bool {
        let mut copies = 0;
        is_plain_template(&self.payload, 0, &mut copies)
            && copies <= MOST_COPIES
            && self.schema.as_ref().is_none_or(|schema| is_plain_schema(schema, 0))
            && copies.saturating_mul(size(&self.context)) <= 4 * LARGEST_RESULT
    }

    /// Renders the payload, after the schema has accepted the input. What is not
    /// [plain](Self::is_plain) may take all memory and never end.
    ///
    /// # Errors
    /// [`ActionError::Refused`], [`ActionError::Template`].
    pub fn run(self) -> Result<Rendered, ActionError> {
        let name = self.action.clone();
        if let Some(schema) = &self.schema {
            accepts(schema, &self.input)
                .map_err(|reason| ActionError::Refused { name: name.clone(), reason })?;
        }
        let payload = json_e::render(&self.payload, &Value::Object(self.context.clone()));
        let payload = payload.map_err(|error| beginning(&error.to_string()));
        self.rendered(payload)
    }

    /// The action with the payload that was rendered for it.
    pub(super) fn rendered(self, payload: Result<Value, String>) -> Result<Rendered, ActionError> {
        let name = self.action;
        let fits = |payload: Value| {
            if depth(&payload) > DEEPEST || size(&payload) > LARGEST_RESULT {
                return Err(format!(
                    "what comes of it has more than {} KiB or is deeper than {DEEPEST}",
                    LARGEST_RESULT >> 10
                ));
            }
            Ok(payload)
        };
        let payload = payload.and_then(fits);
        let payload =
            payload.map_err(|reason| ActionError::Template { name: name.clone(), reason })?;
        let (hook_group_id, hook_id) = (self.hook_group_id, self.hook_id);
        Ok(Rendered { action: name, hook_group_id, hook_id, payload })
    }
}

/// Problems of an input that are told.
const MOST_PROBLEMS: usize = 5;

/// Whether a schema accepts an input; if not, why.
pub(super) fn accepts(schema: &Value, input: &Value) -> Result<(), String> {
    let validator =
        jsonschema::validator_for(schema).map_err(|error| beginning(&error.to_string()))?;
    let problems = validator.iter_errors(input).take(MOST_PROBLEMS);
    let told = |error: jsonschema::ValidationError<'_>| match error.instance_path().as_str() {
        "" => beginning(&error.to_string()),
        place => beginning(&format!("{place}: {error}")),
    };
    let problems: Vec<String> = problems.map(told).collect();
    if problems.is_empty() { Ok(()) } else { Err(problems.join("; ")) }
}

/// Parses a piece of a file that is not too long and not too deep.
pub(super) fn bounded<T: DeserializeOwned>(
    raw: &RawValue,
    longest: usize,
    what: &str,
) -> Result<T, String> {
    let text = raw.get();
    if text.len() > longest {
        return Err(format!("{what} has more than {} KiB", longest >> 10));
    }
    if nesting(text) > DEEPEST {
        return Err(format!("{what} is deeper than {DEEPEST}"));
    }
    serde_json::from_str(text).map_err(|error| beginning(&format!("{what}: {error}")))
}

/// How deep JSON is, from its text alone.
fn nesting(text: &str) -> usize {
    let (mut now, mut most, mut in_text, mut escaped) = (0usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                now += 1;
                most = most.max(now);
            }
            b'}' | b']' if !in_text => now = now.saturating_sub(1),
            _ => {}
        }
    }
    most
}

/// How deep a value is, counted without recursion: a result may be very deep.
fn depth(value: &Value) -> usize {
    let mut most = 0;
    let mut open = vec![(value, 1)];
    while let Some((value, depth)) = open.pop() {
        most = most.max(depth);
        match value {
            Value::Array(list) => open.extend(list.iter().map(|inner| (inner, depth + 1))),
            Value::Object(map) => open.extend(map.values().map(|inner| (inner, depth + 1))),
            _ => {}
        }
    }
    most
}

/// How many bytes a value has as JSON, about.
fn size(value: &impl Serialize) -> usize {
    serde_json::to_vec(value).map_or(usize::MAX, |text| text.len())
}

/// Whether a template only copies named values to places.
fn is_plain_template(template: &Value, depth: usize, copies: &mut usize) -> bool {
    if depth > DEEPEST {
        return false;
    }
    match template {
        Value::String(text) => is_plain_text(text, copies),
        Value::Array(list) => list.iter().all(|inner| is_plain_template(inner, depth + 1, copies)),
        Value::Object(map) => {
            if let (1, Some(Value::String(path))) = (map.len(), map.get("$eval")) {
                *copies += 1;
                return is_path(path);
            }
            map.iter().all(|(key, inner)| {
                (!key.starts_with('$') || key.starts_with("$$"))
                    && is_plain_text(key, copies)
                    && is_plain_template(inner, depth + 1, copies)
            })
        }
        _ => true,
    }
}

/// Whether a text has no expressions in it but names of values.
fn is_plain_text(text: &str, copies: &mut usize) -> bool {
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, inner) = (&rest[..at], &rest[at + 2..]);
        // `$${` stands for `${` itself; what that leads to is left to JSON-e.
        let Some(end) = inner.find('}').filter(|_| !before.ends_with('$')) else { return false };
        if !is_path(&inner[..end]) {
            return false;
        }
        *copies += 1;
        rest = &inner[end + 1..];
    }
    true
}

/// Whether an expression only names a value: `input.times`.
fn is_path(text: &str) -> bool {
    const LONGEST: usize = 200;
    let is_name = |name: &str| {
        let begins = |c: char| c.is_ascii_alphabetic() || c == '_';
        name.starts_with(begins) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    text.len() <= LONGEST && text.split('.').all(is_name)
}

/// Keywords of a plain schema that say something of the value itself.
const OF_A_VALUE: [&str; 16] = [
    "type",
    "title",
    "description",
    "default",
    "examples",
    "enum",
    "const",
    "required",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "uniqueItems",
    "order",
];

/// Whether a schema's cost follows from its size: no references, no patterns, no formats.
fn is_plain_schema(schema: &Value, depth: usize) -> bool {
    if depth > DEEPEST {
        return false;
    }
    let Value::Object(keywords) = schema else { return schema.is_boolean() };
    keywords.iter().all(|(keyword, value)| match (keyword.as_str(), value) {
        ("properties", Value::Object(properties)) => {
            properties.values().all(|inner| is_plain_schema(inner, depth + 1))
        }
        ("items" | "additionalProperties", inner) => is_plain_schema(inner, depth + 1),
        ("anyOf" | "oneOf" | "allOf", Value::Array(list)) => {
            list.len() <= 20 && list.iter().all(|inner| is_plain_schema(inner, depth + 1))
        }
        (keyword, _) => OF_A_VALUE.contains(&keyword),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn plain(payload: Value, schema: Value) -> bool {
        let context = json!({"input": {"times": 2}, "taskId": null}).as_object().unwrap().clone();
        let (action, hook_group_id, hook_id) = Default::default();
        let (schema, input) = (Some(schema), json!({}));
        Rendering { action, hook_group_id, hook_id, schema, payload, context, input }.is_plain()
    }

    #[test]
    fn copies_of_named_values_are_plain_and_what_computes_is_not() {
        for payload in [
            json!({"user": {"input": {"$eval": "input"}, "n": "a ${input.times} b"}}),
            json!(["x", 1, null, {"$$escaped": "$5 and 5$"}]),
        ] {
            assert!(plain(payload.clone(), json!(true)), "{payload}");
        }
        for payload in [
            json!({"$map": [1, 2], "each(x)": {"$eval": "x"}}),
            json!({"$eval": "range(0, 1000000000)"}),
            json!("${input + input}"),
            json!({"a": {"$let": {"x": 1}, "in": "${x}"}}),
            json!({"$if": "true", "then": 1}),
            json!({"${f()}": 1}),
            json!({"$fromNow": "1 day"}),
            json!("$${ ${x"),
            json!({"$eval": "input", "also": 1}),
        ] {
            assert!(!plain(payload.clone(), json!(true)), "{payload}");
        }
    }

    #[test]
    fn a_schema_with_references_or_patterns_is_not_plain() {
        let of = |inner: Value| json!({"type": "object", "properties": {"a": inner}});
        assert!(plain(json!(1), of(json!({"type": "integer", "minimum": 1, "title": "$ref"}))));
        for inner in [
            json!({"$ref": "#/definitions/x"}),
            json!({"pattern": "(a+)+$"}),
            json!({"patternProperties": {"a": true}}),
            json!({"format": "regex"}),
            json!({"items": {"$dynamicRef": "#x"}}),
            json!({"anyOf": vec![json!(true); 30]}),
        ] {
            assert!(!plain(json!(1), of(inner.clone())), "{inner}");
        }
    }

    #[test]
    fn what_is_too_long_or_too_deep_is_not_parsed() {
        let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
        let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
        assert!(bounded::<Value>(&raw(&deep), 1000, "it").unwrap_err().contains("deeper"));
        assert!(bounded::<Value>(&raw("[1,2,3]"), 5, "it").unwrap_err().contains("more than"));
        let text = raw(r#"["{[{[\"{["]"#);
        assert_eq!(bounded::<Value>(&text, 50, "it").unwrap(), json!(["{[{[\"{["]));
    }
}
