//! Telling people and programs: webhooks and e-mail.

mod email;
mod webhook;

pub use email::{Email, EmailError, Letter};
pub use webhook::{Webhook, WebhookError};
