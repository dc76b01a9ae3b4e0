"""Sweeps the beam, and prints its frontier: study.py [THREADS]."""

import sys

from beam import beam

from optimize import Study

if __name__ == "__main__":
    study = Study.start(
        simulator=beam,
        space={"width": (0.01, 0.1), "height": (0.01, 0.1)},
        objectives={"mass": "min", "deflection": "min"},
        algorithm="sobol",
        trials=2000,
        seed=1,
        threads=int(sys.argv[1]) if len(sys.argv) > 1 else None,
    )
    for row in study.rows("select * from frontier order by mass limit 5"):
        print(row)
    print("results hash", study.results_hash)
