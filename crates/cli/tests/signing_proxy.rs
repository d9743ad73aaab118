//! A stand-in for `taskcluster-proxy`: it signs what a task sends without credentials, and passes it on.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::SystemTime;

use hawk::{Credentials, Header, Key, PayloadHasher, RequestBuilder, SHA256};
use mozci_sim::SimCredentials;

use crate::proxy::{listen, read_request};

/// Starts a proxy before `target` (`http://host:port`) that signs with these credentials, and gives its URL.
pub(crate) fn start(target: &str, credentials: SimCredentials) -> String {
    let target = target.trim_start_matches("http://").trim_end_matches('/').to_owned();
    listen(move |socket| pass(socket, &target, credentials.client_id, credentials.access_token))
}

/// Signs one request, passes it and its answer on, and closes.
fn pass(mut client: TcpStream, target: &str, id: &str, token: &str) {
    let Some(request) = read_request(&mut client) else { return };
    let end = request.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let (head, body) = (String::from_utf8_lossy(&request[..end]), &request[end + 4..]);
    let mut lines = head.lines();
    let first = lines.next().unwrap_or("").to_owned();
    let mut words = first.split(' ');
    let (method, path) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let mut sent = format!("{first}\r\nhost: {target}\r\nconnection: close\r\n");
    for line in lines {
        let name = line.split(':').next().unwrap_or("").to_lowercase();
        assert_ne!(name, "authorization", "whoever goes through the proxy has no credentials");
        if !["host", "connection"].contains(&name.as_str()) {
            sent.push_str(&format!("{line}\r\n"));
        }
    }
    sent.push_str(&format!(
        "authorization: Hawk {}\r\n\r\n",
        signed(method, path, target, body, id, token)
    ));
    let Ok(mut server) = TcpStream::connect(target) else { return };
    let mut bytes = sent.into_bytes();
    bytes.extend_from_slice(body);
    let mut answer = Vec::new();
    if server.write_all(&bytes).is_ok() && server.read_to_end(&mut answer).is_ok() {
        let _ = client.write_all(&answer);
    }
}

fn signed(method: &str, path: &str, target: &str, body: &[u8], id: &str, token: &str) -> Header {
    let (host, port) = target.split_once(':').unwrap();
    let key = Key::new(token, SHA256).unwrap();
    let credentials = Credentials { id: id.to_owned(), key };
    let hash =
        (!body.is_empty()).then(|| PayloadHasher::hash("application/json", SHA256, body).unwrap());
    let request =
        RequestBuilder::new(method, host, port.parse().unwrap(), path).hash(hash.as_deref());
    let ts = SystemTime::now();
    request.request().make_header_full(&credentials, ts, "nonce").unwrap()
}
