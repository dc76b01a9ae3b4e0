"""The test problems of `optimize`, in numpy, for the peers.

Each is checked against the program itself before anything is measured (see `ours.check`).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, Callable

import numpy as np

Rows = np.ndarray


@dataclass(frozen=True)
class Problem:
    """A problem: rows of variables in, rows of objectives out, all minimised."""

    name: str
    bounds: tuple[tuple[float, float], ...]
    objectives: int
    formula: Callable[[Rows], Rows]
    #: The least value of a single objective.
    minimum: float = 0.0
    #: Whether `optimize` has it as well; if not, it is told the values through `optimize ask`.
    is_built_in: bool = True
    #: Distances from the minimum; how soon each is reached is kept of a run.
    targets: tuple[float, ...] = ()

    @property
    def dimensions(self) -> int:
        return len(self.bounds)

    @property
    def title(self) -> str:
        return f"{self.name} {self.dimensions}-D"

    @property
    def low(self) -> np.ndarray:
        return np.array([low for low, _ in self.bounds])

    @property
    def high(self) -> np.ndarray:
        return np.array([high for _, high in self.bounds])

    def rows(self, x: Rows) -> Rows:
        return self.formula(np.atleast_2d(np.asarray(x, dtype=float)))

    def value(self, x: np.ndarray) -> float:
        """The one objective of one point."""
        return float(self.rows(x)[0, 0])

    def metrics(self) -> list[str]:
        if self.objectives == 1:
            return ["f"]
        return [f"f{m + 1}" for m in range(self.objectives)]

    def template(self) -> str:
        """A template of this problem for `optimize`."""
        goals = "".join(f'{metric} = "minimize"\n' for metric in self.metrics())
        space = "".join(
            f"x{i + 1} = {{ float = [{low!r}, {high!r}] }}\n"
            for i, (low, high) in enumerate(self.bounds)
        )
        bare = f"[objectives]\n{goals}[space]\n{space}"
        if not self.is_built_in:
            return bare
        head = f'name = "{self.name}-{self.dimensions}"\nsimulator = "problem"\n'
        return f'{head}{bare}[problem]\nname = "{self.name}"\n'


def column(values: np.ndarray) -> Rows:
    return values[:, None]


def sphere(x: Rows) -> Rows:
    return column((x**2).sum(axis=1))


def ellipsoid(x: Rows) -> Rows:
    n = x.shape[1]
    return column((10.0 ** (6 * np.arange(n) / max(n - 1, 1)) * x**2).sum(axis=1))


def rosenbrock(x: Rows) -> Rows:
    a, b = x[:, :-1], x[:, 1:]
    return column((100 * (b - a**2) ** 2 + (1 - a) ** 2).sum(axis=1))


def rastrigin(x: Rows) -> Rows:
    return column(10 * x.shape[1] + (x**2 - 10 * np.cos(2 * np.pi * x)).sum(axis=1))


def ackley(x: Rows) -> Rows:
    square, ripple = (x**2).mean(axis=1), np.cos(2 * np.pi * x).mean(axis=1)
    return column(-20 * np.exp(-0.2 * np.sqrt(square)) - np.exp(ripple) + 20 + np.e)


def branin(x: Rows) -> Rows:
    a, b = x[:, 0], x[:, 1]
    valley = b - 5.1 / (4 * np.pi**2) * a**2 + 5 / np.pi * a - 6
    return column(valley**2 + 10 * (1 - 1 / (8 * np.pi)) * np.cos(a) + 10)


def hartmann6(x: Rows) -> Rows:
    alpha = np.array([1.0, 1.2, 3.0, 3.2])
    a = np.array([
        [10.0, 3.0, 17.0, 3.5, 1.7, 8.0],
        [0.05, 10.0, 17.0, 0.1, 8.0, 14.0],
        [3.0, 3.5, 1.7, 10.0, 17.0, 8.0],
        [17.0, 8.0, 0.05, 10.0, 0.1, 14.0],
    ])
    p = np.array([
        [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
        [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
        [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
        [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
    ])
    distance = (a * (x[:, None, :] - p) ** 2).sum(axis=2)
    return column(-(alpha * np.exp(-distance)).sum(axis=1))


def zdt(f1: np.ndarray, g: np.ndarray, h: Callable[[np.ndarray], np.ndarray]) -> Rows:
    return np.column_stack([f1, g * h(f1 / g)])


def linear_g(x: Rows) -> np.ndarray:
    return 1 + 9 * x[:, 1:].mean(axis=1)


def zdt1(x: Rows) -> Rows:
    return zdt(x[:, 0], linear_g(x), lambda r: 1 - np.sqrt(r))


def zdt2(x: Rows) -> Rows:
    return zdt(x[:, 0], linear_g(x), lambda r: 1 - r**2)


def zdt3(x: Rows) -> Rows:
    wave = np.sin(10 * np.pi * x[:, 0])
    return zdt(x[:, 0], linear_g(x), lambda r: 1 - np.sqrt(r) - r * wave)


def zdt4(x: Rows) -> Rows:
    g = 1 + (10 + x[:, 1:] ** 2 - 10 * np.cos(4 * np.pi * x[:, 1:])).sum(axis=1)
    return zdt(x[:, 0], g, lambda r: 1 - np.sqrt(r))


def zdt6(x: Rows) -> Rows:
    f1 = 1 - np.exp(-4 * x[:, 0]) * np.sin(6 * np.pi * x[:, 0]) ** 6
    g = 1 + 9 * x[:, 1:].mean(axis=1) ** 0.25
    return zdt(f1, g, lambda r: 1 - r**2)


def dtlz2(x: Rows) -> Rows:
    """In three objectives."""
    g = 1 + ((x[:, 2:] - 0.5) ** 2).sum(axis=1)
    a, b = x[:, 0] * np.pi / 2, x[:, 1] * np.pi / 2
    return np.column_stack([g * np.cos(a) * np.cos(b), g * np.cos(a) * np.sin(b), g * np.sin(a)])


def box(count: int, low: float, high: float) -> tuple[tuple[float, float], ...]:
    return ((low, high),) * count


UNIT = (0.0, 1.0)

MULTIPLE = [
    Problem("zdt1", box(30, *UNIT), 2, zdt1),
    Problem("zdt2", box(30, *UNIT), 2, zdt2),
    Problem("zdt3", box(30, *UNIT), 2, zdt3),
    Problem("zdt4", (UNIT, *box(9, -5.0, 5.0)), 2, zdt4),
    Problem("zdt6", box(10, *UNIT), 2, zdt6),
    Problem("dtlz2", box(12, *UNIT), 3, dtlz2),
]

BRANIN = Problem("branin", ((-5.0, 10.0), (0.0, 15.0)), 1, branin, 0.39788735772973816)
HARTMANN6 = Problem("hartmann6", box(6, *UNIT), 1, hartmann6, -3.322368011415515)


def sphere_in(dimensions: int) -> Problem:
    return Problem("sphere", box(dimensions, -5.0, 5.0), 1, sphere)


def ellipsoid_in(dimensions: int) -> Problem:
    return Problem("ellipsoid", box(dimensions, -5.0, 5.0), 1, ellipsoid)


def rosenbrock_in(dimensions: int) -> Problem:
    return Problem("rosenbrock", box(dimensions, -5.0, 5.0), 1, rosenbrock)


def narrow_rosenbrock_in(dimensions: int) -> Problem:
    return Problem("rosenbrock", box(dimensions, -2.048, 2.048), 1, rosenbrock)


def rastrigin_in(dimensions: int) -> Problem:
    return Problem("rastrigin", box(dimensions, -5.0, 5.0), 1, rastrigin)


def ackley_in(dimensions: int) -> Problem:
    return Problem("ackley", box(dimensions, -32.768, 32.768), 1, ackley)


@functools.lru_cache(maxsize=None)
def bbob_function(number: int, dimensions: int, instance: int) -> Any:
    import ioh

    return ioh.get_problem(
        number, instance=instance, dimension=dimensions, problem_class=ioh.ProblemClass.BBOB)


@dataclass(frozen=True)
class Bbob:
    """A function of the BBOB suite, as ioh has it."""

    number: int
    dimensions: int
    instance: int

    def __call__(self, x: Rows) -> Rows:
        function = bbob_function(self.number, self.dimensions, self.instance)
        return column(np.array([function(row) for row in x]))


#: The distances from the minimum that COCO counts by: five to a decade, from 100 to 1e-8.
BBOB_TARGETS = tuple(10.0 ** (exponent / 5) for exponent in range(10, -41, -1))


def bbob(number: int, dimensions: int, instance: int) -> Problem:
    return Problem(
        f"bbob-f{number}-i{instance}", box(dimensions, -5.0, 5.0), 1,
        Bbob(number, dimensions, instance), bbob_function(number, dimensions, instance).optimum.y,
        is_built_in=False, targets=BBOB_TARGETS)
