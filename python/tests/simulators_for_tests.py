"""Functions that the tests serve in other processes."""

import os
import random
import sys
import time
from typing import Optional

from optimize import Trial, simulator


@simulator(metrics=["cost"])
def parabola(x: float, y: float = 0.0) -> float:
    return (x - 0.25) ** 2 + y * y


@simulator(metrics=["cost", "mass"])
def pair(x: float):
    return x, 2 * x


@simulator
def mapping(**params):
    return {"cost": len(params), "extra": "not a number"}


@simulator(metrics=["cost"])
def nothing(x: float) -> float:
    return 0.0


@simulator(metrics=["cost"])
def noisy(x: float, *, rng: random.Random) -> float:
    return x + rng.random()


try:
    import numpy as np

    @simulator(metrics=["cost"])
    def numpy_noisy(x: float, *, rng: np.random.Generator) -> np.float64:
        return np.float64(x) + rng.random()
except ImportError:
    pass


@simulator(metrics=["cost", "mass"])
def learner(steps: int, *, trial: Optional[Trial] = None):
    """Gets cheaper with every step; the study's budget, or being stopped, ends it early."""
    steps = min(steps, trial.budget or steps)
    for step in range(1, steps + 1):
        trial.report(step, cost=10 - step)
        if trial.should_stop:
            return "whatever"
    return 10.0 - steps, steps


@simulator(metrics=["cost"])
def careless(how: str, *, trial: Trial):
    """Reports in a way that is not allowed, or ends in an odd way when it is stopped."""
    if how == "backwards":
        trial.report(2, cost=1)
        trial.report(2, cost=1)
    if how == "nameless":
        trial.report(1, price=1)
    trial.report(1, cost=1)
    if trial.should_stop:
        raise RuntimeError("leaving")
    return 1.0


@simulator(metrics=["cost"])
def fickle(x: float) -> float:
    """Another result at every call."""
    return x + int.from_bytes(os.urandom(4), "big")


@simulator(metrics=["cost"])
def gated(x: float, *, rng: random.Random) -> float:
    """Some trials wait for a file, where they are told of one: tests decide when they end."""
    gate = os.environ.get("GATE_FOR_TESTS")
    while x > 0.9 and gate and not os.path.exists(gate):
        time.sleep(0.01)
    return x + rng.random()


@simulator(metrics=["cost"])
def printing(x: float) -> float:
    print('{"metrics": {"cost": 666}}', flush=True)
    os.system("echo from a child")
    os.write(1, b"from below\n")
    assert sys.stdin.read() == ""
    assert os.read(0, 1) == b""
    return x


@simulator(metrics=["cost"])
def odd(kind: str):
    """One way to go wrong per kind."""
    if kind == "raise":
        raise ValueError(f"no {object()}")
    if kind == "exit":
        sys.exit(3)
    if kind == "long":
        raise RuntimeError("x" * 1_000_000)
    return {
        "text": "1.5",
        "none": None,
        "nan": float("nan"),
        "inf": float("inf"),
        "minus": {"cost": float("-inf")},
        "missing": {"price": 1},
        "many": (1, 2),
        "whole": 7,
        "yes": True,
        "list": {"cost": [1, 2]},
    }[kind]


def plain(x: float) -> dict:
    return {"cost": x}


@simulator(metrics=["cost"])
def fragile(x: float) -> float:
    if x < 0.3:
        raise ValueError("x is too small")
    return x


def outer():
    @simulator
    def inner(x: float) -> float:
        return x

    return inner
