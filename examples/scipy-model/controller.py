"""A PID controller for a second-order plant: quick, or gentle on its actuator?"""

import numpy as np
from scipy import signal

from optimize import Trial, simulator

PERIOD = 0.05  # seconds between two measurements
STEPS = 400
# x'' + 0.6 x' + x = u, a lightly damped spring, as the controller's clock sees it.
PLANT = signal.StateSpace([[0.0, 1.0], [-1.0, -0.6]], [[0.0], [1.0]], [[1.0, 0.0]], [[0.0]])
SAMPLED = PLANT.to_discrete(PERIOD)
A, B, C = SAMPLED.A, SAMPLED.B, SAMPLED.C


@simulator(metrics=["deviation", "effort", "overshoot"])
def controller(kp: float, ki: float, kd: float, *, rng: np.random.Generator, trial: Trial):
    """Brings the plant from 0 to 1 in twenty seconds. Its sensor is noisy.

    `deviation` is the time-weighted absolute error, `effort` the mean change of the actuator.
    """
    noise = rng.normal(0.0, 0.01, STEPS)
    state = np.zeros((2, 1))
    deviation = effort = overshoot = integral = control = 0.0
    before = 1.0
    for step in range(1, STEPS + 1):
        position = float((C @ state)[0, 0])
        wrong = 1.0 - (position + noise[step - 1])
        integral += wrong * PERIOD
        wanted = kp * wrong + ki * integral + kd * (wrong - before) / PERIOD
        wanted = min(max(wanted, -10.0), 10.0)
        effort += abs(wanted - control)
        before, control = wrong, wanted
        state = A @ state + B * control
        deviation += step * PERIOD * abs(1.0 - position) * PERIOD
        overshoot = max(overshoot, position - 1.0)
        if step % 40 == 0:
            trial.report(step, deviation=deviation, effort=effort / step, overshoot=overshoot)
            if trial.should_stop:
                break
    return deviation, effort / STEPS, overshoot


if __name__ == "__main__":
    controller.serve()
