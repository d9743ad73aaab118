"""Makes the Git repository that the test's Buildbot builds, and prints its revisions as JSON.

Forty commits on `main`, each a minute after the one before but for one whose date is years ahead. What builds and tests do is written in
the files of each commit, so that the truth is in the repository itself.
"""

import json
import subprocess
import sys

COMMITS = 40


def build(n):
    return "broken" if n in (10, 11) else "ok"


def test(n):
    if 14 <= n < 18 or n >= 35:
        return "fail"
    return "once" if n == 21 else "ok"


def main(path):
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", path], check=True)
    lines = []
    for n in range(1, COMMITS + 1):
        message = {10: "Break the build", 12: "Mend the build", 14: "Break a test"}.get(n)
        message = message or {18: "Back out the broken test", 35: "Break a test for good"}.get(n)
        message = (message or f"Change number {n}") + "\n"
        # The clock of whoever made the thirteenth is years ahead.
        date = 1795000000 + 60 * n + (10**8 if n == 13 else 0)
        who = f"Dev {n % 5} <dev{n % 5}@example.org> {date} +0000"
        lines += ["commit refs/heads/main", f"author {who}", f"committer {who}"]
        lines += [f"data {len(message)}", message]
        for name, text in (("build.state", build(n)), ("test.state", test(n)), ("n", str(n))):
            lines += [f"M 100644 inline {name}", f"data {len(text)}", text]
    script = "\n".join(lines) + "\n"
    git = ["git", "-C", path]
    subprocess.run([*git, "fast-import", "--quiet"], input=script.encode(), check=True)
    log = [*git, "log", "--reverse", "--format=%H", "main"]
    listed = subprocess.run(log, check=True, capture_output=True, text=True)
    print(json.dumps(listed.stdout.split()))


main(sys.argv[1])
