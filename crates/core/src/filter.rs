//! Which jobs are meant: by name, platform, build type, suite, tier and kind.

use std::fmt;
use std::str::FromStr;

use crate::chooser::Role;
use crate::ids::JobName;

/// A text that a name contains, or a glob (`*`, `?`, `[…]`) that the whole of it fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// Contained anywhere.
    Text(String),
    /// The whole name fits.
    Glob(glob::Pattern),
}

impl Pattern {
    /// Whether a name is meant.
    pub fn fits(&self, name: &str) -> bool {
        match self {
            Self::Text(text) => name.contains(text.as_str()),
            Self::Glob(glob) => glob.matches(name),
        }
    }
}

impl FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("an empty text is contained in every name".to_owned());
        }
        if !text.contains(['*', '?', '[']) {
            return Ok(Self::Text(text.to_owned()));
        }
        let glob = glob::Pattern::new(text);
        glob.map(Self::Glob).map_err(|error| format!("{text:?} is not a glob: {error}"))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Glob(glob) => f.write_str(glob.as_str()),
        }
    }
}

/// What is known of a job besides its name. What a source does not tell is read from the label, as
/// taskgraph forms it: `test-<platform>/<build type>-<suite>-<chunk>`, `build-<platform>/<type>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facets<'a> {
    /// The label.
    pub label: &'a str,
    /// Its kind: `build`, `test`, and others. Tests may be of kinds of their own: `mochitest`.
    pub kind: Option<&'a str>,
    /// What part it has, where that is known.
    pub role: Option<Role>,
    /// Platform and build type, as in `linux2404-64/opt`.
    pub platform: Option<&'a str>,
    /// The suite.
    pub suite: Option<&'a str>,
    /// The tier.
    pub tier: Option<u8>,
}

impl<'a> Facets<'a> {
    /// Nothing but the label.
    pub fn of(label: &'a str) -> Self {
        Self { label, kind: None, role: None, platform: None, suite: None, tier: None }
    }

    /// The kind: as it was told, else by the label's beginning.
    pub fn kind(&self) -> &'a str {
        let by_label = || ["build", "test"].into_iter().find(|kind| self.rest(kind).is_some());
        self.kind.or_else(by_label).unwrap_or("")
    }

    /// Platform and build type.
    fn configuration(&self) -> (&'a str, &'a str) {
        let told = self.platform.and_then(|told| told.split_once('/'));
        told.or_else(|| {
            let rest = self.rest("test").or_else(|| self.rest("build"))?;
            let (platform, rest) = rest.split_once('/')?;
            Some((platform, rest.split('-').next().unwrap_or(rest)))
        })
        .unwrap_or((self.platform.unwrap_or(""), ""))
    }

    /// The suite: as it was told, else what stands between build type and chunk.
    pub fn suite(&self) -> &'a str {
        let by_label = || {
            let (_, rest) = self.rest("test")?.split_once('/')?;
            let (_, rest) = rest.split_once('-')?;
            let chunk = rest.rsplit_once('-');
            let chunk = chunk.filter(|(_, number)| number.bytes().all(|b| b.is_ascii_digit()));
            Some(chunk.map_or(rest, |(suite, _)| suite))
        };
        self.suite.or_else(by_label).unwrap_or("")
    }

    fn rest(&self, kind: &str) -> Option<&'a str> {
        self.label.strip_prefix(kind)?.strip_prefix('-')
    }
}

/// Which jobs are meant. Of several values of one field any may fit; all fields have to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Exactly these, whatever else is said.
    pub jobs: Vec<JobName>,
    /// Names.
    pub include: Vec<Pattern>,
    /// Names that are not meant.
    pub exclude: Vec<Pattern>,
    /// Platforms, without or with the build type.
    pub platform: Vec<Pattern>,
    /// Build types: `opt`, `debug`.
    pub build_type: Vec<String>,
    /// Suites.
    pub suite: Vec<Pattern>,
    /// Tiers. A job whose tier nobody tells is not left out by it.
    pub tier: Vec<u8>,
    /// Kinds.
    pub kind: Vec<String>,
    /// Whether every kind may be requested without being named, as where there are no kinds.
    pub any_kind: bool,
}

impl JobFilter {
    /// Whether anything but exclusions was said.
    pub fn is_given(&self) -> bool {
        let Self { exclude, any_kind, .. } = self.clone();
        *self != Self { exclude, any_kind, ..Self::default() }
    }

    /// Whether a job is meant.
    pub fn keeps(&self, job: &Facets<'_>) -> bool {
        let (platform, build_type) = job.configuration();
        let whole = format!("{platform}/{build_type}");
        let fits = |patterns: &[Pattern], texts: &[&str]| {
            patterns.is_empty() || patterns.iter().any(|p| texts.iter().any(|text| p.fits(text)))
        };
        let is = |wanted: &[String], text: &str| {
            wanted.is_empty() || wanted.iter().any(|wanted| wanted == text)
        };
        let named = self.jobs.iter().any(|name| name.as_str() == job.label);
        (self.jobs.is_empty() || named)
            && fits(&self.include, &[job.label])
            && !self.exclude.iter().any(|pattern| pattern.fits(job.label))
            && fits(&self.platform, &[platform, &whole])
            && is(&self.build_type, build_type)
            && fits(&self.suite, &[job.suite()])
            && (self.tier.is_empty() || job.tier.is_none_or(|tier| self.tier.contains(&tier)))
            && (is(&self.kind, job.kind()) || self.named_by_role(job) || self.named_by_label(job))
    }

    /// Whether one of the kinds is the part that a job has, whatever its own kind is called.
    fn named_by_role(&self, job: &Facets<'_>) -> bool {
        let word = match job.role {
            Some(Role::Build) => "build",
            Some(Role::Test) => "test",
            Some(Role::Other) | None => return false,
        };
        self.kind.iter().any(|kind| kind == word)
    }

    /// Whether a label begins with one of the kinds, where nobody tells the job's kind.
    fn named_by_label(&self, job: &Facets<'_>) -> bool {
        job.kind.is_none() && self.kind.iter().any(|kind| job.rest(kind).is_some())
    }

    /// Whether a job is meant by somebody who wants to run it: kinds other than builds and tests
    /// only where they, or the job itself, are named.
    pub fn asks_for(&self, job: &Facets<'_>) -> bool {
        let named = self.jobs.iter().any(|name| name.as_str() == job.label);
        let usual = self.any_kind
            || matches!(job.kind(), "build" | "test")
            || matches!(job.role, Some(Role::Build | Role::Test));
        self.keeps(job) && (usual || named || !self.kind.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = "test-linux2404-64/opt-mochitest-plain-1";

    #[test]
    fn labels_tell_what_nobody_else_does() {
        let facets = Facets::of(PLAIN);
        assert_eq!(facets.kind(), "test");
        assert_eq!(facets.configuration(), ("linux2404-64", "opt"));
        assert_eq!(facets.suite(), "mochitest-plain");
        let long = Facets::of("test-windows11-64-24h2/debug-web-platform-tests-wdspec");
        assert_eq!((long.configuration().1, long.suite()), ("debug", "web-platform-tests-wdspec"));
        let build = Facets::of("build-macosx64/opt");
        assert_eq!((build.kind(), build.configuration()), ("build", ("macosx64", "opt")));
        assert_eq!(Facets::of("source-test-mozlint").kind(), "");
        let told = Facets { platform: Some("linux64/opt"), ..Facets::of("odd") };
        assert_eq!(told.configuration(), ("linux64", "opt"));
    }

    #[test]
    fn each_field_narrows() {
        let patterns =
            |texts: &[&str]| texts.iter().map(|t| t.parse().unwrap()).collect::<Vec<_>>();
        let job = Facets { tier: Some(2), ..Facets::of(PLAIN) };
        let keeps = |filter: JobFilter| filter.keeps(&job);
        let none = JobFilter::default;
        assert!(keeps(none()));
        assert!(keeps(JobFilter { include: patterns(&["plain", "nothing"]), ..none() }));
        assert!(keeps(JobFilter { include: patterns(&["test-*-plain-?"]), ..none() }));
        assert!(!keeps(JobFilter { include: patterns(&["*-plain"]), ..none() }));
        assert!(!keeps(JobFilter { exclude: patterns(&["opt"]), ..none() }));
        assert!(keeps(JobFilter { platform: patterns(&["linux*/opt"]), ..none() }));
        assert!(!keeps(JobFilter { platform: patterns(&["win"]), ..none() }));
        assert!(!keeps(JobFilter { build_type: vec!["debug".into()], ..none() }));
        assert!(keeps(JobFilter { suite: patterns(&["mochitest-*"]), ..none() }));
        assert!(!keeps(JobFilter { tier: vec![1], ..none() }));
        assert!(keeps(JobFilter { tier: vec![1, 2], ..none() }));
        assert!(!keeps(JobFilter { kind: vec!["build".into()], ..none() }));
        assert!(!keeps(JobFilter { jobs: vec![JobName::new("other")], ..none() }));
    }

    #[test]
    fn other_kinds_are_asked_for_only_where_they_are_named() {
        let lint = Facets { kind: Some("source-test"), ..Facets::of("source-test-mozlint") };
        let none = JobFilter::default;
        assert!(none().keeps(&lint) && !none().asks_for(&lint));
        assert!(JobFilter { kind: vec!["source-test".into()], ..none() }.asks_for(&lint));
        assert!(JobFilter { jobs: vec![JobName::new(lint.label)], ..none() }.asks_for(&lint));
        let untold = Facets::of(lint.label);
        assert!(JobFilter { kind: vec!["source-test".into()], ..none() }.asks_for(&untold));
        assert!(!JobFilter { include: vec!["lint".parse().unwrap()], ..none() }.asks_for(&lint));
    }

    #[test]
    fn tests_may_be_of_kinds_of_their_own() {
        let told = Facets { kind: Some("mochitest"), ..Facets::of(PLAIN) };
        let job = Facets { role: Some(Role::Test), ..told };
        let none = JobFilter::default;
        assert!(none().asks_for(&job) && !none().asks_for(&told));
        let tests = JobFilter { kind: vec!["test".into()], ..none() };
        assert!(tests.asks_for(&job));
        assert!(JobFilter { kind: vec!["mochitest".into()], ..none() }.asks_for(&job));
        assert!(!JobFilter { kind: vec!["build".into()], ..none() }.asks_for(&job));
    }

    #[test]
    fn patterns_that_are_none() {
        assert!("".parse::<Pattern>().is_err());
        assert!("[a".parse::<Pattern>().unwrap_err().contains("not a glob"));
    }
}
