//! Logs and summaries of the Mercurial server.

use serde_json::{Map, Value, json};

use super::hg::find;
use super::reply::{Reply, Request};
use crate::world::{Commit, RepoHistory, SimPush};

/// Entries of a list that does not say that there is more.
const PAGE: usize = 10;

fn entry(repo: &RepoHistory, push: &SimPush, commit: &Commit) -> Value {
    let is_tip = repo.pushes.last().is_some_and(|last| last.node() == commit.node);
    json!({
        "node": commit.node,
        "date": [push.date as f64, 0],
        "desc": commit.message,
        "branch": "default",
        "bookmarks": [],
        "tags": if is_tip { &["tip"][..] } else { &[] },
        "user": commit.author,
        "phase": "public",
        "parents": commit.parents,
        "pushid": push.id,
        "pushdate": [push.date, 0],
    })
}

/// Every commit of these pushes, newest first.
fn commits(pushes: &[SimPush]) -> impl Iterator<Item = (&SimPush, &Commit)> {
    pushes.iter().rev().flat_map(|push| push.commits.iter().rev().map(move |c| (push, c)))
}

fn tip(repo: &RepoHistory) -> &str {
    repo.pushes.last().map_or("", SimPush::node)
}

/// `json-log?rev=<revset>`; an unknown one is 200 with no entries.
pub(super) fn by_revset(repo: &RepoHistory, revset: &str) -> Reply {
    let call = |name: &str| revset.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')');
    let chosen: Vec<(&SimPush, &Commit)> = if let Some(id) = call("pushid") {
        let push = id.parse().ok().and_then(|id| repo.by_id(id));
        let push = push.map(|push| &repo.pushes[push as usize..=push as usize]);
        commits(push.unwrap_or(&[])).collect()
    } else if call("pushhead").is_some() {
        repo.pushes
            .iter()
            .rev()
            .filter_map(|push| push.commits.last().map(|commit| (push, commit)))
            .collect()
    } else if let Some((from, until)) = revset.split_once("::") {
        match (find(repo, from), find(repo, until)) {
            (Ok(from), Ok(until)) if from <= until => {
                commits(&repo.pushes[from as usize..=until as usize]).collect()
            }
            _ => Vec::new(),
        }
    } else {
        let push = find(repo, revset).map(|push| &repo.pushes[push as usize..=push as usize]);
        let named =
            |(_, commit): &(&SimPush, &Commit)| revset == "tip" || commit.node.starts_with(revset);
        commits(push.unwrap_or(&[])).find(named).into_iter().collect()
    };
    let entries: Vec<Value> =
        chosen.into_iter().take(PAGE).map(|(push, commit)| entry(repo, push, commit)).collect();
    Reply::json(200, &json!({"node": tip(repo), "query": revset, "entries": entries}))
}

/// `json-log[/<rev>]`
pub(super) fn from(repo: &RepoHistory, rev: &str) -> Reply {
    let last = match find(repo, rev) {
        Ok(last) => last,
        Err(reply) => return reply,
    };
    let all = commits(&repo.pushes[..=last as usize]);
    let from_there = all.skip_while(|(_, c)| rev != "tip" && !c.node.starts_with(rev));
    let changesets: Vec<Value> =
        from_there.take(PAGE).map(|(push, commit)| entry(repo, push, commit)).collect();
    let count: usize = repo.pushes.iter().map(|push| push.commits.len()).sum();
    let node = changesets.first().map_or(json!(""), |first| first["node"].clone());
    Reply::json(200, &json!({"node": node, "changeset_count": count, "changesets": changesets}))
}

/// `json-filelog/<rev>/<file>`, and `json-log/<rev>/<file>`
pub(super) fn of_file(repo: &RepoHistory, file: &str) -> Reply {
    let touched = commits(&repo.pushes).filter(|(_, c)| c.files.iter().any(|f| f == file));
    let entries: Vec<Value> =
        touched.take(PAGE).map(|(push, commit)| entry(repo, push, commit)).collect();
    if entries.is_empty() {
        let error = format!("{file}@{}: not found in manifest", &tip(repo)[..12]);
        return Reply::json(404, &json!({"error": error}));
    }
    Reply::json(200, &json!({"entries": entries}))
}

/// `json-pushchangedfiles/<rev>`
pub(super) fn changed_files(repo: &RepoHistory, rev: &str) -> Reply {
    match find(repo, rev) {
        Err(reply) => reply,
        Ok(push) => {
            let commits = &repo.pushes[push as usize].commits;
            let mut files: Vec<&String> = commits.iter().flat_map(|c| &c.files).collect();
            files.sort();
            files.dedup();
            Reply::json(200, &json!({"files": files}))
        }
    }
}

/// `json-info?node=…`
pub(super) fn info(repo: &RepoHistory, request: &Request<'_>) -> Reply {
    let mut found = Map::new();
    for rev in request.all("node") {
        let push = match find(repo, rev) {
            Ok(push) => &repo.pushes[push as usize],
            Err(reply) => return reply,
        };
        let Some(commit) = push.commits.iter().find(|c| c.node.starts_with(rev)) else { continue };
        let date = chrono::DateTime::from_timestamp(push.date, 0).unwrap_or_default();
        let children: Vec<&str> = repo
            .pushes
            .iter()
            .flat_map(|p| &p.commits)
            .filter(|c| c.parents.contains(&commit.node))
            .map(|c| c.node.as_str())
            .collect();
        found.insert(
            commit.node[..12].to_owned(),
            json!({
                "branch": "default",
                "children": children,
                "date": date.format("%Y-%m-%d %H:%M +0000").to_string(),
                "description": commit.message,
                "files": commit.files,
                "node": commit.node,
                "parents": commit.parents,
                "rev": 0,
                "tags": [],
                "user": commit.author,
            }),
        );
    }
    Reply::json(200, &found)
}

/// `json-summary`
pub(super) fn summary(repo: &RepoHistory) -> Reply {
    let shortlog: Vec<Value> =
        commits(&repo.pushes).take(PAGE).map(|(push, commit)| entry(repo, push, commit)).collect();
    let date = repo.pushes.last().map_or(0, |push| push.date) as f64;
    let branch =
        json!({"branch": "default", "node": tip(repo), "date": [date, 0], "status": "open"});
    Reply::json(
        200,
        &json!({
            "node": tip(repo),
            "lastchange": [date, 0],
            "bookmarks": [],
            "branches": [branch],
            "shortlog": shortlog,
            "tags": [],
            "labels": [],
            "archives": [],
        }),
    )
}
