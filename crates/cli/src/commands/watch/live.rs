//! What somebody who watches sees: a line a push that changes in place on a terminal, JSON lines
//! elsewhere, and one line at the end.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};

use mozci_core::harmless::harmless_line;
use mozci_core::ids::JobName;
use mozci_core::plan::Plan;
use mozci_core::push::{Push, PushRef};
use mozci_core::watch::{Ending, ending};
use mozci_engine::Error;
use mozci_engine::flow::{CellIndex, TriggerResult, Watching};
use serde_json::{Value, json};

use super::view::json_line;
use crate::app::Format;
use crate::context::Context;
use crate::show::{Out, marks, plural};
use crate::status;

/// How it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Lines that change in place.
    Live,
    /// A line a change.
    Lines,
    /// A JSON object a line.
    Json,
}

/// What is shown.
#[derive(Debug)]
pub(super) struct Live {
    way: Way,
    pushes: Vec<Push>,
    one_job: bool,
    /// Lines of the live view that are on the terminal; none where something else is below them.
    drawn: Vec<String>,
    /// Columns that a line of it may have.
    width: usize,
}

impl Live {
    pub(super) fn new(out: &mut Out, context: &Context, pushes: &[Push], jobs: &[JobName]) -> Self {
        // What does not fit on a terminal cannot change in place.
        let rows = terminal_size::terminal_size().map_or(0, |(_, rows)| usize::from(rows.0));
        let fits = std::io::stdout().is_terminal() && pushes.len() + 2 < rows;
        let terminal = std::io::stdout().is_terminal();
        let way = match (out.json, terminal) {
            (true, _) => Way::Json,
            (_, true) if context.global.format == Format::Table && fits => Way::Live,
            _ => Way::Lines,
        };
        // Nothing else may stand between the lines.
        out.json = way == Way::Json;
        Self {
            way,
            pushes: pushes.to_vec(),
            one_job: jobs.len() == 1,
            drawn: Vec::new(),
            width: out.width,
        }
    }

    /// Shows what changed.
    pub(super) fn show(
        &mut self,
        watching: &Watching,
        changed: &[CellIndex],
        out: &mut Out,
    ) -> Result<(), Error> {
        match self.way {
            Way::Live => self.draw(watching),
            Way::Lines => {
                for place in changed {
                    let facts = watching.facts(*place);
                    let job = &watching.histories[place.0].job;
                    let marks = marks(facts.runs.iter());
                    let ending = ending(facts);
                    out.line(&format!("{} {job}  {marks} {ending}", facts.push.id));
                }
            }
            Way::Json => {
                for place in changed {
                    let facts = watching.facts(*place);
                    json_line(json!({
                        "event": "state",
                        "push": PushRef::from(&facts.push),
                        "job": watching.histories[place.0].job,
                        "runs": facts.runs,
                        "asked": facts.requested,
                        "state": ending(facts),
                    }))?;
                }
            }
        }
        Ok(())
    }

    /// Shows what was requested.
    pub(super) fn requested(
        &mut self,
        plan: &Plan,
        results: &[TriggerResult],
        out: &mut Out,
    ) -> Result<(), Error> {
        self.drawn.clear();
        if self.way != Way::Json {
            out.line(&format!("requested {}", plural(plan.runs() as usize, "run")));
            return Ok(());
        }
        results.iter().try_for_each(|result| json_line(json!({"event": "asked", "result": result})))
    }

    /// Shows a remark.
    pub(super) fn note(&mut self, text: &str) -> Result<(), Error> {
        self.drawn.clear();
        match self.way {
            Way::Json => json_line(json!({"event": "note", "text": text})),
            Way::Live | Way::Lines => Ok(()),
        }
    }

    /// The lines of the live view: each push with what its jobs say.
    fn draw(&mut self, watching: &Watching) {
        let mut lines = Vec::new();
        for (place, push) in self.pushes.iter().enumerate() {
            let mut line = format!("{} {}", push.id, push.revision.short());
            let all: Vec<_> =
                (0..watching.histories.len()).map(|job| watching.facts((job, place))).collect();
            if self.one_job {
                let facts = all[0];
                line.push_str(&format!("  {} {}", marks(facts.runs.iter()), ending(facts)));
                if facts.requested > 0 {
                    line.push_str(&format!(", {} requested", facts.requested));
                }
            } else {
                let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
                for run in all.iter().flat_map(|facts| &facts.runs) {
                    *counts.entry(run.state.word()).or_default() += 1;
                }
                let requested: u32 = all.iter().map(|facts| facts.requested).sum();
                let words = counts.iter().map(|(word, count)| format!("{count} {word}"));
                let requested = (requested > 0).then(|| format!("{requested} requested"));
                let words: Vec<String> = words.chain(requested).collect();
                match words.is_empty() {
                    true => line.push_str("  not run"),
                    false => line.push_str(&format!("  {}", words.join(" · "))),
                }
            }
            lines.push(harmless_line(&line).chars().take(self.width).collect());
        }
        if lines == self.drawn {
            return;
        }
        let up = match self.drawn.len() {
            0 => String::new(),
            drawn => format!("\x1b[{drawn}A\x1b[J"),
        };
        // A terminal that is gone is noticed at the end.
        let _ = status::above(|| {
            let mut stdout = std::io::stdout();
            writeln!(stdout, "{up}{}", lines.join("\n")).and_then(|()| stdout.flush())
        });
        self.drawn = lines;
    }

    /// The last lines.
    pub(super) fn end(
        &mut self,
        watching: &Watching,
        (interrupted, summary): (bool, &str),
        out: &mut Out,
        costs: Option<Value>,
    ) -> Result<(), Error> {
        let mut outcomes = Vec::new();
        let mut odd = Vec::new();
        for place in watching.places() {
            let facts = watching.facts(place);
            let ending = ending(facts);
            let job = &watching.histories[place.0].job;
            if !matches!(ending, Ending::Passed { .. } | Ending::Nothing { last: None }) {
                odd.push(format!("  {} {job}: {ending}", facts.push.id));
            }
            outcomes.push(json!({
                "push": PushRef::from(&facts.push), "job": job, "state": ending,
                "words": ending.to_string(), "runs": facts.runs,
            }));
        }
        if self.way != Way::Json {
            odd.iter().for_each(|line| out.line(line));
            out.line(summary);
            return Ok(());
        }
        let mut line = json!({
            "event": "end", "summary": summary, "interrupted": interrupted,
            "outcomes": outcomes, "heard": watching.events_received, "looks": watching.looks,
        });
        if let Some(costs) = costs {
            line["stats"] = costs;
        }
        json_line(line)
    }
}
