//! Signing in. Nothing but a session's cookie opens the API: Basic and Bearer are ignored there.

use std::fmt;

use super::master::Master;
use crate::http::HttpError;

/// How somebody signs in. Neither password nor cookie is in any output, log or error.
#[derive(Clone, PartialEq, Eq)]
pub enum BuildbotCredentials {
    /// With a user and a password, on masters that know passwords.
    Password {
        /// The user.
        user: String,
        /// The password.
        password: String,
    },
    /// With a session that a browser has: the cookie's value, or `name=value`.
    Cookie(String),
}

impl fmt::Debug for BuildbotCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Password { user, .. } => {
                f.debug_struct("Password").field("user", user).finish_non_exhaustive()
            }
            Self::Cookie(_) => f.write_str("Cookie(…)"),
        }
    }
}

impl Master {
    /// Whether a session goes with every request.
    pub fn is_signed_in(&self) -> bool {
        self.http.has_cookie(&self.base)
    }

    /// The name that a session's cookie has here.
    fn cookie_name(&self) -> &'static str {
        match self.base.scheme() {
            "https" => "TWISTED_SECURE_SESSION",
            _ => "TWISTED_SESSION",
        }
    }

    /// Takes a cookie that somebody has handed in.
    ///
    /// # Errors
    /// In words, which do not have it in them.
    pub fn use_cookie(&self, cookie: &str) -> Result<(), String> {
        let cookie = match cookie.split_once('=') {
            Some((name, _)) if name.starts_with("TWISTED") => cookie.to_owned(),
            _ => format!("{}={cookie}", self.cookie_name()),
        };
        self.http.set_cookie(&self.base, &cookie)
    }

    /// Signs in with a password. The answer sets two cookies of one name; the last one counts.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn sign_in(&self, user: &str, password: &str) -> Result<(), HttpError> {
        let url = self.url(&["auth", "login"], &[]);
        let cookies = self.http.sign_in(&url, user, password).await?;
        let name = self.cookie_name();
        let session = cookies.iter().rev().find(|(known, _)| known == name).or(cookies.last());
        if let Some((name, value)) = session {
            // What a header brought a header can carry.
            let _ = self.http.set_cookie(&self.base, &format!("{name}={value}"));
        }
        Ok(())
    }
}
