//! Who may look and act.

mod random;
mod sessions;

pub(crate) use sessions::{Access, Session};
