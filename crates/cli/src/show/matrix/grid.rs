//! A row a push, a column a job.

use mozci_core::ids::JobName;
use mozci_core::push::Push;
use mozci_core::time::At;
use mozci_engine::flow::Matrix;

use super::cells::{cell, push_cells, push_columns, short, summary, summary_column};
use crate::show::out::Out;
use crate::show::table::{Table, column};

/// Columns of the terminal before the jobs': push and revision, with author and age where there is room.
const HEAD: (usize, usize) = (24, 48);

/// The least width of a job's column.
const LEAST: usize = 4;

/// How wide the table is with the jobs' names as heads.
pub(super) fn width(matrix: &Matrix, is_narrow: bool) -> usize {
    let each = matrix.jobs.iter().enumerate().map(|(job, (name, platform))| {
        let cells = (0..matrix.rows.len()).map(|push| cell(matrix, push, job).chars().count());
        let name = short(name.as_str(), platform.as_str()).chars().count();
        cells.max().unwrap_or(0).max(name).max(LEAST) + 2
    });
    // The platform's name stands over the first of its jobs.
    each.sum::<usize>() + if is_narrow { HEAD.0 } else { HEAD.1 }
}

/// Shows it.
pub(super) fn show(out: &mut Out, pushes: &[Push], matrix: &Matrix, now: At) {
    let name = |(job, platform): &(JobName, JobName)| match out.is_markdown() {
        true => job.to_string(),
        false => short(job.as_str(), platform.as_str()),
    };
    let jobs = matrix.jobs.iter().map(|job| column(name(job)).at_least(LEAST));
    let columns: Vec<_> =
        push_columns().into_iter().chain(jobs).chain([summary_column()]).collect();
    let fixed = push_columns().len();
    let mut table = Table::new(columns);
    let mut platforms = vec![String::new(); fixed];
    let mut last = "";
    for (_, platform) in &matrix.jobs {
        let is_new = platform.as_str() != last;
        platforms.push(if is_new { platform.to_string() } else { String::new() });
        last = platform.as_str();
    }
    platforms.push(String::new());
    table.above(platforms);
    for (row, push) in pushes.iter().enumerate() {
        let mut cells = push_cells(push, now);
        cells.extend((0..matrix.jobs.len()).map(|job| cell(matrix, row, job)));
        cells.push(summary(push));
        table.row(cells);
    }
    out.table(table);
}
