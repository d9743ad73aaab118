#!/usr/bin/env python3
"""False failures: the suites and builds of real projects, which pass, are run and their logs read.

    bench_green.py MOZCI [WORD...]     only the projects whose tool, name or kind has one of the words

Pinned sources come from PyPI, crates.io, the npm registry and Debian into a folder of the cache
(MOZCI_CACHE, else .cache/); each command of a project makes one log, with its exit status beside it.
A log whose command ended with 0 is green: a failure that `mozci failures` finds there is a false one.
Every third green log is read again as four CI systems would print it. A log whose command failed is
red: what was found there is printed, to be looked at by a person. Logs that are there already are read
and not made again; delete the folder of a project to run it again.
"""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.dont_write_bytecode = True
from green_projects import PIP, PROJECTS  # noqa: E402

CACHE = Path(os.environ.get("MOZCI_CACHE", ".cache")).resolve() / "green"
LIMIT = int(os.environ.get("GREEN_LIMIT", "300"))  # seconds for one project
PYTHON = CACHE / "venv/bin/python"


def environment():
    keep = {
        k: v
        for k, v in os.environ.items()
        if not k.startswith(("MOZCI", "CARGO_TARGET", "RUST_BACKTRACE", "GITHUB", "CI"))
    }
    keep.update(
        PATH=f"{PYTHON.parent}:{os.environ['PATH']}",
        GOFLAGS="",
        J="/usr/share/java/junit4.jar:/usr/share/java/hamcrest-core.jar:/usr/share/java/commons-lang3.jar",
        GOCACHE=str(CACHE / "go"),
        CARGO_TARGET_DIR="target",
        LC_ALL="C.UTF-8",
        TERM="dumb",
        HOME=str(CACHE / "home"),
        CARGO_HOME=os.environ.get("CARGO_HOME", os.path.expanduser("~/.cargo")),
        DEBIAN_FRONTEND="noninteractive",
        RUSTUP_HOME=os.environ.get("RUSTUP_HOME", os.path.expanduser("~/.rustup")),
        NO_UPDATE_NOTIFIER="1",
    )
    return keep


def run(command, folder, log, seconds):
    """The exit status of a command of the shell; None where it took too long."""
    with log.open("wb") as out:
        child = subprocess.Popen(
            ["bash", "-o", "pipefail", "-c", command],
            cwd=folder,
            stdout=out,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=environment(),
            start_new_session=True,
        )
        try:
            return child.wait(timeout=max(seconds, 5))
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            return None


def apt():
    """apt-get with the sources of Debian's packages, and nothing of the machine's own lists changed."""
    folder = CACHE / "apt"
    for part in ("lists/partial", "archives/partial"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    (folder / "sources.list").write_text("deb-src http://deb.debian.org/debian bookworm main\n")
    return (
        f"apt-get -q -o Dir::Etc::sourcelist={folder}/sources.list -o Dir::Etc::sourceparts=/dev/null "
        f"-o Dir::State::lists={folder}/lists -o Dir::Cache={folder} -o APT::Sandbox::User=root"
    )


def fetched(source, name, version):
    """The command that brings the source of a project into the folder `src`."""
    if source == "pypi":
        return (
            f"pip download -q --no-deps --no-build-isolation --no-binary {name} {name}=={version} -d dl && mkdir src && "
            "(tar xf dl/*.tar.* -C src --strip-components 1 || (unzip -q dl/*.zip -d src && mv src/*/* src))"
        )
    if source == "crates":
        return (
            f"cargo init -q --lib --vcs none --name fetcher f && cd f && echo '{name} = \"={version}\"' >> Cargo.toml && "
            f"cargo vendor -q v >/dev/null && mv v/{name} ../src && cd .. && rm -rf f src/.cargo-checksum.json src/.cargo"
        )
    if source == "npm":
        return f"npm pack -s {name}@{version} && mkdir src && tar xf *.tgz -C src --strip-components 1"
    return (
        f"({apt()} source {name}={version} && mv */ src) || "  # else the upstream's part alone
        f"({apt()} source --tar-only {name}={version} && mkdir src && tar xf *.orig.tar.* -C src --strip-components 1)"
    )


def made(project):
    """Runs a project; the logs are there after it."""
    source, name, version, commands, at = project
    top = (
        CACHE
        / "work"
        / f"{source}-{name.replace('/', '-')}-{version}-{commands[-1].split(':')[0].replace(' ', '-')}"
    )
    if (top / "done").exists():
        return top
    shutil.rmtree(top, ignore_errors=True)
    top.mkdir(parents=True)
    end = time.monotonic() + LIMIT
    if run(fetched(source, name, version), top, top / "fetch.txt", LIMIT) != 0:
        print(
            f"skipped: {source} {name} {version}: its source did not come: {(top / 'fetch.txt').read_text()[-200:]!r}",
            flush=True,
        )
        return top
    for number, command in enumerate(commands):
        tool, _, line = command.partition(": ")
        line = line.replace("{at}", at)
        program = next(word for word in shlex.split(line.split("&&")[-1]) if "=" not in word)
        if not (program.startswith((".", "/")) or shutil.which(program, path=environment()["PATH"])):
            print(f"skipped: {name}: {program} is not installed on this machine", flush=True)
            continue
        log = top / f"{number}.log"
        status = run(line, top / "src", log, end - time.monotonic())
        about = {
            "tool": tool,
            "source": source,
            "project": name,
            "version": version,
            "command": line,
            "status": status,
        }
        (top / f"{number}.json").write_text(json.dumps(about))
        if status is None:
            print(f"skipped: {name}: `{line}`: the time limit", flush=True)
            if time.monotonic() > end:
                break
    (top / "done").write_text("")
    shutil.rmtree(top / "src", ignore_errors=True)
    return top


def stamped(text, form):
    """A log as a CI system prints it."""
    lines = text.split("\n")
    if form == "github":
        lines = [
            "##[group]Run the tests",
            "\x1b[36;1mmake all\x1b[0m",
            "shell: /usr/bin/bash -e {0}",
            "##[endgroup]",
        ] + lines
        return "\n".join(
            f"2026-11-02T10:{i // 60 % 60:02}:{i % 60:02}.1234567Z {line}" for i, line in enumerate(lines)
        )
    if form == "gitlab":
        begin = (
            'section_start:1793600000:step_script\r\x1b[0K\x1b[0K\x1b[36;1mExecuting "step_script"\x1b[0;m\n'
        )
        return begin + text + "\nsection_end:1793600100:step_script\r\x1b[0K\x1b[32;1mJob succeeded\x1b[0;m\n"
    if form == "jenkins":
        return (
            "Started by user admin\n"
            + "\n".join(f"[2026-11-02T10:00:00.123Z] {line}" for line in lines)
            + "\nFinished: SUCCESS\n"
        )
    return "\n".join(f"\x1b[0m{line}\x1b[0m" if line else line for line in lines)  # colour around each line


def failures(mozci, path):
    done = subprocess.run([mozci, "failures", "--file", path, "--json"], capture_output=True, text=True)
    try:
        return json.loads(done.stdout)["failures"]
    except (ValueError, KeyError):
        return [{"kind": "ERROR", "test": None, "message": done.stderr[:200]}]


def told(found):
    return "".join(
        f"\n    {f['kind']} {f.get('rule')} {f.get('test')!r} {(f.get('message') or '')[:150]!r}"
        for f in found[:5]
    )


def brief(found):
    return sorted((f["kind"], f.get("test") or "", f.get("message") or "") for f in found)


def main():
    mozci, words = str(Path(sys.argv[1]).resolve()), sys.argv[2:]
    (CACHE / "home").mkdir(parents=True, exist_ok=True)
    if not PYTHON.exists():
        subprocess.run([sys.executable, "-m", "venv", PYTHON.parent.parent], check=True)
        subprocess.run([PYTHON, "-m", "pip", "install", "-q", *PIP.split()], check=True)
    if not list((CACHE / "apt/lists").glob("*Sources*")):
        subprocess.run(apt() + " update >/dev/null", shell=True)
    wanted = [p for p in PROJECTS if not words or any(w in f"{p[0]} {p[1]} {' '.join(p[3])}" for w in words)]
    with ThreadPoolExecutor(2) as pool:
        tops = list(pool.map(made, wanted))
    rows, reds, changed, wrapped = {}, [], 0, 0
    for log in sorted(log for top in set(tops) for log in top.glob("*.log")):
        if not log.with_suffix(".json").exists():
            continue
        about = json.loads(log.with_suffix(".json").read_text())
        found = failures(mozci, log)
        if about["status"] != 0:
            reds += [(about, log, found)] * (about["status"] is not None)  # None: stopped by the time limit
            continue
        row = rows.setdefault((about["tool"], about["project"], about["version"]), [0, 0, 0, 0])
        row[0] += 1
        row[1:] = (
            row[1] + any(f.get("test") for f in found),
            row[2] + any(f["kind"] != "guess" for f in found),
            row[3] + any(f["kind"] == "guess" for f in found),
        )
        if found:
            print(f"FALSE {about['tool']} {about['project']} `{about['command']}` {log}{told(found)}")
        if sum(r[0] for r in rows.values()) % 3 == 0:
            text = log.read_text(errors="surrogateescape")
            for form in ("github", "gitlab", "jenkins", "colour"):
                copy = CACHE / f"wrapped-{form}-{os.getpid()}.log"
                copy.write_text(stamped(text, form), errors="surrogateescape")
                again = failures(mozci, copy)
                copy.unlink()
                wrapped += 1
                if brief(again) != brief(found):
                    changed += 1
                    print(f"CHANGED as {form}: {log}{told(found)}\n  now:{told(again)}")
    for about, log, found in reds:
        print(
            f"red ({about['status']}) {about['tool']} {about['project']} `{about['command']}` {log}{told(found)}"
        )
    print(f"\n{'tool':<16} {'project':<32} {'version':<24} logs named any guess")
    for (tool, project, version), row in sorted(rows.items()):
        print(f"{tool:<16} {project:<32} {version:<24} {row[0]:>4} {row[1]:>5} {row[2]:>3} {row[3]:>5}")
    sums = [sum(row[i] for row in rows.values()) for i in range(4)]
    print(
        f"\n{sums[0]} green logs of {len({k[0] for k in rows})} tools from {len({k[1] for k in rows})} projects: {sums[1]} with a named "
        f"test, {sums[2]} with any failure, {sums[3]} with a guess; {wrapped} in envelopes, {changed} read otherwise; {len(reds)} red"
    )


if __name__ == "__main__":
    main()
