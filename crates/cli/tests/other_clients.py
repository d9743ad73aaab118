"""Reads the simulated CI with the clients from PyPI and prints what they see as JSON."""

import json
import sys

import taskcluster
from thclient import TreeherderClient

treeherder_url, root_url, job = sys.argv[1:4]

treeherder = TreeherderClient(server_url=treeherder_url)
pushes = {}
tasks = set()
for push in treeherder.get_pushes("autoland", count=100):
    runs = []
    for row in treeherder.get_jobs("autoland", push_id=push["id"], job_type_name=job, count=100):
        word = row["result"] if row["state"] == "completed" else row["state"]
        runs.append({"task": row["task_id"], "run": row["retry_id"], "result": word})
        tasks.add(row["task_id"])
    pushes[push["revision"]] = {"author": push["author"], "runs": runs}

queue = taskcluster.Queue({"rootUrl": root_url})
states = {}
for task in tasks:
    status = queue.status(task)["status"]
    states[task] = [run["state"] for run in status["runs"]] or [status["state"]]
    definition = queue.task(task)
    assert definition["metadata"]["name"] == job, definition["metadata"]

index = taskcluster.Index({"rootUrl": root_url})
newest = next(iter(pushes))
found = index.findTask(f"gecko.v2.autoland.revision.{newest}.taskgraph.decision")
group = queue.listTaskGroup(found["taskId"])
group_has_job = any(entry["task"]["metadata"]["name"] == job for entry in group["tasks"])
names = sorted(entry["name"] for entry in queue.listLatestArtifacts(found["taskId"])["artifacts"])

print(
    json.dumps(
        {"pushes": pushes, "queue": states, "group_has_job": group_has_job, "artifacts": names}
    )
)
