//! Which changes of a Buildbot branch are one history: those of one project in one repository that are
//! pushes. Several projects may share a branch's name on one master, and hooks file requests to pull
//! under the branch that they are meant for.

use std::collections::BTreeMap;

use mozci_clients::buildbot::{Change, Stamp};
use parking_lot::Mutex;

use crate::config::RepoConfig;

/// Whose changes are the branch's.
#[derive(Debug)]
pub(crate) struct Lineage {
    project: Option<String>,
    repository: Option<String>,
    codebase: Option<String>,
    category: Option<String>,
    /// The source that was inferred, for as long as the program runs: two answers must not differ.
    inferred: Mutex<Option<Source>>,
}

/// A project in a repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Source {
    /// The project, where changes name one.
    project: String,
    /// The repository, as all its addresses have it.
    repository: String,
}

impl Source {
    fn of(change: &Change) -> Self {
        Self {
            project: change.stamp.project.clone(),
            repository: same_repository(&change.stamp.repository),
        }
    }

    /// In words.
    fn words(&self) -> String {
        match (self.project.as_str(), self.repository.as_str()) {
            ("", "") => "no project and no repository".to_owned(),
            (project, "") => format!("project {project:?}"),
            ("", repository) => format!("repository {repository:?}"),
            (project, repository) => format!("project {project:?} in {repository:?}"),
        }
    }
}

impl Lineage {
    pub(crate) fn new(own: &RepoConfig) -> Self {
        Self {
            project: own.project.clone(),
            repository: own.repository.as_deref().map(same_repository),
            codebase: own.codebase.clone(),
            category: own.category.clone(),
            inferred: Mutex::default(),
        }
    }

    /// Whether the configuration says which source the branch is.
    fn is_said(&self) -> bool {
        self.project.is_some() || self.repository.is_some()
    }

    /// The changes that are pushes as far as the configuration says.
    pub(crate) fn allowed<'a>(&self, changes: &'a [Change]) -> Vec<&'a Change> {
        changes.iter().filter(|change| self.allows(change)).collect()
    }

    fn allows(&self, change: &Change) -> bool {
        let source = Source::of(change);
        // Of codebases each has a repository of its own.
        self.codebase.as_ref().is_none_or(|ours| *ours == change.stamp.codebase)
            && self.project.as_ref().is_none_or(|project| *project == source.project)
            && self.repository.as_ref().is_none_or(|ours| *ours == source.repository)
            && match &self.category {
                Some(category) => change.category.as_ref() == Some(category),
                None => !is_request(change.category.as_deref().unwrap_or_default()),
            }
    }

    /// Keeps the changes of the one source that the branch is taken to be, and says of which it is where
    /// they are of several. Once it was inferred it stays; until then it is the source of the most of these
    /// changes, and of the newest among equals.
    pub(crate) fn narrow(&self, changes: &mut Vec<&Change>) -> Option<String> {
        if self.is_said() {
            return None;
        }
        let mut counts: BTreeMap<Source, (usize, u64)> = BTreeMap::new();
        for change in changes.iter() {
            let entry = counts.entry(Source::of(change)).or_default();
            *entry = (entry.0 + 1, entry.1.max(change.id));
        }
        let most = counts.iter().max_by_key(|(_, count)| **count)?.0;
        let mut inferred = self.inferred.lock();
        let ours = inferred.get_or_insert_with(|| most.clone());
        changes.retain(|change| Source::of(change) == *ours);
        let others: Vec<String> =
            counts.keys().filter(|source| *source != ours).map(Source::words).collect();
        let several = || format!("these are of {}, not of {}", ours.words(), others.join(", "));
        (!others.is_empty()).then(several)
    }

    /// Whether a stamp names another repository than the branch's.
    pub(crate) fn is_foreign(&self, stamp: &Stamp) -> bool {
        let theirs = same_repository(&stamp.repository);
        let inferred = self.inferred.lock();
        let ours = self.repository.as_ref().or(match self.is_said() {
            true => None,
            false => inferred.as_ref().map(|ours| &ours.repository),
        });
        !theirs.is_empty() && ours.is_some_and(|ours| !ours.is_empty() && *ours != theirs)
    }
}

/// Whether a category says that a change is a request to pull or merge, as the hooks of Buildbot's own
/// dialects call them: `pull` (GitHub, Gitea), `pull-created` and the like (Bitbucket),
/// `merge_request` (GitLab).
fn is_request(category: &str) -> bool {
    ["pull", "merge_request"].iter().any(|word| category.starts_with(word))
        // What was merged is a push.
        && category != "pull-fulfilled"
}

/// A repository's address as all its addresses have it: without scheme, user, port and `.git`.
fn same_repository(address: &str) -> String {
    let address = address.trim().trim_end_matches('/');
    let address = address.strip_suffix(".git").unwrap_or(address);
    let (has_scheme, rest) = match address.split_once("://") {
        Some((_, rest)) => (true, rest),
        None => (false, address),
    };
    if rest.starts_with('/') {
        return rest.to_owned();
    }
    let rest = match rest.split_once('@') {
        Some((user, rest)) if !user.contains('/') => rest,
        _ => rest,
    };
    // `host:path` without a scheme, `host:port/path` with one.
    let text = match rest.split_once(':') {
        Some((host, path)) if !has_scheme => format!("{host}/{}", path.trim_start_matches('/')),
        Some((host, port_and_path)) => match port_and_path.split_once('/') {
            // On this machine ports tell servers apart.
            Some(_) if host == "127.0.0.1" || host == "localhost" => rest.to_owned(),
            Some((_, path)) => format!("{host}/{path}"),
            None => rest.to_owned(),
        },
        None => rest.to_owned(),
    };
    match text.split_once('/') {
        Some((host, path)) => format!("{}/{path}", host.to_ascii_lowercase()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mozci_core::time::At;

    fn change(id: u64, project: &str, repository: &str, category: Option<&str>) -> Change {
        Change {
            summary: None,
            id,
            author: "me".into(),
            when: At(0),
            stamp: Stamp {
                project: project.into(),
                repository: repository.into(),
                ..Stamp::default()
            },
            category: category.map(str::to_owned),
        }
    }

    fn lineage(project: Option<&str>, repository: Option<&str>) -> Lineage {
        Lineage {
            project: project.map(str::to_owned),
            repository: repository.map(same_repository),
            codebase: None,
            category: None,
            inferred: Mutex::default(),
        }
    }

    #[test]
    fn addresses_of_one_repository_are_the_same() {
        let same = [
            "https://Example.org/a/b",
            "https://example.org/a/b.git",
            "git@example.org:a/b.git",
            "ssh://git@example.org/a/b",
            "ssh://git@example.org:22/a/b/",
            "git://example.org/a/b",
        ];
        for address in same {
            assert_eq!(same_repository(address), "example.org/a/b", "{address}");
        }
        let others =
            ["https://example.org/a/c", "/src/a/b", "file:///src/a/b", "https://x.example/a/b", ""];
        for address in others {
            assert_ne!(same_repository(address), "example.org/a/b", "{address}");
        }
        assert_eq!(same_repository("file:///src/a"), same_repository("/src/a"));
    }

    #[test]
    fn what_was_inferred_stays() {
        let (a, b) = (change(1, "", "/src/a", None), change(2, "", "/src/b", None));
        let other = change(3, "", "/src/b", None);
        let lineage = lineage(None, None);
        let narrowed = |given: &[&Change]| {
            let mut changes = given.to_vec();
            let several = lineage.narrow(&mut changes);
            (changes.iter().map(|change| change.id).collect::<Vec<_>>(), several)
        };
        assert_eq!(narrowed(&[&a]), (vec![1], None));
        let (kept, several) = narrowed(&[&a, &b, &other]);
        assert_eq!(kept, [1]);
        assert_eq!(
            several.as_deref(),
            Some(r#"these are of repository "/src/a", not of repository "/src/b""#)
        );
        assert!(lineage.is_foreign(&b.stamp) && !lineage.is_foreign(&a.stamp));
        // A stamp that names none may be anybody's.
        assert!(!lineage.is_foreign(&Stamp::default()));
    }

    #[test]
    fn the_configuration_decides_and_requests_to_pull_are_no_pushes() {
        let ours = lineage(None, Some("https://example.org/a/b.git"));
        assert!(ours.allows(&change(1, "x", "git@example.org:a/b", None)));
        assert!(!ours.allows(&change(1, "x", "git@example.org:a/c", None)));
        let ours = lineage(Some("x"), None);
        assert!(ours.allows(&change(1, "x", "anywhere", Some("push"))));
        assert!(!ours.allows(&change(1, "y", "anywhere", None)));
        for category in ["pull", "pull-created", "pull_request", "merge_request"] {
            assert!(!ours.allows(&change(1, "x", "", Some(category))), "{category}");
        }
        assert!(ours.allows(&change(1, "x", "", Some("pull-fulfilled"))));
    }

    #[test]
    fn each_codebase_has_a_repository_of_its_own() {
        let of = |id, codebase: &str, repository| {
            let mut change = change(id, "", repository, None);
            change.stamp.codebase = codebase.into();
            change
        };
        let changes =
            [of(1, "lib", "/src/lib"), of(2, "app", "/src/app"), of(3, "lib", "/src/lib")];
        let ours = Lineage { codebase: Some("app".into()), ..lineage(None, None) };
        let mut allowed = ours.allowed(&changes);
        assert_eq!(allowed.iter().map(|change| change.id).collect::<Vec<_>>(), [2]);
        assert_eq!(ours.narrow(&mut allowed), None);
        assert_eq!(allowed.len(), 1);
    }
}
