//! A proxy before a broker that cuts connections in the middle of whatever they carry.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

/// What becomes of connections.
#[derive(Debug)]
pub(crate) struct Cuts {
    /// Bytes from the broker after which the next connections are cut, each after its own; the rest are
    /// let through.
    pub(crate) after: Vec<i64>,
    /// Connections so far.
    pub(crate) connections: AtomicUsize,
}

/// Starts a proxy before `target` (`amqp://host:port`) and gives its URL.
pub(crate) fn start(target: &str, after: Vec<i64>) -> (String, Arc<Cuts>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("amqp://{}", listener.local_addr().unwrap());
    let cuts = Arc::new(Cuts { after, connections: AtomicUsize::new(0) });
    let (target, shared) = (target.trim_start_matches("amqp://").to_owned(), Arc::clone(&cuts));
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(server) = TcpStream::connect(&target) else { continue };
            let n = shared.connections.fetch_add(1, Ordering::Relaxed);
            let left = shared.after.get(n).copied().unwrap_or(i64::MAX);
            pass(client.try_clone().unwrap(), server.try_clone().unwrap(), i64::MAX);
            pass(server, client, left);
        }
    });
    (url, cuts)
}

/// Passes on what comes from one side, up to so many bytes; then both sides are cut off.
fn pass(mut from: TcpStream, mut to: TcpStream, left: i64) {
    std::thread::spawn(move || {
        let left = AtomicI64::new(left);
        let mut buffer = [0u8; 4096];
        while let Ok(n @ 1..) = from.read(&mut buffer) {
            let before = left.fetch_sub(n as i64, Ordering::Relaxed);
            let n = n.min(usize::try_from(before).unwrap_or(0));
            if to.write_all(&buffer[..n]).is_err() || before <= n as i64 {
                break;
            }
        }
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    });
}
