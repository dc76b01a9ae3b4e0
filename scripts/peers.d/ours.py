"""Studies of `optimize`, through its ordinary command line."""

from __future__ import annotations

import functools
import io
import json
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

from problems import Problem
from runs import Run


class Optimize:
    """The program, and a folder for its studies."""

    def __init__(self, program: str, folder: Path):
        self.program = program
        self.folder = folder
        self.checked: set[str] = set()

    def call(self, *words: str) -> str:
        done = subprocess.run([self.program, *words], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"optimize {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    @functools.cached_property
    def algorithms(self) -> set[str]:
        """The names that the program knows, as it says when it is given another."""
        words = ["start", "--template", "problem:sphere", "--algorithm", "?"]
        done = subprocess.run([self.program, *words], capture_output=True, text=True)
        names = done.stderr.split("allowed:")[-1]
        return {name.strip().rstrip(".") for name in names.split(",")}

    def has(self, algorithm: str) -> bool:
        return algorithm.split(":")[0] in self.algorithms

    @functools.cached_property
    def version(self) -> str:
        return self.call("--version").split()[-1]

    def study(
        self, problem: Problem, algorithm: str, trials: int, seed: int, lag: int | None = None
    ) -> Run:
        """A whole study: its objectives in trial order, and its time from start to exit."""
        words = ["--algorithm", algorithm, "--trials", str(trials), "--seed", str(seed)]
        if lag is not None:
            words += ["--lag", str(lag)]
        if not problem.is_built_in:
            return self.converse(problem, words)
        self.check(problem)
        return self.run(problem, words)[0]

    def converse(self, problem: Problem, words: list[str]) -> Run:
        """A study whose trials are evaluated here, with `optimize ask`."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            template = Path(folder) / "template.toml"
            template.write_text(problem.template())
            names = [f"x{i + 1}" for i in range(problem.dimensions)]
            values = []
            began = time.perf_counter()
            with subprocess.Popen(
                [self.program, "ask", "--quiet", "--template", str(template), *words],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
            ) as asked:
                asked.stdout.readline()
                for line in asked.stdout:
                    trial = json.loads(line)
                    row = problem.rows([trial["params"][name] for name in names])[0]
                    values.append(row)
                    metrics = dict(zip(problem.metrics(), row.tolist()))
                    answer = {"trial": trial["trial"], "metrics": metrics}
                    asked.stdin.write(json.dumps(answer) + "\n")
            if asked.returncode != 0:
                raise RuntimeError(f"optimize ask {' '.join(words)} has failed")
        return Run(np.array(values), time.perf_counter() - began)

    def run(self, problem: Problem, words: list[str]) -> tuple[Run, np.ndarray]:
        """A study with these options: the run, and its points."""
        store = Path(tempfile.mkdtemp(dir=self.folder))
        try:
            template = store / "template.toml"
            template.write_text(problem.template())
            place = ["--store", str(store / "store")]
            began = time.perf_counter()
            self.call("start", "--template", str(template), "--quiet", *place, *words)
            seconds = time.perf_counter() - began
            columns = [*problem.metrics(), *(f"x{i + 1}" for i in range(problem.dimensions))]
            query = f"select {', '.join(columns)} from trials order by trial"
            table = self.call("results", *place, "--format", "csv", "--sql", query)
            rows = np.loadtxt(io.StringIO(table), delimiter=",", skiprows=1, ndmin=2)
        finally:
            shutil.rmtree(store)
        values, points = np.split(rows, [problem.objectives], axis=1)
        return Run(values, seconds), points

    def check(self, problem: Problem) -> None:
        """Makes sure that the peers are given the same problem."""
        if problem.title in self.checked or not problem.is_built_in:
            return
        run, points = self.run(problem, ["--algorithm", "random", "--trials", "100"])
        if not np.allclose(problem.rows(points), run.values, rtol=1e-9, atol=1e-12):
            raise RuntimeError(f"{problem.title} is not the same on both sides")
        self.checked.add(problem.title)
