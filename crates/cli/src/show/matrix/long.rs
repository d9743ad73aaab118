//! A row a run, for spreadsheets and programs that read CSV.

use mozci_core::push::Push;
use mozci_engine::flow::Matrix;

use super::cells::summary;
use crate::show::out::Out;
use crate::show::table::{Table, column};
use crate::show::words::{Told, iso};

/// What each row tells.
const COLUMNS: [&str; 10] =
    ["push", "revision", "date", "author", "summary", "job", "platform", "request", "run", "state"];

/// Shows it.
pub(super) fn show(out: &mut Out, pushes: &[Push], matrix: &Matrix) {
    let mut table = Table::new(COLUMNS.map(column));
    for (push, row) in pushes.iter().zip(&matrix.rows) {
        for (job, run) in row {
            let (name, platform) = &matrix.jobs[*job as usize];
            table.row([
                push.id.to_string(),
                push.revision.hash().to_owned(),
                iso(push.date),
                push.author.clone(),
                summary(push),
                name.to_string(),
                platform.to_string(),
                run.key.request.to_string(),
                run.key.run.to_string(),
                Told::of(run).words().to_owned(),
            ]);
        }
    }
    out.table(table);
}
