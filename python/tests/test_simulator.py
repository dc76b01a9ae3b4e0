"""A simulator called alone."""

import random

import pytest
import simulators_for_tests as some

from optimize import Simulator, Trial, simulator


def test_is_an_ordinary_function():
    assert some.parabola(0.25, 2.0) == 4.0
    assert some.parabola(x=0.75) == 0.25
    assert some.parabola.__name__ == "parabola"
    assert isinstance(some.parabola, Simulator)
    with pytest.raises(TypeError, match="missing"):
        some.parabola()


def test_helpers_are_made_where_they_are_not_given():
    assert some.noisy(1.0) == 1.0 + random.Random(0).random()
    assert some.noisy(1.0, rng=random.Random(9)) == 1.0 + random.Random(9).random()
    assert some.learner(3) == (7.0, 3)


def test_reports_can_be_looked_at():
    trial = Trial(seed=4)
    assert some.learner(2, trial=trial) == (8.0, 2)
    assert trial.reports == [(1, {"cost": 9}), (2, {"cost": 8})]
    assert some.learner(5, trial=Trial(budget=1)) == (9.0, 1)


@pytest.mark.parametrize("steps", [(0,), (2, 2), (2, 1)])
def test_steps_increase_from_one(steps):
    trial = Trial()
    with pytest.raises(ValueError, match="allowed: above"):
        for step in steps:
            trial.report(step, cost=1)


def test_the_seed_of_a_given_trial_is_that_of_the_generator():
    @simulator
    def both(*, rng, trial):
        return rng.random()

    assert both(trial=Trial(seed=11)) == random.Random(11).random()


def test_numpy_generator_through_text_annotations():
    numpy = pytest.importorskip("numpy")
    space = {"Generator": numpy.random.Generator, "simulator": simulator}
    exec(
        "from __future__ import annotations\n@simulator\ndef f(*, rng: Generator): return rng\n",
        space,
    )
    assert isinstance(space["f"](), numpy.random.Generator)


def test_wrong_uses_are_refused():
    with pytest.raises(TypeError, match="allowed"):
        simulator(metrics="cost")(lambda x: x)

    async def later(x):
        return x

    with pytest.raises(TypeError, match="async"):
        simulator(later)
