//! Reads a log and prints what `mozci failures --file LOG --json` prints of it, without a CI's config:
//! `cargo run --release -p mozci-evidence --example read_json LOG [--explain]`.
#![allow(clippy::print_stdout, reason = "it is what this program is for")]

use std::fs::File;

use mozci_evidence::{Question, read};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("name a log")?;
    let explain = std::env::args().any(|argument| argument == "--explain");
    let evidence = read(File::open(path)?, &Question { explain, ..Question::default() });
    println!("{}", serde_json::to_string(&evidence)?);
    Ok(())
}
