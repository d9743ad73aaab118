//! Connections that stay open: WebSockets and server-sent events.

use std::time::Duration;

use eventsource_stream::Eventsource;
use futures_util::{Stream, StreamExt};
use reqwest::Method;
use reqwest::header::ACCEPT;
use reqwest_websocket::{Upgrade, WebSocket};
use url::Url;

use super::client::Http;
use super::error::{HttpError, Problem};
use super::judge::{chain, content_type, failure, problem_of};

/// How long a connection that stays open may last before it is opened anew.
const LASTS: Duration = Duration::from_secs(24 * 3600);

impl Http {
    /// Opens a WebSocket at an `http(s)` URL.
    ///
    /// # Errors
    /// [`HttpError`] where the server does not offer one.
    pub async fn web_socket(&self, url: &Url) -> Result<WebSocket, HttpError> {
        let failed = |problem| failure(&Method::GET, url, problem);
        let _turn = self.turn(&Method::GET, url).await?;
        let request = self.with_cookie(self.client.get(url.clone()), url).upgrade().send();
        let answer = tokio::time::timeout(self.settings().timeout, request).await;
        let answer = answer.map_err(|_| failed(Problem::Timeout))?;
        let answer = answer.map_err(|error| failed(Problem::Broken(chain(&error))))?;
        let status = answer.status();
        answer.into_websocket().await.map_err(|error| {
            let message = format!("no WebSocket: {}", chain(&error));
            failed(Problem::Status { status: status.as_u16(), message })
        })
    }

    /// Opens a stream of server-sent events: each one's name and data.
    ///
    /// # Errors
    /// [`HttpError`] where the server does not offer one.
    pub async fn server_events(
        &self,
        url: &Url,
    ) -> Result<impl Stream<Item = (String, String)> + Send + Unpin + use<>, HttpError> {
        let failed = |problem| failure(&Method::GET, url, problem);
        let _turn = self.turn(&Method::GET, url).await?;
        let request = self.client.get(url.clone()).header(ACCEPT, "text/event-stream");
        let request = self.with_cookie(request, url).timeout(LASTS).send();
        let answer = tokio::time::timeout(self.settings().timeout, request).await;
        let answer = answer.map_err(|_| failed(Problem::Timeout))?;
        let response = answer.map_err(|error| failed(problem_of(&error)))?;
        let status = response.status().as_u16();
        if status != 200 || !content_type(&response).starts_with("text/event-stream") {
            let message = format!("no stream of events, but {}", content_type(&response));
            return Err(failed(Problem::Status { status, message }));
        }
        let events = response.bytes_stream().eventsource();
        let events = events.take_while(|event| std::future::ready(event.is_ok()));
        let pairs = events.filter_map(|event| async { event.ok().map(|e| (e.event, e.data)) });
        Ok(Box::pin(pairs))
    }
}
