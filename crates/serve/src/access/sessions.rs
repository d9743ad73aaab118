//! Sessions on this machine alone: a link with a token that works once, then a cookie.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::Mutex;

use super::random::{same, text};
use crate::error::ServeError;

/// How long a session lasts after it was used last.
const LASTS: Duration = Duration::from_secs(12 * 3600);

/// Sessions at the most; the oldest ends for a new one.
const MOST: usize = 100;

/// Somebody who is signed in.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    id: String,
}

/// Who may look and act.
pub(crate) struct Access {
    address: SocketAddr,
    /// The token of the link, until somebody used it.
    token: Mutex<Option<String>>,
    sessions: Mutex<HashMap<String, Instant>>,
    /// What tokens of forms are made with.
    key: String,
}

impl Access {
    /// With a new token.
    ///
    /// # Errors
    /// [`ServeError::Random`].
    pub(crate) fn new(address: SocketAddr) -> Result<Self, ServeError> {
        let (token, sessions) = (Mutex::new(Some(text()?)), Mutex::new(HashMap::new()));
        Ok(Self { address, token, sessions, key: text()? })
    }

    /// The link that signs the first person in.
    pub(crate) fn link(&self) -> String {
        let token = self.token.lock().clone().unwrap_or_default();
        format!("http://{}/signin?token={token}", self.address)
    }

    /// The name of the cookie: another one for each port, since cookies don't know ports.
    pub(crate) fn cookie(&self) -> String {
        format!("mozci-{}", self.address.port())
    }

    /// Uses the link's token up: the id of a new session.
    ///
    /// # Errors
    /// [`ServeError::Random`].
    pub(crate) fn sign_in(&self, token: &str) -> Result<Option<String>, ServeError> {
        let mut known = self.token.lock();
        if !known.as_deref().is_some_and(|known| same(known, token)) {
            return Ok(None);
        }
        let id = text()?;
        *known = None;
        let mut sessions = self.sessions.lock();
        if sessions.len() >= MOST
            && let Some(oldest) =
                sessions.iter().min_by_key(|(_, at)| **at).map(|(id, _)| id.clone())
        {
            sessions.remove(&oldest);
        }
        sessions.insert(id.clone(), Instant::now());
        Ok(Some(id))
    }

    /// The session of a cookie's value, while it lasts.
    pub(crate) fn session(&self, id: &str) -> Option<Session> {
        let mut sessions = self.sessions.lock();
        sessions.retain(|_, at| at.elapsed() < LASTS);
        let used = sessions.get_mut(id)?;
        *used = Instant::now();
        Some(Session { id: id.to_owned() })
    }

    /// Ends a session.
    pub(crate) fn sign_out(&self, session: &Session) {
        self.sessions.lock().remove(&session.id);
    }

    /// The token that forms of a session carry.
    pub(crate) fn form_token(&self, session: &Session) -> String {
        URL_SAFE_NO_PAD.encode(hmac_sha256::HMAC::mac(session.id.as_bytes(), self.key.as_bytes()))
    }

    /// Whether a form was made for this session.
    pub(crate) fn is_form_token(&self, session: &Session, token: &str) -> bool {
        same(&self.form_token(session), token)
    }

    /// Whether a request's `Host` means this service: pages of others that lead their name here do not.
    pub(crate) fn is_host(&self, host: &str) -> bool {
        let port = self.address.port();
        let ip = self.address.ip();
        let names = [format!("{}", self.address), format!("localhost:{port}")];
        // Browsers leave the usual port out.
        let usual = port == 80 && (host == "localhost" || host == ip.to_string());
        usual || names.iter().any(|name| name == host)
    }

    /// Whether an `Origin` is this service's.
    pub(crate) fn is_origin(&self, origin: &str) -> bool {
        origin.strip_prefix("http://").is_some_and(|host| self.is_host(host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_works_once_and_a_form_for_its_session_alone() {
        let access = Access::new("127.0.0.1:4444".parse().expect("an address")).expect("random");
        let link = access.link();
        let token = link.rsplit_once('=').expect("a token").1.to_owned();
        assert!(access.sign_in("wrong").expect("random").is_none());
        let id = access.sign_in(&token).expect("random").expect("a session");
        assert!(access.sign_in(&token).expect("random").is_none(), "it works once");
        let session = access.session(&id).expect("signed in");
        assert!(access.is_form_token(&session, &access.form_token(&session)));
        let other = Session { id: "other".into() };
        assert!(!access.is_form_token(&other, &access.form_token(&session)));
        access.sign_out(&session);
        assert!(access.session(&id).is_none());
        assert!(access.is_host("localhost:4444") && !access.is_host("evil.example:4444"));
        assert!(
            access.is_origin("http://127.0.0.1:4444")
                && !access.is_origin("https://127.0.0.1:4444")
        );
    }
}
