//! What another push can run that this one cannot, and the other way round.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use super::graph::{Job, JobGraph};

/// A job that has another label now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Renamed<'a> {
    /// Its label before.
    pub from: &'a str,
    /// Its label now.
    pub to: &'a str,
}

/// How two graphs differ.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Comparison<'a> {
    /// Jobs that are new.
    pub added: Vec<&'a str>,
    /// Jobs that are gone.
    pub gone: Vec<&'a str>,
    /// Jobs that are called otherwise: what they run is the same, and no other job is like them.
    pub renamed: Vec<Renamed<'a>>,
}

/// How the newer graph differs from the older. A job is taken for a renamed one where exactly one that
/// is gone and one that is new are alike: in kind, build type, variant, chunk and suite on another
/// platform, or in platform and manifests.
pub fn compare<'a>(old: &'a JobGraph, new: &'a JobGraph) -> Comparison<'a> {
    let mut gone: Vec<Job<'a>> = old.jobs().filter(|job| new.get(job.label()).is_none()).collect();
    let mut added: Vec<Job<'a>> = new.jobs().filter(|job| old.get(job.label()).is_none()).collect();
    // A platform that both have was not renamed: there a chunk came or went.
    let platforms = |graph: &'a JobGraph| -> HashSet<&'a str> {
        graph.jobs().filter_map(|job| job.platform()).collect()
    };
    let (before, now) = (platforms(old), platforms(new));
    let mut renamed = pair(&mut gone, &mut added, |job| {
        let platform = job.platform()?;
        if before.contains(platform) && now.contains(platform) {
            return None;
        }
        let rest = job.suite_on_platform()?;
        Some(format!("{:?} {:?} {rest}", job.kind(), job.build_type()))
    });
    renamed.extend(pair(&mut gone, &mut added, |job| {
        let mut manifests: Vec<&str> = job.manifests()?.collect();
        manifests.sort_unstable();
        let whole = manifests.join("\n");
        (!whole.is_empty())
            .then(|| format!("{:?} {:?} {:?} {whole}", job.kind(), job.platform(), job.variant()))
    }));
    renamed.sort_by_key(|renamed| renamed.from);
    let labels = |jobs: Vec<Job<'a>>| jobs.into_iter().map(|job| job.label()).collect();
    Comparison { added: labels(added), gone: labels(gone), renamed }
}

/// Takes out the pairs that are alike and like no other.
fn pair<'a>(
    gone: &mut Vec<Job<'a>>,
    added: &mut Vec<Job<'a>>,
    likeness: impl Fn(&Job<'a>) -> Option<String>,
) -> Vec<Renamed<'a>> {
    let mut alike: HashMap<String, (Vec<&'a str>, Vec<&'a str>)> = HashMap::new();
    for job in gone.iter() {
        if let Some(key) = likeness(job) {
            alike.entry(key).or_default().0.push(job.label());
        }
    }
    for job in added.iter() {
        if let Some(sides) = likeness(job).and_then(|key| alike.get_mut(&key)) {
            sides.1.push(job.label());
        }
    }
    let pairs: Vec<Renamed<'a>> = alike
        .values()
        .filter_map(|sides| match (sides.0.as_slice(), sides.1.as_slice()) {
            ([from], [to]) => Some(Renamed { from, to }),
            _ => None,
        })
        .collect();
    let paired: HashSet<&str> = pairs.iter().flat_map(|pair| [pair.from, pair.to]).collect();
    gone.retain(|job| !paired.contains(job.label()));
    added.retain(|job| !paired.contains(job.label()));
    pairs
}
