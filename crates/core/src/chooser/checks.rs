//! What is wrong with a graph itself.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::graph::JobGraph;

/// Something that a graph should not have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Problem {
    /// A job waits for one that the graph does not have.
    Lacks {
        /// The job.
        job: String,
        /// What it waits for.
        dependency: String,
    },
    /// Jobs wait for one another.
    Cycle {
        /// Each waits for the next, the last for the first.
        jobs: Vec<String>,
    },
    /// Several builds are said to be the one that a job depends on.
    Ambiguous {
        /// The job.
        job: String,
        /// The builds.
        builds: Vec<String>,
    },
    /// There are more that are not listed.
    More {
        /// How many.
        count: usize,
    },
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Lacks { job, dependency } => {
                write!(f, "{job} waits for {dependency}, which the graph does not have")
            }
            Self::Cycle { jobs } => {
                write!(f, "these wait for one another: {}", jobs.join(" → "))
            }
            Self::More { count } => write!(f, "{count} more of the kind are not listed"),
            Self::Ambiguous { job, builds } => {
                write!(
                    f,
                    "{job} may depend on any of {}: its build is not known",
                    builds.join(", ")
                )
            }
        }
    }
}

/// Problems of one kind that are kept at the most: a graph with more is broken as a whole.
const MOST: usize = 100;

/// What every graph is looked through for.
pub(super) fn problems(graph: &JobGraph) -> Vec<Problem> {
    let place: HashMap<&str, usize> = graph.labels().zip(0..).collect();
    let mut lacks = Vec::new();
    let mut edges: Vec<Vec<usize>> = Vec::with_capacity(graph.len());
    for job in graph.jobs() {
        let mut known = Vec::new();
        for dependency in job.dependencies() {
            match place.get(dependency) {
                Some(place) => known.push(*place),
                None => lacks.push((job.label(), dependency)),
            }
        }
        edges.push(known);
    }
    let labels: Vec<&str> = graph.labels().collect();
    let mut found: Vec<Problem> = lacks
        .iter()
        .take(MOST)
        .map(|(job, dependency)| Problem::Lacks {
            job: (*job).to_owned(),
            dependency: (*dependency).to_owned(),
        })
        .collect();
    found.extend(more(lacks.len()));
    let cycles = cycles(&edges);
    found.extend(cycles.iter().take(MOST).map(|places| Problem::Cycle {
        jobs: places.iter().map(|place| labels[*place].to_owned()).collect(),
    }));
    found.extend(more(cycles.len()));
    found
}

/// That there are more than can be listed.
fn more(count: usize) -> Option<Problem> {
    let count = count.checked_sub(MOST).filter(|count| *count > 0)?;
    Some(Problem::More { count })
}

/// Circles that the jobs go in, each followed by one that it waits for; at least one wherever there is
/// any.
fn cycles(edges: &[Vec<usize>]) -> Vec<Vec<usize>> {
    #[derive(Clone, Copy, PartialEq)]
    enum Seen {
        No,
        OnPath,
        Done,
    }
    let mut seen = vec![Seen::No; edges.len()];
    let mut found = Vec::new();
    for start in 0..edges.len() {
        if seen[start] != Seen::No {
            continue;
        }
        // Without recursion: a chain may be as long as the graph.
        let mut path = vec![(start, 0)];
        seen[start] = Seen::OnPath;
        while let Some((at, next)) = path.last_mut() {
            let Some(to) = edges[*at].get(*next).copied() else {
                seen[*at] = Seen::Done;
                path.pop();
                continue;
            };
            *next += 1;
            match seen[to] {
                Seen::Done => {}
                Seen::No => {
                    seen[to] = Seen::OnPath;
                    path.push((to, 0));
                }
                Seen::OnPath => {
                    let places = path.iter().map(|(place, _)| *place);
                    found.push(places.skip_while(|place| *place != to).collect());
                }
            }
        }
    }
    found
}
