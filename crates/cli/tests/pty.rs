//! The program on a pseudo-terminal.

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZero;
use std::process::{Child, Command};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use nix::pty::{Winsize, openpty};

/// How long a test waits for a text on the screen, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);

/// Rows of the terminal.
const ROWS: NonZero<u16> = NonZero::new(40).unwrap();

/// What the program wrote so far.
struct Written {
    parser: vt100::Parser,
    bytes: Vec<u8>,
    ended: bool,
}

/// A program that runs on a pseudo-terminal.
pub(crate) struct Terminal {
    keyboard: File,
    child: Child,
    written: Arc<(Mutex<Written>, Condvar)>,
}

impl Terminal {
    /// Starts a command on a terminal of so many columns and 40 rows.
    pub(crate) fn start(inner: Command, columns: u16) -> Self {
        // The terminal is the program's own, so that keys such as Ctrl-C reach it as signals.
        let mut command = Command::new("setsid");
        command.arg("--ctty").arg(inner.get_program()).args(inner.get_args()).env_clear();
        for (key, value) in inner.get_envs() {
            if let Some(value) = value {
                command.env(key, value);
            }
        }
        let size = Winsize { ws_row: ROWS.get(), ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(&size, None).unwrap();
        let slave = File::from(pty.slave);
        command
            .env("TERM", "xterm-256color")
            .env("LANG", "C.UTF-8")
            .stdin(slave.try_clone().unwrap())
            .stdout(slave.try_clone().unwrap())
            .stderr(slave);
        let child = command.spawn().unwrap();
        // Only the child holds the other end: reading ends with it.
        drop(command);
        let keyboard = File::from(pty.master);
        let mut screen = keyboard.try_clone().unwrap();
        let parser = vt100::Parser::new(ROWS, NonZero::new(columns).unwrap(), 1000);
        let written = Written { parser, bytes: Vec::new(), ended: false };
        let written = Arc::new((Mutex::new(written), Condvar::new()));
        let shared = Arc::clone(&written);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            loop {
                let read = screen.read(&mut buffer).unwrap_or(0);
                let mut written = shared.0.lock().unwrap();
                written.parser.process(&buffer[..read]);
                written.bytes.extend_from_slice(&buffer[..read]);
                written.ended |= read == 0;
                shared.1.notify_all();
                if read == 0 {
                    return;
                }
            }
        });
        Self { keyboard, child, written }
    }

    /// Types a text.
    pub(crate) fn types(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).unwrap();
    }

    /// Waits until the screen shows a text, and gives the screen.
    pub(crate) fn until(&self, text: &str) -> String {
        let until = Instant::now() + PATIENCE;
        let mut written = self.written.0.lock().unwrap();
        loop {
            let screen = written.parser.screen().contents();
            if screen.contains(text) {
                return screen;
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero() && !written.ended, "{text:?} is not shown:\n{screen}");
            written = self.written.1.wait_timeout(written, left).unwrap().0;
        }
    }

    /// Waits until the program has ended: its exit status, the last screen, and all bytes as text.
    pub(crate) fn end(mut self) -> (i32, String, String) {
        let status = self.child.wait().unwrap().code().unwrap_or(-1);
        let mut written = self.written.0.lock().unwrap();
        while !written.ended {
            let (next, out) = self.written.1.wait_timeout(written, PATIENCE).unwrap();
            assert!(!out.timed_out());
            written = next;
        }
        let all = String::from_utf8_lossy(&written.bytes).into_owned();
        (status, written.parser.screen().contents(), all)
    }
}
