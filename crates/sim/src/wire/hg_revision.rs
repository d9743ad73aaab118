//! What the Mercurial server answers about one revision.

use serde_json::{Value, json};

use super::hg::find;
use super::reply::{Reply, Request};
use crate::world::{Commit, RepoHistory, SimPush};

fn commit_of<'a>(repo: &'a RepoHistory, push: u32, rev: &str) -> (&'a SimPush, &'a Commit) {
    let push = &repo.pushes[push as usize];
    let commit = push.commits.iter().find(|commit| commit.node.starts_with(rev));
    (push, commit.unwrap_or(&push.commits[push.commits.len() - 1]))
}

/// The revert of a push, where there is one.
fn backed_out_by(repo: &RepoHistory, push: &SimPush) -> String {
    let revert = repo
        .pushes
        .iter()
        .find(|other| other.backs_out.is_some_and(|bad| repo.pushes[bad as usize].id == push.id));
    revert.map_or_else(String::new, |revert| revert.node().to_owned())
}

/// `json-rev/<rev>`
pub(super) fn rev(repo: &RepoHistory, rev: &str) -> Reply {
    let index = match find(repo, rev) {
        Ok(index) => index,
        Err(reply) => return reply,
    };
    let (push, commit) = commit_of(repo, index, rev);
    let files: Vec<Value> =
        commit.files.iter().map(|file| json!({"file": file, "status": "modified"})).collect();
    let root = commit.parents.iter().all(|parent| parent.starts_with("0000000000"));
    let answer = json!({
        "node": commit.node,
        "date": [push.date as f64, 0],
        "desc": commit.message,
        "backedoutby": backed_out_by(repo, push),
        "branch": "default",
        "bookmarks": [],
        "tags": [],
        "user": commit.author,
        "parents": if root { &[][..] } else { &commit.parents[..] },
        "children": [],
        "files": files,
        "diff": [],
        "phase": "public",
        "pushid": push.id,
        "pushdate": [push.date, 0],
        "pushuser": push.user,
        "landingsystem": null,
        "git_commit": commit.git,
    });
    Reply::json(200, &answer)
}

/// `json-automationrelevance/<rev>`, with `?backouts=1` naming what backed a changeset out.
pub(super) fn relevance(repo: &RepoHistory, rev: Option<&str>, backouts: bool) -> Reply {
    let Some(rev) = rev else {
        return Reply::json(200, &json!({"error": "missing parameter 'node'"}));
    };
    let index = match find(repo, rev) {
        Ok(index) => index,
        Err(reply) => return reply,
    };
    let (push, until) = commit_of(repo, index, rev);
    let mut changesets = Vec::new();
    for commit in &push.commits {
        let backs_out = push.backs_out.map(|bad| repo.pushes[bad as usize].node().to_owned());
        let mut entry = json!({
            "author": commit.author,
            "backsoutnodes": backs_out.iter().map(|node| json!({"node": node})).collect::<Vec<_>>(),
            "bugs": [],
            "date": [push.date as f64, 0],
            "desc": commit.message,
            "extra": {"branch": "default"},
            "files": commit.files,
            "node": commit.node,
            "parents": commit.parents,
            "phase": "public",
            "pushdate": [push.date, 0],
            "pushhead": push.node(),
            "pushid": push.id,
            "pushuser": push.user,
            "rev": 0,
            "reviewers": [],
            "treeherderrepo": repo.name,
            "treeherderrepourl": format!("https://treeherder.example.com/#/jobs?repo={}", repo.name),
        });
        if let Some(git) = &commit.git {
            entry["git_commit"] = json!(git);
            entry["git_repo_url"] = json!("https://git.example.com/firefox");
            entry["landingsystem"] = json!("lando");
            entry["extra"]["git_commit"] = json!(git);
            entry["extra"]["moz-landing-system"] = json!("lando");
        }
        let revert = backed_out_by(repo, push);
        if backouts && !revert.is_empty() {
            entry["backedoutby"] = json!(revert);
        }
        changesets.push(entry);
        if commit.node == until.node {
            break;
        }
    }
    Reply::json(200, &json!({"changesets": changesets, "visible": true}))
}

/// `json-isancestor?head=&node=`; pushes follow each other in one line.
pub(super) fn is_ancestor(repo: &RepoHistory, request: &Request<'_>) -> Reply {
    let find_node = |name: &str| {
        let rev = request.get(name).unwrap_or("");
        find(repo, rev)
            .map_err(|_| {
                let message = format!("unknown {name} revision {rev}");
                Reply::json(404, &json!({"error": message}))
            })
            .map(|index| (index, commit_of(repo, index, rev).1.node.clone()))
    };
    match (find_node("head"), find_node("node")) {
        (Ok((head_at, head)), Ok((node_at, node))) => Reply::json(
            200,
            &json!({"headnode": head, "testnode": node, "isancestor": node_at <= head_at}),
        ),
        (Err(reply), _) | (_, Err(reply)) => reply,
    }
}

/// `json-branches`
pub(super) fn branches(repo: &RepoHistory) -> Reply {
    let branches: Vec<Value> = repo
        .pushes
        .last()
        .map(|push| {
            json!({"branch": "default", "node": push.node(), "date": [push.date as f64, 0], "status": "open"})
        })
        .into_iter()
        .collect();
    Reply::json(200, &json!({"branches": branches}))
}
