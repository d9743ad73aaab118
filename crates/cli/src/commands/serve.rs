//! `mozci serve`

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mozci_engine::Error;
use mozci_serve::{Options, ServeError, start};
use serde_json::{Value, json};

use crate::app::{Done, Interrupt};
use crate::context::Context;
use crate::desk::browser;
use crate::failure;
use crate::show::{Out, top};

/// Arguments of `mozci serve`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where it listens: an address of this machine alone. Port 0 is any free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8600")]
    listen: SocketAddr,
    /// Another repository that is watched, by its name in the config; may be repeated
    #[arg(long = "watch", value_name = "NAME")]
    watch: Vec<String>,
    /// Pushes that are watched, the newest
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pushes: u32,
    /// Open the page in the browser
    #[arg(long)]
    open: bool,
}

/// How often the CI is read unless the config says it, in seconds.
const POLL: f64 = 30.0;

/// Serves pages until it is interrupted.
pub(crate) async fn run(
    args: Args,
    context: Context,
    out: &mut Out,
    interrupt: &Interrupt,
) -> Done {
    let mut repos = vec![context.ci.repo.to_string()];
    for name in args.watch {
        if !repos.contains(&name) {
            repos.push(name);
        }
    }
    let every =
        Duration::from_secs_f64(context.config.poll_seconds.unwrap_or(POLL).clamp(0.05, 3600.0));
    let (ci, program) = (context.ci_name.clone(), context.program());
    let head = top("serve", &context);
    // The program ends by itself when it is interrupted: what is being sent is finished first.
    interrupt.acting.store(true, std::sync::atomic::Ordering::Relaxed);
    let options = Options {
        listen: args.listen,
        ci,
        repos,
        open: Arc::new(context),
        pushes: args.pushes,
        every,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        program,
    };
    let running = start(options).await.map_err(error_of)?;
    out.line(&format!("mozci serves on http://{}; Ctrl-C ends it", running.address));
    out.line(&format!("open this link, which works once: {}", running.link));
    if out.json {
        let mut object = head;
        object.insert("address".into(), json!(running.address.to_string()));
        object.insert("link".into(), json!(running.link));
        out.object(&Value::Object(object))?;
    }
    out.flush();
    if args.open
        && let Err(error) = browser::open(&running.link)
    {
        failure::say(&format!("note: {error}"));
    }
    running.until(interrupt.stop.cancelled()).await.map_err(error_of)?;
    Ok(0)
}

fn error_of(error: ServeError) -> Error {
    match error {
        ServeError::Engine(error) => error,
        ServeError::Listen { .. } | ServeError::NotLoopback(_) => Error::Usage(error.to_string()),
        other => Error::Odd(other.to_string()),
    }
}
