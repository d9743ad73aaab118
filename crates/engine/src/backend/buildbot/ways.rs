//! How a builder can be requested: the first force scheduler that can carry a push's revision, then a repeat
//! of the push's own build, then nobody.

use std::collections::BTreeSet;

use mozci_clients::buildbot::{ForceError, ForceScheduler, Stamp};
use mozci_core::facts::Forcing;
use mozci_core::ids::{BuildId, Revision, SchedulerName};
use mozci_core::push::Push;
use parking_lot::Mutex;

use crate::backend::buildbot::farm::Farm;
use crate::ci::Ci;

/// The ways of a master's builders, with what is to be said of them.
pub(crate) struct Ways<'a> {
    ci: &'a Ci,
    farm: &'a Farm,
    schedulers: &'a [ForceScheduler],
    /// Builders of which it was said that they can only be repeated.
    said: Mutex<BTreeSet<String>>,
}

impl<'a> Ways<'a> {
    pub(crate) fn new(ci: &'a Ci, farm: &'a Farm, schedulers: &'a [ForceScheduler]) -> Self {
        Self { ci, farm, schedulers, said: Mutex::default() }
    }

    /// How a builder is requested on a push that has this newest build of it.
    pub(crate) fn of(&self, builder: &str, push: &Push, own: Option<BuildId>) -> Forcing {
        match carrier(self.farm, self.schedulers, builder, &push.revision) {
            Carrier::Scheduler(name) => Forcing::Scheduler(name),
            // A wrong value is to be mended, not gone around.
            Carrier::Unable(name, ForceError::NoField { .. } | ForceError::Ours { .. }) => {
                Forcing::Scheduler(name)
            }
            // Whoever gives values with the command means the form.
            Carrier::Unable(name, ForceError::Needs { .. })
                if own.is_none() || !self.farm.given().is_empty() =>
            {
                Forcing::Scheduler(name)
            }
            Carrier::Unable(_, error) => {
                if self.said.lock().insert(builder.to_owned()) {
                    self.ci.note(format!(
                        "{error}: {builder} is only run again where the push has a build of it to repeat"
                    ));
                }
                Forcing::Repeats { own }
            }
            Carrier::Nobody => Forcing::Repeats { own },
        }
    }
}

/// Who carries a push's revision to a builder.
pub(crate) enum Carrier {
    /// This force scheduler.
    Scheduler(SchedulerName),
    /// None of those that cover the builder: why this one does not, of all the one that is mended most easily.
    Unable(SchedulerName, ForceError),
    /// No force scheduler covers it.
    Nobody,
}

/// The first force scheduler that can carry a revision to a builder.
pub(crate) fn carrier(
    farm: &Farm,
    schedulers: &[ForceScheduler],
    builder: &str,
    revision: &Revision,
) -> Carrier {
    let stamp = bare_stamp(farm, revision);
    let mut unable = Carrier::Nobody;
    for scheduler in schedulers.iter().filter(|scheduler| scheduler.covers(builder)) {
        let values = farm.parameters(scheduler, builder);
        // The builder's number decides nothing here.
        let Err(error) = scheduler.parameters(0, &stamp, &[], &values) else {
            return Carrier::Scheduler(scheduler.name.clone());
        };
        let is_better = match &unable {
            Carrier::Unable(_, known) => error.is_for_the_user() && !known.is_for_the_user(),
            _ => true,
        };
        if is_better {
            unable = Carrier::Unable(scheduler.name.clone(), error);
        }
    }
    unable
}

/// A push's source stamp, as far as it is known without asking.
pub(crate) fn bare_stamp(farm: &Farm, revision: &Revision) -> Stamp {
    Stamp {
        revision: revision.hash().to_owned(),
        branch: Some(farm.branch.clone()),
        codebase: farm.codebase().unwrap_or_default(),
        ..Stamp::default()
    }
}
