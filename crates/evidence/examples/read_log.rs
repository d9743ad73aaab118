//! Reads a log and prints how fast: `cargo run --release -p mozci-evidence --example read_log FILE`.
#![allow(clippy::print_stdout, reason = "it is what this program is for")]

use std::fs::File;
use std::time::Instant;

use mozci_evidence::{Question, read};

fn main() -> std::io::Result<()> {
    for path in std::env::args().skip(1) {
        let started = Instant::now();
        let evidence = read(File::open(&path)?, &Question::default());
        let seconds = started.elapsed().as_secs_f64();
        println!(
            "{path}: {} failures in {} lines, {:.2} GB/s",
            evidence.total,
            evidence.lines,
            evidence.bytes as f64 / seconds / 1e9
        );
    }
    Ok(())
}
