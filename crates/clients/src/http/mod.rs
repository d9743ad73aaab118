//! The HTTP that every client shares: one user agent, a pace for each host, bounded bodies, counted
//! requests, and errors that tell apart what callers branch on.

mod classify;
mod client;
mod error;
mod etag_cache;
mod live;
mod meter;
mod pace;
mod rate;
mod secrets;
mod session;
mod single_flight;
mod streamed;

pub use client::{Body, Http, HttpSettings};
pub(crate) use error::beginning;
pub use error::{HttpError, Problem};
pub use etag_cache::{CachedAnswer, EtagCache};
pub use meter::{Meter, Usage};
pub(crate) use secrets::without_secrets;
pub use session::{ActAnswer, Signer};
pub(crate) use streamed::PATIENCE;
pub use streamed::Streamed;
