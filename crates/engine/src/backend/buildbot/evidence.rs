//! Evidence of a build on a Buildbot master: its test results, and the logs of its steps.

use mozci_clients::buildbot::{Log, Master, Step};
use mozci_core::farm::Results;
use mozci_core::farm::runs_of;
use mozci_core::ids::{BuildId, JobName};
use mozci_core::revision::BuildName;
use mozci_core::run::{More, Run, RunKey, State};
use mozci_evidence::{Evidence, Format, Wanted, is_settled};

use crate::backend::buildbot::farm::Farm;
use crate::error::Error;
use crate::flow::evidence::find::AskedRun;
use crate::flow::evidence::read::Read;
use crate::flow::evidence::wish::Wish;

/// Logs that are read of one build.
const MOST: usize = 30;

/// Finds a build by its number.
pub(crate) async fn find(farm: &Farm, name: &BuildName) -> Result<AskedRun, Error> {
    let master = farm.master().await?;
    let reading = || Error::service("cannot read the build");
    let (build, _) = master.build(name).await.map_err(reading())?;
    let builders = farm.builders().await?;
    let job = builders.iter().find(|known| known.id == build.builder);
    let job = job.map_or_else(
        || JobName::new(format!("builder {}", build.builder)),
        |known| JobName::new(&known.name),
    );
    let requests = master.requests(&[build.request]).await.map_err(reading())?;
    let builds = master.builds_of(&[build.request]).await.map_err(reading())?;
    let id = build.id;
    let of_request: Vec<_> = builds.iter().collect();
    let runs = requests.first().map(|request| runs_of(request, &of_request, None));
    let ours = |run: &Run| run.more.as_ref().is_some_and(|more| more.build == Some(id));
    let run = runs.into_iter().flatten().find(ours).unwrap_or_else(|| Run {
        more: Some(Box::new(More { build: Some(id), ..More::default() })),
        ..Run::new(
            RunKey { request: build.request.into(), run: 0 },
            State::Unknown("no request".into()),
        )
    });
    Ok(AskedRun { run, job, revision: None })
}

pub(crate) async fn read(farm: &Farm, run: &AskedRun, wish: &Wish) -> Read {
    let mut read = Read::begin();
    let Some(build) = run.build() else { return Read::failed("nothing was built".into()) };
    let master = match farm.master().await {
        Ok(master) => master,
        Err(error) => return Read::failed(error.to_string()),
    };
    let wanted = wish.wanted();
    if wanted != Wanted::Lines {
        results(master, build, wish, &mut read).await;
        let told: Vec<&Evidence> = read.evidence.readings.iter().map(|r| &r.evidence).collect();
        if is_settled(wanted, wish.subject.as_ref(), &told, run.run.state.is_bad()) {
            return read;
        }
    }
    let steps = match master.steps(build).await {
        Ok(steps) => steps,
        Err(error) => return Read::failed(format!("its steps cannot be read: {error}")),
    };
    // A test that passed stands in the log of a step that did not fail.
    let of_interest = |step: &&Step| match wanted {
        Wanted::Failures => is_bad(step.results),
        Wanted::Subject | Wanted::Lines => step.results.is_some(),
    };
    let mut logs: Vec<(&Step, Log)> = Vec::new();
    for step in steps.iter().filter(of_interest) {
        match master.logs(step.id).await {
            Ok(found) => logs.extend(found.into_iter().map(|log| (step, log))),
            Err(error) => {
                read.settled = false;
                read.evidence.pass_over(&step.name, error.to_string());
            }
        }
    }
    if logs.len() > MOST {
        let more = logs.len() - MOST;
        read.evidence.pass_over("logs", format!("{more} more of them are not read"));
    }
    for (step, log) in logs.into_iter().take(MOST) {
        let source = format!("{}/{}", step.name, log.name);
        let question = wish.question(Format::Text);
        let Some(left) = read.left(&source) else { continue };
        let reading = move |source| mozci_evidence::read(source, &question);
        let found = master.read_log(&log, left, reading).await;
        read.settled &= log.complete;
        read.take(source, Some(master.log_link(log.id)), found);
    }
    read
}

fn is_bad(results: Option<Results>) -> bool {
    !matches!(results, None | Some(Results::Success | Results::Skipped))
}

/// Reads the test results that the master keeps of a build, if any.
async fn results(master: &Master, build: BuildId, wish: &Wish, read: &mut Read) {
    let sets = match master.result_sets(build).await {
        Ok(sets) if sets.is_empty() => {
            return read.evidence.pass_over("test results", "the build has none");
        }
        Ok(sets) => sets,
        Err(error) => return read.evidence.pass_over("test results", error.to_string()),
    };
    for set in sets {
        let source = format!("test result set {set}");
        let Some(left) = read.left(&source) else { continue };
        let question = wish.question(Format::TestResults);
        let reading = move |source| mozci_evidence::read(source, &question);
        let found = master.read_results(set, left, reading).await;
        read.take(source, None, found);
    }
}
