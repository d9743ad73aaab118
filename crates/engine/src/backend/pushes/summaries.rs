//! What the commits at the heads of pushes are about, for people who recognise a push by that.

use mozci_clients::hg::Pushlog;
use mozci_core::push::Push;

use crate::ci::Ci;
use crate::store::FactKind;

/// Numbers of pushes that are read in one request.
const SPAN: u64 = 500;

/// Fills in the summaries that are missing: from what is kept, else with one request. Of a wider span than
/// one request has, the newest pushes alone.
pub(crate) async fn from_pushlog(ci: &Ci, pushlog: &Pushlog, pushes: &mut [Push]) {
    let mut unknown: Vec<u64> = Vec::new();
    for push in pushes.iter_mut().filter(|push| push.summary.is_none()) {
        let number = push.id.number();
        push.summary = ci.fact(FactKind::Summary, &number.to_string());
        if push.summary.is_none() {
            unknown.push(number);
        }
    }
    let (Some(first), Some(last)) = (unknown.iter().min(), unknown.iter().max()) else { return };
    let after = (first - 1).max(last.saturating_sub(SPAN));
    let read = match pushlog.summaries(after, *last).await {
        Ok(read) => read,
        Err(error) => {
            return ci.note(format!("what the commits are about cannot be read: {error}"));
        }
    };
    ci.keep(FactKind::Summary, read.iter().map(|(number, text)| (number.to_string(), text)));
    for push in pushes.iter_mut().filter(|push| push.summary.is_none()) {
        push.summary = read.get(&push.id.number()).cloned();
    }
}
