"""Prints how `optimize` and its peers do on the same problems, with the same budgets and seeds.

What can be chosen of that. Nothing is imported here that has to be installed first, so that help is
there at once.
"""

from __future__ import annotations

import argparse

#: The parts of a comparison, in the order in which they are printed.
SECTIONS = ("moo", "cmaes", "de", "tpe", "bayes", "classical", "lag", "bbob", "speed", "pareto",
            "prune")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/peers", description=__doc__.split("\n")[0])
    parser.add_argument(
        "--only", metavar="SECTION", choices=SECTIONS, action="append",
        help=f"one section, may be repeated: {', '.join(SECTIONS)}")
    parser.add_argument("--problem", metavar="NAME", help="only problems that begin so")
    parser.add_argument(
        "--algorithm", metavar="NAME", help="only this algorithm of ours, or this pruner")
    parser.add_argument("--peer", metavar="NAME", help="only peers that begin so")
    parser.add_argument(
        "--seeds", type=int, metavar="N",
        help="runs of each [31; 11 of Bayesian ones, 15 on BBOB's functions, 5 of pruners]")
    parser.add_argument(
        "--jobs", type=int, default=1, metavar="N",
        help="runs at the same time; times per trial mean less then [1]")
    parser.add_argument("--quick", action="store_true", help="5 seeds and the smaller budgets")
    parser.add_argument("--fresh", action="store_true", help="measure the peers again")
    return parser.parse_args()


if __name__ == "__main__":
    arguments()
