//! The HTTP that every client shares: one user agent, limits a host, bounded bodies, counted
//! requests, and errors that tell apart what callers branch on.

mod client;
mod error;
mod meter;
mod streamed;

pub use client::{Http, HttpSettings};
pub use error::{HttpError, Problem};
pub use meter::{Meter, Span, Usage};
