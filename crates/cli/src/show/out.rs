//! Standard output.

use std::io::{BufWriter, IsTerminal, Write};

use mozci_engine::Error;
use serde::Serialize;

use crate::app::Global;
use crate::failure::clear_progress;

/// Where the answer goes.
pub(crate) struct Out {
    stream: anstream::AutoStream<std::io::Stdout>,
    /// Columns that a line may have.
    pub(crate) width: usize,
    /// Whether the answer is one JSON object.
    pub(crate) json: bool,
}

impl Out {
    pub(crate) fn stdout(global: &Global) -> Self {
        let stdout = std::io::stdout();
        let terminal = stdout.is_terminal().then(terminal_size::terminal_size).flatten();
        let width = terminal.map_or(120, |(terminal_size::Width(columns), _)| usize::from(columns));
        Self { stream: anstream::AutoStream::auto(stdout), width: width.max(60), json: global.json }
    }

    /// A line of text; nothing where JSON is asked for. A reader that has gone away is no error.
    pub(crate) fn line(&mut self, line: &str) {
        if !self.json {
            clear_progress();
            let _ = writeln!(self.stream, "{}", line.trim_end());
        }
    }

    /// The one JSON object, written as it is made.
    pub(crate) fn object(&mut self, value: &impl Serialize) -> Result<(), Error> {
        clear_progress();
        let mut writer = BufWriter::new(std::io::stdout().lock());
        match serde_json::to_writer_pretty(&mut writer, value) {
            Ok(()) => {}
            Err(error) if error.is_io() => return Ok(()),
            Err(error) => return Err(Error::Odd(error.to_string())),
        }
        let _ = writeln!(writer).and_then(|()| writer.flush());
        Ok(())
    }
}
