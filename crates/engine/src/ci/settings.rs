//! What a configuration says of requests and of where they go.

use std::sync::Arc;
use std::time::Duration;

use mozci_clients::http::HttpSettings;
use url::Url;

use crate::ci::Opening;
use crate::config::CiConfig;
use crate::error::Error;
use crate::store::{Answers, StoreError};

/// How requests are made, by the configuration.
pub(crate) fn settings(
    config: &CiConfig,
    opening: &Opening<'_>,
    notes: &mut Vec<String>,
) -> HttpSettings {
    let mut settings = HttpSettings::new(opening.user_agent.clone());
    settings.per_host = config.requests_at_once.unwrap_or(settings.per_host).clamp(1, 100);
    settings.per_minute = config.requests_per_minute.unwrap_or(settings.per_minute).max(1);
    let seconds = |given: Option<f64>, usual: Duration, from: f64, to: f64| match given {
        Some(given) => Duration::from_secs_f64(given.clamp(from, to)),
        None => usual,
    };
    settings.timeout = seconds(config.timeout_seconds, settings.timeout, 0.1, 600.0);
    settings.first_retry = seconds(config.retry_seconds, settings.first_retry, 0.0, 60.0);
    match Answers::open(&opening.place.cache) {
        Ok(answers) => settings.kept = Some(Arc::new(answers)),
        // It costs some bytes: what is said of it need not be more than that.
        Err(StoreError::Busy { .. }) => {}
        Err(error) => notes.push(format!("answers of servers cannot be cached: {error}")),
    }
    settings
}

/// A URL of the configuration.
pub(crate) fn parse(url: &str, key: &str) -> Result<Url, Error> {
    match Url::parse(url) {
        // It would stand in errors, in the ledger and in the cache.
        Ok(url) if url.password().is_some() || !url.username().is_empty() => {
            Err(Error::Usage(format!(
                "`{key}` of {} in the config has a user or a password in it: leave them out",
                url.host_str().unwrap_or("a server")
            )))
        }
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(url),
        Ok(_) => {
            Err(Error::Usage(format!("`{key}` = {url:?} in the config is not an http(s) URL")))
        }
        Err(error) => {
            let hint =
                if url.contains("://") { "" } else { ": it has to begin with http:// or https://" };
            Err(Error::Usage(format!("`{key}` = {url:?} in the config: {error}{hint}")))
        }
    }
}
