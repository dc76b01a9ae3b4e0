"""What is compared in quality: problems, budgets, contenders, and the measure that decides."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

import problems
from laboratory import Contender, Laboratory, Outcome, median_time
from problems import Problem
from runs import Verdict, quartiles

#: Runs of each contender, and of those that take minutes.
USUAL, SLOW = 31, 11


@dataclass(frozen=True)
class Measure:
    """A figure of an outcome, and which way it improves."""

    field: str
    title: str
    larger_is_better: bool = False
    #: What is below counts as this.
    least: float = 0.0

    def of(self, outcomes: list[Outcome]) -> list[float]:
        return [max(getattr(outcome, self.field), self.least) for outcome in outcomes]


HYPERVOLUME = Measure("hypervolume", "hypervolume of all evaluated points", True)
REGRET = Measure("regret", "regret: best value less the minimum")
#: As the CEC competitions count.
SOLVED = Measure("regret", "regret; below 1e-8 counts as 1e-8", least=1e-8)
TO_1E_8 = Measure("to_1e_8", "evaluations until the minimum is 1e-8 away")
TO_1E_6 = Measure("to_1e_6", "evaluations until the minimum is 1e-6 away")


@dataclass(frozen=True)
class Block:
    """Problems with a budget each, on which algorithms of ours meet peers."""

    measure: Measure
    #: Each with its budget in trials.
    tasks: list[tuple[Problem, int]]
    #: An algorithm of ours with its lag, and the peers or other lags that it is compared with.
    pairs: list[tuple[Contender, list[Contender]]]
    seeds: int = USUAL
    #: In place of the tasks where somebody is in a hurry.
    quick: list[tuple[Problem, int]] | None = None


@dataclass(frozen=True)
class Section:
    """A table."""

    about: str
    blocks: list[Block] = field(default_factory=list)


def ours(name: str, lag: int | None = None) -> Contender:
    return Contender(name, True, lag)


def against(*names: str) -> list[Contender]:
    return [Contender(name, False) for name in names]


def with_budget(trials: int, *chosen: Problem) -> list[tuple[Problem, int]]:
    return [(problem, trials) for problem in chosen]


SPHERE5, SPHERE10, SPHERE40 = (problems.sphere_in(n) for n in (5, 10, 40))
ROSENBROCK4 = problems.narrow_rosenbrock_in(4)
ROSENBROCK10, RASTRIGIN10 = problems.rosenbrock_in(10), problems.rastrigin_in(10)
ELLIPSOID10, ACKLEY5, ACKLEY10 = (
    problems.ellipsoid_in(10), problems.ackley_in(5), problems.ackley_in(10))
BRANIN, HARTMANN6 = problems.BRANIN, problems.HARTMANN6

SMALL = [SPHERE5, ROSENBROCK4, BRANIN, HARTMANN6, ACKLEY5]
BAYESIAN = [(BRANIN, 60), (HARTMANN6, 100), (ACKLEY5, 100), (ROSENBROCK4, 100)]


def lags(*names: str) -> list[tuple[Contender, list[Contender]]]:
    """Algorithms with a lag of 64, and with that which they have if nobody names one."""
    return [(ours(name, lag), [ours(name, 1)]) for name in names for lag in (64, None)]


SECTIONS = {
    "moo": Section(
        "evolution, several objectives: population 100, 25,000 evaluations",
        [
            Block(
                HYPERVOLUME,
                with_budget(25_000, *problems.MULTIPLE),
                [
                    (ours("nsga2:population=100"), against("pymoo NSGA-II")),
                    (ours("nsga3:population=100"), against("pymoo NSGA-II", "pymoo NSGA-III")),
                    (ours("smsemoa:population=100"), against("pymoo NSGA-II", "pymoo SMS-EMOA")),
                    (ours("moead:population=100"), against("pymoo MOEA/D")),
                ],
                quick=with_budget(5_000, *problems.MULTIPLE),
            ),
        ],
    ),
    "cmaes": Section(
        "CMA-ES with BIPOP restarts, within bounds",
        [
            Block(
                TO_1E_8,
                [*with_budget(30_000, SPHERE10, ELLIPSOID10, ROSENBROCK10),
                 (RASTRIGIN10, 300_000)],
                [(ours("cmaes"), against("pycma"))],
            ),
        ],
    ),
    "de": Section(
        "differential evolution",
        [
            Block(
                SOLVED,
                with_budget(50_000, SPHERE10, ROSENBROCK10, RASTRIGIN10, ACKLEY10),
                [(ours("de"), against("scipy DE", "pymoo DE"))],
                quick=with_budget(20_000, SPHERE10, ROSENBROCK10, RASTRIGIN10, ACKLEY10),
            ),
        ],
    ),
    "tpe": Section(
        "tree-structured Parzen estimators",
        [
            Block(
                REGRET,
                [*with_budget(100, *SMALL), *with_budget(1000, *SMALL, SPHERE40)],
                [(ours("tpe", 1), against("Optuna TPE", "rustuna TPE"))],
                quick=with_budget(100, *SMALL),
            ),
        ],
    ),
    "bayes": Section(
        "Gaussian processes",
        [
            Block(
                REGRET,
                BAYESIAN,
                [(ours("bayes", 1), against("Optuna GP", "egobox", "SMAC3"))],
                seeds=SLOW,
                quick=[(problem, 40) for problem, _ in BAYESIAN],
            ),
        ],
    ),
    "classical": Section(
        "simplex, swarm and annealing",
        [
            Block(
                TO_1E_6,
                with_budget(5_000, SPHERE5, ROSENBROCK4),
                [(ours("nelder-mead", 1), against("scipy Nelder-Mead"))],
            ),
            Block(
                SOLVED,
                with_budget(20_000, SPHERE10, RASTRIGIN10, ACKLEY10),
                [
                    (ours("pso"), against("pymoo PSO")),
                    (ours("annealing"), against("scipy annealing")),
                ],
            ),
        ],
    ),
    "lag": Section(
        "what is lost with 64 trials open, and with the lag of the default, instead of one",
        [
            Block(
                HYPERVOLUME,
                with_budget(25_000, *problems.MULTIPLE),
                lags("nsga2:population=100", "nsga3:population=100", "smsemoa:population=100",
                     "moead:population=100"),
                quick=with_budget(5_000, *problems.MULTIPLE),
            ),
            Block(
                TO_1E_8,
                with_budget(30_000, SPHERE10, ELLIPSOID10, ROSENBROCK10),
                lags("cmaes"),
            ),
            # In the end all of them are there: how long it takes is what differs.
            Block(
                TO_1E_8,
                with_budget(50_000, SPHERE10, ROSENBROCK10, RASTRIGIN10, ACKLEY10),
                lags("de"),
            ),
            Block(
                REGRET,
                [*with_budget(100, *SMALL), *with_budget(1000, *SMALL)],
                lags("tpe"),
                quick=with_budget(100, *SMALL),
            ),
            # The default is 1 for so few trials, and what it is for many from 256 on.
            Block(REGRET, BAYESIAN, lags("bayes")[:1], seeds=SLOW),
            Block(
                REGRET,
                with_budget(256, HARTMANN6, ACKLEY5, ROSENBROCK4),
                lags("bayes")[1:],
                seeds=SLOW,
                quick=[],
            ),
            Block(
                TO_1E_6,
                with_budget(5_000, SPHERE5, ROSENBROCK4),
                lags("nelder-mead"),
            ),
            Block(
                SOLVED,
                with_budget(20_000, SPHERE10, RASTRIGIN10, ACKLEY10),
                lags("pso", "annealing"),
            ),
        ],
    ),
}


def show(name: str, section: Section, laboratory: Laboratory) -> None:
    """Prints the table of a section, row by row as they are measured."""
    print(f"\n## {name}: {section.about}", flush=True)
    for block in section.blocks:
        seeds = laboratory.seeds(block.seeds)
        print(f"\n{block.measure.title}; {len(seeds)} seeds; ms: time per trial\n")
        print("| problem | trials | ours | median [quartiles] | ms "
              "| beside | median [quartiles] | ms | ours is | ratio |")
        print("|---|---|---|---|---|---|---|---|---|---|", flush=True)
        is_quick = laboratory.chosen.quick and block.quick is not None
        tasks = block.quick if is_quick else block.tasks
        for us, peers in block.pairs:
            if not laboratory.optimize.has(us.name):
                print(f"| | | {us.title} | not in this program | | | | | | |", flush=True)
                continue
            if is_wanted(us, laboratory):
                for problem, trials in tasks:
                    compare(name, block, laboratory, us, peers, problem, trials)


def is_wanted(us: Contender, laboratory: Laboratory) -> bool:
    return laboratory.chosen.algorithm in (None, us.name.split(":")[0])


def compare(
    name: str, block: Block, laboratory: Laboratory, us: Contender, peers: list[Contender],
    problem: Problem, trials: int,
) -> None:
    """Prints the rows of one problem."""
    wanted = laboratory.chosen
    if wanted.problem and not problem.name.startswith(wanted.problem):
        return
    seeds, measure = laboratory.seeds(block.seeds), block.measure
    for peer in peers:
        if wanted.peer and not peer.name.startswith(wanted.peer):
            continue
        b = laboratory.runs(peer, problem, trials, seeds)
        if not b:
            continue
        a = laboratory.runs(us, problem, trials, seeds)
        verdict = Verdict.of(measure.of(a), measure.of(b), measure.larger_is_better)
        row = [
            problem.title, f"{trials:,}", us.title, figures(measure.of(a)), milliseconds(a),
            peer.title + final(b), figures(measure.of(b)), milliseconds(b),
            f"{verdict.word} (p = {verdict.p:.2g})", ratio(measure.of(a), measure.of(b)),
        ]
        print(f"| {' | '.join(row)} |", flush=True)
        laboratory.judged(f"{name}, {problem.title}, {us.title}, {peer.title}", verdict.word)


def final(outcomes: list[Outcome]) -> str:
    """The hypervolume of the final populations, where the peer has them."""
    last = [outcome.last_hypervolume for outcome in outcomes]
    if None in last:
        return ""
    return f" (final population {np.median(last):.4f})"


def short(value: float) -> str:
    return "never" if value > 1e100 else f"{value:.5g}"


def figures(values: list[float]) -> str:
    middle, low, high = quartiles(values)
    return f"{short(middle)} [{short(low)}, {short(high)}]"


def ratio(ours: list[float], theirs: list[float]) -> str:
    a, b = quartiles(ours)[0], quartiles(theirs)[0]
    return "" if b == 0 or max(a, b) > 1e100 else f"{a / b:.3g}"


def milliseconds(outcomes: list[Outcome]) -> str:
    return f"{1e3 * median_time(outcomes):.3g}"
