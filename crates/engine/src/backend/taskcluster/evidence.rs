//! Evidence of a task's run: its artifacts.

use mozci_clients::http::{HttpError, Problem};
use mozci_evidence::{Evidence, Format, artifacts_in_order, is_settled};

use crate::backend::taskcluster::of_ci::OfTaskcluster;
use crate::ci::Ci;
use crate::flow::evidence::find::AskedRun;
use crate::flow::evidence::read::Read;
use crate::flow::evidence::wish::{Reading, Wish};

/// How often one artifact is read that breaks off.
const TRIES: usize = 3;

/// Artifacts of one format that are read of one run.
const MOST: usize = 20;

pub(crate) async fn read(ci: &Ci, run: &AskedRun, wish: &Wish) -> Read {
    let mut read = Read::begin();
    let Some(task) = run.run.key.task() else { return Read::failed("it is no task's".into()) };
    let number = run.run.key.run;
    let taskcluster = match ci.taskcluster() {
        Ok(taskcluster) => taskcluster,
        Err(error) => return Read::failed(error.to_string()),
    };
    let artifacts = match taskcluster.run_artifacts(task, number).await {
        Ok(artifacts) => artifacts,
        Err(error) if error.is_not_found() => {
            return Read::failed(
                "it has no artifacts (any more): it did not run, or it expired".into(),
            );
        }
        Err(error) => return Read::failed(format!("its artifacts cannot be listed: {error}")),
    };
    let wanted = wish.wanted();
    let names = artifacts.iter().filter(|a| !a.is_link).map(|a| a.name.as_str());
    let formats = wanted.formats(wish.subject.as_ref(), run.run.state.is_bad());
    let order = artifacts_in_order(names, formats);
    // Test results are what a Buildbot master keeps.
    for format in formats.iter().copied().filter(|f| *f != Format::TestResults) {
        let names = order.iter().find(|(known, _)| *known == format).map(|(_, names)| names);
        let Some(names) = names else {
            read.evidence.pass_over(format.name(), "the run has none");
            continue;
        };
        for name in names.iter().take(MOST) {
            let Some(mut left) = read.left(name) else { continue };
            if artifacts.iter().any(|a| a.name == *name && a.is_error) {
                read.evidence.pass_over(*name, "it stands for an error: it was not stored");
                continue;
            }
            let link = taskcluster.run_artifact_url(task, number, name);
            let link = link.map(|url| url.to_string()).ok();
            let mut tries = 0;
            let found = loop {
                tries += 1;
                let question = wish.question(format);
                let reading = move |source| mozci_evidence::read(source, &question);
                let found = taskcluster.read_artifact(task, number, name, left, reading).await;
                match &found {
                    Ok(streamed)
                        if streamed.broke.is_some() && !streamed.was_slow && tries < TRIES => {}
                    _ => break found,
                }
                left = read.rest();
            };
            match found {
                Ok(streamed) => {
                    if let Some(broke) = streamed.broke {
                        read.settled = false;
                        read.evidence.pass_over(*name, format!("the connection broke: {broke}"));
                    }
                    let (source, evidence) = ((*name).to_owned(), streamed.value);
                    if evidence.is_void() {
                        let why: Vec<String> = evidence.marks.iter().map(|m| m.words()).collect();
                        read.evidence.pass_over(source, why.join("; "));
                    } else {
                        read.evidence.readings.push(Reading { source, link, evidence });
                    }
                }
                Err(error) => {
                    // A gateway that fails says nothing of the artifact.
                    read.settled &= is_its_own(&error);
                    read.evidence.pass_over(*name, words(&error));
                }
            }
        }
        if names.len() > MOST {
            let more = names.len() - MOST;
            read.evidence.pass_over(format.name(), format!("{more} more of the kind are not read"));
        }
        let told: Vec<&Evidence> = read
            .evidence
            .readings
            .iter()
            .filter(|r| r.evidence.format.family() == format.family())
            .map(|r| &r.evidence)
            .collect();
        if is_settled(wanted, wish.subject.as_ref(), &told, run.run.state.is_bad()) {
            break;
        }
    }
    read
}

/// Whether an error is the artifact's own, so that asking again would bring it again.
fn is_its_own(error: &HttpError) -> bool {
    matches!(
        error.problem,
        Problem::NotFound(_) | Problem::Forbidden { .. } | Problem::Status { status: 424, .. }
    )
}

fn words(error: &HttpError) -> String {
    match &error.problem {
        Problem::Status { status: 424, message } => format!("it stands for an error: {message}"),
        Problem::Forbidden { .. } => "it is private: not readable without scopes".to_owned(),
        Problem::NotFound(_) => "it is not there (any more)".to_owned(),
        _ => error.to_string(),
    }
}
