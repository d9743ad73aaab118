#!/usr/bin/env python3
"""Measures the search for a culprit and writes docs/bisect.md.

Usage: scripts/bench_bisect.py [--quick] [--hunts FILE] [--hard FILE] [--keep-peer] [--only-grid]. Needs cargo and Python 3; git_bayesect, which the numbers stand
beside, is installed from PyPI into the cache folder (MOZCI_CACHE, else .cache/). The hunts end to end
are 200 worlds on the simulated CI (20 with --quick), two at once; with --hunts they are taken from what
scripts/bench_hunts.py 200 has written to stderr, and with --only-hunts they alone are written anew. The
numbers of git_bayesect are taken from the document with --keep-peer. The
500 hard worlds (what fails moves between chunks, was backed out, landed again, has two causes, comes and goes at
both ends) are those of scripts/bench_hunts.py 500 2001; with --hard FILE they are taken from there, and with
--only-hard they alone are written anew.
"""

import collections
import datetime
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
import bench_hunts  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
GRID = ROOT / "target/release/examples/bisect_grid"
PINS = ["git-bayesect==1.2", "numpy==2.2.6", "scipy==1.15.3"]

# Cells of the grid: n, p, q, what else; then what an oracle needed where the plan of the house has it,
# and git_bayesect's number from there.
CELLS = [
    (8, 1, 0, {}),
    (8, 0.5, 0.01, {}),
    (8, 0.5, 0.05, {}),
    (8, 0.1, 0.01, {}),
    (32, 1, 0, {}),
    (32, 1, 0.01, {}),
    (32, 0.5, 0.01, {}),
    (32, 0.5, 0.05, {}),
    (32, 0.3, 0.01, {}),
    (32, 0.1, 0.01, {}),
    (128, 1, 0.01, {}),
    (128, 0.5, 0, {}),
    (128, 0.5, 0.01, {}),
    (128, 0.5, 0.05, {}),
    (128, 0.2, 0.01, {}),
    (128, 0.1, 0, {}),
    (128, 0.1, 0.01, {}),
    (1024, 1, 0.01, {}),
    (1024, 0.5, 0.01, {}),
    (128, 0.5, 0.01, {"k": 8}),
    (128, 0.5, 0.01, {"k": 4, "shuffle": True}),
    (128, 0.5, 0.01, {"unbuildable": 0.3}),
    (32, 0.5, 0.05, {"unbuildable": 0.1, "k": 8, "shuffle": True}),
    (128, 0.5, 0.01, {"history": 0}),
]

PEER = """
import json, random, sys
from git_bayesect import Bisector
n, p, q, trials, seed = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
draw = random.Random(seed)
jobs = wrong = 0
for _ in range(trials):
    culprit = draw.randrange(n)  # counted from the newest
    bisector = Bisector([1.0] * n + [0.0])
    bisector.record(n, False)
    bisector.record(0, True)
    bad = 1 - (1 - p) * (1 - q)
    for _ in range(20000):
        found = bisector.distribution
        best = int(found.argmax())
        if found[best] >= 0.99:
            break
        index = bisector.select()
        jobs += 1
        bisector.record(index, draw.random() < (bad if index <= culprit else q))
    wrong += best != culprit
print(json.dumps({"jobs": jobs / trials, "wrong": wrong / trials}))
"""


def grid(n, p, q, more, *flags, trials=1000):
    """One cell."""
    command = [GRID, "--n", n, "--p", p, "--q", q, "--trials", trials, "--seed", 1, "--json", *flags]
    for name, value in more.items():
        command += [f"--{name}"] if value is True else [f"--{name}", value]
    done = subprocess.run([str(part) for part in command], capture_output=True, check=True)
    return json.loads(done.stdout)


def peer_python():
    """A Python with git_bayesect."""
    cache = Path(os.environ.get("MOZCI_CACHE", ROOT / ".cache"))
    venv = cache / "bayesect"
    if not (venv / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(venv)], check=True)
        pip = [str(venv / "bin/pip"), "install", "--quiet", "--disable-pip-version-check", *PINS]
        subprocess.run(pip, check=True)
        (venv / "ready").touch()
    return str(venv / "bin/python")


def peer(python, n, p, q, trials):
    """git_bayesect on histories drawn in the same way."""
    command = [python, "-c", PEER, *map(str, (n, p, q, trials, 1))]
    return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)


BEGIN = "End to end on the simulated CI: "


def read_rows():
    """What scripts/bench_hunts.py has written."""
    told = Path(sys.argv[sys.argv.index("--hunts") + 1]).read_text().splitlines()
    return [json.loads(line) for line in told if line.startswith("{")]


def hunts(rows):
    """What searches end to end came to."""
    right = collections.Counter(row["right"] for row in rows)
    merged = [row for row in rows if row["seed"] >= bench_hunts.MERGED]
    yield (
        f"{BEGIN}{len(rows)} worlds (4 to 70 suspects, p from 1 to 0.1, broken builds, infra noise; "
        f"{len(merged)} of them with a culprit that came with a merge, searched from mozilla-central), killed "
        f"{sum(row['killed'] for row in rows)} times in the middle, {sum(row['runs'] or 0 for row in rows)} runs: "
        f"{right[True]} right, {right[False]} wrong, {right[None]} undecided."
    )
    others = [row for row in rows if row["right"] is not True]
    if others:
        yield ""
    for row in others:
        yield (
            f"- seed {row['seed']}: {row['suspects']} suspects, culprit {row['culprit']}, p {row['rate']}, "
            f"q {row['background']}, {row['runs']} runs: {row['summary'] or row['verdict']}"
        )


HARD = "Hard worlds on the simulated CI: "


def hard(rows):
    """What searches came to in worlds in which the simple reading convicts somebody innocent."""
    right = collections.Counter(row["right"] for row in rows)
    sure = [row for row in rows if row["right"] is False and row["flakiness_agrees"] is False]
    by_job = [row for row in rows if row["kind"] == "drift" and row["by_job"]]
    good = sum(row["right"] is True for row in by_job)
    yield (
        f"{HARD}{len(rows)} searches (12 to 48 suspects, half of them by the job alone, broken builds, a Treeherder that "
        f"is hours behind, records that name one task of several, others who ask), "
        f"{sum(row['runs'] or 0 for row in rows)} runs."
    )
    yield ""
    yield "| what | must reach | reached |"
    yield "|---|---|---|"
    yield f"| wrong | ≤ 1 % | {right[False]} of {len(rows)} ({right[False] / len(rows) * 100:.1f} %) |"
    yield f"| wrong and sure against `flakiness` on the same runs | 0 | {len(sure)} |"
    yield f"| searches by the job where manifests move between chunks: right | ≥ 95 % | {good} of {len(by_job)} |"
    yield ""
    yield "| kind | right | wrong | undecided |"
    yield "|---|---|---|---|"
    for kind in bench_hunts.HARD_KINDS:
        of = collections.Counter(row["right"] for row in rows if row["kind"] == kind)
        yield f"| {kind} | {of[True]} | {of[False]} | {of[None]} |"
    yield ""
    summaries = collections.Counter(
        " ".join(row["summary"].split(" · ")[0].split()) for row in rows if row["right"] is None
    )
    yield "Undecided: " + ", ".join(f"{what} ({count})" for what, count in summaries.most_common()) + "."
    for row in rows:
        if row["right"] is False:
            yield ""
            yield f"Wrong: seed {row['seed']}, {row['kind']}, p {row['rate']}, q {row['background']}: {row['summary'] or row['verdict']}"


def hard_rows(quick):
    """The hard worlds' searches, from a file or made."""
    if "--hard" in sys.argv:
        told = Path(sys.argv[sys.argv.index("--hard") + 1]).read_text().splitlines()
        return [json.loads(line) for line in told if line.startswith("{")]
    binary = str(ROOT / "target/release/mozci")
    return bench_hunts.hunts(binary, 30 if quick else 500, bench_hunts.HARD)


def kept_peer():
    """git_bayesect's numbers as they stand in the document, by cell."""
    rows = (ROOT / "docs/bisect.md").read_text().splitlines()
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows if row.startswith("| ")]
    return {row[0]: row[-1] for row in cells if len(row) in (10, 12)}


def older_and_since(trials):
    """What the tables above do not have: truth before all suspects, and runs after the bad push."""
    yield "It failed before all suspects already, and the good push passed once by luck:"
    yield ""
    yield "| n, p | runs | wrong (95 %) | told as older |"
    yield "|---|---|---|---|"
    for n, p in ((4, 0.5), (8, 0.5), (32, 0.5), (128, 0.5), (8, 0.2), (32, 0.2), (128, 0.2), (8, 1)):
        found = grid(n, p, 0.01, {}, "--older", "--no-oracle", trials=trials)
        yield (
            f"| {n}, {p} | {found['jobs_mean']:.1f} | {found['wrong_rate']:.4f} ({found['wrong_rate_low']:.4f} to "
            f"{found['wrong_rate_high']:.4f}) | {found['older_rate'] * 100:.1f} % |"
        )
    yield ""
    yield "With 20 runs of pushes after the bad one; misfits with a budget of 200:"
    yield ""
    yield "| n, p, q | runs | oracle | wrong (95 %) |"
    yield "|---|---|---|---|"
    since = ["--since", "20"]
    for n, p, q, more in (
        (8, 0.5, 0.01, []), (32, 0.5, 0.01, []), (128, 0.5, 0.01, []), (8, 1, 0, []), (32, 1, 0.01, []),
        (128, 1, 0.01, []), (32, 0.5, 0.01, ["--since-fixed"]), (8, 0.5, 0.01, ["--older"]),
        (64, 0.5, 0.01, ["--misfit", "two", "--budget", "200"]),
        (64, 0.5, 0.01, ["--misfit", "fix", "--budget", "200"]),
        (64, 0.5, 0.03, ["--misfit", "drift", "--budget", "200"]),
        (64, 0.5, 0.1, ["--misfit", "drift", "--budget", "200"]),
    ):
        found = grid(n, p, q, {}, *since, *more, trials=trials)
        what = ", ".join([str(n), str(p), str(q), *[word.lstrip("-") for word in more if word not in ("--budget", "200")]])
        oracle = f"{found['oracle_jobs_mean']:.1f}" if found["oracle_jobs_mean"] else ""
        yield (
            f"| {what} | {found['jobs_mean']:.1f} | {oracle} | {found['wrong_rate']:.4f} ({found['wrong_rate_low']:.4f} "
            f"to {found['wrong_rate_high']:.4f}) |"
        )
    yield ""


def main():
    if "--only-hard" in sys.argv:
        path = ROOT / "docs/bisect.md"
        kept = path.read_text().split(HARD)[0].rstrip()
        path.write_text(kept + "\n\n" + "\n".join(hard(hard_rows(False))) + "\n")
        return
    if "--only-hunts" in sys.argv:
        path = ROOT / "docs/bisect.md"
        kept, after = path.read_text().split(BEGIN)
        after = HARD + after.split(HARD)[1] if HARD in after else ""
        path.write_text(kept + "\n".join(hunts(read_rows())) + "\n" + ("\n" + after if after else ""))
        return
    quick = "--quick" in sys.argv
    build = ["cargo", "build", "--release", "--quiet"]
    subprocess.run([*build, "-p", "mozci-core", "--example", "bisect_grid"], cwd=ROOT, check=True)
    subprocess.run([*build, "-p", "mozci"], cwd=ROOT, check=True)
    python = None if "--keep-peer" in sys.argv else peer_python()
    trials = 200 if quick else 10_000
    others = trials // 5
    kept = kept_peer() if "--keep-peer" in sys.argv else {}
    lines = []
    say = lines.append
    say("# The search for a culprit, measured")
    say("")
    cpu = next(
        (line.split(":")[1].strip() for line in open("/proc/cpuinfo") if "model name" in line), "?"
    )
    today = datetime.date.today().isoformat()
    say(f"Made by `scripts/bench_bisect.py` on {today}: {cpu}, {os.cpu_count()} cores, {platform.system()}.")
    say(f"{trials} histories a cell with one run at a time, {others} otherwise, δ = 0.01, the background known from 200 runs. Runs are means; the oracle")
    say("knows both rates and goes by the same rules; git_bayesect (PyPI, 1.2) stops at 99 % on 200 histories")
    say("drawn in the same way (60 where p is 0.1), one run at a time. Floor: for every method that knows neither rate")
    say("and is wrong at most δ at each, runs to tell the culprit from its neighbours; with older: where δ holds of what")
    say("is older than all suspects, too (`crates/core/src/bisect/floor.rs`). Neither counts runs to find the place.")
    say("")
    say("| n, p, q | runs | 95th | rounds | wrong (95 %) | undecided | bound | floor | with older | oracle | runs / oracle | git_bayesect (wrong) |")
    say("|---|---|---|---|---|---|---|---|---|---|---|---|")
    wrong = total = 0
    cells = {}
    for n, p, q, more in CELLS:
        count = others if more.get("k", 1) > 1 else trials
        found = grid(n, p, q, more, trials=count)
        cells[(n, p, q, json.dumps(more))] = found
        wrong += round(found["wrong_rate"] * count)
        total += count
        beside = ""
        if not more or set(more) == {"history"}:
            small = 60 if p <= 0.1 else 200
            if python:
                told = peer(python, n, p, q, small if not quick else 20)
                beside = f"{told['jobs']:.1f} ({told['wrong']:.3f})"
        extra = "".join(f", {name} {value}" if value is not True else f", {name}" for name, value in more.items())
        beside = beside or kept.get(f"{n}, {p}, {q}{extra}", "")
        say(
            f"| {n}, {p}, {q}{extra} | {found['jobs_mean']:.1f} | {found['jobs_p95']} | {found['rounds_mean']:.1f} "
            f"| {found['wrong_rate']:.4f} ({found['wrong_rate_low']:.4f} to {found['wrong_rate_high']:.4f}) "
            f"| {found['undecided_rate'] + found['gave_up_rate']:.4f} | {found['bound_jobs']:.1f} "
            f"| {found['runs_bound_unknown']:.1f} | {found['runs_bound_older']:.1f} | {found['oracle_jobs_mean']:.1f} | {found['jobs_mean'] / found['oracle_jobs_mean']:.2f} | {beside} |"
        )
        print(lines[-1], flush=True)
    say("")
    say(f"Wrong over all cells: {wrong} of {total}, {wrong / total:.4f}.")
    say("")
    say("| what | must reach | reached |")
    say("|---|---|---|")
    for n, q, most in ((32, 0, 7.5), (128, 0.01, 9.7)):
        found = grid(n, 1, q, {}, "--deterministic", "--no-oracle", trials=trials)
        say(f"| `--deterministic`, n = {n}, q = {q}: runs (wrong) | ≤ {most} | {found['jobs_mean']:.1f} ({found['wrong_rate']:.4f}) |")
    found = grid(128, 0.5, 0.01, {"absent": 1}, "--p-min", "0.3", "--no-oracle", trials=trials)
    say(f"| no culprit, p_min 0.3, n = 128: runs; said to be none | ≤ 16.3; ≥ 99 % | {found['jobs_mean']:.1f}; {found['none_rate'] * 100:.1f} % |")
    one, eight = cells[(128, 0.5, 0.01, "{}")], cells[(128, 0.5, 0.01, '{"k": 8}')]
    say(
        f"| k = 8, n = 128, p = 0.5: rounds; runs to those of k = 1 | ≤ 8; ≤ 1.4 | {eight['rounds_mean']:.1f}; "
        f"{eight['jobs_mean'] / one['jobs_mean']:.2f} |"
    )
    for n, p, q in ((32, 1, 0), (128, 0.5, 0.01), (32, 0.1, 0.01)):
        lowest = cells[(n, p, q, "{}")]["bound_jobs"]
        told = []
        for times in (3, 4, 6):
            found = grid(n, p, q, {"budget": round(times * lowest)}, "--no-oracle", trials=trials)
            told.append(f"{times} ×: {found['gave_up_rate'] * 100:.1f} %")
        say(f"| given up, n = {n}, p = {p}, q = {q}, with a budget of so many times the bound | 3 ×: ≤ 1 % | {'; '.join(told)} |")
    large = cells[(1024, 0.5, 0.01, "{}")]
    say(f"| a decision at n = 1024, k = 1 | ≤ 0.2 ms | {large['decision_us'] / 1000:.3f} ms |")
    for kind, p, q in (("two", 0.5, 0.01), ("fix", 0.5, 0.01), ("drift", 0.5, 0.01), ("drift", 0.5, 0.03), ("drift", 0.5, 0.1)):
        found = grid(64, p, q, {"misfit": kind, "budget": 200}, trials=max(100, trials // 2))
        say(
            f"| misfit: {kind}, p = {p}, q = {q}, budget 200: wrong; undecided or budget spent; none | ≤ 5 % | {found['wrong_rate'] * 100:.1f} %; "
            f"{(found['undecided_rate'] + found['gave_up_rate']) * 100:.1f} %; {found['none_rate'] * 100:.1f} % |"
        )
    say("")
    say("What is not reached, and why. A budget of three times the bound ends before the 99th search in a hundred:")
    say("where the rates are not known runs are spent on them, and their number varies as much as its mean.")
    say("Where what is older than all suspects is held to δ, too, no method that does not know the rates can do with fewer")
    say("runs than stands under `with older`: at n = 8 and p = 0.5 that is more than an oracle needs, more than this search")
    say("took before it was held to it (28.9 and 38.1), and the reason why runs are no fewer there. The prior of rates")
    say("trades one for the other. A background that rises from a tenth to a half within the range is told from a culprit too")
    say("seldom. `none` in a range with a fix means that nothing makes the bad push fail any more.")
    done = subprocess.run(
        [GRID, "--n", "32", "--trials", str(3 * trials), "--seed", "3", "--calibrate"], capture_output=True, check=True
    )
    say("")
    for line in older_and_since(trials):
        say(line)
    say("Worlds drawn from what is believed beforehand (n = 32), stopped at each confidence once:")
    say("")
    say("| stopped at | claimed | right (95 %) |")
    say("|---|---|---|")
    for line in done.stdout.decode().splitlines():
        one = json.loads(line)
        say(
            f"| {one['confidence']} | {one['claimed_mean']:.4f} | {one['right_rate']:.4f} ({one['right_low']:.4f} to {one['right_high']:.4f}) |"
        )
    if "--only-grid" in sys.argv:
        # What was searched end to end stands in the document already.
        after = (ROOT / "docs/bisect.md").read_text().split(BEGIN)[1]
        (ROOT / "docs/bisect.md").write_text("\n".join(lines) + "\n\n" + BEGIN + after)
        return
    if "--hunts" in sys.argv:
        rows = read_rows()
    else:
        binary = str(ROOT / "target/release/mozci")
        rows = bench_hunts.hunts(binary, 20 if quick else 200)
        rows += bench_hunts.hunts(binary, 2 if quick else 20, bench_hunts.MERGED)
    lines += ["", *hunts(rows), "", *hard(hard_rows(quick))]
    if not quick:
        (ROOT / "docs/bisect.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
