"""The measures of evidence: how fast logs are read, in how much memory, and what a range costs."""

import gzip
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BINARY = ROOT / "target/release/mozci"
LOGS = ROOT.parent / "shared/data/logs"
RUNS = 5
MB = 1_000_000


def content(path):
    return gzip.open(path).read() if path.suffix == ".gz" else path.read_bytes()


def repeated(folder, name, pattern, size):
    """A file of so many bytes of the real logs whose names fit, one after the other."""
    logs = sorted(LOGS.glob(pattern))
    if not logs:
        sys.exit(f"{LOGS} has no {pattern}: the measures of evidence need its logs")
    one = b"".join(log if log.endswith(b"\n") else log + b"\n" for log in map(content, logs))
    path = Path(folder) / name
    with path.open("wb") as file:
        written = 0
        while written < size:
            written += file.write(one)
    return path


def seconds(command, runs=RUNS):
    """The median wall time of a command on one core, with its file warm."""
    times = []
    for _ in range(runs):
        begin = time.perf_counter()
        done = subprocess.run(["taskset", "-c", "0", *map(str, command)], stdout=subprocess.PIPE)
        times.append(time.perf_counter() - begin)
        if done.returncode not in (0, 1):
            sys.exit(f"{command[0]} ended with {done.returncode}")
    return statistics.median(times), done.stdout


def ours(path):
    wall, out = seconds([BINARY, "failures", "--file", path, "--json"])
    return path.stat().st_size / wall / 1e9, json.loads(out)


def peak_of_a_stream(path, size):
    """The most memory, in MiB, that a log of so many bytes takes that comes on standard input."""
    command = [BINARY, "failures", "--file", "-", "--json"]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    for _ in range(size // path.stat().st_size + 1):
        with path.open("rb") as file:
            while piece := file.read(1 << 20):
                child.stdin.write(piece)
    # Its own high water mark: what wait4 tells has this process's memory in it, from before exec.
    status = Path(f"/proc/{child.pid}/status").read_text()
    child.stdin.close()
    if child.wait() != 0:
        sys.exit(f"reading a large log ended with {child.returncode}")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def judged(rows):
    """The labelled red logs and the cases of the shared folder, by their own judges."""
    shared = ROOT.parent / "shared"
    judge = shared / "cases/logchunks.py"
    if not judge.exists():
        rows.append(("labelled red logs of other projects", "≥ 92 % hit, 0 silent", "not there"))
        return
    run = lambda *arguments, **more: subprocess.run(
        [sys.executable, *map(str, arguments)], capture_output=True, text=True, **more
    ).stdout.strip().splitlines()[-1]
    found = run(judge, shared / "data/logchunks", BINARY)
    rows.append(("398 labelled red logs of other projects (LogChunks, our half)", "≥ 92 % hit, 0 silent", found))
    told = [
        run(shared / "cases" / name, shared / "cases/evidence", env=dict(os.environ, MOZCI=str(BINARY)))
        for name in ("judge.py", "judge_pairs.py")
    ]
    rows.append(("cases of `../shared/cases/evidence`; pairs of signatures", "all", "; ".join(told)))


def evidence(rows, world):
    """`world` serves a simulated CI."""
    judged(rows)
    rules = ["cargo", "run", "--release", "--quiet", "--locked", "-p", "mozci-evidence", "--example", "rules"]
    pattern = subprocess.run(rules, cwd=ROOT, capture_output=True, check=True).stdout.decode().rstrip("\n")
    print(f"the rules as rg is given them: {pattern}", flush=True)
    with tempfile.TemporaryDirectory(prefix="mozci-bench-") as folder:
        log = repeated(folder, "text.log", "*.log.gz", 200 * MB)
        text, told = ours(log)
        # With so many alternatives rg takes a second a megabyte or two: it gets the beginning.
        small = log.with_name("small.log")
        with log.open("rb") as source:
            small.write_bytes(source.read(4 * MB))
        wall, count = seconds(["rg", "-a", "-c", "-j1", pattern, small], runs=1)
        rg = small.stat().st_size / wall / 1e9
        what = "text log, 200 MB of real ones, all rules, `--json`, one core; `rg -c -j1` with the same rules on its first 4 MB"
        found = f"{text:.2f} GB/s, {told['total']} failures; rg: {rg:.4f} GB/s, {int(count)} lines: {text / rg:.0f} ×"
        rows.append((what, "≥ 2 × rg's", found))
        peak = peak_of_a_stream(log, 2_000 * MB)
        rows.append(("a text log of 2 GB: peak memory", "≤ 32 MB", f"{peak:.0f} MiB"))
        log.unlink()
        raw, _ = ours(repeated(folder, "raw.log", "*_raw.log.gz", 200 * MB))
        rows.append(("raw structured log, 200 MB of real ones", "≥ 0.5 GB/s", f"{raw:.2f} GB/s"))
        summary, _ = ours(repeated(folder, "errorsummary.log", "*_errorsummary.log", 200 * MB))
        rows.append(("errorsummary, 200 MB of real ones", "≥ 0.3 GB/s", f"{summary:.2f} GB/s"))
    job = "test-linux2404-64/opt-mochitest-plain-1"
    ask = ("failures", job, "--rev", "tip", "--back-revisions", 39)
    with world("--pushes", 60, "--latency-ms", 50, "--newest-minutes-ago", 600) as served:
        cold = []
        for _ in range(RUNS):
            served.forget()
            cold.append(served.run(*ask))
        warm = served.run(*ask)
        for_a_test = ("backfill", job, "--rev", "tip", "--dry-run", "--test", "dom/group-0/test/test_0_0.html")
        served.forget()
        by_test = served.run(*for_a_test)
    middle = lambda key: round(statistics.median(cost[key] for cost in cold))
    found = f"{middle('wall_ms')} ms; {middle('http_requests')}; again: {warm['wall_ms']} ms; {warm['http_requests']}"
    rows.append(("`failures`, one job over 40 pushes: wall; requests; the same with a warm cache", "nothing twice", found))
    found = f"{by_test['wall_ms']} ms; {by_test['http_requests']}"
    rows.append(("`backfill --dry-run --test T` over 40 pushes, any chunk: wall; requests", "say them", found))
