//! Standard output.

use std::io::{BufWriter, IsTerminal, Write};

use comfy_table::{Table, presets};
use mozci_core::harmless::harmless_line;
use mozci_engine::Error;
use serde::Serialize;
use serde_json::Value;

use crate::app::{Format, Global};
use crate::show::json::write_json;
use crate::status;

/// The narrowest terminal that is written for.
const NARROWEST: usize = 60;

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
    markdown: bool,
    /// Whether lines that are too long are broken: where somebody looks at them.
    wraps: bool,
    failed: Option<std::io::Error>,
}

impl Out {
    pub(crate) fn stdout(global: &Global) -> Self {
        let stdout = std::io::stdout();
        let terminal = stdout.is_terminal().then(terminal_size::terminal_size).flatten();
        let terminal = terminal.map(|(terminal_size::Width(columns), _)| usize::from(columns));
        let told = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        let width = terminal.or(told);
        let markdown = global.format == Format::Markdown;
        Self {
            stream: anstream::AutoStream::auto(stdout),
            width: width.unwrap_or(120).max(NARROWEST),
            json: global.json,
            keeps: false,
            kept: None,
            silent: false,
            wraps: width.is_some() && !markdown,
            markdown,
            failed: None,
        }
    }

    /// Writes text, and keeps the object that `--json` would write.
    pub(crate) fn keeping(self) -> Self {
        Self { json: false, keeps: true, ..self }
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
        self.width < 80 && !self.markdown
    }

    /// Whether tables are Markdown's.
    pub(crate) fn is_markdown(&self) -> bool {
        self.markdown
    }

    /// A table of cells. In Markdown as such; else by `finish`, which may colour a line.
    pub(crate) fn table(&mut self, mut table: Table, finish: impl Fn(&str) -> String) {
        if self.markdown {
            table.load_style(presets::ASCII_MARKDOWN);
            self.line("");
        }
        for line in table.lines() {
            let line = harmless_line(&line);
            self.raw(&if self.markdown { line.into_owned() } else { finish(&line) });
        }
        if self.markdown {
            self.line("");
        }
    }

    /// A line of text, broken where it is too long for whoever looks at it; nothing where JSON is
    /// requested.
    ///
    /// Text of a server or of somebody who pushes may be part of it: nothing in it reaches the
    /// terminal that a terminal obeys, and it stays one line.
    pub(crate) fn line(&mut self, line: &str) {
        let line = &*harmless_line(line);
        // A command that is shown so as to be copied stays whole: the terminal breaks it.
        if !self.wraps || line.chars().count() <= self.width || line.contains('`') {
            return self.raw(line);
        }
        let indent = line.len() - line.trim_start().len();
        let hanging = " ".repeat(indent.min(self.width / 3) + 4);
        let options = textwrap::Options::new(self.width)
            .subsequent_indent(&hanging)
            // Names and ids stay whole.
            .break_words(false)
            .word_separator(textwrap::WordSeparator::AsciiSpace)
            .word_splitter(textwrap::WordSplitter::NoHyphenation);
        for line in textwrap::wrap(line, options) {
            self.raw(&line);
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
        if !self.json && !self.silent {
            let written = status::above(|| writeln!(self.stream, "{}", line.trim_end()));
            self.note(written);
        }
    }

    /// Whether the answer could be written. A reader that has gone away (`| head`) is no failure.
    pub(crate) fn finish(mut self) -> Result<(), Error> {
        status::clear();
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
