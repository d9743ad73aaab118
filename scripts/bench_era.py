"""Measures how fast the Buildbot-era sources are read: a day's dump, and which build a test hangs on."""

import gzip
import hashlib
import json
import statistics
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "target/release/examples/era_speed"
PAIRS = ROOT / "../shared/data/buildbot-era/test_to_build.json"
BUILDS = 60_000
RUNS = 5


def row(number):
    """A build with the properties that those of 2015 have, about 1,350 bytes."""
    revision = hashlib.sha1(str(number // 200).encode()).hexdigest()
    builder = f"Ubuntu VM 12.04 x64 mozilla-inbound opt test mochitest-{number % 30}"
    blobs = {f"{name}.log": f"http://mozilla-releng-blobs.s3.example.org/blobs/mozilla-inbound/sha512/{number}{name}"
             for name in ("raw", "errorsummary", "qemu")}
    return {
        "builder_id": 200_000 + number % 900, "buildnumber": number % 4000, "endtime": 1_425_000_600 + number,
        "id": 60_000_000 + number, "master_id": 70 + number % 30, "reason": "scheduler", "result": number % 40 // 39,
        "request_ids": [65_000_000 + number], "requesttime": 1_425_000_000, "slave_id": number % 3000,
        "starttime": 1_425_000_000 + number,
        "properties": {
            "appName": "firefox", "basedir": "/builds/slave/test", "blobber_files": json.dumps(blobs),
            "branch": "mozilla-inbound", "build_url": f"http://ftp.example.org/{revision}/firefox-39.0a1.tar.bz2",
            "builddir": "test", "buildername": builder, "buildid": "20150301003025", "buildnumber": number % 4000,
            "hashType": "sha512", "log_url": f"http://ftp.example.org/{revision}/{number}.txt.gz",
            "master": f"http://buildbot-master{number % 100}.example.org:8201/", "platform": "linux64",
            "product": "firefox", "project": "", "repo_path": "integration/mozilla-inbound",
            "repository": "", "request_ids": [65_000_000 + number], "request_times": {str(number): 1_425_000_000},
            "revision": revision, "scheduler": "tests-mozilla-inbound-ubuntu64_vm-opt-unittest",
            "script_repo_revision": "production", "slavebuilddir": "test", "slavename": f"tst-linux64-spot-{number % 900}",
            "stage_platform": "linux64", "who": "somebody@example.org",
        },
    }


def told(*arguments):
    done = subprocess.run([EXAMPLE, *map(str, arguments)], capture_output=True, check=True)
    return json.loads(done.stdout)


def era(rows):
    build = ["cargo", "build", "--release", "--locked", "-p", "mozci", "--example", "era_speed"]
    subprocess.run(build, cwd=ROOT, check=True)
    with tempfile.TemporaryDirectory(prefix="mozci-bench-") as folder:
        path = Path(folder) / "builds-2015-03-01.js.gz"
        text = json.dumps({"builds": [row(number) for number in range(BUILDS)]})
        path.write_bytes(gzip.compress(text.encode(), 6))
        runs = [told("dump", path) for _ in range(RUNS)]
    seconds = statistics.median(run["seconds"] for run in runs)
    memory = max(run["peak_rss_kib"] for run in runs) / 1024
    rows.append((
        f"a day's buildjson, {BUILDS:,} builds, {len(text) / 1e6:.0f} MB unpacked, from gzip on one core; most memory",
        "≥ 200 MB/s; ≤ 32 MB",
        f"{len(text) / 1e6 / seconds:.0f} MB/s; {memory:.1f} MiB",
    ))
    if not PAIRS.exists():
        print(f"skipped: {PAIRS} is not there")
        return
    runs = [told("mapping", PAIRS) for _ in range(RUNS)]
    say = lambda key: f"{statistics.median(run[key] for run in runs):.1f} ms"
    rows.append((
        f"the build of each of {runs[0]['tests']:,} tests ({runs[0]['right']:,} right), by allthethings.json of "
        f"{runs[0]['bytes'] / 1e6:.1f} MB; reading that file",
        "≤ 50 ms",
        f"{say('map_ms')}; {say('parse_ms')}",
    ))
