//! Taskcluster's services under one root URL, and how they write their errors.

use serde_json::{Value, json};

use super::auth::{self, Caller};
use super::reply::{Reply, Request, body_json, iso};
use super::{hooks, index, queue};
use crate::world::World;

/// Answers a request to a Taskcluster deployment.
pub(crate) fn taskcluster(world: &World, request: &Request<'_>) -> Reply {
    let segments = request.segments();
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    let call = Call { world, request, caller: auth::caller(world, request) };
    let is_ping = path.last() == Some(&"ping");
    let stranger = call.caller.as_ref().is_ok_and(|caller| caller.client.is_none());
    if stranger && !is_ping && world.dynamic().private {
        let message = "This request requires Taskcluster credentials that satisfy the following scope expression:\n\n```\n{\n  \"AllOf\": [\n    \"queue:get-task:gecko-level-3/sim\"\n  ]\n}\n```";
        return call.error(403, "InsufficientScopes", "read", message, json!({}));
    }
    match path.as_slice() {
        ["api", "queue", "v1", rest @ ..] => queue::queue(&call, rest),
        ["api", "index", "v1", rest @ ..] => index::index(&call, rest),
        ["api", "hooks", "v1", rest @ ..] => hooks::hooks(&call, rest),
        ["api", "auth", "v1", rest @ ..] => auth::auth(&call, rest),
        _ => Reply::new(404, "text/html", "<html><body>404 Not Found</body></html>"),
    }
}

/// A call of a service's method, with who makes it.
pub(super) struct Call<'a> {
    pub(super) world: &'a World,
    pub(super) request: &'a Request<'a>,
    pub(super) caller: Result<Caller, String>,
}

impl Call<'_> {
    pub(super) fn ok(&self, body: &Value) -> Reply {
        Reply::new(200, "application/json; charset=utf-8", body.to_string())
    }

    /// An error as every service writes it.
    pub(super) fn error(
        &self,
        status: u16,
        code: &str,
        method: &str,
        message: &str,
        params: Value,
    ) -> Reply {
        let time = iso(self.world.clock.shown(self.world.clock.now()));
        let message = format!(
            "{message}\n\n---\n\n* method:     {method}\n* errorCode:  {code}\n* statusCode: {status}\n* time:       {time}"
        );
        let body = json!({
            "code": code,
            "message": message,
            "requestInfo": {
                "method": method,
                "params": params,
                "payload": if self.request.body.is_empty() { json!({}) } else { body_json(self.request.body) },
                "time": time,
            },
        });
        Reply::new(status, "application/json; charset=utf-8", body.to_string())
    }

    pub(super) fn not_found(&self, method: &str, message: &str, params: Value) -> Reply {
        self.error(404, "ResourceNotFound", method, message, params)
    }

    pub(super) fn no_such_method(&self) -> Reply {
        let message = "Sorry, that path is not part of this API.";
        self.error(404, "NotFound", "-", message, json!({}))
    }

    /// The caller, where it may do what needs this scope; the refusal otherwise.
    pub(super) fn needs(
        &self,
        scope: &str,
        method: &str,
        params: &Value,
    ) -> Result<&Caller, Reply> {
        let caller = self.caller.as_ref().map_err(|reason| {
            let message = format!("Unauthorized: {reason}");
            self.error(401, "AuthenticationFailed", method, &message, params.clone())
        })?;
        if auth::satisfies(&caller.scopes, scope) {
            return Ok(caller);
        }
        let required = format!("the following scope expression:\n\n```\n{scope}\n```");
        let message = match &caller.client {
            None => {
                format!("This request requires Taskcluster credentials that satisfy {required}")
            }
            Some(client) => format!(
                "Client ID {client} does not have sufficient scopes and is missing the following scopes:\n\n```\n{scope}\n```\n\nThis request requires the client to satisfy {required}"
            ),
        };
        Err(self.error(403, "InsufficientScopes", method, &message, params.clone()))
    }
}

/// A page of a list with a continuation token, at most 1000 long whatever was requested.
pub(super) fn page<'a, T>(
    request: &Request<'_>,
    all: &'a [T],
) -> Result<(&'a [T], Option<String>), ()> {
    let limit = request.get("limit").and_then(|l| l.parse::<usize>().ok()).unwrap_or(1000);
    let from = match request.get("continuationToken") {
        None => 0,
        Some(token) => token.strip_prefix("sim").and_then(|n| n.parse::<usize>().ok()).ok_or(())?,
    };
    let from = from.min(all.len());
    let until = (from + limit.clamp(1, 1000)).min(all.len());
    Ok((&all[from..until], (until < all.len()).then(|| format!("sim{until}"))))
}
