"""`Study`: starting studies, and reading their results, by driving the `optimize` program."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from . import binary as program
from . import frames, toml
from . import template as templates
from .binary import INTERRUPTED, PathLike, StudyError
from .simulator import Simulator

#: Set while a worker imports the file of its simulator: see `optimize.serve`.
importing_simulator = False

_DEFAULT_STORE = "optimize-store"


class Study:
    """A study in a store. `Study.start` runs a new one, `Study.open` finds an old one.

    Nothing is kept in memory: every method asks the store, so it is right while the study runs.
    """

    def __init__(self, name: str, store: Path, binary: str) -> None:
        #: Its name in the store.
        self.name = name
        #: The folder that holds the studies.
        self.store = store
        #: The program that is driven.
        self.binary = binary

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
        binary: PathLike | None = None,
    ) -> Study:
        """Runs a study to its end.

        Either `template` is a path, the name of a built-in one or `problem:NAME`; or `simulator`
        is a function marked with `@simulator`, with the `space` and the `objectives` (metric:
        "min" or "max", the most important first) of its study. `set` replaces keys of the
        template, such as `{"command.timeout": "30s"}`; `max_time` is in seconds or "10m".

        Raises `StudyError` with the program's message. After Ctrl-C, what was done is kept, and
        `Study.open(...).resume()` goes on.
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
        words = ["start", "--quiet", "--format", "json", "--store", str(folder)]
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
        return cls._run(words + _pace(threads, max_time), folder, found)

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
            return cls(program.ask(found, [*words, "--name", name])["name"], folder, found)
        studies = program.ask(found, words)
        if not studies:
            raise StudyError(f"no study in {folder}")
        latest = max(studies, key=lambda status: status["started_at"] or 0)
        return cls(latest["name"], folder, found)

    def resume(self, *, threads: int | None = None, max_time: float | str | None = None) -> Study:
        """Goes on with a study that was stopped or has crashed, to its end."""
        words = ["resume", "--quiet", "--format", "json", "--store", str(self.store)]
        words += ["--name", self.name]
        return self._run(words + _pace(threads, max_time), self.store, self.binary)

    @classmethod
    def _run(cls, words: list[str], store: Path, binary: str) -> Study:
        reply = program.run(binary, words)
        status = reply.json()
        study = cls(status["name"], store, binary) if status else None
        if reply.exit_code != 0 or study is None:
            error = reply.error()
            if reply.exit_code == INTERRUPTED:
                error = StudyError(f"interrupted; {error.message}", INTERRUPTED)
            error.study = study
            raise error
        return study

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


def _pace(threads: int | None, max_time: float | str | None) -> list[str]:
    """What tells how fast and how long a study runs, but never what it gives."""
    words: list[str] = []
    if threads is not None:
        words += ["--threads", str(threads)]
    if max_time is not None:
        text = max_time if isinstance(max_time, str) else f"{round(max_time * 1000)}ms"
        words += ["--max-time", text]
    return words
