//! Pushes of a plan, a line each, and the edge between good and bad.

use mozci_core::backfill::{Backfill, Step, WalkEnd};
use mozci_core::classify::PushClass;
use mozci_core::ids::JobName;
use mozci_core::plan::Plan;
use mozci_core::push::{Push, PushRef};

use super::out::Out;
use super::table::{Table, column};
use super::words::{plural, push_class};

/// One line a push: how it is judged, and what the plan does with it.
pub(crate) fn show_steps(out: &mut Out, job: &JobName, steps: &[Step], plan: &Plan) {
    let mut table = Table::new([
        column(""),
        column("push").right(),
        column("revision"),
        column("runs").wraps(16),
        column("plan").wraps(16),
    ])
    .without_header();
    for step in steps {
        let word = match step.push_class {
            PushClass::Good { .. } => "good",
            PushClass::Bad { .. } => "bad",
            PushClass::Mixed { .. } => "mixed",
            _ => "",
        };
        let requested = match (step.requested - step.doubtful, step.doubtful) {
            (0, 0) => String::new(),
            (sent, 0) => format!(", {sent} requested"),
            (0, doubtful) => format!(", {doubtful} unconfirmed"),
            (sent, doubtful) => format!(", {sent} requested, {doubtful} unconfirmed"),
        };
        let waiting = match (step.waiting, step.push_class) {
            (0, _) => String::new(),
            (_, PushClass::Waiting) if step.unknown.is_none() => String::new(),
            (count, _) => format!(", {count} under way"),
        };
        let told = match &step.unknown {
            Some(why) => format!("unknown: {why}"),
            None => push_class(step.push_class),
        };
        let chunk = match &step.chunk {
            Some(chunk) => format!(" in {chunk}"),
            None => String::new(),
        };
        let state = format!("{told}{chunk}{waiting}{requested}");
        let fate = fate(plan, job, &step.push);
        let (id, revision) = (step.push.id.to_string(), step.push.revision.short());
        table.row([word.to_owned(), id, revision.to_owned(), state, fate]);
    }
    out.table(table);
}

fn fate(plan: &Plan, asked: &JobName, push: &PushRef) -> String {
    if let Some(request) = plan.requests.iter().find(|request| request.push == *push) {
        if request.is_needed() {
            let waits = plan.waits_for.iter().filter(|waiting| waiting.push == *push);
            let times: u32 = waits.map(|waiting| waiting.times).sum();
            let then = match times {
                0 => "and starts it".to_owned(),
                times => format!("then {times}"),
            };
            return format!("→ request {}, which is missing, {then}", request.job);
        }
        let build = match &request.builds {
            Some(build) => format!(" (and {build}, which is missing)"),
            None => String::new(),
        };
        // Where chunks changed, the test is in another one there.
        let job = match request.job == *asked {
            true => String::new(),
            false => format!(" × {}", request.job),
        };
        return format!("→ request {}{job}{build}", request.times);
    }
    if let Some(left_out) = plan.left_out.iter().find(|left_out| left_out.push == *push) {
        return format!("left out: {}", left_out.why);
    }
    match plan.waits_for.iter().find(|waiting| waiting.push == *push) {
        Some(waiting) => format!("waits for {}", waiting.build),
        None => String::new(),
    }
}

/// The newest good push and the oldest bad one after it, as far as a walk tells.
pub(crate) fn edge(walk: &Backfill) -> (Option<&PushRef>, Option<&PushRef>) {
    let good = match &walk.end {
        WalkEnd::LastGood { push } => Some(push),
        _ => None,
    };
    let bad = walk.steps.iter().rev().find(|s| matches!(s.push_class, PushClass::Bad { .. }));
    (good, bad.map(|step| &step.push))
}

/// Shows the edge, where the walk has one, with who made the first bad push, and the command that says
/// whether it was that one.
pub(crate) fn show_edge(out: &mut Out, walk: &Backfill, first_bad: Option<&Push>, confirm: &str) {
    let (Some(good), Some(bad)) = edge(walk) else { return };
    let place = |push: &PushRef| walk.steps.iter().position(|step| step.push == *push);
    let between = match (place(bad), place(good)) {
        (Some(bad), Some(good)) => good.saturating_sub(bad + 1),
        _ => 0,
    };
    let author = first_bad.map_or("", |push| push.author.as_str());
    let summary = first_bad.and_then(|push| push.summary.as_deref()).unwrap_or_default();
    out.line(&format!("last good  {}  {}", good.id, good.revision.short()));
    out.keep_gist(format!("first bad push: {} {author} {summary}", bad.id));
    out.line(&format!("first bad  {}  {}  {author}  {summary}", bad.id, bad.revision.short()));
    out.line(&match between {
        0 => "no push lies between them: the first bad push broke it, as far as these runs show"
            .to_owned(),
        count => format!(
            "{} in between {} untested: it is one of these or the first bad push",
            plural(count, "push"),
            if count == 1 { "is" } else { "are" },
        ),
    });
    out.line(&format!(
        "`{confirm} --bad {} --good {}` makes sure of it",
        bad.revision.short(),
        good.revision.short()
    ));
}
