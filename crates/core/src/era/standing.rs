//! How a request stands, by what BuildAPI lists and the dumps have.

use crate::ids::BuildRequestId;
use crate::run::State;
use crate::time::At;

/// A request that BuildAPI lists for a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The request.
    pub request: BuildRequestId,
    /// The builder.
    pub builder: String,
    /// The revision that it was made for.
    pub revision: String,
    /// How it ended; none where the list has no status at all.
    pub status: Option<Outcome>,
    /// When it ended.
    pub ended: Option<At>,
    /// When the request was done with: it says in which dump it is.
    pub complete: Option<At>,
}

/// What a list has for a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Null: not known yet, or never.
    Open,
    /// One of Buildbot's numbers.
    Ended(i64),
}

/// A build, as a dump has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DumpRow {
    /// The requests that it carried out.
    pub requests: Vec<BuildRequestId>,
    /// The builder.
    pub builder: String,
    /// The revision that was built.
    pub revision: String,
    /// When it began.
    pub started: Option<At>,
    /// When it ended.
    pub ended: Option<At>,
    /// Buildbot's number for how it ended.
    pub result: Option<i64>,
    /// Where its log is.
    pub log: Option<String>,
    /// The files that it uploaded, by their names.
    pub uploaded: Vec<(String, String)>,
    /// Where what tests need is: the package, and the tests.
    pub files: Vec<String>,
}

/// Digits by which revisions are compared: dumps may have short ones.
const COMPARED: usize = 12;

/// What Buildbot's numbers mean. Warnings were this farm's word for failed tests.
pub fn state_of(result: i64) -> State {
    match result {
        0 => State::Passed,
        1 => State::Failed,
        2 => State::Busted,
        3 => State::Skipped,
        4 => State::Exception,
        5 => State::Retried,
        6 => State::Cancelled,
        other => State::Unknown(format!("result {other}").into()),
    }
}

/// How a listed request stands. `row` is the dump's row of it, `looked` whether the dump in which it
/// would be was read.
///
/// A request that was done with a build of another revision was coalesced, whether that passed or
/// failed. One that ended so, as the list has it, and is in no dump yet is still at work; where nobody
/// could look that is not known.
pub fn standing(listed: &Listed, row: Option<&DumpRow>, looked: bool) -> State {
    let result = match (listed.status, listed.ended) {
        (None, _) => return State::Pending,
        (Some(Outcome::Open), None) => return State::Running,
        (Some(Outcome::Open), Some(_)) => return State::Unknown("ended, result unknown".into()),
        (Some(Outcome::Ended(result)), _) => result,
    };
    // What never ran to its end says nothing of any revision.
    if !(0..=2).contains(&result) {
        return state_of(result);
    }
    match row {
        Some(row) if row.revision.is_empty() => {
            State::Unknown("ended, and its dump does not say of which revision".into())
        }
        Some(row) if !is_same(&row.revision, &listed.revision) => State::Coalesced,
        Some(_) => state_of(result),
        // A failure is one whoever's it is; that it passed may be another revision's.
        None if !looked => State::Unknown("ended, and no dump tells of which revision".into()),
        None => State::Running,
    }
}

fn is_same(one: &str, other: &str) -> bool {
    let digits = one.len().min(other.len()).min(COMPARED);
    digits > 0 && one.get(..digits) == other.get(..digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(status: Option<Outcome>, ended: Option<i64>) -> Listed {
        Listed {
            request: BuildRequestId(1),
            builder: "b".into(),
            revision: "aaaaaaaaaaaabbbb".into(),
            status,
            ended: ended.map(At),
            complete: ended.map(At),
        }
    }

    #[test]
    fn every_status_is_told_apart() {
        let row = |revision: &str| DumpRow { revision: revision.into(), ..DumpRow::default() };
        let ours = row("aaaaaaaaaaaa");
        let theirs = row("cccccccccccc");
        let of = |status, ended, row| standing(&listed(status, ended), row, true);
        assert_eq!(of(None, None, None), State::Pending);
        assert_eq!(of(Some(Outcome::Open), None, None), State::Running);
        assert!(matches!(of(Some(Outcome::Open), Some(5), None), State::Unknown(_)));
        for (number, state) in [
            (0, State::Passed),
            (1, State::Failed),
            (2, State::Busted),
            (3, State::Skipped),
            (4, State::Exception),
            (5, State::Retried),
            (6, State::Cancelled),
        ] {
            assert_eq!(of(Some(Outcome::Ended(number)), Some(5), Some(&ours)), state);
            let (theirs, nobody) = (Some(&theirs), None);
            let (theirs, nobody) = (
                of(Some(Outcome::Ended(number)), Some(5), theirs),
                of(Some(Outcome::Ended(number)), Some(5), nobody),
            );
            match number {
                0..=2 => assert_eq!((theirs, nobody), (State::Coalesced, State::Running)),
                _ => assert_eq!((&theirs, &nobody), (&state_of(number), &state_of(number))),
            }
        }
        assert!(matches!(of(Some(Outcome::Ended(9)), Some(5), Some(&ours)), State::Unknown(_)));
        let nameless = row("");
        let nameless = of(Some(Outcome::Ended(0)), Some(5), Some(&nameless));
        assert!(matches!(nameless, State::Unknown(_)), "{nameless:?}");
        let unread = standing(&listed(Some(Outcome::Ended(0)), Some(5)), None, false);
        assert!(matches!(unread, State::Unknown(_)), "{unread:?}");
    }
}
