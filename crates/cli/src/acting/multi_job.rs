//! What commands do that request several jobs: plan shown by push, carried out, told.

use mozci_core::backfill::Step;
use mozci_core::plan::Plan;
use mozci_engine::flow::{JobHistory, fit_plan};
use mozci_engine::store::Ledger;
use serde_json::{Value, json};

use super::act::{Act, acted_json, carry_out};
use super::args::ActArgs;
use crate::app::{Done, Interrupt};
use crate::context::Context;
use crate::show::{Out, show_multi_job, show_steps, top};
use crate::stats::Stats;

/// What is requested.
pub(crate) struct MultiJob<'a> {
    /// The command's name.
    pub(crate) command: &'static str,
    pub(crate) args: &'a ActArgs,
    pub(crate) plan: &'a Plan,
    pub(crate) histories: &'a [JobHistory],
    /// How the plan of one job was made.
    pub(crate) wanted: &'a (dyn Fn(&JobHistory) -> Plan + Sync),
}

/// Shows the plan, carries it out, and tells what came of it.
pub(crate) async fn send_for_jobs(
    many: &MultiJob<'_>,
    context: &Context,
    out: &mut Out,
    stats: &Stats,
    interrupt: &Interrupt,
    ledger: &mut Ledger,
) -> Done {
    let MultiJob { command, args, plan, histories, wanted } = *many;
    let mut plan = plan.clone();
    if histories.len() > 1 {
        fit_plan(&context.ci, &mut plan).await?;
    }
    let plan = &plan;
    show(out, histories, plan);
    let act = Act { context, args, plan, histories, stats, interrupt, wanted };
    let (acted, status) = carry_out(&act, out, ledger).await?;
    if let Some(after) = &acted.after {
        out.line("");
        show(out, after, &Plan::empty(plan.times));
    }
    if out.wants_object() {
        let mut object = top(command, context);
        let jobs: Vec<_> = histories.iter().map(|history| &history.job).collect();
        object.insert("jobs".into(), json!(jobs));
        acted_json(&acted, &mut object, plan, histories);
        if let Some(costs) = stats.json(context)? {
            object.insert("stats".into(), costs);
        }
        out.object(&Value::Object(object))?;
    }
    Ok(status)
}

/// One job by its pushes; several by what is done on each push.
fn show(out: &mut Out, histories: &[JobHistory], plan: &Plan) {
    match histories {
        [one] => {
            out.line(one.job.as_str());
            let steps: Vec<Step> = one.facts.iter().map(Step::from).collect();
            show_steps(out, &one.job, &steps, plan);
        }
        many => show_multi_job(out, many, plan),
    }
}
