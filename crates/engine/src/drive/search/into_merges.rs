//! From a merge down into the repository that it came from, and back up with the culprit.

use tracing::Instrument;

use crate::drive::progress::Progress;
use crate::drive::search::mark::Mark;
use crate::drive::search::outcome::Ended;
use crate::drive::search::progress::SearchProgress;
use crate::drive::search::run::{SearchContext, Start, search_here};
use crate::drive::session::Session;
use crate::error::Error;
use crate::flow::BisectQuestion;
use crate::store::Lease;

/// Repositories that a search goes down through at the most.
const DEEPEST: usize = 4;

/// What a search came to, in the deepest repository that it reached.
#[derive(Debug)]
pub struct Searched {
    /// Why it is over.
    pub ended: Ended,
    /// What became of the mark.
    pub mark: Mark,
    /// The repositories that it went through, each with its end in words.
    pub path: Vec<(String, String)>,
    /// Why it could not go on below a merge, where it could not.
    pub unsearched: Option<String>,
}

/// Drives a search to its end, through the merges that it lands on. `lease` is the investigation that it resumes,
/// held by this process; `consented` is whether somebody agreed already that runs are requested.
///
/// # Errors
/// [`Error`]; what was sent by then stands in the ledger, and the investigation stays open.
pub async fn search(
    question: &BisectQuestion,
    lease: Option<Lease>,
    consented: bool,
    context: &mut SearchContext<'_>,
) -> Result<Searched, Error> {
    let span = span(question, context.session.ci.repo.as_str());
    let start = Start { lease, consented };
    let mut here = search_here(question, start, context).instrument(span).await?;
    let mut path = vec![(context.session.ci.repo.to_string(), here.summary.clone())];
    let mut unsearched = None;
    while let Some(origin) = here.below.take() {
        let Some(before) = origin.before.clone().filter(|_| path.len() < DEEPEST) else { break };
        context.session.report(Progress::Search(SearchProgress::IntoMerge(&origin)));
        let below = BisectQuestion {
            bad: origin.last.revision.hash().to_owned(),
            good: Some(before.revision.hash().to_owned()),
            // That it fails there is known from the merge.
            anyway: true,
            ..question.clone()
        };
        match search_below(&below, &origin.repo, context).await {
            Ok(next) => here = next,
            Err(error) => {
                let repo = &*origin.repo;
                let progress = SearchProgress::MergeUnsearched { repo, error: &error };
                context.session.report(Progress::Search(progress));
                unsearched = Some(format!("the search cannot go on in {repo}: {error}"));
                break;
            }
        }
        path.push((origin.repo, here.summary.clone()));
    }
    if path.len() > 1 {
        context.session.report(Progress::Search(SearchProgress::Path(&path)));
    }
    Ok(Searched { ended: here.ended, mark: here.mark, path, unsearched })
}

/// What log lines of a search begin with. The investigation is recorded once it has an id.
fn span(question: &BisectQuestion, repo: &str) -> tracing::Span {
    let investigation = tracing::field::Empty;
    tracing::debug_span!("search", repo, job = question.job, investigation)
}

/// Drives a search in another repository of the same CI.
async fn search_below(
    question: &BisectQuestion,
    repo: &str,
    context: &mut SearchContext<'_>,
) -> Result<crate::drive::search::run::Here, Error> {
    let below = context.repositories.open(repo)?;
    if let Some(about) = &question.about {
        below.judge_by(about.clone());
    }
    let session = &mut context.session;
    let mut there = SearchContext {
        session: Session {
            ci: &below,
            ledger: &mut *session.ledger,
            host: &mut *session.host,
            cancel: session.cancel,
        },
        store: context.store,
        repositories: context.repositories,
        options: context.options,
    };
    let start = Start { lease: None, consented: false };
    let span = span(question, repo);
    let here = search_here(question, start, &mut there).instrument(span).await;
    there.session.report(Progress::Search(SearchProgress::RepositoryDone));
    here
}
