//! `mozci doctor`

use mozci_engine::Kind;
use mozci_engine::flow::{Health, doctor};
use serde_json::{Value, json};

use crate::app::Done;
use crate::context::Context;
use crate::failure;
use crate::show::{Out, Table, column, health_word, top};
use crate::stats::Stats;

/// Arguments of `mozci doctor`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Check each source of a repository: reachable, authorised, responses valid, clocks, lag.
pub(crate) async fn run(_: Args, context: &Context, out: &mut Out, stats: &Stats) -> Done {
    context.progress("contacting each service");
    let checks = doctor(&context.ci).await;
    let mut table = Table::new([
        column("state"),
        column("service"),
        column("check"),
        column("took").right().drops(1),
        column("detail").wraps(16),
    ]);
    for check in &checks {
        table.row([
            health_word(check.health).to_owned(),
            check.source.to_string(),
            check.check.to_string(),
            format!("{} ms", check.ms),
            check.detail.clone(),
        ]);
    }
    out.table(table);
    let failed = checks.iter().filter(|check| check.health == Health::Fail).count();
    if out.json {
        let mut object = top("doctor", context);
        object.insert("checks".into(), json!(checks));
        if let Some(costs) = stats.json(context)? {
            object.insert("stats".into(), costs);
        }
        out.object(&Value::Object(object))?;
    }
    Ok(if failed == 0 { 0 } else { failure::exit_status(Kind::Service) })
}
