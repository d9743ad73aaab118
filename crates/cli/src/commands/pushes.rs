//! `mozci pushes`

use comfy_table::{Cell, CellAlignment, Table, presets};
use mozci_core::push::PushRef;
use mozci_core::range::Reach;
use mozci_engine::flow::{Merge, merges, read_range};
use serde_json::{Value, json};

use crate::app::Done;
use crate::args::RangeArgs;
use crate::context::Context;
use crate::show::{Out, age, plural, top};
use crate::stats::Stats;
use mozci_engine::drive::search::push_json;

/// Arguments of `mozci pushes`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) range: RangeArgs,
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
    let range = read_range(&context.ci, &args.range.spec(Reach::Back(9))).await?;
    let pushes: Vec<_> = range.thinned().collect();
    let merges = match args.follow_merges {
        true => {
            context.progress("following merges");
            let pushes: Vec<_> = pushes.iter().map(|push| (*push).clone()).collect();
            Some(merges(&context.ci, &pushes).await?)
        }
        false => None,
    };
    let now = context.ci.now();
    if out.json {
        let mut object = top("pushes", context);
        object.insert("pushes".into(), pushes.iter().map(|push| push_json(push)).collect());
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
    out.line(&format!("{} · {}", context.ci.repo, plural(pushes.len(), "push")));
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    // Where there is little room the name in Git goes, and the author's host.
    let narrow = out.is_narrow();
    let no_git = narrow || !pushes.iter().any(|push| push.git.is_some());
    let header = ["push", "revision", "git", "when", "changesets", "author"];
    table.set_header(header.into_iter().filter(|name| !no_git || *name != "git"));
    for push in pushes {
        let author =
            if narrow { push.author.split('@').next().unwrap_or("") } else { &push.author };
        let mut cells = vec![
            Cell::new(push.id).set_alignment(CellAlignment::Right),
            Cell::new(push.revision.short()),
            Cell::new(push.git.as_ref().map_or("·", |git| git.short())),
            Cell::new(age(now, push.date)).set_alignment(CellAlignment::Right),
            Cell::new(push.changesets.len()).set_alignment(CellAlignment::Right),
            Cell::new(author),
        ];
        if no_git {
            cells.remove(2);
        }
        table.add_row(cells);
    }
    out.table(table, str::to_owned);
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
