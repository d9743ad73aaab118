//! Answers too large to be held: parsed while they come.

use std::io::BufReader;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::{TryStreamExt, stream};
use reqwest::Method;
use serde::de::DeserializeOwned;
use tokio::io::AsyncReadExt;
use tokio_util::io::{StreamReader, SyncIoBridge};
use url::Url;

use super::client::{Http, Opened};
use super::error::{HttpError, Problem};
use super::judge::{content_type, is_json};

/// How long a large answer may take.
const PATIENCE: Duration = Duration::from_secs(300);

impl Http {
    /// Gets JSON of up to `limit` bytes (after decompression) and parses it while it comes, so that
    /// what the type leaves out is never held. Only its beginning is asked for again: whoever
    /// asks for hundreds of megabytes does not do so twice by himself.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn get_streamed<T: DeserializeOwned + Send + 'static>(
        &self,
        url: Url,
        limit: usize,
    ) -> Result<T, HttpError> {
        let opened = self.again(|| self.opened_well(&url)).await?;
        let Opened { response, started, turn: _turn, .. } = opened;
        let failed = |problem| HttpError { problem, method: "GET", url: url.to_string() };
        let read = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&read);
        // It may take long as a whole, but never pause for longer than an answer may take.
        let idle = self.settings().timeout;
        let chunks = stream::try_unfold(response, move |mut response| async move {
            match tokio::time::timeout(idle, response.chunk()).await {
                Ok(Ok(chunk)) => Ok(chunk.map(|chunk| (chunk, response))),
                Ok(Err(error)) => Err(std::io::Error::other(error)),
                Err(_) => Err(std::io::Error::from(std::io::ErrorKind::TimedOut)),
            }
        });
        let chunks = chunks.inspect_ok(move |chunk| {
            counter.fetch_add(chunk.len(), Ordering::Relaxed);
        });
        let chunks = Box::pin(chunks);
        let reader = SyncIoBridge::new(StreamReader::new(chunks).take(limit as u64));
        let parsed = tokio::task::spawn_blocking(move || {
            serde_json::from_reader::<_, T>(BufReader::with_capacity(1 << 16, reader))
        });
        let parsed = parsed.await.map_err(|error| failed(Problem::Broken(error.to_string())))?;
        let bytes = read.load(Ordering::Relaxed);
        self.meter().request(started, bytes);
        parsed.map_err(|error| {
            failed(match bytes > limit {
                true => Problem::TooLarge { limit },
                false => Problem::of_json(&error),
            })
        })
    }

    /// Opens an answer in JSON. Anything else is small: read whole, it says what it is.
    async fn opened_well(&self, url: &Url) -> Result<Opened, (HttpError, Option<Duration>)> {
        let opening = self.open(&Method::GET, url, "application/json", None, PATIENCE);
        // Several hops may each take as long as an answer.
        let opened = match tokio::time::timeout(self.settings().timeout * 2, opening).await {
            Ok(opened) => opened.map_err(|error| (error, None))?,
            Err(_) => {
                let (problem, url) = (Problem::Timeout, url.to_string());
                return Err((HttpError { problem, method: "GET", url }, None));
            }
        };
        if opened.response.status().is_success() && is_json(content_type(&opened.response)) {
            return Ok(opened);
        }
        let wait = self.asked_to_wait(&opened);
        match self.read_to_end(&Method::GET, opened).await {
            Err(error) => Err((error, wait)),
            Ok(_) => {
                let text = "the server answered something else than JSON".to_owned();
                let problem = Problem::Broken(text);
                Err((HttpError { problem, method: "GET", url: url.to_string() }, wait))
            }
        }
    }
}
