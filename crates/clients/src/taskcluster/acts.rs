//! The deployment, and what is done to it.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mozci_core::ids::TaskId;
use mozci_core::time::At;
use reqwest::Method;
use serde_json::{Value, json};
use taskcluster::{Auth, ClientBuilder, Credentials, Hooks, Retry};
use tokio::sync::OnceCell;
use url::Url;

use super::actions::Rendered;
use super::signing::signer;
use super::status::instant;
use super::wire::LastFires;
use crate::act::ActError;
use crate::http::{Http, HttpError, Problem};

/// How long an act's answer may take. A trigger request counts as settled after twice this.
const ACT_TIMEOUT: Duration = Duration::from_secs(30);

/// Credentials of a Taskcluster client. Their token is in no output, log or error.
#[derive(Clone, PartialEq, Eq)]
pub struct TaskclusterCredentials {
    /// The client.
    pub client_id: String,
    /// Its token.
    pub access_token: String,
    /// What makes temporary credentials out of the two.
    pub certificate: Option<String>,
}

impl fmt::Debug for TaskclusterCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskclusterCredentials")
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

/// Fetches credentials, or says in words why it could not.
pub type Fetch = Arc<
    dyn Fn() -> Pin<Box<dyn Future<Output = Result<TaskclusterCredentials, String>> + Send>>
        + Send
        + Sync,
>;

/// Where credentials come from.
#[derive(Clone, Default)]
pub enum TaskclusterAccess {
    /// There are none.
    #[default]
    Anonymous,
    /// These.
    Known(TaskclusterCredentials),
    /// They are fetched once something is sent, or a read was refused.
    Fetched(Fetch),
    /// There are none here: this is a task, and its `taskclusterProxy` at this URL signs what is sent through it
    /// with the task's own scopes.
    Proxied(Url),
}

/// A Taskcluster deployment.
#[derive(Clone)]
pub struct Taskcluster {
    pub(crate) http: Http,
    root: Url,
    access: TaskclusterAccess,
    fetched: Arc<OnceCell<TaskclusterCredentials>>,
}

impl fmt::Debug for Taskcluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Taskcluster").field("root", &self.root.as_str()).finish_non_exhaustive()
    }
}

/// A hook that fired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Triggered {
    /// It made this task.
    Task(TaskId),
    /// It declined to make one.
    Declined,
}

/// One of a hook's latest fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fire {
    /// The task that it made; `None` where it failed to.
    pub task: Option<TaskId>,
    /// When.
    pub at: At,
}

/// A hook's latest fires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fires {
    /// The fires, newest first.
    pub fires: Vec<Fire>,
    /// Whether every fire since the instant that was asked about is among them. Only then does
    /// the absence of one prove anything.
    pub complete: bool,
}

impl Taskcluster {
    /// The deployment at this root URL.
    pub fn new(http: Http, root: Url, access: TaskclusterAccess) -> Self {
        let taskcluster = Self { http, root, access, fetched: Arc::default() };
        if taskcluster.has_credentials()
            && !matches!(taskcluster.access, TaskclusterAccess::Proxied(_))
        {
            // Whoever is refused as a stranger asks again under his own name.
            let known = taskcluster.clone();
            taskcluster.http.when_refused(&taskcluster.root, move || {
                let known = known.clone();
                async move {
                    known.sign_in().await.map_err(|error| error.words())?;
                    if let Some(credentials) = known.at_hand() {
                        known.http.set_signer(&known.root, signer(credentials)?);
                    }
                    Ok(())
                }
            });
        }
        taskcluster
    }

    /// Whether there are credentials to act with.
    pub fn has_credentials(&self) -> bool {
        !matches!(self.access, TaskclusterAccess::Anonymous)
    }

    /// The client whose credentials there are, as far as they are here already.
    pub fn client(&self) -> Option<&str> {
        self.at_hand().map(|credentials| credentials.client_id.as_str())
    }

    fn at_hand(&self) -> Option<&TaskclusterCredentials> {
        match &self.access {
            TaskclusterAccess::Anonymous | TaskclusterAccess::Proxied(_) => None,
            TaskclusterAccess::Known(credentials) => Some(credentials),
            TaskclusterAccess::Fetched(_) => self.fetched.get(),
        }
    }

    /// Fetches the credentials where they are not here yet.
    ///
    /// # Errors
    /// [`ActError::Forbidden`] in the words of whoever fetches them.
    pub async fn sign_in(&self) -> Result<(), ActError> {
        if let TaskclusterAccess::Fetched(fetch) = &self.access {
            self.fetched.get_or_try_init(|| fetch()).await.map_err(ActError::Forbidden)?;
        }
        Ok(())
    }

    /// Where requests go: the root, or the proxy that signs them. Links and names go by the root all the same.
    fn base(&self) -> &Url {
        match &self.access {
            TaskclusterAccess::Proxied(proxy) => proxy,
            _ => &self.root,
        }
    }

    /// A link to a task for people.
    pub fn task_link(&self, task: TaskId) -> String {
        format!("{}/tasks/{task}", self.root.as_str().trim_end_matches('/'))
    }

    /// A service's URL with these path segments, each encoded as a whole.
    pub(crate) fn url(&self, service: &str, segments: &[&str]) -> Result<Url, HttpError> {
        let mut url = self.base().clone();
        let bad = || HttpError {
            problem: Problem::Connect("the root URL cannot be a base".into()),
            method: "GET",
            url: self.base().to_string(),
        };
        url.path_segments_mut()
            .map_err(|()| bad())?
            .pop_if_empty()
            .extend(["api", service, "v1"])
            .extend(segments);
        Ok(url)
    }

    fn builder(&self) -> ClientBuilder {
        // The official client retries acts, too; what may be retried is decided here.
        let retry = Retry { retries: 0, ..Retry::default() };
        let mut builder = ClientBuilder::new(self.base().as_str().trim_end_matches('/'))
            .retry(retry)
            .timeout(self.http.settings().timeout.min(ACT_TIMEOUT));
        if let Some(credentials) = self.at_hand() {
            builder = builder.credentials(Credentials {
                client_id: credentials.client_id.clone(),
                access_token: credentials.access_token.clone(),
                certificate: credentials.certificate.clone(),
            });
        }
        builder
    }

    /// A client that signs, for acts.
    pub(super) async fn signed_builder(&self) -> Result<ClientBuilder, ActError> {
        self.sign_in().await?;
        Ok(self.builder())
    }

    /// Triggers a hook, once, whatever comes back.
    ///
    /// # Errors
    /// [`ActError`], told apart by what may have happened.
    pub async fn trigger_hook(&self, act: &Rendered) -> Result<Triggered, ActError> {
        let hooks = Hooks::new(self.signed_builder().await?)
            .map_err(|error| ActError::NotSent(error.to_string()))?;
        let answer = hooks.triggerHook(&act.hook_group_id, &act.hook_id, &act.payload);
        let answer = self.act("triggerHook", answer).await?;
        match answer.get("taskId").or_else(|| answer.get("status")?.get("taskId")) {
            Some(id) => {
                let id = id.as_str().and_then(|id| id.parse().ok());
                // Something did fire, though the answer can't be read.
                id.map(Triggered::Task).ok_or_else(|| {
                    ActError::Uncertain("the answer names no task id that can be read".into())
                })
            }
            None => Ok(Triggered::Declined),
        }
    }

    /// Sends an act through the official client, once, in its turn.
    pub(super) async fn act(
        &self,
        name: &str,
        answer: impl Future<Output = anyhow::Result<Value>>,
    ) -> Result<Value, ActError> {
        self.act_or(name, answer, act_error).await
    }

    /// The same for an act whose errors mean something of their own.
    pub(super) async fn act_or(
        &self,
        name: &str,
        answer: impl Future<Output = anyhow::Result<Value>>,
        means: impl Fn(&anyhow::Error) -> ActError,
    ) -> Result<Value, ActError> {
        let turn = self.http.turn(&Method::POST, self.base()).await;
        let _turn = turn.map_err(|error| ActError::NotSent(error.to_string()))?;
        let started = Instant::now();
        let answer = answer.await;
        self.count(name, started);
        answer.map_err(|error| {
            if is_busy(&error) {
                self.http.hold(self.base(), BUSY_PAUSE);
            }
            means(&error)
        })
    }

    /// Asks through the official client what may need a signature, and again after a passing failure.
    /// Credentials that are not here yet are fetched where the question is refused without.
    pub(super) async fn signed_read<F: Future<Output = anyhow::Result<Value>>>(
        &self,
        ask: impl Fn(ClientBuilder) -> F,
        failed: &impl Fn(Problem) -> HttpError,
    ) -> Result<Value, HttpError> {
        let first = self.read_once(&ask, failed).await;
        let refused = |error: &HttpError| matches!(error.problem, Problem::Forbidden { .. });
        if !first.as_ref().is_err_and(refused) || self.at_hand().is_some() {
            return first;
        }
        match (&self.access, self.sign_in().await) {
            (TaskclusterAccess::Fetched(_), Ok(())) => self.read_once(&ask, failed).await,
            (_, Ok(())) => first,
            (_, Err(error)) => {
                Err(failed(Problem::Forbidden { status: 401, message: error.words() }))
            }
        }
    }

    async fn read_once<F: Future<Output = anyhow::Result<Value>>>(
        &self,
        ask: &impl Fn(ClientBuilder) -> F,
        failed: &impl Fn(Problem) -> HttpError,
    ) -> Result<Value, HttpError> {
        self.http
            .again(|| async {
                let turn = self.http.turn(&Method::GET, self.base()).await;
                let _turn = turn.map_err(|error| (error, None))?;
                let started = Instant::now();
                let answer = ask(self.builder()).await;
                self.count("a signed request", started);
                answer.map_err(|error| {
                    let pause = is_busy(&error).then_some(BUSY_PAUSE);
                    if pause.is_some() {
                        self.http.hold(self.base(), BUSY_PAUSE);
                    }
                    (failed(read_problem(&error)), pause)
                })
            })
            .await
    }

    fn count(&self, name: &str, started: Instant) {
        self.http.meter().request(started, 0);
        tracing::info!("{name} {} {} ms", self.base(), started.elapsed().as_millis());
    }

    /// A hook's latest fires, back to `since` or as far as the server goes.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn last_fires(
        &self,
        hook_group_id: &str,
        hook_id: &str,
        since: At,
    ) -> Result<Fires, HttpError> {
        let failed = |problem| HttpError {
            problem,
            method: "GET",
            url: format!("{}api/hooks/v1/hooks/{hook_group_id}/{hook_id}/last-fires", self.base()),
        };
        let mut fires: Vec<Fire> = Vec::new();
        let mut token: Option<String> = None;
        // The service keeps a hundred fires or so of a hook; ten pages are more than enough.
        for _ in 0..10 {
            let ask = async |builder| {
                let hooks = Hooks::new(builder)?;
                hooks.listLastFires(hook_group_id, hook_id, token.as_deref(), None).await
            };
            let answer = self.signed_read(ask, &failed).await?;
            let page: LastFires = serde_json::from_value(answer)
                .map_err(|error| failed(Problem::Shape(error.to_string())))?;
            for entry in page.last_fires {
                let at = instant(&entry.task_create_time)
                    .ok_or_else(|| failed(Problem::Shape("taskCreateTime is no date".into())))?;
                let made = entry.result.as_deref() != Some("error");
                let task = entry.task_id.filter(|_| made);
                let task = match task.map(|id| id.parse::<TaskId>()) {
                    None if made => {
                        return Err(failed(Problem::Shape("a fire that names no task".into())));
                    }
                    None => None,
                    Some(id) => Some(id.map_err(|e| failed(Problem::Shape(e.to_string())))?),
                };
                fires.push(Fire { task, at });
            }
            token = page.continuation_token;
            if token.is_none() || fires.last().is_some_and(|fire| fire.at < since) {
                break;
            }
        }
        let complete = token.is_none() || fires.last().is_some_and(|fire| fire.at < since);
        fires.sort_by_key(|fire| std::cmp::Reverse(fire.at));
        Ok(Fires { fires, complete })
    }

    /// The scopes of the credentials, roles resolved.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn current_scopes(&self) -> Result<Vec<String>, HttpError> {
        let failed = |problem| HttpError {
            problem,
            method: "GET",
            url: format!("{}api/auth/v1/scopes/current", self.base()),
        };
        // The scopes of nobody are no answer.
        self.sign_in()
            .await
            .map_err(|error| failed(Problem::Forbidden { status: 401, message: error.words() }))?;
        let ask = async |builder| Auth::new(builder)?.currentScopes().await;
        let answer = self.signed_read(ask, &failed).await?;
        scopes_of(&answer).map_err(failed)
    }

    /// The scopes that a set of scopes stands for, roles resolved.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn expand_scopes(&self, scopes: &[String]) -> Result<Vec<String>, HttpError> {
        let failed = |problem| HttpError {
            problem,
            method: "POST",
            url: format!("{}api/auth/v1/scopes/expand", self.base()),
        };
        let body = json!({"scopes": scopes});
        let ask = async |builder| Auth::new(builder)?.expandScopes(&body).await;
        let answer = self.signed_read(ask, &failed).await?;
        scopes_of(&answer).map_err(failed)
    }
}

/// The scopes that an answer of the auth service lists.
fn scopes_of(answer: &Value) -> Result<Vec<String>, Problem> {
    let scopes = answer["scopes"].as_array();
    let scopes = scopes.ok_or_else(|| Problem::Shape("no `scopes`".into()))?;
    Ok(scopes.iter().filter_map(Value::as_str).map(String::from).collect())
}

/// Whether a set of scopes satisfies one: a scope that ends in `*` stands for all that begin so.
pub fn satisfies(scopes: &[String], needed: &str) -> bool {
    scopes.iter().any(|scope| match scope.strip_suffix('*') {
        Some(prefix) => needed.starts_with(prefix),
        None => scope == needed,
    })
}

/// The HTTP error behind what the official client reports, and the server's words.
fn parts(error: &anyhow::Error) -> (Option<&reqwest::Error>, String) {
    let http = error.chain().find_map(|cause| cause.downcast_ref::<reqwest::Error>());
    let words = error.to_string();
    // What follows repeats the scopes, the method and the time.
    let words = words.split("\n---\n").next().unwrap_or(&words);
    let words = words.split("\n\nThis request requires").next().unwrap_or(words).replace("```", "");
    let words: String = words.split_whitespace().collect::<Vec<_>>().join(" ");
    (http, words.chars().take(600).collect())
}

/// How long a server that is asked too much is left alone, where the official client keeps its
/// `Retry-After` to itself.
const BUSY_PAUSE: Duration = Duration::from_secs(1);

fn is_busy(error: &anyhow::Error) -> bool {
    parts(error).0.and_then(reqwest::Error::status).is_some_and(|status| status.as_u16() == 429)
}

fn act_error(error: &anyhow::Error) -> ActError {
    let (http, words) = parts(error);
    let Some(http) = http else {
        return ActError::Uncertain(words);
    };
    match http.status().map(|status| status.as_u16()) {
        Some(401 | 403) => ActError::Forbidden(words),
        Some(429) => ActError::NotSent(format!("the server is busy: {words}")),
        Some(status) if (400..500).contains(&status) => ActError::Refused(words),
        // Whatever a proxy or a crashing service says, the hook may have fired before.
        Some(status) => ActError::Uncertain(format!("the server answered {status}")),
        None if http.is_connect() => ActError::NotSent("no connection to the server".into()),
        None if http.is_timeout() => {
            ActError::Uncertain("the server did not answer in time".into())
        }
        None => ActError::Uncertain("the connection broke".into()),
    }
}

/// What an error of `queue.cancelTask` means. It answers 409 for one reason alone: the task's deadline
/// has passed, so that the task can run no more.
pub(super) fn cancel_error(error: &anyhow::Error) -> ActError {
    let (http, words) = parts(error);
    match http.and_then(reqwest::Error::status).map(|status| status.as_u16()) {
        Some(409) => ActError::Over(words),
        _ => act_error(error),
    }
}

fn read_problem(error: &anyhow::Error) -> Problem {
    let (http, words) = parts(error);
    let Some(http) = http else {
        return Problem::Broken(words);
    };
    match http.status().map(|status| status.as_u16()) {
        Some(404) => Problem::NotFound(words),
        Some(status @ (401 | 403)) => Problem::Forbidden { status, message: words },
        Some(status) => Problem::Status { status, message: words },
        None if http.is_timeout() => Problem::Timeout,
        None if http.is_connect() => Problem::Connect(words),
        None => Problem::Broken(words),
    }
}
