//! Ranges of pushes.

use mozci_clients::hg::Pushlog;
use mozci_clients::treeherder::Treeherder;
use mozci_core::push::Push;
use mozci_core::range::{RangeSpec, Reach};

use crate::backend::FoundRange;
use crate::ci::Ci;
use crate::error::Error;
use crate::flow::range::{MOST, empty, reversed, too_long};
use crate::flow::resolve::resolve;

/// The same where pushes come from Treeherder, which gives a thousand at once, some of which may
/// share the instant of the first.
const MOST_IN_TREEHERDER: usize = 990;

pub(crate) async fn in_pushlog(
    ci: &Ci,
    pushlog: &Pushlog,
    spec: &RangeSpec,
) -> Result<FoundRange, Error> {
    if let Reach::From(from) = &spec.reach {
        let (rev, from) = tokio::join!(resolve(ci, &spec.rev), resolve(ci, from));
        let (rev, from) = (rev?, from?);
        if from.id > rev.id {
            return Err(reversed(&from, &rev));
        }
        let (first, last) = (from.id.number(), rev.id.number());
        if (last - first) as usize > 2 * MOST {
            return Err(too_long((last - first) as usize));
        }
        let mut pushes = ci.pushes_by_id(pushlog, first - 1, last).await?;
        pushes.reverse();
        return Ok((pushes, 0, first <= 1));
    }
    let rev = resolve(ci, &spec.rev).await?;
    let id = rev.id.number();
    match spec.reach {
        Reach::Single | Reach::From(_) => Ok((vec![rev], 0, id <= 1)),
        Reach::Back(count) => {
            let (mut pushes, at_start) = back(ci, pushlog, id, count).await?;
            pushes.reverse();
            Ok((pushes, 0, at_start))
        }
        Reach::Delta(count) => {
            let (older, newer) =
                tokio::join!(back(ci, pushlog, id, count), ahead(ci, pushlog, id, count));
            let ((mut pushes, at_start), newer) = (older?, newer?);
            let origin = newer.len();
            pushes.extend(newer);
            pushes.reverse();
            Ok((pushes, origin, at_start))
        }
        Reach::Since(since) => {
            let page = pushlog.since(since).await?;
            let mut pushes: Vec<Push> =
                page.pushes.into_iter().filter(|push| push.id.number() <= id).collect();
            pushes.reverse();
            if pushes.is_empty() {
                return Err(empty(ci, &rev));
            }
            Ok((pushes, 0, false))
        }
    }
}

/// The push with this number and `count` before it, oldest first, and whether there are no more.
async fn back(ci: &Ci, pushlog: &Pushlog, id: u64, count: u32) -> Result<(Vec<Push>, bool), Error> {
    let wanted = count as usize + 1;
    if wanted > MOST {
        return Err(too_long(wanted));
    }
    // Numbers have gaps: one in sixteen and two more are allowed for, else there is another round.
    let mut after = id.saturating_sub(wanted as u64 + u64::from(count) / 16 + 2);
    loop {
        let mut pushes = ci.pushes_by_id(pushlog, after, id).await?;
        if pushes.len() >= wanted || after == 0 {
            let at_start = after == 0 && pushes.len() <= wanted;
            let surplus = pushes.len().saturating_sub(wanted);
            pushes.drain(..surplus);
            return Ok((pushes, at_start));
        }
        // Where the pushlog begins far above zero there is nothing below to be found.
        let step = 4 * wanted as u64 + 64;
        let before = pushes.len();
        let lower = after.saturating_sub(step);
        let more = ci.pushes_by_id(pushlog, lower, id).await?;
        if more.len() == before {
            return Ok((more, true));
        }
        after = lower;
    }
}

/// `count` pushes after this number, oldest first.
async fn ahead(ci: &Ci, pushlog: &Pushlog, id: u64, count: u32) -> Result<Vec<Push>, Error> {
    if count as usize > MOST {
        return Err(too_long(count as usize));
    }
    let last = id + u64::from(count) + u64::from(count) / 16 + 2;
    let mut pushes = ci.pushes_by_id(pushlog, id, last).await?;
    pushes.truncate(count as usize);
    Ok(pushes)
}

pub(crate) async fn in_treeherder(
    ci: &Ci,
    treeherder: &Treeherder,
    spec: &RangeSpec,
) -> Result<FoundRange, Error> {
    let failed = || Error::service("cannot read Treeherder's pushes");
    let rev = resolve(ci, &spec.rev).await?;
    match &spec.reach {
        Reach::Single => Ok((vec![rev], 0, false)),
        Reach::Back(count) => {
            // Pushes may share an instant; those of R's own are requested besides.
            let wanted = *count as usize + 1;
            if wanted > MOST_IN_TREEHERDER {
                return Err(Error::Usage(format!(
                    "a range of {wanted} pushes, where {MOST_IN_TREEHERDER} are the most of a repository whose pushes come from Treeherder: narrow it"
                )));
            }
            let found = treeherder.pushes_until(rev.date, wanted + 10).await.map_err(failed())?;
            let all: Vec<Push> = found.into_iter().map(|push| push.push).collect();
            let start = all.iter().position(|push| push.id == rev.id).unwrap_or(0);
            let at_start = all.len() - start < wanted;
            Ok((all.into_iter().skip(start).take(wanted).collect(), 0, at_start))
        }
        Reach::Delta(_) => Err(Error::Usage(
            "--delta needs a pushlog, and this repository's pushes come from Treeherder; use --back-revisions".into(),
        )),
        Reach::From(from) => {
            let from = resolve(ci, from).await?;
            if from.date > rev.date {
                return Err(reversed(&from, &rev));
            }
            let found =
                treeherder.pushes_between(from.date, rev.date).await.map_err(failed())?;
            Ok((found.into_iter().rev().map(|push| push.push).collect(), 0, false))
        }
        Reach::Since(since) => {
            let found = treeherder.pushes_between(*since, rev.date).await.map_err(failed())?;
            if found.is_empty() {
                return Err(empty(ci, &rev));
            }
            Ok((found.into_iter().rev().map(|push| push.push).collect(), 0, false))
        }
    }
}
