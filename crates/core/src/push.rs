//! Pushes.

use std::collections::BTreeSet;

use serde::Serialize;
use serde::ser::SerializeStruct;

use crate::ids::{PushId, Revision};
use crate::time::At;

/// One landing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// Its number, and whose number that is.
    pub id: PushId,
    /// The head that landed.
    pub revision: Revision,
    /// The head's name in the other version control system, where the pushlog knows one.
    pub git: Option<Revision>,
    /// Who pushed.
    pub author: String,
    /// When it landed; not monotonic over the pushes of a repository.
    pub date: At,
    /// Every changeset of the push, the head last.
    pub changesets: Vec<Changeset>,
    /// The first line of the head's message, where whoever told of the push told that, too.
    pub summary: Option<String>,
}

/// The first line of a commit's message that has something in it.
pub fn summary_of(message: &str) -> Option<String> {
    message.lines().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned)
}

/// One commit of a push under the names the pushlog has for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changeset {
    /// Its revision in the repository that was pushed to.
    pub revision: Revision,
    /// The same commit in Git, where the pushlog knows it.
    pub git: Option<Revision>,
}

/// How many different pushes these are.
pub fn count_pushes(ids: impl IntoIterator<Item = PushId>) -> usize {
    ids.into_iter().collect::<BTreeSet<PushId>>().len()
}

/// Serialised as every output writes a push: `id`, the full `revision`, `vcs`, and `git` where the
/// head's name there is known, too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushRef {
    /// Its number.
    pub id: PushId,
    /// The head that landed.
    pub revision: Revision,
    /// The head's name in Git, where that is another and known.
    pub git: Option<Revision>,
}

impl From<&Push> for PushRef {
    fn from(push: &Push) -> Self {
        Self { id: push.id, revision: push.revision.clone(), git: push.git.clone() }
    }
}

impl Serialize for PushRef {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields =
            serializer.serialize_struct("PushRef", 3 + usize::from(self.git.is_some()))?;
        fields.serialize_field("id", &self.id)?;
        fields.serialize_field("revision", self.revision.hash())?;
        fields.serialize_field("vcs", &self.revision.vcs())?;
        if let Some(git) = &self.git {
            fields.serialize_field("git", git.hash())?;
        }
        fields.end()
    }
}
