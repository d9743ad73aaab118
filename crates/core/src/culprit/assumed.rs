//! What a verdict rests on, and whether each of it was checked.

use serde::Serialize;

use crate::rate::Rate;

/// Something that has to hold for a verdict to be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Assumed {
    /// Every failure that counts is the same failure.
    SameFailure,
    /// Every run that passed ran what failed.
    RanIt,
    /// What is named was not backed out before the bad push.
    NotBackedOut,
    /// The good push is good.
    GoodPush,
    /// The failure rate changed once.
    OneChange,
}

/// An assumption of a verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Assumption {
    /// What is assumed.
    pub assumed: Assumed,
    /// Whether it was checked, and held.
    pub checked: bool,
    /// What was found, in words.
    pub words: String,
}

impl Assumption {
    /// Whether it was checked, in words.
    pub fn mark(&self) -> &'static str {
        if self.checked { "checked" } else { "assumed, not checked" }
    }
}

/// What is known of a search when it names a culprit.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// What runs were judged by: a test, a group or a failure; none where every failure of the job counts.
    pub judged_by: Option<&'a str>,
    /// Whether the commits of what is named were read, which tell of backouts.
    pub commits_read: bool,
    /// How often the good push failed.
    pub good: Rate,
    /// How likely it is that it failed before all suspects.
    pub older: f64,
}

/// What a verdict rests on.
pub fn assumptions(known: &Known<'_>) -> Vec<Assumption> {
    let one = |assumed, checked, words: String| Assumption { assumed, checked, words };
    let judged = known.judged_by;
    let (same, ran) = match judged {
        Some(name) => (
            format!("each run was judged by {name}"),
            format!("a pass counts only where {name} ran"),
        ),
        None => (
            "any failure of the job counts, whatever its reason".to_owned(),
            "a green run counts, whatever it ran".to_owned(),
        ),
    };
    let backed_out = match known.commits_read {
        true => "the repository has no backout before the bad push",
        false => "commits cannot be read here, so backouts are not known",
    };
    let passed = known.good.runs - known.good.failures;
    let good = format!(
        "the good push passed {passed} of {}: {:.1} % that it failed before already",
        known.good.runs,
        known.older * 100.0
    );
    vec![
        one(Assumed::SameFailure, judged.is_some(), same),
        one(Assumed::RanIt, judged.is_some(), ran),
        one(Assumed::NotBackedOut, known.commits_read, backed_out.to_owned()),
        one(Assumed::GoodPush, passed >= 2, good),
        one(
            Assumed::OneChange,
            true,
            "neither two changes nor a drift explain the runs much better".to_owned(),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_checked_is_said() {
        let known = |judged_by, commits_read, good| Known {
            judged_by,
            commits_read,
            good: Rate::of(0, good),
            older: 0.002,
        };
        let open = |known: &Known<'_>| -> Vec<Assumed> {
            let all = assumptions(known);
            all.into_iter().filter(|one| !one.checked).map(|one| one.assumed).collect()
        };
        assert_eq!(open(&known(Some("a.html"), true, 2)), []);
        assert_eq!(open(&known(None, true, 2)), [Assumed::SameFailure, Assumed::RanIt]);
        assert_eq!(
            open(&known(Some("a.html"), false, 1)),
            [Assumed::NotBackedOut, Assumed::GoodPush]
        );
        let words = assumptions(&known(None, true, 3)).remove(3).words;
        assert_eq!(words, "the good push passed 3 of 3: 0.2 % that it failed before already");
    }
}
