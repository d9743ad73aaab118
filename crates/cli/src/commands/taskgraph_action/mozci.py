"""Actions that run mozci, for Treeherder's Backfill button and its dialog of custom actions.

Written by `mozci taskgraph-action` of mozci @VERSION@. To install it:

1.  Save it as taskcluster/<project>_taskgraph/actions/mozci.py, and import it where the project registers
    itself (`taskgraph: register:` in taskcluster/config.yml):
    `from <project>_taskgraph.actions import mozci  # noqa`
    In Gecko, save it as taskcluster/gecko_taskgraph/actions/mozci.py. Gecko imports it by itself.
2.  The task of an action runs the image of the decision task, and fetches nothing. Either that image has the
    program `mozci` on its PATH, or this file downloads it: fill in URL and SHA256 below.
3.  The hook `project-<trust domain>/in-tree-action-<level>-@PERMISSION@/<hash of .taskcluster.yml>` and the role
    `<repository's role>:action:@PERMISSION@` must be there; only the administrators of the CI can make
    them. On Firefox CI those of `backfill` are. The role needs, besides what each action task has:
      in-tree:hook-action:project-<trust domain>/in-tree-action-<level>-generic/*
      hooks:trigger-hook:project-<trust domain>/in-tree-action-<level>-generic/*
      hooks:list-last-fires:project-<trust domain>/in-tree-action-<level>-generic/*
    For the input `mark` also queue:create-task:<priority>:built-in/succeed and
    queue:route:tc-treeherder.v2.<repository>.*
4.  Where the CI is none that mozci knows by itself, CONFIG names mozci's config in the tree.

Treeherder keeps only the first action of each name. The one that is called `backfill` below comes before the
tree's own, by its `order`, so that the Backfill button runs it.
"""

import hashlib
import json
import os
import subprocess
import tempfile
import urllib.request

try:
    # Gecko's actions have a registry of their own beside them.
    from .registry import register_callback_action
except ImportError:
    from taskgraph.actions.registry import register_callback_action

# Where the program is downloaded from, and what it must hash to.
URL = @URL@
SHA256 = @SHA256@

# mozci's config, as a path in the tree.
CONFIG = @CONFIG@

# The longest that the program may run: hooks give their tasks 1,800 s.
SECONDS = 1500


def program(folder):
    """The path of the program, downloaded where this file says so."""
    if not URL:
        return os.environ.get("MOZCI", "mozci")
    path = os.path.join(folder, "mozci")
    with urllib.request.urlopen(URL, timeout=120) as answer:
        content = answer.read()
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256:
        raise Exception(f"what {URL} sends has the SHA-256 {found}, and {SHA256} is expected")
    with open(path, "wb") as file:
        file.write(content)
    os.chmod(path, 0o755)
    return path


def run(callback, input, task_group_id, task_id):
    """Runs the program as a callback. A status other than 0 makes the action's task fail."""
    env = dict(
        os.environ,
        ACTION_CALLBACK=callback,
        ACTION_TASK_ID=json.dumps(task_id),
        ACTION_TASK_GROUP_ID=task_group_id,
        ACTION_INPUT=json.dumps(input or {}),
    )
    with tempfile.TemporaryDirectory() as folder:
        command = [program(folder)]
        if CONFIG:
            command += ["--config", CONFIG]
        command += ["action"]
        subprocess.run(command, env=env, check=True, timeout=SECONDS)


def offer(callback, place, name, title, symbol, description, schema):
    """Offers an action of the tree's, the one at this place among ours."""

    @register_callback_action(
        name=name,
        cb_name=callback,
        title=title,
        symbol=symbol,
        description=description,
        order=@ORDER@ + place,
        context=[{}],
        permission=@QUOTED_PERMISSION@,
        schema=json.loads(schema),
    )
    def action(parameters, graph_config, input, task_group_id, task_id):
        run(callback, input, task_group_id, task_id)


offer(
    "mozci-backfill",
    0,
    name=@NAME@,
    title="Backfill (mozci)",
    symbol="mzb",
    description="Fill the holes of the selected job back to the last push on which it passed.",
    schema="""@SCHEMA_BACKFILL@""",
)
offer(
    "mozci-bisect",
    1,
    name="mozci-bisect",
    title="Find the culprit (mozci)",
    symbol="mzc",
    description="Ask for the runs that tell most about which push broke the selected job. "
    "Press again when they have ended.",
    schema="""@SCHEMA_BISECT@""",
)
offer(
    "mozci-retrigger-until",
    2,
    name="mozci-retrigger-until",
    title="How often does it fail? (mozci)",
    symbol="mzr",
    description="Have enough runs of the selected job on this push to know how often it fails.",
    schema="""@SCHEMA_RETRIGGER@""",
)
