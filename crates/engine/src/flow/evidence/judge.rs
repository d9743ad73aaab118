//! Runs judged by a test, a group or a failure instead of by how they ended.

use std::collections::{BTreeSet, HashMap};

use mozci_core::chunks::stem;
use mozci_core::ids::{JobName, TaskId};
use mozci_core::run::{Proof, Run, RunKey, Says};
use mozci_core::run_spec::RunSpec;
use mozci_evidence::{About, Failure, Subject, prove};

use super::find::{AskedRun, find_run};
use super::read::read_evidence;
use super::wish::Wish;
use crate::ci::Ci;
use crate::error::Error;
use crate::flow::chunks::{definitions, manifests_for, runs as given};

/// What a user asks to have runs judged by.
#[derive(Debug, Clone, Default)]
pub struct Subjects {
    /// A test.
    pub test: Option<String>,
    /// A group: a manifest.
    pub group: Option<String>,
    /// A failure of this run's.
    pub same_failure_as: Option<RunSpec>,
}

/// Has every run that is read from here on judged by what was asked for, where something was.
///
/// # Errors
/// [`Error::Usage`] where a run has several failures and nothing says which is meant;
/// [`Error::NotFound`] where it has none.
pub async fn judge_by(ci: &Ci, subjects: &Subjects) -> Result<(), Error> {
    let test = subjects.test.as_deref().map(mozci_evidence::test_of_id).map(Subject::Test);
    let subject = test.or_else(|| subjects.group.clone().map(Subject::Group));
    let about = match &subjects.same_failure_as {
        None => subject.map(|subject| About::asked(Some(subject), BTreeSet::new())),
        Some(spec) => Some(same_as(ci, spec, subject).await?),
    };
    if let Some(about) = about {
        ci.judge_by(about);
    }
    Ok(())
}

/// The failure of a run that is meant.
async fn same_as(ci: &Ci, spec: &RunSpec, subject: Option<Subject>) -> Result<About, Error> {
    let run = find_run(ci, spec).await?;
    let looked = read_evidence(ci, std::slice::from_ref(&run), &Wish::default()).await;
    let evidence = looked.into_iter().next().map(|looked| looked.evidence).unwrap_or_default();
    let name = format!("{} run {}", run.run.key.request, run.run.key.run);
    if let Some(why) = evidence.failed {
        return Err(Error::Odd(format!("nothing is known of {name}: {why}")));
    }
    let meant = |failure: &&Failure| match &subject {
        None => true,
        Some(Subject::Test(test)) => failure.test.as_deref() == Some(test),
        Some(Subject::Group(group)) => failure.group.as_deref() == Some(group),
    };
    let failures: Vec<&Failure> = evidence.certain().filter(meant).collect();
    let tests: BTreeSet<Option<&str>> =
        failures.iter().map(|failure| failure.test.as_deref()).collect();
    let signatures: BTreeSet<String> =
        failures.iter().map(|failure| failure.signature.text().to_owned()).collect();
    match tests.len() {
        0 => Err(Error::NotFound(match &subject {
            Some(subject) => format!("{} did not fail in {name}", subject.name()),
            None => format!("no failure is found in {name}"),
        })),
        1 => {
            let test = tests.into_iter().next().flatten().map(str::to_owned);
            Ok(About::asked(test.map(Subject::Test).or(subject), signatures))
        }
        _ => {
            let named: Vec<&str> =
                tests.into_iter().map(|test| test.unwrap_or("(no test)")).collect();
            Err(Error::Usage(format!(
                "{name} has failures of several tests: say which is meant with --test: {}",
                named.join(", ")
            )))
        }
    }
}

/// Whether runs' tasks were given what is asked about, where they tell. Of those that were not, nothing
/// has to be read.
async fn were_given<'a>(
    ci: &Ci,
    about: &About,
    runs: impl Iterator<Item = &'a Run>,
) -> HashMap<RunKey, bool> {
    if about.subject.is_none() || !ci.is_taskcluster() {
        return HashMap::new();
    }
    let tasks: Vec<(RunKey, TaskId)> =
        runs.filter_map(|run| Some((run.key, run.key.task()?))).collect();
    let definitions = match definitions(ci, tasks.iter().map(|(_, task)| *task)).await {
        Ok(definitions) => definitions,
        Err(error) => {
            ci.note(format!("every run is read, whatever it was given to run: {error}"));
            return HashMap::new();
        }
    };
    let manifests = manifests_for(about, definitions.values());
    let given = |task: &TaskId| definitions.get(task).and_then(|d| given(d, &manifests));
    tasks.into_iter().filter_map(|(key, task)| Some((key, given(&task)?))).collect()
}

/// Why a green run is good for whatever was given to it.
const GREEN: &str = "the run passed, and what is chased was part of it";

/// Whether what a job runs may differ from push to push without its task telling.
fn may_drift(ci: &Ci, job: &JobName) -> bool {
    ci.is_taskcluster() && stem(job.as_str()).is_some()
}

/// Judges runs that have ended. Others are left as they are, and are judged when they have.
pub(crate) async fn judge(ci: &Ci, runs: Vec<(&JobName, &mut Run)>) {
    let Some(about) = ci.about() else { return };
    let mut ended: Vec<(&JobName, &mut Run)> =
        runs.into_iter().filter(|(_, run)| run.state.is_good() || run.state.is_bad()).collect();
    let given = were_given(ci, &about, ended.iter().map(|(_, run)| &**run)).await;
    ended.retain_mut(|(job, run)| {
        let proof = match given.get(&run.key) {
            Some(false) => (Says::NotRun, "its task was given other manifests to run"),
            // A job that is no chunk runs the same everywhere.
            Some(true) if about.inferred && run.state.is_good() => (Says::Good, GREEN),
            None if about.inferred && run.state.is_good() && !may_drift(ci, job) => {
                (Says::Good, GREEN)
            }
            _ => return true,
        };
        let (says, why) = (proof.0, proof.1.into());
        run.more.get_or_insert_default().proof = Some(Proof { says, why });
        false
    });
    let mut unread = 0;
    let most = ci.runs_read;
    if ended.len() > most {
        for (_, run) in ended.split_off(most) {
            let why = format!("it was not read: only {most} runs are in one command").into();
            run.more.get_or_insert_default().proof = Some(Proof { says: Says::Unknown, why });
            unread += 1;
        }
    }
    // Where only a failure outside of tests is asked for, a run that passed has none.
    let outside = about.subject.is_none();
    let asked: Vec<AskedRun> = ended
        .iter()
        .filter(|(_, run)| !(outside && run.state.is_good()))
        .map(|(job, run)| AskedRun { run: (**run).clone(), job: (*job).clone(), revision: None })
        .collect();
    let wish = Wish { subject: about.subject.clone(), ..Wish::default() };
    let mut looked = read_evidence(ci, &asked, &wish).await.into_iter();
    for (_, run) in &mut ended {
        let passed = run.state.is_good();
        let evidence = match outside && passed {
            true => Default::default(),
            false => looked.next().map(|looked| looked.evidence).unwrap_or_default(),
        };
        unread += u32::from(evidence.failed.is_some());
        let all = evidence.certain().chain(evidence.tolerated());
        let mut proof = prove(&about, all, evidence.seen(), passed);
        if let (Says::Unknown, Some(why)) = (proof.says, &evidence.failed) {
            proof.why = why.as_str().into();
        }
        run.more.get_or_insert_default().proof = Some(proof);
    }
    if unread > 0 {
        ci.note(format!("of {unread} runs nothing could be read: they are unknown"));
    }
}
