"""Sweeps the beam, and prints its frontier."""

from beam import beam

from optimize import Study

if __name__ == "__main__":
    study = Study.start(
        simulator=beam,
        space={"width": (0.01, 0.1), "height": (0.01, 0.1)},
        objectives={"mass": "min", "deflection": "min"},
        algorithm="sobol",
        trials=2000,
    )
    print(study.frontier())
    print(study.results_hash)
