//! Pushes by jobs as a table.

use std::collections::HashMap;

use comfy_table::{Cell, CellAlignment, ColumnConstraint, Table, Width, presets};
use mozci_core::ids::{JobName, RequestId};
use mozci_core::push::Push;
use mozci_core::run::State;
use mozci_core::time::At;
use mozci_engine::flow::Matrix;

use super::out::Out;
use super::plan::what;
use super::words::{Told, age, marks};

/// Columns before the jobs': push, revision, when, author, with their gaps; only the first two
/// where there is little room.
const HEAD: (usize, usize) = (48, 24);

/// Jobs that have a column each in Markdown at the most.
const MOST_IN_MARKDOWN: usize = 12;

/// Shows the matrix: by name where the names fit, by number with a legend where they don't, and as
/// counts where even the numbers are too many.
pub(crate) fn show_matrix(out: &mut Out, pushes: &[Push], matrix: &Matrix, now: At) {
    let head = if out.is_narrow() { HEAD.1 } else { HEAD.0 };
    let room = out.width.saturating_sub(head);
    // Markdown has one line of heads, and breaks what is too wide by itself.
    let markdown = out.is_markdown();
    let name = |(job, p): &(JobName, JobName)| match markdown {
        true => job.to_string(),
        false => short(job.as_str(), p.as_str()),
    };
    let names: Vec<String> = matrix.jobs.iter().map(name).collect();
    let named: usize = names.iter().map(|name| name.chars().count().max(4) + 2).sum();
    let widest = widest_cell(matrix);
    if named <= room || (markdown && names.len() <= MOST_IN_MARKDOWN) {
        grid(out, pushes, matrix, now, Some(&names));
    } else if matrix.jobs.len() * (widest.max(2) + 2) <= room && matrix.jobs.len() <= 40 {
        grid(out, pushes, matrix, now, None);
        for (i, (job, _)) in matrix.jobs.iter().enumerate() {
            out.line(&format!(" {:>2}  {job}", i + 1));
        }
    } else {
        counts(out, pushes, matrix, now);
    }
    out.line(&legend(matrix));
    coalesced(out, pushes, matrix);
}

/// Coalesced runs that are listed at the most.
const LISTED: usize = 12;

/// What was run in the place of coalesced runs, and where.
fn coalesced(out: &mut Out, pushes: &[Push], matrix: &Matrix) {
    let mut place_of: HashMap<RequestId, usize> = HashMap::new();
    let mut listed: Vec<(usize, u32, Option<RequestId>)> = Vec::new();
    for (place, row) in matrix.rows.iter().enumerate() {
        for (job, run) in row {
            place_of.insert(run.key.request, place);
            // Of Taskcluster's nobody tells into what.
            if run.state == State::Coalesced && run.key.request.build_request().is_some() {
                let into = run.more.as_ref().and_then(|more| more.coalesced_into);
                listed.push((place, *job, into));
            }
        }
    }
    for (place, job, into) in listed.iter().take(LISTED) {
        let (push, job) = (&pushes[*place], &matrix.jobs[*job as usize].0);
        let into = match into {
            Some(into) => match place_of.get(into) {
                Some(other) => format!("into {}, push {}", what(*into), pushes[*other].id),
                None => format!("into {}", what(*into)),
            },
            None => "into an unknown one".to_owned(),
        };
        out.line(&format!(" ⇣ push {}  {job} was coalesced {into}", push.id));
    }
    if listed.len() > LISTED {
        let more = listed.len() - LISTED;
        out.line(&format!(" ⇣ and {more} more were coalesced (--json lists all)"));
    }
}

fn short(job: &str, platform: &str) -> String {
    let prefix = format!("test-{platform}-");
    job.strip_prefix(&prefix).unwrap_or(job).to_owned()
}

fn widest_cell(matrix: &Matrix) -> usize {
    let jobs = 0..matrix.jobs.len() as u32;
    (0..matrix.rows.len())
        .flat_map(|row| jobs.clone().map(move |job| matrix.cell(row, job).len()))
        .max()
        .unwrap_or(1)
}

fn table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table
}

/// The names of the columns before the jobs'.
fn head_names(out: &Out) -> &'static [&'static str] {
    if out.is_narrow() { &["push", "revision"] } else { &["push", "revision", "when", "author"] }
}

fn head(out: &Out, push: &Push, now: At) -> Vec<Cell> {
    let author: String = push.author.split('@').next().unwrap_or("").chars().take(12).collect();
    let mut cells = vec![
        Cell::new(push.id).set_alignment(CellAlignment::Right),
        Cell::new(push.revision.short()),
        Cell::new(age(now, push.date)).set_alignment(CellAlignment::Right),
        Cell::new(author),
    ];
    cells.truncate(head_names(out).len());
    cells
}

fn grid(out: &mut Out, pushes: &[Push], matrix: &Matrix, now: At, names: Option<&[String]>) {
    let mut table = table();
    let fixed = head_names(out).len();
    let mut header: Vec<String> = head_names(out).iter().map(ToString::to_string).collect();
    header.extend((0..matrix.jobs.len()).map(|i| match names {
        Some(names) => names[i].clone(),
        None => (i + 1).to_string(),
    }));
    if names.is_some() && !out.is_markdown() {
        let mut platforms: Vec<String> = vec![String::new(); fixed];
        let mut last = "";
        for (_, platform) in &matrix.jobs {
            platforms.push(if platform.as_str() == last {
                String::new()
            } else {
                platform.to_string()
            });
            last = platform.as_str();
        }
        table.set_header(platforms);
        table.add_row(header);
    } else {
        table.set_header(header);
    }
    for (row, push) in pushes.iter().enumerate() {
        let mut cells = head(out, push, now);
        for job in 0..matrix.jobs.len() as u32 {
            cells.push(Cell::new(marks(matrix.cell(row, job).iter().map(|(_, run)| run))));
        }
        table.add_row(cells);
    }
    for column in table.column_iter_mut().skip(fixed) {
        column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(4)));
    }
    out.table(table, coloured);
}

/// Colours the marks of a line: afterwards, since the table counts columns by itself.
fn coloured(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    for c in line.chars() {
        let colour = match c {
            '✓' => Some(anstyle::AnsiColor::Green),
            '✗' => Some(anstyle::AnsiColor::Red),
            '▸' | '◌' => Some(anstyle::AnsiColor::Cyan),
            '↻' | '⧖' => Some(anstyle::AnsiColor::Magenta),
            _ => None,
        };
        match colour {
            None => text.push(c),
            Some(colour) => {
                let style = anstyle::Style::new().fg_color(Some(colour.into()));
                text.push_str(&format!("{style}{c}{style:#}"));
            }
        }
    }
    text
}

/// Counts of states a push, where the jobs are too many for a column each.
fn counts(out: &mut Out, pushes: &[Push], matrix: &Matrix, now: At) {
    let states = seen(matrix);
    let mut table = table();
    let mut header: Vec<Cell> = head_names(out).iter().chain(&["runs"]).map(Cell::new).collect();
    // Where there is little room the marks alone, which the legend explains.
    let words: usize = states.iter().map(|state| state.words().len() + 4).sum();
    let fits = HEAD.0 + words <= out.width;
    let named = |told: &Told| match fits {
        true => format!("{} {}", told.mark(), told.words()),
        false => told.mark().to_owned(),
    };
    header.extend(
        states.iter().map(|state| Cell::new(named(state)).set_alignment(CellAlignment::Right)),
    );
    table.set_header(header);
    for (row, push) in pushes.iter().enumerate() {
        let runs = &matrix.rows[row];
        let mut cells = head(out, push, now);
        cells.push(Cell::new(runs.len()).set_alignment(CellAlignment::Right));
        for state in &states {
            let count =
                runs.iter().filter(|(_, run)| Told::of(run).words() == state.words()).count();
            let text = if count == 0 { "·".to_owned() } else { count.to_string() };
            cells.push(Cell::new(text).set_alignment(CellAlignment::Right));
        }
        table.add_row(cells);
    }
    out.table(table, str::to_owned);
    out.line(&format!(
        " {} jobs are too many for a column each: narrow them with --include TEXT, or take --json",
        matrix.jobs.len()
    ));
}

fn seen(matrix: &Matrix) -> Vec<Told> {
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

fn legend(matrix: &Matrix) -> String {
    let words: Vec<String> =
        seen(matrix).iter().map(|told| format!("{} {}", told.mark(), told.words())).collect();
    format!(" {}  · not run   one mark per run", words.join("  "))
}
