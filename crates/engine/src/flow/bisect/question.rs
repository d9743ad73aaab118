//! What is asked.

use mozci_core::culprit::HuntSettings;
use mozci_evidence::About;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Error;
use crate::flow::Known;
use crate::store::{FORM, Investigation};

/// Everything that a search for a culprit depends on besides what the CI says, as it is written down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BisectQuestion {
    /// The job.
    pub job: String,
    /// What runs are judged by, where it is not how they ended.
    #[serde(default)]
    pub about: Option<About>,
    /// The bad push's head.
    pub bad: String,
    /// The good push's head, where one was named.
    #[serde(default)]
    pub good: Option<String>,
    /// How many pushes before the bad one are looked at for a good one.
    pub max_revisions: u32,
    /// How often it may be wrong.
    pub delta: f64,
    /// The lowest failure rate that is looked for.
    pub p_min: f64,
    /// Whether one pass proves innocence.
    pub deterministic: bool,
    /// Runs that may be requested.
    pub budget: u32,
    /// Runs requested at once.
    pub at_once: u32,
    /// Runs before the good push from which the background is told, at the most.
    #[serde(default)]
    pub background: u32,
    /// Whether suspects are weighed by what they touch.
    pub priors: bool,
    /// Whether to go on where it seems backed out or fixed.
    pub anyway: bool,
}

impl BisectQuestion {
    /// The question as it is put unless somebody says otherwise; what is searched is missing.
    pub fn usual() -> Self {
        Self {
            job: String::new(),
            about: None,
            bad: String::new(),
            good: None,
            max_revisions: 100,
            delta: 0.01,
            p_min: 0.05,
            deterministic: false,
            budget: 200,
            at_once: 8,
            background: 1000,
            priors: true,
            anyway: false,
        }
    }

    /// How the search is to go, with at most so many runs of one push, and with what is known of the
    /// suspects beforehand.
    pub fn settings(&self, most_on_a_push: u32, known: Option<Known>) -> HuntSettings {
        let Known { weights, backouts } = known.unwrap_or_default();
        let weights = if self.priors { weights } else { Vec::new() };
        HuntSettings {
            delta: self.delta,
            p_min: self.p_min,
            deterministic: self.deterministic,
            most_on_a_push,
            weights,
            backouts,
            refused: Vec::new(),
        }
    }

    /// Whether another question requests the same culprit. How it goes about it (budget, certainty,
    /// runs at once) may differ: what is known so far answers both.
    pub fn seeks_the_same(&self, other: &Self) -> bool {
        // Which reason of several is chased may look otherwise once there are more runs.
        let same = (self.is_inferred() && other.is_inferred()) || self.about == other.about;
        self.is_between_the_same(other) && same
    }

    /// Whether another question is of the same job between the same pushes, whatever it chases.
    pub fn is_between_the_same(&self, other: &Self) -> bool {
        (&self.job, &self.bad, &self.good) == (&other.job, &other.bad, &other.good)
    }

    /// Whether nobody named what is chased: it is why the job is red.
    pub fn is_inferred(&self) -> bool {
        self.about.as_ref().is_some_and(|about| about.inferred)
    }

    /// As it is written down.
    pub fn to_value(&self) -> Value {
        serde_json::to_value(self).unwrap_or(Value::Null)
    }

    /// As it was written down.
    ///
    /// # Errors
    /// [`Error::Usage`] for a question of another version, which this one would misread.
    pub fn of(investigation: &Investigation) -> Result<Self, Error> {
        let id = &investigation.id;
        if investigation.form != FORM {
            let which = if investigation.form > FORM { "a newer" } else { "an older" };
            return Err(Error::Usage(format!(
                "investigation {id} was begun by {which} version of mozci (form {}, this one writes {FORM}): go on with that version, or begin anew with `mozci bisect`, which counts the runs that are there",
                investigation.form
            )));
        }
        serde_json::from_value(investigation.question.clone()).map_err(|error| {
            Error::Odd(format!(
                "the question of investigation {id} cannot be read ({error}): begin anew with `mozci bisect`, which counts the runs that are there"
            ))
        })
    }
}
