//! Publishing to a real broker what a real queue would publish.

mod outbox;
mod publisher;
mod upcoming;

pub use outbox::PulseFaults;
pub use publisher::PulseConfig;
pub(crate) use publisher::publish;
