//! The pushes of the simulated repositories.

use std::collections::BTreeMap;

use super::random::{For, between, hash, hex40, unit};

/// One commit.
#[derive(Debug, Clone)]
pub struct Commit {
    /// Its Mercurial node.
    pub node: String,
    /// Its Git name, where the pushlog knows it.
    pub git: Option<String>,
    /// Its Git name, where it landed there: Lando knows it at once.
    pub landed: Option<String>,
    /// Who wrote it.
    pub author: String,
    /// Its message.
    pub message: String,
    /// The files it touches.
    pub files: Vec<String>,
    /// Its parents' nodes; two for a merge.
    pub parents: Vec<String>,
}

/// One push.
#[derive(Debug, Clone)]
pub struct SimPush {
    /// Its number in the pushlog.
    pub id: u64,
    /// Its number in Treeherder.
    pub treeherder_id: u64,
    /// Who pushed.
    pub user: String,
    /// When, in seconds.
    pub date: i64,
    /// Its commits, the head last.
    pub commits: Vec<Commit>,
    /// The push that it backs out.
    pub backs_out: Option<u32>,
}

impl SimPush {
    /// The head's node.
    pub fn node(&self) -> &str {
        self.commits.last().map_or("", |commit| &commit.node)
    }
}

/// A repository's pushes, oldest first.
#[derive(Debug, Clone, Default)]
pub struct RepoHistory {
    /// The last part of its path: `autoland`.
    pub name: String,
    /// Its path on the Mercurial server.
    pub path: String,
    /// Its pushes.
    pub pushes: Vec<SimPush>,
    nodes: BTreeMap<String, u32>,
}

impl RepoHistory {
    /// A repository with these pushes.
    pub fn new(name: &str, path: &str, pushes: Vec<SimPush>) -> Self {
        let nodes = pushes.iter().enumerate().flat_map(|(i, push)| {
            push.commits.iter().map(move |commit| (commit.node.clone(), i as u32))
        });
        Self { name: name.to_owned(), path: path.to_owned(), nodes: nodes.collect(), pushes }
    }

    /// The pushes with a commit whose node begins so, without doubles.
    pub fn by_prefix(&self, prefix: &str) -> Vec<u32> {
        let mut found: Vec<u32> = self
            .nodes
            .range(prefix.to_owned()..)
            .take_while(|(node, _)| node.starts_with(prefix))
            .map(|(_, push)| *push)
            .collect();
        found.dedup();
        found
    }

    /// The push with this number.
    pub fn by_id(&self, id: u64) -> Option<u32> {
        self.pushes.binary_search_by_key(&id, |push| push.id).ok().map(|i| i as u32)
    }
}

const PEOPLE: [&str; 8] =
    ["brook", "emil", "nika", "sfink", "kmills", "dmitri", "asuth", "jcristau"];

/// Makes `count` pushes of autoland, the last of them about at `newest` (seconds), ten minutes
/// apart on average. `backouts` says which pushes back out which.
pub(crate) fn autoland(
    seed: u64,
    count: u32,
    newest: i64,
    backouts: &BTreeMap<u32, u32>,
) -> RepoHistory {
    let mut pushes: Vec<SimPush> = Vec::with_capacity(count as usize);
    let mut parent = "0".repeat(40);
    for i in 0..count {
        let draw = |what: For| [what as u64, u64::from(i)];
        let user = PEOPLE[hash(seed, &draw(For::Author)) as usize % PEOPLE.len()];
        // Dates are not monotonic: about one push in thirty lands "before" its predecessor.
        let jitter = between(seed, &draw(For::Spacing), -330, 330);
        let date = newest - i64::from(count - 1 - i) * 600 + jitter;
        let backs_out = backouts.get(&i).copied();
        let is_merge = backs_out.is_none() && i > 0 && i % 47 == 23;
        let size =
            if backs_out.is_some() || is_merge { 1 } else { between(seed, &draw(For::Size), 1, 4) };
        let mut commits = Vec::new();
        for c in 0..size {
            let parts = [For::Commit as u64, u64::from(i), c as u64];
            let node = hex40(seed, &parts);
            let bug = 1_800_000 + i;
            let message = match backs_out {
                Some(bad) => {
                    // Every changeset is named, as vct and Lando do.
                    let named = pushes[bad as usize].commits.iter();
                    let named: String = named
                        .map(|c| format!("\nBacked out changeset {}", &c.node[..12]))
                        .collect();
                    format!(
                        "Revert \"Bug {}\" for causing test failures. CLOSED TREE\n{named}",
                        1_800_000 + bad,
                    )
                }
                None if is_merge => "Merge mozilla-central to autoland. CLOSED TREE".to_owned(),
                None => format!("Bug {bug} - Part {}: simulated change. r=reviewer", c + 1),
            };
            let mut parents = vec![parent.clone()];
            if is_merge {
                parents.push(hex40(seed, &[For::Commit as u64, 1 << 40, u64::from(i)]));
            }
            // Merges and backouts are made in Mercurial and have no name in Git; nor has, now and
            // then, a change whose mirroring lags.
            let mirrored = unit(seed, &[For::Git as u64, u64::from(i), c as u64]) < 0.9;
            let landed = (!is_merge && backs_out.is_none())
                .then(|| hex40(seed, &[For::Git as u64, 1, u64::from(i), c as u64]));
            commits.push(Commit {
                git: landed.clone().filter(|_| mirrored),
                landed,
                author: format!("{user} <{user}@mozilla.example>"),
                message,
                files: vec![format!("dom/group-{}/file-{c}.cpp", i % 18)],
                parents,
                node: node.clone(),
            });
            parent = node;
        }
        let user = if backs_out.is_some() { "sheriff" } else { user };
        pushes.push(SimPush {
            // The numbers pass from three digits to four, since they are served as strings, and
            // have a gap, since the pushlog promises none.
            id: 980 + u64::from(i) + u64::from(i > count / 3),
            treeherder_id: 500_000 + u64::from(i) * 7 + hash(seed, &draw(For::Plant)) % 3,
            user: format!("{user}@mozilla.example"),
            date,
            commits,
            backs_out,
        });
    }
    RepoHistory::new("autoland", "integration/autoland", pushes)
}

/// Pushes of autoland that are merged at once.
pub(crate) const MERGED: u32 = 25;

/// Makes the pushes of mozilla-central, each of which merges some of autoland's: by a merge commit, or by
/// taking autoland's head as it is.
pub(crate) fn central(seed: u64, autoland: &RepoHistory, as_it_is: bool) -> RepoHistory {
    let mut pushes = Vec::new();
    for (i, merged) in autoland.pushes.chunks_exact(MERGED as usize).enumerate() {
        let mut commits: Vec<Commit> =
            merged.iter().flat_map(|push| push.commits.iter().cloned()).collect();
        let last = &merged[MERGED as usize - 1];
        let merge = Commit {
            node: hex40(seed, &[For::Commit as u64, 2 << 40, i as u64]),
            git: None,
            landed: None,
            author: "sheriff <sheriff@mozilla.example>".to_owned(),
            message: "Merge autoland to mozilla-central. a=merge".to_owned(),
            files: Vec::new(),
            parents: vec![
                hex40(seed, &[For::Commit as u64, 3 << 40, i as u64]),
                last.node().to_owned(),
            ],
        };
        commits.extend((!as_it_is).then_some(merge));
        pushes.push(SimPush {
            id: 41 + i as u64,
            treeherder_id: 900_000 + i as u64,
            user: "sheriff@mozilla.example".to_owned(),
            date: last.date + 3600,
            commits,
            backs_out: None,
        });
    }
    RepoHistory::new("mozilla-central", "mozilla-central", pushes)
}
