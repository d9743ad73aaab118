//! `mozci taskgraph-action`

use mozci_clients::taskcluster::{CALLBACKS, schema};
use mozci_engine::Error;
use serde_json::json;
use url::Url;

use crate::app::{Done, Global};
use crate::commands::completions::write;
use crate::failure;

/// Arguments of `mozci taskgraph-action`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What the action is called that backfills. As `backfill` it is what Treeherder's Backfill button runs
    #[arg(long, value_name = "NAME", default_value = "backfill")]
    name: String,
    /// Its place among the tree's actions; the first of a name wins, and Gecko's own backfill has 200
    #[arg(long, value_name = "N", default_value_t = 190)]
    order: u32,
    /// The permission by which the hook and the role are called
    #[arg(long, value_name = "NAME", default_value = "backfill")]
    permission: String,
    /// Where an action's task downloads the program; without it the image has to have it
    #[arg(long, value_name = "URL", requires = "sha256")]
    url: Option<String>,
    /// What the program has to hash to
    #[arg(long, value_name = "HASH", requires = "url")]
    sha256: Option<String>,
    /// mozci's config, as a path in the tree [default: what the program knows by itself]
    #[arg(long, value_name = "PATH")]
    config_in_tree: Option<String>,
}

/// The file, with `@NAMES@` for what differs.
const FILE: &str = include_str!("taskgraph_action/mozci.py");

/// Writes the Python file by which a tree offers mozci's actions.
pub(crate) fn run(args: &Args, global: &Global) -> Done {
    let word = |text: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        match !text.is_empty() && text.len() <= 50 && text.chars().all(fits) {
            true => Ok(()),
            false => Err(Error::Usage(format!(
                "{text:?} is not a valid name: letters, digits, `-` and `_`, at most 50 of them"
            ))),
        }
    };
    word(&args.name)?;
    word(&args.permission)?;
    if CALLBACKS[1..].contains(&args.name.as_str()) {
        return Err(Error::Usage(format!(
            "--name {}: that is what another of mozci's actions is called, and Treeherder keeps the first of a name",
            args.name
        )));
    }
    if let Some(url) = &args.url {
        let parsed = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        if parsed.is_none_or(|url| url.host_str().is_none()) {
            return Err(Error::Usage(format!(
                "--url takes the URL of a download, and {url:?} is not one"
            )));
        }
    }
    if let Some(hash) = &args.sha256
        && !(hash.len() == 64 && hash.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')))
    {
        return Err(Error::Usage(format!(
            "--sha256 takes 64 hexadecimal digits in lower case, and {hash:?} is something else"
        )));
    }
    let mut text = FILE.to_owned();
    let values = [
        ("VERSION", env!("CARGO_PKG_VERSION").to_owned()),
        ("NAME", quoted(Some(&args.name))),
        ("ORDER", args.order.to_string()),
        ("PERMISSION", args.permission.clone()),
        ("QUOTED_PERMISSION", quoted(Some(&args.permission))),
        ("URL", quoted(args.url.as_deref())),
        ("SHA256", quoted(args.sha256.as_deref())),
        ("CONFIG", quoted(args.config_in_tree.as_deref())),
        ("SCHEMA_BACKFILL", schema_of(CALLBACKS[0])),
        ("SCHEMA_BISECT", schema_of(CALLBACKS[1])),
        ("SCHEMA_RETRIGGER", schema_of(CALLBACKS[2])),
    ];
    for (name, value) in values {
        text = text.replace(&format!("@{name}@"), &value);
    }
    if !global.quiet {
        failure::say(
            "note: save it as taskcluster/<project>_taskgraph/actions/mozci.py; its first lines say what else it needs",
        );
    }
    write(text.as_bytes())
}

/// A text as Python writes it: JSON's strings are Python's, too.
fn quoted(text: Option<&str>) -> String {
    text.map_or("None".to_owned(), |text| json!(text).to_string())
}

/// A schema as JSON, on lines of its own.
fn schema_of(callback: &str) -> String {
    schema(callback).map_or(String::new(), |schema| format!("\n{schema:#}\n"))
}
