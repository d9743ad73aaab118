//! `mozci open`

use mozci_core::push::PushRef;
use mozci_core::revision_name::RevisionName;
use mozci_core::run_spec::RunSpec;
use mozci_engine::Error;
use mozci_engine::flow::{find_run, resolve, spelled};
use serde_json::{Value, json};

use crate::app::Done;
use crate::context::Context;
use crate::desk::browser;
use crate::show::{Out, top};

/// Arguments of `mozci open`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A push (`tip`, a push id, a hash, `HEAD`), or a run (a task id, a link to a task or build)
    #[arg(value_name = "PUSH|RUN", default_value = "tip")]
    what: String,
    /// Print the address, and open nothing
    #[arg(long, short)]
    print: bool,
}

impl Args {
    /// The repository that a link names.
    pub(crate) fn named_repo(&self) -> Option<String> {
        crate::args::named_repo(&self.what.parse().ok()?)
    }
}

/// Opens the page of a push or a run in the browser.
pub(crate) async fn run(args: Args, context: &Context, out: &mut Out) -> Done {
    let url = address(&args.what, context).await?;
    if out.json {
        let mut object = top("open", context);
        object.insert("url".into(), json!(url));
        out.object(&Value::Object(object))?;
    } else {
        out.line(&url);
    }
    if !args.print && !out.json {
        browser::open(&url)?;
    }
    Ok(0)
}

/// The page of what is named.
async fn address(what: &str, context: &Context) -> Result<String, Error> {
    let ci = &context.ci;
    if let Ok(run) = what.parse::<RunSpec>() {
        // What is no task may still be a push that looks like one.
        context.progress("finding the run");
        let found = find_run(ci, &run).await?;
        return ci
            .link(found.run.key.request)
            .ok_or_else(|| Error::NotFound(format!("{what} has no page of its own")));
    }
    let name: RevisionName = what.parse().map_err(|error| Error::Usage(format!("{error}")))?;
    context.progress("finding the push");
    let push = resolve(ci, &spelled(ci, &name).await?).await?;
    ci.page_of(&PushRef::from(&push)).ok_or_else(|| {
        Error::NotFound(format!(
            "push {} has no page: the config names no server that shows pushes",
            push.id
        ))
    })
}
