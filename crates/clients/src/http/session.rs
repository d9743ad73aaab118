//! Sessions by cookie, and acts: what changes something is sent once.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use reqwest::header::{ACCEPT, CONTENT_TYPE, COOKIE, HeaderValue, SET_COOKIE};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::Value;
use url::Url;

use super::client::Http;
use super::error::{HttpError, Problem};
use super::judge::{failure, problem_of, without_secrets};

/// Cookies, each for the URLs that begin with one.
#[derive(Debug, Default)]
pub(super) struct Cookies(Mutex<Vec<(Url, HeaderValue)>>);

impl Cookies {
    fn of(&self, url: &Url) -> Option<HeaderValue> {
        let cookies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fits =
            |base: &Url| base.origin() == url.origin() && url.path().starts_with(base.path());
        cookies.iter().find(|(base, _)| fits(base)).map(|(_, cookie)| cookie.clone())
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
        let mut cookies = self.cookies.0.lock().unwrap_or_else(PoisonError::into_inner);
        cookies.retain(|(known, _)| known != base);
        cookies.push((base.clone(), value));
        Ok(())
    }

    /// Whether a cookie goes with requests to this URL.
    pub fn has_cookie(&self, url: &Url) -> bool {
        self.cookies.of(url).is_some()
    }

    /// Puts to a request the cookie that its URL gets.
    pub(super) fn with_cookie(&self, request: RequestBuilder, url: &Url) -> RequestBuilder {
        match self.cookies.of(url) {
            Some(cookie) => request.header(COOKIE, cookie),
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

    /// Sends an act, once, and gives whatever the server answered.
    ///
    /// # Errors
    /// [`HttpError`] where there is no whole answer: [`Problem::Connect`] means that nothing was
    /// sent, anything else that nobody can tell.
    pub async fn act(&self, url: &Url, body: &Value) -> Result<ActAnswer, HttpError> {
        let failed = |problem| failure(&Method::POST, url, problem);
        let _turn = self.turn(&Method::POST, url).await?;
        let started = Instant::now();
        let request = self.client.post(url.clone()).header(ACCEPT, "application/json");
        let request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        let sent = self.with_cookie(request, url).send().await;
        let response = sent.map_err(|error| {
            self.meter().request(started, 0);
            failed(problem_of(&error))
        })?;
        self.tell("POST", url, response.status(), started);
        let read = self.body(response).await;
        let bytes = read.as_ref().map_or(0, |(_, _, body)| body.len());
        self.meter().request(started, bytes);
        let (status, _, bytes) = read.map_err(failed)?;
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Ok(ActAnswer { status: status.as_u16(), body })
    }

    /// Says a request on stderr, where somebody wants to know.
    pub(super) fn tell(&self, method: &str, url: &Url, status: StatusCode, started: Instant) {
        if let Some(tell) = self.settings().on_request {
            let (status, took) = (status.as_u16(), started.elapsed().as_millis());
            tell(&format!("{method} {} {status} {took} ms", without_secrets(url)));
        }
    }
}
