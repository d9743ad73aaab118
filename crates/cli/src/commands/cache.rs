//! `mozci cache`

use mozci_engine::store::{CACHE_FILES, Directories, Facts};
use serde_json::{Value, json};

use crate::app::{Done, Global};
use crate::show::{Out, VERSION, plural, size};

/// Arguments of `mozci cache`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<CacheCommand>,
}

#[derive(Debug, Clone, Copy, clap::Subcommand)]
enum CacheCommand {
    /// What is kept, and how large it is (as without a subcommand)
    Size,
    /// Remove it: the next questions cost more requests. The ledger stays
    Clear,
}

/// Show or clear what is kept so as not to ask twice. The ledger is no cache and stays.
pub(crate) fn run(args: &Args, global: &Global) -> Done {
    let place = Directories::usual()?;
    let mut out = Out::stdout(global);
    match args.command.unwrap_or(CacheCommand::Size) {
        CacheCommand::Size => show(&place, &mut out)?,
        CacheCommand::Clear => {
            let bytes = place.clear_cache()?;
            out.line(&format!("removed {} from {}", size(bytes), place.cache.display()));
            if out.json {
                let path = place.cache.display().to_string();
                out.object(&json!({
                    "version": VERSION, "command": "cache", "path": path, "removed_bytes": bytes,
                }))?;
            }
        }
    }
    out.finish().map(|()| 0)
}

fn show(place: &Directories, out: &mut Out) -> Result<(), mozci_engine::Error> {
    let files = place.cache_files();
    let total: u64 = files.iter().map(|(_, bytes)| bytes).sum();
    let is_there = place.cache.join(CACHE_FILES[0]).exists();
    let contents = match is_there {
        true => Facts::open(&place.cache, "")?.contents()?,
        false => Vec::new(),
    };
    out.line(&format!("{} · {}", place.cache.display(), size(total)));
    for entry in &contents {
        out.line(&format!(
            "  {:<20} {:>8} {:>10}  {}",
            entry.kind,
            entry.count,
            size(entry.bytes),
            entry.server.trim()
        ));
    }
    let count: u64 = contents.iter().map(|entry| entry.count).sum();
    out.line(&format!("  {} that cannot change", plural(count as usize, "fact")));
    if out.json {
        let files: Vec<Value> = files
            .iter()
            .map(|(path, bytes)| json!({"path": path.display().to_string(), "bytes": bytes}))
            .collect();
        out.object(&json!({
            "version": VERSION, "command": "cache", "path": place.cache.display().to_string(),
            "bytes": total, "files": files, "facts": contents,
        }))?;
    }
    Ok(())
}
