//! A row a job, a column a push, as where there are more jobs than fit beside each other.

use mozci_core::push::Push;
use mozci_core::time::At;
use mozci_engine::flow::Matrix;

use super::cells::{cell, push_cells, push_columns, short, summary, summary_column};
use crate::show::out::Out;
use crate::show::table::{Table, column};
use crate::show::words::plural;

/// Columns of the terminal that a job's name has at the least.
const NAME: usize = 30;

/// Digits of a push's number that are shown at the least, where all of them have no room.
const DIGITS: usize = 2;

/// Shows the pushes, and below them some of the jobs.
pub(super) fn show(out: &mut Out, pushes: &[Push], matrix: &Matrix, now: At, jobs: &[usize]) {
    let mut table = Table::new(push_columns().into_iter().chain([summary_column()]));
    for push in pushes {
        table.row(push_cells(push, now).into_iter().chain([summary(push)]));
    }
    out.table(table);
    out.line("");
    show_jobs(out, pushes, matrix, jobs);
}

/// Shows some jobs alone.
pub(super) fn show_jobs(out: &mut Out, pushes: &[Push], matrix: &Matrix, jobs: &[usize]) {
    let heads = Heads::fitting(out, pushes, matrix, jobs);
    let shown = &pushes[..heads.names.len()];
    let columns = heads.names.iter().map(|name| column(name.as_str()).right());
    let mut table =
        Table::new([column(heads.title.as_str()).cuts(NAME)].into_iter().chain(columns));
    let mut last = "";
    for job in jobs {
        let (name, platform) = &matrix.jobs[*job];
        let within = short(name.as_str(), platform.as_str());
        let is_within = !out.is_markdown() && within != name.as_str();
        if is_within && platform.as_str() != last {
            let rest = vec![String::new(); shown.len()];
            table.row([platform.to_string()].into_iter().chain(rest));
        }
        last = platform.as_str();
        let name = if is_within { format!("  {within}") } else { name.to_string() };
        let cells = (0..shown.len()).map(|push| cell(matrix, push, *job));
        table.row([name].into_iter().chain(cells));
    }
    out.table(table);
    if shown.len() < pushes.len() {
        out.line(&format!(
            " {} older than these are not shown: they need a wider terminal, or --json",
            plural(pushes.len() - shown.len(), "push")
        ));
    }
}

/// What stands over the columns.
struct Heads {
    title: String,
    /// One a push that has room.
    names: Vec<String>,
}

impl Heads {
    /// The pushes' numbers, or as many of their last digits as there is room for.
    fn fitting(out: &Out, pushes: &[Push], matrix: &Matrix, jobs: &[usize]) -> Self {
        let whole: Vec<String> = pushes.iter().map(|push| push.id.to_string()).collect();
        let longest = jobs.iter().map(|job| {
            let (name, platform) = &matrix.jobs[*job];
            let within = short(name.as_str(), platform.as_str()).chars().count() + 2;
            within.max(platform.as_str().chars().count())
        });
        let room = match out.is_markdown() || !out.is_watched() {
            true => usize::MAX,
            false => out.width.saturating_sub(longest.max().unwrap_or(0).max(NAME.min(10)) + 2),
        };
        let marks = |push: usize| {
            jobs.iter().map(|job| cell(matrix, push, *job).chars().count()).max().unwrap_or(1)
        };
        let width = |names: &[String]| -> usize {
            names.iter().enumerate().map(|(at, name)| name.len().max(marks(at)) + 2).sum()
        };
        if width(&whole) <= room {
            return Self { title: "job".to_owned(), names: whole };
        }
        let digits = |count: usize| -> Vec<String> {
            let last = |name: &String| name[name.len().saturating_sub(count)..].to_owned();
            whole.iter().map(last).collect()
        };
        let most = whole.iter().map(String::len).max().unwrap_or(DIGITS);
        let fits = (DIGITS..most).rev().map(digits).find(|names| width(names) <= room);
        let mut names = fits.unwrap_or_else(|| digits(DIGITS));
        while names.len() > 1 && width(&names) > room {
            names.pop();
        }
        let shown = names.first().map_or(0, String::len);
        let begins = whole.first().map_or("", |id| &id[..id.len().saturating_sub(shown)]);
        Self { title: format!("job (push {begins}…)"), names }
    }
}
