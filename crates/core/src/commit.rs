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
