"""Runs what a section asks for: ours every time, the peers' once."""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import sys
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

import runs
import theirs
from ours import Optimize
from problems import Problem

#: The packages whose versions a peer's runs depend on.
PACKAGES = {
    "pymoo": "pymoo", "pycma": "cma", "scipy": "scipy", "Optuna": "optuna",
    "rustuna": "rustuna", "egobox": "egobox", "SMAC3": "smac",
}


@dataclass(frozen=True)
class Contender:
    """A peer by name, or an algorithm of ours with its lag."""

    name: str
    is_ours: bool
    lag: int | None = None

    @property
    def title(self) -> str:
        return self.name if self.lag is None else f"{self.name}, lag {self.lag}"


@dataclass
class Outcome:
    """What is kept of a run."""

    trials: int
    seconds_per_trial: float
    hypervolume: float | None
    last_hypervolume: float | None
    regret: float | None
    #: How many evaluations it took to come so near to the minimum.
    to_1e_6: float | None
    to_1e_8: float | None
    #: How many evaluations it took to reach each target of the problem.
    reached: list[float] | None = None

    @staticmethod
    def of(problem: Problem, run: runs.Run) -> "Outcome":
        outcome = Outcome(len(run.values), run.seconds_per_trial, *[None] * 5)
        if problem.objectives > 1:
            outcome.hypervolume = runs.hypervolume(run.values)
            if run.last is not None:
                outcome.last_hypervolume = runs.hypervolume(run.last)
        else:
            outcome.regret = runs.regret(run.values, problem.minimum)
            outcome.to_1e_6 = runs.evaluations_to(run.values, problem.minimum + 1e-6)
            outcome.to_1e_8 = runs.evaluations_to(run.values, problem.minimum + 1e-8)
            outcome.reached = [
                runs.evaluations_to(run.values, problem.minimum + target)
                for target in problem.targets]
        return outcome


def run_peer(name: str, problem: Problem, trials: int, seed: int) -> Outcome:
    return Outcome.of(problem, theirs.peer(name)(problem, trials, seed))


def run_ours(
    optimize: Optimize, contender: Contender, problem: Problem, trials: int, seed: int
) -> Outcome:
    run = optimize.study(problem, contender.name, trials, seed, contender.lag)
    return Outcome.of(problem, run)


class Laboratory:
    """Runs contenders, several at a time where that was asked for."""

    def __init__(self, optimize: Optimize, cache: Path, chosen: argparse.Namespace):
        self.optimize = optimize
        self.cache = cache
        self.chosen = chosen
        self.known: dict[tuple, Future] = {}
        self.verdicts: list[tuple[str, str]] = []
        # Children of their own, so that what one peer imports does not disturb another.
        context = multiprocessing.get_context("spawn")
        self.pool = ProcessPoolExecutor(chosen.jobs, mp_context=context)

    def __enter__(self) -> "Laboratory":
        return self

    def __exit__(self, *_: object) -> None:
        self.pool.shutdown(cancel_futures=True)

    def seeds(self, usual: int) -> range:
        if self.chosen.seeds:
            return range(1, self.chosen.seeds + 1)
        return range(1, 6) if self.chosen.quick else range(1, usual + 1)

    def runs(
        self, contender: Contender, problem: Problem, trials: int, seeds: range
    ) -> list[Outcome]:
        """The outcomes by seed. A peer that cannot be run has none."""
        return self.outcomes(contender, trials, [(problem, seed) for seed in seeds])

    def outcomes(
        self, contender: Contender, trials: int, tasks: list[tuple[Problem, int]]
    ) -> list[Outcome]:
        """Of each problem with its seed."""
        futures = [self.begin(contender, problem, trials, seed) for problem, seed in tasks]
        outcomes = []
        for (problem, seed), future in zip(tasks, futures):
            if isinstance(future, Outcome):
                outcomes.append(future)
                continue
            try:
                outcome = future.result()
            except ImportError as error:
                print(f"{contender.title} cannot be had: {error}", file=sys.stderr)
                return []
            outcomes.append(outcome)
            if not contender.is_ours:
                self.file(contender, problem, trials, seed).write_text(json.dumps(asdict(outcome)))
        return outcomes

    def begin(
        self, contender: Contender, problem: Problem, trials: int, seed: int
    ) -> Future | Outcome:
        key = (contender, problem.title, problem.bounds, trials, seed)
        if key in self.known:
            return self.known[key]
        if contender.is_ours:
            self.optimize.check(problem)
            job = self.pool.submit(run_ours, self.optimize, contender, problem, trials, seed)
        else:
            file = self.file(contender, problem, trials, seed)
            if file.exists() and not self.chosen.fresh:
                return Outcome(**json.loads(file.read_text()))
            job = self.pool.submit(run_peer, contender.name, problem, trials, seed)
        self.known[key] = job
        return job

    def file(self, contender: Contender, problem: Problem, trials: int, seed: int) -> Path:
        """Where a peer's outcome is kept: by all that it depends on."""
        package = version(PACKAGES[contender.name.split()[0]])
        text = f"{contender.name} {package} {problem.title} {problem.bounds} {trials} {seed}"
        return self.cache / f"{hashlib.sha256(text.encode()).hexdigest()[:24]}.json"

    def judged(self, title: str, word: str) -> None:
        self.verdicts.append((title, word))

    def sum_up(self) -> None:
        """How often ours were better, and every place where they were not."""
        words = [word for _, word in self.verdicts]
        counts = ", ".join(f"{words.count(word)} {word}" for word in dict.fromkeys(words))
        print(f"\n{len(words)} comparisons: {counts or 'none'}")
        for title, word in self.verdicts:
            if word in ("worse", "slower"):
                print(f"- {word}: {title}")


def median_time(outcomes: list[Outcome]) -> float:
    return float(np.median([outcome.seconds_per_trial for outcome in outcomes]))
