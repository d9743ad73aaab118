//! What `mozci flakiness` says.

use mozci_core::flakiness::Tally;
use mozci_core::push::PushRef;
use mozci_core::rate::{Rate, runs_to_see};
use mozci_engine::Error;
use mozci_engine::flow::Matrix;
use serde_json::{Map, Value, json};

use super::{Args, Flakiness};
use crate::context::Context;
use crate::show::{Out, Table, column, plural, rate_words, shell_word, top};
use crate::stats::Stats;
use mozci_core::rate::percent;
use mozci_engine::drive::search::push_json;

/// Writes lines for people.
pub(super) fn show(
    args: &Args,
    flakiness: &Flakiness,
    matrix: &Matrix,
    pushes: usize,
    context: &Context,
    out: &mut Out,
) {
    let repo = &context.ci.repo;
    out.heading(&format!(
        "{repo} · {} · {}",
        plural(pushes, "push"),
        plural(matrix.jobs.len(), "job")
    ));
    let all = &flakiness.all;
    let rate = all.rate();
    out.line(&match rate.runs {
        0 => "no run has a result".to_owned(),
        _ => format!("fails {}", rate_words(&rate)),
    });
    if all.retried > 0 {
        let again = all.rate_after_retry();
        out.line(&format!("run again after a failure it failed {}", rate_words(&again)));
    }
    for (count, why) in [
        (all.infra, "ended by the infrastructure, a person or a deadline"),
        (all.unknown, "that have no information on it"),
        (all.not_run, "that it was not part of"),
    ] {
        if count > 0 {
            out.line(&format!("left out: {} {why}", plural(count as usize, "run")));
        }
    }
    let sure = percent(args.confidence);
    match (runs_to_see(rate.rate, args.confidence), runs_to_see(rate.low, args.confidence)) {
        (Some(runs), Some(most)) => out.line(&format!(
            "{} show it once with {sure} ({most} if the true rate is at the low end of the interval); as many passes in a row confirm a fix",
            plural(runs as usize, "run")
        )),
        _ if rate.runs > 0 => {
            let most = Rate::of(0, rate.runs).high;
            let runs = runs_to_see(most, args.confidence).unwrap_or(0);
            out.line(&format!(
                "it never failed here: its rate is below {}; another {} would show that rate with {sure}",
                percent(most),
                plural(runs as usize, "run")
            ));
        }
        _ => {}
    }
    if out.is_csv() {
        rows(out, "platform", vec![("all".to_owned(), all)]);
    }
    if flakiness.platforms.len() > 1 {
        out.line("");
        rows(
            out,
            "platform",
            flakiness.platforms.iter().map(|(name, tally)| (name.clone(), tally)).collect(),
        );
    }
    if flakiness.windows.len() > 1 && rate.failures > 0 {
        out.line("");
        let named = flakiness.windows.iter().rev();
        let named =
            named.map(|(oldest, newest, tally)| (format!("{} – {}", oldest.id, newest.id), tally));
        rows(out, "pushes", named.collect());
    }
    for (change, [at, earliest, latest]) in flakiness.changes.iter().rev() {
        out.line("");
        let sure = match earliest.id == latest.id {
            true => String::new(),
            false => format!(" (95 %: {} to {})", earliest.id, latest.id),
        };
        out.line(&format!("changed at push {} {}{sure}", at.id, at.revision.short()));
        out.line(&format!("  before {}", rate_words(&change.before)));
        out.line(&format!("  since  {}", rate_words(&change.after)));
        if change.after.rate > change.before.rate
            && let Some((job, _)) = matrix.jobs.first()
        {
            out.line(&format!(
                "  `{} bisect {} --bad {}{}` says which push it was",
                context.program(),
                shell_word(job.as_str()),
                latest.revision.short(),
                args.subject.again(),
            ));
        }
    }
}

fn rows(out: &mut Out, of: &str, rows: Vec<(String, &Tally)>) {
    let mut table = Table::new([
        column(of),
        column("rate").right(),
        column("95 % interval").drops(1),
        column("failed").right(),
        column("runs").right(),
    ]);
    for (name, tally) in rows {
        let rate = tally.rate();
        let (share, interval) = match rate.runs {
            0 => ("·".to_owned(), "·".to_owned()),
            _ => (percent(rate.rate), format!("{} to {}", percent(rate.low), percent(rate.high))),
        };
        table.row([name, share, interval, rate.failures.to_string(), rate.runs.to_string()]);
    }
    out.table(table);
}

/// Writes the object.
pub(super) fn write(
    args: &Args,
    flakiness: &Flakiness,
    matrix: &Matrix,
    pushes: usize,
    context: &Context,
    out: &mut Out,
    stats: &Stats,
) -> Result<(), Error> {
    let mut object: Map<String, Value> = top("flakiness", context);
    let rate = flakiness.all.rate();
    object.insert("pushes".into(), json!(pushes));
    object.insert("jobs".into(), matrix.jobs.iter().map(|(name, _)| json!(name)).collect());
    object.insert("all".into(), tally(&flakiness.all));
    object.insert("confidence".into(), json!(args.confidence));
    object.insert(
        "runs_to_see".into(),
        json!({
            "at_rate": runs_to_see(rate.rate, args.confidence),
            "at_low": runs_to_see(rate.low, args.confidence),
        }),
    );
    let named = flakiness.platforms.iter().map(|(name, of)| {
        let mut value = tally(of);
        value["platform"] = json!(name);
        value
    });
    object.insert("platforms".into(), named.collect());
    let windows = flakiness.windows.iter().map(|(oldest, newest, of)| {
        let mut value = tally(of);
        value["oldest"] = json!(PushRef::from(oldest));
        value["newest"] = json!(PushRef::from(newest));
        value
    });
    object.insert("windows".into(), windows.collect());
    let changes = flakiness.changes.iter().map(|(change, [at, earliest, latest])| {
        json!({
            "push": push_json(at),
            "earliest": push_json(earliest),
            "latest": push_json(latest),
            "before": change.before,
            "after": change.after,
            "odds": change.odds,
        })
    });
    object.insert("changes".into(), changes.collect());
    object.insert("incomplete".into(), json!(matrix.incomplete));
    if let Some(costs) = stats.json(context)? {
        object.insert("stats".into(), costs);
    }
    out.object(&Value::Object(object))
}

fn tally(tally: &Tally) -> Value {
    let mut value = json!(tally);
    let rate = tally.rate();
    value["rate"] = json!(rate.rate);
    value["low"] = json!(rate.low);
    value["high"] = json!(rate.high);
    value
}
