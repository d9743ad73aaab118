//! The rounds of a search: read, believe, ask, wait, until there is a verdict.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use mozci_core::bisect::{Search, Verdict, Why};
use mozci_core::culprit::{Hunt, HuntSettings};
use mozci_core::flakiness::Tally;
use mozci_core::guard::Refusal;
use mozci_core::ids::PushId;
use mozci_core::plan::Plan;
use mozci_core::time::At;
use mozci_engine::flow::{
    AskResult, BisectQuestion, Case, CulpritPush, Origin, Since, check_plan, culprit_pushes,
    open_case,
};
use mozci_engine::notify::Occasion;
use mozci_engine::store::{AskState, InvestigationState, Investigations, Keeper, Lease, Ledger};
use mozci_engine::{Error, Kind};
use serde_json::{Value, json};

use super::marking::{Mark, mark_culprit};
use super::suspects::{early, gone_by_then, merges_of, weighed};
use super::{EndArgs, explain, report, shown, told};
use crate::acting::telling::{Told, tell};
use crate::acting::{
    Act, ActArgs, Acted, confirmed, follow, guarded, is_missing, send, used_today,
};
use crate::app::Interrupt;
use crate::context::Context;
use crate::failure;
use crate::show::{Out, show_plan_summary};
use crate::stats::Stats;

/// Everything that a search works with besides its question.
pub(crate) struct Desk<'a> {
    pub(crate) context: &'a Context,
    pub(crate) out: &'a mut Out,
    pub(crate) stats: &'a Stats,
    pub(crate) interrupt: &'a Interrupt,
    pub(crate) ledger: &'a mut Ledger,
    pub(crate) store: &'a Investigations,
}

/// How a search ends for whoever asked for it.
pub(crate) struct Ends<'a> {
    pub(crate) args: &'a EndArgs,
    /// The investigation that goes on, where one does, held by this process.
    pub(crate) lease: Option<Lease>,
    /// Whether somebody agreed already that runs are asked for.
    pub(crate) consented: bool,
    /// What a red job is chased for, where that was just found out.
    pub(crate) chased: Option<Value>,
}

/// Why a search is over.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Ended {
    /// There is a verdict, or it was found that there can be none.
    Verdict(Verdict),
    /// The good push fails as often as the bad one.
    GoodFails {
        /// The good push's runs.
        good: Tally,
        /// The bad one's.
        bad: Tally,
    },
    /// It was backed out already.
    BackedOut,
    /// It is fixed already.
    Fixed,
    /// As many runs were asked for as may be.
    Budget,
    /// The budget cannot suffice.
    BudgetTooSmall {
        /// Runs that are needed at the least.
        least: u32,
    },
    /// No push is left on which runs can be asked for.
    NothingToTest,
    /// A guard said no.
    Refused(Box<Refusal>),
    /// Nothing was to be sent.
    DryRun,
    /// A round is under way that nobody here waits for.
    Left,
    /// Whoever was asked said no.
    Declined,
    /// It was interrupted.
    Interrupted,
    /// A service failed for long, or part of what was asked for did not get through.
    Service,
}

impl Ended {
    /// Whether the investigation has come to its end.
    fn is_final(&self) -> bool {
        // That the good push fails is no question that more runs answer.
        matches!(self, Self::Verdict(_) | Self::BackedOut | Self::Fixed | Self::GoodFails { .. })
    }

    /// What is told of it, if anything.
    fn occasion(&self) -> Option<Occasion> {
        match self {
            Self::Verdict(_) | Self::BackedOut | Self::Fixed => Some(Occasion::Finished),
            Self::Budget | Self::BudgetTooSmall { .. } | Self::Refused(_) => {
                Some(Occasion::NeedsYou)
            }
            Self::GoodFails { .. } => Some(Occasion::NeedsYou),
            Self::NothingToTest | Self::Service => Some(Occasion::Stuck),
            Self::DryRun | Self::Left | Self::Declined | Self::Interrupted => None,
        }
    }

    fn status(&self) -> u8 {
        match self {
            Self::Refused(_) | Self::Budget | Self::BudgetTooSmall { .. } => {
                failure::status(Kind::Guard)
            }
            Self::Interrupted => failure::status(Kind::Interrupted),
            Self::Service | Self::NothingToTest => failure::status(Kind::Service),
            _ => 0,
        }
    }
}

/// A search at its end.
pub(super) struct Finished<'a> {
    pub(super) question: &'a BisectQuestion,
    pub(super) case: &'a Case,
    pub(super) search: &'a Search,
    pub(super) ended: &'a Ended,
    pub(super) culprits: &'a [CulpritPush],
    pub(super) since: &'a Since,
    /// Runs that were asked for, and in how many rounds.
    pub(super) runs: u32,
    pub(super) rounds: u32,
    pub(super) id: Option<&'a str>,
    pub(super) results: &'a [AskResult],
    pub(super) plan: Option<&'a Plan>,
}

/// How often in a row what is under way is waited for.
const WAITS: u32 = 3;

/// What a search in one repository came to, for whoever goes on from there.
pub(super) struct Driven {
    pub(super) status: u8,
    /// The object that `--json` writes, where it is asked for.
    pub(super) object: Option<Value>,
    /// The verdict in one line.
    pub(super) summary: String,
    /// Where the culprit came from, if it is a merge.
    pub(super) below: Option<Origin>,
}

/// Drives a search in one repository to its end.
pub(super) async fn drive(
    question: &BisectQuestion,
    ends: Ends<'_>,
    desk: &mut Desk<'_>,
) -> Result<Driven, Error> {
    let Desk { context, out, stats, interrupt, ledger, store } = desk;
    let ci = &context.ci;
    context.progress("reading the history");
    let mut keeper = match &ends.lease {
        Some(lease) => Some(Keeper::of(&ci.place.state, vec![lease.clone()])?),
        None => None,
    };
    let mut lease = ends.lease;
    ledger.under(lease.clone());
    // The good push is found once: what is run afterwards must not make another one of it.
    let mut fixed = question.clone();
    if let Some(lease) = &lease {
        fixed.good = good_so_far(store, &lease.id)?.or(fixed.good);
    }
    let mut case = open_case(ci, ledger, &fixed).await?;
    if let Err(error) = case.read_background(ci, question.background).await {
        context.talk(&format!("note: the background is told by few runs alone: {error}"));
    }
    let asked = question;
    let was_named = asked.good.is_some();
    fixed.good = Some(case.good().revision.hash().to_owned());
    let question = &fixed;
    let act_args =
        ActArgs { confirm: ends.args.confirm.clone(), parameters: Vec::new(), wait: true };
    let (mut runs, mut rounds) = match &lease {
        Some(lease) => asked_so_far(ledger, &lease.id)?,
        None => (0, 0),
    };
    let mut results: Vec<AskResult> = Vec::new();
    let mut settings = weighed(question, &case, context).await;
    let mut last_plan: Option<Plan> = None;
    let mut waited = 0;
    let mut was_confirmed = ends.args.confirm.yes || ends.consented;
    shown::head(out, question, &case);
    let early = early(question, &case, context, out).await;
    let (search, ended) = loop {
        let search = case.hunt().search(&settings);
        shown::belief(out, &case, &search, runs);
        if let Some(early) = early.clone() {
            break (search, early);
        }
        if interrupt.stop.load(Ordering::Relaxed) {
            break (search, Ended::Interrupted);
        }
        let since = case.since();
        if since.is_fixed && !question.anyway {
            break (search, Ended::Fixed);
        }
        let verdict = search.verdict();
        let good_fails = case.hunt().good_fails();
        let older = matches!(verdict, Verdict::Older { .. }) || good_fails.is_some();
        if older && !was_named && case.widen() {
            shown::widened(out, &case);
            settings = weighed(question, &case, context).await;
            if let Some(lease) = &lease {
                let step = json!({"step": "widened", "good": case.good().revision.hash()});
                store.step(lease, &step, ci.now())?;
            }
            continue;
        }
        let misfits = matches!(verdict, Verdict::Undecided { why } if why.is_misfit());
        if let (Some([good, bad]), false) = (good_fails, verdict.is_decided()) {
            break (search, Ended::GoodFails { good, bad });
        }
        if let Verdict::Culprit { first, last, .. } = verdict {
            // Before anybody is convicted: what was backed out by then did not break the bad push.
            let gone = gone_by_then(context, &case, first..=last).await;
            if gone.iter().any(|backout| !settings.backouts.contains(backout)) {
                shown::gone(out, &case, &gone);
                settings.backouts.extend(gone);
                continue;
            }
            // What `flakiness` would show of the same runs must not name another push.
            if let Some(rises) = case.hunt().rises_elsewhere(first..=last) {
                let why = Why::Elsewhere { named: last, rises };
                break (search, Ended::Verdict(Verdict::Undecided { why }));
            }
        }
        if verdict.is_decided() || misfits {
            break (search, Ended::Verdict(verdict));
        }
        let hunt = case.hunt();
        let under_way = hunt.is_under_way();
        waited = if under_way { waited + 1 } else { 0 };
        if waited > WAITS {
            break (search, Ended::Service);
        }
        let rest = question.budget.saturating_sub(runs);
        if !under_way && rest == 0 {
            break (search, Ended::Budget);
        }
        if let (0, Some(least)) = (runs, too_small(&search, question)) {
            break (search, Ended::BudgetTooSmall { least });
        }
        // What is under way is waited for first: what it says may be all that is needed.
        let plan = match under_way {
            true => Plan::empty(1),
            false => next_plan(&hunt, &search, &settings, question.at_once.min(rest)),
        };
        if !under_way && plan.requests.is_empty() && plan.waits_for.is_empty() {
            break (search, Ended::NothingToTest);
        }
        let between = case.between(&plan);
        let histories = std::slice::from_ref(&between);
        let wanted = None;
        let act = Act { context, args: &act_args, plan: &plan, histories, interrupt, wanted };
        let mut acted = Acted::default();
        if !under_way {
            let used = used_today(context, ledger)?;
            if last_plan.is_none() {
                shown::outlook(out, &search, question, rest);
                show_plan_summary(out, &plan, (used, ci.budgets.day));
            }
            if ends.args.explain {
                explain::explain(out, &case, &search, &plan);
            }
            check_plan(ci, &plan).await?;
            let passed = guarded(context, ledger, &plan, histories, interrupt).await?;
            if let Err(refusal) = passed {
                break (search, Ended::Refused(Box::new(refusal)));
            }
            last_plan = Some(plan.clone());
            if ends.args.confirm.dry_run {
                break (search, Ended::DryRun);
            }
            if !was_confirmed
                && !confirmed(out, "Ask for them, and go on until there is a verdict?", &[]).await?
            {
                break (search, Ended::Declined);
            }
            was_confirmed = true;
            let now = ci.now();
            let written = match &lease {
                Some(lease) => lease.clone(),
                None => {
                    let begun = begin(store, context, &asked.to_value())?;
                    keeper = Some(Keeper::of(&ci.place.state, vec![begun.clone()])?);
                    let step = json!({"step": "begun", "good": case.good().revision.hash()});
                    store.step(&begun, &step, now)?;
                    ledger.under(Some(begun.clone()));
                    out.line(&format!("investigation {}", begun.id));
                    lease.insert(begun).clone()
                }
            };
            rounds += 1;
            let asked = plan.runs();
            // Written down before anything is sent.
            let step = json!({"step": "round", "round": rounds, "runs": asked, "plan": plan});
            store.step(&written, &step, now)?;
            shown::round(out, rounds, &plan);
            interrupt.acting.store(true, Ordering::Relaxed);
            let mut sent = send(&act, out, ledger, &plan, histories).await?;
            acted.results.append(&mut sent.results);
            // Only what was sent, or may have been, is spent.
            let spent = acted.results.iter().filter(|result| {
                matches!(result.state, AskState::Sent { .. } | AskState::Uncertain { .. })
            });
            runs += spent.map(AskResult::times).sum::<u32>();
            // A push that cannot be asked is set aside, and the search goes on without it.
            let refused: Vec<PushId> = sent
                .left_out
                .iter()
                .filter(|left_out| left_out.why.is_refusal())
                .map(|left_out| left_out.push.id)
                .collect();
            settings.refused.extend(refused.iter().filter_map(|push| hunt.number(*push)));
            if acted.results.is_empty() && !refused.is_empty() {
                interrupt.acting.store(false, Ordering::Relaxed);
                continue;
            }
        } else if ends.args.confirm.dry_run {
            break (search, Ended::DryRun);
        }
        if ends.args.no_wait {
            interrupt.acting.store(false, Ordering::Relaxed);
            let lost = acted.results.iter().any(is_missing);
            results.append(&mut acted.results);
            break (search, if lost { Ended::Service } else { Ended::Left });
        }
        interrupt.acting.store(true, Ordering::Relaxed);
        let followed = follow(&act, out, ledger, &mut acted, true).await;
        interrupt.acting.store(false, Ordering::Relaxed);
        followed?;
        let lost = acted.results.iter().filter(|result| is_missing(result)).count();
        let all_lost = lost > 0 && lost == acted.results.len();
        results.append(&mut acted.results);
        case = match acted.after.and_then(|mut after| after.pop()) {
            Some(history) => case.with_between(history),
            None => case.again(ci, ledger).await?,
        };
        if interrupt.stop.load(Ordering::Relaxed) {
            break (case.hunt().search(&settings), Ended::Interrupted);
        }
        if acted.gave_up || all_lost {
            break (case.hunt().search(&settings), Ended::Service);
        }
    };
    let suspects: Vec<usize> = match &ended {
        Ended::Verdict(Verdict::Culprit { first, last, .. }) => (*first..=*last).collect(),
        _ => Vec::new(),
    };
    let hunt = case.hunt();
    let pushes = suspects.iter().filter_map(|number| hunt.push(*number));
    let culprits = culprit_pushes(ci, pushes.map(|facts| facts.push.clone()).collect()).await;
    let since = case.since();
    let descent = match &ended {
        Ended::Verdict(Verdict::Culprit { .. }) => merges_of(context, &culprits).await,
        _ => Vec::new(),
    };
    let finished = Finished {
        question,
        case: &case,
        search: &search,
        ended: &ended,
        culprits: &culprits,
        since: &since,
        runs,
        rounds,
        id: lease.as_ref().map(|lease| lease.id.as_str()),
        results: &results,
        plan: last_plan.as_ref(),
    };
    let end = told::end(&finished);
    ledger.under(None);
    if let Some(lease) = &lease {
        let step = json!({"step": "ended", "end": end});
        store.step(lease, &step, ci.now())?;
        if ended.is_final() {
            store.mark(&lease.id, InvestigationState::Done)?;
        }
    }
    drop(keeper);
    shown::end(out, &finished, context);
    let below = if descent.len() == culprits.len() { Origin::of_all(&descent) } else { None };
    let goes_on = below.as_ref().is_some_and(|origin| origin.before.is_some());
    let mark = match (ends.args.mark, goes_on) {
        (true, false) => {
            let (args, with) = (&ends.args.confirm, (&mut **ledger, *interrupt));
            mark_culprit(&finished, args, was_confirmed, context, out, with).await
        }
        // A merge is not accused of what came with it.
        (true, true) => Mark::not_made(out, "the search goes on below the merge"),
        (false, _) => Mark::default(),
    };
    if let Some(path) = &ends.args.report {
        report::write(path, &finished, context)?;
        out.line(&format!("report in {}", path.display()));
    }
    let object = match out.wants_object() {
        true => {
            let mut object = told::object(&finished, context, stats)?;
            if let Some(chased) = ends.chased {
                object["chased"] = chased;
            }
            if !mark.told.is_null() {
                object["mark"] = mark.told;
            }
            Some(object)
        }
        false => None,
    };
    if let Ended::Refused(refusal) = &ended {
        failure::report(&Error::Guard((**refusal).clone()), context.sent());
    }
    let bad = matches!(&ended, Ended::Verdict(Verdict::Culprit { .. }));
    let status = match ended.status() {
        0 if mark.status != 0 => mark.status,
        0 => u8::from(context.global.exit_status && bad),
        status => status,
    };
    let summary = end["summary"].as_str().unwrap_or_default().to_owned();
    if let (Some(lease), Some(occasion), true) = (&lease, ended.occasion(), ends.args.tell) {
        let command = format!("{} investigations resume {}", context.program(), lease.id);
        let told = Told {
            investigation: &lease.id,
            occasion,
            subject: &question.job,
            summary: &summary,
            command: &command,
        };
        tell(context, &told).await?;
    }
    Ok(Driven { status, object, summary, below })
}

/// Begins an investigation, and holds it.
fn begin(store: &Investigations, context: &Context, question: &Value) -> Result<Lease, Error> {
    let ci = &context.ci;
    let id = store.begin(&ci.root_url, ci.repo.as_str(), question, ci.now())?;
    take(store, &id)
}

/// Takes an investigation in order to drive it.
pub(crate) fn take(store: &Investigations, id: &str) -> Result<Lease, Error> {
    // Leases are between processes of this machine, and go by its clock.
    let now = At(chrono::Utc::now().timestamp());
    store.take(id, now)?.map_err(|held| Error::Usage(held.to_string()))
}

/// Runs that are needed at the least, where the budget is below that.
fn too_small(search: &Search, question: &BisectQuestion) -> Option<u32> {
    let least = search.least().jobs().ceil().max(0.0) as u32;
    (question.budget < least).then_some(least)
}

/// The plan of the next round. Pushes that turn out to be of no use there are left out by the plan
/// itself.
fn next_plan(hunt: &Hunt<'_>, search: &Search, settings: &HuntSettings, at_once: u32) -> Plan {
    hunt.plan(&hunt.wants(search, settings, at_once as usize))
}

/// The good push that an investigation found, where it went further back than it began.
fn good_so_far(store: &Investigations, id: &str) -> Result<Option<String>, Error> {
    let steps = store.steps(id)?;
    let mut goods = steps.iter().filter_map(|(_, step)| step["good"].as_str());
    Ok(goods.next_back().map(str::to_owned))
}

/// Runs that an investigation asked for before, and in how many rounds: by the ledger, which knows
/// what was sent and what was not.
fn asked_so_far(ledger: &Ledger, id: &str) -> Result<(u32, u32), Error> {
    let askings = ledger.of_investigation(id)?;
    let runs = askings.iter().fold(0u32, |sum, asking| sum.saturating_add(asking.times()));
    let plans: BTreeSet<&str> = askings.iter().map(|asking| asking.plan.as_str()).collect();
    Ok((runs, u32::try_from(plans.len()).unwrap_or(u32::MAX)))
}
