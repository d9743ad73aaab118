//! Sending to a master that coalesces: one request after the other on each builder, each only when
//! the one before it has a build.
//!
//! A request that waits is skipped when another one of its builder and branch arrives, even of
//! another revision. That a request is claimed proves nothing, since skipping claims too; a build
//! that carries it does.

use crate::backend::buildbot::sends::BuildSends;
use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::time::Instant;

use futures_util::{StreamExt, stream};
use mozci_clients::act::ActError;
use mozci_core::farm::Results;
use mozci_core::ids::{BuildRequestId, RequestId};
use tokio_util::sync::CancellationToken;

use crate::backend::buildbot::farm::Farm;
use crate::backend::buildbot::reconcile::look_for;
use crate::ci::Ci;
use crate::error::Error;
use crate::events::Subscription;
use crate::flow::gate::{Gate, Written, in_span, not_ours};
use crate::flow::prepare::{ReadyRequest, Sends};
use crate::flow::send::{Refused, TriggerResult};
use crate::store::{Ledger, TriggerRequest, TriggerState};

/// Requests that wait and whose branch is requested.
const ASKED_ABOUT: usize = 5;

/// How often a request that was coalesced away is made again.
const TRIES: usize = 5;

/// Sends trigger requests, those of one builder one after the other. Every result is marked in the ledger as
/// soon as the master has answered, and told when its build has begun.
pub(crate) async fn send_all(
    ci: &Ci,
    farm: &Farm,
    ledger: &Ledger,
    to_send: &[(TriggerRequest, ReadyRequest)],
    stop: &CancellationToken,
    on_result: &mut (dyn FnMut(&TriggerResult) + Send),
) -> Result<Vec<TriggerResult>, Error> {
    let paces = |(_, ready): &(TriggerRequest, ReadyRequest)| paces(farm, &ready.sends);
    let mut written = Written::new(ci, ledger);
    let sending = Sending {
        gate: Gate::new(stop, &written),
        ci,
        farm,
        ledger,
        subscription: if to_send.iter().any(paces) {
            Some(Subscription::open(ci, Vec::new(), None).await?)
        } else {
            None
        },
        stop,
    };
    let mut chains: Vec<(&str, VecDeque<&(TriggerRequest, ReadyRequest)>)> = Vec::new();
    for item in to_send {
        let builder = item.1.group.as_str();
        match chains.iter_mut().find(|(known, _)| *known == builder) {
            Some((_, chain)) => chain.push_back(item),
            None => chains.push((builder, VecDeque::from([item]))),
        }
    }
    let each = chains.into_iter().map(|(_, chain)| {
        let sending = &sending;
        // What the master refused once it refuses again, with the same values for the same builder.
        Box::pin(stream::unfold((chain, false), async move |(mut chain, refused)| {
            let (trigger, ready) = chain.pop_front()?;
            let result = in_span(trigger, sending.one(trigger, ready, refused)).await;
            let refused = refused || result.0.refusal == Some(Refused::Values);
            Some((result, (chain, refused)))
        }))
    });
    let mut all = stream::select_all(each);
    let mut unreadable = None;
    while let Some((result, error)) = all.next().await {
        match error {
            Some(Error::Store(error)) => written.broken(error),
            Some(error) => {
                written.halted.store(true, Ordering::Relaxed);
                unreadable.get_or_insert(error);
            }
            None => {}
        }
        written.add(result, on_result);
    }
    match (written.end(), unreadable) {
        (Ok(_), Some(error)) => Err(error),
        (ended, _) => ended,
    }
}

/// Whether the next one has to wait until this one is built.
fn paces(farm: &Farm, sends: &Sends) -> bool {
    farm.coalesces && matches!(sends.get(), Some(BuildSends::Force { .. } | BuildSends::Rebuild(_)))
}

struct Sending<'a> {
    ci: &'a Ci,
    farm: &'a Farm,
    ledger: &'a Ledger,
    /// Hears when builds begin, where that is waited for.
    subscription: Option<Subscription>,
    stop: &'a CancellationToken,
    gate: Gate<'a>,
}

/// What became of a request that was made.
enum Begun {
    /// A build carries it, or it has ended in a way of its own.
    Well,
    /// Another one was run in its place.
    Coalesced,
}

impl Sending<'_> {
    /// Sends one request until a build carries it. An error that ends it comes with how far it got.
    async fn one(
        &self,
        trigger: &TriggerRequest,
        ready: &ReadyRequest,
        refused: bool,
    ) -> (TriggerResult, Option<Error>) {
        let mut result = TriggerResult::new(trigger, ready, TriggerState::Planned, self.ci.now());
        let error = self.until_begun(trigger, ready, refused, &mut result).await.err();
        if matches!(result.state, TriggerState::Planned) {
            // The error came before it was sent.
            let detail = "not sent, since something before it failed".to_owned();
            result.state = TriggerState::NotSent { detail };
            let _ = self.ledger.mark(&result.id, &result.state).await;
        }
        (result, error)
    }

    async fn until_begun(
        &self,
        trigger: &TriggerRequest,
        ready: &ReadyRequest,
        refused: bool,
        result: &mut TriggerResult,
    ) -> Result<(), Error> {
        let not_sent = |detail: &str| TriggerState::NotSent { detail: detail.to_owned() };
        loop {
            result.state = if let Some(why) = self.gate.closed() {
                not_sent(why)
            } else if refused {
                not_sent("not sent, since the master refused the values of the one before")
            } else {
                if paces(self.farm, &ready.sends) {
                    self.let_others_begin(ready).await?;
                }
                match self.stop.is_cancelled() {
                    true => not_sent("interrupted before it was sent"),
                    false => self.send(trigger, &ready.sends, result).await?,
                }
            };
            self.ledger.mark(&result.id, &result.state).await?;
            let TriggerState::Sent { request } = result.state else { return Ok(()) };
            result.link = self.ci.link(request);
            let (Some(id), Some(subscription)) = (request.build_request(), &self.subscription)
            else {
                return Ok(());
            };
            if !paces(self.farm, &ready.sends) {
                return Ok(());
            }
            match self.begun(id, subscription.another(), ready).await {
                Begun::Well => return Ok(()),
                Begun::Coalesced => result.coalesced.push(request),
            }
            if result.coalesced.len() > TRIES {
                let times = result.coalesced.len();
                result.link = None;
                result.state = not_sent(&format!(
                    "the master ran another request in its place {times} times: run the command again when less is asked of the builder"
                ));
                return Ok(self.ledger.mark_again(&result.id, &result.state).await?);
            }
            // It is on its way again.
            result.state = TriggerState::Planned;
            self.ledger.mark_again(&result.id, &result.state).await?;
        }
    }

    async fn send(
        &self,
        trigger: &TriggerRequest,
        sends: &Sends,
        result: &mut TriggerResult,
    ) -> Result<TriggerState, Error> {
        result.sent_at = self.ci.now();
        if let Some(detail) = not_ours(self.ledger, trigger, result.sent_at).await {
            return Ok(TriggerState::NotSent { detail });
        }
        let master = self.farm.master().await?;
        let reason = format!("mozci {}", trigger.id.as_str());
        let sent = match sends.get() {
            Some(BuildSends::Force { scheduler, .. }) => match trigger.body.as_object() {
                Some(parameters) => master.force(scheduler, parameters).await.map(|f| f.request),
                None => Err(ActError::NotSent("the ledger has no body of it".into())),
            },
            Some(BuildSends::Rebuild(build)) => {
                master.rebuild(*build).await.map(|forced| forced.request)
            }
            Some(BuildSends::Stop { build, request }) => {
                master.stop(*build, &reason).await.map(|()| *request)
            }
            Some(BuildSends::Withdraw(request)) => {
                master.cancel(*request, &reason).await.map(|()| *request)
            }
            None => Err(ActError::NotSent("a Buildbot master has no tasks".into())),
        };
        Ok(match sent {
            Ok(request) => TriggerState::Sent { request: RequestId::BuildRequest(request) },
            Err(ActError::Uncertain(detail)) => {
                // The answer was lost; the newest buildsets may show that it arrived all the same.
                let sent = TriggerRequest { created: result.sent_at, ..trigger.clone() };
                match look_for(self.ci, self.farm, self.ledger, &sent).await {
                    Ok(Some(request)) => TriggerState::Sent { request: request.into() },
                    _ => TriggerState::Uncertain { detail },
                }
            }
            Err(error) => {
                result.refusal = Refused::of(&error);
                let forbidden = result.refusal == Some(Refused::NotAllowed);
                self.gate.heed(result.refusal);
                TriggerState::NotSent { detail: format!("{error}{}", self.hint(forbidden)) }
            }
        })
    }

    /// What to do about a refusal.
    fn hint(&self, forbidden: bool) -> &'static str {
        match (forbidden, self.farm.is_signed_in()) {
            (false, _) => "",
            (true, true) => " (signed in, but without the role)",
            (true, false) => {
                " (nobody is signed in: set BUILDBOT_USER and BUILDBOT_PASSWORD, or BUILDBOT_COOKIE)"
            }
        }
    }

    /// Waits until nothing of the builder waits that our request would be run in the place of: a
    /// farm's own request for its newest push is worth more than ours for an old one.
    async fn let_others_begin(&self, ready: &ReadyRequest) -> Result<(), Error> {
        let Some(subscription) = &self.subscription else { return Ok(()) };
        let builders = self.farm.builders().await?;
        let builder = builders.iter().find(|builder| builder.name == ready.group);
        let (Some(builder), mut subscription) = (builder, subscription.another()) else {
            return Ok(());
        };
        let mut told = false;
        let mut failing: Option<Instant> = None;
        while !self.stop.is_cancelled() {
            let waiting: Vec<BuildRequestId> = match self.waiting(builder.id).await {
                Ok(waiting) => waiting,
                Err(error) => {
                    let since = *failing.get_or_insert_with(Instant::now);
                    if since.elapsed() > self.ci.patience() {
                        return Err(error);
                    }
                    subscription.next(&[], self.stop).await;
                    continue;
                }
            };
            failing = None;
            let Some(first) = waiting.first() else { return Ok(()) };
            if !std::mem::replace(&mut told, true) {
                tracing::warn!(
                    "{} waits to be built already (request {first}): what is requested on push {} is sent when that has begun, or it would be run in its place; Ctrl-C stops here",
                    ready.group,
                    ready.push.id
                );
            }
            let waiting: Vec<RequestId> = waiting.into_iter().map(RequestId::from).collect();
            subscription.next(&waiting, self.stop).await;
        }
        Ok(())
    }

    /// The requests of a builder that wait and that ours would absorb: those of the same branch.
    async fn waiting(&self, builder: u64) -> Result<Vec<BuildRequestId>, Error> {
        let reading = || Error::service("cannot read what waits for a builder");
        let master = self.farm.master().await?;
        let mut waiting = master.waiting_requests(builder).await.map_err(reading())?;
        waiting.sort_unstable_by_key(|request| request.id);
        let mut ours = Vec::new();
        // Of more than these one is sure to be of the branch, and each costs a question.
        for (place, request) in waiting.iter().enumerate() {
            let of_branch = place >= ASKED_ABOUT || {
                let set = master.set(request.set).await.map_err(reading())?;
                let branch = |stamp: &mozci_clients::buildbot::Stamp| {
                    stamp.branch.as_deref().is_none_or(|branch| branch == self.farm.branch)
                };
                set.stamps.iter().any(branch)
            };
            if of_branch {
                ours.push(request.id);
            }
        }
        Ok(ours)
    }

    /// Waits until a request is built, or is gone. What cannot be read for a while is waited for;
    /// a stop leaves the request as it is.
    async fn begun(
        &self,
        id: BuildRequestId,
        mut subscription: Subscription,
        ready: &ReadyRequest,
    ) -> Begun {
        let mut failing: Option<Instant> = None;
        let mut told = false;
        while !self.stop.is_cancelled() {
            let looked = async {
                let master = self.farm.master().await?;
                let reading = || Error::service("cannot read what became of a request");
                let requests = master.requests(&[id]).await.map_err(reading())?;
                let builds = master.builds_of(&[id]).await.map_err(reading())?;
                Ok::<_, Error>((requests, builds))
            };
            match looked.await {
                Ok((_, builds)) if !builds.is_empty() => return Begun::Well,
                Ok((requests, _)) => {
                    failing = None;
                    match requests.first() {
                        Some(request) if request.complete.is_some() => {
                            return match request.results {
                                Some(Results::Skipped) => Begun::Coalesced,
                                _ => Begun::Well,
                            };
                        }
                        Some(_) if !told => {
                            told = true;
                            tracing::warn!(
                                "request {id} for {} on push {} is sent and waits to be begun, which is waited for: until then the master may coalesce it",
                                ready.group,
                                ready.push.id
                            );
                        }
                        Some(_) => {}
                        // A master that was made anew does not know it.
                        None => return Begun::Well,
                    }
                }
                Err(error) => {
                    let since = *failing.get_or_insert_with(Instant::now);
                    if since.elapsed() > self.ci.patience() {
                        self.ci.note(format!("whether request {id} began cannot be read: {error}"));
                        return Begun::Well;
                    }
                }
            }
            subscription.next(&[id.into()], self.stop).await;
        }
        Begun::Well
    }
}
