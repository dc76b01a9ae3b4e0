"""The peers, each run as its users would run it."""

from __future__ import annotations

import importlib
import logging
import random
import shutil
import tempfile
import time
import warnings
from typing import Any, Callable

import numpy as np

from problems import Problem
from runs import Run

#: A peer: runs a problem for so many evaluations with a seed.
Peer = Callable[[Problem, int, int], Run]

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)


class Watched:
    """A single objective that remembers what it was asked, and answers with plain numbers."""

    def __init__(self, problem: Problem, limit: int):
        self.problem = problem
        self.limit = limit
        self.values: list[float] = []

    def __call__(self, x: Any) -> float:
        value = self.problem.value(np.asarray(x, dtype=float))
        self.values.append(value)
        return value

    def run(self, began: float) -> Run:
        values = np.array(self.values[: self.limit], dtype=float)[:, None]
        return Run(values, time.perf_counter() - began)


# pymoo


def pymoo(make: Callable[[Problem], Any]) -> Peer:
    from pymoo.core.problem import Problem as PymooProblem
    from pymoo.optimize import minimize

    def run(problem: Problem, trials: int, seed: int) -> Run:
        seen: list[np.ndarray] = []

        class Rows(PymooProblem):
            def __init__(self) -> None:
                super().__init__(
                    n_var=problem.dimensions, n_obj=problem.objectives,
                    xl=problem.low, xu=problem.high)

            def _evaluate(self, x: Any, out: dict, *_: Any, **__: Any) -> None:
                out["F"] = problem.rows(x)
                seen.append(out["F"])

        began = time.perf_counter()
        result = minimize(Rows(), make(problem), ("n_eval", trials), seed=seed, verbose=False)
        seconds = time.perf_counter() - began
        last = result.pop.get("F") if problem.objectives > 1 else None
        return Run(np.vstack(seen)[:trials], seconds, last)

    return run


def directions(problem: Problem, partitions: dict[int, int]) -> np.ndarray:
    from pymoo.util.ref_dirs import get_reference_directions

    count = problem.objectives
    return get_reference_directions("das-dennis", count, n_partitions=partitions[count])


def pymoo_nsga2(_: Problem) -> Any:
    from pymoo.algorithms.moo.nsga2 import NSGA2

    return NSGA2(pop_size=100)


def pymoo_nsga3(problem: Problem) -> Any:
    from pymoo.algorithms.moo.nsga3 import NSGA3

    return NSGA3(directions(problem, {2: 99, 3: 12}), pop_size=100)


def pymoo_moead(problem: Problem) -> Any:
    from pymoo.algorithms.moo.moead import MOEAD

    return MOEAD(directions(problem, {2: 99, 3: 12}), n_neighbors=20)


def pymoo_smsemoa(_: Problem) -> Any:
    from pymoo.algorithms.moo.sms import SMSEMOA

    return SMSEMOA(pop_size=100)


def pymoo_single(module: str, name: str) -> Callable[[Problem], Any]:
    def make(_: Problem) -> Any:
        return getattr(importlib.import_module(f"pymoo.algorithms.soo.nonconvex.{module}"), name)()

    return make


# pycma


def pycma(problem: Problem, trials: int, seed: int) -> Run:
    """With BIPOP restarts, from a random point of the box, and within its bounds."""
    import cma

    generator = np.random.default_rng(seed)
    watched = Watched(problem, trials)
    width = float((problem.high - problem.low).max())
    options = {
        "bounds": [list(problem.low), list(problem.high)],
        "maxfevals": trials, "ftarget": problem.minimum + 1e-8,
        "seed": seed + 1, "verbose": -9,
    }
    np.random.seed(seed)
    began = time.perf_counter()
    cma.fmin2(
        watched, lambda: generator.uniform(problem.low, problem.high), 0.25 * width, options,
        restarts=9, bipop=True)
    return watched.run(began)


# scipy


def scipy_evolution(problem: Problem, trials: int, seed: int) -> Run:
    from scipy.optimize import differential_evolution

    watched = Watched(problem, trials)
    bounds = list(problem.bounds)
    began = time.perf_counter()
    generations = trials // (15 * problem.dimensions)
    differential_evolution(
        watched, bounds, seed=seed, maxiter=generations, tol=0, atol=0, polish=False)
    return watched.run(began)




def scipy_simplex(problem: Problem, trials: int, seed: int) -> Run:
    """Begun again at a random point whenever the simplex has collapsed."""
    from scipy.optimize import minimize

    generator = np.random.default_rng(seed)
    watched = Watched(problem, trials)
    began = time.perf_counter()
    while len(watched.values) < trials:
        minimize(
            watched, generator.uniform(problem.low, problem.high), method="Nelder-Mead",
            bounds=problem.bounds,
            options={"adaptive": True, "maxfev": trials - len(watched.values),
                     "xatol": 1e-10, "fatol": 1e-12})
    return watched.run(began)


def scipy_annealing(problem: Problem, trials: int, seed: int) -> Run:
    from scipy.optimize import dual_annealing

    watched = Watched(problem, trials)
    began = time.perf_counter()
    dual_annealing(
        watched, problem.bounds, seed=seed, maxfun=trials, maxiter=10**6, no_local_search=True)
    return watched.run(began)


# Optuna and rustuna, which share a way of asking


def suggested(problem: Problem, trial: Any) -> list[float]:
    return [
        trial.suggest_float(f"x{i + 1}", low, high)
        for i, (low, high) in enumerate(problem.bounds)
    ]


def optuna(sampler: Callable[[int], Any]) -> Peer:
    import optuna as library

    library.logging.set_verbosity(library.logging.ERROR)

    def run(problem: Problem, trials: int, seed: int) -> Run:
        watched = Watched(problem, trials)
        began = time.perf_counter()
        study = library.create_study(sampler=sampler(seed))
        study.optimize(lambda trial: watched(suggested(problem, trial)), n_trials=trials)
        return watched.run(began)

    return run


def optuna_tpe(seed: int) -> Any:
    import optuna as library

    return library.samplers.TPESampler(seed=seed)


def optuna_gp(seed: int) -> Any:
    import optuna as library

    return library.samplers.GPSampler(seed=seed)


def rustuna(name: str, **options: Any) -> Peer:
    import rustuna as library

    def run(problem: Problem, trials: int, seed: int) -> Run:
        watched = Watched(problem, trials)
        began = time.perf_counter()
        sampler = getattr(library.samplers, name)(seed=seed, **options)
        study = library.create_study(sampler=sampler, direction="minimize")
        study.optimize(lambda trial: watched(suggested(problem, trial)), n_trials=trials)
        return watched.run(began)

    return run


# egobox and SMAC


def egobox(problem: Problem, trials: int, seed: int) -> Run:
    import egobox as library

    watched = Watched(problem, trials)

    def rows(x: np.ndarray) -> np.ndarray:
        return np.array([[watched(row)] for row in np.atleast_2d(x)])

    start = 2 * (problem.dimensions + 1)
    began = time.perf_counter()
    egor = library.Egor([list(bounds) for bounds in problem.bounds], n_doe=start, seed=seed)
    egor.minimize(rows, max_iters=trials - start)
    return watched.run(began)


def smac(problem: Problem, trials: int, seed: int) -> Run:
    from ConfigSpace import ConfigurationSpace, Float
    from smac import BlackBoxFacade, Scenario

    watched = Watched(problem, trials)
    space = ConfigurationSpace(seed=seed)
    names = [f"x{i + 1}" for i in range(problem.dimensions)]
    space.add([Float(name, tuple(bounds)) for name, bounds in zip(names, problem.bounds)])
    folder = tempfile.mkdtemp()
    try:
        began = time.perf_counter()
        scenario = Scenario(
            space, n_trials=trials, seed=seed, deterministic=True, output_directory=folder)

        def target(config: Any, seed: int = 0) -> float:
            return watched([config[name] for name in names])

        BlackBoxFacade(scenario, target, logging_level=False, overwrite=True).optimize()
        return watched.run(began)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def seeded(peer: Peer) -> Peer:
    """Seeds what a peer may draw from beside its own generator."""

    def run(problem: Problem, trials: int, seed: int) -> Run:
        random.seed(seed)
        np.random.seed(seed)
        return peer(problem, trials, seed)

    return run


#: By name; made when they are needed, because importing some of them takes seconds.
PEERS: dict[str, Callable[[], Peer]] = {
    "pymoo NSGA-II": lambda: pymoo(pymoo_nsga2),
    "pymoo NSGA-III": lambda: pymoo(pymoo_nsga3),
    "pymoo MOEA/D": lambda: pymoo(pymoo_moead),
    "pymoo SMS-EMOA": lambda: pymoo(pymoo_smsemoa),
    "pymoo DE": lambda: pymoo(pymoo_single("de", "DE")),
    "pymoo PSO": lambda: pymoo(pymoo_single("pso", "PSO")),
    "pycma": lambda: pycma,
    "scipy DE": lambda: scipy_evolution,
    "scipy Nelder-Mead": lambda: scipy_simplex,
    "scipy annealing": lambda: scipy_annealing,
    "Optuna TPE": lambda: optuna(optuna_tpe),
    "Optuna GP": lambda: optuna(optuna_gp),
    "rustuna TPE": lambda: rustuna("TPESampler"),
    "egobox": lambda: egobox,
    "SMAC3": lambda: smac,
}


def peer(name: str) -> Peer:
    return seeded(PEERS[name]())
