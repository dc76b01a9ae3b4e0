"""What pruners save and what they lose: the same learning curves for all of them.

A random search runs whole, once; its curves are then given to every pruner in the same order. Ours
prune the same study through the program, Optuna's are told the curves report by report. The work is
the share of all steps that were taken, the false ones are the share of the best hundredth of all
trials that did not come to their end, and the gap is how much worse the best finished trial is than
the best of all, as a part of the distance between that and the median.
"""

from __future__ import annotations

import csv
import io
import json
import statistics
from dataclasses import dataclass
from typing import Any

from laboratory import Laboratory
from ours import Optimize

OURS = [
    "envelope", "median", "percentile:keep=25", "asha", "asha:resume=false", "halving", "hyperband",
]
SINGLE = ["sphere", "rosenbrock", "rastrigin", "ackley", "hartmann6"]
DOUBLE = ["zdt1", "zdt2", "zdt4"]
STEPS, TRIALS, SEEDS, QUICK_SEEDS = 27, 500, 5, 2


@dataclass
class Outcome:
    work: float
    false: float
    gap: float


def rows(optimize: Optimize, name: str, sql: str) -> list[dict[str, str]]:
    store = str(optimize.folder / "pruning")
    text = optimize.call("results", name, "--sql", sql, "--format", "csv", "--store", store)
    return list(csv.DictReader(io.StringIO(text)))


def start(optimize: Optimize, problem: str, seed: int, name: str, *more: str) -> dict[str, Any]:
    store = str(optimize.folder / "pruning")
    return json.loads(optimize.call(
        "start", "--template", f"problem:{problem}", "--set", f"problem.steps={STEPS}",
        "--trials", str(TRIALS), "--seed", str(seed), "--name", name, "--store", store,
        "--quiet", "--format", "json", *more))


def points(found: list[dict[str, str]]) -> set[tuple[str, ...]]:
    """Trials are known by their points: one that goes on has another number."""
    return {tuple(row[key] for key in row if key.startswith("x")) for row in found}


def hypervolume(values: list[tuple[float, float]], worst: tuple[float, float]) -> float:
    import moocore
    import numpy as np

    return float(moocore.hypervolume(np.array(values), ref=np.array(worst)))


def values_of(found: list[dict[str, str]]) -> list[tuple[float, ...]]:
    keys = [key for key in found[0] if key in ("f", "f1", "f2")]
    return [tuple(float(row[key]) for key in keys) for row in found]


def loss(full: list[tuple[float, ...]], done: list[tuple[float, ...]]) -> float:
    """The gap of one objective, or the part of the hypervolume that is lost of two."""
    if len(full[0]) == 1:
        best, middle = min(full)[0], statistics.median(value for (value,) in full)
        return (min(done)[0] - best) / (middle - best)
    worst = tuple(max(column) for column in zip(*full))
    return 1 - hypervolume(done, worst) / hypervolume(full, worst)


class Curves:
    """A whole random search, and what every trial of it reported."""

    def __init__(self, optimize: Optimize, problem: str, seed: int):
        name = f"{problem}-{seed}"
        start(optimize, problem, seed, name)
        self.trials = rows(optimize, name, "select * from trials order by trial")
        self.values = values_of(self.trials)
        self.reports: list[list[tuple[float, ...]]] = [[] for _ in self.trials]
        for row in rows(optimize, name, "select * from reports order by trial, step"):
            self.reports[int(row["trial"])].append(values_of([row])[0])
        order = sorted(range(len(self.trials)), key=lambda trial: self.values[trial])
        self.best = set(order[: max(1, len(order) // 100)])

    def judge(self, finished: set[int], steps: int) -> Outcome:
        done = [self.values[trial] for trial in finished]
        false = len(self.best - finished) / len(self.best)
        return Outcome(steps / (STEPS * len(self.trials)), false, loss(self.values, done))

    def finished(self, found: list[dict[str, str]]) -> set[int]:
        known = points(found)
        return {place for place, row in enumerate(self.trials) if points([row]) & known}


def ours(optimize: Optimize, curves: Curves, problem: str, seed: int, pruner: str) -> Outcome:
    name = f"{problem}-{seed}-" + "".join(c if c.isalnum() else "-" for c in pruner)
    status = start(optimize, problem, seed, name, "--prune", pruner)
    found = rows(optimize, name, "select * from trials where status = 'complete'")
    return curves.judge(curves.finished(found), status["steps"])


def optuna(curves: Curves, make: Any) -> Outcome:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(pruner=make(optuna.pruners))
    finished, steps = set(), 0
    for number, reports in enumerate(curves.reports):
        trial = study.ask()
        for step, (value,) in enumerate(reports, 1):
            trial.report(value, step)
            steps += 1
            if step < len(reports) and trial.should_prune():
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                break
        else:
            study.tell(trial, curves.values[number][0])
            finished.add(number)
    return curves.judge(finished, steps)


PEERS = {
    "Optuna median": lambda pruners: pruners.MedianPruner(),
    "Optuna percentile 25": lambda pruners: pruners.PercentilePruner(25.0),
    "Optuna halving": lambda pruners: pruners.SuccessiveHalvingPruner(reduction_factor=3),
    "Optuna hyperband": lambda pruners: pruners.HyperbandPruner(max_resource=STEPS),
}


def prune(laboratory: Laboratory) -> None:
    chosen = laboratory.chosen
    seeds = range(1, 1 + (chosen.seeds or (QUICK_SEEDS if chosen.quick else SEEDS)))
    print("\n## prune: pruners on the same learning curves")
    print(f"\n{TRIALS} random trials of {STEPS} steps; means of {len(seeds)} seeds\n")
    print("| problem | pruner | work | best 1 % lost | gap, or hypervolume lost |")
    print("|---|---|---|---|---|")
    for problem in [*SINGLE, *DOUBLE]:
        if chosen.problem and not problem.startswith(chosen.problem):
            continue
        curves = {seed: Curves(laboratory.optimize, problem, seed) for seed in seeds}
        # Optuna's pruners are for one objective.
        peers = PEERS if problem in SINGLE else {}
        for name in [*OURS, *peers]:
            outcomes = [
                optuna(curves[seed], peers[name]) if name in peers
                else ours(laboratory.optimize, curves[seed], problem, seed, name)
                for seed in seeds
            ]
            work, false, gap = (
                statistics.mean(getattr(outcome, key) for outcome in outcomes)
                for key in ("work", "false", "gap"))
            lost = f"{false:.1%}" if problem in SINGLE else "-"
            print(f"| {problem} | {name} | {work:.1%} | {lost} | {gap:.4f} |", flush=True)


SECTIONS = {"prune": prune}
