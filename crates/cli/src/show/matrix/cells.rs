//! What the tables of pushes and jobs have in common.

use mozci_core::push::Push;
use mozci_core::time::At;
use mozci_engine::flow::Matrix;

use crate::show::table::{Column, column};
use crate::show::words::{Told, age, marks};

/// The columns that say which push it is; what can be done without goes where there is no room.
pub(super) fn push_columns() -> [Column; 4] {
    [
        column("push").right(),
        column("revision"),
        column("when").right().drops(3),
        column("author").drops(2).cuts(8),
    ]
}

/// The column of what the head of the push is about.
pub(super) fn summary_column() -> Column {
    column("summary").drops(4).cuts(16)
}

/// The cells of a push in those columns.
pub(super) fn push_cells(push: &Push, now: At) -> Vec<String> {
    let author: String = push.author.split('@').next().unwrap_or("").chars().take(12).collect();
    vec![push.id.to_string(), push.revision.short().to_owned(), age(now, push.date), author]
}

/// What the head of the push is about, as far as that is known.
pub(super) fn summary(push: &Push) -> String {
    push.summary.clone().unwrap_or_default()
}

/// The marks of a job's runs on a push.
pub(super) fn cell(matrix: &Matrix, push: usize, job: usize) -> String {
    let job = u32::try_from(job).unwrap_or(u32::MAX);
    marks(matrix.cell(push, job).iter().map(|(_, run)| run))
}

/// A job's name within its platform.
pub(super) fn short(job: &str, platform: &str) -> String {
    let prefix = format!("test-{platform}-");
    job.strip_prefix(&prefix).unwrap_or(job).to_owned()
}

/// The states that there are, each once.
pub(super) fn seen(matrix: &Matrix) -> Vec<Told> {
    let mut seen: Vec<Told> = Vec::new();
    for (_, run) in matrix.rows.iter().flatten() {
        let told = Told::of(run);
        if !seen.iter().any(|known| known.words() == told.words()) {
            seen.push(told);
        }
    }
    seen.sort();
    seen
}

/// What each mark means.
pub(super) fn legend(matrix: &Matrix) -> String {
    let words: Vec<String> =
        seen(matrix).iter().map(|told| format!("{} {}", told.mark(), told.words())).collect();
    format!(" {}  · not run   one mark per run", words.join("  "))
}
