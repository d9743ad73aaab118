//! The servers: four listeners on loopback, one a host of the real thing.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, Uri, header};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::wire::{Reply, Request, RowCache, hg, storage, taskcluster, treeherder};
use crate::world::{World, WorldConfig};

/// How to serve a world.
#[derive(Debug, Clone, Default)]
pub struct SimConfig {
    /// The world.
    pub world: WorldConfig,
    /// The first of four ports; 0 takes free ones.
    pub port: u16,
    /// What every answer waits before it is given.
    pub latency: Duration,
}

/// Where the simulated services are.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct Urls {
    /// The Mercurial server.
    pub hg: String,
    /// Treeherder.
    pub treeherder: String,
    /// Taskcluster's root URL.
    pub taskcluster: String,
    /// Where artifacts are stored.
    pub storage: String,
}

/// A simulated CI that is being served. Its servers stop when this is dropped.
#[derive(Debug)]
pub struct Sim {
    /// The world behind the servers.
    pub world: Arc<World>,
    /// Where they are.
    pub urls: Urls,
    servers: Vec<JoinHandle<()>>,
}

/// A client id and its access token.
#[derive(Debug, Clone, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SimCredentials {
    /// The client.
    pub client_id: &'static str,
    /// Its token.
    pub access_token: &'static str,
}

impl SimCredentials {
    /// May do everything that a sheriff may.
    pub fn sheriff() -> Self {
        let (client_id, access_token) = crate::wire::SHERIFF;
        Self { client_id, access_token }
    }

    /// May only read.
    pub fn reader() -> Self {
        let (client_id, access_token) = crate::wire::READER;
        Self { client_id, access_token }
    }
}

type Service = fn(&World, &Request<'_>) -> Reply;

struct Shared {
    world: Arc<World>,
    urls: Urls,
    latency: Duration,
    service: Service,
    rows: RowCache,
}

impl Sim {
    /// Makes the world and serves it on loopback.
    ///
    /// # Errors
    /// Where a port cannot be had.
    pub async fn start(config: SimConfig) -> std::io::Result<Self> {
        let world = Arc::new(World::new(config.world));
        let mut listeners = Vec::new();
        for offset in 0..4u16 {
            let port = if config.port == 0 { 0 } else { config.port.saturating_add(offset) };
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            listeners.push(TcpListener::bind(address).await?);
        }
        let url = |i: usize| -> std::io::Result<String> {
            Ok(format!("http://{}", listeners[i].local_addr()?))
        };
        let urls =
            Urls { hg: url(0)?, treeherder: url(1)?, taskcluster: url(2)?, storage: url(3)? };
        let services: [Service; 4] = [hg, treeherder, taskcluster, storage];
        let servers = listeners
            .into_iter()
            .zip(services)
            .map(|(listener, service)| {
                let shared = Arc::new(Shared {
                    world: Arc::clone(&world),
                    urls: urls.clone(),
                    latency: config.latency,
                    service,
                    rows: RowCache::default(),
                });
                let router = Router::new().fallback(answer).with_state(shared);
                tokio::spawn(async move {
                    // Serving ends with the task; a broken connection is the client's concern.
                    let _ = axum::serve(listener, router).await;
                })
            })
            .collect();
        Ok(Self { world, urls, servers })
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        for server in &self.servers {
            server.abort();
        }
    }
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let latency = shared.latency;
    let head_only = method == Method::HEAD;
    // Making a large answer is work; it must not hold up the other connections.
    let reply =
        tokio::task::spawn_blocking(move || respond(&shared, &method, &uri, &headers, &body));
    let reply =
        reply.await.unwrap_or_else(|_| Reply::new(500, "text/plain", "the simulator broke"));
    // The way back takes its time: what was asked for has happened when its answer is lost.
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    let mut response = Response::builder().status(reply.status);
    if !reply.content_type.is_empty() {
        response = response.header(header::CONTENT_TYPE, reply.content_type);
    }
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    let body = if head_only { Body::empty() } else { Body::from(reply.body) };
    response.body(body).unwrap_or_default()
}

fn respond(shared: &Shared, method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Reply {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let raw_query = uri.query().unwrap_or("");
    let mut query: Vec<(String, String)> =
        url::form_urlencoded::parse(raw_query.as_bytes()).into_owned().collect();
    if let Some(etag) = text(header::IF_NONE_MATCH) {
        query.push(("\u{0}if-none-match".to_owned(), etag.to_owned()));
    }
    let request = Request {
        method: if method == Method::HEAD { "GET" } else { method.as_str() },
        path: uri.path(),
        raw_query,
        query,
        user_agent: text(header::USER_AGENT).unwrap_or(""),
        accept: text(header::ACCEPT).unwrap_or(""),
        authorization: text(header::AUTHORIZATION),
        host: text(header::HOST).unwrap_or(""),
        body,
        urls: &shared.urls,
        rows: &shared.rows,
    };
    (shared.service)(&shared.world, &request)
}
