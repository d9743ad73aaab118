//! The Mercurial server with its pushlog extension: `json-pushes` and what answers one revision.

use serde_json::{Map, Value, json};

use super::reply::{Reply, Request};
use super::{hg_log, hg_revision};
use crate::world::{RepoHistory, SimPush, World};

/// Answers a request to the Mercurial server.
pub(crate) fn hg(world: &World, request: &Request<'_>) -> Reply {
    let path = request.path.trim_matches('/');
    if path.is_empty() && request.get("style") == Some("json") {
        return index(world);
    }
    for repo in [&world.autoland, &world.central] {
        let Some(rest) = path.strip_prefix(repo.path.as_str()) else {
            continue;
        };
        let mut parts = rest.trim_start_matches('/').splitn(2, '/');
        let (command, argument) = (parts.next().unwrap_or(""), parts.next());
        return match command {
            "json-pushes" => with_etag(repo, request, pushes(repo, request, argument)),
            "json-rev" => hg_revision::rev(repo, argument.unwrap_or("tip")),
            "json-automationrelevance" => {
                hg_revision::relevance(repo, argument, request.get("backouts") == Some("1"))
            }
            "json-log" => match (request.get("rev"), argument.map(|a| a.split_once('/'))) {
                (Some(revset), _) => hg_log::by_revset(repo, revset),
                (None, None) => hg_log::from(repo, "tip"),
                (None, Some(None)) => hg_log::from(repo, argument.unwrap_or("tip")),
                (None, Some(Some((_, file)))) => hg_log::of_file(repo, file),
            },
            "json-filelog" => match argument.and_then(|a| a.split_once('/')) {
                Some((_, file)) => hg_log::of_file(repo, file),
                None => not_found_page(),
            },
            "json-pushchangedfiles" => hg_log::changed_files(repo, argument.unwrap_or("tip")),
            "json-info" => hg_log::info(repo, request),
            "json-summary" => hg_log::summary(repo),
            "json-isancestor" => hg_revision::is_ancestor(repo, request),
            "json-repoinfo" => Reply::json(200, &json!({"group_owner": "root"})),
            "json-branches" => hg_revision::branches(repo),
            _ => not_found_page(),
        };
    }
    not_found_page()
}

/// The list of repositories.
fn index(world: &World) -> Reply {
    let entries: Vec<Value> = [&world.autoland, &world.central]
        .iter()
        .map(|repo| {
            json!({
                "name": repo.path,
                "description": "unknown",
                "contact": "unknown",
                "lastchange": [repo.pushes.last().map_or(0, |push| push.date), 0],
                "labels": [],
            })
        })
        .collect();
    Reply::json(200, &json!({"entries": entries}))
}

fn not_found_page() -> Reply {
    Reply::new(
        404,
        "text/html; charset=UTF-8",
        "<?xml version=\"1.0\"?>\n<html><head><title>Mercurial: repository not found</title></head><body>not found</body></html>\n",
    )
}

fn with_etag(repo: &RepoHistory, request: &Request<'_>, reply: Reply) -> Reply {
    let etag = format!("W/\"{}\"", repo.pushes.last().map_or(0, |push| push.date));
    let asked = request.get("\u{0}if-none-match");
    if reply.status == 200 && asked == Some(etag.as_str()) {
        return Reply::new(304, "application/json", "").with_header("etag", etag);
    }
    reply.with_header("etag", etag)
}

fn error(status: u16, message: impl Into<String>) -> Reply {
    Reply::json(status, &json!({"error": message.into()}))
}

fn internal_error() -> Reply {
    Reply::new(500, "", "Internal Server Error")
}

/// A revision that names one push: `tip`, or a node or its beginning.
pub(super) fn find(repo: &RepoHistory, rev: &str) -> Result<u32, Reply> {
    let unknown = || error(404, format!("unknown revision '{rev}'"));
    if rev == "tip" {
        return (repo.pushes.len() as u32).checked_sub(1).ok_or_else(unknown);
    }
    // Mercurial takes a short number for a local revision number before it tries it as a hash.
    if rev.len() < 6 && rev.parse::<u32>().is_ok_and(|n| (n as usize) < repo.pushes.len()) {
        return Ok(rev.parse().unwrap_or(0));
    }
    if rev.is_empty() || !rev.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(unknown());
    }
    match repo.by_prefix(rev).as_slice() {
        [] => Err(unknown()),
        [push] => Ok(*push),
        // Mercurial 7.2 answers to a prefix that fits several changesets as to an unknown one.
        _ => Err(unknown()),
    }
}

fn pushes(repo: &RepoHistory, request: &Request<'_>, page: Option<&str>) -> Reply {
    match select(repo, request, page) {
        Ok((version, selected)) => {
            let full = request.get("full").is_some();
            let tips = request.get("tipsonly") == Some("1");
            let map: Map<String, Value> = sorted_as_text(&selected)
                .map(|push| (push.id.to_string(), entry(push, full, tips)))
                .collect();
            let last = repo.pushes.last().map_or(0, |push| push.id);
            match version {
                1 => Reply::json(200, &map),
                _ => Reply::json(200, &json!({"lastpushid": last, "pushes": map})),
            }
        }
        Err(reply) => reply,
    }
}

/// Ids are strings on the wire and are sorted as such.
fn sorted_as_text<'a>(pushes: &[&'a SimPush]) -> impl Iterator<Item = &'a SimPush> {
    let mut pushes = pushes.to_vec();
    pushes.sort_by_key(|push| push.id.to_string());
    pushes.into_iter()
}

fn select<'a>(
    repo: &'a RepoHistory,
    request: &Request<'_>,
    page: Option<&str>,
) -> Result<(u8, Vec<&'a SimPush>), Reply> {
    let version = match request.get("version").map(str::parse::<u8>) {
        None => 1,
        Some(Ok(version @ (1 | 2))) => version,
        Some(Ok(_)) => return Err(error(500, "version parameter must be 1 or 2")),
        Some(Err(_)) => return Err(error(500, "version parameter must be an integer")),
    };
    if let Some(branch) = request.get("branch").filter(|branch| *branch != "default") {
        return Err(error(404, format!("unknown revision '{branch}'")));
    }
    let id_of = |name: &str| match request.get(name) {
        None => Ok(None),
        Some(text) => text.parse::<u64>().map(Some).map_err(|_| internal_error()),
    };
    let date_of = |name: &str| request.get(name).map(|text| date(text).unwrap_or(i64::MAX));
    let push_of = |name: &str| match request.get(name) {
        None => Ok(None),
        Some(rev) => find(repo, rev).map(|i| Some(repo.pushes[i as usize].id)),
    };
    // The first lower bound that is there wins; every one of them is exclusive.
    let after_date = date_of("startdate");
    let after_id = match push_of("fromchange")? {
        Some(id) => Some(id),
        None => id_of("startID")?,
    };
    let mut changesets = Vec::new();
    for rev in request.all("changeset") {
        changesets.push(find(repo, rev)?);
    }
    let users: Vec<&str> = request.all("user").collect();
    let bounded = after_date.is_some() || after_id.is_some();
    if !bounded && users.is_empty() && changesets.is_empty() {
        // Without a lower bound an upper one is ignored, whatever it says.
        let pages = page.and_then(|page| page.parse::<usize>().ok()).unwrap_or(1).max(1);
        let end = repo.pushes.len().saturating_sub((pages - 1) * 10);
        return Ok((version, repo.pushes[end.saturating_sub(10)..end].iter().collect()));
    }
    let before_date = date_of("enddate");
    let last_id = match push_of("tochange")? {
        Some(id) => Some(id),
        None => id_of("endID")?,
    };
    let within = |(i, push): &(usize, &SimPush)| {
        after_date.is_none_or(|date| push.date > date)
            && (after_date.is_some() || after_id.is_none_or(|id| push.id > id))
            && before_date.is_none_or(|date| push.date < date)
            && (before_date.is_some() || last_id.is_none_or(|id| push.id <= id))
            && (users.is_empty() || users.contains(&push.user.as_str()))
            && (changesets.is_empty() || changesets.contains(&(*i as u32)))
    };
    Ok((version, repo.pushes.iter().enumerate().filter(within).map(|(_, push)| push).collect()))
}

/// Only this one form of a date filters.
fn date(text: &str) -> Option<i64> {
    let text = text.strip_suffix(" UTC").unwrap_or(text);
    let date = chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").ok()?;
    Some(date.and_utc().timestamp())
}

fn entry(push: &SimPush, full: bool, tips: bool) -> Value {
    let shown = if tips { &push.commits[push.commits.len() - 1..] } else { &push.commits[..] };
    if !full {
        return json!({
            "changesets": shown.iter().map(|c| &c.node).collect::<Vec<_>>(),
            "date": push.date,
            "git_changesets": shown.iter().map(|c| &c.git).collect::<Vec<_>>(),
            "user": push.user,
        });
    }
    let changesets: Vec<Value> = shown
        .iter()
        .map(|commit| {
            json!({
                "author": commit.author,
                "branch": "default",
                "desc": commit.message,
                "files": commit.files,
                "git_node": commit.git,
                "git_parents": commit.parents.iter().map(|_| Value::Null).collect::<Vec<_>>(),
                "node": commit.node,
                "parents": commit.parents,
                "tags": [],
            })
        })
        .collect();
    json!({
        "changesets": changesets,
        "date": push.date,
        "git_changesets": shown.iter().map(|c| &c.git).collect::<Vec<_>>(),
        "user": push.user,
    })
}
