//! Credentials, from the environment or from a command; never from a command line or a file of
//! ours.

use std::process::Stdio;
use std::time::Duration;

use mozci_clients::buildbot::BuildbotCredentials;
use mozci_clients::pulse::{PulseSettings, Secret};
use mozci_clients::taskcluster::TaskclusterCredentials;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::io::AsyncReadExt;
use tokio::process::Command;

use crate::config::file::{CiConfig, CiKind};
use crate::error::Error;

/// Credentials of either kind of CI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// A Taskcluster client's.
    Taskcluster(TaskclusterCredentials),
    /// A user's of a Buildbot master.
    Buildbot(BuildbotCredentials),
}

/// Where credentials come from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum CredentialSource {
    /// There are none.
    #[default]
    Nowhere,
    /// The environment has them.
    Given(Credentials),
    /// This is a task, whose proxy signs.
    Proxy(url::Url),
    /// A command prints them. It runs once something is about to be sent, or a read was refused.
    Command(CredentialsCommand),
}

impl CredentialSource {
    /// Where they come from, in words without any secret.
    pub fn words(&self) -> String {
        match self {
            Self::Nowhere => "nowhere: there are none".to_owned(),
            Self::Given(_) => "the environment".to_owned(),
            Self::Proxy(_) => "the proxy of this task (TASKCLUSTER_PROXY_URL)".to_owned(),
            Self::Command(command) => {
                let program = command.command.first().map_or("", String::as_str);
                format!("`credentials_command` in the config, which runs {program}")
            }
        }
    }
}

/// A command that prints credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialsCommand {
    kind: CiKind,
    command: Vec<String>,
}

/// How long the command may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The most that it may print, in bytes.
const LONGEST: u64 = 64 << 10;

/// Where the credentials for a CI come from: the environment as `env` has it, or else
/// `credentials_command`, which does not run yet.
///
/// # Errors
/// [`Error::NotAllowed`] for half a set, or for credentials of another deployment.
pub fn credentials(
    ci: &CiConfig,
    env: impl Fn(&str) -> Option<String>,
) -> Result<CredentialSource, Error> {
    if ci.kind == CiKind::Taskcluster
        && let Some(proxy) = proxy(ci, &env)?
    {
        return Ok(CredentialSource::Proxy(proxy));
    }
    let given = match ci.kind {
        CiKind::Taskcluster => of_taskcluster(ci, env)?.map(Credentials::Taskcluster),
        CiKind::Buildbot => of_buildbot(env)?.map(Credentials::Buildbot),
        CiKind::BuildApi => {
            of_user(env, ["BUILDAPI_USER", "BUILDAPI_PASSWORD"], "")?.map(Credentials::Buildbot)
        }
    };
    Ok(match (given, &ci.credentials_command) {
        (Some(given), _) => CredentialSource::Given(given),
        (None, Some(command)) => {
            let (kind, command) = (ci.kind, command.clone());
            CredentialSource::Command(CredentialsCommand { kind, command })
        }
        (None, None) => CredentialSource::Nowhere,
    })
}

/// `TASKCLUSTER_PROXY_URL`, which workers set in tasks that have the feature `taskclusterProxy`. It signs for the
/// task's own Taskcluster alone (`TASKCLUSTER_ROOT_URL`): any other is read as by a stranger. Credentials in the
/// environment go before it, and it goes before `credentials_command`.
fn proxy(ci: &CiConfig, env: impl Fn(&str) -> Option<String>) -> Result<Option<url::Url>, Error> {
    let get = |name: &str| env(name).filter(|value| !value.is_empty());
    // Half a set is an error, and no reason to sign otherwise.
    let is_given = ["TASKCLUSTER_CLIENT_ID", "TASKCLUSTER_ACCESS_TOKEN"];
    let signs = is_given.iter().all(|name| get(name).is_none())
        && get("TASKCLUSTER_ROOT_URL").is_some_and(|root| same_root(&root, &ci.root_url));
    let Some(proxy) = get("TASKCLUSTER_PROXY_URL").filter(|_| signs) else { return Ok(None) };
    let url = url::Url::parse(&proxy);
    url.map(Some)
        .map_err(|error| Error::Usage(format!("TASKCLUSTER_PROXY_URL is not a URL: {error}")))
}

/// `BUILDBOT_COOKIE`, or `BUILDBOT_USER` and `BUILDBOT_PASSWORD`.
fn of_buildbot(env: impl Fn(&str) -> Option<String>) -> Result<Option<BuildbotCredentials>, Error> {
    if let Some(cookie) = env("BUILDBOT_COOKIE").filter(|value| !value.is_empty()) {
        return Ok(Some(BuildbotCredentials::Cookie(cookie)));
    }
    let else_ = ", or BUILDBOT_COOKIE to the cookie of a session in your browser";
    of_user(env, ["BUILDBOT_USER", "BUILDBOT_PASSWORD"], else_)
}

/// A user and a password.
fn of_user(
    env: impl Fn(&str) -> Option<String>,
    [user, password]: [&str; 2],
    else_: &str,
) -> Result<Option<BuildbotCredentials>, Error> {
    let get = |name: &str| env(name).filter(|value| !value.is_empty());
    let half = |there: &str, missing: &str| {
        Error::NotAllowed(format!(
            "half a set of credentials: {there} is set and {missing} is not; set both{else_}"
        ))
    };
    match (get(user), get(password)) {
        (Some(user), Some(password)) => Ok(Some(BuildbotCredentials::Password { user, password })),
        (Some(_), None) => Err(half(user, password)),
        (None, Some(_)) => Err(half(password, user)),
        (None, None) => Ok(None),
    }
}

impl CredentialsCommand {
    /// Runs the command and reads what it prints.
    ///
    /// # Errors
    /// [`Error::NotAllowed`] where it fails, takes too long, or prints something else.
    pub async fn run(&self) -> Result<Credentials, Error> {
        let Self { kind, command } = self;
        if *kind == CiKind::Taskcluster {
            let printed: Printed = from_command(command).await?;
            return Ok(Credentials::Taskcluster(TaskclusterCredentials {
                client_id: printed.client_id,
                access_token: printed.access_token,
                certificate: printed.certificate,
            }));
        }
        let has_sessions = *kind == CiKind::Buildbot;
        match from_command::<Session>(command).await? {
            Session { cookie: Some(cookie), .. } if has_sessions => {
                Ok(Credentials::Buildbot(BuildbotCredentials::Cookie(cookie)))
            }
            Session { user: Some(user), password: Some(password), .. } => {
                Ok(Credentials::Buildbot(BuildbotCredentials::Password { user, password }))
            }
            _ => Err(Error::NotAllowed(match has_sessions {
                true => "`credentials_command` printed neither `cookie` nor `user` and `password`"
                    .into(),
                false => "`credentials_command` did not print `user` and `password`".into(),
            })),
        }
    }
}

/// What a command prints for a Buildbot master.
#[derive(Deserialize)]
struct Session {
    cookie: Option<String>,
    user: Option<String>,
    password: Option<String>,
}

/// `TASKCLUSTER_CLIENT_ID`, `TASKCLUSTER_ACCESS_TOKEN` and `TASKCLUSTER_CERTIFICATE`.
fn of_taskcluster(
    ci: &CiConfig,
    env: impl Fn(&str) -> Option<String>,
) -> Result<Option<TaskclusterCredentials>, Error> {
    let get = |name: &str| env(name).filter(|value| !value.is_empty());
    let client = get("TASKCLUSTER_CLIENT_ID");
    let token = get("TASKCLUSTER_ACCESS_TOKEN");
    match (client, token) {
        (Some(client_id), Some(access_token)) => {
            let root = get("TASKCLUSTER_ROOT_URL");
            if let Some(root) = root.filter(|root| !same_root(root, &ci.root_url)) {
                return Err(Error::NotAllowed(format!(
                    "the credentials in the environment are for {root} (TASKCLUSTER_ROOT_URL), and this CI is {}; sign in there, or unset them",
                    ci.root_url
                )));
            }
            let certificate = get("TASKCLUSTER_CERTIFICATE");
            Ok(Some(TaskclusterCredentials { client_id, access_token, certificate }))
        }
        (Some(_), None) => Err(half("TASKCLUSTER_CLIENT_ID", "TASKCLUSTER_ACCESS_TOKEN")),
        (None, Some(_)) => Err(half("TASKCLUSTER_ACCESS_TOKEN", "TASKCLUSTER_CLIENT_ID")),
        (None, None) => Ok(None),
    }
}

fn half(there: &str, missing: &str) -> Error {
    Error::NotAllowed(format!(
        "half a set of credentials: {there} is set and {missing} is not; `eval $(taskcluster signin)` sets both, or unset the one"
    ))
}

/// How Pulse is listened to: `pulse_url`, with `PULSE_USER` and `PULSE_PASSWORD` from the environment.
/// None where one of the three is not there.
///
/// # Errors
/// In words why it cannot be listened to, where it was meant to be: half a set, or a URL that is none.
pub fn pulse(
    ci: &CiConfig,
    env: impl Fn(&str) -> Option<String>,
) -> Result<Option<PulseSettings>, String> {
    let get = |name: &str| env(name).filter(|value| !value.is_empty());
    let Some(url) = &ci.pulse_url else { return Ok(None) };
    let (user, password) = match (get("PULSE_USER"), get("PULSE_PASSWORD")) {
        (None, None) => return Ok(None),
        (Some(user), Some(password)) => (user, password),
        (Some(_), None) => return Err("PULSE_USER is set and PULSE_PASSWORD is not".into()),
        (None, Some(_)) => return Err("PULSE_PASSWORD is set and PULSE_USER is not".into()),
    };
    let parsed = url::Url::parse(url).map_err(|error| format!("`pulse_url` = {url:?}: {error}"))?;
    if parsed.password().is_some() || !parsed.username().is_empty() {
        return Err(
            "`pulse_url` in the config has a user or a password in it: leave them out".into()
        );
    }
    if !matches!(parsed.scheme(), "amqp" | "amqps") {
        return Err(format!("`pulse_url` = {url:?} must begin with amqps:// or amqp://"));
    }
    Ok(Some(PulseSettings::new(parsed, user, Secret::new(password))))
}

/// What to do where an act needs credentials and there are none.
pub fn credentials_missing(ci: &CiConfig) -> Error {
    if ci.kind == CiKind::BuildApi {
        return Error::NotAllowed(
            "these are archived dumps, of which nothing can be requested: set `url` of the CI in the config to that of a self-serve BuildAPI; `--dry-run` needs none".into(),
        );
    }
    Error::NotAllowed(format!(
        "requesting jobs needs credentials for {}, and there are none: run `eval $(TASKCLUSTER_ROOT_URL={} taskcluster signin)`, set TASKCLUSTER_CLIENT_ID and TASKCLUSTER_ACCESS_TOKEN, or set `credentials_command` in the config; `--dry-run` needs none",
        ci.root_url, ci.root_url
    ))
}

/// Whether two root URLs are the same Taskcluster's.
pub(super) fn same_root(a: &str, b: &str) -> bool {
    a.trim_end_matches('/') == b.trim_end_matches('/')
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Printed {
    client_id: String,
    access_token: String,
    #[serde(default)]
    certificate: Option<String>,
}

async fn from_command<T: DeserializeOwned>(command: &[String]) -> Result<T, Error> {
    let [program, arguments @ ..] = command else {
        return Err(Error::NotAllowed("`credentials_command` is empty".into()));
    };
    let failed = |why: String| {
        Error::NotAllowed(format!("`credentials_command` ({program}) gave no credentials: {why}"))
    };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    let stdout = child.stdout.take();
    let run = async {
        let mut printed = Vec::new();
        if let Some(stdout) = stdout {
            stdout.take(LONGEST + 1).read_to_end(&mut printed).await?;
        }
        if printed.len() as u64 > LONGEST {
            return Ok((printed, None));
        }
        Ok::<_, std::io::Error>((printed, Some(child.wait().await?)))
    };
    let ended = tokio::time::timeout(PATIENCE, run).await;
    let ended = ended.map_err(|_| failed(format!("it ran for {} s", PATIENCE.as_secs())))?;
    let (printed, status) = ended.map_err(|error| failed(error.to_string()))?;
    let Some(status) = status else {
        return Err(failed(format!("it printed more than {} KiB", LONGEST >> 10)));
    };
    if !status.success() {
        return Err(failed(format!("it ended with {status}")));
    }
    // What it printed is a secret: an error says where it broke, not what stood there.
    serde_json::from_slice(&printed).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        failed(format!("it did not print the JSON that was expected ({place})"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ci(command: Option<&[&str]>) -> CiConfig {
        let mut ci: CiConfig = toml::from_str(
            "kind = \"taskcluster\"\nroot_url = \"http://tc/\"\ntreeherder_url = \"http://th\"",
        )
        .unwrap();
        ci.credentials_command = command.map(|c| c.iter().map(|s| (*s).to_owned()).collect());
        ci
    }

    async fn run(ci: &CiConfig) -> Result<Credentials, Error> {
        match credentials(ci, |_| None)? {
            CredentialSource::Command(command) => command.run().await,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_command_is_bounded_in_time_and_in_what_it_prints() {
        let endless = run(&ci(Some(&["yes"]))).await.unwrap_err().to_string();
        assert!(endless.contains("more than 64 KiB"), "{endless}");
        let failing = run(&ci(Some(&["false"]))).await.unwrap_err().to_string();
        assert!(failing.contains("ended with"), "{failing}");
        let absent = run(&ci(Some(&["no-such-program"]))).await.unwrap_err();
        assert!(matches!(absent, Error::NotAllowed(_)), "{absent}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_command_that_does_not_end_is_ended() {
        // Paused time runs on by itself while nothing but the command goes on.
        let asleep = run(&ci(Some(&["sleep", "600"]))).await.unwrap_err().to_string();
        assert!(asleep.contains("ran for 10 s"), "{asleep}");
    }

    #[tokio::test]
    async fn a_set_is_whole_or_an_error_and_no_error_tells_the_secret() {
        let env = |pairs: &'static [(&str, &str)]| {
            move |name: &str| {
                pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            }
        };
        let whole = env(&[
            ("TASKCLUSTER_CLIENT_ID", "me"),
            ("TASKCLUSTER_ACCESS_TOKEN", "s3cret"),
            ("TASKCLUSTER_ROOT_URL", "http://tc"),
        ]);
        let found = credentials(&ci(None), whole).unwrap();
        let text = format!("{found:?}");
        assert!(text.contains("me"), "{text}");
        assert!(!format!("{found:?}").contains("s3cret"));
        let half = credentials(&ci(None), env(&[("TASKCLUSTER_ACCESS_TOKEN", "s3cret")]));
        let text = half.unwrap_err().to_string();
        assert!(text.contains("TASKCLUSTER_CLIENT_ID is not") && !text.contains("s3cret"));
        assert_eq!(credentials(&ci(None), env(&[])).unwrap(), CredentialSource::Nowhere);
        let printed = ci(Some(&["echo", "{\"clientId\": \"c\", \"accessToken\": \"s3cret\"}"]));
        assert!(run(&printed).await.is_ok());
        let odd = run(&ci(Some(&["echo", "s3cret"]))).await.unwrap_err().to_string();
        assert!(!odd.contains("s3cret"), "{odd}");
        let mut farm = printed.clone();
        farm.kind = CiKind::Buildbot;
        assert!(run(&farm).await.unwrap_err().to_string().contains("neither"));
        farm.kind = CiKind::BuildApi;
        assert!(run(&farm).await.unwrap_err().to_string().contains("did not print"));
        farm.credentials_command = None;
        let half = credentials(&farm, env(&[("BUILDAPI_USER", "me")])).unwrap_err().to_string();
        assert!(half.contains("BUILDAPI_PASSWORD is not"), "{half}");
        farm.kind = CiKind::Buildbot;
        let half = credentials(&farm, env(&[("BUILDBOT_PASSWORD", "s3cret")])).unwrap_err();
        let text = half.to_string();
        assert!(text.contains("BUILDBOT_USER is not") && !text.contains("s3cret"), "{text}");
        let whole = env(&[("BUILDBOT_USER", "me"), ("BUILDBOT_PASSWORD", "s3cret")]);
        let found = format!("{:?}", credentials(&farm, whole).unwrap());
        assert!(found.contains("me") && !found.contains("s3cret"), "{found}");
        let cookie = env(&[("BUILDBOT_COOKIE", "s3cret")]);
        assert!(!format!("{:?}", credentials(&farm, cookie).unwrap()).contains("s3cret"));
        let other = env(&[
            ("TASKCLUSTER_CLIENT_ID", "me"),
            ("TASKCLUSTER_ACCESS_TOKEN", "s3cret"),
            ("TASKCLUSTER_ROOT_URL", "http://elsewhere"),
        ]);
        assert!(credentials(&ci(None), other).unwrap_err().to_string().contains("elsewhere"));
    }
}
