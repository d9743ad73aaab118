//! Where a push that lacks runs belongs in a plan.

use crate::facts::{Build, Decision, Forced, Forcing, PushFacts};
use crate::ids::JobName;
use crate::plan::{LeftOut, LeftOutReason, Plan, PlannedRequest, Through, Waiting, Why, Wish};
use crate::push::PushRef;
use crate::run_count::run_count;

/// What a push lacks.
#[derive(Debug, Clone)]
pub(crate) struct MissingRuns {
    pub(crate) times: u32,
    pub(crate) why: Why,
    /// Whether `--every` keeps the push.
    pub(crate) keeps: bool,
    pub(crate) wish: Wish,
}

/// Puts a push that lacks runs where it belongs in the plan.
pub(crate) fn add_to_plan(
    plan: &mut Plan,
    facts: &PushFacts,
    job: &JobName,
    requested: MissingRuns,
) {
    let push = PushRef::from(&facts.push);
    let named = job;
    let (job, narrow) = match &facts.chunk {
        Some((chunk, narrow)) => (chunk.clone(), Some(narrow.clone())),
        None => (job.clone(), None),
    };
    if let Some(why) = hindrance(facts, &requested) {
        return plan.left_out.push(LeftOut { push, job, why });
    }
    let MissingRuns { times, why, .. } = requested;
    let have = run_count(facts);
    let request = |through, builds| PlannedRequest {
        push: push.clone(),
        job: job.clone(),
        times,
        have,
        why,
        builds,
        narrow,
        through,
    };
    // What waits is planned anew once its build is there, and by its own name.
    let waits = |build: &JobName| Waiting {
        push: push.clone(),
        job: named.clone(),
        times,
        have,
        build: build.clone(),
    };
    match (&facts.decision, &facts.build) {
        // There a build starts each of its tests once, by itself.
        (
            Decision::Forced(forced),
            Build::UnderWay(build) | Build::Missing(build) | Build::Dead(build),
        ) if times == 1 && matches!(forced.job, Forcing::SelfServe { .. }) => {
            if !matches!(facts.build, Build::UnderWay(_)) {
                plan.requests.extend(forced.build.through().map(|through| PlannedRequest {
                    job: build.clone(),
                    have: 0,
                    why: Why::NeededBy { job: job.clone() },
                    ..request(through, None)
                }));
            }
            let why = LeftOutReason::ComesWith(build.clone());
            plan.left_out.push(LeftOut { push: push.clone(), job: job.clone(), why });
        }
        (_, Build::UnderWay(build)) => plan.waits_for.push(waits(build)),
        (Decision::Forced(forced), Build::Missing(build) | Build::Dead(build)) => {
            // Forcing one builder pulls nothing in: its build comes first, it afterwards.
            if let Some(through) = forced.build.through() {
                plan.waits_for.push(waits(build));
                plan.requests.push(PlannedRequest {
                    job: build.clone(),
                    times: 1,
                    have: 0,
                    why: Why::NeededBy { job: job.clone() },
                    ..request(through, None)
                });
            }
        }
        (Decision::Forced(forced), _) => {
            plan.requests.extend(forced.job.through().map(|through| request(through, None)));
        }
        (Decision::Done(task), build) => {
            let builds = match build {
                Build::Missing(build) => Some(build.clone()),
                _ => None,
            };
            plan.requests.push(request(Through::DecisionTask(*task), builds));
        }
        (Decision::NoGraph { own }, _) => {
            plan.requests.extend(own.map(|own| request(Through::ClonedTask(own), None)));
        }
        _ => {}
    }
}

/// Why a push that lacks runs gets none.
fn hindrance(facts: &PushFacts, requested: &MissingRuns) -> Option<LeftOutReason> {
    match (&facts.decision, &facts.build) {
        (Decision::UnderWay, _) => Some(LeftOutReason::DecisionUnderWay),
        (Decision::Failed, _) => Some(LeftOutReason::DecisionFailed),
        (Decision::Missing, _) => Some(LeftOutReason::DecisionMissing),
        (_, Build::OneOf(first, second)) => {
            Some(LeftOutReason::BuildAmbiguous(first.clone(), second.clone()))
        }
        (_, Build::Failed(build)) => Some(LeftOutReason::BuildFailed(build.clone())),
        (Decision::Forced(_), Build::Dead(_)) if !requested.wish.only_built => {
            unforceable(facts, requested)
        }
        (_, Build::Dead(build)) => Some(LeftOutReason::BuildDead(build.clone())),
        // On what it would run nobody knows.
        (Decision::Forced(forced), Build::NotKnown) if has_no_files(forced) => {
            Some(LeftOutReason::BuildNotKnown)
        }
        _ if !requested.keeps => Some(LeftOutReason::NotEvery),
        (Decision::NoGraph { own: None }, _) => Some(LeftOutReason::NoDefinition),
        (_, Build::Missing(build)) if requested.wish.only_built => {
            Some(LeftOutReason::NotBuilt(build.clone()))
        }
        _ => unforceable(facts, requested),
    }
}

/// Whether a test would be requested without the files that it runs on.
fn has_no_files(forced: &Forced) -> bool {
    matches!(&forced.job, Forcing::SelfServe { again: None, files } if files.is_empty())
}

/// Why a builder that is forced cannot be.
fn unforceable(facts: &PushFacts, requested: &MissingRuns) -> Option<LeftOutReason> {
    if !requested.keeps {
        return Some(LeftOutReason::NotEvery);
    }
    let Decision::Forced(Forced { job, build, starts }) = &facts.decision else { return None };
    let is_there = !matches!(facts.build, Build::Missing(_) | Build::Dead(_) | Build::UnderWay(_));
    let by_itself = *starts && !is_there && requested.times == 1;
    match (&facts.build, build) {
        (Build::Missing(name) | Build::Dead(name), Forcing::Repeats { .. }) => {
            Some(LeftOutReason::BuildNotForceable(name.clone()))
        }
        _ if job.through().is_some() || by_itself => None,
        _ => Some(LeftOutReason::NotForceable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::test_support::facts;
    use crate::ids::{BuildId, BuildRequestId, SchedulerName};
    use crate::plan::{PastRuns, have_n};

    fn plan(build: Build, forced: Forced, times: u32) -> Plan {
        let mut facts = facts(7, &[]);
        facts.build = build;
        facts.decision = Decision::Forced(forced);
        let past = PastRuns::default();
        have_n([(&facts, true)], &JobName::new("test"), Wish::times(times), &past)
    }

    #[test]
    fn of_a_test_the_build_is_asked_for_once_and_starts_it() {
        let by = |again, files: &[&str]| Forcing::SelfServe {
            again,
            files: files.iter().map(|file| (*file).to_owned()).collect(),
        };
        let build = || JobName::new("build");
        let of = |state, job, times| {
            let forced = Forced { job, build: by(None, &[]), starts: true };
            let plan = plan(state, forced, times);
            let requested: Vec<(String, Through)> =
                plan.requests.iter().map(|r| (r.job.to_string(), r.through.clone())).collect();
            (requested, plan.left_out.first().map(|left| left.why.clone()))
        };
        let files = || Through::SelfServe { files: vec!["package".into(), "tests".into()] };
        let job = || by(None, &["package", "tests"]);
        // The finished build with its files, or nothing while it runs, or the build once.
        assert_eq!(of(Build::Ready(build()), job(), 1), (vec![("test".into(), files())], None));
        let comes = Some(LeftOutReason::ComesWith(build()));
        assert_eq!(of(Build::UnderWay(build()), job(), 1), (vec![], comes.clone()));
        let alone = Through::SelfServe { files: vec![] };
        assert_eq!(of(Build::Missing(build()), job(), 1), (vec![("build".into(), alone)], comes));
        let failed = Some(LeftOutReason::BuildFailed(build()));
        assert_eq!(of(Build::Failed(build()), job(), 1), (vec![], failed));
        let lost = Some(LeftOutReason::BuildNotKnown);
        assert_eq!(of(Build::NotKnown, by(None, &[]), 1), (vec![], lost));
        let again = by(Some(BuildRequestId(7)), &[]);
        let through = Through::Again(BuildRequestId(7));
        assert_eq!(of(Build::Ready(build()), again, 2), (vec![("test".into(), through)], None));
    }

    #[test]
    fn a_builder_is_forced_and_its_missing_build_before_it() {
        let by = || Forcing::Scheduler(SchedulerName::new("force"));
        let repeats = |own| Forcing::Repeats { own };
        let build = || JobName::new("build");
        let of = |build, forced, times| {
            let plan = plan(build, forced, times);
            let requested: Vec<String> =
                plan.requests.iter().map(|r| format!("{} × {}", r.times, r.job)).collect();
            let waits: u32 = plan.waits_for.iter().map(|w| w.times).sum();
            (requested.join(", "), waits, plan.left_out.first().map(|left| left.why.clone()))
        };
        let all = |starts| Forced { job: by(), build: by(), starts };
        assert_eq!(of(Build::Ready(build()), all(false), 2), ("2 × test".into(), 0, None));
        assert_eq!(of(Build::NotNeeded, all(false), 1), ("1 × test".into(), 0, None));
        assert_eq!(of(Build::Missing(build()), all(false), 2), ("1 × build".into(), 2, None));
        assert_eq!(of(Build::Dead(build()), all(false), 1), ("1 × build".into(), 1, None));
        assert_eq!(of(Build::UnderWay(build()), all(false), 1), (String::new(), 1, None));
        // One that the build starts by itself needs no scheduler of its own, but for more runs.
        let started = || Forced { job: repeats(None), build: by(), starts: true };
        assert_eq!(of(Build::Missing(build()), started(), 1), ("1 × build".into(), 1, None));
        assert_eq!(of(Build::UnderWay(build()), started(), 1), (String::new(), 1, None));
        let no = Some(LeftOutReason::NotForceable);
        assert_eq!(of(Build::Missing(build()), started(), 2), (String::new(), 0, no.clone()));
        assert_eq!(of(Build::Ready(build()), started(), 1), (String::new(), 0, no));
        let own = Forced { job: repeats(Some(BuildId(3))), build: by(), starts: false };
        assert_eq!(of(Build::NotNeeded, own, 1), ("1 × test".into(), 0, None));
        let stuck = Forced { job: by(), build: repeats(None), starts: false };
        let no = Some(LeftOutReason::BuildNotForceable(build()));
        assert_eq!(of(Build::Missing(build()), stuck, 1), (String::new(), 0, no));
    }
}
