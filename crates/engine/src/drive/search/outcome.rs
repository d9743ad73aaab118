//! What a search came to.

use mozci_core::bisect::{Search, Verdict, Why};
use mozci_core::flakiness::Tally;
use mozci_core::guard::Refusal;
use mozci_core::plan::Plan;
use mozci_core::push::Push;
use mozci_core::rate::{percent, probability as sure};
use serde_json::{Value, json};

use crate::flow::{BisectQuestion, CulpritPush, SearchData, Since, TriggerResult};
use crate::notify::Occasion;

/// Why a search is over.
#[derive(Debug, Clone, PartialEq)]
pub enum Ended {
    /// There is a verdict, or it was found that there can be none.
    Verdict(Verdict),
    /// The good push fails as often as the bad one.
    GoodFails {
        /// The good push's runs.
        good: Tally,
        /// The bad one's.
        bad: Tally,
    },
    /// It was backed out already.
    BackedOut,
    /// It is fixed already.
    Fixed,
    /// The budget of runs is spent.
    Budget,
    /// The budget cannot suffice.
    BudgetTooSmall {
        /// Runs that are needed at the least.
        least: u32,
    },
    /// No push is left on which a run can be requested.
    NothingToTest,
    /// A guard refused.
    Refused(Box<Refusal>),
    /// It was a dry run.
    DryRun,
    /// A round is under way that nobody here waits for.
    Left,
    /// Nobody agreed.
    Declined,
    /// It was cancelled.
    Interrupted,
    /// A service failed for long, or part of what was sent did not get through.
    Service,
}

impl Ended {
    /// Whether the investigation has come to its end.
    pub(super) fn is_final(&self) -> bool {
        // That the good push fails is no question that more runs answer.
        matches!(self, Self::Verdict(_) | Self::BackedOut | Self::Fixed | Self::GoodFails { .. })
    }

    /// What somebody is notified of, if of anything.
    pub(super) fn occasion(&self) -> Option<Occasion> {
        match self {
            Self::Verdict(_) | Self::BackedOut | Self::Fixed => Some(Occasion::Finished),
            Self::Budget
            | Self::BudgetTooSmall { .. }
            | Self::Refused(_)
            | Self::GoodFails { .. } => Some(Occasion::NeedsYou),
            Self::NothingToTest | Self::Service => Some(Occasion::Stuck),
            Self::DryRun | Self::Left | Self::Declined | Self::Interrupted => None,
        }
    }
}

/// A search at its end, with everything that it rests on.
#[derive(Debug)]
pub struct Finished<'a> {
    /// What was searched.
    pub question: &'a BisectQuestion,
    /// The history.
    pub case: &'a SearchData,
    /// The search.
    pub search: &'a Search,
    /// Why it is over.
    pub ended: &'a Ended,
    /// The pushes that are named, with their commits.
    pub culprits: &'a [CulpritPush],
    /// What the runs since the bad push say.
    pub since: &'a Since,
    /// Runs that were requested.
    pub runs: u32,
    /// In how many rounds.
    pub rounds: u32,
    /// The investigation.
    pub id: Option<&'a str>,
    /// What became of each request of this command.
    pub results: &'a [TriggerResult],
    /// The last round's plan.
    pub plan: Option<&'a Plan>,
}

impl Finished<'_> {
    /// How it ended, as it is stored and as programs read it.
    pub fn end(&self) -> Value {
        let pushes = names(self.case);
        let name = |number: usize| pushes.get(number).map(push_json);
        match self.ended {
            Ended::Verdict(verdict) => {
                let mut value = json!(verdict);
                value["summary"] = json!(verdict_line(verdict, &pushes));
                if let Verdict::Culprit { first, last, .. } = verdict {
                    value["pushes"] = (*first..=*last).filter_map(name).collect();
                }
                value
            }
            Ended::BudgetTooSmall { least } => {
                json!({"verdict": "undecided", "summary": "the budget is not enough", "least": least})
            }
            Ended::Refused(refusal) => {
                json!({"verdict": "undecided", "summary": format!("a guard refused: {refusal}"), "refused": refusal})
            }
            Ended::Fixed => json!({
                "verdict": "fixed",
                "summary": "fixed since",
                "first_passed": self.since.first_passed.as_ref().map(push_json),
                "runs": self.since.tally,
            }),
            Ended::GoodFails { good, bad } => json!({
                "verdict": "undecided", "summary": "the good push fails, too",
                "good_runs": good, "bad_runs": bad,
            }),
            other => {
                let (word, summary) = match other {
                    Ended::BackedOut => ("backed-out", "the bad push was backed out"),
                    Ended::Budget => ("undecided", "the budget is spent"),
                    Ended::NothingToTest => ("undecided", "no push is left to run on"),
                    Ended::DryRun => ("undecided", "nothing was sent: a dry run"),
                    Ended::Declined => ("undecided", "nothing was sent"),
                    Ended::Left => ("undecided", "a round is under way"),
                    Ended::Interrupted => ("undecided", "interrupted"),
                    _ => ("undecided", "a service failed"),
                };
                json!({"verdict": word, "summary": summary})
            }
        }
    }
}

/// The pushes of a search by their numbers, for verdicts.
pub fn names(case: &SearchData) -> Vec<Push> {
    case.pushes().cloned().collect()
}

/// A push with everything that is known of it, as JSON.
pub fn push_json(push: &Push) -> Value {
    let mut value = json!({
        "id": push.id,
        "revision": push.revision.hash(),
        "vcs": push.revision.vcs(),
        "git": push.git.as_ref().map(|git| git.hash()),
        "author": push.author,
        "date": push.date,
        "changesets": push.changesets.iter().map(|c| json!({
            "revision": c.revision.hash(),
            "git": c.git.as_ref().map(|git| git.hash()),
        })).collect::<Vec<_>>(),
    });
    if let Some(summary) = &push.summary {
        value["summary"] = json!(summary);
    }
    value
}

/// A verdict in one line.
pub fn verdict_line(verdict: &Verdict, pushes: &[Push]) -> String {
    let name =
        |number: usize| pushes.get(number).map_or("?".to_owned(), |push| push.id.to_string());
    match verdict {
        Verdict::Culprit { first, last, probability } if first == last => {
            format!("culprit {} · {}", name(*first), sure(*probability))
        }
        Verdict::Culprit { first, last, probability } => {
            let all: Vec<String> = (*first..=*last).map(name).collect();
            format!(
                "culprit {} ({} cannot be run) · {}",
                all.join(" or "),
                all[..all.len() - 1].join(", "),
                sure(*probability)
            )
        }
        Verdict::Older { probability } => format!(
            "it already failed before all of them · {}: look further back with --good or --max-revisions",
            sure(*probability)
        ),
        Verdict::None { probability, p_min } => format!(
            "no push among them makes it fail {} of the time or more · {}",
            percent(*p_min),
            sure(*probability)
        ),
        Verdict::Undecided { why: Why::Misfit { first, second } } => format!(
            "undecided: the rate changed twice, about at {} and at {}: there are two culprits or a fix between them; search each side alone with --good and --bad",
            name(*first),
            name(*second)
        ),
        Verdict::Undecided { why: Why::Drift } => {
            "undecided: it fails more and more often, or less and less, instead of from one push on"
                .to_owned()
        }
        Verdict::Undecided { why: Why::Elsewhere { named, rises } } => format!(
            "undecided: the search would name {}, but the rate of failures rose last about at {}: run both more often, or search on either side with --good and --bad",
            name(*named),
            name(*rises)
        ),
        Verdict::Undecided { why: Why::NotEnough } => "undecided as yet".to_owned(),
        Verdict::Undecided { why: Why::NoSuspects } => "there is no suspect".to_owned(),
    }
}
