"""What a run is measured by, and how two groups of runs are judged."""

from __future__ import annotations

from dataclasses import dataclass

import moocore
import numpy as np
from scipy.stats import mannwhitneyu

#: The reference point of all hypervolumes, in each objective.
REFERENCE = 1.1
SIGNIFICANT = 0.05


@dataclass
class Run:
    """The objectives of all evaluated points in order, and how long that took."""

    values: np.ndarray
    seconds: float
    #: The objectives of the final population, where there is one.
    last: np.ndarray | None = None

    @property
    def seconds_per_trial(self) -> float:
        return self.seconds / max(len(self.values), 1)


def hypervolume(values: np.ndarray) -> float:
    """Of finite rows below the reference point."""
    inside = values[(values < REFERENCE).all(axis=1)]
    if len(inside) == 0:
        return 0.0
    front = moocore.filter_dominated(inside)
    return float(moocore.hypervolume(front, ref=[REFERENCE] * values.shape[1]))


def regret(values: np.ndarray, minimum: float) -> float:
    """How far the best value is from the least one there is, and no less than rounding allows."""
    return max(float(np.nanmin(values[:, 0])) - minimum, 1e-16)


def evaluations_to(values: np.ndarray, target: float) -> float:
    """How many evaluations it took to get there; infinite where it did not."""
    reached = np.flatnonzero(values[:, 0] <= target)
    return float(reached[0] + 1) if len(reached) else float("inf")


@dataclass(frozen=True)
class Verdict:
    """Whether ours are better, by the test of Mann and Whitney."""

    word: str
    p: float

    @staticmethod
    def of(ours: list[float], theirs: list[float], larger_is_better: bool) -> "Verdict":
        a, b = np.array(ours, dtype=float), np.array(theirs, dtype=float)
        # Ranks are all that counts, so that what never arrived may have any largest value.
        a, b = (np.where(np.isinf(it), 1e300, it) for it in (a, b))
        # Fewer cannot differ significantly, however they come out.
        if len(a) < 4 or len(b) < 4:
            return Verdict("too few runs", 1.0)
        result = mannwhitneyu(a, b, alternative="two-sided")
        if not result.pvalue < SIGNIFICANT:
            return Verdict("no difference", float(result.pvalue))
        ours_larger = result.statistic > len(a) * len(b) / 2
        return Verdict("better" if ours_larger == larger_is_better else "worse", result.pvalue)


def quartiles(values: list[float]) -> tuple[float, float, float]:
    """Median, and the quartiles around it."""
    ordered = np.where(np.isinf(values), 1e300, values)
    low, middle, high = (float(it) for it in np.percentile(ordered, [25, 50, 75]))
    return middle, low, high
