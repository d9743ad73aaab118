"""Searches for planted culprits end to end on the simulated CI, killed in the middle now and then."""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TEST = "dom/group-0/test/test_0_0.html"
GUARDS = "[guards]\nruns_per_plan = 1000\nruns_per_push = 250\nruns_per_day = 100000\n"


def world_of(seed):
    """The world that a seed plants."""
    draw = random.Random(seed)
    suspects = draw.choice([4, 8, 12, 20, 32, 48, 64])
    culprit = None if draw.random() < 0.15 else draw.randint(1, suspects)
    rate = draw.choice([1.0, 1.0, 0.7, 0.5, 0.3, 0.1])
    background = draw.choice([0.0, 0.0, 0.01, 0.03])
    broken = draw.choice([0.0, 0.1, 0.3])
    return {
        "seed": seed,
        "suspects": suspects,
        "culprit": culprit,
        "rate": rate,
        "background": background,
        "broken": broken,
        "kills": draw.choice([0, 0, 1, 2]),
        "draw": draw,
    }


# Seeds from here on have a culprit that came with a merge, searched from where it was merged into.
MERGED = 1001


def merged_world_of(seed):
    """A culprit in autoland, and the repository that it is merged into."""
    draw = random.Random(seed)
    return {
        "seed": seed,
        "suspects": 70,
        "culprit": draw.randint(1, 70),
        "rate": draw.choice([1.0, 0.7, 0.5, 0.3]),
        "background": draw.choice([0.0, 0.01]),
        "broken": draw.choice([0.0, 0.1]),
        "kills": 0,
        "draw": draw,
    }


# Seeds from here on are hard: what fails moves between chunks, was backed out, landed again, has two
# causes, or comes and goes at both ends; half of them are searched by the job alone.
HARD = 2001
HARD_KINDS = ["drift", "backed-out", "relanded", "two-causes", "both-ends", "plain"]


def hard_world_of(seed):
    """A world in which the simple reading of the runs convicts somebody innocent."""
    draw = random.Random(seed)
    kind = HARD_KINDS[seed % len(HARD_KINDS)]
    suspects = draw.choice([12, 20, 32, 48])
    culprit = draw.randint(1, suspects // 2)
    world = {
        "seed": seed,
        "kind": kind,
        "by_job": draw.random() < 0.5,
        "suspects": suspects,
        "culprit": culprit,
        "rate": draw.choice([1.0, 1.0, 0.7, 0.5]),
        "background": draw.choice([0.0, 0.0, 0.01, 0.03]),
        "broken": draw.choice([0.0, 0.1, 0.3]),
        "kills": 0,
        "lag": draw.choice([1, 1, 60]),
        "merged_records": draw.random() < 0.2,
        "others": draw.random() < 0.3,
        "draw": draw,
    }
    later = draw.randint(culprit + 1, suspects - 2)
    if kind == "drift":
        world["deals_every"] = draw.choice([4, 6, 9])
    elif kind == "backed-out":
        # Something else is why the newest push fails, or nothing is.
        world["backed_out"] = later
        world["background"] = draw.choice([0.03, 0.1])
        if draw.random() < 0.5:
            world["second"] = draw.randint(later + 1, suspects)
            world["rate"] = 1.0
    elif kind == "relanded":
        world["backed_out"] = later
        world["relanded"] = draw.randint(later + 1, suspects)
    elif kind == "two-causes":
        world["second"] = later
        world["rate"] = draw.choice([0.7, 0.5, 0.4])
    elif kind == "both-ends":
        world["culprit"] = None
        world["background"] = draw.choice([0.1, 0.3, 0.5])
    return world


OPTIONS = {
    "backed_out": "--hunt-backed-out",
    "relanded": "--hunt-relanded",
    "second": "--hunt-second",
    "deals_every": "--hunt-deals-every",
    "lag": "--treeherder-lag",
}


def search(binary, home, config, world):
    """Runs one search to its end, and gives its object and how often it was killed."""
    environment = environment_of(home)
    start = [binary, "--config", config, "--json", "--stats"]
    p_min = ["--p-min", "0.3"] if world["culprit"] is None else []
    what = [world["job"]] if world.get("by_job") else ["--test", world["test"]]
    budget = "600" if world["seed"] >= HARD else "1500"
    begin = ["bisect", *what, "--bad", "tip", "--yes", "--budget", budget, *p_min]
    if MERGED <= world["seed"] < HARD:
        begin += ["--repo", "mozilla-central"]
    command, killed = begin, 0
    for _ in range(20):
        process = subprocess.Popen(
            [*start, *command], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        try:
            limit = world["draw"].uniform(0.1, 1.2) if killed < world["kills"] else 600
            out, err = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            killed += 1
            listed = subprocess.run(
                [*start, "investigations", "list"], env=environment, capture_output=True
            )
            found = json.loads(listed.stdout)["investigations"]
            going = [one["id"] for one in found if one["state"] == "open"]
            command = ["investigations", "resume", going[0], "--yes"] if going else begin
            # What was cut off in the middle of sending, the hook's record tells a minute later; the
            # simulated one has its own clock and is asked again.
            continue
        return json.loads(out), killed, err.decode()
    raise RuntimeError("it never ended")


def environment_of(home, state="state"):
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "XDG_STATE_HOME": str(home / state),
        "XDG_CACHE_HOME": str(home / "cache"),
    }


def ask_as_somebody_else(binary, home, config, world):
    """Somebody asks for two runs of the job in the middle of the range."""
    back = str(world["draw"].randint(1, world["suspects"] - 1))
    listed = subprocess.run(
        [binary, "--config", config, "--json", "pushes", "--rev", "tip", "--back-revisions", back],
        env=environment_of(home, "other"), capture_output=True, check=True,
    )
    oldest = min(json.loads(listed.stdout)["pushes"], key=lambda push: push["id"])
    asked = ["trigger", world["job"], "--rev", oldest["revision"], "--times", "2", "--yes"]
    subprocess.run(
        [binary, "--config", config, *asked], env=environment_of(home, "other"), capture_output=True
    )


def where_it_changed(binary, home, config, world):
    """Between which pushes the failure rate rose, as `flakiness` has it on the same runs."""
    what = [world["job"]] if world.get("by_job") else ["--test", world["test"]]
    reach = str(world["suspects"] + 20)
    said = subprocess.run(
        [binary, "--config", config, "--json", "flakiness", *what, "--rev", "tip", "--back-revisions", reach],
        env=environment_of(home), capture_output=True,
    )
    try:
        changes = json.loads(said.stdout)["changes"]
    except (ValueError, KeyError):
        return None
    rises = [change for change in changes if change["after"]["rate"] > change["before"]["rate"]]
    return [(change["earliest"]["id"], change["latest"]["id"]) for change in rises]


def agrees(end, changed):
    """Whether a push that is named lies where the rate rose, should it have risen at all."""
    ids = [push["id"] for push in end["pushes"]]
    return not changed or any(first <= id <= last for first, last in changed for id in ids)


def hunt(binary, seed):
    """Plants, searches, and compares."""
    merged = MERGED <= seed < HARD
    if seed >= HARD:
        world = hard_world_of(seed)
    else:
        world = merged_world_of(seed) if merged else world_of(seed)
    pushes = 150 if merged else world["suspects"] + 60
    home = Path(tempfile.mkdtemp(prefix="mozci-hunt-"))
    arguments = [binary, "demo", "serve", "--seed", str(seed), "--pushes", str(pushes)]
    arguments += ["--speed", "20000", "--newest-minutes-ago", "600", "--hunt", str(world["suspects"])]
    arguments += ["--hunt-rate", str(world["rate"]), "--hunt-background", str(world["background"])]
    arguments += ["--hunt-broken", str(world["broken"]), "--folder", str(home)]
    if merged:
        arguments.append("--central")
    for key, option in OPTIONS.items():
        if key in world:
            arguments += [option, str(world[key])]
    if world.get("merged_records"):
        arguments.append("--merged-records")
    if world["culprit"] is not None:
        arguments += ["--hunt-culprit", str(world["culprit"])]
    server = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        told = json.loads(server.stdout.readline())
        config = Path(told["config_file"])
        text = config.read_text().replace("poll_seconds = 0.5", "poll_seconds = 0.02")
        config.write_text(text + GUARDS)
        truth = json.loads(Path(told["truth_file"]).read_text())["hunt"]
        world["job"], world["test"] = truth["job"], truth["test"]
        if world.get("others"):
            ask_as_somebody_else(binary, home, str(config), world)
        begun = time.monotonic()
        answer, killed, err = search(binary, home, str(config), world)
        took = time.monotonic() - begun
        changed = None
        if seed >= HARD and answer.get("end", {}).get("verdict") == "culprit":
            changed = where_it_changed(binary, home, str(config), world)
    finally:
        server.kill()
        server.wait()
    if "end" not in answer:
        verdict, right = f"error: {json.dumps(answer)[:300]}", False
        # That no push is good where it fails all along is the answer.
        if world.get("kind") == "both-ends" and "no good push is among" in verdict:
            verdict, right = "no good push", True
    else:
        # The deepest of the repositories that the search went down through.
        at = answer
        while "origin" in at:
            at = at["origin"]
        end = at["end"]
        verdict = end["verdict"]
        named = [push["revision"] for push in end.get("pushes", [])]
        if verdict == "culprit":
            right = any(culprit in named for culprit in truth["culprits"])
        elif verdict == "none":
            right = not truth["culprits"]
        elif verdict == "older" and world.get("kind") == "both-ends":
            right = True
        else:
            right = None
    subprocess.run(["rm", "-rf", str(home)], check=False)
    return {
        **{key: value for key, value in world.items() if key != "draw"},
        "verdict": verdict,
        "right": right,
        "killed": killed,
        "runs": answer.get("runs"),
        "rounds": answer.get("rounds"),
        "requests": answer.get("stats", {}).get("http_requests"),
        # By the tool's own account of the same runs: whether the rate changes at a push that is named.
        "flakiness_agrees": None if changed is None else agrees(answer["end"], changed),
        "summary": " → ".join(step["end"] for step in answer.get("path", [])),
        "seconds": round(took, 1),
    }


def hunts(binary, count, first=1):
    """Hunts in so many worlds, two at once."""
    rows = []
    with ThreadPoolExecutor(2) as pool:
        for row in pool.map(lambda seed: hunt(binary, seed), range(first, first + count)):
            rows.append(row)
            print(json.dumps(row), file=sys.stderr, flush=True)
    return rows


if __name__ == "__main__":
    binary = str(Path(__file__).resolve().parent.parent / "target/release/mozci")
    count, first = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1
    hunts(binary, count, first)
