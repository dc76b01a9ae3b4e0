"""What is compared in time: whole studies in turns, and the mathematics of frontiers."""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable

import moocore
import numpy as np

import problems
from laboratory import Laboratory
from ours import Optimize
from problems import Problem

ROOT = Path(__file__).resolve().parents[2]

#: Contenders take turns, because other load on the machine comes and goes.
ROUNDS, QUICK_ROUNDS = 5, 2


def zdt1(x: list[float]) -> tuple[float, float]:
    """In plain Python, which is faster than numpy for one point."""
    g = 1 + 9 * sum(x[1:]) / (len(x) - 1)
    return x[0], g * (1 - (x[0] / g) ** 0.5)


def sphere(x: list[float]) -> float:
    return sum(value * value for value in x)


def rustuna(
    sampler: str, problem: Problem, objective: Callable, trials: int, **options: int
) -> Callable[[int], None]:
    """A study of rustuna as its users write it, in memory."""
    import rustuna as library

    def run(seed: int) -> None:
        study = library.create_study(
            sampler=getattr(library.samplers, sampler)(seed=seed, **options),
            directions=["minimize"] * problem.objectives)
        names = [f"x{i + 1}" for i in range(problem.dimensions)]
        bounds = list(zip(names, problem.bounds))

        def evaluate(trial: object) -> object:
            return objective(
                [trial.suggest_float(name, low, high) for name, (low, high) in bounds])

        study.optimize(evaluate, n_trials=trials)

    return run


TWO_OBJECTIVES = Problem("zdt1", problems.box(5, 0.0, 1.0), 2, problems.zdt1)

#: Title, algorithm of ours, problem, trials, the peer, and how many times faster is wanted.
STUDIES = [
    ("NSGA-II, 2 objectives, 5 floats", "nsga2:population=50", TWO_OBJECTIVES, 100_000,
     ("NSGAIISampler", zdt1, {"population_size": 50}), 10),
    ("CMA-ES, sphere, 5 floats", "cmaes", problems.sphere_in(5), 100_000,
     ("CmaEsSampler", sphere, {}), 10),
    ("TPE, sphere, 5 floats", "tpe", problems.sphere_in(5), 1_000, ("TPESampler", sphere, {}), 3),
    ("TPE, sphere, 40 floats", "tpe", problems.sphere_in(40), 1_000,
     ("TPESampler", sphere, {}), 3),
]


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def studies(laboratory: Laboratory) -> None:
    """Whole studies: ours from the start of the program to its exit, with the ledger and DuckDB.

    The peer keeps its study in memory, and so do ours in the column that is compared; on a disk
    every result is durable before the algorithm hears of it, which is what takes the time there.
    """
    rounds = QUICK_ROUNDS if laboratory.chosen.quick else ROUNDS
    on_disk = Optimize(laboratory.optimize.program, Path(laboratory.cache))
    print(f"\n## speed: whole studies, medians of {rounds}\n")
    print("| study | trials | ours, s | rustuna, s | times faster | wanted | ours on disk, s |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for title, algorithm, problem, trials, (sampler, objective, options), wanted in STUDIES:
        if not laboratory.optimize.has(algorithm):
            print(f"| {title} | | {algorithm}: not in this program | | | | |", flush=True)
            continue
        if laboratory.chosen.algorithm not in (None, algorithm.split(":")[0]):
            continue
        peer = rustuna(sampler, problem, objective, trials, **options)
        laboratory.optimize.check(problem)
        ours, theirs, durable = [], [], []
        for seed in range(1, rounds + 1):
            ours.append(laboratory.optimize.study(problem, algorithm, trials, seed).seconds)
            durable.append(on_disk.study(problem, algorithm, trials, seed).seconds)
            try:
                theirs.append(timed(lambda: peer(seed)))
            except ImportError as error:
                print(f"{title} of rustuna cannot be had: {error}", file=sys.stderr)
                break
        if not theirs:
            continue
        a, b = statistics.median(ours), statistics.median(theirs)
        row = [title, f"{trials:,}", f"{a:.3f}", f"{b:.3f}", f"{b / a:.1f}", str(wanted),
               f"{statistics.median(durable):.3f}"]
        print(f"| {' | '.join(row)} |", flush=True)
        laboratory.judged(f"speed, {title}", "fast enough" if b / a >= wanted else "slower")


def uniform(rows: int, width: int) -> np.ndarray:
    return np.random.default_rng(1).random((rows, width))


def on_sphere(rows: int, width: int) -> np.ndarray:
    """Rows of which none dominates another."""
    values = uniform(rows, width)
    return 1 - values / np.linalg.norm(values, axis=1, keepdims=True)


SHAPES = {"uniform": uniform, "sphere": on_sphere}


def frontier_tasks() -> list[tuple[str, Callable[[], object]]]:
    """Tasks by the names that they have in optimizers/benches/pareto.rs."""
    tasks: list[tuple[str, Callable[[], object]]] = []

    def add(title: str, work: Callable[[np.ndarray], object], values: np.ndarray) -> None:
        tasks.append((title, lambda: work(values)))

    for shape, rows_of in SHAPES.items():
        for width in (2, 3):
            add(f"non_dominated, {shape} 10^6 x {width}", moocore.is_nondominated,
                rows_of(10**6, width))
            add(f"ranks, {shape} 10^4 x {width}", moocore.pareto_rank, rows_of(10**4, width))
        for rows, width in ((100_000, 2), (10_000, 3), (1_000, 4)):
            def volume(values: np.ndarray, width: int = width) -> float:
                return moocore.hypervolume(values, ref=[1.1] * width)

            add(f"hypervolume, {shape} {rows} x {width}", volume, rows_of(rows, width))
    return tasks


def pareto(laboratory: Laboratory) -> None:
    """The mathematics of frontiers: Criterion's medians of ours, beside moocore in C."""
    print("\n## pareto: ours with Criterion, moocore (C) from Python\n")
    words = ["cargo", "bench", "--locked", "-p", "optimizers", "--bench", "pareto", "--",
             "--output-format", "bencher"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr.strip()}")
    line = re.compile(r"^test (.+?) \.\.\. bench:\s+([\d,]+) ns/iter", re.MULTILINE)
    ours = {name: int(ns.replace(",", "")) / 1e6 for name, ns in line.findall(done.stdout)}
    print("| work | ours, ms | moocore, ms | times faster |")
    print("|---|---|---|---|", flush=True)
    for title, work in frontier_tasks():
        work()
        peer = 1e3 * statistics.median(timed(work) for _ in range(5))
        if title not in ours:
            print(f"| {title} | not in the bench | {peer:.3g} | |", flush=True)
            continue
        times = peer / ours[title]
        print(f"| {title} | {ours[title]:.3g} | {peer:.3g} | {times:.2f} |", flush=True)
        laboratory.judged(f"pareto, {title}", "not slower" if times >= 1 else "slower")


SECTIONS = {"speed": studies, "pareto": pareto}
