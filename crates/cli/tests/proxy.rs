//! A proxy before the simulated Taskcluster that loses what it is told to lose.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// What the proxy loses.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    /// The answers to triggers: the server gets them and does them.
    pub(crate) answers: AtomicBool,
    /// The triggers themselves: the server never gets them.
    pub(crate) triggers: AtomicBool,
    /// Whether what hooks fired lately cannot be read.
    pub(crate) fires: AtomicBool,
    /// Triggers that were seen.
    pub(crate) seen: AtomicUsize,
}

/// Starts a proxy before `target` (`http://host:port`) and gives its URL.
pub(crate) fn start(target: &str) -> (String, Arc<Losses>) {
    let losses = Arc::new(Losses::default());
    let target = target.trim_start_matches("http://").to_owned();
    let shared = Arc::clone(&losses);
    (listen(move |socket| pass(socket, &target, &shared)), losses)
}

/// Answers each connection on a thread of its own, and gives the URL.
pub(crate) fn listen(answer: impl Fn(TcpStream) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            std::thread::spawn(move || answer(socket));
        }
    });
    url
}

/// Passes one request and its answer, and closes.
fn pass(mut client: TcpStream, target: &str, losses: &Losses) {
    let Some(request) = read_request(&mut client) else { return };
    let text = String::from_utf8_lossy(&request).into_owned();
    let first = text.lines().next().unwrap_or("").to_owned();
    let is_trigger = first.starts_with("POST") && first.contains("/trigger ");
    if is_trigger {
        losses.seen.fetch_add(1, Ordering::SeqCst);
        if losses.triggers.load(Ordering::SeqCst) {
            let _ = client.shutdown(Shutdown::Both);
            return;
        }
    }
    if first.contains("/last-fires") && losses.fires.load(Ordering::SeqCst) {
        let _ = client
            .write_all(b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        return;
    }
    let Ok(mut server) = TcpStream::connect(target) else { return };
    // One request a connection: the server closes when it has answered.
    let closing = text.replacen("\r\n", "\r\nconnection: close\r\n", 1);
    if server.write_all(closing.as_bytes()).is_err() {
        return;
    }
    let mut answer = Vec::new();
    let _ = server.read_to_end(&mut answer);
    if is_trigger && losses.answers.load(Ordering::SeqCst) {
        let _ = client.shutdown(Shutdown::Both);
        return;
    }
    let _ = client.write_all(&answer);
}

pub(crate) fn read_request(client: &mut TcpStream) -> Option<Vec<u8>> {
    let mut request = Vec::new();
    let mut chunk = [0u8; 4096];
    loop {
        let read = client.read(&mut chunk).ok().filter(|read| *read > 0)?;
        request.extend_from_slice(&chunk[..read]);
        let text = String::from_utf8_lossy(&request);
        if let Some(end) = text.find("\r\n\r\n") {
            let length = text
                .lines()
                .find_map(|line| {
                    line.to_lowercase()
                        .strip_prefix("content-length:")?
                        .trim()
                        .parse::<usize>()
                        .ok()
                })
                .unwrap_or(0);
            if request.len() >= end + 4 + length {
                return Some(request);
            }
        }
    }
}
