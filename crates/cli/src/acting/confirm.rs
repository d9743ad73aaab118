//! Asking on the terminal.

use std::io::{BufRead, Write};

use mozci_core::plan::{Plan, PlannedRequest, Through};
use mozci_engine::Error;

use crate::failure;
use crate::show::Out;
use crate::{status, system};

/// Asks on the terminal. The question waits on a thread of its own, so that Ctrl-C ends it.
pub(crate) async fn confirmed(
    out: &mut Out,
    question: &str,
    details: &[String],
) -> Result<bool, Error> {
    let failed = |error: std::io::Error| Error::Odd(format!("cannot ask: {error}"));
    let choices = if details.is_empty() { "[y/N]" } else { "[y/N/details]" };
    let question = format!("{question} {choices} ");
    // What was typed before it was asked answers something else.
    system::discard_typed();
    loop {
        let question = question.clone();
        // The question is the last line, and stays there.
        status::clear();
        let answer = tokio::task::spawn_blocking(move || {
            let mut stderr = std::io::stderr();
            write!(stderr, "{question}")?;
            stderr.flush()?;
            let mut answer = String::new();
            std::io::stdin().lock().read_line(&mut answer)?;
            Ok::<_, std::io::Error>(answer)
        });
        let answer = answer.await.map_err(|error| Error::Odd(error.to_string()))?;
        match answer.map_err(failed)?.trim().to_lowercase().as_str() {
            "y" | "yes" => return Ok(true),
            "n" | "no" | "" => return Ok(false),
            "d" | "details" => {
                for line in details {
                    out.line(line);
                }
            }
            other => failure::say(&format!("{other:?} is not a choice: {choices}")),
        }
    }
}

/// A plan's requests, a line each.
pub(super) fn details(plan: &Plan) -> Vec<String> {
    let line = |request: &PlannedRequest| {
        format!(
            "  push {}  {} × {}  {}  {}",
            request.push.id,
            request.times,
            request.job,
            request.why,
            match &request.through {
                Through::DecisionTask(task) => format!("decision task {task}"),
                Through::ClonedTask(task) => format!("repeats the task {task}"),
                Through::ForceScheduler(name) => format!("force scheduler {name}"),
                Through::RepeatedBuild(build) => format!("repeats the build {build}"),
                Through::Again(request) => format!("build request {request} again"),
                Through::Route(route) => route.clone(),
                Through::SelfServe { files } if files.is_empty() => "a new request".to_owned(),
                Through::SelfServe { files } => format!("with {}", files.join(" and ")),
            }
        )
    };
    plan.requests.iter().map(line).collect()
}
