//! Sessions by cookie, and acts: what changes something is sent once.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, COOKIE, HeaderValue, SET_COOKIE};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::Value;
use url::Url;

use super::classify::{failure, problem_of, shown};
use super::client::Http;
use super::error::{HttpError, Problem};

/// What opens a server to us.
#[derive(Clone)]
enum Pass {
    Cookie(HeaderValue),
    Password { user: String, password: String },
    Signature(Signer),
}

/// Signs a request: its method and URL in, the `Authorization` header out.
pub type Signer = Arc<dyn Fn(&Method, &Url) -> Option<HeaderValue> + Send + Sync>;

/// Passes, each for the URLs that begin with one.
#[derive(Default)]
pub(super) struct Cookies(Mutex<Vec<(Url, Pass)>>);

impl std::fmt::Debug for Cookies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cookies(…)")
    }
}

/// Signs in, or says in words why it could not. Called where a read was refused.
type SignIn =
    Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync>;

/// Who signs in where a read below a URL is refused.
#[derive(Default)]
pub(super) struct SignIns(Mutex<Vec<(Url, SignIn)>>);

impl std::fmt::Debug for SignIns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SignIns(…)")
    }
}

impl Http {
    /// Has somebody sign in, once, where a read below `base` is refused.
    pub fn when_refused<F>(&self, base: &Url, sign_in: impl Fn() -> F + Send + Sync + 'static)
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        let sign_in: SignIn = Arc::new(move || Box::pin(sign_in()));
        let mut sign_ins = self.sign_ins.0.lock().unwrap_or_else(PoisonError::into_inner);
        sign_ins.retain(|(known, _)| known != base);
        sign_ins.push((base.clone(), sign_in));
    }

    /// Asks as [`again`](Self::again) does, and once more where it is refused until somebody signs in.
    pub(super) async fn again_signed_in<T, F>(
        &self,
        url: &Url,
        ask: impl Fn() -> F,
    ) -> Result<T, HttpError>
    where
        F: Future<Output = Result<T, (HttpError, Option<Duration>)>>,
    {
        let signed_in = self.has_cookie(url);
        match self.again(&ask).await {
            Err(error) if self.signed_in_for(url, signed_in, &error).await? => {
                self.again(&ask).await
            }
            answer => answer,
        }
    }

    /// Signs in where a read was refused that nobody was signed in for. False where that is no reason
    /// to ask again. Of several that were refused at once each is asked again.
    ///
    /// # Errors
    /// The refusal, in the words of whoever could not sign in.
    async fn signed_in_for(
        &self,
        url: &Url,
        was_signed_in: bool,
        error: &HttpError,
    ) -> Result<bool, HttpError> {
        let Problem::Forbidden { status, .. } = error.problem else { return Ok(false) };
        if was_signed_in {
            return Ok(false);
        }
        let sign_in = {
            let sign_ins = self.sign_ins.0.lock().unwrap_or_else(PoisonError::into_inner);
            let below =
                |base: &Url| base.origin() == url.origin() && url.path().starts_with(base.path());
            sign_ins.iter().find(|(base, _)| below(base)).map(|(_, sign_in)| Arc::clone(sign_in))
        };
        let Some(sign_in) = sign_in else { return Ok(false) };
        match sign_in().await {
            Ok(()) => Ok(self.has_cookie(url)),
            Err(message) => {
                let problem = Problem::Forbidden { status, message };
                Err(HttpError { problem, ..error.clone() })
            }
        }
    }
}

impl Cookies {
    fn of(&self, url: &Url) -> Option<Pass> {
        let cookies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Below it, and not beside what begins with the same letters.
        let below = |base: &str| {
            let rest = url.path().strip_prefix(base.trim_end_matches('/'));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let fits = |base: &Url| base.origin() == url.origin() && below(base.path());
        cookies.iter().find(|(base, _)| fits(base)).map(|(_, pass)| pass.clone())
    }

    fn set(&self, base: &Url, pass: Pass) {
        let mut cookies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cookies.retain(|(known, _)| known != base);
        cookies.push((base.clone(), pass));
    }
}

/// What came of an act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActAnswer {
    /// The status.
    pub status: u16,
    /// The body, where it is JSON; null where it is not.
    pub body: Value,
}

impl Http {
    /// Sends a cookie with every request to URLs below `base`. It is in no log and no error.
    ///
    /// # Errors
    /// A text that no header can carry.
    pub fn set_cookie(&self, base: &Url, cookie: &str) -> Result<(), String> {
        let mut value = HeaderValue::from_str(cookie)
            .map_err(|_| "it has characters that no cookie can have".to_owned())?;
        value.set_sensitive(true);
        self.cookies.set(base, Pass::Cookie(value));
        Ok(())
    }

    /// Sends a user and a password (HTTP Basic) with every request to URLs below `base`. They are in no
    /// log and no error.
    pub fn set_password(&self, base: &Url, user: &str, password: &str) {
        let (user, password) = (user.to_owned(), password.to_owned());
        self.cookies.set(base, Pass::Password { user, password });
    }

    /// Signs every request to URLs below `base` from here on. Signatures are in no log and no error.
    pub fn set_signer(&self, base: &Url, signer: Signer) {
        self.cookies.set(base, Pass::Signature(signer));
    }

    /// Whether a cookie, a password or a signature goes with requests to this URL.
    pub fn has_cookie(&self, url: &Url) -> bool {
        self.cookies.of(url).is_some()
    }

    /// Puts to a request the cookie, password or signature that its URL gets.
    pub(super) fn with_cookie(
        &self,
        request: RequestBuilder,
        method: &Method,
        url: &Url,
    ) -> RequestBuilder {
        match self.cookies.of(url) {
            Some(Pass::Signature(sign)) => match sign(method, url) {
                Some(mut header) => {
                    header.set_sensitive(true);
                    request.header(AUTHORIZATION, header)
                }
                None => request,
            },
            Some(Pass::Cookie(cookie)) => request.header(COOKIE, cookie),
            Some(Pass::Password { user, password }) => request.basic_auth(user, Some(password)),
            None => request,
        }
    }

    /// Signs in with a user's password (HTTP Basic) and gives the cookies that come, the last of
    /// each name. No redirect is followed.
    ///
    /// # Errors
    /// [`HttpError`]; [`Problem::Forbidden`] where the password is refused.
    pub async fn sign_in(
        &self,
        url: &Url,
        user: &str,
        password: &str,
    ) -> Result<Vec<(String, String)>, HttpError> {
        let turn = self.turn(&Method::GET, url).await?;
        let started = Instant::now();
        let sent = self.client.get(url.clone()).basic_auth(user, Some(password)).send().await;
        drop(turn);
        self.meter().request(started, 0);
        let response = sent.map_err(|error| failure(&Method::GET, url, problem_of(&error)))?;
        let status = response.status();
        self.tell("GET", url, status, started);
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            let message = "user and password are refused".to_owned();
            let problem = Problem::Forbidden { status: status.as_u16(), message };
            return Err(failure(&Method::GET, url, problem));
        }
        let mut cookies: Vec<(String, String)> = Vec::new();
        for header in response.headers().get_all(SET_COOKIE) {
            let pair = header.to_str().ok().and_then(|text| text.split(';').next());
            if let Some((name, value)) = pair.and_then(|pair| pair.split_once('=')) {
                cookies.retain(|(known, _)| known != name);
                cookies.push((name.trim().to_owned(), value.trim().to_owned()));
            }
        }
        if cookies.is_empty() {
            let message = "no session came of signing in".to_owned();
            let problem = Problem::Status { status: status.as_u16(), message };
            return Err(failure(&Method::GET, url, problem));
        }
        Ok(cookies)
    }

    /// Whether there is something at a URL; nothing of it is read.
    ///
    /// # Errors
    /// [`HttpError`] where nobody can tell, after passing failures were tried again.
    pub async fn is_there(&self, url: &Url) -> Result<bool, HttpError> {
        let ask = || async {
            let opened = self.open(&Method::HEAD, url, "*/*", None, self.settings().timeout).await;
            let opened = opened.map_err(|error| (error, None))?;
            let wait = self.asked_to_wait(&opened);
            let status = opened.response.status();
            self.meter().request(opened.started, 0);
            match status.as_u16() {
                200..=299 => Ok(true),
                404 | 410 => Ok(false),
                status => {
                    let message = "whether it is there nobody can tell".to_owned();
                    let problem = Problem::Status { status, message };
                    Err((failure(&Method::HEAD, url, problem), wait))
                }
            }
        };
        self.again(ask).await
    }

    /// Sends an act, once, and gives whatever the server answered.
    ///
    /// # Errors
    /// [`HttpError`] where there is no whole answer: [`Problem::Connect`] means that nothing was
    /// sent, anything else that nobody can tell.
    pub async fn act(&self, url: &Url, body: &Value) -> Result<ActAnswer, HttpError> {
        self.sent_once(Method::POST, url, "application/json", body.to_string()).await
    }

    /// Sends an act as a form, once, and gives whatever the server answered.
    ///
    /// # Errors
    /// As [`act`](Self::act).
    pub async fn act_by_form(
        &self,
        method: Method,
        url: &Url,
        fields: &[(&str, String)],
    ) -> Result<ActAnswer, HttpError> {
        // The serializer itself must not live across an await: it cannot go to another thread.
        let form =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let kind = "application/x-www-form-urlencoded";
        self.sent_once(method, url, kind, form).await
    }

    async fn sent_once(
        &self,
        method: Method,
        url: &Url,
        kind: &str,
        body: String,
    ) -> Result<ActAnswer, HttpError> {
        let failed = |problem| failure(&method, url, problem);
        let _turn = self.turn(&method, url).await?;
        let started = Instant::now();
        let request = self.client.request(method.clone(), url.clone());
        let request = request.header(ACCEPT, "application/json");
        let request = request.header(CONTENT_TYPE, kind).body(body);
        let sent = self.with_cookie(request, &method, url).send().await;
        let response = sent.map_err(|error| {
            self.meter().request(started, 0);
            failed(problem_of(&error))
        })?;
        self.tell(method.as_str(), url, response.status(), started);
        let read = self.body(response).await;
        let bytes = read.as_ref().map_or(0, |(_, _, body)| body.len());
        self.meter().request(started, bytes);
        let (status, _, bytes) = read.map_err(failed)?;
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Ok(ActAnswer { status: status.as_u16(), body })
    }

    /// Logs a request.
    pub(super) fn tell(&self, method: &str, url: &Url, status: StatusCode, started: Instant) {
        let (status, took) = (status.as_u16(), started.elapsed().as_millis());
        tracing::info!("{method} {} {status} {took} ms", shown(url));
    }
}
