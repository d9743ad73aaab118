//! Steps of a build, their logs, and the test results that a master keeps.

use std::io::{self, Read};
use std::time::{Duration, Instant};

use mozci_core::farm::Results;
use mozci_core::ids::BuildId;
use serde::Deserialize;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::master::Master;
use crate::http::{HttpError, Problem, Streamed};

/// A step of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its id.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// How it ended, where it has.
    pub results: Option<Results>,
}

/// A log of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Its id.
    pub id: u64,
    /// Its name: `stdio`.
    pub name: String,
    /// Whether each line has its channel before it.
    pub has_channels: bool,
    /// How many lines it has so far.
    pub lines: u64,
    /// Whether it goes on.
    pub complete: bool,
}

/// Lines of a log that are requested at once.
const PAGE: u64 = 20_000;

/// Pieces of a log that wait for its reader.
const AHEAD: usize = 4;

#[derive(Debug, Deserialize)]
struct Steps {
    steps: Vec<StepRow>,
}

#[derive(Debug, Deserialize)]
struct StepRow {
    stepid: u64,
    name: String,
    #[serde(default)]
    results: Option<i64>,
}

#[derive(Debug, Deserialize)]
struct Logs {
    logs: Vec<LogRow>,
}

#[derive(Debug, Deserialize)]
struct LogRow {
    logid: u64,
    name: String,
    #[serde(rename = "type")]
    kind: String,
    num_lines: u64,
    complete: bool,
}

#[derive(Debug, Deserialize)]
struct Chunks {
    logchunks: Vec<Chunk>,
}

#[derive(Debug, Deserialize)]
struct Chunk {
    content: String,
}

#[derive(Debug, Deserialize)]
struct ResultSets {
    test_result_sets: Vec<ResultSet>,
}

#[derive(Debug, Deserialize)]
struct ResultSet {
    test_result_setid: u64,
    #[serde(default)]
    category: String,
}

impl Master {
    /// The steps of a build, in their order.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn steps(&self, build: BuildId) -> Result<Vec<Step>, HttpError> {
        let answer: Steps = self.get(&["builds", &build.to_string(), "steps"], &[]).await?;
        let steps = answer.steps.into_iter().map(|row| Step {
            id: row.stepid,
            name: row.name,
            results: Results::new(row.results),
        });
        Ok(steps.collect())
    }

    /// The logs of a step that are text.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn logs(&self, step: u64) -> Result<Vec<Log>, HttpError> {
        let answer: Logs = self.get(&["steps", &step.to_string(), "logs"], &[]).await?;
        let text = answer.logs.into_iter().filter(|row| row.kind != "h" && row.kind != "d");
        let logs = text.map(|row| Log {
            id: row.logid,
            name: row.name,
            has_channels: row.kind == "s",
            lines: row.num_lines,
            complete: row.complete,
        });
        Ok(logs.collect())
    }

    /// The sets of test results of a build that tell of passes and failures.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn result_sets(&self, build: BuildId) -> Result<Vec<u64>, HttpError> {
        let path = ["builds", &build.to_string(), "test_result_sets"];
        let answer: ResultSets = self.get(&path, &[]).await?;
        let told = answer.test_result_sets.into_iter().filter(|set| set.category == "pass_fail");
        Ok(told.map(|set| set.test_result_setid).collect())
    }

    /// Reads a set of test results while it comes, for as long as `patience` at the most.
    ///
    /// # Errors
    /// [`HttpError`] where no answer begins.
    pub async fn read_results<T: Send + 'static>(
        &self,
        set: u64,
        patience: Duration,
        read: impl FnOnce(Box<dyn Read + Send>) -> T + Send + 'static,
    ) -> Result<Streamed<T>, HttpError> {
        let path = ["api", "v2", "test_result_sets", &set.to_string(), "results"];
        self.http.get_read(self.url(&path, &[]), patience, read).await
    }

    /// Where a log can be looked at.
    pub fn log_link(&self, log: u64) -> String {
        format!("{}api/v2/logs/{log}/raw_inline", self.base)
    }

    /// Reads a log, page by page, while it comes, for as long as `patience` at the most.
    ///
    /// What the master itself wrote into it (channel `h`: the command, the folder and the worker's
    /// whole environment) never gets to the reader. That is why the raw log is not read: there
    /// nothing tells these lines from others.
    ///
    /// # Errors
    /// [`HttpError`] where the first page cannot be read; that a later one could not be is told in
    /// what comes back.
    pub async fn read_log<T: Send + 'static>(
        &self,
        log: &Log,
        patience: Duration,
        read: impl FnOnce(Box<dyn Read + Send>) -> T + Send + 'static,
    ) -> Result<Streamed<T>, HttpError> {
        let started = Instant::now();
        let mut page = self.page(log, 0).await?;
        let (sender, receiver) = channel(AHEAD);
        let source = Pieces { receiver, piece: Vec::new(), at: 0 };
        let reading = tokio::task::spawn_blocking(move || read(Box::new(source)));
        let (mut offset, mut bytes, mut broke) = (PAGE, page.len(), None);
        let mut was_slow = false;
        loop {
            // Whoever reads no further has what he wants.
            if give(&sender, page).await.is_err() || offset >= log.lines {
                break;
            }
            if started.elapsed() >= patience {
                let seconds = started.elapsed().as_secs();
                broke = Some(Problem::TooSlow { bytes, seconds }.to_string());
                was_slow = true;
                let _ = sender.send(Err(io::Error::other("it took too long"))).await;
                break;
            }
            page = match self.page(log, offset).await {
                Ok(page) => page,
                Err(error) => {
                    broke = Some(error.to_string());
                    let _ = sender.send(Err(io::Error::other("a page could not be read"))).await;
                    break;
                }
            };
            bytes += page.len();
            offset += PAGE;
        }
        drop(sender);
        let value = reading.await.map_err(|error| HttpError {
            problem: Problem::Broken(error.to_string()),
            method: "GET",
            url: self.log_link(log.id),
        })?;
        Ok(Streamed { value, broke, was_slow, bytes })
    }

    /// Lines of a log from an offset on, without the master's own.
    async fn page(&self, log: &Log, offset: u64) -> Result<Vec<u8>, HttpError> {
        let path = ["logs", &log.id.to_string(), "contents"];
        let query = [("offset", offset.to_string()), ("limit", PAGE.to_string())];
        let answer: Chunks = self.get(&path, &query).await?;
        let content: String = answer.logchunks.into_iter().map(|chunk| chunk.content).collect();
        Ok(if log.has_channels { without_channels(&content) } else { content.into_bytes() })
    }
}

async fn give(sender: &Sender<io::Result<Vec<u8>>>, page: Vec<u8>) -> Result<(), ()> {
    sender.send(Ok(page)).await.map_err(drop)
}

/// Takes the channel from each line, and leaves out those that the master wrote.
fn without_channels(content: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len());
    for line in content.split_inclusive('\n') {
        // A line that begins otherwise is the master's own, or nothing that is known.
        if let Some(b'o' | b'e') = line.as_bytes().first() {
            out.extend_from_slice(&line.as_bytes()[1..]);
        }
    }
    out
}

/// Pieces of a log, for a reader that waits for them.
struct Pieces {
    receiver: Receiver<io::Result<Vec<u8>>>,
    piece: Vec<u8>,
    at: usize,
}

impl Read for Pieces {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        while self.at == self.piece.len() {
            match self.receiver.blocking_recv() {
                None => return Ok(0),
                Some(piece) => (self.piece, self.at) = (piece?, 0),
            }
        }
        let count = to.len().min(self.piece.len() - self.at);
        to[..count].copy_from_slice(&self.piece[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_master_wrote_is_left_out() {
        let content = "hpython3 run.py\nh environment:\nh  TOKEN=hunter2\noTEST-PASS | a\neoops\nhprogram finished\n";
        assert_eq!(without_channels(content), b"TEST-PASS | a\noops\n");
    }
}
