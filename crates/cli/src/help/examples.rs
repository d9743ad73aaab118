//! Examples of every command, which a test runs on the simulated CI.

/// Examples, each with what it does. They name what the simulated CI (`--ci demo`) has.
pub(super) const EXAMPLES: &[(&str, &[(&str, &str)])] = &[
    (
        "pushes",
        &[
            ("mozci pushes", "the newest pushes"),
            ("mozci pushes --rev tip --back-revisions 20", "the newest 21"),
            ("mozci pushes --rev 1036 --delta 3", "those around a push"),
        ],
    ),
    (
        "jobs",
        &[
            ("mozci jobs --include mochitest-plain", "the state of some jobs on the newest pushes"),
            (
                "mozci jobs test-linux2404-64/opt-mochitest-plain-1 --back-revisions 20",
                "one job, further back",
            ),
            ("mozci jobs --platform 'linux*' --tests --json", "for a program"),
        ],
    ),
    (
        "failures",
        &[
            ("mozci failures --rev tip", "what failed on the newest push"),
            (
                "mozci failures test-linux2404-64/opt-mochitest-plain-1 --back-revisions 10",
                "in one job",
            ),
            ("mozci failures --rev tip --back-revisions 10 --group", "the same failures together"),
        ],
    ),
    (
        "flakiness",
        &[
            (
                "mozci flakiness test-linux2404-64/opt-mochitest-plain-1 --back-revisions 50",
                "how often it fails",
            ),
            (
                "mozci flakiness --include mochitest-plain --back-revisions 50",
                "several jobs together",
            ),
            (
                "mozci flakiness test-linux2404-64/opt-mochitest-plain-1 --test dom/group-0/test/test_0_0.html --back-revisions 50",
                "one test",
            ),
        ],
    ),
    (
        "chooser",
        &[
            ("mozci chooser", "everything that can run on the newest push"),
            ("mozci chooser --test dom/group-0", "the jobs that run a folder of tests"),
            ("mozci chooser --platform 'linux*' --format labels", "their names, a line each"),
        ],
    ),
    (
        "open",
        &[
            ("mozci open tip --print", "the address of the newest push"),
            ("mozci open 1036 --print", "of a push by its number"),
            ("mozci open tip~3 --print --json", "for a program"),
        ],
    ),
    (
        "trigger",
        &[
            (
                "mozci trigger test-linux2404-64/opt-mochitest-plain-1 --rev 1036 --times 3 --dry-run",
                "show the plan",
            ),
            (
                "mozci trigger --include mochitest-plain --rev tip --yes",
                "run several jobs on a push",
            ),
            (
                "mozci trigger test-linux2404-64/opt-mochitest-plain-1 --rev 1036 --yes --wait",
                "and wait for the results",
            ),
        ],
    ),
    (
        "backfill",
        &[
            (
                "mozci backfill test-linux2404-64/opt-mochitest-plain-1 --rev tip --dry-run",
                "show the holes",
            ),
            (
                "mozci backfill test-linux2404-64/opt-mochitest-plain-1 --rev tip --yes --wait",
                "fill them, and name the first bad push",
            ),
            (
                "mozci backfill test-linux2404-64/opt-mochitest-plain-1 --rev tip --every 2 --dry-run",
                "every other push first",
            ),
        ],
    ),
    (
        "bisect",
        &[
            (
                "mozci bisect test-linux2404-64/opt-mochitest-plain-1 --bad tip --dry-run",
                "the suspects so far",
            ),
            (
                "mozci bisect --test dom/group-0/test/test_0_0.html --bad tip --yes",
                "find what broke a test",
            ),
            (
                "mozci bisect test-linux2404-64/opt-mochitest-plain-1 --bad tip --yes --no-wait",
                "request one round and leave",
            ),
        ],
    ),
    (
        "watch",
        &[
            (
                "mozci watch test-linux2404-64/opt-mochitest-plain-1 --rev tip",
                "follow a job to its end",
            ),
            (
                "mozci watch --include mochitest-plain --rev tip --retry-failed 2 --yes",
                "run failures again twice",
            ),
            (
                "mozci watch test-linux2404-64/opt-mochitest-plain-1 --rev 1036 --fill --yes",
                "request what is missing",
            ),
        ],
    ),
    (
        "investigations",
        &[
            ("mozci investigations", "the searches and watches of this machine"),
            ("mozci investigations list --json", "for a program"),
            ("mozci investigations resume --all --yes", "go on with every open one"),
        ],
    ),
    (
        "serve",
        &[
            ("mozci serve --open", "the dashboard, in the browser"),
            ("mozci serve --watch mozilla-central", "two repositories"),
            ("mozci serve --listen 127.0.0.1:9000 --pushes 200", "elsewhere, and further back"),
        ],
    ),
    (
        "fill",
        &[
            ("mozci fill --rev tip --dry-run", "what is missing on a push"),
            ("mozci fill --rev tip --platform 'linux*' --dry-run", "on some platforms"),
            ("mozci fill --rev tip --include mochitest-plain --yes", "request it"),
        ],
    ),
    (
        "retrigger",
        &[
            ("mozci retrigger --rev tip --failed --dry-run", "what failed on a push"),
            ("mozci retrigger --rev tip --failed --yes", "run it again"),
            ("mozci retrigger --rev tip --coalesced --dry-run", "what was coalesced"),
        ],
    ),
    (
        "cancel",
        &[
            (
                "mozci cancel test-linux2404-64/opt-mochitest-plain-1 --rev tip --dry-run",
                "what would be cancelled",
            ),
            ("mozci cancel --include mochitest-plain --rev tip --yes", "several jobs"),
            ("mozci cancel --all --rev tip --yes", "everything that waits or runs on a push"),
        ],
    ),
    (
        "doctor",
        &[
            ("mozci doctor", "check every service"),
            ("mozci doctor --stats", "and what the checks cost"),
            ("mozci doctor --json", "for a program"),
        ],
    ),
    (
        "auth",
        &[
            ("mozci auth status", "where credentials come from, and what they allow"),
            ("mozci auth status --json", "for a program"),
            ("mozci auth status --format markdown", "for an issue"),
        ],
    ),
    (
        "guard",
        &[
            ("mozci guard status", "each limit, and what is used of it"),
            (
                "mozci guard status test-linux2404-64/opt-mochitest-plain-1",
                "and whether a job may run",
            ),
            ("mozci guard status --json", "for a program"),
        ],
    ),
    (
        "requests",
        &[
            ("mozci requests", "the newest requests from here"),
            ("mozci requests --since 2026-01-31", "all since a day"),
            ("mozci requests --open", "those that are unconfirmed"),
        ],
    ),
    (
        "config",
        &[
            ("mozci config init", "write a config for your CI, step by step"),
            ("mozci config list", "the CIs and repositories that there are"),
            ("mozci config path", "where the config file is"),
        ],
    ),
    (
        "cache",
        &[
            ("mozci cache", "what the cache holds"),
            ("mozci cache --json", "for a program"),
            ("mozci cache clear", "remove it; the ledger stays"),
        ],
    ),
    (
        "completions",
        &[
            ("mozci completions bash", "for Bash"),
            ("mozci completions zsh", "for Zsh"),
            ("mozci completions fish", "for Fish"),
        ],
    ),
];
