//! From a merge down into the repository that it came from, and back up with the culprit.

use mozci_engine::Error;
use mozci_engine::flow::BisectQuestion;
use serde_json::{Value, json};

use super::drive::{Desk, Driven, Ends, drive};
use crate::app::Done;

/// Repositories that a search goes down through at the most.
const DEEPEST: usize = 4;

/// Drives a search to its end, through the merges that it lands on.
pub(crate) async fn drive_down(
    question: &BisectQuestion,
    ends: Ends<'_>,
    desk: &mut Desk<'_>,
) -> Done {
    let context = desk.context;
    let args = ends.args;
    let mut driven = drive(question, ends, desk).await?;
    let mut path = vec![(context.ci.repo.to_string(), driven.summary.clone())];
    let mut objects: Vec<Value> = driven.object.take().into_iter().collect();
    let mut note = None;
    while let Some(origin) = driven.below.take() {
        let Some(before) = origin.before.clone().filter(|_| path.len() < DEEPEST) else { break };
        desk.out.line("");
        desk.out.line(&format!(
            "the culprit merges pushes {} to {} of {}: going on there",
            origin.first.id, origin.last.id, origin.repo
        ));
        let below = BisectQuestion {
            bad: origin.last.revision.hash().to_owned(),
            good: Some(before.revision.hash().to_owned()),
            // That it fails there is known from the merge.
            anyway: true,
            ..question.clone()
        };
        let ends = Ends { args, lease: None, consented: false, chased: None };
        match one_below(&below, &origin.repo, ends, desk).await {
            Ok(next) => driven = next,
            Err(error) => {
                let text = format!("the search cannot go on in {}: {error}", origin.repo);
                context.talk(&format!("note: {text}; the merge is as far as is known"));
                note = Some(text);
                break;
            }
        }
        path.push((origin.repo, driven.summary.clone()));
        objects.extend(driven.object.take());
    }
    if path.len() > 1 {
        desk.out.line("");
        let steps: Vec<String> =
            path.iter().map(|(repo, summary)| format!("{repo}: {summary}")).collect();
        desk.out.line(&steps.join(" → "));
    }
    // The deepest stands within what it was found from.
    let whole = objects.into_iter().rev().reduce(|below, mut above| {
        above["origin"] = below;
        above
    });
    if let Some(mut whole) = whole {
        whole["path"] = path.iter().map(|(repo, end)| json!({"repo": repo, "end": end})).collect();
        if let Some(note) = note {
            whole["note"] = json!(note);
        }
        desk.out.object(&whole)?;
    }
    Ok(driven.status)
}

/// Drives a search in another repository of the same CI.
async fn one_below(
    question: &BisectQuestion,
    repo: &str,
    ends: Ends<'_>,
    desk: &mut Desk<'_>,
) -> Result<Driven, Error> {
    let below = desk.context.sibling(repo)?;
    if let Some(about) = &question.about {
        below.ci.judge_by(about.clone());
    }
    let mut there =
        Desk { context: &below, out: &mut *desk.out, ledger: &mut *desk.ledger, ..*desk };
    let driven = drive(question, ends, &mut there).await;
    below.say_notes();
    driven
}
