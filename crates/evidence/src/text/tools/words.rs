//! What sort of failure a test's own words tell of.

use crate::failure::Kind;

/// Words that say that something took too long.
const TIMEOUTS: &[&str] = &[
    "timed out",
    "timeout of ",
    "timeout >",
    "exceeded timeout",
    "timeoutexception",
    "timeouterror",
    "test timeout",
    "timeout exceeded",
    "timetrap_timeout",
    "exceeded the time limit",
    "took too long",
    "exceeded 30s timeout",
    "time limit exceeded",
];

/// Words that say that a process crashed.
const CRASHES: &[&str] = &[
    "segmentation fault",
    "segfault",
    "sigsegv",
    "sigabrt",
    "sigbus",
    "sigill",
    "sigfpe",
    "aborted with signal",
    "core dumped",
    "bus error",
    "illegal instruction",
    "exited unexpectedly",
    "process crashed",
    "access violation",
];

/// The kind of a test's failure, by how it ended and what was said of it.
pub(crate) fn kind_of_test(status: &str, said: &str) -> Kind {
    let status = status.to_ascii_lowercase();
    if status == "tmt" || status.contains("timeout") || status.contains("timed out") {
        return Kind::Timeout;
    }
    if status.contains("crash") || CRASHES.iter().any(|word| status.contains(word)) {
        return Kind::Crash;
    }
    let first: String = said.chars().take(300).collect::<String>().to_ascii_lowercase();
    if says_timeout(&first) {
        Kind::Timeout
    } else if CRASHES.iter().any(|word| first.contains(word)) {
        Kind::Crash
    } else {
        Kind::Unexpected
    }
}

/// Whether a message, in small letters, is about the test's own time. What a test expected or got
/// is not: `expected to have timed out`.
fn says_timeout(said: &str) -> bool {
    let about_itself = !said.starts_with("expected") && !said.starts_with("assert");
    about_itself && TIMEOUTS.iter().any(|word| said.contains(word))
        || said == "timeout"
        || said.starts_with("timeout:")
}

/// Words of a line that say that the machine, the network or the CI is at fault.
pub(crate) fn is_infra(said: &str) -> bool {
    let said = said.to_ascii_lowercase();
    const WORDS: &[&str] = &[
        "no space left on device",
        "disk quota exceeded",
        "cannot allocate memory",
        "out of memory",
        "oom-kill",
        "could not resolve host",
        "temporary failure in name resolution",
        "name or service not known",
        "connection refused",
        "connection reset by peer",
        "connection timed out",
        "network is unreachable",
        "operation timed out",
        "tls handshake timeout",
        "ssl handshake",
        "503 service unavailable",
        "502 bad gateway",
        "504 gateway",
        "500 internal server error",
        "too many requests",
        "rate limit",
        "etimedout",
        "econnreset",
        "econnrefused",
        "enotfound",
        "enospc",
        "eai_again",
        "lost communication",
        "artifact not found",
        "the operation was canceled",
        "hash sum mismatch",
        "read timed out",
        "remote end hung up",
        "early eof",
    ];
    WORDS.iter().any(|word| said.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_by_words() {
        let check = |status: &str, said: &str, kind| {
            assert_eq!(kind_of_test(status, said), kind, "{status} {said}");
        };
        check("FAIL", "Failed: Timeout >5.0s", Kind::Timeout);
        check("FAIL", "thrown: \"Exceeded timeout of 5000 ms for a test.\"", Kind::Timeout);
        check("FAIL", "Timeout of 2000ms exceeded.", Kind::Timeout);
        check("Timeout", "", Kind::Timeout);
        check("FAIL", "process aborted with signal 11 (SIGSEGV)", Kind::Crash);
        check("Exception: SegFault", "", Kind::Crash);
        check("FAIL", "expected 3 to equal 4", Kind::Unexpected);
        check("FAIL", "expected 'timed out' but got 'done'", Kind::Unexpected);
        assert!(is_infra("curl: (6) Could not resolve host: x"));
        assert!(!is_infra("expected 3"));
    }
}
