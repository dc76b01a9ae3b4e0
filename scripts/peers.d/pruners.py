"""The pruners of the peers, told the learning curves of a study report by report."""

from __future__ import annotations

import datetime
import math
from typing import TYPE_CHECKING, Any, Callable

import numpy as np

if TYPE_CHECKING:
    from pruning import Curves, Outcome, Task

#: Goes through all trials, one after the other.
Pruner = Callable[["Curves"], "Outcome"]

#: The share of trials that goes on is one in so many, on rungs that are so many times as far.
FACTOR = 3


def optuna(make: Callable[[Any, "Task"], Any]) -> Pruner:
    """For one objective."""

    def run(curves: Curves) -> Outcome:
        import optuna as library

        library.logging.set_verbosity(library.logging.ERROR)
        # Hyperband deals trials to its brackets by the name of the study.
        study = library.create_study(
            study_name=f"{curves.task.name} {curves.seed}",
            pruner=make(library.pruners, curves.task))
        finished, steps = set(), 0
        for number in range(len(curves.trials)):
            trial, reports = study.ask(), curves.told(number)
            for step, (value,) in enumerate(reports, 1):
                trial.report(value, step)
                steps += 1
                if step < len(reports) and trial.should_prune():
                    study.tell(trial, state=library.trial.TrialState.PRUNED)
                    break
            else:
                study.tell(trial, curves.values[number][0])
                finished.add(number)
        return curves.judge(finished, steps)

    return run


def syne_tune(make: Callable[["Task", dict[str, Any]], Any]) -> Pruner:
    """The schedulers choose no points here, so that what they are told of the space is nothing."""

    def run(curves: Curves) -> Outcome:
        from syne_tune.backend.trial_status import Trial
        from syne_tune.config_space import uniform
        from syne_tune.optimizer.scheduler import SchedulerDecision

        # What deals trials to brackets draws from the generator of numpy.
        np.random.seed(curves.seed)
        common = {"config_space": {"x": uniform(0, 1)}, "random_seed": curves.seed}
        scheduler = make(curves.task, common)
        finished, steps = set(), 0
        for number in range(len(curves.trials)):
            trial = Trial(number, {"x": 0.5}, datetime.datetime.min)
            scheduler.on_trial_add(trial)
            reports = curves.told(number)
            for step, values in enumerate(reports, 1):
                report = {"step": step, **dict(zip(curves.task.objectives, values))}
                steps += 1
                decision = scheduler.on_trial_result(trial, report)
                # At the last step a trial is stopped because it has come to its end.
                if step == len(reports):
                    finished.add(number)
                elif decision == SchedulerDecision.STOP:
                    break
        return curves.judge(finished, steps)

    return run


def syne_tune_median(task: Task, common: dict[str, Any]) -> Any:
    from syne_tune.optimizer.schedulers.median_stopping_rule import MedianStoppingRule
    from syne_tune.optimizer.schedulers.single_objective_scheduler import SingleObjectiveScheduler

    (objective,) = task.objectives
    # It takes means of its own, which repetitions have already.
    return MedianStoppingRule(
        SingleObjectiveScheduler(metric=objective, **common), time_attr="step",
        metric=objective, running_average=not task.repeats)


def syne_tune_asha(task: Task, common: dict[str, Any], brackets: int = 1) -> Any:
    from syne_tune.optimizer.schedulers.asha import AsynchronousSuccessiveHalving

    (objective,) = task.objectives
    return AsynchronousSuccessiveHalving(
        metric=objective, time_attr="step", max_t=task.steps, reduction_factor=FACTOR,
        brackets=brackets, **common)


def syne_tune_hyperband(task: Task, common: dict[str, Any]) -> Any:
    """As many brackets as there are rungs."""
    return syne_tune_asha(task, common, brackets=1 + round(math.log(task.steps, FACTOR)))


def syne_tune_moasha(name: str) -> Callable[[Task, dict[str, Any]], Any]:
    """For several objectives, which are put in order by one of the priorities that it has."""

    def make(task: Task, common: dict[str, Any]) -> Any:
        from syne_tune.optimizer.schedulers.multiobjective import moasha, multiobjective_priority

        return moasha.MOASHA(
            metrics=list(task.objectives), time_attr="step", max_t=task.steps,
            reduction_factor=FACTOR,
            multiobjective_priority=getattr(multiobjective_priority, name)(), **common)

    return make


#: Those for one objective.
SINGLE: dict[str, Pruner] = {
    "Optuna median": optuna(lambda pruners, _: pruners.MedianPruner()),
    "Optuna percentile 25": optuna(lambda pruners, _: pruners.PercentilePruner(25.0)),
    "Optuna halving": optuna(
        lambda pruners, _: pruners.SuccessiveHalvingPruner(reduction_factor=FACTOR)),
    "Optuna hyperband": optuna(
        lambda pruners, task: pruners.HyperbandPruner(max_resource=task.steps)),
    "Syne Tune median": syne_tune(syne_tune_median),
    "Syne Tune ASHA": syne_tune(syne_tune_asha),
    "Syne Tune hyperband": syne_tune(syne_tune_hyperband),
}

#: Optuna's refuse two objectives.
DOUBLE: dict[str, Pruner] = {
    # The default, which takes the order of the indices for their ranks in 0.16.0, ...
    "Syne Tune MOASHA": syne_tune(syne_tune_moasha("NonDominatedPriority")),
    # ... and the sum of the objectives.
    "Syne Tune MOASHA, sum": syne_tune(syne_tune_moasha("LinearScalarizationPriority")),
}
