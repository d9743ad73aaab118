//! What is read for a search: the pushes between good and bad, what came before and since, and the
//! job's runs on all of them.

use mozci_core::classify::PushClass;
use mozci_core::culprit::{SearchModel, last_good};
use mozci_core::facts::PushFacts;
use mozci_core::flakiness::{Tally, Told};
use mozci_core::ids::JobName;
use mozci_core::plan::Plan;
use mozci_core::push::Push;
use mozci_core::range::{RangeSpec, Reach};
use mozci_core::rate::runs_to_see;
use mozci_core::revision::RevisionSpec;

use crate::ci::Ci;
use crate::error::Error;
use crate::flow::bisect::background::{Background, read_background};
use crate::flow::bisect::question::BisectQuestion;
use crate::flow::history::{JobHistory, read_jobs};
use crate::flow::range::read_range;
use crate::flow::resolve::resolve;
use crate::store::Ledger;

/// Pushes before the good one whose runs tell the background.
const BACKGROUND: u32 = 40;

/// Pushes after the bad one that are looked at for a fix.
const AHEAD: u32 = 20;

/// A search's history.
#[derive(Debug, Clone)]
pub struct SearchData {
    /// The job on all pushes, newest first: since the bad one, to it, to the good one, and before.
    pub history: JobHistory,
    good: usize,
    bad: usize,
    /// What is known of the background besides.
    background: Background,
}

/// What runs since the bad push say.
#[derive(Debug, Clone, PartialEq)]
pub struct Since {
    /// The runs.
    pub tally: Tally,
    /// The oldest push since then on which it passed.
    pub first_passed: Option<Push>,
    /// Whether so many passed that it would have failed if it still did.
    pub is_fixed: bool,
}

/// Reads the history that a search begins with.
///
/// # Errors
/// [`Error::Usage`] for a good push that is bad, a bad one that is good, or where they stand the
/// wrong way around; [`Error::NotFound`] where there is no good one.
pub async fn open_case(
    ci: &Ci,
    ledger: &Ledger,
    question: &BisectQuestion,
) -> Result<SearchData, Error> {
    let spec = |hash: &str| {
        hash.parse::<RevisionSpec>().map_err(|error| Error::Usage(format!("{hash}: {error}")))
    };
    let bad_spec = spec(&question.bad)?;
    let bad = resolve(ci, &bad_spec).await?;
    let range =
        |reach| RangeSpec { rev: bad_spec.clone(), reach, every: std::num::NonZeroU32::MIN };
    let good = match &question.good {
        None => None,
        Some(good) => Some(resolve(ci, &spec(good)?).await?),
    };
    let back = match &good {
        None => question.max_revisions.saturating_add(BACKGROUND),
        Some(good) if good.id >= bad.id => {
            return Err(Error::Usage(format!(
                "--good is push {} and --bad push {}: a good push has to be older than the bad one{}",
                good.id,
                bad.id,
                if good.id > bad.id { "; swap them" } else { "" }
            )));
        }
        Some(good) => {
            let from = RevisionSpec::Hash(good.revision.hash().to_owned());
            let between = read_range(ci, &range(Reach::From(from))).await?;
            (between.pushes.len() as u32 - 1).saturating_add(BACKGROUND)
        }
    };
    let older = read_range(ci, &range(Reach::Back(back))).await?;
    let newer = read_range(ci, &range(Reach::Delta(AHEAD))).await?;
    let mut pushes: Vec<Push> = newer.pushes[..newer.origin].to_vec();
    let at = pushes.len();
    pushes.extend(older.pushes);
    let job = JobName::new(&question.job);
    let jobs = std::slice::from_ref(&job);
    let mut histories = read_jobs(ci, Some(ledger), &pushes, jobs, None).await?;
    let history = histories.pop().ok_or_else(|| Error::Odd("no history came of a job".into()))?;
    let good = match good {
        Some(good) => pushes.iter().position(|push| push.id == good.id),
        None => last_good(&history.facts, at),
    };
    let reach = at + question.max_revisions as usize;
    let good = good.filter(|good| question.good.is_some() || *good <= reach);
    let good = good.ok_or_else(|| no_good(&history, at, question, older.at_start))?;
    let case = SearchData { history, good, bad: at, background: Background::default() };
    case.check(question)?;
    Ok(case)
}

fn no_good(history: &JobHistory, bad: usize, question: &BisectQuestion, at_start: bool) -> Error {
    let mut all = Tally::default();
    let mut oldest = None;
    for facts in &history.facts[bad..] {
        let before = all.runs;
        all.add(facts.runs.iter().map(Told::of));
        if all.runs > before {
            oldest = Some(&facts.push);
        }
    }
    let (job, pushes) = (&question.job, history.facts.len() - bad);
    let further = match at_start {
        true => "the repository begins there".to_owned(),
        false => "name one with --good, or look further back with --max-revisions".to_owned(),
    };
    Error::NotFound(match (all.runs, all.not_run + all.unknown, oldest) {
        (0, 0, _) => format!("{job} has not run on any of these {pushes} pushes: {further}"),
        (0, _, _) => format!(
            "the test did not run in any run of {job} on these {pushes} pushes, or it is not known: name the job that runs it (`mozci failures --rev REV --test …` shows it)"
        ),
        (_, _, Some(oldest)) => format!(
            "no good push is among the {pushes} up to there: {job} failed {} of {} times, the oldest of them on push {}; where it was called otherwise before, name the last good push under this name; {further}",
            all.failures, all.runs, oldest.id
        ),
        _ => format!("no good push is among these {pushes}: {further}"),
    })
}

impl SearchData {
    /// What is wrong with the ends, if anything is.
    fn check(&self, question: &BisectQuestion) -> Result<(), Error> {
        let (good, bad) = (&self.history.facts[self.good], &self.history.facts[self.bad]);
        if question.good.is_some()
            && let PushClass::Bad { failed } = good.push_class()
        {
            return Err(Error::Usage(format!(
                "--good fails: push {} failed {failed} of {failed}; name an older one, or leave --good out to have one found",
                good.push.id
            )));
        }
        if let (PushClass::Good { passed }, false) = (bad.push_class(), question.anyway) {
            return Err(Error::Usage(format!(
                "--bad passes: push {} passed {passed} of {passed}; name one on which it failed, or give --anyway where you saw it fail there",
                bad.push.id
            )));
        }
        Ok(())
    }

    /// What the history says to a search.
    pub fn hunt(&self) -> SearchModel<'_> {
        let past = self.history.past();
        let hunt =
            SearchModel::new(&self.history.job, &self.history.facts, past, self.good, self.bad);
        hunt.knowing(self.background.further, self.background.pool)
    }

    /// Reads more of the background, up to so many runs in all; see [`Background`].
    ///
    /// # Errors
    /// [`Error::Service`].
    pub async fn read_background(&mut self, ci: &Ci, most: u32) -> Result<(), Error> {
        let before = &self.history.facts[self.good + 1..];
        let known = SearchModel::new(
            &self.history.job,
            &self.history.facts,
            self.history.past(),
            self.good,
            self.bad,
        )
        .history();
        self.background = read_background(ci, &self.history.job, before, known, most).await?;
        Ok(())
    }

    /// What is known of the background besides the runs of the history.
    pub fn background(&self) -> &Background {
        &self.background
    }

    /// The good push.
    pub fn good(&self) -> &Push {
        &self.history.facts[self.good].push
    }

    /// The bad push.
    pub fn bad(&self) -> &Push {
        &self.history.facts[self.bad].push
    }

    /// Goes further back, to a good push that is at least twice as far from the bad one; tells whether
    /// there is one. For where what was taken for good turns out to fail, too.
    pub fn widen(&mut self) -> bool {
        let from = self.good + (self.good - self.bad).max(1) - 1;
        let facts = &self.history.facts;
        let further = (from < facts.len()).then(|| last_good(facts, from)).flatten();
        self.good = further.unwrap_or(self.good);
        further.is_some()
    }

    /// The suspects and the good push, oldest first, as a search counts them.
    pub fn pushes(&self) -> impl Iterator<Item = &Push> {
        self.history.facts[self.bad..=self.good].iter().rev().map(|facts| &facts.push)
    }

    /// The history of the pushes between good and bad alone, and of newer ones that a plan requests: what
    /// goes on elsewhere is no matter of a search.
    pub fn between(&self, plan: &Plan) -> JobHistory {
        let requested =
            |facts: &PushFacts| plan.requests.iter().any(|r| r.push.id == facts.push.id);
        let newest = self.history.facts.iter().position(requested).unwrap_or(self.bad);
        let range = self.bad.min(newest)..=self.good;
        JobHistory {
            facts: self.history.facts[range.clone()].to_vec(),
            build_runs: self.history.build_runs.get(range).unwrap_or_default().to_vec(),
            ..self.history.clone()
        }
    }

    /// The same case by a newer reading of the pushes between good and bad.
    pub fn with_between(mut self, newer: JobHistory) -> Self {
        for facts in newer.facts {
            let known = self.history.facts.iter_mut().find(|old| old.push.id == facts.push.id);
            if let Some(known) = known {
                *known = facts;
            }
        }
        self.history.read_at = newer.read_at;
        self
    }

    /// Reads the same pushes again.
    ///
    /// # Errors
    /// [`Error::Service`].
    pub async fn again(self, ci: &Ci, ledger: &Ledger) -> Result<Self, Error> {
        let pushes: Vec<Push> = self.history.facts.iter().map(|f| f.push.clone()).collect();
        let (jobs, builds) = ([self.history.job.clone()], [self.history.build.clone()]);
        let mut read = read_jobs(ci, Some(ledger), &pushes, &jobs, Some(&builds)).await?;
        let history = read.pop().ok_or_else(|| Error::Odd("no history came of a job".into()))?;
        Ok(Self { history, ..self })
    }

    /// What runs since the bad push say: it is fixed where it never failed since and so many passed
    /// that it would have, if it failed as rarely as it may by its runs on the bad push.
    pub fn since(&self) -> Since {
        let newer = &self.history.facts[..self.bad];
        let mut tally = Tally::default();
        newer.iter().for_each(|facts| tally.add(facts.runs.iter().map(Told::of)));
        let mut bad = Tally::default();
        bad.add(self.history.facts[self.bad].runs.iter().map(Told::of));
        let needed = runs_to_see(bad.rate().low, 0.99);
        let is_fixed = tally.failures == 0 && needed.is_some_and(|needed| tally.runs >= needed);
        let passed = |facts: &&mozci_core::facts::PushFacts| facts.runs.iter().any(|r| r.is_good());
        let first = newer.iter().rev().find(passed);
        Since { tally, first_passed: first.map(|facts| facts.push.clone()), is_fixed }
    }
}
