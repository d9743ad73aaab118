//! Answers that a server may confirm with `304 Not Modified` instead of sending them again.

use std::fmt::Debug;

/// The largest body that is kept, in bytes.
pub(super) const MOST_CACHED: usize = 64 << 10;

/// An answer with the mark that the server gave to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedAnswer {
    /// The server's `ETag`.
    pub etag: String,
    /// The body.
    pub body: Vec<u8>,
}

/// Where such answers are kept. What cannot be kept or found is requested again, so that nothing
/// here is an error.
pub trait EtagCache: Debug + Send + Sync {
    /// The answer to a URL, where it is kept.
    fn get(&self, url: &str) -> Option<CachedAnswer>;
    /// Keeps the answer to a URL.
    fn put(&self, url: &str, answer: &CachedAnswer);
    /// Keeps the answer to a URL no longer: it could not be used.
    fn remove(&self, url: &str);
    /// Keeps nothing any longer: the servers were reset.
    fn clear(&self);
}
