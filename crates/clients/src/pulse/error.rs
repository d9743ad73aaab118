//! What can go wrong with a broker.

use lapin::ErrorKind;
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};

/// A broker that does not do what it was requested. None of these names a password.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PulseError {
    /// User or password are wrong.
    #[error(
        "{broker} refuses the user {user:?}: PULSE_USER or PULSE_PASSWORD is wrong, or the account is gone"
    )]
    Credentials {
        /// The broker.
        broker: String,
        /// The user.
        user: String,
    },
    /// The queue may not be declared.
    #[error(
        "{broker} does not let {user:?} have the queue {queue}: {message}; a user may only have queues that are named queue/<user>/…"
    )]
    Queue {
        /// The broker.
        broker: String,
        /// The user.
        user: String,
        /// The queue.
        queue: String,
        /// The broker's words.
        message: String,
    },
    /// Somebody else listens to the queue.
    #[error("another process listens to the queue {queue} on {broker}")]
    InUse {
        /// The broker.
        broker: String,
        /// The queue.
        queue: String,
    },
    /// The queue may not be bound to an exchange.
    #[error("{broker} does not bind the queue to {exchange}: {message}")]
    Binding {
        /// The broker.
        broker: String,
        /// The exchange.
        exchange: String,
        /// The broker's words.
        message: String,
    },
    /// Nothing is to be had of it now.
    #[error("{broker} cannot be reached: {message}")]
    Unreachable {
        /// The broker.
        broker: String,
        /// Why.
        message: String,
    },
    /// The connection is gone.
    #[error("the connection to {broker} is gone: {message}")]
    Lost {
        /// The broker.
        broker: String,
        /// Why.
        message: String,
    },
}

impl PulseError {
    /// Whether trying again may help; a refusal stays one.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Lost { .. } | Self::InUse { .. })
    }
}

/// Why a broker says no, in its own words.
pub(super) fn words(error: &lapin::Error) -> String {
    match error.kind() {
        ErrorKind::ProtocolError(said) => said.get_message().to_string(),
        _ => error.to_string(),
    }
}

/// Whether it says no for good: not allowed, not there, not as it was.
pub(super) fn is_refusal(error: &lapin::Error) -> bool {
    matches!(
        soft(error),
        Some(
            AMQPSoftError::ACCESSREFUSED
                | AMQPSoftError::NOTFOUND
                | AMQPSoftError::PRECONDITIONFAILED
                | AMQPSoftError::RESOURCELOCKED,
        )
    )
}

/// Whether it says that the caller may not.
pub(super) fn is_denied(error: &lapin::Error) -> bool {
    soft(error) == Some(AMQPSoftError::ACCESSREFUSED)
}

fn soft(error: &lapin::Error) -> Option<AMQPSoftError> {
    match error.kind() {
        ErrorKind::ProtocolError(said) => match said.kind() {
            AMQPErrorKind::Soft(soft) => Some(soft.clone()),
            AMQPErrorKind::Hard(_) => None,
        },
        _ => None,
    }
}
