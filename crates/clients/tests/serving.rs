//! A server on loopback that gives one recorded answer to whatever is asked, and keeps what was
//! asked.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Response, Uri};
use mozci_clients::http::{Http, HttpSettings};
use tokio::task::JoinHandle;
use url::Url;

/// An answer as it was recorded.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) name: String,
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(status: u16, body: &str) -> Self {
        Self {
            name: "made".into(),
            status,
            content_type: "application/json".into(),
            headers: vec![],
            body: body.into(),
        }
    }

    pub(crate) fn typed(mut self, content_type: &str) -> Self {
        self.content_type = content_type.into();
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded")
}

/// A recorded answer, by service and name, with what stands beside it in its `.meta`.
pub(crate) fn recorded(service: &str, name: &str) -> Answer {
    let base = folder().join(service);
    let body = std::fs::read(base.join(format!("{name}.json"))).unwrap();
    let meta = std::fs::read_to_string(base.join(format!("{name}.meta")));
    let (status, content_type) = match meta {
        // `200 application/json; charset=UTF-8 …`: what stands before the length or the path.
        Ok(meta) => {
            let mut words = meta.split_whitespace();
            let status = words.next().unwrap().parse().unwrap();
            let kind: Vec<&str> =
                words.take_while(|w| !w.starts_with('/') && w.parse::<u64>().is_err()).collect();
            (status, kind.join(" "))
        }
        Err(_) => (200, "application/json; charset=utf-8".to_owned()),
    };
    let mut answer = Answer {
        name: format!("{service}/{name}"),
        status,
        content_type,
        headers: vec![],
        body: body.clone(),
    };
    // Taskcluster's recordings have status and headers in the file.
    if let Ok(value) = serde_json::from_slice::<serde_json::Value>(&body)
        && let (Some(status), Some(inner)) = (value["status"].as_u64(), value.get("body"))
    {
        answer.status = status as u16;
        answer.body = inner.to_string().into_bytes();
        if let Some(location) = value["headers"]["location"].as_str() {
            answer.headers.push(("location".into(), location.into()));
        }
    }
    answer
}

/// The names of every recorded answer of a service.
pub(crate) fn names(service: &str) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder().join(service))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(".json").map(String::from))
        .collect();
    names.sort();
    names
}

/// A server that gives answers in their turn, the last one again and again.
pub(crate) struct Server {
    pub(crate) url: Url,
    pub(crate) asked: Arc<Mutex<Vec<String>>>,
    pub(crate) headers: Arc<Mutex<Vec<HeaderMap>>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) async fn serve(answers: Vec<Answer>) -> Server {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let headers: Arc<Mutex<Vec<HeaderMap>>> = Arc::default();
    let (log, seen) = (Arc::clone(&asked), Arc::clone(&headers));
    let handler = move |uri: Uri, headers: HeaderMap| {
        seen.lock().unwrap().push(headers);
        let mut log = log.lock().unwrap();
        log.push(uri.to_string());
        let answer = answers[(log.len() - 1).min(answers.len() - 1)].clone();
        async move {
            let mut response = Response::builder().status(answer.status);
            if !answer.content_type.is_empty() {
                response = response.header("content-type", &answer.content_type);
            }
            for (name, value) in &answer.headers {
                response = response.header(name, value);
            }
            response.body(Body::from(answer.body)).unwrap()
        }
    };
    let router = Router::new().fallback(handler);
    let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    Server { url, asked, headers, task }
}

/// HTTP that does not wait long for a server that is broken on purpose.
pub(crate) fn http(retries: usize) -> Http {
    let mut settings = HttpSettings::new("mozci-tests");
    settings.retries = retries;
    settings.timeout = Duration::from_secs(5);
    settings.max_body = 4 << 20;
    Http::new(settings).unwrap()
}
