"""The measures on a real Buildbot master whose database was filled for them.

The master is the one that scripts/test installs. Ten builders ran on a thousand revisions, a build
and nine tests that depend on it, so that it has 10,000 builds and some requests that were coalesced.
"""

import contextlib
import hashlib
import json
import os
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BINARY = ROOT / "target/release/mozci"
BUILDERS = ["build"] + [f"test-{n}" for n in range(1, 10)]
REVISIONS, BUILDS, RANGE = 1010, 10_000, 100
# The test that is backfilled fails on the newest revisions, and was coalesced on some of them.
CHASED, BAD_FOR = "test-3", 35
RUNS = 9

CONFIG = """
from buildbot.plugins import schedulers, util, worker
c = BuildmasterConfig = {{}}
c["title"] = c["titleURL"] = "bench"
c["buildbotURL"] = "http://127.0.0.1:{port}/"
c["buildbotNetUsageData"] = None
c["db"] = {{"db_url": "sqlite:///state.sqlite"}}
c["protocols"] = {{"null": {{}}}}
c["workers"] = [worker.LocalWorker("local")]
c["builders"] = [
    util.BuilderConfig(name=name, workernames=["local"], factory=util.BuildFactory())
    for name in {builders}
]
c["schedulers"] = [schedulers.ForceScheduler(name="force", builderNames={builders})]
c["www"] = {{"port": "tcp:{port}:interface=127.0.0.1"}}
"""


def programs():
    """The folder of Buildbot's programs."""
    given = os.environ.get("MOZCI_TEST_BUILDBOT")
    ready = sorted((ROOT / ".cache").glob("buildbot-*/ready"), key=lambda mark: mark.stat().st_mtime)
    folder = Path(given) if given else (ready[-1].parent / "bin" if ready else None)
    if folder is None:
        sys.exit("no Buildbot: run scripts/test first")
    return folder


def revision(number):
    return hashlib.sha1(f"revision {number}".encode()).hexdigest()


def fill(path, now):
    """Writes the history into a master's database, as the master itself would have."""
    db = sqlite3.connect(path)
    ids = dict(db.execute("SELECT name, id FROM builders"))
    master, worker = (db.execute(f"SELECT id FROM {table}").fetchone()[0] for table in ("masters", "workers"))
    first = now - 600 * REVISIONS
    sets = requests = builds = 0
    numbers = dict.fromkeys(BUILDERS, 0)

    def build_set(of, at, reason, names, skipped=()):
        nonlocal sets, requests, builds
        sets += 1
        db.execute("INSERT INTO buildsets VALUES (?,?,?,?,1,?,0,?,?,?)", (sets, None, reason, at, at + 60, None, None, None))
        db.execute("INSERT INTO buildset_sourcestamps VALUES (?,?,?)", (sets, sets, of))
        for name in names:
            requests += 1
            result = 3 if name in skipped else (2 if name == CHASED and of > REVISIONS - BAD_FOR else 0)
            end = at + (600 if name in skipped else 60)
            db.execute("INSERT INTO buildrequests VALUES (?,?,?,0,1,?,?,?,0)", (requests, sets, ids[name], result, at, end))
            db.execute("INSERT INTO buildrequest_claims VALUES (?,?,?)", (requests, master, end if name in skipped else at))
            if name in skipped or builds == BUILDS:
                continue
            builds += 1
            numbers[name] += 1
            values = (builds, numbers[name], ids[name], requests, worker, master, at, at + 60, "build done", result)
            db.execute("INSERT INTO builds VALUES (?,?,?,?,?,?,?,?,0,?,?)", values)
            db.execute("INSERT INTO build_properties VALUES (?,'got_revision',?,'Git')", (builds, json.dumps(revision(of))))

    for number in range(1, REVISIONS + 1):
        at, name = first + 600 * number, revision(number)
        db.execute("INSERT INTO sourcestamps VALUES (?,?,'main',?,NULL,'/repo','','',?)", (number, name, name, at))
        db.execute(
            "INSERT INTO changes VALUES (?,?,NULL,'A change','main',?,'',?,NULL,'/repo','','',?,?)",
            (number, "Dev <dev@example.org>", name, at, number, number - 1 or None),
        )
        build_set(number, at, "The SingleBranchScheduler scheduler named 'commits' triggered this build", BUILDERS[:1])
        skipped = [CHASED] if number > REVISIONS - BAD_FOR and number % 3 == 0 else []
        build_set(number, at + 61, "downstream", BUILDERS[1:], skipped)
    db.commit()
    db.close()
    return builds


@contextlib.contextmanager
def farm():
    """A master that runs while the block lasts: its URL, a home for mozci, its number of builds."""
    bin, home = programs(), Path(tempfile.mkdtemp(prefix="mozci-bench-"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url, folder = f"http://127.0.0.1:{port}", home / "master"
    folder.mkdir()
    (folder / "master.cfg").write_text(CONFIG.format(port=port, builders=BUILDERS))
    environment = {**os.environ, "PATH": f"{bin}:{os.environ['PATH']}"}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": environment}
    subprocess.run([bin / "buildbot", "create-master", "-q", folder], check=True, **quiet)

    def run():
        process = subprocess.Popen([bin / "buildbot", "start", "--nodaemon", folder], **quiet)
        for _ in range(600):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{url}/api/v2/builders").read()
                return process
            time.sleep(0.1)
        sys.exit("the master did not start")

    # The first start makes the builders.
    process = run()
    process.terminate()
    process.wait()
    builds = fill(folder / "state.sqlite", int(time.time()))
    process = run()
    config = f'default_ci = "farm"\n[ci.farm]\nkind = "buildbot"\nurl = "{url}"\nrequests_per_minute = 100000\n'
    (home / "config.toml").write_text(config + '[ci.farm.repos.main]\npushlog = "changes"\n')
    try:
        yield url, home, builds
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(home)


def mozci(home, *arguments):
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(home),
        "XDG_STATE_HOME": str(home / "state"), "XDG_CACHE_HOME": str(home / "cache"),
    }
    command = [BINARY, "--config", home / "config.toml", "--json", "--stats", *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True)
    if done.returncode not in (0, 6):
        sys.exit(done.stderr.decode())
    return json.loads(done.stdout)


def buildbot(rows):
    with farm() as (url, home, builds):
        since = int(time.time()) - 600 * RANGE - 600
        lists = [
            f"changes?branch=main&order=-changeid&limit={RANGE}",
            "builders",
            f"buildsets?submitted_at__ge={since}&order=-bsid",
            f"buildrequests?submitted_at__ge={since}&order=-buildrequestid",
            f"builds?started_at__ge={since}&order=-buildid",
        ]
        # One process and one connection for the five, as a careful script would.
        curl = ["curl", "--silent", "--compressed", "-H", "Accept: application/json", "-o", "/dev/null"]
        bare = curl[:-2] + [part for path in lists for part in ("-o", "/dev/null", f"{url}/api/v2/{path}")]
        ours, theirs = [], []
        for _ in range(RUNS):
            begin = time.perf_counter()
            subprocess.run(bare, check=True)
            theirs.append((time.perf_counter() - begin) * 1000)
            read = mozci(home, "jobs", "--rev", "tip", "--back-revisions", RANGE - 1)
            ours.append(read["stats"])
        seen = sum(len(job["runs"]) for push in read["pushes"] for job in push["jobs"].values())
        plan = [mozci(home, "backfill", CHASED, "--rev", "tip", "--dry-run") for _ in range(RUNS)]
    middle = lambda costs, key: statistics.median(cost[key] for cost in costs)
    wall, gets = middle(ours, "wall_ms"), statistics.median(theirs)
    what = (
        f"Buildbot: `jobs` over {RANGE} revisions × {len(BUILDERS)} builders ({seen} runs) on a real master with "
        f"{builds} builds: requests; wall; five bare GETs (changes, builders, buildsets, buildrequests, builds) "
        "with `curl` by turns; memory"
    )
    told = (
        f"{middle(ours, 'http_requests'):.0f}; {wall:.0f} ms; {gets:.0f} ms: {wall / gets:.2f} ×; "
        f"{middle(ours, 'peak_rss_kib') / 1024:.0f} MiB"
    )
    rows.append((what, "≤ 8; ≤ 1.5 ×; ≤ 100 MB", told))
    costs = [one["stats"] for one in plan]
    holes = len(plan[0]["plan"]["requests"])
    told = f"{middle(costs, 'http_requests'):.0f}; {middle(costs, 'wall_ms'):.0f} ms ({holes} holes)"
    rows.append(("the same master: `backfill --dry-run` over 40 revisions: requests; wall", "say them", told))
