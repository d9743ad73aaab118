//! Which of the farm's services answers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::names::ERA_LOGIN;
use super::{dumps, self_serve, things};
use crate::wire::reply::{Reply, Request};
use crate::world::World;

/// Answers a request to one of the farm's services; none where it is to another server.
pub(in crate::wire) fn era(world: &World, request: &Request<'_>, path: &[&str]) -> Option<Reply> {
    Some(match path {
        ["buildapi", "self-serve", branch, rest @ ..] => {
            if !is_known(request) {
                let reply = Reply::json(401, &json!({"msg": "who are you?"}));
                return Some(reply.with_header("www-authenticate", "Basic".to_owned()));
            }
            match (request.method, rest) {
                _ if *branch != world.autoland.name => {
                    Reply::json(404, &json!({"msg": format!("no branch is called {branch}")}))
                }
                ("GET", ["rev", revision]) => self_serve::of_revision(world, revision),
                _ => self_serve::act(world, request, rest),
            }
        }
        ["buildjson", name] => match dump_of(name) {
            Some(day) => dumps::dump(world, day, request.urls),
            None => Reply::new(404, "text/html", "<html></html>"),
        },
        ["allthethings.json"] => Reply::json(200, &things::of_world(world)),
        ["era-files", id, _] => dumps::file(world, id),
        _ => return None,
    })
}

fn dump_of(name: &str) -> Option<&str> {
    name.strip_prefix("builds-")?.strip_suffix(".js.gz")
}

/// Whether the user and the password are right.
fn is_known(request: &Request<'_>) -> bool {
    let (user, password) = ERA_LOGIN;
    let right = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
    request.authorization == Some(right.as_str())
}
