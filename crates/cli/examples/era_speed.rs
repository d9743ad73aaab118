//! How fast the Buildbot-era sources are read: `era_speed dump FILE` reads a dump as commands do, off a
//! file, on one thread; `era_speed mapping PAIRS` makes an allthethings.json of test → build pairs (JSON,
//! one object) and finds each test's build.
#![allow(clippy::print_stdout, reason = "it prints what it measured")]

use std::time::Instant;

use anyhow::{Context, bail};
use mozci_clients::buildapi::{parse_things, read_dump};
use mozci_core::era::Build;
use mozci_sim::all_the_things;
use serde_json::{Value, json};

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let told = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["dump", file] => dump(file)?,
        ["mapping", file] => mapping(file)?,
        _ => bail!("usage: era_speed dump FILE | mapping PAIRS"),
    };
    println!("{told}");
    Ok(())
}

fn dump(file: &str) -> anyhow::Result<Value> {
    let source = std::fs::File::open(file)?;
    let started = Instant::now();
    // What a command wants of a day: the rows of one revision.
    let read = read_dump(source, &|row| row.revision.starts_with("00000000"));
    let seconds = started.elapsed().as_secs_f64();
    if let Some(broke) = read.broke {
        bail!("{file}: {broke}");
    }
    let peak = peak_memory().context("how much memory it held")?;
    Ok(
        json!({"rows": read.seen, "kept": read.rows.len(), "seconds": seconds, "peak_rss_kib": peak}),
    )
}

fn mapping(file: &str) -> anyhow::Result<Value> {
    let pairs: std::collections::BTreeMap<String, String> =
        serde_json::from_slice(&std::fs::read(file)?)?;
    let each = pairs.iter().map(|(test, build)| (test.as_str(), build.as_str()));
    let text = all_the_things(each, []).to_string();
    let started = Instant::now();
    let farm = parse_things(text.as_bytes()).map_err(anyhow::Error::msg)?;
    let parsed = started.elapsed().as_secs_f64() * 1000.0;
    let started = Instant::now();
    let right = pairs
        .iter()
        .filter(|(test, build)| farm.build_of(test) == Build::Builder(build.as_str()))
        .count();
    let mapped = started.elapsed().as_secs_f64() * 1000.0;
    Ok(
        json!({"tests": pairs.len(), "right": right, "bytes": text.len(), "parse_ms": parsed, "map_ms": mapped}),
    )
}

/// The most memory that this program ever held, in KiB.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}
