"""Prints how `optimize` and its peers do on the same problems, with the same budgets and seeds.

Every section is a table in Markdown: the median and the quartiles of both sides, the verdict of a
Mann-Whitney test at p < 0.05, and the time per trial. What the peers did is kept in PEERS_CACHE,
because it does not change with `optimize`; `--fresh` measures them again.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import tempfile
from pathlib import Path

import pruning
import sections
import speed
from laboratory import Laboratory
from ours import Optimize

ROOT = Path(__file__).resolve().parents[2]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/peers", description=__doc__.split("\n")[0])
    known = [*sections.SECTIONS, *speed.SECTIONS, *pruning.SECTIONS]
    parser.add_argument(
        "--only", metavar="SECTION", choices=known, action="append",
        help=f"one section, may be repeated: {', '.join(known)}")
    parser.add_argument("--problem", metavar="NAME", help="only problems that begin so")
    parser.add_argument("--algorithm", metavar="NAME", help="only this algorithm of ours")
    parser.add_argument("--peer", metavar="NAME", help="only peers that begin so")
    parser.add_argument(
        "--seeds", type=int, metavar="N", help="runs of each [31; 11 of Bayesian ones]")
    parser.add_argument(
        "--jobs", type=int, default=1, metavar="N",
        help="runs at the same time; times per trial mean less then [1]")
    parser.add_argument("--quick", action="store_true", help="5 seeds and the smaller budgets")
    parser.add_argument("--fresh", action="store_true", help="measure the peers again")
    return parser.parse_args()


def machine() -> str:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    cores = len(os.sched_getaffinity(0))
    return f"commit {commit.stdout.strip()}, {cores} cores, Python {platform.python_version()}"


def main() -> None:
    chosen = arguments()
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
            for name, measure in {**speed.SECTIONS, **pruning.SECTIONS}.items():
                if not chosen.only or name in chosen.only:
                    measure(laboratory)
            laboratory.sum_up()


if __name__ == "__main__":
    main()
