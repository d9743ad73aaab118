//! Files that a user names: opened so that nothing hangs and nothing is without an end.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::mpsc::channel;
use std::time::Duration;

/// How long a pipe may wait for somebody who writes into it.
const WRITER: Duration = Duration::from_secs(5);

/// Opens a file, or a pipe into which somebody writes.
///
/// # Errors
/// An I/O error; of the kind [`InvalidInput`](io::ErrorKind::InvalidInput) for a folder, a device or a
/// socket, and [`TimedOut`](io::ErrorKind::TimedOut) for a pipe without a writer.
pub fn open(path: &Path) -> io::Result<File> {
    let kind = std::fs::metadata(path)?.file_type();
    let odd = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, what.to_owned());
    if kind.is_dir() {
        return Err(odd("it is a folder"));
    }
    if kind.is_file() {
        return File::open(path);
    }
    if !is_pipe(kind) {
        return Err(odd("it is a device or a socket, not a file"));
    }
    // Opening a pipe waits for a writer, which nothing but the end of the process interrupts.
    let (sender, opened) = channel();
    let path = path.to_owned();
    std::thread::spawn(move || sender.send(File::open(path)));
    opened.recv_timeout(WRITER).unwrap_or_else(|_| {
        let text = format!("it is a pipe into which nobody writes ({} s)", WRITER.as_secs());
        Err(io::Error::new(io::ErrorKind::TimedOut, text))
    })
}

/// Reads a file of no more than `most` bytes.
///
/// # Errors
/// As [`open`]; [`FileTooLarge`](io::ErrorKind::FileTooLarge) where it has more.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        let text = format!("it has more than {} MiB", most >> 20);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
    }
    Ok(bytes)
}

#[cfg(unix)]
fn is_pipe(kind: std::fs::FileType) -> bool {
    use std::os::unix::fs::FileTypeExt;
    kind.is_fifo()
}

#[cfg(not(unix))]
fn is_pipe(_kind: std::fs::FileType) -> bool {
    false
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn devices_folders_and_large_files_are_refused_and_pipes_are_read() {
        for path in ["/dev/urandom", "/dev/zero", "/dev/null", "/"] {
            let error = open(Path::new(path)).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{path}: {error}");
        }
        let folder = tempfile::tempdir().unwrap();
        let (file, pipe) = (folder.path().join("file"), folder.path().join("pipe"));
        std::fs::write(&file, "12345").unwrap();
        assert_eq!(read(&file, 5).unwrap(), b"12345");
        assert_eq!(read(&file, 4).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        let writer = {
            let pipe = pipe.clone();
            std::thread::spawn(move || std::fs::write(pipe, "through"))
        };
        assert_eq!(read(&pipe, 100).unwrap(), b"through");
        writer.join().unwrap().unwrap();
        assert_eq!(open(&pipe).unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
