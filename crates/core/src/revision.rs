//! Whatever a user has at hand to name a push with.

use std::fmt;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use url::Url;

use crate::ids::TaskId;

/// A revision as it was typed or pasted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RevisionSpec {
    /// The newest push.
    Tip,
    /// A push by its number in the pushlog.
    Id(u64),
    /// A changeset of either system, whole or shortened, in lower case.
    Hash(String),
    /// A task; its push is the one that it ran for.
    Task {
        /// The task.
        task: TaskId,
        /// The host and port of the link that named it, if it was one.
        host: Option<String>,
        /// The repository's name in the link, if it has one.
        repo: Option<String>,
    },
    /// A build of a Buildbot master's; its push is the one that it ran for.
    Build {
        /// The link's host and port.
        host: String,
        /// Which build.
        which: BuildName,
    },
    /// A revision of a repository that was named along with it, as links do.
    InRepo {
        /// The link's host and port.
        host: String,
        /// The repository's name in the link.
        repo: String,
        /// The revision, whole or shortened.
        hash: String,
    },
}

/// How a link names a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuildName {
    /// By its own id.
    Id(u64),
    /// By its number on a builder, which is named by its id or name.
    Of {
        /// The builder.
        builder: String,
        /// The number.
        number: u64,
    },
    /// By the id of the request that it carries out.
    Request(u64),
}

impl fmt::Display for BuildName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "build {id}"),
            Self::Of { builder, number } => write!(f, "build {number} of builder {builder}"),
            Self::Request(id) => write!(f, "build request {id}"),
        }
    }
}

/// A revision that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RevisionError {
    /// Nothing that any of the forms fits.
    #[error(
        "{0:?} is not a revision: give `tip`, a hash of 4 to 40 hexadecimal digits, a push id, a task id, or a URL of Treeherder, Taskcluster or a Buildbot build"
    )]
    Form(String),
    /// A link that names neither a revision nor a task.
    #[error(
        "{0} names no push: a Treeherder link needs `revision=` or `selectedTaskRun=`, a Taskcluster link `/tasks/<id>`, a Buildbot link `#/builders/<id>/builds/<number>`"
    )]
    Url(String),
}

impl FromStr for RevisionSpec {
    type Err = RevisionError;

    /// Digits alone are a push id, unless there are twelve of them or `rev:` stands before.
    fn from_str(text: &str) -> Result<Self, RevisionError> {
        let text = text.trim();
        let error = || RevisionError::Form(text.chars().take(120).collect());
        if text == "tip" {
            return Ok(Self::Tip);
        }
        if let Some(hash) = text.strip_prefix("rev:") {
            return hash_of(hash).map(Self::Hash).ok_or_else(error);
        }
        if text.contains("://") {
            return from_url(text);
        }
        if text.bytes().all(|b| b.is_ascii_digit()) && text.len() < 12 {
            return text.parse().map(Self::Id).map_err(|_| error());
        }
        if let Some(hash) = hash_of(text) {
            return Ok(Self::Hash(hash));
        }
        text.parse().map(|task| Self::Task { task, host: None, repo: None }).map_err(|_| error())
    }
}

impl fmt::Display for RevisionSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tip => f.write_str("tip"),
            Self::Id(id) => write!(f, "push {id}"),
            Self::Hash(hash) => f.write_str(hash),
            Self::Task { task, .. } => write!(f, "task {task}"),
            Self::Build { which, .. } => which.fmt(f),
            Self::InRepo { repo, hash, .. } => write!(f, "{hash} of {repo}"),
        }
    }
}

fn hash_of(text: &str) -> Option<String> {
    let fits = (4..=40).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
    fits.then(|| text.to_ascii_lowercase())
}

fn from_url(text: &str) -> Result<RevisionSpec, RevisionError> {
    let error = || RevisionError::Url(text.chars().take(200).collect());
    let url = Url::parse(text).map_err(|_| error())?;
    if let Some(build) = buildbot_build(&url) {
        return Ok(build);
    }
    let url = page_of(url).ok_or_else(error)?;
    let host = host_of(&url).ok_or_else(error)?;
    let segments: Vec<&str> = url.path_segments().map(Iterator::collect).unwrap_or_default();
    match segments.as_slice() {
        ["tasks", "groups", id, ..] | ["tasks", id, ..] => {
            let task = id.parse().map_err(|_| error())?;
            return Ok(RevisionSpec::Task { task, host: Some(host), repo: None });
        }
        [repo @ .., "rev", hash] if !repo.is_empty() => {
            let hash = hash_of(hash).ok_or_else(error)?;
            let repo = repo[repo.len() - 1].to_owned();
            return Ok(RevisionSpec::InRepo { host, repo, hash });
        }
        _ => {}
    }
    let value = |key: &str| {
        url.query_pairs().find(|(name, _)| name == key).map(|(_, value)| value.into_owned())
    };
    let repo = value("repo");
    let of = |key: &str| {
        let hash = value(key).and_then(|hash| hash_of(&hash))?;
        Some(RevisionSpec::InRepo { host: host.clone(), repo: repo.clone()?, hash })
    };
    let selected = || {
        let task = value("selectedTaskRun").or_else(|| value("selectedJob"))?;
        let task = task.get(..22)?.parse().ok()?;
        Some(RevisionSpec::Task { task, host: Some(host.clone()), repo: repo.clone() })
    };
    // A page of one push is of that push. Of a range of pushes the selected run's is meant.
    of("revision").or_else(selected).or_else(|| of("tochange")).ok_or_else(error)
}

/// A build by its page's link, `#/builders/ID/builds/NUMBER` (older masters leave the first slash
/// out), by its request's, `#/buildrequests/ID`, or by the data API's. Names come as links have them,
/// percent-encoded.
fn buildbot_build(url: &Url) -> Option<RevisionSpec> {
    let fragment = url.fragment().map(|fragment| fragment.trim_start_matches('/'));
    let path = url.path();
    let api = path.find("/api/v2/").map(|at| &path[at + "/api/v2/".len()..]);
    let place = fragment.filter(|fragment| fragment.starts_with("build")).or(api)?;
    let place = place.split('?').next().unwrap_or(place);
    let parts: Vec<&str> = place.split('/').collect();
    let number = |text: &str| text.parse::<u64>().ok();
    let which = match parts.as_slice() {
        ["builders", builder, "builds", of, ..] => {
            let builder = percent_decode_str(builder).decode_utf8().ok()?.into_owned();
            BuildName::Of { builder, number: number(of)? }
        }
        ["builds", id, ..] => BuildName::Id(number(id)?),
        ["buildrequests", id, ..] => BuildName::Request(number(id)?),
        _ => return None,
    };
    Some(RevisionSpec::Build { host: host_of(url)?, which })
}

/// The page that a link means: older Treeherder links carry everything after `#/`.
pub fn page_of(url: Url) -> Option<Url> {
    match url.fragment().filter(|fragment| fragment.starts_with('/')) {
        Some(fragment) => url.join(fragment).ok(),
        None => Some(url),
    }
}

/// A URL's host with its port, by which two servers on one machine are told apart.
pub fn host_of(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    Some(match url.port_or_known_default() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        let hash = "de9b0e960ced72f6416b8526b9c99d4feaf363ce";
        let task = |host: Option<&str>| RevisionSpec::Task {
            task: "ElYTlGDVRui7j4JtKcd8-Q".parse().unwrap(),
            host: host.map(String::from),
            repo: None,
        };
        let tc = task(Some("tc.example.com:443"));
        let cases = [
            ("tip", RevisionSpec::Tip),
            ("1016", RevisionSpec::Id(1016)),
            ("rev:1016", RevisionSpec::Hash("1016".into())),
            ("123456789012", RevisionSpec::Hash("123456789012".into())),
            ("DE9B0E960CED", RevisionSpec::Hash("de9b0e960ced".into())),
            (hash, RevisionSpec::Hash(hash.into())),
            ("ElYTlGDVRui7j4JtKcd8-Q", task(None)),
            ("https://tc.example.com/tasks/ElYTlGDVRui7j4JtKcd8-Q/runs/0", tc.clone()),
            ("https://tc.example.com/tasks/groups/ElYTlGDVRui7j4JtKcd8-Q", tc),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        for rest in [
            "jobs?repo=autoland&selectedTaskRun=ElYTlGDVRui7j4JtKcd8-Q.0",
            "#/jobs?repo=autoland&selectedTaskRun=ElYTlGDVRui7j4JtKcd8-Q-0",
            // The page shows pushes up to another one.
            "jobs?repo=autoland&fromchange=aaaa0000aaaa&tochange=bbbb0000bbbb&selectedTaskRun=ElYTlGDVRui7j4JtKcd8-Q.0",
        ] {
            let expected = RevisionSpec::Task {
                task: "ElYTlGDVRui7j4JtKcd8-Q".parse().unwrap(),
                host: Some("th.example.com:81".into()),
                repo: Some("autoland".into()),
            };
            assert_eq!(format!("http://th.example.com:81/{rest}").parse(), Ok(expected), "{rest}");
        }
        let of = |builder: &str| BuildName::Of { builder: builder.into(), number: 12 };
        for (link, which) in [
            ("https://ci.example.com/all/#/builders/3/builds/12", of("3")),
            ("https://ci.example.com/#builders/linux/builds/12/steps/2", of("linux")),
            (
                "https://ci.example.com/#/builders/AMD64%20Arch%20%2B%20x/builds/12",
                of("AMD64 Arch + x"),
            ),
            ("https://ci.example.com/x/api/v2/builders/3/builds/12", of("3")),
            ("https://ci.example.com/api/v2/builds/12", BuildName::Id(12)),
            ("https://ci.example.com/#/buildrequests/12", BuildName::Request(12)),
            (
                "https://ci.example.com/#/buildrequests/12?redirect_to_build=true",
                BuildName::Request(12),
            ),
        ] {
            let expected = RevisionSpec::Build { host: "ci.example.com:443".into(), which };
            assert_eq!(link.parse(), Ok(expected), "{link}");
        }
        for (host, rest) in [
            ("th.example.com", format!("jobs?repo=autoland&revision={hash}")),
            ("th.example.com", format!("#/jobs?repo=autoland&revision={hash}")),
            (
                "th.example.com",
                format!("jobs?repo=autoland&fromchange=aaaa0000aaaa&tochange={hash}"),
            ),
            ("hg.example.com", format!("integration/autoland/rev/{hash}")),
        ] {
            let expected = RevisionSpec::InRepo {
                host: format!("{host}:443"),
                repo: "autoland".into(),
                hash: hash.into(),
            };
            assert_eq!(format!("https://{host}/{rest}").parse(), Ok(expected), "{rest}");
        }
    }

    #[test]
    fn what_is_no_revision_says_what_would_be() {
        for bad in ["", "xyz", "abc", "rev:", "99999999999999999999999999999999999999999999"] {
            let error = bad.parse::<RevisionSpec>().unwrap_err();
            assert!(matches!(error, RevisionError::Form(_)), "{bad}: {error}");
        }
        for bad in ["https://th.example.com/jobs?repo=autoland", "https://tc.example.com/tasks/x"] {
            let error = bad.parse::<RevisionSpec>().unwrap_err();
            assert!(matches!(error, RevisionError::Url(_)), "{bad}: {error}");
        }
    }
}
