//! Connections that stay open: WebSockets and server-sent events.

use std::time::Duration;

use bytes::Bytes;
use eventsource_stream::Eventsource;
use futures_util::{Stream, StreamExt};
use reqwest::Method;
use reqwest::header::ACCEPT;
use reqwest_websocket::{Upgrade, WebSocket};
use tungstenite::protocol::WebSocketConfig;
use url::Url;

use super::classify::{chain, content_type, failure, problem_of};
use super::client::Http;
use super::error::{HttpError, Problem};

/// How long a connection that stays open may last before it is opened anew.
const LASTS: Duration = Duration::from_secs(24 * 3600);

/// The longest event or message, in bytes. A longer one ends the connection.
const LONGEST_EVENT: usize = 1 << 20;

/// Bytes of server-sent events until one of them is too long: the parser keeps whatever comes before
/// the empty line that ends an event.
fn one_by_one<E: Send + 'static>(
    bytes: impl Stream<Item = Result<Bytes, E>> + Send,
) -> impl Stream<Item = Result<Bytes, E>> + Send {
    let mut length = 0;
    let mut last = b' ';
    bytes.take_while(move |chunk| {
        for byte in chunk.iter().flatten().copied() {
            // Lines end with LF, CR, or both; an empty one follows another end.
            let ends = matches!(byte, b'\n' | b'\r');
            let empty = ends && matches!(last, b'\n' | b'\r') && !(last == b'\r' && byte == b'\n');
            length = if empty { 0 } else { length + 1 };
            last = byte;
        }
        std::future::ready(length <= LONGEST_EVENT)
    })
}

impl Http {
    /// Opens a WebSocket at an `http(s)` URL.
    ///
    /// # Errors
    /// [`HttpError`] where the server does not offer one.
    pub async fn web_socket(&self, url: &Url) -> Result<WebSocket, HttpError> {
        let failed = |problem| failure(&Method::GET, url, problem);
        let _turn = self.turn(&Method::GET, url).await?;
        let request = self.with_cookie(self.client.get(url.clone()), &Method::GET, url);
        let limits = WebSocketConfig::default()
            .max_message_size(Some(LONGEST_EVENT))
            .max_frame_size(Some(LONGEST_EVENT));
        let request = request.upgrade().web_socket_config(limits).send();
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
        let request = self.with_cookie(request, &Method::GET, url).timeout(LASTS).send();
        let answer = tokio::time::timeout(self.settings().timeout, request).await;
        let answer = answer.map_err(|_| failed(Problem::Timeout))?;
        let response = answer.map_err(|error| failed(problem_of(&error)))?;
        let status = response.status().as_u16();
        if status != 200 || !content_type(&response).starts_with("text/event-stream") {
            let message = format!("no stream of events, but {}", content_type(&response));
            return Err(failed(Problem::Status { status, message }));
        }
        let events = one_by_one(response.bytes_stream()).eventsource();
        let events = events.take_while(|event| std::future::ready(event.is_ok()));
        let pairs = events.filter_map(|event| async { event.ok().map(|e| (e.event, e.data)) });
        Ok(Box::pin(pairs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;

    #[tokio::test]
    async fn an_event_without_an_end_ends_the_stream() {
        let chunk = |text: &str| Ok::<_, ()>(Bytes::copy_from_slice(text.as_bytes()));
        let line = format!("data: {}\n", "x".repeat(1000));
        // Events end, in each of the three ways, and many of them are no harm.
        for end in ["\n", "\r\n\r\n", "\r\r"] {
            let many = stream::repeat_with(|| chunk(&format!("{line}{end}"))).take(2000);
            assert_eq!(one_by_one(many).count().await, 2000, "{end:?}");
        }
        let endless = stream::repeat_with(|| chunk(&line));
        let received = one_by_one(endless).count().await;
        assert!(received * line.len() <= LONGEST_EVENT && received > 900, "{received}");
    }
}
