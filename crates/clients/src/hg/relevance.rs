//! `json-automationrelevance`: what the commits of a push say of themselves.

use mozci_core::commit::Commit;
use mozci_core::ids::Revision;
use serde::Deserialize;

use super::commit::{WireCommit, hg};
use super::pushlog::{HgError, Pushlog};
use crate::http::{HttpError, Problem};

/// Files of one commit that are kept.
const FILES: usize = 500;

#[derive(Debug, Deserialize)]
struct Answer {
    /// Not there where the server does not know the revision, which it answers with 200.
    changesets: Option<Vec<Entry>>,
    error: Option<serde_json::Value>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    #[serde(flatten)]
    commit: WireCommit,
    /// The push that it came with: others of its ancestors may be in the answer, on try.
    pushhead: Option<String>,
    backedoutby: Option<String>,
    #[serde(default)]
    backsoutnodes: Vec<serde_json::Value>,
}

impl Entry {
    fn commit(self) -> Result<Commit, String> {
        let backed_out_by = self.backedoutby.filter(|node| !node.is_empty());
        Ok(Commit {
            backed_out_by: backed_out_by.map(|node| hg(&node)).transpose()?,
            backs_out: !self.backsoutnodes.is_empty(),
            ..self.commit.commit(FILES)?
        })
    }
}

impl Pushlog {
    /// The commits of the push that this is the head of, oldest first, with what backed them out.
    ///
    /// # Errors
    /// [`HgError::UnknownRevision`]; an answer of another shape.
    pub async fn commits(&self, head: &Revision) -> Result<Vec<Commit>, HgError> {
        let unknown = || HgError::UnknownRevision {
            revision: head.hash().to_owned(),
            repository: self.repository().to_owned(),
        };
        let path = format!("json-automationrelevance/{}", head.hash());
        let mut url = self.url(&path)?;
        url.query_pairs_mut().append_pair("backouts", "1");
        let bad = |problem| HttpError { problem, method: "GET", url: url.to_string() };
        let answer: Answer = match self.http().get(url.clone()).await {
            Ok(answer) => answer,
            Err(error) if error.is_not_found() => return Err(unknown()),
            Err(error) => return Err(error.into()),
        };
        let Some(entries) = answer.changesets else {
            return Err(match answer.error {
                Some(_) => unknown(),
                None => bad(Problem::Shape("it lacks \"changesets\"".into())).into(),
            });
        };
        let own = |entry: &Entry| entry.pushhead.as_deref().is_none_or(|push| push == head.hash());
        let commits = entries.into_iter().filter(own).map(Entry::commit);
        let commits: Result<Vec<Commit>, String> = commits.collect();
        Ok(commits.map_err(|reason| bad(Problem::Shape(reason)))?)
    }
}
