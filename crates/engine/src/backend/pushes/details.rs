//! What is said of a culprit: its commits, who wrote them, and whether they were backed out.

use mozci_core::bisect::Backout;
use mozci_core::commit::Commit;
use mozci_core::culprit::{backed_out_at, suspicion};
use mozci_core::push::Push;
use mozci_evidence::About;

use mozci_clients::hg::Pushlog;

use crate::ci::Ci;
use crate::flow::{CulpritPush, Known};
use crate::store::FactKind;

/// Suspects whose commits are read to weigh them.
const WEIGHED: usize = 600;

/// What is known of suspects, oldest first, by their commits: one request for all. None where nobody
/// tells of commits, or there are too many.
pub(crate) async fn weigh(
    ci: &Ci,
    pushlog: &Pushlog,
    suspects: &[Push],
    about: Option<&About>,
) -> Option<Known> {
    let numbers = || suspects.iter().map(|push| push.id.number());
    let (first, last) = (numbers().min()?, numbers().max()?);
    if suspects.len() > WEIGHED {
        return None;
    }
    let commits = match pushlog.full(first.saturating_sub(1), last).await {
        Ok(commits) => commits,
        Err(error) => {
            ci.note(format!(
                "suspects are taken for equally likely, and whether one was backed out is not known: {error}"
            ));
            return None;
        }
    };
    let heads = commits.iter().filter_map(|(number, all)| {
        let summary = all.last().map(|head| &head.summary).filter(|text| !text.is_empty());
        Some((number.to_string(), summary?))
    });
    ci.keep(FactKind::Summary, heads);
    let subject = about.and_then(|about| about.subject.as_ref()).map(|subject| subject.name());
    let of = |number: u64| commits.get(&number).map_or(&[][..], Vec::as_slice);
    let weights = numbers().map(|number| suspicion(of(number), subject)).collect();
    let each: Vec<&[Commit]> = numbers().map(of).collect();
    let gone = backed_out_at(&each).into_iter().enumerate();
    // Suspects are counted from 1, as the pushes are.
    let gone = gone.filter_map(|(at, by)| Some(Backout { suspect: at + 1, until: by? + 1 }));
    Some(Known { weights, backouts: gone.collect() })
}

/// Pushes whose commits are read at the most.
const MOST: usize = 8;

/// Reads the commits of pushes, a request a push: of few alone.
pub(crate) async fn culprit_pushes(
    ci: &Ci,
    pushlog: &Pushlog,
    pushes: Vec<Push>,
) -> Vec<CulpritPush> {
    let mut all = Vec::with_capacity(pushes.len());
    for (number, push) in pushes.into_iter().enumerate() {
        let commits = match number {
            few if few < MOST => match pushlog.commits(&push.revision).await {
                Ok(commits) => commits,
                Err(error) => {
                    ci.note(format!("the commits of push {} cannot be read: {error}", push.id));
                    Vec::new()
                }
            },
            _ => Vec::new(),
        };
        all.push(CulpritPush { push, commits });
    }
    all
}
