//! Runs judged by a test, a group or a failure instead of by how they ended.

use std::collections::{BTreeSet, HashMap};

use mozci_core::chunks::stem;
use mozci_core::ids::{JobName, TaskId};
use mozci_core::run::{Proof, Run, RunKey, Says};
use mozci_core::run_spec::RunSpec;
use mozci_evidence::{About, Failure, Seen, Subject, prove};

use crate::ci::Ci;
use crate::error::Error;
use crate::flow::evidence::find::{AskedRun, find_run};
use crate::flow::evidence::given::{Given, manifests_for};
use crate::flow::evidence::read::{is_kept, read_evidence};
use crate::flow::evidence::signatures;
use crate::flow::evidence::twins::Twins;
use crate::flow::evidence::wish::Wish;

/// A failure that somebody saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SameAs {
    /// A run in which it was.
    Run(RunSpec),
    /// The id of its signature, as `failures` shows it.
    Signature(String),
}

/// What a user asks to have runs judged by.
#[derive(Debug, Clone, Default)]
pub struct Subjects {
    /// A test.
    pub test: Option<String>,
    /// A group: a manifest.
    pub group: Option<String>,
    /// A failure that was seen.
    pub same_failure_as: Option<SameAs>,
}

/// Has every run that is read from here on judged by what was requested, where something was.
///
/// # Errors
/// [`Error::Usage`] where a run has several failures and nothing says which is meant;
/// [`Error::NotFound`] where it has none.
pub async fn judge_by(ci: &Ci, subjects: &Subjects) -> Result<(), Error> {
    let test = subjects.test.as_deref().map(mozci_evidence::test_of_id).map(Subject::Test);
    let subject = test.or_else(|| subjects.group.clone().map(Subject::Group));
    let about = match &subjects.same_failure_as {
        None => subject.map(|subject| About::named(Some(subject), BTreeSet::new())),
        Some(SameAs::Run(spec)) => Some(same_as(ci, spec, subject).await?),
        Some(SameAs::Signature(id)) => Some(signatures::about(ci, id, subject)?),
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
            Ok(About::named(test.map(Subject::Test).or(subject), signatures))
        }
        _ => {
            let named: Vec<&str> =
                tests.into_iter().map(|test| test.unwrap_or("(no test)")).collect();
            Err(Error::Usage(format!(
                "{name} has failures of several tests: choose one with --test: {}",
                named.join(", ")
            )))
        }
    }
}

/// What runs' tasks were given, where what is asked about may be part of some and not of others.
async fn tasks_of<'a>(
    ci: &Ci,
    about: &About,
    runs: impl Iterator<Item = &'a Run>,
) -> HashMap<TaskId, Given> {
    if about.subject.is_none() || !ci.backend().capabilities().tasks {
        return HashMap::new();
    }
    let tasks = runs.filter_map(|run| run.key.task()).collect();
    match ci.backend().given(ci, tasks).await {
        Ok(given) => given,
        Err(error) => {
            ci.note(format!("every run is read, whatever it was given to run: {error}"));
            HashMap::new()
        }
    }
}

/// Why a green run is good for whatever was given to it.
const GREEN: &str = "the run passed, and what is chased was part of it";

/// Whether what a job runs may differ from push to push without its task telling.
fn may_drift(ci: &Ci, job: &JobName) -> bool {
    ci.backend().capabilities().tasks && stem(job.as_str()).is_some()
}

/// Judges runs that have ended. Others are left as they are, and are judged when they have.
pub(crate) async fn classify(ci: &Ci, runs: Vec<(&JobName, &mut Run)>) {
    let Some(about) = ci.about() else { return };
    classify_by_about(ci, &about, runs, true).await;
}

/// The same for runs of long ago, of which many are wanted: no green run is read. One that may have run
/// what is asked about passed it, unless its task was given something else, or may have been: then it is
/// unknown.
pub(crate) async fn classify_roughly(ci: &Ci, runs: Vec<(&JobName, &mut Run)>) {
    let Some(about) = ci.about() else { return };
    classify_by_about(ci, &About { inferred: true, ..about }, runs, false).await;
}

/// Why a run is no evidence whose task does not have what is asked about.
const OTHERS: &str = "its task was given other manifests to run";

async fn classify_by_about(
    ci: &Ci,
    about: &About,
    runs: Vec<(&JobName, &mut Run)>,
    reads_green: bool,
) {
    let mut ended: Vec<(&JobName, &mut Run)> =
        runs.into_iter().filter(|(_, run)| run.state.is_good() || run.state.is_bad()).collect();
    let tasks = tasks_of(ci, about, ended.iter().map(|(_, run)| &**run)).await;
    let manifests = manifests_for(about, tasks.values());
    let given = |key: &RunKey| tasks.get(&key.task()?)?.has(&manifests);
    ended.retain_mut(|(job, run)| {
        let proof = match given(&run.key) {
            Some(false) => (Says::NotRun, OTHERS),
            // A job that is no chunk runs the same everywhere.
            Some(true) if about.inferred && run.state.is_good() => (Says::Good, GREEN),
            None if about.inferred && run.state.is_good() && !may_drift(ci, job) => {
                (Says::Good, GREEN)
            }
            None if !reads_green && run.state.is_good() && about.subject.is_some() => {
                (Says::Unknown, "whether it ran what is chased was not read")
            }
            _ => return true,
        };
        let (says, why) = (proof.0, proof.1.into());
        run.more.get_or_insert_default().proof = Some(Proof { says, why });
        false
    });
    // Where only a failure outside of tests is requested, a run that passed has none.
    if about.subject.is_none() {
        let (passed, failed): (Vec<_>, Vec<_>) =
            ended.into_iter().partition(|(_, run)| run.state.is_good());
        for (_, run) in passed {
            let proof = prove(about, [], Seen::NotTold, true);
            run.more.get_or_insert_default().proof = Some(proof);
        }
        ended = failed;
    }
    let mut reading = Reading {
        ci,
        about,
        wish: Wish { subject: about.subject.clone(), ..Wish::default() },
        twins: Twins::new(ended.iter().map(|(job, run)| (*job, &**run)), &tasks),
        left: ci.runs_read,
        unread: 0,
    };
    let green: Vec<RunKey> =
        ended.iter().filter(|(_, run)| run.state.is_good()).map(|(_, run)| run.key).collect();
    let kept = |key: &RunKey| is_kept(ci, key, &reading.wish);
    let chosen = reading.twins.first_of_each(&green, kept);
    let (now, later): (Vec<_>, Vec<_>) =
        ended.into_iter().partition(|(_, run)| run.state.is_bad() || chosen.contains(&run.key));
    reading.read(now).await;
    let mut open = Vec::new();
    for (job, run) in later {
        match reading.twins.proof(&run.key) {
            Some(proof) => run.more.get_or_insert_default().proof = Some(proof),
            None => open.push((job, run)),
        }
    }
    reading.read(open).await;
    if reading.unread > 0 {
        ci.note(format!("of {} runs nothing could be read: they are unknown", reading.unread));
    }
}

/// Reading runs, and what came of it so far.
struct Reading<'a> {
    ci: &'a Ci,
    about: &'a About,
    wish: Wish,
    twins: Twins,
    /// Runs that may still be read.
    left: usize,
    /// Runs of which nothing is known.
    unread: usize,
}

impl Reading<'_> {
    /// Judges runs by what they left, as many as one command reads.
    async fn read(&mut self, mut runs: Vec<(&JobName, &mut Run)>) {
        for (_, run) in runs.split_off(self.left.min(runs.len())) {
            let most = self.ci.runs_read;
            let why = format!("it was not read: only {most} runs are in one command").into();
            run.more.get_or_insert_default().proof = Some(Proof { says: Says::Unknown, why });
            self.unread += 1;
        }
        self.left -= runs.len();
        let requested = |(job, run): &(&JobName, &mut Run)| AskedRun {
            run: (**run).clone(),
            job: (*job).clone(),
            revision: None,
        };
        let requested: Vec<AskedRun> = runs.iter().map(requested).collect();
        let looked = read_evidence(self.ci, &requested, &self.wish).await;
        for ((_, run), looked) in runs.into_iter().zip(looked) {
            let (passed, evidence) = (run.state.is_good(), looked.evidence);
            self.unread += usize::from(evidence.failed.is_some());
            let all = evidence.certain().chain(evidence.tolerated());
            let mut proof = prove(self.about, all, evidence.seen(), passed);
            if let (Says::Unknown, Some(why)) = (proof.says, &evidence.failed) {
                proof.why = why.as_str().into();
            }
            let was_let_pass = evidence.seen() == Seen::Tolerated;
            self.twins.note(&run.key, passed, proof.says, was_let_pass);
            run.more.get_or_insert_default().proof = Some(proof);
        }
    }
}
