//! The one HTTP client.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBuilder};
use chrono::DateTime;
use reqwest::header::{ACCEPT, AGE, CONTENT_TYPE, DATE, LOCATION, RETRY_AFTER};
use reqwest::{Method, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::Url;

use super::error::{HttpError, Problem, beginning};
use super::meter::Meter;

/// How requests are made.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// Who asks: a name with a version, and where to complain.
    pub user_agent: String,
    /// How long an answer may take, body included.
    pub timeout: Duration,
    /// The largest body that is believed, in bytes after decompression.
    pub max_body: usize,
    /// Requests under way at once to one host.
    pub per_host: usize,
    /// How often a request that only reads is sent again after a passing failure.
    pub retries: usize,
    /// Who is told of each request: method, URL, status and time.
    pub on_request: Option<fn(&str)>,
}

impl HttpSettings {
    /// Settings that every server accepts, for a program of this name and version.
    pub fn new(user_agent: impl Into<String>) -> Self {
        Self {
            user_agent: user_agent.into(),
            timeout: Duration::from_secs(60),
            max_body: 64 << 20,
            // The Mercurial server's rule is ten at most.
            per_host: 8,
            retries: 2,
            on_request: None,
        }
    }
}

/// An answer whose body is still to be read; it holds its place among its host's requests.
pub(super) struct Opened {
    pub(super) response: Response,
    /// Where it is, redirects followed.
    pub(super) url: Url,
    pub(super) started: Instant,
    pub(super) permit: OwnedSemaphorePermit,
}

/// Sends requests. Cheap to clone; clones share connections, limits and counters.
#[derive(Debug, Clone)]
pub struct Http {
    client: reqwest::Client,
    settings: Arc<HttpSettings>,
    hosts: Arc<Mutex<HashMap<String, Arc<Semaphore>>>>,
    clock: Arc<Mutex<Option<i64>>>,
    meter: Arc<Meter>,
}

impl Http {
    /// A client with these settings.
    ///
    /// # Errors
    /// [`Problem::Connect`] where the TLS library cannot be set up.
    pub fn new(settings: HttpSettings) -> Result<Self, HttpError> {
        let client = reqwest::Client::builder()
            .user_agent(&settings.user_agent)
            .timeout(settings.timeout)
            .connect_timeout(Duration::from_secs(10))
            // Redirects are followed by hand, so that each is counted.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| HttpError {
                problem: Problem::Connect(chain(&error)),
                method: "-",
                url: "-".to_owned(),
            })?;
        Ok(Self {
            client,
            settings: Arc::new(settings),
            hosts: Arc::default(),
            clock: Arc::default(),
            meter: Arc::default(),
        })
    }

    /// The counters.
    pub fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    /// How many seconds the servers' clock is ahead of ours, by the last answer that told.
    pub fn clock_offset(&self) -> Option<i64> {
        *self.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gets JSON.
    ///
    /// # Errors
    /// [`HttpError`], after passing failures were tried again.
    pub async fn get<T: DeserializeOwned>(&self, url: Url) -> Result<T, HttpError> {
        self.get_accepting(url, "application/json").await
    }

    /// Gets JSON, naming what is accepted.
    ///
    /// # Errors
    /// [`HttpError`], after passing failures were tried again.
    pub async fn get_accepting<T: DeserializeOwned>(
        &self,
        url: Url,
        accept: &str,
    ) -> Result<T, HttpError> {
        let body = self.read(Method::GET, &url, accept, None).await?;
        parse(&body, "GET", &url)
    }

    /// Gets the body of an answer that must be JSON, unparsed.
    ///
    /// # Errors
    /// [`HttpError`], after passing failures were tried again.
    pub async fn get_body(&self, url: &Url, accept: &str) -> Result<Vec<u8>, HttpError> {
        self.read(Method::GET, url, accept, None).await
    }

    /// Asks a question that needs a body. Only for calls that change nothing: a passing failure is
    /// tried again.
    ///
    /// # Errors
    /// [`HttpError`], after passing failures were tried again.
    pub async fn ask<T: DeserializeOwned>(&self, url: Url, body: &Value) -> Result<T, HttpError> {
        let answer = self.read(Method::POST, &url, "application/json", Some(body)).await?;
        parse(&answer, "POST", &url)
    }

    async fn read(
        &self,
        method: Method,
        url: &Url,
        accept: &str,
        body: Option<&Value>,
    ) -> Result<Vec<u8>, HttpError> {
        let mut waits = ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(200))
            .with_factor(3.0)
            .with_jitter()
            .with_max_times(self.settings.retries)
            .build();
        loop {
            let error = match self.follow(&method, url, accept, body).await {
                Ok(body) => return Ok(body),
                Err(failure) => failure,
            };
            match waits.next() {
                Some(wait) if error.0.is_passing() => {
                    self.meter.retry();
                    tokio::time::sleep(error.1.unwrap_or(wait)).await;
                }
                _ => return Err(error.0),
            }
        }
    }

    /// Sends a request and reads its answer. An error comes with how long the server asked to
    /// wait, a minute at most.
    async fn follow(
        &self,
        method: &Method,
        url: &Url,
        accept: &str,
        body: Option<&Value>,
    ) -> Result<Vec<u8>, (HttpError, Option<Duration>)> {
        let opened = self.open(method, url, accept, body, self.settings.timeout).await;
        let opened = opened.map_err(|error| (error, None))?;
        let wait = retry_after(&opened.response);
        self.read_to_end(method, opened).await.map_err(|error| (error, wait))
    }

    /// Reads what was opened, and judges it.
    pub(super) async fn read_to_end(
        &self,
        method: &Method,
        opened: Opened,
    ) -> Result<Vec<u8>, HttpError> {
        let Opened { response, url, started, permit: _permit } = opened;
        let result = self.body(response).await;
        let bytes = result.as_ref().map_or(0, |(_, _, body)| body.len());
        self.meter.request(started, bytes);
        let judged = result.and_then(|(status, kind, body)| judge(status, &kind, body));
        judged.map_err(|problem| failure(method, &url, problem))
    }

    /// Sends a request, follows at most five redirects, and leaves the reading to the caller.
    pub(super) async fn open(
        &self,
        method: &Method,
        url: &Url,
        accept: &str,
        body: Option<&Value>,
        patience: Duration,
    ) -> Result<Opened, HttpError> {
        let mut url = url.clone();
        for hop in 0..6 {
            let Ok(permit) = self.host(&url).acquire_owned().await else {
                return Err(failure(method, &url, Problem::Connect("closed".into())));
            };
            let started = Instant::now();
            let request = self.client.request(method.clone(), url.clone());
            let mut request = request.header(ACCEPT, accept).timeout(patience);
            if let Some(body) = body {
                request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
            }
            let response = match request.send().await {
                Ok(response) => response,
                Err(error) => {
                    self.meter.request(started, 0);
                    return Err(failure(method, &url, problem_of(&error)));
                }
            };
            self.note_clock(&response, hop == 0);
            if let Some(tell) = self.settings.on_request {
                let (status, took) = (response.status().as_u16(), started.elapsed().as_millis());
                tell(&format!("{method} {} {status} {took} ms", without_secrets(&url)));
            }
            if !response.status().is_redirection() {
                return Ok(Opened { response, url, started, permit });
            }
            self.meter.request(started, 0);
            url = redirect(&response).map_err(|problem| failure(method, &url, problem))?;
        }
        let problem = Problem::Status { status: 310, message: "more than five redirects".into() };
        Err(failure(method, &url, problem))
    }

    async fn body(&self, mut response: Response) -> Result<(StatusCode, String, Vec<u8>), Problem> {
        let status = response.status();
        let kind = content_type(&response).to_owned();
        let limit = self.settings.max_body;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| problem_of(&error))? {
            if body.len() + chunk.len() > limit {
                return Err(Problem::TooLarge { limit });
            }
            body.extend_from_slice(&chunk);
        }
        Ok((status, kind, body))
    }

    fn host(&self, url: &Url) -> Arc<Semaphore> {
        let key = format!(
            "{}:{}",
            url.host_str().unwrap_or(""),
            url.port_or_known_default().unwrap_or(0)
        );
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let limit = self.settings.per_host;
        Arc::clone(hosts.entry(key).or_insert_with(|| Arc::new(Semaphore::new(limit))))
    }

    /// Takes the server's time from an answer. What a cache gives out, and what a redirect leads
    /// to, has the time at which it was made.
    fn note_clock(&self, response: &Response, is_first: bool) {
        if !is_first || response.headers().contains_key(AGE) {
            return;
        }
        let date = response.headers().get(DATE).and_then(|value| value.to_str().ok());
        let date = date.and_then(|text| DateTime::parse_from_rfc2822(text).ok());
        if let Some(date) = date {
            let offset = date.timestamp() - chrono::Utc::now().timestamp();
            *self.clock.lock().unwrap_or_else(PoisonError::into_inner) = Some(offset);
        }
    }
}

fn failure(method: &Method, url: &Url, problem: Problem) -> HttpError {
    let method = if *method == Method::POST { "POST" } else { "GET" };
    let mut url = without_secrets(url).to_string();
    if url.len() > 300 {
        url = format!("{}…", url.chars().take(300).collect::<String>());
    }
    HttpError { problem, method, url }
}

/// Whatever somebody wrote into a URL, a password does not reach an error or a log.
fn without_secrets(url: &Url) -> Url {
    let mut url = url.clone();
    if url.password().is_some() || !url.username().is_empty() {
        let _ = url.set_password(None);
        let _ = url.set_username("");
    }
    url
}

pub(super) fn parse<T: DeserializeOwned>(
    body: &[u8],
    method: &'static str,
    url: &Url,
) -> Result<T, HttpError> {
    let method = if method == "POST" { Method::POST } else { Method::GET };
    serde_json::from_slice(body).map_err(|error| {
        let problem = match error.classify() {
            serde_json::error::Category::Data => Problem::Shape(error.to_string()),
            _ => Problem::Broken(format!("it is no whole JSON ({error})")),
        };
        failure(&method, url, problem)
    })
}

pub(super) fn content_type(response: &Response) -> &str {
    let kind = response.headers().get(CONTENT_TYPE);
    kind.and_then(|value| value.to_str().ok()).unwrap_or("")
}

pub(super) fn is_json(content_type: &str) -> bool {
    content_type.split(';').next().is_some_and(|kind| {
        let kind = kind.trim();
        kind == "application/json" || kind.ends_with("+json")
    })
}

/// What an answer means. Only JSON is taken for success: proxies and Treeherder answer pages in
/// HTML with any status.
fn judge(status: StatusCode, content_type: &str, body: Vec<u8>) -> Result<Vec<u8>, Problem> {
    let is_json = is_json(content_type);
    if status.is_success() && is_json {
        return Ok(body);
    }
    let text = String::from_utf8_lossy(&body);
    if status.is_success() {
        let content_type = content_type.to_owned();
        return Err(Problem::NotJson { content_type, start: beginning(&text) });
    }
    let message = if is_json { message_of(&body) } else { beginning(&text) };
    Err(match status.as_u16() {
        // A page in HTML is a proxy's or a web server's: nothing was looked for behind it.
        404 if is_json => Problem::NotFound(message),
        status @ (401 | 403) => Problem::Forbidden { status, message },
        status => Problem::Status { status, message },
    })
}

/// The words of an error in JSON: Taskcluster's `message`, Mercurial's `error`, Treeherder's
/// `detail`, bare string or dictionary of fields.
fn message_of(body: &[u8]) -> String {
    let value: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let text = ["message", "error", "detail"].iter().find_map(|key| value[*key].as_str());
    match text.or_else(|| value.as_str()) {
        // Taskcluster repeats method and time behind a rule.
        Some(text) => beginning_of_message(text),
        None => beginning(&String::from_utf8_lossy(body)),
    }
}

fn beginning_of_message(text: &str) -> String {
    let text = text.split("\n---\n").next().unwrap_or(text);
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(600).collect()
}

fn redirect(response: &Response) -> Result<Url, Problem> {
    let status = response.status().as_u16();
    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    let target = location.and_then(|location| response.url().join(location).ok());
    match target {
        Some(url) if matches!(url.scheme(), "http" | "https") => Ok(url),
        _ => Err(Problem::Status { status, message: "a redirect to nowhere".into() }),
    }
}

fn retry_after(response: &Response) -> Option<Duration> {
    let value = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    let seconds: u64 = value.trim().parse().ok()?;
    Some(Duration::from_secs(seconds.min(60)))
}

fn problem_of(error: &reqwest::Error) -> Problem {
    if error.is_timeout() {
        Problem::Timeout
    } else if error.is_connect() {
        Problem::Connect(chain(error))
    } else {
        Problem::Broken(chain(error))
    }
}

/// The last cause of an error, which says most.
fn chain(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}
