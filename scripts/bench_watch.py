"""What watching costs, against a real broker: events through the store, reactions, many watches at once,
requests. Needs RabbitMQ, which scripts/test installs."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BINARY = ROOT / "target/release/mozci"
EXAMPLES = ROOT / "target/release/examples"
JOB = "test-linux2404-64/opt-mochitest-plain-1"


@contextlib.contextmanager
def broker():
    folder = tempfile.mkdtemp(prefix="mozci-bench-rabbitmq-")
    script = [str(ROOT / "scripts/rabbitmq")]
    started = subprocess.run([*script, "start", folder], capture_output=True, text=True)
    if started.returncode != 0:
        sys.exit(started.stderr)
    try:
        yield started.stdout.strip()
    finally:
        subprocess.run([*script, "stop", folder], check=False)
        shutil.rmtree(folder, ignore_errors=True)


def told(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def requests(url, pulse):
    """Some runs on ten pushes, followed from the asking to their ends: requests, beginning included."""
    home = tempfile.mkdtemp(prefix="mozci-bench-")
    environment = {**os.environ, "HOME": home, "XDG_STATE_HOME": f"{home}/state", "XDG_CACHE_HOME": f"{home}/cache"}
    for name in ("PULSE_USER", "PULSE_PASSWORD"):
        environment.pop(name, None)
    serving = {**environment, "MOZCI_DEMO_PULSE_URL": url.replace("://", "://queue:queue-password@")}
    command = [BINARY, "demo", "serve", "--newest-minutes-ago", "600", "--speed", "120", "--folder", home]
    server = subprocess.Popen(command, env=serving, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    config = json.loads(server.stdout.readline())["config_file"]
    text = Path(config).read_text().replace("poll_seconds = 0.5", "poll_seconds = 5")
    Path(config).write_text(text)
    if pulse:
        environment |= {"PULSE_USER": "watcher", "PULSE_PASSWORD": "watcher-password"}

    def mozci(*arguments):
        command = [BINARY, "--config", config, *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        return json.loads(done.stdout.splitlines()[-1]) if arguments[0] == "watch" else done

    reach = ["--rev", "tip", "--back-revisions", "9"]
    mozci("trigger", JOB, *reach, "--times", "5", "--yes")
    begun = time.perf_counter()
    end = mozci("watch", JOB, *reach, "--json", "--stats")
    seconds = time.perf_counter() - begun
    server.terminate()
    server.wait()
    shutil.rmtree(home)
    runs = sum(len(outcome["runs"]) for outcome in end["outcomes"])
    return end["stats"]["http_requests"], runs, seconds


def watch(rows):
    build = ["cargo", "build", "--release", "--locked", "-p", "mozci", "-p", "mozci-engine", "--bin", "mozci"]
    examples = ["event_flood", "reaction", "many_watches"]
    build += [part for name in examples for part in ("--example", name)]
    subprocess.run(build, cwd=ROOT, check=True)
    flood = EXAMPLES / "event_flood"
    with broker() as url:
        told(flood, "declare", url, 0)
        subprocess.run([flood, "publish", url, "200000"], check=True)
        full = told(flood, "listen", url, 200_000)
        told(flood, "declare", url, 0)
        publisher = subprocess.Popen([flood, "publish", url, "2000000"])
        long = told(flood, "listen", url, 2_000_000)
        publisher.wait()
        memory = [kib / 1024 for kib in long["rss_kib"][1:]]
        rows.append((
            "events from RabbitMQ through the store (`synchronous=FULL`, acknowledged after the commit), one process, "
            "200,000 that wait; memory over 2 million that are published meanwhile (rate)",
            "≥ 20,000 a second; flat",
            f"{full['per_second']:,.0f} a second; {min(memory):.0f} to {max(memory):.0f} MiB ({long['per_second']:,.0f} a "
            "second, publisher and broker on the same two cores)",
        ))
        reaction = told(EXAMPLES / "reaction", BINARY, url, 100)
        rows.append((
            f"from a task's end (published) to the reaction (request sent), {reaction['reactions']} of them: median; p99",
            "≤ 20 ms; ≤ 100 ms",
            f"{reaction['median_ms']:.1f} ms; {reaction['p99_ms']:.1f} ms",
        ))
        many = told(EXAMPLES / "many_watches", BINARY, url, 1000, 600)
        first, last = many["samples"][0], many["samples"][-1]
        most = max(sample["rss_kib"] for sample in many["samples"]) / 1024
        rows.append((
            "1,000 watches open in one process, 100 events a second for 10 minutes: CPU; memory after 30 s, at the end, most",
            "no growth",
            f"{last['cpu_percent']:.1f} % of a core; {first['rss_kib'] / 1024:.0f}, {last['rss_kib'] / 1024:.0f}, {most:.0f} MiB",
        ))
        start = told(EXAMPLES / "many_watches", BINARY, url, 10_000, 0)
        rows.append((
            "`investigations resume --all` with 10,000 in the store: until the first reacts",
            "≤ 1 s",
            f"{start['first_reaction_ms']} ms",
        ))
        events, polling = requests(url, True), requests(url, False)
        say = lambda r: f"{r[0]} for {r[1]} runs: {r[0] / r[1]:.2f} a run"
        rows.append((
            "requests to follow the runs of a job on 10 pushes to their ends, beginning included, with events; by looking "
            "every 5 s",
            "near zero a run; say it",
            f"{say(events)}; {say(polling)} in {polling[2]:.0f} s",
        ))
