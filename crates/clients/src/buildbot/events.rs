//! What happens on a master while it happens: over a WebSocket, else as server-sent events. Neither
//! replays what came before, so that the state has to be read after every connection.

use std::pin::Pin;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, Stream, StreamExt, stream};
use mozci_core::ids::BuildRequestId;
use reqwest_websocket::{Message, WebSocket};
use serde_json::{Value, json};

use super::master::Master;
use crate::http::{HttpError, Problem};

/// What connects us to a master's events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// `/ws`
    WebSocket,
    /// `/sse`
    ServerSent,
}

/// Something happened to a build request or one of its builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// The request.
    pub request: BuildRequestId,
    /// Whether it may have changed where a run stands; a build's updates do not.
    pub matters: bool,
}

/// A connection to a master's events. It ends when the connection does.
pub struct Events {
    /// What connects us.
    pub channel: Channel,
    stream: Pin<Box<dyn Stream<Item = Event> + Send>>,
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").field("channel", &self.channel).finish_non_exhaustive()
    }
}

/// The paths that are listened to: what is done is told of builds and of requests both, since a
/// coalesced or cancelled request has no build.
const PATHS: [&str; 2] = ["builds/*/*", "buildrequests/*/*"];

/// How long a master may take to say that it listens. Some proxies let the handshake of a WebSocket
/// through and nothing after it: whoever waits for events waits no longer than this for that.
const CONFIRMED: Duration = Duration::from_secs(5);

/// Events that may come before a master has confirmed that it listens.
const MOST_EARLY: usize = 10_000;

/// How often a WebSocket is requested a sign of life: masters send none by themselves, and a
/// connection that a proxy or a router dropped looks like one on which nothing happens.
const PING: Duration = Duration::from_secs(30);

impl Master {
    /// Connects: over a WebSocket or, where there is none, by server-sent events.
    ///
    /// # Errors
    /// [`HttpError`] of the second where neither is to be had.
    pub async fn events(&self) -> Result<Events, HttpError> {
        match self.web_socket_events().await {
            Ok(stream) => Ok(Events { channel: Channel::WebSocket, stream }),
            Err(_) => {
                let stream = self.server_sent_events().await?;
                Ok(Events { channel: Channel::ServerSent, stream })
            }
        }
    }

    async fn web_socket_events(
        &self,
    ) -> Result<Pin<Box<dyn Stream<Item = Event> + Send>>, HttpError> {
        let url = self.url(&["ws"], &[]);
        let mut socket = self.http.web_socket(&url).await?;
        let failed = |why: String| HttpError {
            problem: Problem::Broken(format!("the WebSocket broke: {why}")),
            method: "GET",
            url: url.to_string(),
        };
        for (id, path) in PATHS.iter().enumerate() {
            let text = json!({"cmd": "startConsuming", "path": path, "_id": id + 1}).to_string();
            socket.send(Message::Text(text)).await.map_err(|error| failed(error.to_string()))?;
        }
        let confirmed_within = self.http.settings().timeout.min(CONFIRMED);
        // Only what comes after both are confirmed is sure not to be missed.
        let mut confirmed = 0;
        let mut early = Vec::new();
        let until = Instant::now() + 2 * confirmed_within;
        while confirmed < PATHS.len() {
            if early.len() > MOST_EARLY {
                return Err(failed("it tells much and confirms nothing".into()));
            }
            let left = confirmed_within.min(until.saturating_duration_since(Instant::now()));
            let next = tokio::time::timeout(left, socket.next()).await;
            let text = match next {
                Err(_) => return Err(failed("no answer to what is listened to".into())),
                Ok(Some(Ok(Message::Text(text)))) => text,
                Ok(Some(Ok(_))) => continue,
                Ok(Some(Err(error))) => return Err(failed(error.to_string())),
                Ok(None) => return Err(failed("it was closed".into())),
            };
            let message: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
            match message["code"].as_u64() {
                Some(200) => confirmed += 1,
                Some(code) => return Err(failed(format!("{code} {}", message["error"]))),
                None => early.extend(event(message["k"].as_str().unwrap_or(""), &message["m"])),
            }
        }
        Ok(Box::pin(stream::iter(early).chain(frames(socket))))
    }

    async fn server_sent_events(
        &self,
    ) -> Result<Pin<Box<dyn Stream<Item = Event> + Send>>, HttpError> {
        let mut streams = Vec::new();
        for path in PATHS {
            let segments: Vec<&str> =
                ["sse", "listen"].into_iter().chain(path.split('/')).collect();
            let url = self.url(&segments, &[]);
            let mut events = self.http.server_events(&url).await?;
            // The first event says that it listens; a proxy that keeps it to itself keeps all.
            let confirmed_within = self.http.settings().timeout.min(CONFIRMED);
            let first = tokio::time::timeout(confirmed_within, events.next()).await;
            if !matches!(first, Ok(Some(_))) {
                let problem = Problem::Broken("no event says that the master listens".into());
                return Err(HttpError { problem, method: "GET", url: url.to_string() });
            }
            streams.push(events.filter_map(|(name, data)| {
                let told: Option<Value> = match name.as_str() {
                    "event" => serde_json::from_str(&data).ok(),
                    _ => None,
                };
                std::future::ready(told.and_then(|told| {
                    let key: Vec<&str> =
                        told["key"].as_array()?.iter().filter_map(Value::as_str).collect();
                    event(&key.join("/"), &told["message"])
                }))
            }));
        }
        // One that ends ends both: else half of what happens would be missed.
        let ends = streams
            .into_iter()
            .map(|one| Box::pin(one.map(Some).chain(stream::once(std::future::ready(None)))));
        let all = stream::select_all(ends);
        let all = all.take_while(|event| std::future::ready(event.is_some()));
        Ok(Box::pin(all.filter_map(std::future::ready)))
    }
}

/// The events of a WebSocket until it ends, or gives no sign of life.
fn frames(socket: WebSocket) -> impl Stream<Item = Event> + Send {
    stream::unfold((socket, false), |(mut socket, mut asked)| async move {
        loop {
            match tokio::time::timeout(PING, socket.next()).await {
                Err(_) if asked => return None,
                Err(_) => {
                    socket.send(Message::Ping(Vec::new().into())).await.ok()?;
                    asked = true;
                }
                Ok(Some(Ok(Message::Text(text)))) => {
                    asked = false;
                    let message: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
                    let key = message["k"].as_str().unwrap_or("");
                    if let Some(event) = event(key, &message["m"]) {
                        return Some((event, (socket, asked)));
                    }
                }
                Ok(Some(Ok(Message::Close { .. }) | Err(_)) | None) => return None,
                Ok(Some(Ok(_))) => asked = false,
            }
        }
    })
}

/// What a message says; none where it is about something else.
fn event(key: &str, message: &Value) -> Option<Event> {
    let what = key.rsplit('/').next().unwrap_or("");
    let request = message["buildrequestid"].as_u64()?;
    // Steps change a build's text all the time.
    let matters = !(key.starts_with("builds/") && what == "update");
    Some(Event { request: BuildRequestId(request), matters })
}

impl Events {
    /// The next event; none when the connection has ended.
    pub async fn next(&mut self) -> Option<Event> {
        self.stream.next().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_and_updates_do_not_matter() {
        let message = json!({"buildid": 5, "buildrequestid": 9, "complete": true});
        let read = |key| event(key, &message);
        let request = BuildRequestId(9);
        assert_eq!(read("builds/5/finished"), Some(Event { request, matters: true }));
        assert_eq!(read("builds/5/update"), Some(Event { request, matters: false }));
        assert_eq!(read("buildrequests/9/complete"), Some(Event { request, matters: true }));
        assert_eq!(event("builds/5/new", &json!({"buildid": 5})), None);
    }
}
