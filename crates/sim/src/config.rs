//! The config file with which the program uses the simulated servers.

use serde_json::json;

use crate::server::{SimCredentials, Urls};
use crate::wire::ERA_LOGIN;

/// A config that points at simulated servers. The credentials are no secret: they open nothing but the simulation.
/// `pulse_url` is a broker's URL; its user and password are left out.
pub fn config(
    urls: &Urls,
    credentials: Option<&SimCredentials>,
    pulse_url: Option<&str>,
) -> String {
    let Urls { hg, treeherder, taskcluster, .. } = urls;
    let command = |secret: serde_json::Value| match credentials {
        Some(_) => format!("credentials_command = {}\n", json!(["echo", secret.to_string()])),
        None => String::new(),
    };
    let (user, password) = ERA_LOGIN;
    let login = command(json!({"user": user, "password": password}));
    let credentials = command(json!(credentials));
    let pulse = pulse_url
        .and_then(without_user)
        .map_or(String::new(), |url| format!("pulse_url = \"{url}\"\n"));
    format!(
        r#"default_ci = "demo"

[ci.demo]
kind = "taskcluster"
root_url = "{taskcluster}"
treeherder_url = "{treeherder}"
{pulse}poll_seconds = 0.5
requests_per_minute = 100000
{credentials}
[ci.demo.repos.autoland]
pushlog = "hg"
url = "{hg}/integration/autoland"
merges_from = ["mozilla-central"]

[ci.demo.repos.mozilla-central]
pushlog = "hg"
url = "{hg}/mozilla-central"
merges_from = ["autoland"]

# The same pushes as autoland's, read from Treeherder as for a repository without a pushlog.
[ci.demo.repos.autoland-treeherder]
pushlog = "treeherder"
treeherder_project = "autoland"

# The same runs as a Buildbot farm of 2015 would show them.
[ci.demo-buildapi]
kind = "buildapi"
url = "{treeherder}/buildapi/self-serve"
buildjson_url = "{treeherder}/buildjson"
allthethings = "{treeherder}/allthethings.json"
poll_seconds = 0.5
requests_per_minute = 100000
{login}
[ci.demo-buildapi.repos.autoland]
pushlog = "hg"
url = "{hg}/integration/autoland"
"#
    )
}

/// A broker's URL as a config may have it.
fn without_user(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    Some(format!("{scheme}://{host}"))
}
