//! What the program says of its own making: the commit, its date, the system that it is for, the compiler.

use std::process::Command;

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

fn main() {
    // Whoever packages it from an archive without Git says it by the environment.
    for name in ["MOZCI_BUILD_COMMIT", "MOZCI_BUILD_DATE"] {
        println!("cargo:rerun-if-env-changed={name}");
    }
    if let Some(head) =
        output("git", &["rev-parse", "--path-format=absolute", "--git-path", "logs/HEAD"])
    {
        println!("cargo:rerun-if-changed={head}");
    }
    println!("cargo:rerun-if-changed=build.rs");
    let given = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let commit = given("MOZCI_BUILD_COMMIT")
        .or_else(|| output("git", &["rev-parse", "--short=12", "HEAD"]))
        .unwrap_or_else(|| "unknown commit".into());
    let date = given("MOZCI_BUILD_DATE")
        .or_else(|| output("git", &["log", "-1", "--format=%cs"]))
        .unwrap_or_else(|| "unknown date".into());
    let compiler = std::env::var("RUSTC").ok().and_then(|rustc| output(&rustc, &["--version"]));
    println!("cargo:rustc-env=MOZCI_COMMIT={commit}");
    println!("cargo:rustc-env=MOZCI_COMMIT_DATE={date}");
    println!("cargo:rustc-env=MOZCI_TARGET={}", std::env::var("TARGET").unwrap_or_default());
    println!("cargo:rustc-env=MOZCI_COMPILER={}", compiler.unwrap_or_default());
}
