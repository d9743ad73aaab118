//! The HTTP that every client shares: one user agent, a pace for each host, bounded bodies, counted
//! requests, and errors that tell apart what callers branch on.

mod client;
mod error;
mod judge;
mod kept;
mod live;
mod meter;
mod once;
mod pace;
mod rate;
mod secrets;
mod session;
mod streamed;

pub use client::{Body, Http, HttpSettings};
pub(crate) use error::beginning;
pub use error::{HttpError, Problem};
pub use kept::{Kept, KeptAnswer};
pub use meter::{Meter, Usage};
pub(crate) use secrets::without_secrets;
pub use session::{ActAnswer, Signer};
pub(crate) use streamed::PATIENCE;
pub use streamed::Streamed;
