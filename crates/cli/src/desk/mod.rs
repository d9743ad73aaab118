//! What whoever sits at the machine has: a browser, and notifications.

pub(crate) mod browser;
pub(crate) mod notification;
