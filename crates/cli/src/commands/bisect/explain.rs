//! What the next runs are expected to tell, in words.

use mozci_core::bisect::Search;
use mozci_core::plan::Plan;
use mozci_engine::flow::SearchData;

use crate::show::Out;
use mozci_core::rate::percent;

/// Says of each push of a plan what one run there is expected to tell.
pub(super) fn explain(out: &mut Out, case: &SearchData, search: &Search, plan: &Plan) {
    let requested = plan.requests.iter().map(|request| (&request.push, request.times));
    let waiting = plan.waits_for.iter().map(|waits| (&waits.push, waits.times));
    for (push, times) in requested.chain(waiting) {
        let Some(number) = case.pushes().position(|known| known.id == push.id) else {
            out.line(&format!(
                "  {}  is newer than the bad push and has its build: a cheap way to learn how often this fails",
                push.id
            ));
            continue;
        };
        let tells = search.tells(number);
        let runs = if times == 1 { String::new() } else { format!(" (each of {times} runs)") };
        out.line(&format!(
            "  {}{runs}  fails with {}; after a failure the culprit is there or before it with {}, after a pass with {} (now {})",
            push.id,
            percent(tells.fails),
            percent(tells.if_it_fails),
            percent(tells.if_it_passes),
            percent(tells.now),
        ));
    }
}
