//! Builders, and which build triggers which tests.

use std::collections::{BTreeMap, HashMap};

use super::names::{build_type, is_test, platform, suite};
use crate::chooser::{JobGraph, JobGraphBuilder, NewJob, Problem, Role};

/// A builder, as allthethings.json has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EraBuilder {
    /// What it is called by its scheduler: `mozilla-inbound-linux64-pgo`.
    pub shortname: String,
    /// The branch that it is for.
    pub branch: String,
    /// Its platform, with how it is built as a suffix where that is not the usual way.
    pub platform: Option<String>,
}

/// A scheduler, as allthethings.json has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EraScheduler {
    /// The builders that it starts.
    pub downstream: Vec<String>,
    /// What starts it.
    pub triggered_by: Vec<String>,
}

/// What a test depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Build<'a> {
    /// This builder.
    Builder(&'a str),
    /// Nothing: it is a build itself.
    Itself,
    /// No scheduler starts it, or none that a build triggers.
    NoScheduler,
    /// What triggers its scheduler is not a builder's name.
    NoBuilder(&'a str),
    /// Several schedulers start it, each after another build.
    Several(Vec<&'a str>),
}

/// All builders and schedulers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EraFarm {
    builders: BTreeMap<String, EraBuilder>,
    schedulers: BTreeMap<String, EraScheduler>,
    /// Builds by their short names. Tests may share those.
    by_shortname: HashMap<String, String>,
    /// The schedulers that start a builder.
    starters: HashMap<String, Vec<String>>,
}

/// Endings of what triggers a scheduler that are no part of a build's short name; what stands first is
/// taken off first.
const KINDS: [&str; 3] = ["-opt-unittest", "-unittest", "-talos"];

impl EraFarm {
    /// From what allthethings.json has.
    pub fn new(
        builders: BTreeMap<String, EraBuilder>,
        schedulers: BTreeMap<String, EraScheduler>,
    ) -> Self {
        let builds = builders.iter().filter(|(name, _)| !is_test(name));
        let by_shortname =
            builds.map(|(name, one)| (one.shortname.clone(), name.clone())).collect();
        let mut starters: HashMap<String, Vec<String>> = HashMap::new();
        for (name, scheduler) in &schedulers {
            for builder in &scheduler.downstream {
                starters.entry(builder.clone()).or_default().push(name.clone());
            }
        }
        Self { builders, schedulers, by_shortname, starters }
    }

    /// The builders, by their names.
    pub fn builders(&self) -> &BTreeMap<String, EraBuilder> {
        &self.builders
    }

    /// The builders of a branch.
    pub fn of_branch<'a>(&'a self, branch: &'a str) -> impl Iterator<Item = &'a str> {
        let ours = self.builders.iter().filter(move |(_, one)| one.branch == branch);
        ours.map(|(name, _)| name.as_str())
    }

    /// The build that a test depends on: what triggers its scheduler, without `-unittest` and its like,
    /// and without `-pgo` where no build is called so, is a build's short name.
    pub fn build_of(&self, test: &str) -> Build<'_> {
        if !is_test(test) {
            return Build::Itself;
        }
        let schedulers = self.starters.get(test).map_or(&[][..], Vec::as_slice);
        let mut found: Vec<&str> = Vec::new();
        let mut lost = None;
        for scheduler in schedulers {
            let triggers = self.schedulers.get(scheduler).and_then(|s| s.triggered_by.first());
            let Some(trigger) = triggers else { continue };
            match self.build_called(trigger) {
                Some(build) if !found.contains(&build) => found.push(build),
                Some(_) => {}
                None => lost = Some(trigger.as_str()),
            }
        }
        match (found.as_slice(), lost) {
            ([build], _) => Build::Builder(build),
            ([], Some(trigger)) => Build::NoBuilder(trigger),
            ([], None) => Build::NoScheduler,
            (several, _) => Build::Several(several.to_vec()),
        }
    }

    fn build_called(&self, trigger: &str) -> Option<&str> {
        let kind = KINDS.into_iter().find_map(|kind| trigger.strip_suffix(kind));
        let short = kind.unwrap_or(trigger);
        let named = |short: &str| self.by_shortname.get(short).map(String::as_str);
        named(short).or_else(|| named(short.strip_suffix("-pgo")?))
    }

    /// The tests that a build triggers.
    pub fn tests_of<'a>(&'a self, build: &'a str) -> impl Iterator<Item = &'a str> {
        let tests = self.builders.keys().filter(|name| is_test(name));
        tests.map(String::as_str).filter(move |test| self.build_of(test) == Build::Builder(build))
    }

    /// Every how many pushes a builder runs, where a scheduler says so: one that is called
    /// `tests-…-7-3600` starts its builders every seventh push, or after an hour.
    pub fn every(&self, builder: &str) -> Option<u32> {
        let schedulers = self.starters.get(builder)?;
        let said = schedulers.iter().filter(|name| name.starts_with("tests-")).filter_map(|name| {
            let (rest, seconds) = name.rsplit_once('-')?;
            seconds.parse::<u32>().ok()?;
            rest.rsplit_once('-')?.1.parse::<u32>().ok()
        });
        said.max().filter(|pushes| *pushes > 1)
    }

    /// What can run on a branch; on all of them where none is named.
    pub fn graph(&self, branch: Option<&str>) -> JobGraph {
        let mut graph = JobGraphBuilder::default();
        let ours = self.builders.iter().filter(|(_, one)| branch.is_none_or(|b| one.branch == b));
        for (name, one) in ours {
            let told = one.platform.as_deref();
            let build = self.build_of(name);
            let (above, mut problem) = match &build {
                Build::Builder(build) => (self.builders.get(*build), None),
                Build::Several(builds) => {
                    let builds = builds.iter().map(|build| (*build).to_owned()).collect();
                    (None, Some(Problem::Ambiguous { job: name.clone(), builds }))
                }
                _ => (None, None),
            };
            let test = is_test(name);
            let built = above.unwrap_or(one);
            let own = build_type(name, told, &one.branch);
            // A test of what is built with profiles anyway says `opt` or nothing.
            let build_type = match &build {
                Build::Builder(build) => {
                    build_type(build, built.platform.as_deref(), &built.branch)
                }
                _ => own,
            };
            let shown = told.map(|told| format!("{}/{own}", platform(told)));
            if let Build::NoBuilder(trigger) = &build {
                problem = Some(Problem::Lacks { job: name.clone(), dependency: (*trigger).into() });
            }
            graph.add(&NewJob {
                label: name,
                role: Some(if test { Role::Test } else { Role::Build }),
                kind: Some(if test { "test" } else { "build" }),
                platform: shown.as_deref(),
                build_platform: built.platform.as_deref().map(platform),
                build_type: Some(build_type),
                suite: suite(name),
                build: match &build {
                    Build::Builder(build) => Some(build),
                    _ => None,
                },
                ..NewJob::default()
            });
            problem.into_iter().for_each(|problem| graph.note(problem));
        }
        graph.finish()
    }
}
