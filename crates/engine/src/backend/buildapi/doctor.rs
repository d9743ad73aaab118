//! The doctor of a farm of 2011 to 2017: which of its sources are there.

use std::time::Instant;

use mozci_clients::buildapi::Day;
use mozci_core::chooser::Problem;
use mozci_core::range::{RangeSpec, Reach};
use mozci_core::revision::RevisionSpec;

use crate::backend::buildapi::api::BuildApi;
use crate::ci::Ci;
use crate::flow::health::{Check, Health};
use crate::flow::range::read_range;

/// Looks at every source. Nothing here is an error: what fails is told.
pub(crate) async fn doctor(ci: &Ci, api: &BuildApi) -> Vec<Check> {
    let mut checks = Vec::new();
    let mut add =
        |source: &'static str, check: &'static str, started: Instant, told: (Health, String)| {
            let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            let (health, detail) = told;
            checks.push(Check { source, check, health, detail, findings: Vec::new(), ms });
        };
    let started = Instant::now();
    let tip = RangeSpec {
        rev: RevisionSpec::Tip,
        reach: Reach::Single,
        every: std::num::NonZeroU32::MIN,
    };
    let newest = read_range(ci, &tip).await.ok().and_then(|range| range.pushes.into_iter().next());
    add(
        "pushes",
        "newest",
        started,
        match &newest {
            Some(push) => (Health::Ok, format!("push {} {}", push.id, push.revision.short())),
            None => (Health::Fail, "no push can be read".to_owned()),
        },
    );
    let started = Instant::now();
    add(
        "buildapi",
        "self-serve",
        started,
        match (&api.self_serve, &newest) {
            (None, _) => {
                (Health::Skipped, "there is none: history is read, nothing requested".into())
            }
            (Some(_), None) => (Health::Skipped, "there is no push to ask about".into()),
            (Some(server), Some(push)) => match server.requests_of(push.revision.hash()).await {
                Ok(listed) => (
                    Health::Ok,
                    format!(
                        "lists {} requests of the newest push{}",
                        listed.len(),
                        api.user()
                            .as_ref()
                            .map_or(String::new(), |user| format!(", signed in as {user}"))
                    ),
                ),
                Err(error) => (Health::Fail, error.to_string()),
            },
        },
    );
    let started = Instant::now();
    let archived = api.dumps.archived();
    add(
        "buildjson",
        "dumps",
        started,
        match (api.has_dumps, archived.first()) {
            (false, _) => {
                (Health::Warn, "there are none: how what ended stands is not known".into())
            }
            (true, Some(day)) => {
                let days = archived.len();
                (Health::Ok, format!("{days} days are archived, the newest is {day}"))
            }
            (true, None) => match api.dumps.read(Day::Newest, Box::new(|_| false)).await {
                Ok(read) if read.broke.is_some() => (
                    Health::Warn,
                    format!("the last four hours' is cut off after {} builds", read.seen),
                ),
                Ok(read) => {
                    (Health::Ok, format!("{} builds ended in the last four hours", read.seen))
                }
                Err(error) => (Health::Fail, error.to_string()),
            },
        },
    );
    let started = Instant::now();
    add(
        "allthethings",
        "builders",
        started,
        match api.farm().await {
            Ok(None) => (
                Health::Warn,
                "it is not configured: which build a test depends on is not known".into(),
            ),
            Err(error) => (Health::Fail, error.to_string()),
            Ok(Some(farm)) => {
                let graph = farm.graph(Some(&api.branch));
                let lost: Vec<&Problem> = graph.problems().iter().collect();
                match (graph.len(), lost.first()) {
                    (0, _) => {
                        (Health::Fail, format!("it has no builder of the branch {:?}", api.branch))
                    }
                    (count, None) => (Health::Ok, format!("{count} builders of the branch")),
                    (count, Some(problem)) => (
                        Health::Warn,
                        format!(
                            "{count} builders of the branch; {} problems, the first: {problem}",
                            lost.len()
                        ),
                    ),
                }
            }
        },
    );
    checks
}
