//! The exit status of an act, and what is said where not all of it went through.

use mozci_core::plan::{LeftOut, LeftOutReason};
use mozci_core::push::count_pushes;
use mozci_core::run::{Run, State};
use mozci_engine::Kind;
use mozci_engine::flow::{JobHistory, Outcome, Refused, TriggerResult};

use crate::app::Interrupt;
use crate::failure;
use crate::show::plural;
use mozci_engine::drive::{Acted, all_facts};

/// The exit status where nothing is requested: what is there already is done; where there is no way to ask, or
/// nothing at all is there, that is no success. Of several jobs one that cannot be requested is no failure of
/// the others.
pub(super) fn left_out_status<'a>(
    left_out: impl Iterator<Item = &'a LeftOut>,
    histories: &[JobHistory],
) -> u8 {
    let wanted = all_facts(histories).count();
    let hindered: Vec<&LeftOut> = left_out.filter(|left_out| !left_out.why.is_fine()).collect();
    let is_trust = |left_out: &&LeftOut| matches!(left_out.why, LeftOutReason::NotTrusted(_));
    let status = if hindered.iter().any(is_trust) {
        failure::exit_status(Kind::NotAllowed)
    } else if (histories.len() == 1 && hindered.iter().any(|left_out| left_out.why.has_no_way()))
        || (!hindered.is_empty() && hindered.len() >= wanted)
    {
        failure::exit_status(Kind::Service)
    } else {
        0
    };
    if status != 0 {
        failure::say(&format!(
            "error: nothing could be requested on {}, for the reasons above",
            plural(count_pushes(hindered.iter().map(|left_out| left_out.push.id)), "push")
        ));
    }
    status
}

/// Says where not everything got through, for those who do not read each result.
pub(crate) fn say_unsent(results: &[TriggerResult]) {
    let unsent = results.iter().filter(|result| result.is_missing()).count();
    if unsent > 0 && !any_refused(results, Refused::NotAllowed) {
        let what_to_do = if any_refused(results, Refused::Values) {
            "the CI refuses their values: change the ones that it names, then run the command again"
        } else {
            "run the command again: it requests only what is missing"
        };
        failure::say(&format!(
            "error: {unsent} of {} did not get through: {what_to_do}",
            plural(results.len(), "request")
        ));
    }
}

fn any_refused(results: &[TriggerResult], why: Refused) -> bool {
    results.iter().any(|result| result.refusal == Some(why))
}

/// The exit status of what was sent alone.
pub(crate) fn ended_with(results: &[TriggerResult], interrupt: &Interrupt) -> u8 {
    if interrupt.stop.is_cancelled() {
        failure::exit_status(Kind::Interrupted)
    } else if any_refused(results, Refused::NotAllowed) {
        failure::exit_status(Kind::NotAllowed)
    } else if any_refused(results, Refused::Values) {
        failure::exit_status(Kind::Usage)
    } else if results.iter().any(TriggerResult::is_missing) {
        failure::exit_status(Kind::Service)
    } else {
        0
    }
}

pub(super) fn status(acted: &Acted, interrupt: &Interrupt) -> u8 {
    match ended_with(&acted.results, interrupt) {
        0 if acted.refused.is_some() => failure::exit_status(Kind::Guard),
        0 if acted.gave_up || acted.outcomes.iter().any(Outcome::failed) => {
            failure::exit_status(Kind::Service)
        }
        0 if say_cancelled(&acted.outcomes) => failure::exit_status(Kind::Service),
        0 if say_refused(&acted.left_out) => failure::exit_status(Kind::Service),
        status => status,
    }
}

/// Says where the CI could not be asked, though the plan meant to.
pub(super) fn say_refused(left_out: &[LeftOut]) -> bool {
    let refused = left_out.iter().filter(|left_out| left_out.why.is_refusal());
    let pushes = count_pushes(refused.map(|left_out| left_out.push.id));
    if pushes > 0 {
        failure::say(&format!(
            "error: {} could not be requested, for the reason above",
            plural(pushes, "push")
        ));
    }
    pushes > 0
}

/// Says where runs that were requested were taken back by somebody, so that they say nothing.
fn say_cancelled(outcomes: &[Outcome]) -> bool {
    let gone = |outcome: &&Outcome| {
        let cancelled = outcome.runs.iter().any(|run| run.state == State::Cancelled);
        outcome.done && cancelled && !outcome.runs.iter().any(Run::counts)
    };
    let gone = outcomes.iter().filter(gone).count();
    if gone > 0 {
        failure::say(&format!(
            "error: {gone} of {} ended as cancelled, without a result: run the command again to request what is missing",
            plural(outcomes.len(), "run")
        ));
    }
    gone > 0
}
