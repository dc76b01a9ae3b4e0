"""`Study`: starting studies, and reading their results, by driving the `optimize` program."""

from __future__ import annotations

import os
import signal
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from . import binary as program
from . import frames, toml
from . import template as templates
from .background import ProgressLine, Work, is_watched
from .binary import INTERRUPTED, PathLike, StudyError
from .simulator import Simulator

#: Set while a worker imports the file of its simulator: see `optimize.serve`.
importing_simulator = False

_DEFAULT_STORE = "optimize-store"


class Study:
    """A study in a store. `Study.start` runs a new one, `Study.open` finds an old one.

    Results are not kept in memory: every method asks the store, so it is right while the study
    runs, whoever runs it.
    """

    def __init__(self, name: str, store: Path, binary: str, work: Work | None = None) -> None:
        #: Its name in the store.
        self.name = name
        #: The folder that holds the studies.
        self.store = store
        #: The program that is driven.
        self.binary = binary
        self._work = work

    @classmethod
    def start(
        cls,
        template: PathLike | None = None,
        *,
        simulator: Simulator[Any] | None = None,
        space: Mapping[str, Any] | None = None,
        objectives: Mapping[str, str] | None = None,
        constraints: Sequence[str] = (),
        outcome_constraints: Sequence[str] = (),
        algorithm: str | None = None,
        trials: int | None = None,
        seed: int | None = None,
        store: PathLike | None = None,
        name: str | None = None,
        set: Mapping[str, Any] | None = None,
        threads: int | None = None,
        max_time: float | str | None = None,
        prune: Sequence[str] = (),
        audit: float | str | None = None,
        wait: bool = True,
        progress: bool | None = None,
        binary: PathLike | None = None,
    ) -> Study:
        """Runs a study to its end, or in the background with `wait=False`.

        Either `template` is a path, the name of a built-in one or `problem:NAME`; or `simulator`
        is a function marked with `@simulator`, with the `space` and the `objectives` (metric:
        "min" or "max", the most important first) of its study. `set` replaces keys of the
        template, such as `{"command.timeout": "30s"}`; `max_time` is in seconds or "10m".
        `prune` are conditions on reports at which a trial is ended, such as "step >= 5 and
        cost > 3". `audit`, a share such as "1%" or 0.01, runs so many trials twice to compare.
        `progress` shows a line about how far it is: on a terminal and in a notebook, unless said.

        Raises `StudyError` with the program's message, and its `study` where there is one. After
        Ctrl-C, what was done is kept, and `Study.open(...).resume()` goes on. A study in the
        background is not touched by Ctrl-C, nor by the end of this process: see `stop` and `wait`.
        """
        if importing_simulator:
            raise StudyError(
                "Study.start was called while a worker imported the simulator's file: put it "
                'behind `if __name__ == "__main__":`, or into another file'
            )
        if (template is None) == (simulator is None):
            raise StudyError("found neither or both of template= and simulator=, allowed: one")
        found = program.find_binary(binary)
        folder = _store(store)
        words = ["start", "--format", "json", "--store", str(folder)]
        if simulator is not None:
            if not isinstance(simulator, Simulator):
                simulator = Simulator(simulator)
            template = templates.write(
                simulator,
                store=folder,
                name=name,
                space=space or {},
                objectives=objectives or {},
                constraints=constraints,
                outcome_constraints=outcome_constraints,
            )
        else:
            given = {"space": space, "constraints": constraints}
            given["outcome_constraints"] = outcome_constraints
            for argument in (argument for argument in given if given[argument]):
                raise StudyError(f"{argument}= goes with simulator=; for a template, use set=")
            for metric, way in (objectives or {}).items():
                words += ["--objective", f"{metric}:{templates.direction(metric, way)}"]
        words += ["--template", os.fspath(template or "")]
        options = {"--algorithm": algorithm, "--trials": trials, "--seed": seed, "--name": name}
        for option, value in options.items():
            if value is not None:
                words += [option, str(value)]
        for key, value in (set or {}).items():
            words += ["--set", f"{key}={toml.value(value)}"]
        for condition in [prune] if isinstance(prune, str) else prune:
            words += ["--prune", condition]
        return cls._begin(words + _pace(threads, max_time, audit), folder, found, wait, progress)

    @classmethod
    def open(
        cls,
        name: str | None = None,
        *,
        store: PathLike | None = None,
        binary: PathLike | None = None,
    ) -> Study:
        """A study of the store, by name; without a name the one that was started last."""
        found = program.find_binary(binary)
        folder = _store(store)
        words = ["status", "--format", "json", "--store", str(folder)]
        if name is not None:
            latest = program.ask(found, [*words, "--name", name])
        else:
            studies = program.ask(found, words)
            if not studies:
                raise StudyError(f"no study in {folder}")
            latest = max(studies, key=lambda status: status["started_at"] or 0)
        _warn(latest, stacklevel=3)
        return cls(latest["name"], folder, found)

    def resume(
        self,
        *,
        threads: int | None = None,
        max_time: float | str | None = None,
        audit: float | str | None = None,
        wait: bool = True,
        progress: bool | None = None,
    ) -> Study:
        """Goes on with a study that was stopped or has crashed, as `start` does."""
        words = ["resume", "--format", "json", "--store", str(self.store), "--name", self.name]
        words += _pace(threads, max_time, audit)
        return self._begin(words, self.store, self.binary, wait, progress)

    @classmethod
    def _begin(
        cls, words: list[str], store: Path, binary: str, wait: bool, progress: bool | None
    ) -> Study:
        work = Work(binary, words)
        line = None
        try:
            with work.bound():
                name = work.announced(store)
                if name is not None and wait:
                    shown = is_watched() if progress is None else progress
                    line = ProgressLine(store / name) if shown else None
                    work.see_through(line.show if line else None)
        finally:
            if line:
                line.end()
        if name is None:
            raise work.reply().error()
        study = cls(name, store, binary, work)
        if wait:
            study._settle(stacklevel=5)
        return study

    @property
    def running(self) -> bool:
        """Whether somebody works on it: this process, or any other."""
        if self._work is not None and self._work.running:
            return True
        state: str = self.status()["state"]
        return state == "running"

    def wait(self, timeout: float | None = None) -> Study:
        """Waits for the end of a study that runs, and raises what `start` would have raised.

        Raises `TimeoutError` after `timeout` seconds. Ctrl-C ends the waiting, not the study.
        """
        if not self._ends(timeout):
            raise TimeoutError(f"study {self.name} still runs after {timeout} seconds")
        self._settle(stacklevel=4)
        return self

    def stop(self, timeout: float | None = None) -> Study:
        """Stops a study that runs, as Ctrl-C would, and waits for the trials under way.

        What was done is kept, and `resume` goes on. Raises `TimeoutError` where that takes longer
        than `timeout` seconds; the study then ends later.
        """
        if self._work is not None and self._work.running:
            self._work.interrupt()
        else:
            status, self._work = self.status(), None
            if status["state"] == "running" and status["pid"]:
                os.kill(status["pid"], signal.SIGINT)
        if not self._ends(timeout):
            raise TimeoutError(f"study {self.name}: trials are under way after {timeout} seconds")
        return self

    def _ends(self, timeout: float | None) -> bool:
        if self._work is not None:
            return self._work.wait(timeout)
        # Somebody else runs it.
        deadline = None if timeout is None else time.monotonic() + timeout
        while self.running:
            if deadline is not None and time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        return True

    def _settle(self, stacklevel: int) -> None:
        """What the end of a run means: an exception, a warning, or nothing."""
        if self._work is None:
            # Somebody else ran it, and has been told more.
            status = self.status()
            codes = {"interrupted": INTERRUPTED, "failed": 3, "crashed": 3}
            code = codes.get(status["state"], 4 if status.get("contradictions") else 0)
            state = f"study {self.name}: {status['state']}"
            error = StudyError(_doubt(status) or status.get("message") or state, code)
        else:
            reply = self._work.reply()
            status, code, error = reply.json(), reply.exit_code, reply.error()
        if code == INTERRUPTED:
            error = StudyError(f"study {self.name} was interrupted; resume() goes on", code)
        if code != 0:
            error.study = self
            raise error
        _warn(status, stacklevel)

    def status(self) -> dict[str, Any]:
        """How far it is: the fields are those of docs/output.md."""
        words = ["status", "--format", "json", "--store", str(self.store), "--name", self.name]
        status: dict[str, Any] = program.ask(self.binary, words)
        return status

    @property
    def results_hash(self) -> str | None:
        """Hash of the results: the same for the same study. None until it has ended."""
        found: str | None = self.status()["results_hash"]
        return found

    @property
    def contradictions(self) -> list[dict[str, Any]]:
        """The first hundred trials that gave two results: `trial`, `first`, `again`, `worker`.

        They are found by an audit, or by workers that did the same job by chance; where there are
        any, the simulator is not repeatable, and nor is the study.
        """
        found: list[dict[str, Any]] = self.status().get("contradictions") or []
        return found

    @property
    def best(self) -> list[dict[str, Any]]:
        """The best trial for each objective: `metric`, `direction`, `trial`, `value`, `params`.

        Parameters that are inactive in a trial are absent from its `params`.
        """
        best: list[dict[str, Any]] = self.status()["best"]
        if not best:
            return []
        columns = self.rows("select name, source from columns where kind = 'parameter'")
        wanted = ", ".join(str(int(entry["trial"])) for entry in best)
        rows = self.rows(f"select * from trials where trial in ({wanted})")
        found = {row["trial"]: row for row in rows}
        for entry in best:
            # The view follows the study by about a second.
            row = found.get(entry["trial"], {})
            values = {column["source"]: row.get(column["name"]) for column in columns}
            entry["params"] = {name: value for name, value in values.items() if value is not None}
        return best

    def trials(self, *, frame: str | None = None) -> Any:
        """All trials as a data frame, in trial order."""
        return self.sql("select * from trials order by trial", frame=frame)

    def frontier(self, *, frame: str | None = None) -> Any:
        """The trials of the frontier as a data frame, with their parameters; `knee` marks one."""
        return self.sql(
            "select t.*, f.knee, f.ties from trials t join frontier f using (trial) order by trial",
            frame=frame,
        )

    def sql(self, query: str, *, frame: str | None = None) -> Any:
        """The answer to a query as a data frame of pandas or polars, whichever is installed.

        `frame` says which where both are (pandas otherwise). docs/output.md names the tables.
        """
        return frames.frame_of(self._view, query, self._ask, frame)

    def rows(self, query: str) -> list[dict[str, Any]]:
        """The answer to a query as a list of dicts, without any library."""
        return frames.rows_of(self._view, query, self._ask)

    @property
    def _view(self) -> Path:
        return self.store / self.name / "results.duckdb"

    def _ask(self, query: str, form: str) -> str:
        words = ["results", "--name", self.name, "--store", str(self.store)]
        reply = program.run(self.binary, [*words, "--format", form, "--sql", query])
        if reply.exit_code != 0:
            raise reply.error()
        return reply.output

    def __repr__(self) -> str:
        return f"Study({self.name!r}, store={str(self.store)!r})"


def _store(store: PathLike | None) -> Path:
    """The store, absolute, so that it is the same after a change of folder."""
    chosen = store if store is not None else os.environ.get("OPTIMIZE_STORE") or _DEFAULT_STORE
    return Path(chosen).absolute()


def _doubt(status: dict[str, Any]) -> str | None:
    """Why another run may give other results."""
    reason = status.get("tainted")
    return f"study {status['name']}: {reason}, so another run may differ" if reason else None


def _warn(status: dict[str, Any], stacklevel: int) -> None:
    doubt = _doubt(status)
    if doubt:
        warnings.warn(doubt, stacklevel=stacklevel)


def _pace(
    threads: int | None, max_time: float | str | None, audit: float | str | None
) -> list[str]:
    """What tells how fast and how long a study runs, but never what it gives."""
    words: list[str] = []
    if threads is not None:
        words += ["--threads", str(threads)]
    if max_time is not None:
        text = max_time if isinstance(max_time, str) else f"{round(max_time * 1000)}ms"
        words += ["--max-time", text]
    if audit is not None:
        words += ["--audit", str(audit)]
    return words
