"""`@simulator`: a function of parameters that returns metrics, as a simulator of `optimize`."""

from __future__ import annotations

import functools
import inspect
import operator
import random
from collections.abc import Sequence
from typing import (
    Any,
    Callable,
    Generic,
    TypeVar,
    overload,
)

from . import protocol

Result = TypeVar("Result")

#: Parameters of a function that are not parameters of the study: they are given by name.
HELPERS = ("trial", "rng")


class Trial:
    """The trial that is being run: who it is, and a way to report how it goes."""

    def __init__(
        self,
        number: int = 0,
        seed: int = 0,
        wire: protocol.Wire | None = None,
        *,
        budget: int | None = None,
    ) -> None:
        #: Number of the trial in its study, for people: no result should depend on it.
        self.number = number
        #: Seed of everything random in it.
        self.seed = seed
        #: How many steps it may take at most, where the study says so (`command.budget`).
        self.budget = budget
        #: Whether the study has seen enough: return now. What is returned then is not looked at.
        self.should_stop = False
        #: The reports so far, where the function is called alone.
        self.reports: list[tuple[int, dict[str, Any]]] = []
        self._wire = wire
        self._last_step = 0

    def report(self, step: int, /, **metrics: Any) -> None:
        """Reports intermediate metrics; afterwards `should_stop` says whether to go on.

        Steps are whole numbers from 1 that increase. Metrics that are left out are unknown (NaN).
        """
        step = operator.index(step)
        if step <= self._last_step:
            raise ValueError(f"report: found step {step}, allowed: above {self._last_step}")
        self._last_step = step
        if self._wire is None:
            self.reports.append((step, metrics))
        else:
            self.should_stop = self._wire.report(step, metrics)

    def __repr__(self) -> str:
        return f"Trial(number={self.number}, seed={self.seed})"


class Simulator(Generic[Result]):
    """A function that `optimize` can run, and that can be called as before.

    Called alone, `trial` and `rng` are made where they are not given, with seed 0.
    """

    def __init__(self, function: Callable[..., Result], metrics: Sequence[str] | None = None):
        if isinstance(metrics, str):
            raise TypeError(f'metrics: found the text "{metrics}", allowed: ["{metrics}"]')
        if inspect.iscoroutinefunction(function):
            raise TypeError(f"{function.__name__}: found an async function, allowed: a plain one")
        self.function = function
        self.metrics = list(metrics) if metrics is not None else None
        self._signature = inspect.signature(function)
        self._wants_trial = "trial" in self._signature.parameters
        self._rng = _generator(function) if "rng" in self._signature.parameters else None
        functools.update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Result:
        given = self._signature.bind_partial(*args, **kwargs).arguments
        trial = given.get("trial") or Trial()
        if self._wants_trial and given.get("trial") is None:
            kwargs["trial"] = trial
        if self._rng is not None and given.get("rng") is None:
            kwargs["rng"] = self._rng(trial.seed)
        return self.function(*args, **kwargs)

    def check_parameters(self, names: Sequence[str], inactive: Sequence[str]) -> None:
        """Raises `TypeError` unless the function can be called with these parameters.

        `inactive` names those that are absent from some trials, and so need a default.
        """
        taken = [name for name in names if name in HELPERS]
        if taken:
            raise TypeError(f"space: {taken[0]} is the name of a helper; rename the parameter")
        present: dict[str, None] = {name: None for name in names if name not in inactive}
        present.update((name, None) for name in HELPERS if name in self._signature.parameters)
        self._signature.bind(**present)
        self._signature.bind(**present, **{name: None for name in inactive})

    def serve(self) -> None:
        """Answers the trials that `optimize` sends on standard input, until it ends."""
        protocol.serve(self._bind, self.metrics)

    def _bind(self, wire: protocol.Wire) -> Callable[[dict[str, Any]], Result]:
        """The function that runs one request, with the helpers it asks for and no others."""
        function, wants_trial, rng = self.function, self._wants_trial, self._rng

        def run(request: dict[str, Any]) -> Result:
            values = request["params"]
            if wants_trial:
                number, budget = request.get("trial", 0), request.get("budget")
                values["trial"] = Trial(number, request["seed"], wire, budget=budget)
            if rng is not None:
                values["rng"] = rng(request["seed"])
            return function(**values)

        return run


def _generator(function: Callable[..., Any]) -> Callable[[int], Any]:
    """What makes the `rng` of a function: numpy's generator where it is annotated so.

    The annotation is looked at as text as well, as `from __future__ import annotations` leaves it.
    """
    annotation = inspect.signature(function).parameters["rng"].annotation
    if isinstance(annotation, str):
        known = getattr(function, "__globals__", {}).get(annotation, "")
        annotation = f"{annotation} {getattr(known, '__module__', '')}"
    text = f"{getattr(annotation, '__module__', '')} {annotation}"
    if "numpy" in text or "np.random" in text:
        try:
            import numpy
        except ImportError:
            return random.Random
        generator: Callable[[int], Any] = numpy.random.default_rng
        return generator
    return random.Random


@overload
def simulator(function: Callable[..., Result]) -> Simulator[Result]: ...
@overload
def simulator(
    *, metrics: Sequence[str] | None = None
) -> Callable[[Callable[..., Result]], Simulator[Result]]: ...
def simulator(
    function: Callable[..., Any] | None = None, *, metrics: Sequence[str] | None = None
) -> Simulator[Any] | Callable[[Callable[..., Any]], Simulator[Any]]:
    """Turns a function into a simulator, as `@simulator` or `@simulator(metrics=["cost"])`.

    The function's parameters are those of the study, and it returns a mapping of metrics, one
    number, or a tuple in the order of `metrics`. Two parameters are special: `trial` is the
    `Trial`, and `rng` a generator seeded for it (`random.Random`, or numpy's where annotated so).
    """
    if function is None:
        return functools.partial(Simulator, metrics=metrics)
    return Simulator(function, metrics)
