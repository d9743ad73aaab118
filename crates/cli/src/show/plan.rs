//! Plans, and what became of them.

use mozci_core::ids::{JobName, RequestId};
use mozci_core::plan::{LeftOut, Plan, Through};
use mozci_engine::flow::{JobHistory, Outcome, TriggerResult};
use mozci_engine::store::TriggerState;

use super::out::Out;
use super::words::{machine_time, plural};

/// What jobs depend on where that was not told but inferred.
pub(crate) fn show_ties(out: &mut Out, histories: &[JobHistory]) {
    for history in histories.iter().filter(|history| history.inferred) {
        let names: Vec<&str> = history.build.names().iter().map(JobName::as_str).collect();
        if !names.is_empty() {
            out.line(&format!(
                "{} depends on {}, judging by the history (`build_of` in the config makes it certain)",
                history.job,
                names.join(" and on "),
            ));
        }
    }
}

/// What a plan comes to, in a few lines.
pub(crate) fn show_plan_summary(out: &mut Out, plan: &Plan, budget: (u32, u32)) {
    let runs = plan.estimate.runs as usize;
    if !plan.requests.is_empty() {
        let cost = match plan.estimate.machine_minutes {
            Some(minutes) => format!(
                "{}{} of machine time (median of {})",
                if minutes == 0 { "" } else { "about " },
                machine_time(minutes),
                plural(plan.estimate.samples, "run")
            ),
            None => "machine time unknown: no such run has ended yet".to_owned(),
        };
        let builds = match plan.estimate.builds {
            0 => String::new(),
            builds => format!(" and {}", plural(builds as usize, "build")),
        };
        let (used, limit) = budget;
        out.line(&format!(
            "{}{builds} on {}, {cost}; budget {limit} runs a day, {used} used",
            plural(runs, "run"),
            plural(plan.pushes(), "push"),
        ));
        out.line(&ways(plan));
    }
    let mut waits: Vec<(String, usize)> = Vec::new();
    for waiting in &plan.waits_for {
        let is_asked = plan
            .requests
            .iter()
            .any(|request| request.push == waiting.push && request.job == waiting.build);
        let stands = if is_asked { "is requested first" } else { "is under way" };
        let what = format!("  push {}  {} {stands}", waiting.push.id, waiting.build);
        match waits.iter_mut().find(|(known, _)| *known == what) {
            Some((_, jobs)) => *jobs += 1,
            None => waits.push((what, 1)),
        }
    }
    for (what, jobs) in waits {
        let jobs = if jobs == 1 { "the job".to_owned() } else { format!("{jobs} jobs") };
        out.line(&format!("{what}, {jobs} once it exists (with --wait)"));
    }
}

/// How the requests of a plan are made.
fn ways(plan: &Plan) -> String {
    let mut ways: Vec<String> = Vec::new();
    for request in &plan.requests {
        let way = match &request.through {
            Through::DecisionTask(_) if request.narrow.is_some() => {
                "as action `backfill-task` with the manifest alone, where a push's actions take manifests, else `add-new-jobs`".to_owned()
            }
            Through::DecisionTask(_) => {
                "as action `add-new-jobs` of each push's decision task".to_owned()
            }
            Through::ClonedTask(_) => "by repeating the pushes' own tasks".to_owned(),
            Through::ForceScheduler(name) => format!("through the force scheduler {name}"),
            Through::RepeatedBuild(_) => "by repeating the pushes' own builds".to_owned(),
            Through::Again(_) => "by repeating the pushes' own requests".to_owned(),
            Through::Route(route) => format!("by {route}"),
            Through::SelfServe { files } if files.is_empty() => "of self-serve".to_owned(),
            Through::SelfServe { .. } => "of self-serve, with their builds' files".to_owned(),
        };
        if !ways.contains(&way) {
            ways.push(way);
        }
    }
    ways.join(", ")
}

/// A request with the word for it.
pub(crate) fn what(request: RequestId) -> String {
    match request {
        RequestId::Task(task) => format!("task {task}"),
        RequestId::BuildRequest(id) => format!("build request {id}"),
        RequestId::SelfServe(_) => request.to_string(),
    }
}

/// What was left out after the plan was shown, a line for each reason on each push.
pub(crate) fn show_left_out(out: &mut Out, left_out: &[LeftOut]) {
    let mut lines: Vec<(String, String, Vec<&str>)> = Vec::new();
    for entry in left_out {
        let (push, why) = (entry.push.id.to_string(), entry.why.to_string());
        match lines.iter_mut().find(|line| line.0 == push && line.1 == why) {
            Some((.., jobs)) => jobs.push(entry.job.as_str()),
            None => lines.push((push, why, vec![entry.job.as_str()])),
        }
    }
    for (push, why, jobs) in lines {
        let jobs = match jobs.as_slice() {
            [one] => (*one).to_owned(),
            [first, other] => format!("{first} and {other}"),
            [first, rest @ ..] => format!("{first} and {} more jobs", rest.len()),
            [] => continue,
        };
        out.line(&format!("  push {push}  {jobs} left out: {why}"));
    }
}

/// What became of one trigger request.
pub(crate) fn show_result(out: &mut Out, result: &TriggerResult, names: bool) {
    let teller = match result.by_action {
        true => "the hook's record",
        false => "the CI",
    };
    let text = match &result.state {
        TriggerState::Planned => "recorded".to_owned(),
        TriggerState::Sent { request } => match (result.times(), result.by_action) {
            (0, _) => format!("cancelled: {}", what(*request)),
            (times, by_action) => {
                let runs = plural(times as usize, "run");
                let action = if by_action { "action " } else { "" };
                format!("requested {runs}{}: {action}{}", of_jobs(result), what(*request))
            }
        },
        TriggerState::NotSent { detail } if result.times() == 0 => {
            format!("not cancelled: {detail}")
        }
        TriggerState::NotSent { detail } => format!("not requested: {detail}"),
        TriggerState::Uncertain { detail } => format!(
            "UNCERTAIN whether it was requested: {detail}; it counts as requested until {teller} confirms, run the command again in a minute (request {})",
            result.id.as_str()
        ),
    };
    let again = match result.coalesced.as_slice() {
        [] => String::new(),
        made => {
            let ids: Vec<String> = made.iter().map(ToString::to_string).collect();
            format!("; requested again, since the master ran others in place of {}", ids.join(", "))
        }
    };
    let job = match result.jobs.as_slice() {
        [one] if names => format!("{}  ", one.job),
        _ => String::new(),
    };
    out.line(&format!("  push {}  {job}{text}{again}", result.push.id));
}

/// Of how many jobs, where that is more than one.
fn of_jobs(result: &TriggerResult) -> String {
    match result.jobs.len() {
        1 => String::new(),
        count => format!(" of {count} jobs"),
    }
}

/// Where something that was requested stands.
pub(crate) fn show_outcome(out: &mut Out, outcome: &Outcome, names_job: bool) {
    let text = if outcome.runs.is_empty() {
        let done = if outcome.done && outcome.action_state.is_good() {
            ", but created no run of this job"
        } else {
            ""
        };
        format!("action task {}{done}", outcome.action_state.word())
    } else {
        let runs: Vec<String> = outcome
            .runs
            .iter()
            .map(|run| format!("{} {}", run.state.mark(), run.state.word()))
            .collect();
        runs.join(", ")
    };
    let blocked = match &outcome.blocked_by {
        Some(what) => format!("; it will never run: {what}"),
        None => String::new(),
    };
    let job = if names_job { format!("{}  ", outcome.job) } else { String::new() };
    out.line(&format!("  push {}  {job}{text}{blocked}", outcome.push.id));
}
