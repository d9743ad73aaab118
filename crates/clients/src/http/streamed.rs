//! Answers too large to be held: read while they come.

use std::io::{BufReader, Read};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::{TryStreamExt, stream};
use reqwest::Method;
use serde::de::DeserializeOwned;
use tokio_util::io::{StreamReader, SyncIoBridge};
use url::Url;

use super::classify::{content_type, is_json};
use super::client::{Http, Opened, next_chunk};
use super::error::{HttpError, Problem};
use super::rate::LeastRate;

/// How long a large answer may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

/// What came of an answer that was read while it came.
#[derive(Debug)]
pub struct Streamed<T> {
    /// What the reader made of it.
    pub value: T,
    /// Why the connection ended before the answer did, if it did: the reader saw only a part.
    pub broke: Option<String>,
    /// Whether that was since it came too slowly: the same question would bring the same again.
    pub was_slow: bool,
    /// Bytes that came, unpacked as far as HTTP packs.
    pub bytes: usize,
}

/// What an answer has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Promised {
    Json,
    Anything,
}

impl Http {
    /// Gets JSON of up to `limit` bytes (after decompression) and parses it while it comes, so that
    /// what the type leaves out is never held. Only its beginning is requested again: whoever
    /// requests hundreds of megabytes does not do so twice by himself.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn get_streamed<T: DeserializeOwned + Send + 'static>(
        &self,
        url: Url,
        limit: usize,
    ) -> Result<T, HttpError> {
        let failed = |problem| HttpError { problem, method: "GET", url: url.to_string() };
        let parse = move |source: Box<dyn Read + Send>| {
            let bounded = source.take(limit as u64 + 1);
            serde_json::from_reader::<_, T>(BufReader::with_capacity(1 << 16, bounded))
        };
        let streamed = self.streamed(&url, Promised::Json, PATIENCE, parse).await?;
        streamed.value.map_err(|error| {
            failed(match streamed.bytes > limit {
                true => Problem::TooLarge { limit },
                false => Problem::of_json(&error),
            })
        })
    }

    /// Gets whatever there is and lets `read` read it while it comes, on a thread of its own, for as
    /// long as `patience` at the most. Only the answer's beginning is requested again.
    ///
    /// # Errors
    /// [`HttpError`] where no answer begins; that it breaks off is told in what comes back.
    pub async fn get_read<T: Send + 'static>(
        &self,
        url: Url,
        patience: Duration,
        read: impl FnOnce(Box<dyn Read + Send>) -> T + Send + 'static,
    ) -> Result<Streamed<T>, HttpError> {
        self.streamed(&url, Promised::Anything, patience, read).await
    }

    async fn streamed<T: Send + 'static>(
        &self,
        url: &Url,
        promised: Promised,
        patience: Duration,
        read: impl FnOnce(Box<dyn Read + Send>) -> T + Send + 'static,
    ) -> Result<Streamed<T>, HttpError> {
        let opened =
            self.again_signed_in(url, || self.opened_well(url, promised, patience)).await?;
        let Opened { response, started, turn: _turn, .. } = opened;
        let bytes = Arc::new(AtomicUsize::new(0));
        let broke: Arc<OnceLock<Problem>> = Arc::default();
        let (counter, told) = (Arc::clone(&bytes), Arc::clone(&broke));
        // It may take long as a whole, but never pause or drip.
        let rate = LeastRate::new(self.settings().timeout, patience);
        let chunks = stream::try_unfold((response, rate), move |(mut response, mut rate)| {
            let told = Arc::clone(&told);
            async move {
                match next_chunk(&mut response, &mut rate).await {
                    Ok(chunk) => Ok(chunk.map(|chunk| (chunk, (response, rate)))),
                    Err(problem) => {
                        let text = problem.to_string();
                        let _ = told.set(problem);
                        Err(std::io::Error::other(text))
                    }
                }
            }
        });
        let chunks = chunks.inspect_ok(move |chunk| {
            counter.fetch_add(chunk.len(), Ordering::Relaxed);
        });
        let source = SyncIoBridge::new(StreamReader::new(Box::pin(chunks)));
        let value = tokio::task::spawn_blocking(move || read(Box::new(source))).await;
        let bytes = bytes.load(Ordering::Relaxed);
        self.meter().request(started, bytes);
        let value = value.map_err(|error| HttpError {
            problem: Problem::Broken(error.to_string()),
            method: "GET",
            url: url.to_string(),
        })?;
        let broke = broke.get();
        let was_slow = matches!(broke, Some(Problem::TooSlow { .. }));
        Ok(Streamed { value, broke: broke.map(Problem::to_string), was_slow, bytes })
    }

    /// Opens an answer that is what was promised. Anything else is small: read whole, it says what
    /// it is.
    async fn opened_well(
        &self,
        url: &Url,
        promised: Promised,
        patience: Duration,
    ) -> Result<Opened, (HttpError, Option<Duration>)> {
        let accept = match promised {
            Promised::Json => "application/json",
            Promised::Anything => "*/*",
        };
        let opening = self.open(&Method::GET, url, accept, None, patience);
        // Several hops may each take as long as an answer.
        let opened = match tokio::time::timeout(self.settings().timeout * 2, opening).await {
            Ok(opened) => opened.map_err(|error| (error, None))?,
            Err(_) => {
                let (problem, url) = (Problem::Timeout, url.to_string());
                return Err((HttpError { problem, method: "GET", url }, None));
            }
        };
        let kept = promised == Promised::Anything || is_json(content_type(&opened.response));
        if opened.response.status().is_success() && kept {
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
