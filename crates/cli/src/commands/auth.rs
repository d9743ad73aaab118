//! `mozci auth`

use mozci_engine::Kind;
use mozci_engine::config::credentials;
use mozci_engine::flow::{Health, doctor};
use serde_json::{Value, json};

use crate::app::Done;
use crate::context::Context;
use crate::failure;
use crate::show::{Out, Table, column, health_word, top};

/// Arguments of `mozci auth`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Where credentials come from, and what they allow
    Status,
}

/// Says where credentials come from, and what they allow. Secrets are not shown.
pub(crate) async fn run(args: Args, context: &Context, out: &mut Out) -> Done {
    let What::Status = args.what;
    let source = match &context.sim {
        Some(_) => "the simulated CI's own".to_owned(),
        None => credentials(&context.config, |name| std::env::var(name).ok())?.words(),
    };
    context.progress("checking what the credentials allow");
    let checks = doctor(&context.ci).await;
    let about: Vec<_> = checks.iter().filter(|check| is_about(check.check)).collect();
    out.heading(&format!("Credentials for {}", context.ci.root_url));
    out.line(&format!("from: {source}"));
    let mut table = Table::new([column("state"), column("check"), column("detail").wraps(20)]);
    for check in &about {
        table.row([
            health_word(check.health).to_owned(),
            check.check.to_string(),
            check.detail.clone(),
        ]);
    }
    if about.is_empty() {
        out.line("this kind of CI does not say what they allow before they are used");
    } else {
        out.table(table);
    }
    if out.json {
        let mut object = top("auth", context);
        object.insert("source".into(), json!(source));
        object.insert("checks".into(), json!(about));
        out.object(&Value::Object(object))?;
    }
    let fails = about.iter().any(|check| check.health == Health::Fail);
    Ok(if fails { failure::exit_status(Kind::NotAllowed) } else { 0 })
}

/// Whether a check is about what credentials allow.
fn is_about(check: &str) -> bool {
    ["scope", "session", "user", "acting", "forcing", "may be used"]
        .iter()
        .any(|word| check.contains(word))
}
