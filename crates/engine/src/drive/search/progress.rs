//! What a search reports.

use mozci_core::bisect::{Backout, Search};
use mozci_core::plan::Plan;

use crate::drive::search::mark::Mark;
use crate::drive::search::outcome::Finished;
use crate::error::Error;
use crate::flow::{BisectQuestion, Origin, SearchData};

/// Something that happened in a search.
#[derive(Debug)]
pub enum SearchProgress<'a> {
    /// The background cannot be read further back.
    BackgroundUnread(&'a Error),
    /// The history was read.
    Opened {
        /// What is searched.
        question: &'a BisectQuestion,
        /// The history.
        case: &'a SearchData,
    },
    /// The bad push was backed out since; the search goes on all the same.
    BackedOutAnyway,
    /// What is believed by now.
    Belief {
        /// The history.
        case: &'a SearchData,
        /// The search.
        search: &'a Search,
        /// Runs that the search requested so far.
        requested: u32,
    },
    /// What was taken for good fails, too: the search goes further back.
    Widened {
        /// The history from the older good push on.
        case: &'a SearchData,
    },
    /// Suspects that were backed out before the bad push.
    Gone {
        /// The history.
        case: &'a SearchData,
        /// These.
        backouts: &'a [Backout],
    },
    /// What is to be expected, before anything is sent.
    Outlook {
        /// The search.
        search: &'a Search,
        /// What is searched.
        question: &'a BisectQuestion,
        /// Runs that the budget still allows.
        left: u32,
        /// The first round.
        plan: &'a Plan,
        /// Runs that were requested in the last 24 hours.
        used: u32,
    },
    /// What each run of the next round is expected to tell.
    Explained {
        /// The history.
        case: &'a SearchData,
        /// The search.
        search: &'a Search,
        /// The round.
        plan: &'a Plan,
    },
    /// It is an investigation now, which can be resumed.
    Begun {
        /// Its id.
        id: &'a str,
    },
    /// A round is about to be sent.
    Round {
        /// Its number, from 1.
        number: u32,
        /// Its requests.
        plan: &'a Plan,
    },
    /// Where a merge came from cannot be read.
    MergesUnread(&'a Error),
    /// It ended in this repository.
    Finished(&'a Finished<'a>),
    /// What became of the culprit's mark.
    Marked(&'a Mark),
    /// The culprit is a merge: the search goes on in the repository that it came from.
    IntoMerge(&'a Origin),
    /// It cannot go on there.
    MergeUnsearched {
        /// The repository.
        repo: &'a str,
        /// Why.
        error: &'a Error,
    },
    /// It left a repository that it went down into.
    RepositoryDone,
    /// The repositories that it went through, each with what it came to; only where there are several.
    Path(&'a [(String, String)]),
}
