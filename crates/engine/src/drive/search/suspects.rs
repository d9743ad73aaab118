//! What the repository says of the pushes that a search suspects.

use crate::flow::merges;
use mozci_core::bisect::Backout;
use mozci_core::commit::Commit;
use mozci_core::culprit::HuntSettings;
use mozci_core::ids::Revision;
use mozci_core::push::Push;

use crate::ci::Ci;
use crate::drive::progress::Progress;
use crate::drive::search::outcome::Ended;
use crate::drive::search::progress::SearchProgress;
use crate::drive::session::Session;
use crate::flow::{BisectQuestion, CulpritPush, Merge, SearchData, culprit_pushes, weigh};

/// Which of the culprits are merges, and where they came from.
pub(super) async fn merges_of(session: &mut Session<'_>, culprits: &[CulpritPush]) -> Vec<Merge> {
    // One of several changesets may have taken another repository's head as it is.
    let merging = |culprit: &&CulpritPush| {
        let several = culprit.push.changesets.len() > 1 && session.ci.has_merge_sources();
        several || culprit.commits.iter().any(Commit::is_merge)
    };
    let pushes: Vec<_> =
        culprits.iter().filter(merging).map(|culprit| culprit.push.clone()).collect();
    if pushes.is_empty() {
        return Vec::new();
    }
    match merges(session.ci, &pushes).await {
        Ok(merges) => merges,
        Err(error) => {
            session.report(Progress::Search(SearchProgress::MergesUnread(&error)));
            Vec::new()
        }
    }
}

/// How the search is to go, with the suspects weighed by what they touch.
pub(super) async fn weighed(question: &BisectQuestion, case: &SearchData, ci: &Ci) -> HuntSettings {
    let suspects: Vec<Push> = case.pushes().skip(1).cloned().collect();
    let known = weigh(ci, &suspects, question.about.as_ref()).await;
    question.settings(ci.budgets.push, known)
}

/// Which of some suspects were backed out by the bad push or before it, by what the repository itself
/// says of their commits: messages need not name every one.
pub(super) async fn gone_by_then(
    ci: &Ci,
    case: &SearchData,
    suspects: std::ops::RangeInclusive<usize>,
) -> Vec<Backout> {
    let pushes: Vec<&Push> = case.pushes().collect();
    let wanted: Vec<Push> = suspects
        .clone()
        .filter_map(|number| pushes.get(number).map(|push| (*push).clone()))
        .collect();
    let culprits = culprit_pushes(ci, wanted).await;
    let mut gone = Vec::new();
    for (suspect, culprit) in suspects.zip(culprits) {
        let place = |by: &Revision| {
            pushes.iter().position(|push| push.changesets.iter().any(|c| c.revision == *by))
        };
        let places: Option<Vec<usize>> =
            culprit.commits.iter().map(|commit| place(commit.backed_out_by.as_ref()?)).collect();
        // One that was backed out in part, or after the bad push, was in there.
        if let Some(until) = places.and_then(|places| places.into_iter().max()) {
            gone.push(Backout { suspect, until });
        }
    }
    gone
}

/// What ends a search before it begins.
pub(super) async fn early(
    question: &BisectQuestion,
    case: &SearchData,
    session: &mut Session<'_>,
) -> Option<Ended> {
    let bad = culprit_pushes(session.ci, vec![case.bad().clone()]).await;
    let backed_out = bad.first().is_some_and(CulpritPush::is_backed_out);
    match (backed_out, question.anyway) {
        (true, false) => Some(Ended::BackedOut),
        (true, true) => {
            session.report(Progress::Search(SearchProgress::BackedOutAnyway));
            None
        }
        _ => None,
    }
}
