//! The one HTTP client.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBuilder};
use bytes::Bytes;
use reqwest::header::{ACCEPT, AGE, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use reqwest::{Method, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::classify::{
    chain, classify, content_type, date, failure, parse, problem_of, redirect, retry_after, shown,
};
use super::error::{HttpError, Problem};
use super::etag_cache::{CachedAnswer, EtagCache, MOST_CACHED};
use super::meter::Meter;
use super::pace::{Pace, Turn, host_key};
use super::rate::LeastRate;
use super::session::{Cookies, SignIns};
use super::single_flight::SingleFlight;

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
    /// Requests to one host within a minute.
    pub per_minute: usize,
    /// How often a request that only reads is sent again after a passing failure.
    pub retries: usize,
    /// How long the first of these waits; each further one three times as long.
    pub first_retry: Duration,
    /// Answers that servers may confirm instead of sending them again.
    pub kept: Option<Arc<dyn EtagCache>>,
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
            // Treeherder's owners complained about 532 within two minutes.
            per_minute: 240,
            retries: 2,
            first_retry: Duration::from_millis(100),
            kept: None,
        }
    }
}

/// The longest that a server's wish to be left alone is waited for; a longer one is an error that
/// says so.
const LONGEST_HOLD: Duration = Duration::from_secs(60);

/// An answer whose body is still to be read; it holds its place among its host's requests.
pub(super) struct Opened {
    pub(super) response: Response,
    /// Where it is, redirects followed.
    pub(super) url: Url,
    pub(super) started: Instant,
    pub(super) turn: Turn,
    /// What the server was asked to confirm.
    kept: Option<CachedAnswer>,
    /// Whether it is what was requested itself, and not where that led.
    is_first: bool,
}

/// An answer's body, with the mark that the server gave to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// The server's `ETag`.
    pub(super) etag: Option<String>,
}

impl std::ops::Deref for Body {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Sends requests. Cheap to clone; clones share connections, limits and counters.
#[derive(Debug, Clone)]
pub struct Http {
    pub(super) client: reqwest::Client,
    pub(super) cookies: Arc<Cookies>,
    pub(super) sign_ins: Arc<SignIns>,
    settings: Arc<HttpSettings>,
    pace: Arc<Pace>,
    once: Arc<SingleFlight>,
    /// How far each host's clock is ahead of ours, in seconds.
    clocks: Arc<Mutex<HashMap<String, i64>>>,
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
            .connect_timeout(settings.timeout.min(Duration::from_secs(10)))
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
            cookies: Arc::default(),
            sign_ins: Arc::default(),
            pace: Arc::new(Pace::new(settings.per_host, settings.per_minute)),
            settings: Arc::new(settings),
            once: Arc::default(),
            clocks: Arc::default(),
            meter: Arc::default(),
        })
    }

    /// The same client, for answers of which no more than `limit` bytes are believed.
    pub(crate) fn up_to(&self, limit: usize) -> Self {
        let settings = HttpSettings { max_body: limit, ..(*self.settings).clone() };
        Self { settings: Arc::new(settings), ..self.clone() }
    }

    /// The counters.
    pub fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    /// How requests are made.
    pub fn settings(&self) -> &HttpSettings {
        &self.settings
    }

    /// How many seconds the clock of a URL's host is ahead of ours, by its last answer that told.
    pub fn clock_offset(&self, url: &Url) -> Option<i64> {
        let clocks = self.clocks.lock().unwrap_or_else(PoisonError::into_inner);
        clocks.get(&host_key(url)).copied()
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
        let body = self.get_body(&url, accept).await?;
        let parsed = parse(&body, &Method::GET, &url);
        if let Some(store) = &self.settings.kept {
            match (&parsed, &body.etag) {
                // Only what could be used is worth a server's confirmation.
                (Ok(_), Some(etag)) if body.bytes.len() <= MOST_CACHED => {
                    let (etag, body) = (etag.clone(), body.bytes.clone());
                    store.put(url.as_str(), &CachedAnswer { etag, body });
                }
                (Err(_), _) => store.remove(url.as_str()),
                _ => {}
            }
        }
        parsed
    }

    /// Gets the body of an answer that must be JSON, unparsed. Who requests what somebody else is
    /// just getting shares the answer.
    ///
    /// # Errors
    /// [`HttpError`], after passing failures were tried again.
    pub async fn get_body(&self, url: &Url, accept: &str) -> Result<Arc<Body>, HttpError> {
        let asking = async { self.read(Method::GET, url, accept, None).await.map(Arc::new) };
        self.once.ask(format!("{accept} {url}"), asking).await
    }

    /// Asks a question that needs a body. Only for calls that change nothing: a passing failure is
    /// tried again.
    ///
    /// # Errors
    /// [`HttpError`], after passing failures were tried again.
    pub async fn ask<T: DeserializeOwned>(&self, url: Url, body: &Value) -> Result<T, HttpError> {
        let answer = self.read(Method::POST, &url, "application/json", Some(body)).await?;
        parse(&answer, &Method::POST, &url)
    }

    async fn read(
        &self,
        method: Method,
        url: &Url,
        accept: &str,
        body: Option<&Value>,
    ) -> Result<Body, HttpError> {
        self.again_signed_in(url, || self.follow(&method, url, accept, body)).await
    }

    /// Asks, and asks again after a passing failure. Only for what changes nothing. A failure comes
    /// with how long the server asked to be left alone.
    pub(crate) async fn again<T, F>(&self, ask: impl Fn() -> F) -> Result<T, HttpError>
    where
        F: Future<Output = Result<T, (HttpError, Option<Duration>)>>,
    {
        let mut waits = ExponentialBuilder::new()
            .with_min_delay(self.settings.first_retry)
            .with_factor(3.0)
            .with_jitter()
            .with_max_times(self.settings.retries)
            .build();
        loop {
            let (mut error, asked) = match ask().await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            if let (Some(wait), Problem::Status { message, .. }) = (asked, &mut error.problem)
                && wait > LONGEST_HOLD
            {
                message.push_str(&format!(", and wants a pause of {} s", wait.as_secs()));
                return Err(error);
            }
            match waits.next() {
                Some(wait) if error.is_passing() => {
                    tracing::debug!(problem = %error, "the request is retried");
                    self.meter.retry();
                    // Where the server named a time, the whole host is held until then.
                    tokio::time::sleep(if asked.is_some() { Duration::ZERO } else { wait }).await;
                }
                _ => return Err(error),
            }
        }
    }

    /// Sends a request and reads its answer. An error comes with how long the server asked to be
    /// left alone.
    async fn follow(
        &self,
        method: &Method,
        url: &Url,
        accept: &str,
        body: Option<&Value>,
    ) -> Result<Body, (HttpError, Option<Duration>)> {
        let opened = self.open(method, url, accept, body, self.settings.timeout).await;
        let opened = opened.map_err(|error| (error, None))?;
        let wait = self.asked_to_wait(&opened);
        self.read_to_end(method, opened).await.map_err(|error| (error, wait))
    }

    /// How long a server asked to be left alone, which its host then is.
    pub(super) fn asked_to_wait(&self, opened: &Opened) -> Option<Duration> {
        let wait = match opened.response.status().as_u16() {
            429 | 503 => retry_after(&opened.response)?,
            _ => return None,
        };
        self.hold(&opened.url, wait.min(LONGEST_HOLD));
        Some(wait)
    }

    /// Sends nothing to a URL's host for so long.
    pub(crate) fn hold(&self, url: &Url, wait: Duration) {
        self.pace.hold(url, wait);
    }

    /// Reads what was opened, and judges it.
    pub(super) async fn read_to_end(
        &self,
        method: &Method,
        opened: Opened,
    ) -> Result<Body, HttpError> {
        let Opened { response, url, started, turn: _turn, kept, is_first } = opened;
        let etag = response.headers().get(ETAG).and_then(|etag| etag.to_str().ok());
        // Where a redirect led is nobody's business: it may be signed.
        let etag = etag.filter(|_| is_first).map(str::to_owned);
        let result = self.body(response).await;
        let bytes = result.as_ref().map_or(0, |(_, _, body)| body.len());
        self.meter.request(started, bytes);
        let (status, kind, body) = result.map_err(|problem| failure(method, &url, problem))?;
        if let (StatusCode::NOT_MODIFIED, Some(kept)) = (status, kept) {
            self.meter.confirmed();
            return Ok(Body { bytes: kept.body, etag: Some(kept.etag) });
        }
        let bytes =
            classify(status, &kind, body).map_err(|problem| failure(method, &url, problem))?;
        Ok(Body { bytes, etag })
    }

    /// Waits until a request may be sent to a URL's host, for requests that others send.
    pub(crate) async fn turn(&self, method: &Method, url: &Url) -> Result<Turn, HttpError> {
        let turn = self.pace.turn(url).await;
        let turn =
            turn.ok_or_else(|| failure(method, url, Problem::Connect("closed".to_owned())))?;
        self.meter.held(turn.held);
        Ok(turn)
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
            let turn = self.turn(method, &url).await?;
            let started = Instant::now();
            if hop == 0 {
                self.meter.asked(shown(&url));
            }
            let request = self.client.request(method.clone(), url.clone());
            let request = request.header(ACCEPT, accept).timeout(patience);
            let mut request = self.with_cookie(request, method, &url);
            if let Some(body) = body {
                request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
            }
            let kept = match &self.settings.kept {
                Some(store) if *method == Method::GET && hop == 0 => store.get(url.as_str()),
                _ => None,
            };
            if let Some(kept) = &kept {
                request = request.header(IF_NONE_MATCH, &kept.etag);
            }
            let response = match request.send().await {
                Ok(response) => response,
                Err(error) => {
                    self.meter.request(started, 0);
                    return Err(failure(method, &url, problem_of(&error)));
                }
            };
            self.note_clock(&url, &response, hop == 0);
            let (status, took) = (response.status().as_u16(), started.elapsed().as_millis());
            tracing::info!("{method} {} {status} {took} ms", shown(&url));
            let status = response.status();
            if !status.is_redirection() || status == StatusCode::NOT_MODIFIED {
                return Ok(Opened { response, url, started, turn, kept, is_first: hop == 0 });
            }
            self.meter.request(started, 0);
            url = redirect(&response).map_err(|problem| failure(method, &url, problem))?;
        }
        let problem = Problem::Status { status: 310, message: "more than five redirects".into() };
        Err(failure(method, &url, problem))
    }

    pub(super) async fn body(
        &self,
        mut response: Response,
    ) -> Result<(StatusCode, String, Vec<u8>), Problem> {
        let status = response.status();
        let kind = content_type(&response).to_owned();
        let limit = self.settings.max_body;
        let mut body = Vec::new();
        let mut rate = LeastRate::new(self.settings.timeout, self.settings.timeout);
        while let Some(chunk) = next_chunk(&mut response, &mut rate).await? {
            if body.len() + chunk.len() > limit {
                return Err(Problem::TooLarge { limit });
            }
            body.extend_from_slice(&chunk);
        }
        Ok((status, kind, body))
    }

    /// Takes the server's time from an answer. What a cache gives out, and what a redirect leads
    /// to, has the time at which it was made.
    fn note_clock(&self, url: &Url, response: &Response, is_first: bool) {
        if !is_first || response.headers().contains_key(AGE) {
            return;
        }
        if let Some(date) = date(response) {
            let offset = date - chrono::Utc::now().timestamp();
            let mut clocks = self.clocks.lock().unwrap_or_else(PoisonError::into_inner);
            clocks.insert(host_key(url), offset);
        }
    }
}

/// The next piece of an answer.
///
/// # Errors
/// [`Problem::TooSlow`] where the answer comes too slowly, whatever it brings.
pub(super) async fn next_chunk(
    response: &mut Response,
    rate: &mut LeastRate,
) -> Result<Option<Bytes>, Problem> {
    loop {
        // Waiting for a chunk may be given up and begun again: nothing of it is lost.
        match tokio::time::timeout(rate.left(Instant::now()), response.chunk()).await {
            Ok(Ok(None)) => return Ok(None),
            Ok(Ok(Some(chunk))) => {
                rate.received(chunk.len(), Instant::now())?;
                return Ok(Some(chunk));
            }
            Ok(Err(error)) => return Err(problem_of(&error)),
            Err(_) => rate.received(0, Instant::now())?,
        }
    }
}
