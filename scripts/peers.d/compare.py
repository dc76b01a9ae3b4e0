"""Prints how `optimize` and its peers do on the same problems, with the same budgets and seeds.

Every section is a table in Markdown: the median and the quartiles of both sides, the verdict of a
Mann-Whitney test at p < 0.05, and the time per trial. What the peers did is kept in PEERS_CACHE,
because it does not change with `optimize`; `--fresh` measures them again.
"""

from __future__ import annotations

import os
import platform
import subprocess
import tempfile
from pathlib import Path

import bbob
import pruning
import sections
import speed
from laboratory import Laboratory
from options import SECTIONS, arguments
from ours import Optimize

ROOT = Path(__file__).resolve().parents[2]


def machine() -> str:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    cores = len(os.sched_getaffinity(0))
    return f"commit {commit.stdout.strip()}, {cores} cores, Python {platform.python_version()}"


def main() -> None:
    chosen = arguments()
    known = (*sections.SECTIONS, *bbob.SECTIONS, *speed.SECTIONS, *pruning.SECTIONS)
    assert SECTIONS == known, "options.py names every section"
    cache = Path(os.environ["PEERS_CACHE"])
    cache.mkdir(parents=True, exist_ok=True)
    # The peers keep their studies in memory, so ours are there as well where the machine has that.
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        optimize = Optimize(os.environ["OPTIMIZE_BINARY"], Path(folder))
        print(f"optimize {optimize.version}, {machine()}", flush=True)
        with Laboratory(optimize, cache, chosen) as laboratory:
            for name, section in sections.SECTIONS.items():
                if not chosen.only or name in chosen.only:
                    sections.show(name, section, laboratory)
            measured = {**bbob.SECTIONS, **speed.SECTIONS, **pruning.SECTIONS}
            for name, measure in measured.items():
                if not chosen.only or name in chosen.only:
                    measure(laboratory)
            laboratory.sum_up()


if __name__ == "__main__":
    main()
