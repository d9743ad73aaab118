//! What a search reports, on the terminal and as JSON.

use mozci_core::bisect::Verdict;
use mozci_engine::ci::Ci;
use mozci_engine::drive::search::{Ended, Finished, Mark, SearchProgress, Searched};
use mozci_engine::{Error, Kind};
use serde_json::{Value, json};

use super::{explain, html, json, marking, text};
use crate::acting::{Terminal, ended_with};
use crate::app::Interrupt;
use crate::failure;
use crate::show::show_plan_summary;

/// What is kept of a search until it has ended.
#[derive(Debug, Default)]
pub(crate) struct SearchView {
    /// Where the page of HTML goes.
    pub(super) report: Option<std::path::PathBuf>,
    /// The objects of the repositories that it went through, the deepest last.
    objects: Vec<Value>,
}

impl Terminal<'_> {
    /// Renders what happened in a search of a repository.
    pub(crate) fn on_search(&mut self, ci: &Ci, progress: SearchProgress<'_>) {
        let (context, out) = (self.context, &mut *self.out);
        match progress {
            SearchProgress::BackgroundUnread(error) => {
                context.talk(&format!("note: the background rests on few runs: {error}"))
            }
            SearchProgress::Opened { question, case } => text::head(out, question, case),
            SearchProgress::BackedOutAnyway => {
                out.line("the bad push was backed out since; going on all the same");
            }
            SearchProgress::Belief { case, search, requested } => {
                text::belief(out, case, search, requested);
            }
            SearchProgress::Widened { case } => text::widened(out, case),
            SearchProgress::Gone { case, backouts } => text::gone(out, case, backouts),
            SearchProgress::Outlook { search, question, left, plan, used } => {
                text::outlook(out, search, question, left);
                show_plan_summary(out, plan, (used, ci.budgets.day));
            }
            SearchProgress::Explained { case, search, plan } => {
                explain::explain(out, case, search, plan);
            }
            SearchProgress::Begun { id } => out.line(&format!("investigation {id}")),
            SearchProgress::Round { number, plan } => text::round(out, number, plan),
            SearchProgress::MergesUnread(error) => {
                context.talk(&format!("note: it is not known where the merge came from: {error}"))
            }
            SearchProgress::Finished(finished) => {
                let rendered = self.finished(ci, finished);
                self.keep(rendered);
            }
            SearchProgress::Marked(mark) => {
                marking::show(out, mark, context);
                if let (Some(told), Some(object)) =
                    (marking::told(mark), self.search.objects.last_mut())
                {
                    object["mark"] = told;
                }
            }
            SearchProgress::IntoMerge(origin) => {
                out.line("");
                out.line(&format!(
                    "the culprit merges pushes {} to {} of {}: going on there",
                    origin.first.id, origin.last.id, origin.repo
                ));
            }
            SearchProgress::MergeUnsearched { repo, error } => context.talk(&format!(
                "note: the search cannot go on in {repo}: {error}; the merge is the last step that is known"
            )),
            SearchProgress::RepositoryDone => context.say_notes_of(ci),
            SearchProgress::Path(path) => {
                out.line("");
                let steps: Vec<String> =
                    path.iter().map(|(repo, summary)| format!("{repo}: {summary}")).collect();
                out.line(&steps.join(" → "));
            }
        }
    }

    fn finished(&mut self, ci: &Ci, finished: &Finished<'_>) -> Result<(), Error> {
        text::end(self.out, finished, self.context, ci);
        if let Some(path) = &self.search.report {
            html::write(path, finished, ci, &self.context.program())?;
            self.out.line(&format!("report in {}", path.display()));
        }
        if self.out.wants_object() {
            self.search.objects.push(json::object(finished, self.context, ci, self.stats)?);
        }
        if let Ended::Refused(refusal) = finished.ended {
            failure::report(&Error::Guard((**refusal).clone()), self.context.sent());
        }
        Ok(())
    }

    /// Writes the object of a search that has ended. `chased` is what a red job is chased for, where that was
    /// just found out.
    pub(super) fn write_search(
        &mut self,
        searched: &Searched,
        chased: Option<Value>,
    ) -> Result<(), Error> {
        let mut objects = std::mem::take(&mut self.search.objects);
        if let (Some(chased), Some(first)) = (chased, objects.first_mut()) {
            first["chased"] = chased;
        }
        // The deepest stands within what it was found from.
        let whole = objects.into_iter().rev().reduce(|below, mut above| {
            above["origin"] = below;
            above
        });
        let Some(mut whole) = whole else { return Ok(()) };
        let path = searched.path.iter();
        whole["path"] = path.map(|(repo, end)| json!({"repo": repo, "end": end})).collect();
        if let Some(note) = &searched.unsearched {
            whole["note"] = json!(note);
        }
        self.out.object(&whole)
    }
}

/// The exit status of a search.
pub(super) fn status(searched: &Searched, interrupt: &Interrupt, exit_status: bool) -> u8 {
    let of_search = match &searched.ended {
        Ended::Refused(_) | Ended::Budget | Ended::BudgetTooSmall { .. } => Some(Kind::Guard),
        Ended::Interrupted => Some(Kind::Interrupted),
        Ended::Service | Ended::NothingToTest => Some(Kind::Service),
        _ => None,
    };
    if let Some(kind) = of_search {
        return failure::exit_status(kind);
    }
    let of_mark = match &searched.mark {
        Mark::Failed(error) => failure::exit_status(error.kind()),
        Mark::Requested(result) => ended_with(std::slice::from_ref(result), interrupt),
        Mark::None | Mark::NotMade { .. } | Mark::There { .. } => 0,
    };
    let bad = matches!(searched.ended, Ended::Verdict(Verdict::Culprit { .. }));
    match of_mark {
        0 => u8::from(exit_status && bad),
        status => status,
    }
}
