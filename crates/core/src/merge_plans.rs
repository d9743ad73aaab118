//! One plan for several jobs.

use crate::estimate::median;
use crate::facts::PushFacts;
use crate::guard::infra;
use crate::plan::{LeftOut, LeftOutReason, Plan};

/// Joins the plans of several jobs, each with what is known of its job, newest push first. Of more
/// than one job those whose runs mostly end in infrastructure failures are left out; what a job
/// takes that never ended here is taken from the others.
pub fn join<'a>(plans: impl IntoIterator<Item = (Plan, &'a [PushFacts])>, times: u32) -> Plan {
    let plans: Vec<(Plan, &[PushFacts])> = plans.into_iter().collect();
    let several = plans.len() > 1;
    let pool = median(plans.iter().flat_map(|(_, all)| *all).flat_map(|facts| &facts.runs));
    let sound = plans.into_iter().map(|(mut plan, all)| {
        if let (None, Some((minutes, samples)), 0) =
            (plan.estimate.machine_minutes, pool, plan.estimate.builds)
        {
            let runs = u64::from(plan.estimate.runs);
            plan.estimate.machine_minutes = Some(runs * u64::from(minutes.0));
            plan.estimate.samples = samples;
        }
        let newest = all.iter().flat_map(|facts| facts.runs.iter().rev());
        if several && infra(newest).is_some() {
            leave_out(&mut plan);
        }
        plan
    });
    Plan::join(sound, times)
}

/// Leaves everything out that a plan requests.
fn leave_out(plan: &mut Plan) {
    let requested = plan.requests.drain(..).map(|request| (request.push, request.job));
    let waits = plan.waits_for.drain(..).map(|waiting| (waiting.push, waiting.job));
    let ails = requested.chain(waits);
    let ails = ails.map(|(push, job)| LeftOut { push, job, why: LeftOutReason::Infra });
    plan.left_out.extend(ails);
    plan.estimate = Plan::empty(plan.times).estimate;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::test_support::facts;
    use crate::ids::JobName;
    use crate::plan::{PastRuns, Wish, have_n};
    use crate::run::State::*;

    fn plan<'a>(job: &str, all: &'a [PushFacts]) -> (Plan, &'a [PushFacts]) {
        let (job, past) = (JobName::new(job), PastRuns::default());
        (have_n(all.iter().map(|f| (f, true)), &job, Wish::times(1), &past), all)
    }

    #[test]
    fn a_job_that_ails_is_left_out_and_the_others_are_asked_for() {
        let hole = facts(10, &[]);
        let well = [hole.clone(), facts(9, &[Passed])];
        let ails = [hole, facts(9, &vec![Exception; 6])];
        let joined = join([plan("well", &well), plan("ails", &ails)], 1);
        let requested: Vec<&str> = joined.requests.iter().map(|r| r.job.as_str()).collect();
        assert_eq!(requested, ["well"]);
        let out: Vec<_> = joined.left_out.iter().map(|l| (l.job.as_str(), &l.why)).collect();
        // Its second push has no run that counts, either.
        assert_eq!(out, [("ails", &LeftOutReason::Infra); 2]);
        // What the one takes that never ended here is told by the runs there are.
        assert_eq!((joined.estimate.machine_minutes, joined.estimate.runs), (Some(20), 1));
        // A single job is the guards' to refuse.
        assert_eq!(join([plan("ails", &ails)], 1).requests.len(), 2);
    }
}
