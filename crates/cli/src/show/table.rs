//! The one table: rows of cells, fitted to the width of whoever looks at them, or written as Markdown or CSV.

use comfy_table::{CellAlignment, presets};
use unicode_width::UnicodeWidthStr;

/// What a column does where there is too little room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Give {
    /// It stays as it is.
    Nothing,
    /// Its cells are cut, with `…`, down to so many columns of the terminal.
    Cut(usize),
    /// Its cells are broken between words, down to so many columns.
    Wrap(usize),
}

/// A column.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    name: String,
    is_right: bool,
    give: Give,
    /// The column with the highest number goes first where there is no room; none stays.
    drops: Option<u8>,
    least: usize,
}

/// A column called so.
pub(crate) fn column(name: impl Into<String>) -> Column {
    Column { name: name.into(), is_right: false, give: Give::Nothing, drops: None, least: 0 }
}

impl Column {
    /// Aligned to the right, as numbers are.
    pub(crate) fn right(self) -> Self {
        Self { is_right: true, ..self }
    }

    /// At least so wide.
    pub(crate) fn at_least(self, least: usize) -> Self {
        Self { least, ..self }
    }

    /// Left out where there is no room: of several the one with the highest number first.
    pub(crate) fn drops(self, order: u8) -> Self {
        Self { drops: Some(order), ..self }
    }

    /// Cut where there is no room, down to so many columns.
    pub(crate) fn cuts(self, least: usize) -> Self {
        Self { give: Give::Cut(least), ..self }
    }

    /// Broken between words where there is no room, down to so many columns.
    pub(crate) fn wraps(self, least: usize) -> Self {
        Self { give: Give::Wrap(least), ..self }
    }
}

/// Rows of cells under named columns.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
    /// A line of names above the columns' own.
    above: Option<Vec<String>>,
    has_header: bool,
}

/// Columns of the terminal between two columns.
const GAP: usize = 2;

impl Table {
    pub(crate) fn new(columns: impl IntoIterator<Item = Column>) -> Self {
        Self {
            columns: columns.into_iter().collect(),
            rows: Vec::new(),
            above: None,
            has_header: true,
        }
    }

    /// Without the names of its columns on a terminal, where the cells speak for themselves.
    pub(crate) fn without_header(self) -> Self {
        Self { has_header: false, ..self }
    }

    /// Names above those of the columns, for several columns together; Markdown and CSV have no such line.
    pub(crate) fn above(&mut self, names: Vec<String>) {
        self.above = Some(names);
    }

    /// One more row; a cell a column.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Without the column of this name, which has nothing to say.
    pub(crate) fn leave_out(&mut self, name: &str) {
        if let Some(at) = self.columns.iter().position(|column| column.name == name) {
            self.remove(at);
        }
    }

    /// Goes over each text: cells, and the names of columns, which jobs are. So text of servers is made harmless.
    pub(crate) fn each_text(&mut self, change: impl Fn(&str) -> String) {
        let names = self.columns.iter_mut().map(|column| &mut column.name);
        let above = self.above.iter_mut().flatten();
        for text in self.rows.iter_mut().flatten().chain(above).chain(names) {
            *text = change(text);
        }
    }

    /// The lines of it for a terminal: within so many columns where that can be, as wide as it is where
    /// nobody looks.
    pub(crate) fn lines(mut self, room: Option<usize>) -> Vec<String> {
        if let Some(room) = room {
            self.fit(room);
        }
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING);
        let cell = |text: &String, column: &Column| {
            let align = if column.is_right { CellAlignment::Right } else { CellAlignment::Left };
            comfy_table::Cell::new(text).set_alignment(align)
        };
        if self.has_header {
            if let Some(above) = &self.above {
                table.add_row(above.clone());
            }
            table.add_row(
                self.columns.iter().map(|column| cell(&column.name, column)).collect::<Vec<_>>(),
            );
        }
        for row in &self.rows {
            table.add_row(
                row.iter()
                    .zip(&self.columns)
                    .map(|(text, column)| cell(text, column))
                    .collect::<Vec<_>>(),
            );
        }
        let widths = self.widths();
        for (column, width) in table.column_iter_mut().zip(widths) {
            let width = u16::try_from(width).unwrap_or(u16::MAX - 8);
            column.set_padding((1, 1));
            column.set_constraint(comfy_table::ColumnConstraint::Absolute(
                comfy_table::Width::Fixed(width + GAP as u16),
            ));
        }
        table.lines().map(|line| line.trim_end().to_owned()).collect()
    }

    /// The lines of it in Markdown.
    pub(crate) fn markdown(&self) -> Vec<String> {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::ASCII_MARKDOWN);
        table.set_header(self.columns.iter().map(|column| escaped(&column.name)));
        for row in &self.rows {
            table.add_row(row.iter().map(|cell| escaped(cell)));
        }
        table.lines().collect()
    }

    /// It as CSV, with the names of the columns first.
    pub(crate) fn csv(&self) -> Result<String, csv::Error> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(self.columns.iter().map(|column| &column.name))?;
        for row in &self.rows {
            // A dot stands for nothing where somebody looks.
            let cells = row.iter().map(|cell| if cell == "·" { "" } else { cell.as_str() });
            writer.write_record(cells.map(inert))?;
        }
        let bytes = writer.into_inner().map_err(|error| error.into_error())?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The width of each column.
    fn widths(&self) -> Vec<usize> {
        let of = |at: usize| {
            let cells = self.rows.iter().filter_map(move |row| row.get(at));
            let lines = cells.flat_map(|cell| cell.lines()).map(UnicodeWidthStr::width);
            let column = &self.columns[at];
            let name = if self.has_header { column.name.width() } else { 0 };
            lines.max().unwrap_or(0).max(name).max(column.least)
        };
        (0..self.columns.len()).map(of).collect()
    }

    fn fit(&mut self, room: usize) {
        // A table begins one column in.
        let total = |widths: &[usize]| widths.iter().map(|width| width + GAP).sum::<usize>();
        loop {
            let widths = self.widths();
            let over = total(&widths).saturating_sub(room + 1);
            if over == 0 {
                return;
            }
            // Whatever gives most gives first.
            let spare = |at: usize| match self.columns[at].give {
                Give::Nothing => 0,
                Give::Cut(least) | Give::Wrap(least) => {
                    widths[at].saturating_sub(least.max(self.columns[at].name.width()))
                }
            };
            let widest = (0..widths.len()).max_by_key(|at| spare(*at));
            match widest {
                Some(at)
                    if spare(at) > 0 && (0..widths.len()).map(spare).sum::<usize>() >= over =>
                {
                    let width = widths[at] - spare(at).min(over);
                    self.narrow(at, width);
                }
                _ => match self.goes_first() {
                    Some(at) => self.remove(at),
                    None => match widest.filter(|at| spare(*at) > 0) {
                        Some(at) => self.narrow(at, widths[at] - spare(at)),
                        None => return,
                    },
                },
            }
        }
    }

    /// The column that goes first where there is no room.
    fn goes_first(&self) -> Option<usize> {
        let numbered = self.columns.iter().enumerate();
        numbered.filter_map(|(at, column)| Some((column.drops?, at))).max().map(|(_, at)| at)
    }

    fn remove(&mut self, at: usize) {
        self.columns.remove(at);
        for row in self.rows.iter_mut().chain(&mut self.above) {
            row.remove(at);
        }
    }

    fn narrow(&mut self, at: usize, width: usize) {
        let wraps = matches!(self.columns[at].give, Give::Wrap(_));
        for cell in self.rows.iter_mut().filter_map(|row| row.get_mut(at)) {
            *cell = if wraps { wrapped(cell, width) } else { cut(cell, width) };
        }
        // Words that are longer than the column stay whole, and the column cannot give more.
        if wraps {
            self.columns[at].give = Give::Nothing;
        }
    }
}

fn wrapped(text: &str, width: usize) -> String {
    let options = textwrap::Options::new(width.max(1))
        .break_words(false)
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    textwrap::wrap(text, options).join("\n")
}

/// The beginning of a text that fits, with `…` for the rest.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    for c in text.chars() {
        kept.push(c);
        if kept.width() > width.saturating_sub(1) {
            kept.pop();
            break;
        }
    }
    format!("{}…", kept.trim_end())
}

/// Text that Markdown takes as it is.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut in_code = false;
    for c in text.chars() {
        in_code ^= c == '`';
        match c {
            '|' => escaped.push_str("\\|"),
            '\n' => escaped.push(' '),
            '<' if !in_code => escaped.push_str("&lt;"),
            '*' | '[' | ']' | '#' if !in_code => {
                escaped.push('\\');
                escaped.push(c);
            }
            c => escaped.push(c),
        }
    }
    escaped
}

/// A cell that a spreadsheet does not take for a formula: commit messages are anybody's.
fn inert(cell: &str) -> String {
    match cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => format!("'{cell}"),
        false => cell.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new([
            column("push").right(),
            column("job"),
            column("author").drops(2),
            column("summary").cuts(10).drops(3),
            column("why").wraps(12),
        ]);
        let row =
            ["7", "linux/opt-plain", "kim", "Cache the layer tree of pages", "it is not run here"];
        table.row(row.map(str::to_owned));
        table
    }

    #[test]
    fn a_table_gives_way_where_it_says_and_nowhere_else() {
        assert_eq!(table().lines(None).len(), 2);
        for room in 20..120 {
            let lines = table().lines(Some(room));
            assert!(
                lines
                    .iter()
                    .all(|line| line.contains("linux/opt-plain") || !line.contains("linux"))
            );
            if room >= 40 {
                let widest = lines.iter().map(|line| line.width()).max();
                assert!(widest <= Some(room), "{room}: {lines:#?}");
            }
        }
        let narrow = table().lines(Some(40)).join("\n");
        assert!(!narrow.contains("summary") && !narrow.contains("kim"), "{narrow}");
        assert!(narrow.contains("not run"), "{narrow}");
        let wide = table().lines(Some(75)).join("\n");
        assert!(wide.contains("Cache the") && wide.contains('…'), "{wide}");
    }

    #[test]
    fn markdown_and_csv_have_every_column() {
        let mut table = table();
        table.row(["8", "a|b", "<b>", "=cmd()", "say \"hi\", twice"].map(str::to_owned));
        let markdown = table.markdown().join("\n");
        assert!(markdown.contains("a\\|b") && markdown.contains("&lt;b>"), "{markdown}");
        let csv = table.csv().expect("CSV");
        assert!(csv.starts_with("push,job,author,summary,why\n"), "{csv}");
        assert!(csv.contains("'=cmd()") && csv.contains("\"say \"\"hi\"\", twice\""), "{csv}");
    }

    #[test]
    fn a_text_is_cut_at_its_width() {
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("a longer one", 6), "a lon…");
        assert_eq!(cut("漢字漢字", 5), "漢字…");
    }
}
