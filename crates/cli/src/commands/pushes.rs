//! `mozci pushes`

use comfy_table::{Cell, CellAlignment, Table, presets};
use mozci_core::range::Reach;
use mozci_engine::flow::read_range;
use serde_json::{Value, json};

use crate::app::Done;
use crate::args::RangeArgs;
use crate::context::Context;
use crate::show::{Out, age, plural, push_json, top};
use crate::stats::Stats;

/// Arguments of `mozci pushes`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) range: RangeArgs,
}

/// The pushes of a range, newest first. Without a range the newest ten.
pub(crate) async fn run(args: Args, context: &Context, out: &mut Out, stats: &Stats) -> Done {
    context.progress("reading the pushlog");
    let range = read_range(&context.ci, &args.range.spec(Reach::Back(9))).await?;
    let pushes: Vec<_> = range.thinned().collect();
    let now = context.ci.now();
    if out.json {
        let mut object = top("pushes", context);
        object.insert("pushes".into(), pushes.iter().map(|push| push_json(push)).collect());
        object.insert("at_start".into(), json!(range.at_start));
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
    if range.at_start {
        out.line("  the repository begins here");
    }
    Ok(0)
}
