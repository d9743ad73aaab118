//! A Buildbot master, version 4: its data API, its force schedulers, its events.

mod about;
mod acts;
mod builders;
mod events;
mod fields;
mod forcing;
mod logs;
mod master;
mod reading;
mod session;
mod wire;

pub use about::About;
pub use acts::Forced;
pub use builders::{Builder, Worker};
pub use events::{Channel, Event, Events};
pub use forcing::{ForceError, ForceScheduler, Parameters};
pub use logs::{Log, Step};
pub use master::Master;
pub use reading::{BuildsOf, Change, Got, Listed, Set, Stamp};
pub use session::BuildbotCredentials;
