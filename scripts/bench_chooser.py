"""Measures `mozci chooser` over a task graph of Firefox CI's size.

The graph is made up: 60,000 tasks, each with the keys, edges and payload that a real one has, about 300 MB.
"""

import gzip
import json
import statistics
import tempfile
from pathlib import Path

TASKS = 60_000
SUITES = ["mochitest-plain", "mochitest-browser-chrome", "xpcshell", "web-platform-tests", "reftest"]


def task(label, kind, platform, build_type, number):
    """One task, of about five kilobytes."""
    attributes = {
        "build_platform": platform, "build_type": build_type, "kind": kind, "retrigger": True,
        "run_on_projects": ["integration"], "artifact_prefix": "public/build", "cached_task": None,
    }
    dependencies = {"docker-image": "docker-image-ubuntu2404-test"}
    if kind == "test":
        suite = SUITES[number % len(SUITES)]
        attributes |= {
            "test_chunk": str(number % 40), "test_platform": f"{platform}-test/{build_type}",
            "unittest_suite": suite, "unittest_variant": [None, "headless", "socketprocess"][number % 3],
            "test_manifests": [f"area-{(number * 7 + i) % 900}/test/{suite}.toml" for i in range(20)],
        }
        dependencies["build"] = f"build-{platform}/{build_type}"
    command = ["/builds/worker/bin/run-task", "--gecko-checkout=/builds/worker/checkouts/gecko", "--"]
    command += [f"export STEP_{i}=/builds/worker/workspace/{number % 97}/step-{i}" for i in range(45)]
    return {
        "attributes": attributes, "dependencies": dependencies, "description": f"{label} of a made up tree",
        "if_dependencies": [], "kind": kind, "label": label, "optimization": {"test": None},
        "soft_dependencies": [],
        "task": {
            "created": {"relative-datestamp": "0 seconds"}, "deadline": {"relative-datestamp": "1 day"},
            "expires": {"relative-datestamp": "28 days"}, "priority": "low", "provisionerId": "gecko-t",
            "workerType": "t-linux-docker", "schedulerId": "gecko-level-3", "retries": 5, "scopes": [],
            "routes": [f"tc-treeherder.v2.autoland.0123456789abcdef0123456789abcdef01234567.{number}"],
            "extra": {
                "chunks": {"current": number % 40, "total": 40}, "suite": attributes.get("unittest_suite", ""),
                "treeherder": {"tier": 1 + number % 3, "symbol": f"t{number % 40}", "groupSymbol": "M"},
                "treeherder-platform": f"{platform}-test/{build_type}",
            },
            "metadata": {"name": label, "owner": "somebody@example.org", "source": "https://example.org/kinds"},
            "payload": {
                "command": command, "maxRunTime": 5400,
                "env": {f"MOZ_VARIABLE_{i}": f"value {number % 13} of {i}" for i in range(20)},
                "artifacts": [{"name": f"public/test_info_{i}", "path": f"/builds/worker/{i}"} for i in range(4)],
            },
            "tags": {"kind": kind, "label": label, "os": "linux", "test-type": "mochitest"},
        },
    }


def write_graph(path):
    """Writes the graph gzipped; gives its bytes before that."""
    size = 0
    with gzip.open(path, "wt", compresslevel=1) as file:
        size += file.write("{")
        platforms = [(f"platform{p}-64", kind) for p in range(20) for kind in ("opt", "debug", "asan")]
        entries = [(f"build-{p}/{t}", "build", p, t) for p, t in platforms]
        entries += [("docker-image-ubuntu2404-test", "docker-image", "none", "opt")]
        number = 0
        while len(entries) < TASKS:
            platform, build_type = platforms[number % len(platforms)]
            suite = SUITES[number % len(SUITES)]
            entries.append((f"test-{platform}/{build_type}-{suite}-{number}", "test", platform, build_type))
            number += 1
        for number, entry in enumerate(entries):
            text = json.dumps(task(*entry, number))
            size += file.write(f"{',' if number else ''}{json.dumps(entry[0])}:{text}")
        size += file.write("}")
    return size


def chooser(rows, world, runs=5):
    """Cold, then from disk."""
    with tempfile.TemporaryDirectory(prefix="mozci-bench-") as folder:
        path = Path(folder) / "graph.json.gz"
        size = write_graph(path)
        with world("--pushes", 20, "--task-graph", path) as served:
            cold, warm = [], []
            for _ in range(runs):
                served.forget()
                cold.append(served.costs("chooser", "--rev", "tip", "--format", "labels"))
                warm.append(served.costs("chooser", "--rev", "tip", "--format", "labels"))
            tree = [served.costs("chooser", "--rev", "tip") for _ in range(runs)]

    def middle(costs, key):
        return round(statistics.median(cost[key] for cost in costs))

    what = f"chooser over {TASKS:,} tasks, {size / 1e6:.0f} MB"
    for name, costs, limit in (("cold", cold, "≤ 3 s; ≤ 200 MB"), ("warm", warm, "≤ 50 ms"),
                               ("warm, as a tree with the past of 5 pushes", tree, "say it")):
        found = f"{middle(costs, 'wall_ms')} ms; {middle(costs, 'peak_rss_kib') / 1024:.0f} MiB"
        rows.append((f"{what}, {name}: wall; most memory", limit, found))
