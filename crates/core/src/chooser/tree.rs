//! A graph as a try chooser shows it: build types → platforms → builds → the tests on each.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde::ser::SerializeMap;

use super::graph::{Job, Role};

/// What can be built and tested for a platform.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Platform<'a> {
    /// The builds, each with the tests that depend on it.
    pub builds: BTreeMap<&'a str, Vec<&'a str>>,
    /// The suites of all of them, with their chunks.
    pub suites: BTreeSet<&'a str>,
}

impl Serialize for Platform<'_> {
    /// As the graphs.json of 2015 has it: the builds, and beside them `tests`.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.builds.len() + 1))?;
        for (build, tests) in &self.builds {
            map.serialize_entry(build, tests)?;
        }
        map.serialize_entry("tests", &self.suites)?;
        map.end()
    }
}

/// Builds and tests of a graph; what is neither is counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tree<'a> {
    /// By build type, then platform.
    #[serde(flatten)]
    pub types: BTreeMap<&'a str, BTreeMap<&'a str, Platform<'a>>>,
    /// Tests whose build is not known.
    #[serde(skip)]
    pub without_build: Vec<&'a str>,
    /// Jobs that are neither builds nor tests, by kind.
    #[serde(skip)]
    pub others: BTreeMap<&'a str, usize>,
}

impl<'a> Tree<'a> {
    /// Orders some jobs of a graph. A test is shown under its build, also where that itself is not
    /// among them.
    pub fn new(jobs: impl IntoIterator<Item = Job<'a>>) -> Self {
        let mut tree = Self::default();
        for job in jobs {
            match (job.role(), job.build()) {
                (Role::Build, _) => {
                    tree.platform(&job).builds.entry(job.label()).or_default();
                }
                (Role::Test, Some(build)) => {
                    let platform = tree.platform(&job);
                    platform.builds.entry(build).or_default().push(job.label());
                    platform.suites.extend(job.suite_on_platform());
                }
                (Role::Test, None) => tree.without_build.push(job.label()),
                (Role::Other, _) => {
                    *tree.others.entry(job.kind().unwrap_or("other")).or_default() += 1;
                }
            }
        }
        tree
    }

    fn platform(&mut self, job: &Job<'a>) -> &mut Platform<'a> {
        let build_type = job.build_type().unwrap_or("unknown");
        let platform = job.build_platform().unwrap_or("unknown");
        self.types.entry(build_type).or_default().entry(platform).or_default()
    }
}
