"""Whether a long process grows: 10,000 searches and watches in one process, over CIs that are folders of files."""

import json
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COUNT = 10_000


def soak(rows):
    build = ["cargo", "build", "--release", "--locked", "-p", "mozci-engine", "--example", "soak"]
    subprocess.run(build, cwd=ROOT, check=True)
    command = [ROOT / "target/release/examples/soak", str(COUNT)]
    made = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    told = [json.loads(line) for line in made.stdout.splitlines()]
    memory = [line["rss_kib"] / 1024 for line in told]
    # The first two tenths fill the caches of the store.
    late = memory[2:]
    tenths = [after["seconds"] - before["seconds"] for before, after in zip(told, told[1:])]
    rows.append((
        f"{COUNT:,} searches and watches in one process with one ledger: memory after 3 to 10 tenths; seconds a tenth",
        "flat",
        f"{min(late):.1f} to {max(late):.1f} MiB; {min(tenths)} to {max(tenths)} s",
    ))
