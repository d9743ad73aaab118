//! How a graph is made from what a source tells of each job.

use std::collections::HashMap;

use super::checks::{Problem, problems};
use super::graph::{Entry, JobGraph, Role};
use super::words::{Interner, Word};

/// What a source tells of a job.
#[derive(Debug, Clone, Default)]
pub struct NewJob<'a> {
    /// Its label.
    pub label: &'a str,
    /// What part it has, where the source says so; else it follows from the rest.
    pub role: Option<Role>,
    /// Its kind.
    pub kind: Option<&'a str>,
    /// What it runs on, with the build type.
    pub platform: Option<&'a str>,
    /// The platform that is built for.
    pub build_platform: Option<&'a str>,
    /// The build type.
    pub build_type: Option<&'a str>,
    /// The suite.
    pub suite: Option<&'a str>,
    /// The variant.
    pub variant: Option<&'a str>,
    /// The tier.
    pub tier: Option<u8>,
    /// The build that it depends on, where the source says so.
    pub build: Option<&'a str>,
    /// What it waits for.
    pub dependencies: Vec<&'a str>,
    /// The manifests that it runs, where the source tells.
    pub manifests: Option<Vec<&'a str>>,
    /// Whether it is chosen without anybody asking, where the source tells.
    pub by_default: Option<bool>,
}

/// Takes jobs in.
#[derive(Debug, Default)]
pub struct JobGraphBuilder {
    words: Interner,
    jobs: Vec<Entry>,
    lists: Vec<Vec<Word>>,
    known: HashMap<Vec<Word>, u32>,
    problems: Vec<Problem>,
}

impl JobGraphBuilder {
    /// Takes a job in.
    pub fn add(&mut self, job: &NewJob<'_>) {
        let words = &mut self.words;
        let mut word = |text: Option<&str>| text.map(|text| words.word(text));
        let build = job.build.or_else(|| pick_build(job.dependencies.iter().copied()));
        let role = job.role.unwrap_or(match job.kind {
            Some("build") => Role::Build,
            Some("test") => Role::Test,
            _ if job.suite.is_some() && build.is_some() => Role::Test,
            _ => Role::Other,
        });
        let entry = Entry {
            label: word(Some(job.label)).unwrap_or_default(),
            role,
            kind: word(job.kind),
            platform: word(job.platform),
            build_platform: word(job.build_platform),
            build_type: word(job.build_type),
            suite: word(job.suite),
            variant: word(job.variant),
            build: word(build),
            tier: job.tier,
            manifests: None,
            dependencies: None,
            by_default: job.by_default,
        };
        let manifests = job.manifests.as_ref().map(|manifests| self.list(manifests));
        let dependencies =
            Some(self.list(&job.dependencies)).filter(|_| !job.dependencies.is_empty());
        self.jobs.push(Entry { manifests, dependencies, ..entry });
    }

    /// Notes what the source itself leaves open.
    pub fn note(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    fn list(&mut self, texts: &[&str]) -> u32 {
        let list: Vec<Word> = texts.iter().map(|text| self.words.word(text)).collect();
        if let Some(place) = self.known.get(&list) {
            return *place;
        }
        let place = self.lists.len() as u32;
        self.lists.push(list.clone());
        self.known.insert(list, place);
        place
    }

    /// The graph. Of several jobs with one label the last counts.
    pub fn finish(self) -> JobGraph {
        let Self { words, mut jobs, lists, problems: noted, .. } = self;
        let words = words.into_words();
        // The last of a label comes first, and is kept.
        jobs.reverse();
        jobs.sort_by(|a, b| words.get(a.label).cmp(words.get(b.label)));
        jobs.dedup_by_key(|entry| entry.label);
        let mut graph = JobGraph { words, jobs, lists, problems: Vec::new() };
        graph.problems = noted.into_iter().chain(problems(&graph)).collect();
        graph
    }
}

/// Of several dependencies the build is the one that is called so. There may be others: images,
/// toolchains, the decision task, or the action that created a task.
pub fn pick_build<'a>(labels: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    labels.filter(|label| label.starts_with("build-")).min_by_key(|label| (label.len(), *label))
}
