//! Telling what was planted.

use super::catalog::Catalog;
use super::ids::TaskRef;
use super::life::Outcome;
use super::truth::{Truth, TruthHunt, TruthPlanted, TruthPush, TruthStory};
use super::world_impl::World;

impl World {
    /// Everything that was planted, with the outcomes of all that was scheduled.
    pub fn truth(&self) -> Truth {
        let revision = |push: u32| self.autoland.pushes[push as usize].node().to_owned();
        let pushes = self.autoland.pushes.iter().enumerate().map(|(i, push)| {
            let index = i as u32;
            let scheduled = (0..self.catalog.jobs.len())
                .filter(|job| self.scheduled(index, *job))
                .map(|job| {
                    let words = self.outcomes(index, job, 0).iter().map(|o| o.word()).collect();
                    (self.catalog.jobs[job].label.clone(), words)
                })
                .collect();
            TruthPush {
                index,
                id: push.id,
                treeherder_id: push.treeherder_id,
                revision: push.node().to_owned(),
                decision: self.decision_outcome(index).map_or("missing", Outcome::word),
                decision_task: TaskRef::Decision { push: index }.id(self.seed()).to_string(),
                scheduled,
            }
        });
        let planted = self.planted.iter().map(|planted| TruthPlanted {
            culprit: revision(planted.first),
            fixed_by: planted.fixed.map(revision),
            planted: planted.clone(),
        });
        let story = self.story.as_ref().map(|story| TruthStory {
            job: self.catalog.jobs[story.job].label.clone(),
            culprit: revision(story.culprit),
            bad: revision(story.tip),
            last_good_run: revision(story.tip - 11),
        });
        Truth {
            seed: self.seed(),
            repo: self.autoland.name.clone(),
            pushes: pushes.collect(),
            planted: planted.collect(),
            story,
            hunt: self.hunt.as_ref().map(|hunt| TruthHunt {
                job: self.catalog.jobs[hunt.job].label.clone(),
                good: revision(hunt.good),
                bad: revision(hunt.tip),
                culprit: hunt.culprit().map(revision),
                culprits: hunt.culprits().into_iter().map(revision).collect(),
                test: Catalog::test_name(0, hunt.manifest, 0),
            }),
        }
    }
}
