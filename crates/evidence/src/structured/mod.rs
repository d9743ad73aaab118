//! mozlog's raw structured log, and what it shares with the errorsummary.

mod leaks;
mod reader;
pub(crate) mod result;

pub(crate) use reader::read;
