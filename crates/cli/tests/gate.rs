//! A gate before a real Buildbot master: it shuts paths, loses answers, takes filters away.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What the gate does.
#[derive(Debug, Default, Clone)]
pub(crate) struct Manners {
    /// Paths below these are not there.
    pub(crate) shut: Vec<&'static str>,
    /// Answers to forcing are lost: the master gets the request and does it.
    pub(crate) loses: bool,
    /// Filters by time never reach the master, as where it ignores them.
    pub(crate) ignores: bool,
}

/// Starts a gate before `target` (`http://host:port`) and gives its URL and what governs it.
pub(crate) fn start(target: &str) -> (String, Arc<Mutex<Manners>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let manners: Arc<Mutex<Manners>> = Arc::default();
    let target = target.trim_start_matches("http://").to_owned();
    let shared = Arc::clone(&manners);
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let (target, manners) = (target.clone(), Arc::clone(&shared));
            std::thread::spawn(move || pass(socket, &target, &manners));
        }
    });
    (url, manners)
}

/// Passes one request, and whatever comes back for as long as it comes.
fn pass(mut client: TcpStream, target: &str, manners: &Mutex<Manners>) -> Option<()> {
    let request = crate::proxy::read_request(&mut client)?;
    let manners = manners.lock().unwrap().clone();
    let text = String::from_utf8(request).ok()?;
    let (first, rest) = text.split_once("\r\n")?;
    let path = first.split(' ').nth(1)?;
    if manners.shut.iter().any(|shut| path.starts_with(shut)) {
        let nothing = "HTTP/1.1 404 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        return client.write_all(nothing.as_bytes()).ok();
    }
    let mut first = first.to_owned();
    if manners.ignores {
        // A filter that a master does not know brings everything.
        for name in ["submitted_at__ge", "started_at__ge"] {
            first = first.replace(name, &format!("odd_{name}"));
        }
    }
    let mut server = TcpStream::connect(target).ok()?;
    server.write_all(format!("{first}\r\nConnection: close\r\n{rest}").as_bytes()).ok()?;
    let loses = manners.loses && first.starts_with("POST /api/v2/forceschedulers");
    // What the client says later, on a WebSocket, is never passed on.
    let mut chunk = [0u8; 1 << 16];
    loop {
        let read = server.read(&mut chunk).ok().filter(|read| *read > 0);
        match read {
            // The request was read, and nothing of its answer is passed on.
            Some(_) if loses => return client.shutdown(Shutdown::Both).ok(),
            Some(read) => client.write_all(&chunk[..read]).ok()?,
            None => return client.shutdown(Shutdown::Both).ok(),
        }
    }
}
