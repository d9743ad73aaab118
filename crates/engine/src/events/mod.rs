//! One stream of events, whoever tells them: a broker, a server, or the clock of somebody who has to look.

pub(crate) mod hub;
pub(crate) mod subscription;

pub(crate) use hub::Hub;
pub use subscription::{EventOrigin, Subscription};
