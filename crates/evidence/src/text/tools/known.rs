//! The rules that come with the program. Where several tools' rules take a line, the first counts.

use std::sync::LazyLock;

use super::rule::ToolFile;

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../rules/", $name, ".toml")))),*]
    };
}

/// The files, in their order.
const FILES: &[(&str, &str)] = files![
    "ci",
    "pytest",
    "python",
    "go",
    "cargo",
    "googletest",
    "catch2",
    "ctest",
    "bazel",
    "apple",
    "gcc",
    "java",
    "scala",
    "dotnet",
    "bats",
    "javascript",
    "ruby",
    "php",
    "beam",
    "functional",
    "r",
    "kernel",
    "sanitizers",
    "tap",
    "meson",
    "automake",
    "shell",
    "passed",
];

/// The files, read.
pub(super) fn files() -> &'static [ToolFile] {
    static READ: LazyLock<Vec<ToolFile>> = LazyLock::new(|| {
        let read = |(name, text): &(&str, &str)| {
            toml::from_str(text).unwrap_or_else(|error| panic!("rules/{name}.toml: {error}"))
        };
        FILES.iter().map(read).collect()
    });
    &READ
}
