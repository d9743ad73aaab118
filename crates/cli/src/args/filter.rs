//! FILTER on a command line: which jobs are meant.

use mozci_core::filter::{JobFilter, Pattern};
use mozci_core::ids::JobName;

/// Which jobs are meant. Of several values of one option any may fit; all options have to.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Filter")]
pub(crate) struct FilterArgs {
    /// Jobs whose names contain this text, or fit this glob (`*`, `?`, `[…]`)
    #[arg(long, value_name = "PATTERN")]
    include: Vec<Pattern>,
    /// No jobs whose names contain this text or fit this glob
    #[arg(long, value_name = "PATTERN")]
    exclude: Vec<Pattern>,
    /// Jobs of this platform: `linux2404-64`, `windows*/debug`
    #[arg(long, value_name = "PATTERN")]
    platform: Vec<Pattern>,
    /// Jobs of this build type: `opt`, `debug`
    #[arg(long, value_name = "TYPE")]
    build_type: Vec<String>,
    /// Jobs of this suite: `mochitest-plain`, `web-platform-*`
    #[arg(long, value_name = "PATTERN")]
    suite: Vec<Pattern>,
    /// Jobs of this tier
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=9))]
    tier: Vec<u8>,
    /// Jobs of this kind; kinds other than `build` and `test` are only requested where they are
    /// named
    #[arg(long, value_name = "KIND")]
    kind: Vec<String>,
    /// Only tests: the same as `--kind test`
    #[arg(long, conflicts_with = "kind")]
    tests: bool,
}

impl FilterArgs {
    /// The first name that is meant, for suggestions.
    pub(crate) fn first_name(&self) -> Option<String> {
        self.include.first().or(self.suite.first()).map(ToString::to_string)
    }

    /// The filter, with jobs that are named exactly.
    pub(crate) fn filter(&self, jobs: &[String]) -> JobFilter {
        let Self { include, exclude, platform, build_type, suite, tier, kind, tests } =
            self.clone();
        JobFilter {
            jobs: jobs.iter().map(JobName::new).collect(),
            include,
            exclude,
            platform,
            build_type,
            suite,
            tier,
            kind: if tests { vec!["test".to_owned()] } else { kind },
            any_kind: false,
        }
    }
}
