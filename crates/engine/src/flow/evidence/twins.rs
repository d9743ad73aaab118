//! Green runs of one task on one push: where one of them was read, the others need not be.

use std::collections::{BTreeMap, HashMap, HashSet};

use mozci_core::ids::{JobName, TaskId};
use mozci_core::run::{Proof, Run, RunKey, Says};

use crate::flow::evidence::given::Given;

/// Why a green run is taken for what another one said.
const READ: &str = "the run passed, and another green run of the same task on this push, which was read, had passed what is chased";
const ABSENT: &str = "the run passed, and another green run of the same task on this push, which was read, did not run it";

/// What makes two runs the same work: the push's task group, the job, and the manifests given to it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Work {
    group: String,
    job: JobName,
    manifests: Option<Vec<String>>,
}

/// Which runs do the same work, and what was read of them.
#[derive(Debug, Default)]
pub(crate) struct Twins {
    works: HashMap<RunKey, Work>,
    read: BTreeMap<Work, Says>,
    /// Whether a run passed in spite of the failure: then a green run says nothing of another one.
    lenient: bool,
}

impl Twins {
    /// Of which runs the work is known: where their tasks can be read.
    pub(crate) fn new<'a>(
        runs: impl Iterator<Item = (&'a JobName, &'a Run)>,
        given: &HashMap<TaskId, Given>,
    ) -> Self {
        let work = |(job, run): (&JobName, &Run)| {
            let given = given.get(&run.key.task()?)?;
            let group = given.group.clone()?;
            let chunk = run.more.as_ref().and_then(|more| more.chunk.clone());
            let job = chunk.unwrap_or_else(|| job.clone());
            Some((run.key, Work { group, job, manifests: given.manifests.clone() }))
        };
        Self { works: runs.filter_map(work).collect(), ..Self::default() }
    }

    /// The green runs that have to be read: of each work those that were read before, or else the
    /// first; and every one whose work is not known.
    pub(crate) fn first_of_each(
        &self,
        green: &[RunKey],
        was_read: impl Fn(&RunKey) -> bool,
    ) -> HashSet<RunKey> {
        let mut chosen: HashSet<RunKey> = HashSet::new();
        let mut covered: HashSet<&Work> = HashSet::new();
        for key in green {
            match self.works.get(key) {
                None => {
                    chosen.insert(*key);
                }
                Some(work) if was_read(key) => {
                    chosen.insert(*key);
                    covered.insert(work);
                }
                Some(_) => {}
            }
        }
        for key in green {
            if let Some(work) = self.works.get(key)
                && covered.insert(work)
            {
                chosen.insert(*key);
            }
        }
        chosen
    }

    /// Takes note of what a run said that was read, and whether it passed.
    pub(crate) fn note(&mut self, key: &RunKey, passed: bool, says: Says, was_let_pass: bool) {
        self.lenient |= was_let_pass || (passed && says == Says::Bad);
        if let (true, Some(work)) = (passed, self.works.get(key)) {
            let known = self.read.entry(work.clone()).or_insert(says);
            // Two that differ are none that speak for a third.
            if *known != says {
                *known = Says::Unknown;
            }
        }
    }

    /// What a green run says that was not read; `None` where it has to be.
    pub(crate) fn proof(&self, key: &RunKey) -> Option<Proof> {
        if self.lenient {
            return None;
        }
        match self.read.get(self.works.get(key)?)? {
            Says::Good => Some(Proof { says: Says::Good, why: READ.into() }),
            Says::NotRun => Some(Proof { says: Says::NotRun, why: ABSENT.into() }),
            Says::Bad | Says::Unknown => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use mozci_core::ids::RequestId;
    use mozci_core::run::State;

    use super::*;

    fn run(byte: u8) -> Run {
        let request: RequestId = TaskId::from_bytes([byte; 16]).into();
        Run::new(RunKey { request, run: 0 }, State::Passed)
    }

    fn twins(runs: &[Run], of: &[(u8, &str, &[&str])]) -> Twins {
        let given = of
            .iter()
            .map(|(byte, group, manifests)| {
                let given = Given {
                    group: Some((*group).to_owned()),
                    manifests: Some(manifests.iter().map(|m| (*m).to_owned()).collect()),
                };
                (TaskId::from_bytes([*byte; 16]), given)
            })
            .collect();
        let job = JobName::new("test-1");
        Twins::new(runs.iter().map(|run| (&job, run)), &given)
    }

    #[test]
    fn one_green_run_of_each_work_is_read_and_speaks_for_the_others() {
        let runs: Vec<Run> = (1..=6).map(run).collect();
        let keys: Vec<RunKey> = runs.iter().map(|run| run.key).collect();
        // Of the last one nothing is known: it is read.
        let known: &[(u8, &str, &[&str])] = &[
            (1, "push-a", &["m"]),
            (2, "push-a", &["m"]),
            (3, "push-a", &["other"]),
            (4, "push-b", &["m"]),
            (5, "push-b", &["m"]),
        ];
        let mut twins = twins(&runs, known);
        let chosen = twins.first_of_each(&keys, |key| *key == keys[4]);
        assert_eq!(chosen, HashSet::from([keys[0], keys[2], keys[4], keys[5]]));

        twins.note(&keys[0], true, Says::Good, false);
        twins.note(&keys[2], true, Says::NotRun, false);
        assert_eq!(twins.proof(&keys[1]).map(|proof| proof.says), Some(Says::Good));
        assert_eq!(twins.proof(&keys[3]), None, "of its push nothing was read");
        assert_eq!(twins.proof(&keys[5]), None);
        // What a red run said is of no work that passed.
        twins.note(&keys[3], false, Says::Good, false);
        assert_eq!(twins.proof(&keys[4]), None);
        // A second one that was read and says something else: both count for nothing.
        twins.note(&keys[1], true, Says::Unknown, false);
        assert_eq!(twins.proof(&keys[0]), None);
    }

    #[test]
    fn where_a_failure_was_let_pass_every_green_run_is_read() {
        let runs: Vec<Run> = (1..=3).map(run).collect();
        let known: &[(u8, &str, &[&str])] = &[(1, "p", &["m"]), (2, "p", &["m"]), (3, "q", &["m"])];
        for (says, was_let_pass) in [(Says::Unknown, true), (Says::Bad, false)] {
            let mut twins = twins(&runs, known);
            twins.note(&runs[0].key, true, Says::Good, false);
            assert!(twins.proof(&runs[1].key).is_some());
            twins.note(&runs[2].key, true, says, was_let_pass);
            assert_eq!(twins.proof(&runs[1].key), None);
        }
    }
}
