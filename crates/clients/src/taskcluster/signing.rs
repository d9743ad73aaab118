//! Hawk signatures for reads that a deployment refuses to strangers. Acts go through the official
//! client, which signs by itself.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hawk::{Credentials, Key, RequestBuilder, SHA256};
use reqwest::Method;
use reqwest::header::HeaderValue;
use serde_json::{Value, json};
use url::Url;

use super::acts::TaskclusterCredentials;
use crate::http::Signer;

/// What signs requests with these credentials; in words why they cannot be used.
pub(super) fn signer(given: &TaskclusterCredentials) -> Result<Signer, String> {
    let key = Key::new(&given.access_token, SHA256).map_err(|error| error.to_string())?;
    let credentials = Credentials { id: given.client_id.clone(), key };
    // Temporary credentials are told by their certificate.
    let ext = match &given.certificate {
        None => None,
        Some(text) => {
            let certificate: Value = serde_json::from_str(text)
                .map_err(|_| "TASKCLUSTER_CERTIFICATE is not JSON".to_owned())?;
            Some(STANDARD.encode(json!({"certificate": certificate}).to_string()))
        }
    };
    Ok(Arc::new(move |method: &Method, url: &Url| {
        let port = url.port_or_known_default()?;
        let path = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let request = RequestBuilder::new(method.as_str(), url.host_str()?, port, &path);
        let request = request.ext(ext.as_deref()).request();
        let header = request.make_header(&credentials).ok()?;
        HeaderValue::from_str(&format!("Hawk {header}")).ok()
    }))
}
