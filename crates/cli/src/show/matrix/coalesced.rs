//! What was run in the place of coalesced runs, and where.

use std::collections::HashMap;

use mozci_core::ids::RequestId;
use mozci_core::push::Push;
use mozci_core::run::State;
use mozci_engine::flow::Matrix;

use crate::show::out::Out;
use crate::show::plan::what;

/// Coalesced runs that are listed at the most.
const LISTED: usize = 12;

/// Shows it.
pub(super) fn show(out: &mut Out, pushes: &[Push], matrix: &Matrix) {
    let mut place_of: HashMap<RequestId, usize> = HashMap::new();
    let mut listed: Vec<(usize, u32, Option<RequestId>)> = Vec::new();
    for (place, row) in matrix.rows.iter().enumerate() {
        for (job, run) in row {
            place_of.insert(run.key.request, place);
            // Of Taskcluster's nobody tells into what.
            if run.state == State::Coalesced && run.key.request.build_request().is_some() {
                let into = run.more.as_ref().and_then(|more| more.coalesced_into);
                listed.push((place, *job, into));
            }
        }
    }
    for (place, job, into) in listed.iter().take(LISTED) {
        let (push, job) = (&pushes[*place], &matrix.jobs[*job as usize].0);
        let into = match into {
            Some(into) => match place_of.get(into) {
                Some(other) => format!("into {}, push {}", what(*into), pushes[*other].id),
                None => format!("into {}", what(*into)),
            },
            None => "into an unknown one".to_owned(),
        };
        out.line(&format!(" ⇣ push {}  {job} was coalesced {into}", push.id));
    }
    if listed.len() > LISTED {
        let more = listed.len() - LISTED;
        out.line(&format!(" ⇣ and {more} more were coalesced (--json lists all)"));
    }
}
