//! The servers: four listeners on loopback, one a host of the real thing.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, Method, Response, Uri, header};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::faults::{Cut, Cutting, Drawn, Fault, Faults, Schedule, twist};
use crate::pulse::{PulseConfig, publish};
use crate::wire::{Reply, Request, RowCache, hg, is_for, storage, taskcluster, treeherder};
use crate::world::{World, WorldConfig};

/// How to serve a world.
#[derive(Debug, Clone, Default)]
pub struct SimConfig {
    /// The world.
    pub world: WorldConfig,
    /// Whether the repository that autoland is merged into has a CI of its own, beside it.
    pub central: bool,
    /// The first of four ports; 0 takes free ones.
    pub port: u16,
    /// What every answer waits before it is given.
    pub latency: Duration,
    /// What goes wrong from the start.
    pub faults: Option<Faults>,
    /// The broker that the queue publishes to, where there is one.
    pub pulse: Option<PulseConfig>,
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
    /// The one of the repository that autoland is merged into, where it has one.
    pub central: Option<Arc<World>>,
    /// Where they are.
    pub urls: Urls,
    servers: Vec<JoinHandle<()>>,
    schedule: Arc<Schedule>,
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
    central: Option<(Arc<World>, RowCache)>,
    urls: Urls,
    latency: Duration,
    service: Service,
    /// The service's place among the four.
    place: usize,
    schedule: Arc<Schedule>,
    rows: RowCache,
}

impl Sim {
    /// Makes the world and serves it on loopback.
    ///
    /// # Errors
    /// Where a port cannot be had.
    pub async fn start(config: SimConfig) -> std::io::Result<Self> {
        let world = Arc::new(World::new(config.world));
        let central = config.central.then(|| Arc::new(World::of_central(&world)));
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
        let schedule = Arc::new(Schedule::default());
        schedule.set(config.faults);
        let publisher = config.pulse.map(|pulse| tokio::spawn(publish(Arc::clone(&world), pulse)));
        let servers: Vec<_> = listeners
            .into_iter()
            .zip(services)
            .enumerate()
            .map(|(place, (listener, service))| {
                let shared = Arc::new(Shared {
                    world: Arc::clone(&world),
                    central: central.clone().map(|world| (world, RowCache::default())),
                    urls: urls.clone(),
                    latency: config.latency,
                    service,
                    place,
                    schedule: Arc::clone(&schedule),
                    rows: RowCache::default(),
                });
                let router = Router::new().fallback(answer).with_state(shared);
                let router = router.into_make_service_with_connect_info::<Cut>();
                tokio::spawn(async move {
                    // Serving ends with the task; a broken connection is the client's concern.
                    let _ = axum::serve(Cutting(listener), router).await;
                })
            })
            .chain(publisher)
            .collect();
        Ok(Self { world, central, urls, servers, schedule })
    }

    /// Changes what goes wrong from now on.
    pub fn set_faults(&self, faults: Option<Faults>) {
        self.schedule.set(faults);
    }

    /// How many faults of each kind were given out so far.
    pub fn faults_given(&self) -> BTreeMap<Fault, u64> {
        self.schedule.given()
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
    ConnectInfo(cut): ConnectInfo<Cut>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let latency = shared.latency;
    let head_only = method == Method::HEAD;
    let target = uri.path_and_query().map_or("", |target| target.as_str());
    let drawn = shared.schedule.draw(shared.place, method.as_str(), target);
    let date = shared.world.clock.wall();
    // Making a large answer is work; it must not hold up the other connections.
    let reply = tokio::task::spawn_blocking(move || match drawn {
        None => respond(&shared, &method, &uri, &headers, &body),
        Some(drawn) => misbehave(&shared, drawn, &method, &uri, &headers, &body),
    });
    let reply =
        reply.await.unwrap_or_else(|_| Reply::new(500, "text/plain", "the simulator broke"));
    match drawn.map(|drawn| drawn.fault) {
        Some(Fault::Stall) => tokio::time::sleep(drawn.map_or(latency, |d| d.stall)).await,
        Some(Fault::Reset) => cut.after(0),
        // More than the headers and less than all.
        Some(Fault::HalfBody) => cut.after(200 + reply.body.len() / 2),
        _ => {}
    }
    // The way back takes its time: what was requested has happened when its answer is lost.
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    let mut response =
        Response::builder().status(reply.status).header(header::DATE, http_date(date));
    if !reply.content_type.is_empty() {
        response = response.header(header::CONTENT_TYPE, reply.content_type);
    }
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    let body = if head_only { Body::empty() } else { Body::from(reply.body) };
    response.body(body).unwrap_or_default()
}

/// Milliseconds as HTTP writes an instant.
fn http_date(ms: i64) -> String {
    let at = chrono::DateTime::from_timestamp_millis(ms).unwrap_or_default();
    at.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Answers a request that meets a fault.
fn misbehave(
    shared: &Shared,
    drawn: Drawn,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
) -> Reply {
    let answered = || respond(shared, method, uri, headers, body);
    let refusal = match drawn.fault {
        Fault::TooMany => {
            let reply =
                Reply::new(429, "application/json", r#"{"detail": "Request was throttled."}"#);
            return reply.with_header("retry-after", drawn.retry_after.to_string());
        }
        Fault::ServerError => Reply::new(
            500,
            "application/json; charset=utf-8",
            r#"{"code": "InternalServerError", "message": "Internal Server Error, incidentId 1."}"#,
        ),
        Fault::BadGateway => {
            Reply::new(502, "text/html", "<html><head><title>502 Bad Gateway</title></head></html>")
        }
        Fault::Reset | Fault::Stall => Reply::new(500, "", ""),
        _ => {
            let mut reply = answered();
            let further = uri.query().is_some_and(|query| query.contains("page="));
            // What is stored is content, which nobody can tell from another content.
            if shared.place != 3 || drawn.fault == Fault::WrongType {
                twist(&mut reply, drawn, further);
            }
            return reply;
        }
    };
    if drawn.happens {
        let reply = answered();
        if drawn.fault == Fault::Stall {
            return reply;
        }
    }
    refusal
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
    // The Mercurial server has both repositories in any case.
    match &shared.central {
        Some((central, rows)) if shared.place > 0 && is_for(central, &request) => {
            (shared.service)(central, &Request { rows, ..request })
        }
        _ => (shared.service)(&shared.world, &request),
    }
}
