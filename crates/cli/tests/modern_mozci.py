#!/usr/bin/env python3
"""Reads pushes with the Python mozci (PyPI `mozci` 2.4.8, `mozci.push.Push`) from servers on loopback.

    modern_mozci.py HG_URL TREEHERDER_URL TASKCLUSTER_URL N [FIRST_REVISION]

FIRST_REVISION is the newest push to read (a full or short hash; the hg tip if left out); from there
it goes back over `.parent` until N pushes are read. One JSON object goes to stdout:

    {"pushes": {REV: {"pushid", "date", "decision", "tasks": [{"id", "label", "state", "result",
                      "classification", "duration", "tier", "groups"}]}},
     "seconds": what reading `.parent` and `.tasks` took, "requests": what that sent,
     "requests_by": {"METHOD host path-shape": count}, "failed_requests": [[status, method, url]],
     "decision_requests": what `.decision_task` sent besides, "setup_requests": 1 if the tip was asked,
     "missing_pushids": ids between the pushes that the pushlog does not have}

The package has no setting for its hosts: they are class attributes, module constants and, bound when
the module is loaded, default arguments. All of them are set here, before the first request. A request
that would leave loopback is refused.
"""

import json
import os
import re
import sys
import tempfile
import threading
import time
from urllib.parse import urlsplit


def fail(text):
    sys.exit(f"modern_mozci: {text}")


if not 5 <= len(sys.argv) <= 6:
    fail("usage: modern_mozci.py HG_URL TREEHERDER_URL TASKCLUSTER_URL N [FIRST_REVISION]")
HG, TREEHERDER, TASKCLUSTER = (url.rstrip("/") for url in sys.argv[1:4])
COUNT = int(sys.argv[4])
FIRST = sys.argv[5] if len(sys.argv) == 6 else None
BRANCH = "autoland"

# Nothing of the machine's own settings: no proxy, no secret, no credentials, no user's config file.
for name in list(os.environ):
    if name.lower().endswith("_proxy") or name.startswith("TASKCLUSTER_"):
        del os.environ[name]
os.environ["NO_PROXY"] = "*"
# The defaults, but for an explicit file: no cache, tier 2, sources hgmo, taskcluster,
# treeherder_client, errorsummary, bugbug.
_folder = tempfile.TemporaryDirectory(prefix="modern-mozci-")
os.environ["MOZCI_CONFIG_PATH"] = os.path.join(_folder.name, "config.toml")
with open(os.environ["MOZCI_CONFIG_PATH"], "w") as handle:
    handle.write("[mozci]\nverbose = 0\n")

import requests  # noqa: E402
import requests.adapters  # noqa: E402
import urllib3.connectionpool  # noqa: E402

# --- what is sent ---------------------------------------------------------------------------------
LOCK = threading.Lock()
SENT = []  # (status or None, method, url); urllib3's own retries and every redirect are here too
HOSTS = {urlsplit(HG).netloc: "hg", urlsplit(TREEHERDER).netloc: "treeherder"}
HOSTS[urlsplit(TASKCLUSTER).netloc] = "taskcluster"

real_send = requests.adapters.HTTPAdapter.send


def guarded_send(self, request, *args, **kwargs):
    if urlsplit(request.url).hostname not in ("127.0.0.1", "localhost", "::1"):
        raise RuntimeError(f"refused, not on loopback: {request.method} {request.url}")
    return real_send(self, request, *args, **kwargs)


requests.adapters.HTTPAdapter.send = guarded_send
real_make = urllib3.connectionpool.HTTPConnectionPool._make_request


def counted_make(self, conn, method, url, *args, **kwargs):
    full = f"{self.scheme}://{self.host}:{self.port}{url}"
    status = None
    try:
        response = real_make(self, conn, method, url, *args, **kwargs)
        status = response.status
        return response
    finally:
        with LOCK:
            SENT.append((status, method, full))


urllib3.connectionpool.HTTPConnectionPool._make_request = counted_make


def shape(url):
    parts = urlsplit(url)
    path = re.sub(r"gecko\.v2\.[^/]*?\.[0-9a-f]{40}\.", "gecko.v2.….REV.", parts.path)
    path = re.sub(r"[0-9a-f]{40}", "REV", path)
    path = re.sub(r"/(task|task-group|public-bucket)/[A-Za-z0-9_-]{22}(?=/|$)", r"/\1/ID", path)
    path = re.sub(r"/artifacts/.*|(/public-bucket/ID)/.*", r"\1/…", path)
    return f"{HOSTS.get(parts.netloc, 'storage')} {path}"


# --- its hosts ------------------------------------------------------------------------------------
import taskcluster  # noqa: E402

import mozci.data  # noqa: E402
import mozci.util.taskcluster as tc  # noqa: E402
from mozci.data.base import DataHandler  # noqa: E402
from mozci.data.sources.treeherder import TreeherderClientSource  # noqa: E402
from mozci.errors import ParentPushNotFound, PushNotFound, TaskNotFound  # noqa: E402
from mozci.push import Push  # noqa: E402
from mozci.task import Task, TestTask  # noqa: E402
from mozci.util.hgmo import HgRev  # noqa: E402
from mozci.util.req import get_session  # noqa: E402
import mozci.task as task_module  # noqa: E402

PRODUCTION = tc.PRODUCTION_TASKCLUSTER_ROOT_URL


def redirect_defaults(function):
    if getattr(function, "__defaults__", None):
        function.__defaults__ = tuple(
            TASKCLUSTER if value == PRODUCTION else value for value in function.__defaults__
        )


for member in vars(tc).values():
    redirect_defaults(member)
redirect_defaults(Task.create)
redirect_defaults(Task.get_artifact)
for module in (tc, task_module):
    module.PRODUCTION_TASKCLUSTER_ROOT_URL = TASKCLUSTER
tc.COMMUNITY_TASKCLUSTER_ROOT_URL = TASKCLUSTER
tc.queue = taskcluster.Queue({"rootUrl": TASKCLUSTER})

for name, value in list(vars(HgRev).items()):
    if isinstance(value, str) and value.startswith("https://hg.mozilla.org/"):
        setattr(HgRev, name, value.replace("https://hg.mozilla.org/", HG + "/", 1))
TreeherderClientSource.base_url = f"{TREEHERDER}/api"


# --- reading --------------------------------------------------------------------------------------
def told(task):
    entry = {
        "id": task.id,
        "label": task.label,
        "state": task.state,
        "result": task.result,
        "classification": task.classification,
        "duration": task.duration,  # ms
        "tier": task.tier,
    }
    if isinstance(task, TestTask):
        entry["groups"] = {result.group: result.ok for result in task.results}
    return entry


LONGEST_GAP = 5


def parent(push):
    """`push.parent`. It is the push with the id before, and where the pushlog has no such id the
    package raises PushNotFound: then what `.parent` itself calls, with the ids before that."""
    try:
        return push.parent, None
    except (ParentPushNotFound, PushNotFound) as error:
        for step in range(2, LONGEST_GAP + 2):
            try:
                return push.create_push(push.id - step), None
            except PushNotFound:
                pass
        return None, error


def main():
    first = FIRST
    if first is None:
        # The package cannot read a symbolic name: it looks for a node that starts with it.
        answer = get_session().get(f"{HG}/integration/autoland/json-rev/tip")
        answer.raise_for_status()
        first = answer.json()["node"]
    setup = len(SENT)

    started = time.monotonic()
    pushes, gaps = [], []
    push = Push(first, branch=BRANCH)
    while True:
        pushes.append((push, push.tasks))
        if len(pushes) == COUNT:
            break
        earlier, error = parent(push)
        gaps.extend(range(earlier.id + 1 if earlier else push.id - LONGEST_GAP, push.id))
        if earlier is None:
            print(f"modern_mozci: only {len(pushes)} pushes: {error}", file=sys.stderr)
            break
        push = earlier
    seconds = time.monotonic() - started
    read = SENT[setup:]

    # Safe: it looks into the index and reads no artifact; a push without one raises TaskNotFound.
    decisions = {}
    for push, _ in pushes:
        try:
            decisions[push.rev] = push.decision_task.id
        except TaskNotFound:
            decisions[push.rev] = None

    by = {}
    for _, method, url in read:
        key = f"{method} {shape(url)}"
        by[key] = by.get(key, 0) + 1
    print(
        json.dumps(
            {
                "pushes": {
                    push.rev: {
                        "pushid": push.id,
                        "date": push.date,
                        "decision": decisions[push.rev],
                        "tasks": [told(task) for task in tasks],
                    }
                    for push, tasks in pushes
                },
                "seconds": round(seconds, 3),
                "requests": len(read),
                "requests_by": dict(sorted(by.items())),
                "failed_requests": [s for s in SENT if s[0] is None or s[0] >= 400],
                "decision_requests": len(SENT) - setup - len(read),
                "setup_requests": setup,
                "missing_pushids": sorted(gaps, reverse=True),
                "sources": [source.name for source in mozci.data.handler.sources],
            }
        )
    )


if __name__ == "__main__":
    main()
