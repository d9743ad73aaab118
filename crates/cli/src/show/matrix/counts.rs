//! Very many jobs: how many of each state there are on each push, and the jobs that failed.

use mozci_core::push::Push;
use mozci_core::run::State;
use mozci_core::time::At;
use mozci_engine::flow::Matrix;

use super::cells::{push_cells, push_columns, seen, summary, summary_column};
use super::rows;
use crate::show::out::Out;
use crate::show::table::{Table, column};
use crate::show::words::{Told, plural};

/// Failed jobs that have a row each at the most.
const FAILED: usize = 20;

/// Shows it.
pub(super) fn show(out: &mut Out, pushes: &[Push], matrix: &Matrix, now: At) {
    let states = seen(matrix);
    // Where there is little room the marks alone, which the legend explains.
    let words: usize = states.iter().map(|state| state.words().len() + 4).sum();
    let named = |told: &Told| match 48 + words <= out.width || out.is_markdown() {
        true => format!("{} {}", told.mark(), told.words()),
        false => told.mark().to_owned(),
    };
    let counts = states.iter().map(|state| column(named(state)).right());
    let columns = push_columns().into_iter().chain([column("runs").right()]);
    let mut table = Table::new(columns.chain(counts).chain([summary_column()]));
    for (row, push) in pushes.iter().enumerate() {
        let runs = &matrix.rows[row];
        let mut cells = push_cells(push, now);
        cells.push(runs.len().to_string());
        for state in &states {
            let is = |told: Told| told.words() == state.words();
            let count = runs.iter().filter(|(_, run)| is(Told::of(run))).count();
            cells.push(if count == 0 { "·".to_owned() } else { count.to_string() });
        }
        cells.push(summary(push));
        table.row(cells);
    }
    out.table(table);
    let failed = failed(matrix);
    if !failed.is_empty() {
        out.line("");
        rows::show_jobs(out, pushes, matrix, &failed[..failed.len().min(FAILED)]);
    }
    let more = match failed.len().saturating_sub(FAILED) {
        0 => String::new(),
        more => format!("{} more failed; ", plural(more, "job")),
    };
    out.line(&format!(
        " {more}{} in all: --failed shows those that failed, --include TEXT some of them",
        plural(matrix.jobs.len(), "job")
    ));
}

/// The jobs with a failed run, those first that failed on the newest push.
fn failed(matrix: &Matrix) -> Vec<usize> {
    let mut failed: Vec<(usize, usize)> = Vec::new();
    for (push, row) in matrix.rows.iter().enumerate() {
        for (job, run) in row {
            let job = *job as usize;
            let is_failed = matches!(Told::of(run), Told::State(State::Failed));
            if is_failed && !failed.iter().any(|(_, known)| *known == job) {
                failed.push((push, job));
            }
        }
    }
    failed.sort_unstable();
    failed.into_iter().map(|(_, job)| job).collect()
}
