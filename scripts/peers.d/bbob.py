"""The 24 functions of the BBOB suite, told through `optimize ask`, by the measure of COCO.

Every function has 51 targets, distances from its minimum between 100 and 1e-8 (Hansen et al. 2021,
COCO: a platform for comparing continuous optimizers). Solved is the share of all pairs of a run and
a target that were reached. The area is that under the curve of this share over the logarithm of the
evaluations, from as many as there are dimensions to the budget: 1 where every target is reached at
once, 0 where none is reached at all. Each run has an instance of its own, as COCO's have.
"""

from __future__ import annotations

import numpy as np

import problems
from laboratory import Contender, Laboratory, Outcome
from problems import Problem
from runs import Verdict
from sections import against, is_wanted, ours

DIMENSIONS = 5
INSTANCES = 15

#: The groups in which the suite comes.
GROUPS = {
    "separable": range(1, 6),
    "moderate conditioning": range(6, 10),
    "high conditioning": range(10, 15),
    "many optima, global structure": range(15, 20),
    "many optima, weak structure": range(20, 25),
    "all": range(1, 25),
}

#: The budgets, and who is compared within them.
PAIRS: list[tuple[int, Contender, list[Contender]]] = [
    (1_000 * DIMENSIONS, ours("cmaes"), against("pycma")),
    (1_000 * DIMENSIONS, ours("de"), against("scipy DE", "pymoo DE")),
    (200, ours("tpe", 1), against("Optuna TPE")),
]

#: The outcomes of a contender on each function, instance by instance.
Outcomes = dict[int, list[Outcome]]


def area(outcome: Outcome, budget: int) -> float:
    """Under the curve of the targets that were reached."""
    evaluations = np.maximum(outcome.reached, DIMENSIONS)
    spent = np.log(evaluations / DIMENSIONS) / np.log(budget / DIMENSIONS)
    return float(np.mean(np.clip(1 - spent, 0, 1)))


def solved(outcome: Outcome) -> float:
    return float(np.mean(np.isfinite(outcome.reached)))


def measured(laboratory: Laboratory, contender: Contender, budget: int) -> Outcomes:
    """On the functions that are wanted. A peer that cannot be had has no outcomes."""
    found = {}
    wanted = laboratory.chosen.problem or ""
    for number in GROUPS["all"]:
        instances = [
            (problem, instance)
            for instance in laboratory.seeds(INSTANCES)
            if (problem := suite(number, instance)).name.startswith(wanted)]
        outcomes = laboratory.outcomes(contender, budget, instances)
        if outcomes:
            found[number] = outcomes
    return found


def suite(number: int, instance: int) -> Problem:
    return problems.bbob(number, DIMENSIONS, instance)


def figures(outcomes: Outcomes, group: list[int], budget: int) -> list[str]:
    """Solved and area over all runs of a group, and the median of what was left to its minimum."""
    every = [outcome for number in group for outcome in outcomes[number]]
    return [
        f"{np.mean([solved(outcome) for outcome in every]):.1%}",
        f"{np.mean([area(outcome, budget) for outcome in every]):.3f}",
        f"{max(np.median([outcome.regret for outcome in every]), 1e-8):.2g}",
    ]


def compare(laboratory: Laboratory, budget: int, us: Contender, peer: Contender) -> None:
    """Prints a row for each group of functions."""
    theirs = measured(laboratory, peer, budget)
    if not theirs:
        return
    mine = measured(laboratory, us, budget)
    verdicts = {}
    for number in theirs:
        a, b = ([area(outcome, budget) for outcome in of[number]] for of in (mine, theirs))
        verdicts[number] = Verdict.of(a, b, larger_is_better=True).word
        laboratory.judged(f"bbob, f{number}, {us.title}, {peer.title}", verdicts[number])
    for title, numbers in GROUPS.items():
        group = [number for number in numbers if number in theirs]
        if not group:
            continue
        words = [verdicts[number] for number in group]
        row = [
            title, f"{budget:,}", us.title, *figures(mine, group, budget),
            peer.title, *figures(theirs, group, budget),
            f"{words.count('better')}, {words.count('worse')} of {len(group)}",
        ]
        print(f"| {' | '.join(row)} |", flush=True)


def suites(laboratory: Laboratory) -> None:
    count = len(laboratory.seeds(INSTANCES))
    print(f"\n## bbob: 24 functions in {DIMENSIONS} dimensions, told through `optimize ask`\n")
    print(f"{count} instances of each; regret: its median, below 1e-8 counts as 1e-8; the last "
          "column: on how many functions ours has a larger or a smaller area\n")
    print("| functions | evaluations | ours | solved | area | regret "
          "| beside | solved | area | regret | better, worse |")
    print("|---|---|---|---|---|---|---|---|---|---|---|", flush=True)
    for budget, us, peers in PAIRS:
        if not laboratory.optimize.has(us.name) or not is_wanted(us, laboratory):
            continue
        for peer in peers:
            if peer.name.startswith(laboratory.chosen.peer or ""):
                compare(laboratory, budget, us, peer)


SECTIONS = {"bbob": suites}
