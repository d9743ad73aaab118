//! `mozci pushes`

use mozci_core::push::{Push, PushRef};
use mozci_core::time::At;
use mozci_engine::flow::{Merge, merges, read_range, read_summaries};
use serde_json::{Value, json};

use crate::app::Done;
use crate::args::{AuthorArgs, RangeArgs};
use crate::context::Context;
use crate::show::{Out, Table, age, column, iso, plural, top};
use crate::stats::Stats;
use mozci_engine::drive::search::push_json;

/// Arguments of `mozci pushes`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) range: RangeArgs,
    #[command(flatten)]
    by: AuthorArgs,
    /// Say which pushes of other repositories merges brought (`merges_from` in the config)
    #[arg(long)]
    follow_merges: bool,
}

/// What merges brought, as JSON has it.
fn merges_json(merges: &[Merge]) -> Value {
    let each = merges.iter().map(|merge| {
        let origin = merge.origin.as_ref().map(|origin| {
            json!({
                "repo": origin.repo,
                "first": push_json(&origin.first),
                "last": push_json(&origin.last),
                "before": origin.before.as_ref().map(push_json),
            })
        });
        json!({"push": PushRef::from(&merge.push), "origin": origin})
    });
    each.collect()
}

fn show_merges(out: &mut Out, merges: &[Merge]) {
    for merge in merges {
        let id = merge.push.id;
        out.line(&match &merge.origin {
            Some(origin) => format!(
                "  push {id} merges {} of {}: {} {} to {} {}",
                plural(origin.count() as usize, "push"),
                origin.repo,
                origin.first.id,
                origin.first.revision.short(),
                origin.last.id,
                origin.last.revision.short(),
            ),
            None => format!(
                "  push {id} merges commits that no repository under `merges_from` in the config has"
            ),
        });
    }
}

/// The pushes of a range, newest first. Without a range the newest ten.
pub(crate) async fn run(args: Args, context: &Context, out: &mut Out, stats: &Stats) -> Done {
    context.progress("reading the pushlog");
    let range = read_range(&context.ci, &args.range.spec(context, args.by.reach(9)).await?).await?;
    let mut pushes: Vec<Push> = args.by.keep(range.thinned().cloned().collect(), context)?;
    read_summaries(&context.ci, &mut pushes).await;
    let merges = match args.follow_merges {
        true => {
            context.progress("following merges");
            Some(merges(&context.ci, &pushes).await?)
        }
        false => None,
    };
    if out.json {
        let mut object = top("pushes", context);
        object.insert("pushes".into(), pushes.iter().map(push_json).collect());
        object.insert("at_start".into(), json!(range.at_start));
        if let Some(merges) = &merges {
            object.insert("merges".into(), merges_json(merges));
        }
        if let Some(costs) = stats.json(context)? {
            object.insert("stats".into(), costs);
        }
        out.object(&Value::Object(object))?;
        return Ok(0);
    }
    out.heading(&format!("{} · {}", context.ci.repo, plural(pushes.len(), "push")));
    out.link_pushes(&pushes, |push| context.ci.page_of(&push.into()));
    out.table(table(&pushes, context.ci.now(), out.is_csv()));
    if let Some(merges) = &merges {
        show_merges(out, merges);
        if merges.is_empty() {
            out.line("  none of them is a merge");
        }
    }
    if range.at_start {
        out.line("  the repository begins here");
    }
    Ok(0)
}

fn table(pushes: &[Push], now: At, is_csv: bool) -> Table {
    let mut table = Table::new([
        column("push").right(),
        column("revision"),
        column("git").drops(4),
        column("when").right(),
        column("changesets").right().drops(3),
        column("author").cuts(12),
        column("summary").cuts(16).drops(2),
    ]);
    for push in pushes {
        table.row([
            push.id.to_string(),
            if is_csv { push.revision.hash() } else { push.revision.short() }.to_owned(),
            push.git.as_ref().map_or("·", |git| git.short()).to_owned(),
            if is_csv { iso(push.date) } else { age(now, push.date) },
            push.changesets.len().to_string(),
            push.author.clone(),
            push.summary.clone().unwrap_or_default(),
        ]);
    }
    if pushes.iter().all(|push| push.git.is_none()) {
        table.leave_out("git");
    }
    table
}
