//! Names of tests and groups, as different harnesses write them.

/// The test of an id as a log has it, and the manifest that the id carries.
///
/// xpcshell may put the manifest before the path (`xpcshell.toml:dom/a/test_b.js`), reftests name
/// a file or a page of their own server with the machine's paths and ports, and Windows writes
/// backslashes.
fn parts(id: &str) -> (Option<&str>, &str) {
    for end in [".toml:", ".ini:", ".list:"] {
        if let Some(at) = id.find(end) {
            let at = at + end.len() - 1;
            return (Some(&id[..at]), &id[at + 1..]);
        }
    }
    (None, id)
}

/// The test of an id, comparable between machines.
pub fn test_of_id(id: &str) -> String {
    let (_, test) = parts(id.trim());
    // The harness adds that to its last test.
    let test = test.strip_suffix(" (finished)").unwrap_or(test);
    let test = test.replace('\\', "/");
    let served = ["http://", "https://", "file://"].iter().any(|scheme| test.starts_with(scheme));
    if served {
        // What is before the tree's own path belongs to the machine.
        for marker in ["/tests/reftest/tests/", "/jsreftest/tests/", "/tests/"] {
            if let Some(at) = test.find(marker) {
                return test[at + marker.len()..].to_owned();
            }
        }
    }
    test
}

/// The manifest that an id carries, if it does.
pub fn group_of_id(id: &str) -> Option<&str> {
    parts(id.trim()).0
}

/// Whether a log's word for a test is no test: what the harness says of itself.
pub(crate) fn is_no_test(id: &str) -> bool {
    matches!(
        id,
        "" | "Shutdown"
            | "automation.py"
            | "leakcheck"
            | "LeakSanitizer"
            | "None"
            | "runtests.py"
            | "Main app process"
            | "Last test finished"
            | "Harness"
            | "SimpleTest"
            | "TestRunner"
            | "TestRunner.js"
    ) || id.starts_with("leakcheck ")
        || id.trim_matches(['(', ')']).starts_with("SimpleTest/")
        || id.starts_with("pid: ")
        || id.starts_with("PID ")
        || id.starts_with("automationutils.processLeakLog")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_made_comparable() {
        let check = |id: &str, test: &str, group: Option<&str>| {
            assert_eq!((test_of_id(id).as_str(), group_of_id(id)), (test, group), "{id}");
        };
        check("dom/a/test_b.html", "dom/a/test_b.html", None);
        check("xpcshell.toml:dom/a/test_b.js", "dom/a/test_b.js", Some("xpcshell.toml"));
        check(r"dom\a\test_b.js", "dom/a/test_b.js", None);
        check("/fs/a.https.html", "/fs/a.https.html", None);
        let served = "file:///builds/worker/workspace/build/tests/reftest/tests/layout/a.html == b";
        check(served, "layout/a.html == b", None);
        check("http://10.0.2.2:8854/tests/layout/a.html", "layout/a.html", None);
    }
}
