//! Names of pushes as people type them: beside what [`RevisionSpec`] reads, names of a local clone and pushes
//! before another one.

use std::fmt;
use std::str::FromStr;

use crate::revision::{RevisionError, RevisionSpec};

/// A push as somebody names it, before anything was looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RevisionName {
    /// What needs no clone.
    Spec(RevisionSpec),
    /// So many pushes before another one: `tip~3`, `1036^`.
    Before {
        /// The other one.
        of: RevisionSpec,
        /// How many.
        pushes: u32,
    },
    /// A name that a local clone has: `HEAD`, `@`, a branch, `HEAD~2`. What follows `~` or `^` counts commits
    /// there, as the clone's own program does.
    Local(String),
}

/// Characters of a name of a clone's at the most.
const LONGEST: usize = 200;

impl FromStr for RevisionName {
    type Err = RevisionError;

    fn from_str(text: &str) -> Result<Self, RevisionError> {
        let text = text.trim();
        let error = match text.parse::<RevisionSpec>() {
            Ok(spec) => return Ok(Self::Spec(spec)),
            Err(error) => error,
        };
        let before = before(text).and_then(|(of, pushes)| Some((of.parse().ok()?, pushes)));
        if let Some((of, pushes)) = before {
            return Ok(Self::Before { of, pushes });
        }
        match is_local(text) {
            true => Ok(Self::Local(text.to_owned())),
            false => Err(error),
        }
    }
}

impl fmt::Display for RevisionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spec(spec) => spec.fmt(f),
            Self::Before { of, pushes } => write!(f, "{of}~{pushes}"),
            Self::Local(name) => f.write_str(name),
        }
    }
}

impl From<RevisionSpec> for RevisionName {
    fn from(spec: RevisionSpec) -> Self {
        Self::Spec(spec)
    }
}

/// What stands before `~3` or `^^`, and how many are meant.
fn before(text: &str) -> Option<(&str, u32)> {
    if let Some((of, count)) = text.rsplit_once('~') {
        let count = if count.is_empty() { 1 } else { count.parse().ok()? };
        return Some((of, count));
    }
    let of = text.trim_end_matches('^');
    let count = u32::try_from(text.len() - of.len()).ok()?;
    (count > 0).then_some((of, count))
}

/// Whether a clone may have such a name: it begins like a name, and neither program takes it for more.
fn is_local(text: &str) -> bool {
    let first = text.chars().next();
    text.len() <= LONGEST
        && first.is_some_and(|c| c.is_ascii_alphanumeric() || c == '@' || c == '_')
        && text.chars().all(|c| c.is_alphanumeric() || "._/-@~^+".contains(c))
        && !text.contains("..")
        && !text.contains("@{")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> RevisionName {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn names_that_people_type_are_read() {
        let local = |text: &str| RevisionName::Local(text.to_owned());
        let before = |of: RevisionSpec, pushes| RevisionName::Before { of, pushes };
        assert_eq!(name("tip"), RevisionName::Spec(RevisionSpec::Tip));
        assert_eq!(name("1036"), RevisionName::Spec(RevisionSpec::Id(1036)));
        assert_eq!(name("tip~3"), before(RevisionSpec::Tip, 3));
        assert_eq!(name("tip~"), before(RevisionSpec::Tip, 1));
        assert_eq!(name("1036^^"), before(RevisionSpec::Id(1036), 2));
        assert_eq!(name("9f3ab20c71d4~1"), before(RevisionSpec::Hash("9f3ab20c71d4".into()), 1));
        for text in ["HEAD", "@", "HEAD~2", "@^", "my-branch", "origin/main", "feature/a_b", "v1.2"]
        {
            assert_eq!(name(text), local(text));
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in
            ["", "two words", "--upload-pack=x", "a..b", "a@{1}", "limit(all(), 1)", "a\nb", "tip!"]
        {
            assert!(text.parse::<RevisionName>().is_err(), "{text:?}");
        }
    }
}
