//! A contract, and what of an answer breaks it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What one kind of answer is made of. Fields are named by their paths: `[]` stands for the entries
/// of a list, `*` for those of a dictionary by ids.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contract {
    /// Fields without which the answer cannot be used, with their kinds.
    needs: BTreeMap<String, String>,
    /// Fields that may be there.
    #[serde(default)]
    knows: BTreeMap<String, String>,
    /// Fields whose values are words of a closed list.
    #[serde(default)]
    words: BTreeMap<String, Vec<String>>,
}

/// Where an answer departs from its contract.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case", tag = "finding")]
pub enum Finding {
    /// A field that is needed is not there.
    Missing {
        /// Its path.
        path: String,
    },
    /// A field is of another kind.
    Kind {
        /// Its path.
        path: String,
        /// What it is.
        is: &'static str,
        /// What it was to be.
        was: String,
    },
    /// A field that nobody knew yet. No harm in itself.
    New {
        /// Its path.
        path: String,
    },
    /// A word that nobody knew yet, which is kept as it comes.
    Word {
        /// The field's path.
        path: String,
        /// The word.
        word: String,
    },
}

impl Finding {
    /// Whether the answer cannot be used because of it.
    pub fn is_broken(&self) -> bool {
        matches!(self, Self::Missing { .. } | Self::Kind { .. })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { path } => write!(f, "{path} is missing"),
            Self::Kind { path, is, was } => write!(f, "{path} is {is} and was {was}"),
            Self::New { path } => write!(f, "{path} is new"),
            Self::Word { path, word } => write!(f, "{path} has a new word, {word:?}"),
        }
    }
}

/// The contract of one kind of answer of a service, by their names in `contracts/`.
pub fn contract(service: &str, answer: &str) -> Option<&'static Contract> {
    type All = BTreeMap<String, BTreeMap<String, Contract>>;
    static ALL: OnceLock<All> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        let files = [
            ("hg", include_str!("../../contracts/hg.toml")),
            ("treeherder", include_str!("../../contracts/treeherder.toml")),
            ("taskcluster", include_str!("../../contracts/taskcluster.toml")),
            ("buildbot", include_str!("../../contracts/buildbot.toml")),
        ];
        // They are part of the program; a test reads every one of them.
        let read = |text| toml::from_str(text).unwrap_or_default();
        files.into_iter().map(|(service, text)| (service.to_owned(), read(text))).collect()
    });
    all.get(service)?.get(answer)
}

impl Contract {
    /// Everything in which an answer departs from the contract, each once.
    pub fn check(&self, answer: &Value) -> Vec<Finding> {
        let mut found = Vec::new();
        self.walk(answer, "", &mut found);
        found.sort();
        found.dedup();
        found
    }

    fn kind_of(&self, path: &str) -> Option<&str> {
        self.needs.get(path).or_else(|| self.knows.get(path)).map(String::as_str)
    }

    fn walk(&self, value: &Value, path: &str, found: &mut Vec<Finding>) {
        let below = |key: &str| match path {
            "" => key.to_owned(),
            path => format!("{path}.{key}"),
        };
        match value {
            Value::Object(map) => {
                let entries = below("*");
                let is_dictionary = self.kind_of(&entries).is_some();
                for (key, value) in map {
                    let path = if is_dictionary { entries.clone() } else { below(key) };
                    self.field(value, path, found);
                }
                if !is_dictionary {
                    let own = |needed: &&String| match needed.rsplit_once('.') {
                        Some((parent, _)) => parent == path,
                        None => path.is_empty() && !needed.ends_with("[]"),
                    };
                    for needed in self.needs.keys().filter(own) {
                        let key = needed.rsplit('.').next().unwrap_or(needed);
                        let is_entry = key.ends_with("[]") || key == "*";
                        if !is_entry && !map.contains_key(key) {
                            found.push(Finding::Missing { path: needed.clone() });
                        }
                    }
                }
            }
            Value::Array(list) => {
                for value in list {
                    self.field(value, format!("{path}[]"), found);
                }
            }
            _ => {}
        }
    }

    fn field(&self, value: &Value, path: String, found: &mut Vec<Finding>) {
        let Some(kind) = self.kind_of(&path) else {
            // The entries of a list whose kind nobody named are of no interest.
            if !path.ends_with("[]") {
                found.push(Finding::New { path });
            }
            return;
        };
        if kind == "any" {
            return;
        }
        let (bare, nullable) = match kind.strip_suffix('?') {
            Some(bare) => (bare, true),
            None => (kind, false),
        };
        let is = kind_of(value);
        if is != bare && !(nullable && value.is_null()) {
            let was = kind.to_owned();
            found.push(Finding::Kind { path, is, was });
            return;
        }
        if let (Some(words), Some(word)) = (self.words.get(&path), value.as_str())
            && !words.iter().any(|known| known == word)
        {
            found.push(Finding::Word { path: path.clone(), word: word.to_owned() });
        }
        self.walk(value, &path, found);
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_departure_is_named_once() {
        let pushes = contract("hg", "json-pushes").unwrap();
        let sound = json!({"lastpushid": 3, "pushes": {
            "2": {"user": "a", "date": 1, "changesets": ["x"], "git_changesets": [null]},
            "3": {"user": "a", "date": 1, "changesets": []},
        }});
        assert_eq!(pushes.check(&sound), []);
        let odd = json!({"lastpushid": "3", "moon": 1, "pushes": {
            "2": {"user": "a", "changesets": ["x"]},
            "3": {"user": "a", "changesets": []},
        }});
        let found: Vec<String> = pushes.check(&odd).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            ["pushes.*.date is missing", "lastpushid is text and was number", "moon is new"]
        );
        let status = contract("taskcluster", "status").unwrap();
        let word = json!({"status": {"taskId": "a", "state": "evaporated", "runs": []}});
        let found = status.check(&word);
        assert!(matches!(&found[..], [Finding::Word { word, .. }] if word == "evaporated"));
        assert!(!found[0].is_broken());
    }
}
