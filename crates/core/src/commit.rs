//! What one commit of a push says of itself.

use serde::Serialize;

use crate::ids::Revision;

/// One commit, as whoever reads a verdict wants to see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Commit {
    /// Its revision.
    #[serde(serialize_with = "hash")]
    pub revision: Revision,
    /// The same in Git, where that is known.
    #[serde(serialize_with = "maybe_hash")]
    pub git: Option<Revision>,
    /// Who wrote it.
    pub author: String,
    /// The first line of its message.
    pub summary: String,
    /// The files that it touches, some hundreds at the most.
    pub files: Vec<String>,
    /// Its parents; two of a merge.
    #[serde(serialize_with = "hashes")]
    pub parents: Vec<Revision>,
    /// The commit that backed it out, where one did.
    #[serde(serialize_with = "maybe_hash")]
    pub backed_out_by: Option<Revision>,
    /// Whether it backs out others.
    pub backs_out: bool,
    /// How the hashes of those begin, as far as its message names them.
    #[serde(skip)]
    pub backs_out_of: Vec<String>,
}

/// Words with which a commit begins that takes others back.
const BACKOUTS: [&str; 6] =
    ["backed out ", "back out ", "backout ", "backing out ", "revert ", "reverted "];

/// The shortest text that is taken for the hash of a commit, in hexadecimal digits.
const SHORTEST: usize = 12;

/// Whether a message is one of a backout, and how the hashes begin of what it takes back: vct and
/// Lando name each changeset, Git the commit that it reverts.
pub fn backout(message: &str) -> Option<Vec<String>> {
    let first = message.lines().next().unwrap_or_default().to_lowercase();
    // Who lands it again names the backout in passing.
    if !BACKOUTS.iter().any(|word| first.starts_with(word)) {
        return None;
    }
    let words = message.split(|c: char| !c.is_ascii_alphanumeric());
    let hashes = words.filter(|word| {
        (SHORTEST..=40).contains(&word.len())
            && word.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    });
    let mut found: Vec<String> = hashes.map(str::to_owned).collect();
    found.sort_unstable();
    found.dedup();
    Some(found)
}

impl Commit {
    /// Whether it merges another line of commits.
    pub fn is_merge(&self) -> bool {
        self.parents.len() > 1
    }
}

fn hash<S: serde::Serializer>(revision: &Revision, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(revision.hash())
}

fn maybe_hash<S: serde::Serializer>(
    revision: &Option<Revision>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_some(&revision.as_ref().map(Revision::hash))
}

fn hashes<S: serde::Serializer>(all: &[Revision], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(all.iter().map(Revision::hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backout_names_what_it_takes_back() {
        let check = |message: &str, expected: Option<&[&str]>| {
            let found = backout(message);
            let found: Option<Vec<&str>> =
                found.as_ref().map(|list| list.iter().map(String::as_str).collect());
            assert_eq!(found.as_deref(), expected, "{message}");
        };
        let (a, b) = ("0123456789ab", "fedcba987654");
        check(&format!("Backed out changeset {a} (bug 12) for bustage"), Some(&[a]));
        check(&format!("Backed out changesets {b} and {a} (bug 12)"), Some(&[a, b]));
        check(
            &format!(
                "Backed out 2 changesets (bug 123456789012) for x\n\nBacked out changeset {a} (bug 1)\nBacked out changeset {b}"
            ),
            Some(&[a, "123456789012", b]),
        );
        let git = "5e0643a286be1a149a8e7693bb9e2aaffe2334e7";
        check(&format!("Revert \"Bug 1 - x\"\n\nThis reverts commit {git}."), Some(&[git]));
        check("Backed out bug 12 for bustage", Some(&[]));
        check(&format!("Bug 12 - reland of what {a} was, backed out for x"), None);
        check("", None);
    }
}
