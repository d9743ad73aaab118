//! Which table shows pushes and jobs best.

use mozci_core::push::Push;
use mozci_core::time::At;
use mozci_engine::flow::Matrix;

use super::{cells, coalesced, counts, grid, long, rows};
use crate::show::out::Out;

/// Jobs that have a column each in Markdown at the most.
const MOST_IN_MARKDOWN: usize = 12;

/// Jobs that have a row each at the most, unless they are the ones that failed.
const MOST_ROWS: usize = 60;

/// Shows the matrix: a column a job where their names fit, a row a job where there are more, and counts
/// with the failed jobs where there are very many.
pub(crate) fn show_matrix(out: &mut Out, pushes: &[Push], matrix: &Matrix, now: At) {
    if out.is_csv() {
        return long::show(out, pushes, matrix);
    }
    let columns_fit = match out.is_markdown() {
        true => matrix.jobs.len() <= MOST_IN_MARKDOWN,
        false => grid::width(matrix, out.is_narrow()) <= out.width,
    };
    if columns_fit {
        grid::show(out, pushes, matrix, now);
    } else if matrix.jobs.len() <= MOST_ROWS {
        rows::show(out, pushes, matrix, now, &(0..matrix.jobs.len()).collect::<Vec<_>>());
    } else {
        counts::show(out, pushes, matrix, now);
    }
    out.line(&cells::legend(matrix));
    coalesced::show(out, pushes, matrix);
}
