//! allthethings.json: every builder, and what triggers what.

use std::collections::BTreeMap;

use mozci_core::era::{EraBuilder, EraFarm, EraScheduler};
use serde::Deserialize;
use serde::de::IgnoredAny;
use url::Url;

use crate::http::{Http, HttpError};

/// The largest file that is believed, in bytes after decompression; it had about twenty megabytes.
const LARGEST: usize = 512 << 20;

#[derive(Deserialize)]
struct All {
    #[serde(default)]
    builders: BTreeMap<String, Builder>,
    #[serde(default)]
    schedulers: BTreeMap<String, Scheduler>,
}

#[derive(Deserialize)]
struct Builder {
    #[serde(default)]
    shortname: String,
    #[serde(default)]
    properties: Properties,
}

#[derive(Default, Deserialize)]
struct Properties {
    #[serde(default)]
    branch: Option<String>,
    #[serde(default)]
    platform: Option<String>,
}

#[derive(Deserialize)]
struct Scheduler {
    #[serde(default)]
    downstream: Vec<String>,
    // Some schedulers are triggered by nothing, and say so in ways of their own.
    #[serde(default)]
    triggered_by: Triggers,
}

#[derive(Default, Deserialize)]
#[serde(untagged)]
enum Triggers {
    Names(Vec<String>),
    Other(IgnoredAny),
    #[default]
    None,
}

impl All {
    fn farm(self) -> EraFarm {
        let builders = self.builders.into_iter().map(|(name, one)| {
            let Properties { branch, platform } = one.properties;
            let branch = branch.unwrap_or_default();
            (name, EraBuilder { shortname: one.shortname, branch, platform })
        });
        let schedulers = self.schedulers.into_iter().map(|(name, one)| {
            let triggered_by = match one.triggered_by {
                Triggers::Names(names) => names,
                Triggers::Other(_) | Triggers::None => Vec::new(),
            };
            (name, EraScheduler { downstream: one.downstream, triggered_by })
        });
        EraFarm::new(builders.collect(), schedulers.collect())
    }
}

/// Reads the file. Of a builder that is in it twice the last counts.
///
/// # Errors
/// In words, where it is not of the promised shape.
pub fn parse_things(bytes: &[u8]) -> Result<EraFarm, String> {
    let all: All = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    Ok(all.farm())
}

/// Where allthethings.json is.
#[derive(Debug, Clone)]
pub struct Things {
    http: Http,
    url: Url,
}

impl Things {
    /// The file at this URL.
    pub fn new(http: Http, url: Url) -> Self {
        Self { http, url }
    }

    /// Reads it.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn read(&self) -> Result<EraFarm, HttpError> {
        let all: All = self.http.get_streamed(self.url.clone(), LARGEST).await?;
        Ok(all.farm())
    }
}
