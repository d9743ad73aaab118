//! Self-serve BuildAPI: what was requested on a revision, and requesting more.

use mozci_core::era::{Listed, Outcome};
use mozci_core::ids::{BuildRequestId, SelfServeId};
use mozci_core::time::At;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use crate::act::ActError;
use crate::http::{ActAnswer, Http, HttpError, Problem};

/// One branch of a self-serve BuildAPI.
#[derive(Debug, Clone)]
pub struct SelfServe {
    http: Http,
    base: Url,
    branch: String,
}

/// That an act was taken on: its agents carry it out a moment later. Which build request comes of it
/// BuildAPI does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// Its number among what was taken on.
    pub id: SelfServeId,
}

#[derive(Deserialize)]
struct Entry {
    buildername: String,
    // That there is no status, and that it is null, mean different things.
    #[serde(default, deserialize_with = "present")]
    status: Option<Option<i64>>,
    #[serde(default)]
    endtime: Option<f64>,
    #[serde(default)]
    revision: Option<String>,
    #[serde(default)]
    request_id: Option<u64>,
    #[serde(default)]
    requests: Vec<Request>,
}

#[derive(Deserialize)]
struct Request {
    request_id: u64,
    #[serde(default)]
    complete_at: Option<f64>,
    #[serde(default)]
    revision: Option<String>,
}

fn present<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<i64>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl Entry {
    /// The requests that it tells of: a build may have carried out several.
    fn listed(self, asked: &str) -> Result<Vec<Listed>, String> {
        let Self { buildername, status, endtime, revision, request_id, requests } = self;
        let at = |seconds: Option<f64>| seconds.map(|seconds| At(seconds as i64));
        let one = |request: u64, revision: Option<String>, complete: Option<f64>| Listed {
            request: BuildRequestId(request),
            builder: buildername.clone(),
            revision: revision.unwrap_or_else(|| asked.to_owned()),
            status: status.map(|status| status.map_or(Outcome::Open, Outcome::Ended)),
            ended: at(endtime),
            complete: at(complete.or(endtime)),
        };
        match (requests.is_empty(), request_id) {
            (false, _) => Ok(requests
                .into_iter()
                .map(|request| one(request.request_id, request.revision, request.complete_at))
                .collect()),
            (true, Some(id)) => Ok(vec![one(id, revision, None)]),
            (true, None) => Err(format!("an entry of {buildername:?} names no request")),
        }
    }
}

impl SelfServe {
    /// The branch at a BuildAPI, whose URL ends with `self-serve`.
    pub fn new(http: Http, base: Url, branch: impl Into<String>) -> Self {
        Self { http, base, branch: branch.into() }
    }

    /// Where it is.
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// Has every request be made by a user.
    pub fn sign_in(&self, user: &str, password: &str) {
        self.http.set_password(&self.base, user, password);
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push(&self.branch).extend(path);
        }
        url
    }

    /// Everything that was requested on a revision.
    ///
    /// # Errors
    /// [`HttpError`]; [`Problem::Forbidden`] where the user is refused.
    pub async fn requests_of(&self, revision: &str) -> Result<Vec<Listed>, HttpError> {
        let mut url = self.url(&["rev", revision]);
        url.set_query(Some("format=json"));
        let entries: Vec<Entry> = match self.http.get(url.clone()).await {
            Ok(entries) => entries,
            // So it says that nothing was ever requested there; an unknown branch is told otherwise.
            Err(error) if nothing_was_asked(&error) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut all = Vec::with_capacity(entries.len());
        for entry in entries {
            all.extend(entry.listed(revision).map_err(|reason| HttpError {
                problem: Problem::Shape(reason),
                method: "GET",
                url: url.to_string(),
            })?);
        }
        Ok(all)
    }

    /// Whether a file that a build uploaded is still there.
    ///
    /// # Errors
    /// [`HttpError`] where nobody can tell.
    pub async fn is_there(&self, file: &Url) -> Result<bool, HttpError> {
        self.http.is_there(file).await
    }

    /// Requests a builder on a revision, a test with the files that it runs on.
    ///
    /// # Errors
    /// [`ActError`].
    pub async fn trigger(
        &self,
        builder: &str,
        revision: &str,
        files: &[String],
    ) -> Result<Accepted, ActError> {
        let properties = json!({"branch": self.branch, "revision": revision});
        let mut fields = vec![("properties", properties.to_string())];
        if !files.is_empty() {
            fields.push(("files", json!(files).to_string()));
        }
        accepted(&self.act(Method::POST, &["builders", builder, revision], &fields).await?)
    }

    /// Requests a request again, so many times.
    ///
    /// # Errors
    /// [`ActError`].
    pub async fn again(&self, request: BuildRequestId, times: u32) -> Result<Accepted, ActError> {
        let fields = [
            ("request_id", request.to_string()),
            ("count", times.to_string()),
            ("priority", "0".to_owned()),
        ];
        accepted(&self.act(Method::POST, &["request"], &fields).await?)
    }

    /// Takes a request back, whether it waits or runs.
    ///
    /// # Errors
    /// [`ActError`].
    pub async fn cancel(&self, request: BuildRequestId) -> Result<(), ActError> {
        let path = ["request", &request.to_string()];
        self.act(Method::DELETE, &path, &[]).await.map(drop)
    }

    async fn act(
        &self,
        method: Method,
        path: &[&str],
        fields: &[(&str, String)],
    ) -> Result<Value, ActError> {
        let url = self.url(path);
        let answer = self.http.act_by_form(method, &url, fields).await;
        let ActAnswer { status, body } = answer.map_err(|error| match error.problem {
            Problem::Connect(_) => ActError::NotSent(error.to_string()),
            _ => ActError::Uncertain(error.to_string()),
        })?;
        let words = body["msg"].as_str().or(body["message"].as_str()).unwrap_or_default();
        match status {
            200..=299 => Ok(body),
            401 | 403 => Err(ActError::Forbidden(format!("BuildAPI answers {status} {words}"))),
            400..=499 => Err(ActError::Refused(format!("BuildAPI answers {status} {words}"))),
            _ => Err(ActError::Uncertain(format!("BuildAPI answers {status} {words}"))),
        }
    }
}

fn nothing_was_asked(error: &HttpError) -> bool {
    matches!(&error.problem, Problem::NotFound(words) if words.contains("Revision"))
}

fn accepted(body: &Value) -> Result<Accepted, ActError> {
    match body["request_id"].as_u64() {
        Some(id) => Ok(Accepted { id: SelfServeId(id) }),
        None => Err(ActError::Uncertain(format!("the answer names no request: {body}"))),
    }
}
