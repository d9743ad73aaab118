"""The measures of evidence: how fast logs are read, in how much memory, and what a range costs."""

import gzip
import json
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


def seconds(command):
    """The median wall time of a command on one core, with its file warm."""
    times = []
    for _ in range(RUNS):
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


def evidence(rows, world):
    """`world` serves a simulated CI."""
    rules = ["cargo", "run", "--release", "--quiet", "--locked", "-p", "mozci-evidence", "--example", "rules"]
    pattern = subprocess.run(rules, cwd=ROOT, capture_output=True, check=True).stdout.decode().rstrip("\n")
    print(f"the rules as rg is given them: {pattern}", flush=True)
    with tempfile.TemporaryDirectory(prefix="mozci-bench-") as folder:
        log = repeated(folder, "text.log", "*.log.gz", 200 * MB)
        text, told = ours(log)
        wall, count = seconds(["rg", "-c", "-j1", pattern, log])
        rg = log.stat().st_size / wall / 1e9
        what = "text log, 200 MB of real ones, all rules, `--json`, one core; `rg -c -j1` with the same rules in the same run"
        found = f"{text:.2f} GB/s, {told['total']} failures; rg: {rg:.2f} GB/s, {int(count)} lines: {text / rg:.1f} ×"
        rows.append((what, "≥ rg's", found))
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
