//! The fields of a force scheduler's form: their names, and which values they take.

use regex::Regex;
use serde_json::Value;

use super::wire::FieldRow;

/// A field of the form that a scheduler shows to people.
#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) full_name: String,
    pub(super) required: bool,
    /// What is sent where nobody says anything; empty where the form has no value of its own.
    pub(super) default: Value,
    takes: Takes,
    most: Option<usize>,
}

/// Which values a field takes.
#[derive(Debug, Clone)]
enum Takes {
    /// Its default and nothing else.
    Fixed,
    /// One of these.
    OneOf(Vec<String>),
    /// What fits the pattern. One that cannot be read here takes nothing that is not its default.
    Fitting(Option<Regex>),
    /// Any text.
    Any,
}

impl Field {
    /// Whether nothing but its default is ever taken.
    pub(super) fn is_fixed(&self) -> bool {
        matches!(self.takes, Takes::Fixed)
    }

    /// Whether the master takes a text as its value.
    pub(super) fn takes(&self, text: &str) -> bool {
        self.most.is_none_or(|most| text.len() <= most)
            && match &self.takes {
                Takes::Fixed => false,
                Takes::OneOf(choices) => choices.iter().any(|choice| choice == text),
                // Python's `match` holds at the beginning.
                Takes::Fitting(Some(pattern)) => {
                    pattern.find(text).is_some_and(|found| found.start() == 0)
                }
                Takes::Fitting(None) => false,
                Takes::Any => true,
            }
    }

    /// Characters of a text of ours that it takes at the most; none where it does not take any text.
    pub(super) fn room(&self, sample: &str) -> Option<usize> {
        self.takes(sample).then(|| self.most.unwrap_or(usize::MAX))
    }

    /// What a person who fills in nothing sends: the default, or the first of the choices, which a form
    /// shows as chosen. None where that is nothing.
    pub(super) fn untouched(&self) -> Option<Value> {
        match (&self.takes, &self.default) {
            (Takes::OneOf(choices), Value::String(text)) if !choices.contains(text) => {
                choices.first().map(|choice| Value::String(choice.clone()))
            }
            (Takes::OneOf(choices), Value::Null) => choices.first().cloned().map(Value::String),
            (_, default) if is_empty(default) => None,
            (_, default) => Some(default.clone()),
        }
    }

    /// Whether the master refuses it where nobody says anything, though it has a value to offer: its
    /// default is none of its choices.
    pub(super) fn wants_a_choice(&self) -> bool {
        match (&self.takes, &self.default) {
            (Takes::OneOf(choices), Value::String(text)) => !choices.contains(text),
            _ => false,
        }
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    }
}

/// The fields that have values: forms nest them.
pub(super) fn leaves(field: &FieldRow, into: &mut Vec<Field>) {
    if !field.fields.is_empty() {
        return field.fields.iter().for_each(|inner| leaves(inner, into));
    }
    let name = field.full_name.as_ref().or(field.name.as_ref());
    if let Some(name) = name.filter(|name| !name.is_empty()) {
        let takes = match (field.kind.as_str(), &field.choices, &field.regex) {
            ("fixed", ..) => Takes::Fixed,
            ("list", choices, _) if field.strict.unwrap_or(true) => {
                let text = |choice: &Value| choice.as_str().map(str::to_owned);
                Takes::OneOf(choices.iter().filter_map(text).collect())
            }
            (_, _, Some(pattern)) => Takes::Fitting(Regex::new(pattern).ok()),
            _ => Takes::Any,
        };
        into.push(Field {
            full_name: name.clone(),
            required: field.required,
            default: field.default.clone(),
            takes,
            most: field.maxsize,
        });
    }
}
