//! Everything that can run on a push.

use std::collections::{BTreeSet, HashSet};

use serde::{Deserialize, Serialize};

use super::checks::Problem;
use super::words::{Word, Words};
use crate::filter::{Facets, JobFilter};

/// What part a job has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Makes what others run on.
    Build,
    /// Tests a build.
    Test,
    /// Anything else: lints, images, toolchains.
    Other,
}

/// Everything that can run on a push, in the order of the labels. Made by
/// [`JobGraphBuilder`](super::JobGraphBuilder).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobGraph {
    pub(super) words: Words,
    pub(super) jobs: Vec<Entry>,
    /// Lists that jobs share: manifests, dependencies.
    pub(super) lists: Vec<Vec<Word>>,
    pub(super) problems: Vec<Problem>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) label: Word,
    pub(super) role: Role,
    pub(super) kind: Option<Word>,
    pub(super) platform: Option<Word>,
    pub(super) build_platform: Option<Word>,
    pub(super) build_type: Option<Word>,
    pub(super) suite: Option<Word>,
    pub(super) variant: Option<Word>,
    pub(super) build: Option<Word>,
    pub(super) tier: Option<u8>,
    /// None where nobody tells which manifests it runs.
    pub(super) manifests: Option<u32>,
    pub(super) dependencies: Option<u32>,
    pub(super) by_default: Option<bool>,
}

impl JobGraph {
    /// How many jobs there are.
    pub fn len(&self) -> usize {
        self.jobs.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// The jobs, in the order of their labels.
    pub fn jobs(&self) -> impl Iterator<Item = Job<'_>> {
        self.jobs.iter().map(|entry| Job { graph: self, entry })
    }

    /// The labels, in their order.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        self.jobs.iter().map(|entry| self.words.get(entry.label))
    }

    /// A job by its label.
    pub fn get(&self, label: &str) -> Option<Job<'_>> {
        let found = self.jobs.binary_search_by(|entry| self.words.get(entry.label).cmp(label));
        found.ok().map(|place| Job { graph: self, entry: &self.jobs[place] })
    }

    /// Notes which labels were chosen for the push without anybody asking.
    pub fn note_chosen(&mut self, chosen: &[String]) {
        let chosen: HashSet<&str> = chosen.iter().map(String::as_str).collect();
        for entry in &mut self.jobs {
            entry.by_default = Some(chosen.contains(self.words.get(entry.label)));
        }
    }

    /// What is wrong with the graph itself.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The jobs that a filter means, and that run one of these manifests where any are named.
    pub fn select<'a, 'b>(
        &'a self,
        filter: &'b JobFilter,
        manifests: Option<&'b [&'b str]>,
    ) -> impl Iterator<Item = Job<'a>> + use<'a, 'b> {
        let runs = move |job: &Job<'_>| match manifests {
            None => true,
            Some(wanted) => job.manifests().is_some_and(|mut all| all.any(|m| wanted.contains(&m))),
        };
        self.jobs().filter(|job| filter.asks_for(&job.facets())).filter(runs)
    }

    /// Every manifest that some job runs.
    pub fn manifests(&self) -> BTreeSet<&str> {
        let mut lists: Vec<u32> = self.jobs.iter().filter_map(|entry| entry.manifests).collect();
        lists.sort_unstable();
        lists.dedup();
        let words = lists.into_iter().filter_map(|list| self.lists.get(list as usize)).flatten();
        words.map(|word| self.words.get(*word)).collect()
    }
}

/// One job of a graph.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    graph: &'a JobGraph,
    entry: &'a Entry,
}

impl<'a> Job<'a> {
    fn word(&self, word: Option<Word>) -> Option<&'a str> {
        word.map(|word| self.graph.words.get(word))
    }

    fn list(&self, list: Option<u32>) -> Option<&'a [Word]> {
        self.graph.lists.get(list? as usize).map(Vec::as_slice)
    }

    /// Its label.
    pub fn label(&self) -> &'a str {
        self.graph.words.get(self.entry.label)
    }

    /// What part it has.
    pub fn role(&self) -> Role {
        self.entry.role
    }

    /// Its kind, where somebody tells.
    pub fn kind(&self) -> Option<&'a str> {
        self.word(self.entry.kind)
    }

    /// What it runs on, with the build type: `linux2404-64/opt`.
    pub fn platform(&self) -> Option<&'a str> {
        self.word(self.entry.platform)
    }

    /// The platform that is built for: `linux64`. That of a test is its build's.
    pub fn build_platform(&self) -> Option<&'a str> {
        self.word(self.entry.build_platform)
    }

    /// `opt`, `debug`, `pgo`.
    pub fn build_type(&self) -> Option<&'a str> {
        self.word(self.entry.build_type)
    }

    /// The suite of a test.
    pub fn suite(&self) -> Option<&'a str> {
        self.word(self.entry.suite)
    }

    /// The suite with the chunk and the variant, as try choosers list it: what stands behind platform
    /// and build type in the label, else the suite.
    pub fn suite_on_platform(&self) -> Option<&'a str> {
        let label = self.label();
        let by_label = self.platform().and_then(|platform| {
            let rest = &label[label.find(platform)? + platform.len()..];
            rest.strip_prefix('-')
        });
        by_label.or_else(|| self.suite())
    }

    /// The variant that it is run in: `fission`, `headless`.
    pub fn variant(&self) -> Option<&'a str> {
        self.word(self.entry.variant)
    }

    /// Treeherder's tier.
    pub fn tier(&self) -> Option<u8> {
        self.entry.tier
    }

    /// The build that it depends on.
    pub fn build(&self) -> Option<&'a str> {
        self.word(self.entry.build)
    }

    /// The manifests that it runs; none where nobody tells.
    pub fn manifests(&self) -> Option<impl Iterator<Item = &'a str> + use<'a>> {
        let graph = self.graph;
        Some(self.list(self.entry.manifests)?.iter().map(|word| graph.words.get(*word)))
    }

    /// What it waits for.
    pub fn dependencies(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let graph = self.graph;
        let words = self.list(self.entry.dependencies).unwrap_or_default();
        words.iter().map(|word| graph.words.get(*word))
    }

    /// Whether it was chosen for the push without anybody requesting it; none where nobody tells.
    pub fn by_default(&self) -> Option<bool> {
        self.entry.by_default
    }

    /// What filters go by.
    pub fn facets(&self) -> Facets<'a> {
        Facets {
            label: self.label(),
            kind: self.kind(),
            role: Some(self.role()),
            platform: self.platform(),
            suite: self.suite(),
            tier: self.tier(),
        }
    }
}
