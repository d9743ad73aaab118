//! The auth service: Hawk signatures are checked for real, scopes are satisfied for real.

use std::time::{Duration, UNIX_EPOCH};

use hawk::{Header, Key, PayloadHasher, RequestBuilder, SHA256};
use serde_json::{Value, json};

use super::reply::{Reply, Request, body_json};
use super::taskcluster::Call;
use crate::world::World;

/// A client that may do everything a sheriff may.
pub(crate) const SHERIFF: (&str, &str) =
    ("sim/sheriff", "sim0sheriff0token0of0a0simulated0ci0000000000");
/// A client without scopes.
pub(crate) const READER: (&str, &str) =
    ("sim/reader", "sim0reader0token0of0a0simulated0ci00000000000");

/// Who makes a call.
#[derive(Debug)]
pub(super) struct Caller {
    /// `None` for anonymous callers.
    pub(super) client: Option<String>,
    pub(super) scopes: Vec<String>,
}

/// Checks a request's Hawk header; a reason where it does not hold.
pub(super) fn caller(world: &World, request: &Request<'_>) -> Result<Caller, String> {
    let Some(header) = request.authorization else {
        let scopes = vec!["auth:expand-scopes".to_owned(), "auth:current-scopes".to_owned()];
        return Ok(Caller { client: None, scopes });
    };
    let header = header.strip_prefix("Hawk ").ok_or("Bad header format")?;
    let header: Header = header.parse().map_err(|_| "Bad header format".to_owned())?;
    let id = header.id.as_deref().unwrap_or("");
    let (client, token) = [SHERIFF, READER]
        .into_iter()
        .find(|(client, _)| *client == id)
        .ok_or_else(|| format!("Unauthorized: no such client {id}"))?;
    let key = Key::new(token, SHA256).map_err(|e| e.to_string())?;
    check_time(world, &header)?;
    let url = url::Url::parse(&format!("http://{}", request.host)).map_err(|e| e.to_string())?;
    let hash = (!request.body.is_empty())
        .then(|| PayloadHasher::hash("application/json", SHA256, request.body))
        .transpose()
        .map_err(|e| e.to_string())?;
    let (host, port) = (url.host_str().unwrap_or(""), url.port_or_known_default().unwrap_or(80));
    let path = match request.raw_query {
        "" => request.path.to_owned(),
        query => format!("{}?{query}", request.path),
    };
    let mut signed = RequestBuilder::new(request.method, host, port, &path);
    if header.hash.is_some() {
        signed = signed.hash(hash.as_deref());
    }
    // The library's own validation makes a MAC over the request and compares.
    // The time was checked above, by the servers' own clock.
    let valid = signed.request().validate_header(&header, &key, Duration::from_secs(90_000));
    if !valid {
        return Err("Bad mac".to_owned());
    }
    let scopes = if client == SHERIFF.0 {
        vec![
            "auth:*".to_owned(),
            "hooks:trigger-hook:project-gecko/in-tree-action-3-generic/*".to_owned(),
            "hooks:list-last-fires:*".to_owned(),
            "queue:*".to_owned(),
        ]
    } else {
        vec!["auth:expand-scopes".to_owned(), "hooks:list-last-fires:*".to_owned()]
    };
    Ok(Caller { client: Some(client.to_owned()), scopes })
}

fn check_time(world: &World, header: &Header) -> Result<(), String> {
    let now = Duration::from_millis(u64::try_from(world.clock.wall()).unwrap_or(0));
    let sent =
        header.ts.and_then(|ts| ts.duration_since(UNIX_EPOCH).ok()).ok_or("Missing attributes")?;
    if now.abs_diff(sent) > Duration::from_secs(900) {
        Err("Stale timestamp".into())
    } else {
        Ok(())
    }
}

/// Whether a set of scopes satisfies one: a scope that ends in `*` stands for all that begin so.
pub(super) fn satisfies(scopes: &[String], needed: &str) -> bool {
    scopes.iter().any(|scope| match scope.strip_suffix('*') {
        Some(prefix) => needed.starts_with(prefix),
        None => scope == needed,
    })
}

/// What the roles of the simulated deployment add to a set of scopes.
pub(super) fn expand(scopes: &[String]) -> Vec<String> {
    let mut all = scopes.to_vec();
    if satisfies(scopes, "assume:repo:hg.mozilla.org/integration/autoland:branch:default") {
        all.push("in-tree:hook-action:project-gecko/in-tree-action-3-*".to_owned());
        all.push("queue:create-task:low:gecko-t/*".to_owned());
    }
    all.sort();
    all.dedup();
    all
}

pub(super) fn auth(call: &Call<'_>, path: &[&str]) -> Reply {
    match (call.request.method, path) {
        ("GET", ["ping"]) => call.ok(&json!({"alive": true, "uptime": 1})),
        ("GET", ["scopes", "current"]) => match &call.caller {
            Ok(caller) => call.ok(&json!({"scopes": expand(&caller.scopes)})),
            Err(reason) => {
                let message = format!("Unauthorized: {reason}");
                call.error(401, "AuthenticationFailed", "currentScopes", &message, json!({}))
            }
        },
        ("POST" | "GET", ["scopes", "expand"]) => {
            let params = json!({});
            if let Err(reply) = call.needs("auth:expand-scopes", "expandScopes", &params) {
                return reply;
            }
            let body = body_json(call.request.body);
            let Some(scopes) = body["scopes"].as_array() else {
                let message = "data must have required property 'scopes'";
                return call.error(400, "InputValidationError", "expandScopes", message, params);
            };
            let scopes: Vec<String> =
                scopes.iter().filter_map(Value::as_str).map(String::from).collect();
            call.ok(&json!({"scopes": expand(&scopes)}))
        }
        _ => call.no_such_method(),
    }
}
