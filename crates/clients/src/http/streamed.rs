//! Answers too large to be held: parsed while they come.

use std::io::BufReader;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::TryStreamExt;
use reqwest::Method;
use serde::de::DeserializeOwned;
use tokio::io::AsyncReadExt;
use tokio_util::io::{StreamReader, SyncIoBridge};
use url::Url;

use super::client::{Http, Opened};
use super::error::{HttpError, Problem};
use super::judge::{content_type, is_json, parse};

/// How long a large answer may take.
const PATIENCE: Duration = Duration::from_secs(300);

impl Http {
    /// Gets JSON of up to `limit` bytes (after decompression) and parses it while it comes, so that
    /// what the type leaves out is never held. It is sent once: whoever asks for hundreds of
    /// megabytes does not ask again by himself.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn get_streamed<T: DeserializeOwned + Send + 'static>(
        &self,
        url: Url,
        limit: usize,
    ) -> Result<T, HttpError> {
        let opened = self.open(&Method::GET, &url, "application/json", None, PATIENCE).await?;
        if !(opened.response.status().is_success() && is_json(content_type(&opened.response))) {
            // It is no answer, and small: read whole, it says what it is.
            let body = self.read_to_end(&Method::GET, opened).await?;
            return parse(&body, &Method::GET, &url);
        }
        let Opened { response, started, turn: _turn, .. } = opened;
        let failed = |problem| HttpError { problem, method: "GET", url: url.to_string() };
        let read = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&read);
        let chunks = response.bytes_stream().map_err(std::io::Error::other);
        let chunks = chunks.inspect_ok(move |chunk| {
            counter.fetch_add(chunk.len(), Ordering::Relaxed);
        });
        let reader = SyncIoBridge::new(StreamReader::new(chunks).take(limit as u64));
        let parsed = tokio::task::spawn_blocking(move || {
            serde_json::from_reader::<_, T>(BufReader::with_capacity(1 << 16, reader))
        });
        let parsed = parsed.await.map_err(|error| failed(Problem::Broken(error.to_string())))?;
        let bytes = read.load(Ordering::Relaxed);
        self.meter().request(started, bytes);
        parsed.map_err(|error| {
            failed(match error.classify() {
                _ if bytes > limit => Problem::TooLarge { limit },
                serde_json::error::Category::Data => Problem::Shape(error.to_string()),
                _ => Problem::Broken(format!("it is no whole JSON ({error})")),
            })
        })
    }
}
