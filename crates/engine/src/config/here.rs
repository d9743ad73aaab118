//! What the folder says in which the program runs: a `.mozci.toml`, and the remote of a clone.

use std::path::{Path, PathBuf};

use mozci_clients::git::LocalClone;
use serde::Deserialize;

use crate::config::file::CiConfig;
use crate::error::Error;

/// The name of the file.
const NAME: &str = ".mozci.toml";

/// The largest such file, in bytes.
const LARGEST: u64 = 64 << 10;

/// What a `.mozci.toml` may say: which CI and repository commands mean that are run at or below it. It may say
/// nothing else, since it comes with other people's repositories: no server, no credentials, no command.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Here {
    /// The CI, by its name in the config.
    pub ci: Option<String>,
    /// The repository, by its name in the config.
    pub repo: Option<String>,
}

impl Here {
    /// What the nearest `.mozci.toml` says, in a folder or above it, and where it is.
    ///
    /// # Errors
    /// [`Error::Usage`] for a file that cannot be read.
    pub fn of(folder: &Path) -> Result<Option<(PathBuf, Self)>, Error> {
        let Some(path) = folder.ancestors().map(|at| at.join(NAME)).find(|at| at.is_file()) else {
            return Ok(None);
        };
        let usage = |error: String| Error::Usage(format!("{}: {error}", path.display()));
        let bytes = mozci_clients::files::read(&path, LARGEST).map_err(|e| usage(e.to_string()))?;
        let text = String::from_utf8(bytes).map_err(|error| usage(error.to_string()))?;
        let here = toml::from_str(&text).map_err(|error| {
            usage(format!("{error}  it may have `ci` and `repo`, which name what the config has"))
        })?;
        Ok(Some((path, here)))
    }
}

/// The repository of a CI whose URL is the remote of the clone that a folder is in; none where none is, or several
/// are.
pub fn repo_of_clone(ci: &CiConfig, folder: &Path) -> Option<String> {
    let remote = LocalClone::remote(&LocalClone::around(folder)?)?;
    let mut same = ci.repos.iter().filter(|(_, repo)| {
        let urls = [&repo.url, &repo.repository];
        urls.into_iter().flatten().any(|url| is_same(url, &remote))
    });
    match (same.next(), same.next()) {
        (Some((name, _)), None) => Some(name.clone()),
        _ => None,
    }
}

/// Whether two URLs are of one repository: however they are spelled.
fn is_same(one: &str, other: &str) -> bool {
    let plain = |url: &str| {
        let url = url.trim().trim_end_matches('/').trim_end_matches(".git");
        let url = url.split_once("://").map_or(url, |(_, rest)| rest);
        // `git@host:path` is `host/path`.
        let url = url.rsplit_once('@').map_or(url, |(_, rest)| rest);
        url.replacen(':', "/", 1).to_lowercase()
    };
    let (one, other) = (plain(one), plain(other));
    !one.is_empty() && one == other
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_the_same_however_they_are_spelled() {
        let same = [
            ("https://github.com/a/b", "git@github.com:a/b.git"),
            ("https://hg.example.com/central/", "ssh://me@hg.example.com/central"),
            ("https://Example.com/x", "https://example.com/x.git"),
        ];
        for (one, other) in same {
            assert!(is_same(one, other), "{one} {other}");
        }
        assert!(!is_same("https://github.com/a/b", "https://github.com/a/c"));
        assert!(!is_same("", ""));
    }

    #[test]
    fn a_file_names_what_is_meant_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("a/b");
        std::fs::create_dir_all(&below).unwrap();
        assert_eq!(Here::of(&below).unwrap(), None);
        let path = folder.path().join(NAME);
        std::fs::write(&path, "ci = \"farm\"\nrepo = \"main\"\n").unwrap();
        let (found, here) = Here::of(&below).unwrap().unwrap();
        assert_eq!(found, path);
        assert_eq!((here.ci.as_deref(), here.repo.as_deref()), (Some("farm"), Some("main")));
        std::fs::write(&path, "credentials_command = [\"sh\"]\n").unwrap();
        let refused = Here::of(&below).unwrap_err().to_string();
        assert!(refused.contains("credentials_command"), "{refused}");
    }
}
