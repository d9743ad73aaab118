//! allthethings.json: of the world, and of any tests with their builds.

use serde_json::{Map, Value, json};

use super::names::builder;
use crate::world::{JobKind, World};

/// How the builds of that time were called: what stands before the branch, and the platform.
const BUILDS: [(&str, &str); 12] = [
    ("TB Linux x86-64", "linux64"),
    ("TB Linux", "linux"),
    ("TB OS X 10.7 64-bit", "macosx64"),
    ("TB OS X 10.7", "macosx64"),
    ("TB WINNT 5.2", "win32"),
    ("Linux x86-64 Mulet", "linux64-mulet"),
    ("Linux x86-64", "linux64"),
    ("Linux", "linux"),
    ("OS X 10.7 64-bit", "macosx64"),
    ("OS X 10.7", "macosx64"),
    ("WINNT 6.1 x86-64", "win64"),
    ("WINNT 5.2", "win32"),
];

const ANDROIDS: [(&str, &str); 4] = [
    ("Android armv7 API 11+", "android-api-11"),
    ("Android armv7 API 9", "android-api-9"),
    ("Android 2.3 Debug", "android-api-9-debug"),
    ("Android 4.2 x86", "android-x86"),
];

/// What stands behind the branch of a build, and what its short name ends with.
const RESTS: [(&str, &str); 6] = [
    ("leak test build", "-debug"),
    ("pgo-build", "-pgo"),
    ("debug build", "-debug"),
    ("asan build", "-asan"),
    ("l10n", "-l10n"),
    ("build", ""),
];

/// A build's name taken apart: branch, platform, suffix.
fn parts(build: &str) -> Option<(String, &'static str, String)> {
    if let Some(rest) = build.strip_prefix("Firefox ") {
        // `Firefox try linux l10n`: the platform stands behind the branch.
        let mut words = rest.split(' ');
        let (branch, platform) = (words.next()?, words.next()?);
        let platform = ["linux", "linux64", "macosx64", "win32", "win64"]
            .into_iter()
            .find(|known| *known == platform)?;
        return Some((branch.to_owned(), platform, "-l10n".to_owned()));
    }
    let known = BUILDS.iter().chain(&ANDROIDS);
    let (prefix, platform) = known
        .into_iter()
        .find(|(prefix, _)| build.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(' ')))?;
    let rest = build[prefix.len()..].trim_start();
    let (branch, rest) = rest.split_once(' ')?;
    let suffix = match RESTS.iter().find(|(known, _)| *known == rest) {
        Some((_, suffix)) => (*suffix).to_owned(),
        // `leak test spidermonkey_try-compacting build`
        None => {
            let debug = if rest.contains("leak test") { "-debug" } else { "" };
            let words = rest.replace("leak test ", "").replace(" build", "").replace(' ', "_");
            format!("_{words}{debug}")
        }
    };
    Some((branch.to_owned(), platform, suffix))
}

/// allthethings.json of some tests, each with the build that triggers it, and of builds that trigger
/// nothing: short names and schedulers as that farm called them. What is not a build's name of that time
/// is left out.
pub fn all_the_things<'a>(
    tests: impl IntoIterator<Item = (&'a str, &'a str)>,
    builds: impl IntoIterator<Item = &'a str>,
) -> Value {
    let (mut builders, mut schedulers) = (Map::new(), Map::new());
    let mut add = |build: &str| -> Option<(String, &'static str, String)> {
        let (branch, platform, suffix) = parts(build)?;
        let short = format!("{branch}-{platform}{suffix}");
        // Debug builds and such have a platform of their own, those with profiles have not.
        let told = match suffix.as_str() {
            "-debug" | "-asan" => format!("{platform}{suffix}"),
            other if other.ends_with("-debug") => format!("{platform}-debug"),
            _ => platform.to_owned(),
        };
        let properties = json!({"branch": branch, "platform": told, "product": "firefox", "stage_platform": told});
        builders
            .entry(build)
            .or_insert_with(|| json!({"shortname": short, "properties": properties}));
        Some((branch, platform, short))
    };
    let mut testers = Map::new();
    for (test, build) in tests {
        let Some((branch, platform, short)) = add(build) else { continue };
        let pgo = test.contains(" pgo ");
        let base = short.strip_suffix("-pgo").unwrap_or(&short);
        let trigger = match (test.contains(" talos "), pgo) {
            (true, true) => format!("{base}-pgo-talos"),
            (true, false) => format!("{short}-talos"),
            (false, true) => format!("{base}-pgo-unittest"),
            (false, false) if short == format!("{branch}-{platform}") => {
                format!("{short}-opt-unittest")
            }
            (false, false) => format!("{short}-unittest"),
        };
        let scheduler = schedulers
            .entry(format!("tests-{trigger}"))
            .or_insert_with(|| json!({"downstream": [], "triggered_by": [trigger]}));
        if let Some(downstream) = scheduler["downstream"].as_array_mut() {
            downstream.push(json!(test));
        }
        let properties = json!({"branch": branch, "platform": format!("{platform}_vm"),
            "product": "firefox", "stage_platform": platform, "slavebuilddir": "test"});
        let entry = json!({"shortname": format!("{short}_test"), "properties": properties});
        testers.insert(test.to_owned(), entry);
    }
    builds.into_iter().for_each(|build| {
        add(build);
    });
    builders.extend(testers);
    json!({"builders": builders, "schedulers": schedulers})
}

/// Every how many pushes tests of debug builds run, and after how many seconds anyway.
const RARELY: (u32, u32) = (7, 3600);

/// The world's own.
pub(super) fn of_world(world: &World) -> Value {
    let (mut builders, mut schedulers) = (Map::new(), Map::new());
    for (job, entry) in world.catalog.jobs.iter().enumerate() {
        let Some(one) = builder(world, job) else { continue };
        let properties = json!({"branch": world.autoland.name, "platform": one.platform,
            "product": "firefox", "slavebuilddir": "test"});
        let value = json!({"shortname": one.shortname, "properties": properties});
        builders.insert(one.name.clone(), value);
        let build = entry.build.and_then(|build| builder(world, build));
        let (JobKind::Test, Some(build)) = (entry.kind, build) else { continue };
        let debug = entry.option == "debug";
        let trigger = match debug {
            true => format!("{}-unittest", build.shortname),
            false => format!("{}-opt-unittest", build.shortname),
        };
        let name = match debug {
            true => format!("tests-{trigger}-{}-{}", RARELY.0, RARELY.1),
            false => format!("tests-{trigger}"),
        };
        let scheduler = schedulers
            .entry(name)
            .or_insert_with(|| json!({"downstream": [], "triggered_by": [trigger]}));
        if let Some(downstream) = scheduler["downstream"].as_array_mut() {
            downstream.push(json!(one.name));
        }
    }
    json!({"builders": builders, "schedulers": schedulers})
}
