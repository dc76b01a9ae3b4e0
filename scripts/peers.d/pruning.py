"""What pruners save and what they lose: the same learning curves for all of them.

A random search runs whole, once; its curves are then given to every pruner in the same order. Ours
prune the same study through the program, the peers' are told the curves report by report. The work
is the share of all steps that were taken, the false ones are the share of the best hundredth of all
trials that did not come to their end, and the gap is how much worse the best finished trial is than
the best of all, as a part of the distance between that and the median.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import statistics
import sys
from dataclasses import dataclass
from typing import Any, Iterable

import pruners
from laboratory import Laboratory
from ours import Optimize

OURS = [
    "forecast", "median", "percentile:keep=25", "asha", "asha:forecast=false", "asha:resume=false",
    "halving", "hyperband", "hyperband:forecast=false",
]
TRIALS, SEEDS, QUICK_SEEDS = 500, 5, 2


@dataclass(frozen=True)
class Task:
    """What the trials are, and how far they go."""

    name: str
    words: tuple[str, ...]
    parameters: tuple[str, ...]
    #: The objectives, with 1 for those that are minimized and -1 for others.
    objectives: dict[str, int]
    steps: int
    #: Whether reports are repetitions, of which the mean counts.
    repeats: bool = False


def curves(problem: str, dimensions: int, *objectives: str) -> Task:
    """A built-in problem with a learning curve."""
    parameters = tuple(f"x{i + 1}" for i in range(dimensions))
    words = ("--template", f"problem:{problem}", "--set", "problem.steps=27")
    return Task(problem, words, parameters, {objective: 1 for objective in objectives}, 27)


def folds(name: str, **objectives: int) -> Task:
    """A moving-average crossover on ten folds: companies in windows of four years each."""
    windows = [("2000-03-01", "2004-06-30"), ("2004-07-01", "2008-12-31"),
               ("2009-01-01", "2013-02-28")]
    chosen = [(symbol, window) for window in windows for symbol in ("AAPL", "IBM", "MSFT")]
    chosen.append(("GOOG", windows[-1]))
    vary = ", ".join(
        f'{{ symbols = ["{symbol}"], from = "{start}", to = "{end}" }}'
        for symbol, (start, end) in chosen)
    words = ["--template", "sma-crossover", "--set", f"replications.vary=[{vary}]"]
    for metric, sign in objectives.items():
        words += ["--objective", f"{metric}:{'min' if sign > 0 else 'max'}"]
    return Task(name, tuple(words), ("fast", "slow"), objectives, 10, True)


SINGLE = [
    curves(name, dimensions, "f") for name, dimensions in
    (("sphere", 2), ("rosenbrock", 4), ("rastrigin", 5), ("ackley", 5), ("hartmann6", 6))]
DOUBLE = [
    curves(name, dimensions, "f1", "f2")
    for name, dimensions in (("zdt1", 30), ("zdt2", 30), ("zdt4", 10))]
TASKS = [
    *SINGLE, folds("ten folds of backtests", sharpe=-1),
    *DOUBLE, folds("ten folds with two objectives", sharpe=-1, max_drawdown=1)]


@dataclass
class Outcome:
    work: float
    false: float
    gap: float


def rows(optimize: Optimize, name: str, sql: str) -> list[dict[str, str]]:
    store = str(optimize.folder / "pruning")
    text = optimize.call("results", name, "--sql", sql, "--format", "csv", "--store", store)
    return list(csv.DictReader(io.StringIO(text)))


def start(optimize: Optimize, task: Task, seed: int, name: str, *more: str) -> dict[str, Any]:
    store = str(optimize.folder / "pruning")
    return json.loads(optimize.call(
        "start", *task.words, "--algorithm", "random", "--trials", str(TRIALS),
        "--seed", str(seed), "--name", name, "--store", store, "--quiet", "--format", "json",
        *more))


def hypervolume(values: list[tuple[float, float]], worst: tuple[float, float]) -> float:
    import moocore
    import numpy as np

    return float(moocore.hypervolume(np.array(values), ref=np.array(worst)))


def values_of(task: Task, found: list[dict[str, str]]) -> list[tuple[float, ...]]:
    signs = task.objectives.items()
    return [tuple(sign * float(row[name]) for name, sign in signs) for row in found]


def loss(full: list[tuple[float, ...]], done: list[tuple[float, ...]]) -> float:
    """The gap of one objective, or the part of the hypervolume that is lost of two."""
    if len(full[0]) == 1:
        best, middle = min(full)[0], statistics.median(value for (value,) in full)
        return (min(done)[0] - best) / (middle - best)
    worst = tuple(max(column) for column in zip(*full))
    return 1 - hypervolume(done, worst) / hypervolume(full, worst)


class Curves:
    """A whole random search, and what every trial of it reported."""

    def __init__(self, optimize: Optimize, task: Task, seed: int):
        name = f"{task.name}-{seed}".replace(" ", "-")
        start(optimize, task, seed, name)
        self.task, self.seed = task, seed
        self.trials = rows(optimize, name, "select * from trials order by trial")
        self.values = values_of(task, self.trials)
        self.reports: list[list[tuple[float, ...]]] = [[] for _ in self.trials]
        for row in rows(optimize, name, "select * from reports order by trial, step"):
            self.reports[int(row["trial"])].append(values_of(task, [row])[0])
        order = sorted(range(len(self.trials)), key=lambda trial: self.values[trial])
        self.best = set(order[: max(1, len(order) // 100)])

    def point(self, row: dict[str, str]) -> tuple[str, ...]:
        return tuple(row[name] for name in self.task.parameters)

    def told(self, number: int) -> list[tuple[float, ...]]:
        """What a pruner is told of a trial, report by report."""
        reports = self.reports[number]
        if not self.task.repeats:
            return reports
        totals = zip(*(itertools.accumulate(column) for column in zip(*reports)))
        return [tuple(it / (place + 1) for it in total) for place, total in enumerate(totals)]

    def judge(self, finished: set[int], steps: int) -> Outcome:
        done = [self.values[trial] for trial in finished]
        false = len(self.best - finished) / len(self.best)
        return Outcome(steps / (self.task.steps * len(self.trials)), false, loss(self.values, done))


def ours(optimize: Optimize, curves: Curves, pruner: str) -> Outcome:
    task, seed = curves.task, curves.seed
    name = "".join(c if c.isalnum() else "-" for c in f"{task.name}-{seed}-{pruner}")
    status = start(optimize, task, seed, name, "--prune", pruner)
    # A trial is known by its point: numbers, and with them seeds, count evaluations.
    found = rows(optimize, name, "select * from trials where status = 'complete'")
    done = {curves.point(row) for row in found}
    finished = {place for place, row in enumerate(curves.trials) if curves.point(row) in done}
    return curves.judge(finished, status["steps"])


def wanted(laboratory: Laboratory, peers: Iterable[str]) -> list[str]:
    chosen = laboratory.chosen
    own = [name for name in OURS if chosen.algorithm in (None, name.split(":")[0])]
    return own + [name for name in peers if name.startswith(chosen.peer or "")]


def prune(laboratory: Laboratory) -> None:
    chosen = laboratory.chosen
    seeds = range(1, 1 + (chosen.seeds or (QUICK_SEEDS if chosen.quick else SEEDS)))
    print("\n## prune: pruners on the same learning curves")
    print(f"\n{TRIALS} random trials; means of {len(seeds)} seeds\n")
    print("| problem | steps | pruner | work | best 1 % lost | gap, or hypervolume lost |")
    print("|---|---|---|---|---|---|")
    for task in TASKS:
        if chosen.problem and not task.name.startswith(chosen.problem):
            continue
        curves = [Curves(laboratory.optimize, task, seed) for seed in seeds]
        is_single = len(task.objectives) == 1
        peers = pruners.SINGLE if is_single else pruners.DOUBLE
        for name in wanted(laboratory, peers):
            try:
                outcomes = [
                    peers[name](each) if name in peers else ours(laboratory.optimize, each, name)
                    for each in curves
                ]
            except ImportError as error:
                print(f"{name} cannot be had: {error}", file=sys.stderr)
                continue
            work, false, gap = (
                statistics.mean(getattr(outcome, key) for outcome in outcomes)
                for key in ("work", "false", "gap"))
            lost = f"{false:.1%}" if is_single else "-"
            row = [task.name, str(task.steps), name, f"{work:.1%}", lost, f"{gap:.4f}"]
            print(f"| {' | '.join(row)} |", flush=True)


SECTIONS = {"prune": prune}
