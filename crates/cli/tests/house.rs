//! The house: what a room does not know, checked.

use std::path::{Path, PathBuf};

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every Rust file below a folder of `crates/`.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![crates().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    assert!(!found.is_empty());
    found
}

#[test]
fn core_does_no_io_and_reads_no_clock() {
    let forbidden = [
        "std::fs",
        "std::net",
        "std::io",
        "std::env",
        "std::process",
        "std::time",
        "async fn",
        ".await",
        "serde_json",
        "tokio",
        "reqwest",
    ];
    for (path, text) in sources("core/src") {
        for word in forbidden {
            assert!(!text.contains(word), "{} has {word}", path.display());
        }
    }
    let manifest = std::fs::read_to_string(crates().join("core/Cargo.toml")).unwrap();
    // What its examples and tests use besides is none of its own.
    let own = manifest.split("[dev-dependencies]").next().unwrap_or_default();
    let manifest = own.split_once("[dependencies]").expect("it depends on something").1;
    for crate_ in ["tokio", "reqwest", "serde_json", "chrono", "rusqlite", "mozci-clients"] {
        assert!(!manifest.contains(crate_), "core depends on {crate_}");
    }
}

#[test]
fn rooms_only_know_the_rooms_below() {
    for (room, above) in [
        ("core", &["clients", "engine", "evidence", "sim"][..]),
        ("evidence", &["clients", "engine", "sim"]),
        ("clients", &["engine", "evidence", "sim"]),
        ("engine", &[]),
        ("sim", &["clients", "engine", "evidence"]),
    ] {
        let manifest = std::fs::read_to_string(crates().join(room).join("Cargo.toml")).unwrap();
        let own = manifest.split("[dev-dependencies]").next().unwrap();
        for other in above {
            assert!(!own.contains(&format!("mozci-{other}")), "{room} depends on {other}");
        }
    }
}

#[test]
fn a_services_shapes_do_not_leave_their_folder() {
    for (path, text) in sources("clients/src") {
        if path.file_name().is_some_and(|name| name == "wire.rs") {
            assert!(
                !text.lines().any(
                    |line| line.trim_start().starts_with("pub ") || line.contains("pub(crate)")
                ),
                "{}",
                path.display()
            );
        }
    }
}

/// The kinds of CI, by the names that only their own folders know.
const BACKENDS: [&str; 4] = ["taskcluster", "treeherder", "buildbot", "buildapi"];

/// Where a backend's name may stand: its folder, the sources of pushes, the config, and the list of backends.
const MAY_NAME: [&str; 7] = [
    "engine/src/backend/taskcluster/",
    "engine/src/backend/buildbot/",
    "engine/src/backend/buildapi/",
    "engine/src/backend/pushes/",
    "engine/src/backend/list.rs",
    "engine/src/backend/mod.rs",
    "engine/src/config/",
];

#[test]
fn engine_names_no_backend_outside_of_its_folder() {
    for (path, text) in sources("engine/src") {
        let shown = path.display().to_string();
        if MAY_NAME.iter().any(|place| shown.contains(place)) {
            continue;
        }
        let text = text.to_lowercase();
        for name in BACKENDS {
            assert!(!text.contains(name), "{shown} names {name}");
        }
    }
}

/// What a file imports of its own crate, as the first part of each path.
fn imports(text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]").next().unwrap();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let paths = lines.flat_map(|line| line.split("crate::").skip(1));
    paths
        .map(|path| path.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect())
        .collect()
}

/// Folders of one crate that import each other, and why that stands.
const CIRCLES: [(&str, &str, &str); 3] = [
    // A flow asks the backend of a CI by its roles; a backend answers in the flows' types.
    ("engine", "backend", "flow"),
    // A CI has a backend, and a backend is asked about a CI.
    ("engine", "backend", "ci"),
    // Commands run drivers through the terminal, which renders a search and a watch as their commands do.
    ("cli", "acting", "commands"),
];

#[test]
fn folders_do_not_import_each_other() {
    for crate_ in ["core", "evidence", "clients", "engine", "sim", "cli"] {
        let root = crates().join(crate_).join("src");
        let all = sources(&format!("{crate_}/src"));
        let folder_of = |path: &Path| {
            let own = path.strip_prefix(&root).unwrap();
            let first = own.components().next().unwrap().as_os_str().to_string_lossy();
            first.trim_end_matches(".rs").to_owned()
        };
        let is_folder = |name: &str| root.join(name).is_dir();
        let mut edges = std::collections::BTreeSet::new();
        for (path, text) in &all {
            let from = folder_of(path);
            let others = imports(text).into_iter().filter(|to| *to != from && is_folder(to));
            edges.extend(others.filter(|_| is_folder(&from)).map(|to| (from.clone(), to)));
        }
        for (a, b) in edges.iter().filter(|(a, b)| a < b) {
            let circle = edges.contains(&(b.clone(), a.clone()));
            let stands = CIRCLES.contains(&(crate_, a.as_str(), b.as_str()));
            assert!(!circle || stands, "{crate_}: {a} and {b} import each other");
        }
    }
}

#[test]
fn no_host_stands_in_code() {
    for folder in ["core/src", "evidence/src", "clients/src", "engine/src", "cli/src"] {
        for (path, text) in sources(folder) {
            let code = text.split("#[cfg(test)]").next().unwrap();
            for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
                for domain in ["mozilla.org", "mozilla.com", "services.", ".net/"] {
                    assert!(!line.contains(domain), "{}: {line}", path.display());
                }
            }
        }
    }
}

#[test]
fn files_stay_small_and_mod_rs_without_logic() {
    for folder in ["core", "evidence", "clients", "engine", "sim", "cli"] {
        for (path, text) in sources(folder) {
            let lines = text.lines().count();
            assert!(lines <= 500, "{} has {lines} lines", path.display());
            if path.file_name().is_some_and(|name| name == "main.rs")
                && folder == "cli"
                && path.ends_with("src/main.rs")
            {
                assert!(lines <= 20, "{} has {lines} lines", path.display());
            }
        }
    }
}

#[test]
fn every_test_file_is_run() {
    for folder in ["cli/tests", "clients/tests", "sim/tests"] {
        let main = std::fs::read_to_string(crates().join(folder).join("main.rs")).unwrap();
        for (path, _) in sources(folder) {
            let name = path.file_stem().unwrap().to_str().unwrap();
            let known = name == "main" || main.contains(&format!("mod {name};"));
            assert!(known, "{} is in no binary", path.display());
        }
    }
}
