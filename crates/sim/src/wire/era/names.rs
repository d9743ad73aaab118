//! What builders and requests are called.

use crate::world::{JobKind, SUITES, TaskRef, World};

/// The user and the password that BuildAPI takes.
pub const ERA_LOGIN: (&str, &str) = ("sheriff", "self-serve");

/// Builds and testers by the platforms of the catalog, and how allthethings.json calls the platform.
const PLATFORMS: [(&str, &str, &str, &str); 3] = [
    ("linux2404-64", "Linux x86-64", "Ubuntu VM 12.04 x64", "linux64"),
    ("windows11-64-24h2", "WINNT 6.1 x86-64", "Windows 8 64-bit", "win64"),
    ("macosx1500-aarch64", "OS X 10.7", "Rev7 MacOSX Yosemite 10.10.5", "macosx64"),
];

/// A builder, with what allthethings.json has of it.
#[derive(Debug, Clone)]
pub(super) struct Builder {
    pub(super) name: String,
    pub(super) shortname: String,
    pub(super) platform: String,
}

/// The builder of a job; none for what needs no build.
pub(super) fn builder(world: &World, job: usize) -> Option<Builder> {
    let entry = world.catalog.jobs.get(job)?;
    let debug = entry.option == "debug";
    let branch = &world.autoland.name;
    let suffix = if debug { "-debug" } else { "" };
    match (entry.kind, entry.chunk) {
        (JobKind::Build, _) => {
            // A build is told apart by the platform of what depends on it.
            let test = world.catalog.jobs.iter().find(|test| test.build == Some(job))?;
            let (_, build, _, short) = PLATFORMS.iter().find(|p| p.0 == test.platform)?;
            let rest = if debug { "leak test build" } else { "build" };
            Some(Builder {
                name: format!("{build} {branch} {rest}"),
                shortname: format!("{branch}-{short}{suffix}"),
                platform: format!("{short}{suffix}"),
            })
        }
        (JobKind::Test, Some((suite, chunk))) => {
            let (_, _, tester, short) = PLATFORMS.iter().find(|p| p.0 == entry.platform)?;
            let suite = SUITES[suite].name.replace("mochitest-plain", "mochitest");
            Some(Builder {
                name: format!("{tester} {branch} {} test {suite}-{chunk}", entry.option),
                shortname: format!("{branch}_{short}_test-{suite}-{chunk}"),
                platform: format!("{short}_vm"),
            })
        }
        _ => None,
    }
}

/// The job of a builder's name.
pub(super) fn job_of(world: &World, name: &str) -> Option<usize> {
    (0..world.catalog.jobs.len()).find(|job| builder(world, *job).is_some_and(|b| b.name == name))
}

const PER_PUSH: u64 = 10_000_000;
const PER_JOB: u64 = 1_000;

/// The number of a request: of the n-th task of a job on a push.
pub(super) fn request(push: u32, job: usize, n: u8) -> u64 {
    (u64::from(push) + 1) * PER_PUSH + job as u64 * PER_JOB + u64::from(n)
}

/// The task of a request's number.
pub(super) fn task_of(number: u64) -> Option<TaskRef> {
    let push = u32::try_from((number / PER_PUSH).checked_sub(1)?).ok()?;
    let job = usize::try_from(number % PER_PUSH / PER_JOB).ok()?;
    Some(TaskRef::Job { push, job, n: u8::try_from(number % PER_JOB).ok()? })
}
