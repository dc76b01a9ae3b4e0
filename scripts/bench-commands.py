#!/usr/bin/env python3
"""External programs under `optimize`, beside what people run many of them with.

`scripts/bench commands` starts this with the program and a folder that it removes afterwards. A
process per trial is compared with GNU parallel, xargs, shell loops and HyperQueue; a Python
function in processes that stay with Optuna, and with a fresh Python per call. Contenders take
turns, because other load on the machine comes and goes: the ratios mean more than the speeds.

A peer that cannot be had is a line that says why, not a failure; a fault of `optimize` is one.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

ROUNDS = 3
PROCESSES = 3_000
TRIALS = 300_000
PYTHON_STARTS = 300
OPTUNA_SECONDS = 10
#: Longer than any peer needs, so that one that hangs is left out.
PATIENCE = 300
HYPERQUEUE = "hyperqueue==0.27.0"
OPTUNA = "optuna==5.0.0"

CORES = len(os.sched_getaffinity(0))
PACKAGE = Path(__file__).resolve().parent.parent / "python"
#: The interpreter itself: a wrapper such as pyenv's takes longer than what it starts.
PYTHON = os.path.realpath(sys.executable)

FUNCTION = """\
def noop(x, y):
    return 0.0
"""

# The program of docs/command.md.
LOOP = """\
import json, sys

def answer(message):
    sys.stdout.write(json.dumps(message) + "\\n")
    sys.stdout.flush()

answer({"optimize": 1})
sys.stdin.readline()
for line in iter(sys.stdin.readline, ""):
    params = json.loads(line)["params"]
    answer({"metrics": {"cost": 0.0}})
"""


class NotMeasured(Exception):
    """Why a peer has no figure."""


@dataclass
class Contender:
    name: str
    #: Runs once and returns calls per second.
    measure: Callable[[], float]
    speeds: list[float] = field(default_factory=list)
    missing: str | None = None


def compare(title: str, contenders: list[Contender]) -> None:
    """Lets the contenders take turns and prints their table; ratios are the first to each."""
    print(f"== {title}", flush=True)
    for turn in range(ROUNDS):
        # Every other round goes backwards, so that nobody always follows the same neighbour.
        for contender in contenders if turn % 2 == 0 else reversed(contenders):
            if contender.missing is None:
                try:
                    contender.speeds.append(contender.measure())
                except NotMeasured as reason:
                    contender.missing = str(reason)
    width = max(len(contender.name) for contender in contenders)
    print(f"{'':{width}}    calls per second       optimize : it")
    print(f"{'':{width}}      best    median      best    median")
    first = contenders[0].speeds
    for contender in contenders:
        if contender.missing is not None:
            print(f"{contender.name:{width}}   not measured: {contender.missing}")
            continue
        best, median = max(contender.speeds), statistics.median(contender.speeds)
        ratios = f"{max(first) / best:10,.2f}{statistics.median(first) / median:10,.2f}"
        print(f"{contender.name:{width}}{best:10,.0f}{median:10,.0f}{ratios}")
    print(flush=True)


def run(words: list[str], given: str = "") -> str:
    """What a peer prints, given this to read; raises `NotMeasured` with why where it fails."""
    try:
        done = subprocess.run(
            words, check=True, text=True, capture_output=True, input=given, timeout=PATIENCE
        )
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip() or "no message").splitlines()[-1]
        reason = f"{Path(words[0]).name} ended with exit code {error.returncode}: {last}"
        raise NotMeasured(reason) from None
    except subprocess.TimeoutExpired as error:
        raise NotMeasured(f"{words[0]} took longer than {error.timeout:.0f} s") from None
    except OSError as error:
        raise NotMeasured(f"{words[0]}: {error.strerror}") from None
    return done.stdout


def timed(calls: int, words: list[str], given: str = "") -> float:
    """Calls per second of a peer that makes so many of them, from its start to its exit."""
    began = time.monotonic()
    run(words, given)
    return calls / (time.monotonic() - began)


def lines(count: int) -> str:
    return "".join(f"{number}\n" for number in range(count))


class Optimize:
    """Studies of the program, each in a store of its own."""

    def __init__(self, program: str, folder: Path) -> None:
        self.program = program
        self.folder = folder
        self.version = run([program, "--version"]).strip()
        self.stores = itertools.count()

    def contender(self, name: str, trials: int, settings: str) -> Contender:
        """Studies of a program that is run as the template's table [command] says."""
        template = self.folder / f"{name.replace(' ', '-')}.toml"
        template.write_text(
            f'name = "{template.stem}"\nsimulator = "command"\n'
            '[objectives]\ncost = "minimize"\n'
            "[space]\nx = { float = [0.0, 1.0] }\ny = { float = [0.0, 1.0] }\n"
            f'[command]\nmetrics = ["cost"]\n{settings}'
        )
        hashes = set()

        def measure() -> float:
            store = self.folder / f"store-{next(self.stores)}"
            words = [self.program, "start", "--template", str(template), "--trials", str(trials)]
            words += ["--threads", str(CORES), "--store", str(store), "--quiet", "--format", "json"]
            began = time.monotonic()
            done = subprocess.run(words, stdout=subprocess.PIPE, text=True)
            seconds = time.monotonic() - began
            if done.returncode != 0:
                sys.exit(f"bench: {self.program} ended with exit code {done.returncode}")
            status = json.loads(done.stdout)
            assert (status["evaluated"], status["failed"]) == (trials, 0), status
            hashes.add(status["results_hash"])
            assert len(hashes) == 1, f"the same study has different results: {hashes}"
            shutil.rmtree(store)
            return trials / seconds

        return Contender(f"{self.version}, {name}", measure)


def parallel() -> str:
    """The version of GNU parallel, which is installed where that is possible."""
    if shutil.which("parallel") is None:
        if os.geteuid() != 0 or shutil.which("apt-get") is None:
            raise NotMeasured("it is not installed: apt-get install parallel, as root")
        install = ["apt-get", "install", "--yes", "parallel"]
        try:
            run(install)
        except NotMeasured:
            # A fresh machine has no lists of packages.
            run(["apt-get", "update"])
            run(install)
    version = run(["parallel", "--version"]).splitlines()[0]
    if not version.startswith("GNU parallel"):
        raise NotMeasured("the program `parallel` is not GNU parallel")
    return version


def xargs() -> str:
    """The version of xargs, such as "xargs (GNU findutils) 4.9.0"."""
    return run(["xargs", "--version"]).splitlines()[0]


def interpreter(folder: Path) -> Path:
    """Python in the virtual environment of the peers from PyPI."""
    return folder / "venv" / "bin" / "python"


def from_pypi(package: str, folder: Path) -> str:
    """The package, such as "optuna==5.0.0", once the virtual environment has it."""
    python = interpreter(folder)
    if not python.exists():
        run([PYTHON, "-m", "venv", str(folder / "venv")])
    options = ["--quiet", "--disable-pip-version-check", "--retries", "1"]
    run([str(python), "-m", "pip", "install", *options, package])
    return package


def peer(
    name: str, find: Callable[[], str], *variants: tuple[str, Callable[[], float]]
) -> list[Contender]:
    """One contender per variant, named as `find` says; all are missing where it finds nothing."""
    missing = None
    try:
        name = find()
    except NotMeasured as reason:
        missing = str(reason)
    return [
        Contender(f"{name}{suffix and ', '}{suffix}", measure, missing=missing)
        for suffix, measure in variants
    ]


def itself(python: Path, *words: object) -> float:
    """The figure that a function of this file prints under another interpreter."""
    command = [str(python), str(Path(__file__).resolve()), *map(str, words)]
    return float(run(command).split()[-1])


def process_per_trial(optimize: Optimize, folder: Path) -> None:
    jobs, true, each = f"-j{CORES}", "/bin/true", lines(PROCESSES)
    log = str(folder / "joblog")

    def loop(count: int) -> str:
        return f"i=0; while [ $i -lt {count} ]; do {true}; i=$((i + 1)); done"

    def many(*options: str) -> Callable[[], float]:
        return lambda: timed(PROCESSES, ["parallel", jobs, *options, true], given=each)

    beside = "".join(f"({loop(PROCESSES // CORES)}) & " for _ in range(CORES)) + "wait"
    shell = Path(shutil.which("sh") or "sh").resolve().name
    contenders = [
        optimize.contender(
            "once", PROCESSES, f'mode = "once"\nrun = ["{true}"]\noutput = "exit-code"\n'
        ),
        *peer("GNU parallel", parallel, ("", many()), ("--joblog", many("--joblog", log))),
        *peer(
            "HyperQueue",
            lambda: from_pypi(HYPERQUEUE, folder),
            ("Python API", lambda: itself(interpreter(folder), "hyperqueue", PROCESSES, folder)),
        ),
        *peer(
            "xargs",
            xargs,
            (
                f"-P {CORES} -n 1",
                lambda: timed(PROCESSES, ["xargs", "-P", str(CORES), "-n", "1", true], given=each),
            ),
        ),
        Contender(
            f"{shell} loop, one after another",
            lambda: timed(PROCESSES, ["sh", "-c", loop(PROCESSES)]),
        ),
        Contender(
            f"{shell} loops, {CORES} side by side",
            lambda: timed(PROCESSES // CORES * CORES, ["sh", "-c", beside]),
        ),
    ]
    compare(f"{PROCESSES:,} x {true}, {CORES} at a time", contenders)


def python_that_stays(optimize: Optimize, folder: Path) -> None:
    (folder / "noop.py").write_text(FUNCTION)
    (folder / "loop.py").write_text(LOOP)
    fresh = ["parallel", f"-j{CORES}", PYTHON, "-c", "pass"]

    def optuna(threads: int) -> tuple[str, Callable[[], float]]:
        return f"n_jobs={threads}", lambda: itself(interpreter(folder), "optuna", threads)

    serve = json.dumps([PYTHON, "-m", "optimize.serve", "noop.py:noop"])
    path = json.dumps(str(PACKAGE))
    contenders = [
        optimize.contender(
            "optimize.serve", TRIALS, f"run = {serve}\nenv = {{ PYTHONPATH = {path} }}\n"
        ),
        optimize.contender(
            "loop as in the docs", TRIALS, f"run = {json.dumps([PYTHON, 'loop.py'])}\n"
        ),
        *peer(
            "Optuna",
            lambda: from_pypi(OPTUNA, folder),
            *(optuna(threads) for threads in sorted({1, CORES})),
        ),
        *peer(
            "GNU parallel",
            parallel,
            (
                f"{PYTHON_STARTS} x python -c pass",
                lambda: timed(PYTHON_STARTS, fresh, given=lines(PYTHON_STARTS)),
            ),
        ),
    ]
    title = f"a Python function that does nothing: {TRIALS:,} trials of two floats, {CORES} threads"
    compare(f"{title}; Optuna: {OPTUNA_SECONDS} s", contenders)


def hyperqueue(count: int, folder: str) -> float:
    """Tasks per second of HyperQueue, from their description on; its server is up by then."""
    from hyperqueue import Job, LocalCluster
    from hyperqueue.cluster import WorkerConfig

    server = Path(folder) / f"hyperqueue-{os.getpid()}"
    server.mkdir()
    done = server / "done"
    with LocalCluster(str(server), WorkerConfig(cores=CORES)) as cluster:
        client = cluster.client()
        began = time.monotonic()
        job = Job(default_workdir=server)
        quiet = {"stdout": None, "stderr": None}
        tasks = [job.program(["/bin/true"], **quiet) for _ in range(count)]
        # Its client looks for the end once a second only, which would count against it.
        job.program(["touch", str(done)], deps=tasks, **quiet)
        client.submit(job)
        while not done.exists():
            time.sleep(0.005)
        return count / (time.monotonic() - began)


def optuna(threads: int) -> float:
    """Trials per second of Optuna in memory; loading it is not counted."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))

    def noop(trial: optuna.Trial) -> float:
        trial.suggest_float("x", 0.0, 1.0)
        trial.suggest_float("y", 0.0, 1.0)
        return 0.0

    began = time.monotonic()
    study.optimize(noop, timeout=OPTUNA_SECONDS, n_jobs=threads)
    return len(study.trials) / (time.monotonic() - began)


def main() -> None:
    what, *words = sys.argv[1:]
    if what == "hyperqueue":
        print(hyperqueue(int(words[0]), words[1]))
    elif what == "optuna":
        print(optuna(int(words[0])))
    else:
        folder = Path(words[0])
        # Nothing is left behind in the home folder, nor in this repository.
        os.environ["PARALLEL_HOME"] = str(folder / "parallel")
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        os.environ["DEBIAN_FRONTEND"] = "noninteractive"
        optimize = Optimize(what, folder)
        process_per_trial(optimize, folder)
        python_that_stays(optimize, folder)


if __name__ == "__main__":
    main()
