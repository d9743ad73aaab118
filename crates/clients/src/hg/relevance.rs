//! `json-automationrelevance`: what the commits of a push say of themselves.

use mozci_core::commit::Commit;
use mozci_core::ids::{Revision, Vcs};
use serde::Deserialize;

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
    node: String,
    #[serde(default)]
    author: String,
    #[serde(default)]
    desc: String,
    #[serde(default)]
    files: Vec<String>,
    #[serde(default)]
    parents: Vec<String>,
    /// The push that it came with: others of its ancestors may be in the answer, on try.
    pushhead: Option<String>,
    backedoutby: Option<String>,
    #[serde(default)]
    backsoutnodes: Vec<serde_json::Value>,
    git_commit: Option<String>,
}

impl Entry {
    fn commit(self) -> Result<Commit, String> {
        let hg = |text: &str| Revision::new(Vcs::Hg, text).map_err(|error| error.to_string());
        // A root's parent is forty zeros here.
        let parents = self.parents.iter().filter(|parent| parent.bytes().any(|byte| byte != b'0'));
        let backed_out_by = self.backedoutby.filter(|node| !node.is_empty());
        let git = self.git_commit.filter(|git| !git.is_empty());
        Ok(Commit {
            revision: hg(&self.node)?,
            git: git
                .map(|git| Revision::new(Vcs::Git, &git))
                .transpose()
                .map_err(|e| e.to_string())?,
            author: self.author,
            summary: self.desc.lines().next().unwrap_or_default().to_owned(),
            files: self.files.into_iter().take(FILES).collect(),
            parents: parents.map(|parent| hg(parent)).collect::<Result<_, _>>()?,
            backed_out_by: backed_out_by.map(|node| hg(&node)).transpose()?,
            backs_out: !self.backsoutnodes.is_empty(),
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
