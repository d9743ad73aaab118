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
    failed: Option<std::io::Error>,
}

impl Out {
    pub(crate) fn stdout(global: &Global) -> Self {
        let stdout = std::io::stdout();
        let terminal = stdout.is_terminal().then(terminal_size::terminal_size).flatten();
        let width = terminal.map_or(120, |(terminal_size::Width(columns), _)| usize::from(columns));
        Self {
            stream: anstream::AutoStream::auto(stdout),
            width: width.max(60),
            json: global.json,
            failed: None,
        }
    }

    /// A line of text; nothing where JSON is asked for.
    pub(crate) fn line(&mut self, line: &str) {
        if !self.json {
            clear_progress();
            let written = writeln!(self.stream, "{}", line.trim_end());
            self.note(written);
        }
    }

    /// Whether the answer could be written. A reader that has gone away (`| head`) is no failure.
    pub(crate) fn finish(mut self) -> Result<(), Error> {
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
        clear_progress();
        let mut writer = BufWriter::new(std::io::stdout().lock());
        match serde_json::to_writer_pretty(&mut writer, value) {
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
