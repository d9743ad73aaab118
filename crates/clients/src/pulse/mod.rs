//! Pulse, a RabbitMQ that programs listen to: connections, queues of a user's own, bindings, and
//! what comes. What a message means is said by the folder of the system that sent it.

mod bounded;
mod error;
mod listening;
mod settings;

pub use error::PulseError;
pub use listening::{Batch, Delivery, Listening};
pub use settings::{Binding, PulseSettings, QueueKind, QueueName, Secret};
