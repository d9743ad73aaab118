//! The doctor of a Buildbot master: what it is, what it lets us do, what will not work.

use std::collections::BTreeSet;
use std::time::Instant;

use mozci_clients::buildbot::{BuildsOf, Channel};
use mozci_clients::contract::Finding;
use mozci_core::ids::{Revision, Vcs};
use mozci_core::time::At;

use crate::backend::buildbot::farm::Farm;
use crate::backend::buildbot::ways::{Carrier, carrier};
use crate::backend::pushes::Pushes;
use crate::ci::Ci;
use crate::flow::health::{Check, Health, clock};

/// The first version with which all was tried; it and version 4 are what the tests drive.
const NEEDED: (u32, u32) = (3, 11);

/// Changes by which a branch's codebases are told.
const LOOKED_AT: usize = 50;

/// Looks at a master. Nothing here is an error: what fails is told.
pub(crate) async fn doctor(ci: &Ci, farm: &Farm) -> Vec<Check> {
    let mut examined = Examination { ci, farm, checks: Vec::new() };
    if examined.signs_in().await {
        examined.version().await;
        if examined.builders().await {
            examined.pushes().await;
            examined.shapes().await;
            examined.filters().await;
            examined.forcing().await;
            examined.workers().await;
            examined.may_force();
            examined.names().await;
            examined.events().await;
        }
    }
    examined.checks.push(clock(ci, "master"));
    examined.checks
}

struct Examination<'a> {
    ci: &'a Ci,
    farm: &'a Farm,
    checks: Vec<Check>,
}

impl Examination<'_> {
    fn add(&mut self, check: &'static str, started: Instant, found: (Health, String)) {
        let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (health, detail) = found;
        self.checks.push(Check { source: "master", check, health, detail, findings: vec![], ms });
    }

    async fn signs_in(&mut self) -> bool {
        let started = Instant::now();
        let found = self.farm.master().await;
        let is_in = found.is_ok();
        let told = match found {
            Ok(_) if self.farm.is_signed_in() => (Health::Ok, "a session is sent along".to_owned()),
            Ok(_) => (Health::Ok, "nobody is signed in".to_owned()),
            Err(error) => (Health::Fail, with_source(&error)),
        };
        self.add("session", started, told);
        is_in
    }

    async fn version(&mut self) {
        let started = Instant::now();
        let about = match self.farm.master.about().await {
            Ok(about) => about,
            Err(error) => {
                let text = format!(
                    "it does not say what it is: older than version {}.{}, another path of the URL, or no Buildbot: {error}",
                    NEEDED.0, NEEDED.1
                );
                return self.add("version", started, (Health::Warn, text));
            }
        };
        let version = about.version.clone().unwrap_or_else(|| "of an unknown version".into());
        let told = match about.number() {
            Some(number) if number < NEEDED => (
                Health::Warn,
                format!(
                    "Buildbot {version}: tried with {}.{} and later alone; states and forcing may not work",
                    NEEDED.0, NEEDED.1
                ),
            ),
            _ => (Health::Ok, format!("Buildbot {version}")),
        };
        self.add("version", started, told);
        let auth = about.auth.as_deref().unwrap_or("unknown");
        let who = match (&about.user, self.farm.is_signed_in()) {
            (Some(user), _) => (Health::Ok, format!("we are {user}")),
            (None, true) => (Health::Fail, "the session is not accepted: sign in again".to_owned()),
            (None, false) => (Health::Ok, "we are nobody".to_owned()),
        };
        self.add("user", started, (who.0, format!("{} ({auth})", who.1)));
        let (own, ours) = (about.url.unwrap_or_default(), self.farm.master.base().as_str());
        if !own.is_empty() && own.trim_end_matches('/') != ours.trim_end_matches('/') {
            let text = format!("its own URL is {own}, and it was contacted at {ours}");
            self.add("url", started, (Health::Warn, text));
        }
    }

    async fn builders(&mut self) -> bool {
        let started = Instant::now();
        let told = match self.farm.builders().await {
            Ok(builders) => {
                let active = builders.iter().filter(|builder| builder.active).count();
                (Health::Ok, format!("{} builders, {active} of them active", builders.len()))
            }
            Err(error) if error.kind() == crate::error::Kind::NotAllowed => {
                let text = "reading is closed to us: sign in with a user that may";
                (Health::Fail, format!("{text} ({})", with_source(&error)))
            }
            Err(error) => (Health::Fail, with_source(&error)),
        };
        let reads = told.0 == Health::Ok;
        self.add("builders", started, told);
        reads
    }

    async fn pushes(&mut self) {
        let started = Instant::now();
        if let Pushes::Git(source) = &self.ci.pushes {
            let found = async { Ok(source.git().await?.back_from(None, 1).await?) };
            let found: Result<Vec<_>, crate::Error> = found.await;
            let told = match found {
                Ok(pushes) => match pushes.first() {
                    Some(push) => (
                        Health::Ok,
                        format!("by Git: {} of {}", push.revision.short(), self.farm.branch),
                    ),
                    None => (Health::Fail, "the branch is empty".to_owned()),
                },
                Err(error) => (Health::Fail, error.to_string()),
            };
            return self.add("pushes", started, told);
        }
        let branch = &self.farm.branch;
        let found = self.farm.master.newest_changes(branch, None, LOOKED_AT).await;
        let told = match found {
            Err(error) => (Health::Fail, error.to_string()),
            Ok(changes) if changes.is_empty() => (
                Health::Fail,
                format!(
                    "no change of the branch {branch:?} is known: without a change source give the repository pushlog = \"git\" with `url`, or name its `branch`"
                ),
            ),
            Ok(changes) => {
                let mut pushes = self.farm.lineage.allowed(&changes);
                let bases: BTreeSet<&str> =
                    pushes.iter().map(|c| c.stamp.codebase.as_str()).collect();
                let newest = changes.first().map_or(At(0), |c| c.stamp.created.unwrap_or(c.when));
                let age = self.ci.now().since(newest) / 3600;
                match self.farm.saw_codebases(&bases) {
                    Err(error) => (Health::Fail, error.to_string()),
                    Ok(()) => {
                        let newest = format!("the newest change of {branch:?} is {age} h old");
                        match self.farm.lineage.narrow(&mut pushes) {
                            Some(several) => (
                                Health::Warn,
                                format!(
                                    "{newest}; several sources share the branch: {several}; `project` or `repository` in the config says which"
                                ),
                            ),
                            None => (Health::Ok, newest),
                        }
                    }
                }
            }
        };
        self.add("changes", started, told);
    }

    /// Whether the lists are made of what is needed.
    async fn shapes(&mut self) {
        let started = Instant::now();
        let samples = match self.farm.master.samples().await {
            Ok(samples) => samples,
            Err(error) => return self.add("shapes", started, (Health::Fail, error.to_string())),
        };
        let findings: Vec<Finding> = samples.into_iter().flat_map(|s| s.findings).collect();
        let health = match findings.iter().map(Finding::is_broken).max() {
            Some(true) => Health::Fail,
            Some(false) => Health::Warn,
            None => Health::Ok,
        };
        let told: Vec<String> = findings.iter().map(ToString::to_string).collect();
        let detail = match told.as_slice() {
            [] => "reachable, responses valid".to_owned(),
            told => told.join("; "),
        };
        self.add("shapes", started, (health, detail));
        if let Some(check) = self.checks.last_mut() {
            check.findings = findings;
        }
    }

    /// A filter that nothing can fit: whatever comes all the same was not requested.
    async fn filters(&mut self) {
        let started = Instant::now();
        let future = self.ci.now().plus(10 * 365 * 24 * 3600);
        let told = match self.farm.master.builds_since(future, BuildsOf::All).await {
            Ok(listed) if listed.ignored => (
                Health::Warn,
                "filters by time are ignored: more is read than is needed, and left out here"
                    .into(),
            ),
            Ok(_) => (Health::Ok, "honoured".to_owned()),
            Err(error) => (Health::Fail, error.to_string()),
        };
        self.add("filters", started, told);
    }

    async fn forcing(&mut self) {
        let started = Instant::now();
        let (builders, schedulers) =
            match (self.farm.builders().await, self.farm.schedulers().await) {
                (Ok(builders), Ok(schedulers)) => (builders, schedulers),
                (Err(error), _) | (_, Err(error)) => {
                    return self.add("forcing", started, (Health::Fail, with_source(&error)));
                }
            };
        // Any revision does: what matters is whether one can be told at all.
        let any = if self.farm.vcs == Vcs::Svn { "1".to_owned() } else { "0".repeat(40) };
        let Ok(revision) = Revision::new(self.farm.vcs, &any) else { return };
        let mut bare: Vec<&str> = Vec::new();
        let mut unable: Vec<String> = Vec::new();
        let active: Vec<&str> =
            builders.iter().filter(|b| b.active).map(|b| b.name.as_str()).collect();
        for builder in &active {
            match carrier(self.farm, schedulers, builder, &revision) {
                Carrier::Scheduler(_) => {}
                Carrier::Unable(_, error) => unable.push(format!("{builder} ({error})")),
                Carrier::Nobody => bare.push(builder),
            }
        }
        bare.sort_unstable();
        unable.sort_unstable();
        let count = schedulers.len();
        let mut told = Vec::new();
        if !bare.is_empty() {
            told.push(format!("none covers {}", some_of(&bare)));
        }
        if !unable.is_empty() {
            told.push(format!("none can be told what to build of {}", some_of(&unable)));
        }
        let told = match told.as_slice() {
            [] => {
                (Health::Ok, format!("{count} force schedulers carry a revision to every builder"))
            }
            told => (
                Health::Warn,
                format!(
                    "{count} force schedulers; {}: builds there can be repeated, holes not be filled",
                    told.join("; ")
                ),
            ),
        };
        self.add("forcing", started, told);
    }

    /// Builders that wait for ever, or until a worker is started on demand.
    async fn workers(&mut self) {
        let started = Instant::now();
        let Ok(builders) = self.farm.builders().await else { return };
        let mut without: Vec<&str> = Vec::new();
        for builder in builders.iter().filter(|builder| builder.active) {
            if matches!(self.farm.has_worker(&builder.name).await, Ok(false)) {
                without.push(&builder.name);
            }
        }
        without.sort_unstable();
        let told = match without.as_slice() {
            [] => (Health::Ok, "every builder has one that takes builds".to_owned()),
            names => (
                Health::Warn,
                format!(
                    "none takes builds of {} now: what is requested there waits",
                    some_of(names)
                ),
            ),
        };
        self.add("workers", started, told);
    }

    /// No master tells who may force what: it is known when it is tried, and nothing is tried here.
    fn may_force(&mut self) {
        let told = match self.farm.is_signed_in() {
            true => {
                (Health::Ok, "signed in; whether that user may force is known when it is tried")
            }
            false => (
                Health::Warn,
                "nobody is signed in; whether anybody may force is known when it is tried: set BUILDBOT_USER and BUILDBOT_PASSWORD, or BUILDBOT_COOKIE, where it is refused",
            ),
        };
        self.add("acting", Instant::now(), (told.0, told.1.to_owned()));
    }

    /// Whether the builders and fields that the configuration names are there.
    async fn names(&mut self) {
        let started = Instant::now();
        let (Ok(builders), Ok(schedulers)) =
            (self.farm.builders().await, self.farm.schedulers().await)
        else {
            return;
        };
        let known = |name: &str| builders.iter().any(|builder| builder.name == name);
        let mut odd = Vec::new();
        for (test, builds) in &self.farm.build_of {
            let named = std::iter::once(test).chain(builds);
            odd.extend(named.filter(|name| !known(name)).map(|n| format!("build_of: {n:?}")));
        }
        let started_by = self.farm.started.iter().filter(|name| !known(name));
        odd.extend(started_by.map(|name| format!("started_by_build: {name:?}")));
        for (builder, fields) in self.farm.forced_fields() {
            if !known(builder) {
                odd.push(format!("force: {builder:?}"));
                continue;
            }
            let mut covering = schedulers.iter().filter(|s| s.covers(builder)).peekable();
            if covering.peek().is_none() {
                odd.push(format!("force: no force scheduler covers {builder:?}"));
                continue;
            }
            let covering: Vec<_> = covering.collect();
            let unknown = fields.keys().filter(|name| !covering.iter().any(|s| s.has_field(name)));
            odd.extend(unknown.map(|name| format!("force of {builder:?}: no field {name:?}")));
        }
        let told = match odd.is_empty() {
            true => (Health::Ok, "what the config names is there".to_owned()),
            false => {
                (Health::Fail, format!("the config names what is not there: {}", odd.join("; ")))
            }
        };
        self.add("config", started, told);
    }

    async fn events(&mut self) {
        let started = Instant::now();
        let told = match self.farm.master.events().await {
            Ok(events) if events.channel == Channel::WebSocket => {
                (Health::Ok, "over a WebSocket".to_owned())
            }
            Ok(_) => (Health::Warn, "no WebSocket; as server-sent events".to_owned()),
            Err(error) => {
                let text = "neither WebSocket nor server-sent events: --wait polls";
                (Health::Warn, format!("{text} ({error})"))
            }
        };
        self.add("events", started, told);
    }
}

fn with_source(error: &crate::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// The first few of a list, and how many more there are.
fn some_of(names: &[impl AsRef<str>]) -> String {
    let shown: Vec<&str> = names.iter().take(5).map(AsRef::as_ref).collect();
    match names.len().saturating_sub(5) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
