//! What a master tells of itself.

use serde::Deserialize;

use super::master::Master;
use crate::http::HttpError;

/// What a master tells of itself at `/config`, which is there for its own pages.
#[derive(Debug, Clone, Default)]
pub struct About {
    /// Its version, where it tells.
    pub version: Option<String>,
    /// How people sign in: `NoAuth`, `UserPasswordAuth`, `GitHub`.
    pub auth: Option<String>,
    /// Who we are to it; none where it does not know us.
    pub user: Option<String>,
    /// Its own idea of where it is.
    pub url: Option<String>,
}

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    versions: Vec<Vec<String>>,
    auth: Option<Auth>,
    user: Option<User>,
    #[serde(rename = "buildbotURL")]
    url: Option<String>,
}

#[derive(Deserialize)]
struct Auth {
    name: Option<String>,
}

#[derive(Deserialize)]
struct User {
    #[serde(default)]
    anonymous: bool,
    username: Option<String>,
    full_name: Option<String>,
    email: Option<String>,
}

impl About {
    /// The version's first two numbers.
    pub fn number(&self) -> Option<(u32, u32)> {
        let mut parts = self.version.as_ref()?.split('.');
        let major = parts.next()?.parse().ok()?;
        // `4.0rc1` has a word behind its number.
        let minor = parts.next().unwrap_or("0");
        let digits = minor.find(|c: char| !c.is_ascii_digit()).unwrap_or(minor.len());
        Some((major, minor[..digits].parse().ok()?))
    }
}

impl Master {
    /// What the master tells of itself.
    ///
    /// # Errors
    /// [`HttpError`]; old masters have no such page.
    pub async fn about(&self) -> Result<About, HttpError> {
        let url = self.url(&["config"], &[]);
        let config: Config = self.http.get(url).await.map_err(|error| self.explain(error))?;
        let version = config.versions.into_iter().find_map(|pair| match pair.as_slice() {
            [name, version] if name == "Buildbot" => Some(version.clone()),
            _ => None,
        });
        let user = config.user.filter(|user| !user.anonymous);
        Ok(About {
            version,
            auth: config.auth.and_then(|auth| auth.name),
            user: user.and_then(|user| user.username.or(user.email).or(user.full_name)),
            url: config.url,
        })
    }
}
