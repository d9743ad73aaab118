//! Standard output.

use std::io::{BufWriter, IsTerminal, Write};

use mozci_core::harmless::harmless_line;
use mozci_core::push::Push;
use mozci_engine::Error;
use serde::Serialize;
use serde_json::Value;

use super::paint::{Paint, strong};
use super::table::{Table, escaped};
use super::{markdown, pager};
use crate::app::{Format, Global};
use crate::failure;
use crate::show::json::write_json;
use crate::status;

/// The narrowest terminal that is written for.
const NARROWEST: usize = 60;

/// What text is written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reader {
    /// Somebody at a terminal of so many columns.
    Person(usize),
    /// A file or another program: lines stay whole.
    File,
    /// Markdown.
    Markdown,
    /// CSV: tables alone.
    Csv,
}

/// Where the answer goes.
pub(crate) struct Out {
    stream: anstream::AutoStream<std::io::Stdout>,
    /// Columns that a line may have.
    pub(crate) width: usize,
    /// Whether the answer is one JSON object.
    pub(crate) json: bool,
    /// Whether the object is kept for whoever runs the command, beside the text that is written.
    keeps: bool,
    kept: Option<Value>,
    /// Whether nothing is written, since somebody else tells it.
    pub(crate) silent: bool,
    reader: Reader,
    paint: Paint,
    /// How far the last line of Markdown was indented.
    nesting: markdown::Nesting,
    /// What a pager gets at the end; none where every line is written at once.
    held: Option<String>,
    /// The answer in one line, for who is notified.
    gist: Option<String>,
    failed: Option<std::io::Error>,
}

impl Out {
    pub(crate) fn stdout(global: &Global) -> Self {
        let stdout = std::io::stdout();
        let is_terminal = stdout.is_terminal();
        let terminal = is_terminal.then(terminal_size::terminal_size).flatten();
        let terminal = terminal.map(|(terminal_size::Width(columns), _)| usize::from(columns));
        let set = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        let width = terminal.or(set).map(|width| width.max(NARROWEST));
        let reader = match (global.format, width) {
            (Format::Markdown, _) => Reader::Markdown,
            (Format::Csv, _) => Reader::Csv,
            (_, Some(width)) => Reader::Person(width),
            (_, None) => Reader::File,
        };
        Self {
            stream: anstream::AutoStream::auto(stdout),
            width: width.unwrap_or(120),
            json: global.json,
            keeps: false,
            kept: None,
            silent: false,
            reader,
            paint: Paint::of_terminal(is_terminal),
            nesting: markdown::Nesting::default(),
            held: None,
            gist: None,
            failed: None,
        }
    }

    /// Writes text, and keeps the object that `--json` would write.
    pub(crate) fn keeping(self) -> Self {
        Self { json: false, keeps: true, ..self }
    }

    /// Holds the text until the end, for a pager where it is longer than the terminal.
    pub(crate) fn paging(self) -> Self {
        let is_read = matches!(self.reader, Reader::Person(_)) && std::io::stdout().is_terminal();
        Self { held: (is_read && !self.json).then(String::new), ..self }
    }

    /// The object that was kept.
    pub(crate) fn take_kept(&mut self) -> Option<Value> {
        self.kept.take()
    }

    /// Whether the command's object is wanted at its end.
    pub(crate) fn wants_object(&self) -> bool {
        self.json || self.keeps
    }

    /// Whether there is little room, so that what can be done without is left away.
    pub(crate) fn is_narrow(&self) -> bool {
        matches!(self.reader, Reader::Person(width) if width < 80)
    }

    /// Whether somebody looks at it, so that it has to fit.
    pub(crate) fn is_watched(&self) -> bool {
        matches!(self.reader, Reader::Person(_))
    }

    /// Whether tables are Markdown's.
    pub(crate) fn is_markdown(&self) -> bool {
        self.reader == Reader::Markdown
    }

    /// Whether tables are CSV, which somebody's program or spreadsheet reads.
    pub(crate) fn is_csv(&self) -> bool {
        self.reader == Reader::Csv
    }

    /// Keeps the answer in one line, for a notification.
    pub(crate) fn keep_gist(&mut self, text: impl Into<String>) {
        self.gist = Some(text.into());
    }

    /// The answer in one line, where the command has one.
    pub(crate) fn gist(&self) -> Option<String> {
        self.gist.clone()
    }

    /// Takes note of pages that names in the text lead to.
    pub(crate) fn link(&mut self, name: &str, url: Option<String>) {
        if let Some(url) = url {
            self.paint.link(name, url);
        }
    }

    /// Takes note of the pages of pushes, by the names under which they are shown.
    pub(crate) fn link_pushes<'a>(
        &mut self,
        pushes: impl IntoIterator<Item = &'a Push>,
        page: impl Fn(&Push) -> Option<String>,
    ) {
        for push in pushes {
            self.link(push.revision.short(), page(push));
        }
    }

    /// A table, fitted to the terminal; as such in Markdown and CSV.
    pub(crate) fn table(&mut self, mut table: Table) {
        table.each_text(|text| harmless_line(text).into_owned());
        match self.reader {
            Reader::Markdown => {
                self.nesting = markdown::Nesting::default();
                self.raw("");
                for line in table.markdown() {
                    self.raw(&markdown::linked(&line, &self.paint));
                }
                self.raw("");
            }
            Reader::Csv => match table.csv() {
                Ok(text) => text.lines().for_each(|line| self.raw(line)),
                Err(error) => self.note(Err(std::io::Error::other(error))),
            },
            Reader::Person(width) => self.painted(&table.lines(Some(width))),
            Reader::File => self.painted(&table.lines(None)),
        }
    }

    fn painted(&mut self, lines: &[String]) {
        for line in lines {
            let line = self.paint.line(line);
            self.raw(&line);
        }
    }

    /// What the lines below it are about.
    pub(crate) fn heading(&mut self, text: &str) {
        let text = &*harmless_line(text);
        match self.reader {
            Reader::Markdown => {
                self.nesting = markdown::Nesting::default();
                self.raw("");
                self.raw(&format!("**{}**", escaped(text)));
                self.raw("");
            }
            Reader::Csv => {}
            Reader::Person(width) => {
                for line in wrapped(text, width) {
                    self.raw(&strong(&self.paint.plain(&line)));
                }
            }
            Reader::File => self.raw(&strong(text)),
        }
    }

    /// A line of text, broken where it is too long for whoever looks at it; nothing where JSON is
    /// requested.
    ///
    /// Text of a server or of somebody who pushes may be part of it: nothing in it reaches the
    /// terminal that a terminal obeys, and it stays one line.
    pub(crate) fn line(&mut self, line: &str) {
        let line = &*harmless_line(line);
        match self.reader {
            Reader::Markdown => {
                for line in self.nesting.line(line) {
                    self.raw(&markdown::linked(&line, &self.paint));
                }
            }
            // Tables alone belong to CSV, and what else is to be known goes beside it.
            Reader::Csv if self.json || self.silent || line.trim().is_empty() => {}
            Reader::Csv => failure::say(line.trim()),
            // A command that is shown so as to be copied stays whole: the terminal breaks it.
            Reader::Person(width) if line.chars().count() > width && !line.contains("`mozci") => {
                self.painted(&wrapped(line, width));
            }
            Reader::Person(_) | Reader::File => self.painted(&[line.to_owned()]),
        }
    }

    /// Very many lines as they are, written at once.
    pub(crate) fn whole_lines<'a>(&mut self, lines: impl Iterator<Item = &'a str>) {
        let mut text = String::new();
        for line in lines {
            text.push_str(&harmless_line(line));
            text.push('\n');
        }
        self.raw(&text);
    }

    fn raw(&mut self, line: &str) {
        if self.json || self.silent {
            return;
        }
        let line = line.trim_end();
        if let Some(held) = &mut self.held {
            held.push_str(line);
            held.push('\n');
            return;
        }
        let written = status::above(|| writeln!(self.stream, "{line}"));
        self.note(written);
    }

    /// Sends on what was written so far: of a command that goes on for long.
    pub(crate) fn flush(&mut self) {
        let flushed = self.stream.flush();
        self.note(flushed);
    }

    /// Whether the answer could be written. A reader that has gone away (`| head`) is no failure.
    pub(crate) fn finish(mut self) -> Result<(), Error> {
        status::clear();
        if let Some(held) = self.held.take()
            && !pager::show(&held, self.stream.current_choice())
        {
            let written = self.stream.write_all(held.as_bytes());
            self.note(written);
        }
        let flushed = self.stream.flush();
        self.note(flushed);
        match self.failed {
            None => Ok(()),
            Some(error) => Err(Error::Odd(format!("the answer could not be written: {error}"))),
        }
    }

    fn note(&mut self, written: std::io::Result<()>) {
        if let Err(error) = written
            && error.kind() != std::io::ErrorKind::BrokenPipe
            && self.failed.is_none()
        {
            self.failed = Some(error);
        }
    }

    /// The one JSON object, written as it is made.
    pub(crate) fn object(&mut self, value: &impl Serialize) -> Result<(), Error> {
        if self.silent {
            return Ok(());
        }
        if self.keeps {
            let object = serde_json::to_value(value);
            self.kept = Some(object.map_err(|error| Error::Odd(error.to_string()))?);
            return Ok(());
        }
        status::clear();
        let mut writer = BufWriter::new(std::io::stdout().lock());
        match write_json(&mut writer, value) {
            Ok(()) => {}
            Err(error) if error.is_io() => {
                self.note(Err(error.into()));
                return Ok(());
            }
            Err(error) => return Err(Error::Odd(error.to_string())),
        }
        let written = writeln!(writer).and_then(|()| writer.flush());
        self.note(written);
        Ok(())
    }
}

/// A line broken between words, the rest of it indented.
fn wrapped(line: &str, width: usize) -> Vec<String> {
    let indent = line.len() - line.trim_start().len();
    let hanging = " ".repeat(indent.min(width / 3) + 4);
    let options = textwrap::Options::new(width)
        .subsequent_indent(&hanging)
        // Names and ids stay whole.
        .break_words(false)
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    textwrap::wrap(line, options).into_iter().map(|line| line.into_owned()).collect()
}
