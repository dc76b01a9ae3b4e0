"""A template for a Python function, so that a study of it is written in Python alone."""

from __future__ import annotations

import hashlib
import inspect
import os
import shutil
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from . import toml
from .binary import StudyError
from .imports import import_folder, sources
from .simulator import Simulator

#: How the two directions may be written.
DIRECTIONS = {"min": "min", "minimize": "min", "max": "max", "maximize": "max"}


def direction(metric: str, wanted: str) -> str:
    """`min` or `max`."""
    if wanted not in DIRECTIONS:
        raise StudyError(f'objective {metric}: found {wanted!r}, allowed: "min", "max"')
    return DIRECTIONS[wanted]


def parameter(name: str, given: Any) -> dict[str, Any]:
    """One parameter, from the short forms of Python to the table of a template.

    `(0.0, 1.0)` are real numbers, `(1, 9)` whole ones, and so is a `range`; a list of texts is a
    choice and `bool` is both; a mapping is a template's own table, as docs/templates.md has it.
    """
    if isinstance(given, Mapping):
        return dict(given)
    if given is bool:
        return {"bool": True}
    if isinstance(given, range) and len(given) > 0 and given.step > 0:
        whole: dict[str, Any] = {"int": [given[0], given[-1]]}
        return whole if given.step == 1 else {**whole, "step": given.step}
    if isinstance(given, tuple) and len(given) == 2 and all(map(_is_number, given)):
        if all(isinstance(bound, int) for bound in given):
            return {"int": list(given)}
        return {"float": [float(bound) for bound in given]}
    if isinstance(given, list) and given and all(isinstance(label, str) for label in given):
        return {"choice": given}
    raise StudyError(
        f"space: {name}: found {given!r}, allowed: (0.0, 1.0), (1, 9), range(1, 10), "
        '["a", "b"], bool, or a table such as {"float": [0.1, 1.0], "scale": "log"}'
    )


def _is_number(bound: Any) -> bool:
    return isinstance(bound, (int, float)) and not isinstance(bound, bool)


def target(simulator: Simulator[Any]) -> tuple[str, Path, Path]:
    """How another process finds a function: its target, its file, the folder of its imports."""
    function = simulator.function
    name = function.__name__
    if "<" in function.__qualname__ or "." in function.__qualname__:
        raise StudyError(
            f"{function.__qualname__}: found a function inside another or a lambda, allowed: a "
            "function at the top level of a file, because other processes import it from there"
        )
    file = inspect.getsourcefile(function)
    if file is None or not Path(file).is_file() or not file.endswith(".py"):
        raise StudyError(
            f"{name} is not in a file, so other processes cannot import it: put it and its imports "
            f"into a file (in a notebook, begin its cell with `%%writefile my_simulator.py`), then "
            f"`from my_simulator import {name}`"
        )
    path = Path(file).resolve()
    if function.__module__ == "__main__":
        return name, path, path.parent
    return f"{function.__module__}:{name}", path, import_folder(path, function.__module__)


def interpreter() -> str:
    """This Python: `python3` where that is it, so that the template suits other machines too."""
    found = shutil.which("python3")
    # A virtual environment's is a link to another one's: the folder tells them apart.
    beside = found and Path(found).absolute().parent == Path(sys.executable).parent
    return (
        "python3" if found and beside and Path(found).samefile(sys.executable) else sys.executable
    )


def write(
    simulator: Simulator[Any],
    *,
    store: Path,
    name: str | None,
    space: Mapping[str, Any],
    objectives: Mapping[str, str],
    constraints: Sequence[str],
    outcome_constraints: Sequence[str],
) -> Path:
    """Writes the template of a function into the store, and returns its path.

    The text of a template is part of what a study is, so it has no paths of this machine in it:
    links beside it lead to the source and to the current folder. It stays there, because
    `optimize resume` resolves paths from its folder.
    """
    text = compose(
        simulator,
        name=name,
        space=space,
        objectives=objectives,
        constraints=constraints,
        outcome_constraints=outcome_constraints,
    )
    links = {"source": target(simulator)[2], "folder": Path.cwd()}
    # Named by what it says: the same study again needs no second one, and no other overwrites it.
    said = "\0".join([text, *map(str, links.values())])
    label = hashlib.sha256(said.encode()).hexdigest()[:12]
    folder = store / ".templates" / f"{simulator.function.__name__}-{label}"
    folder.mkdir(parents=True, exist_ok=True)
    # Made beside their places first, so that nobody finds half of them.
    mark = f".{os.getpid()}.{threading.get_ident()}"
    for link, place in links.items():
        fresh = folder / f".{link}{mark}"
        fresh.symlink_to(place)
        fresh.replace(folder / link)
    fresh = folder / f".study.toml{mark}"
    fresh.write_text(text, encoding="utf-8")
    return fresh.replace(folder / "study.toml")


def compose(
    simulator: Simulator[Any],
    *,
    name: str | None,
    space: Mapping[str, Any],
    objectives: Mapping[str, str],
    constraints: Sequence[str],
    outcome_constraints: Sequence[str],
) -> str:
    """The text of a function's template."""
    if not space or not objectives:
        raise StudyError("a simulator needs space={...} and objectives={...}")
    parameters = {key: parameter(key, given) for key, given in space.items()}
    inactive = [key for key, given in parameters.items() if "when" in given]
    function = simulator.function.__name__
    try:
        simulator.check_parameters(list(parameters), inactive)
    except TypeError as error:
        raise StudyError(f"{function} cannot be called with this space: {error}") from None
    where, file, root = target(simulator)
    used = [str(PurePosixPath("source", path.relative_to(root))) for path in sources(file, root)]
    source = str(PurePosixPath("source", file.relative_to(root)))
    words = [interpreter(), "-m", "optimize.serve", "--file", source, where]
    metrics = simulator.metrics or list(objectives)
    entries: dict[str, Any] = {
        # A brace would begin a placeholder.
        "run": [word.replace("{", "{{").replace("}", "}}") for word in words],
        "mode": "persistent",
        "metrics": metrics,
        # Files that the function opens are found as they are from here.
        "folder": "folder",
        # A changed file means other results: the study then refuses to go on.
        "inputs": used,
        # The order of sets of texts differs from process to process otherwise.
        "env": {"PYTHONHASHSEED": "0"},
    }
    head: dict[str, Any] = {"name": name or function.replace("_", "-").strip("-")}
    head["simulator"] = "command"
    if outcome_constraints:
        head["outcome_constraints"] = list(outcome_constraints)
    if constraints:
        parameters["constraints"] = list(constraints)  # type: ignore[assignment]
    wanted = {metric: direction(metric, way) + "imize" for metric, way in objectives.items()}
    return "\n".join(
        [
            "".join(f"{key} = {toml.value(entry)}\n" for key, entry in head.items()),
            toml.table("objectives", wanted),
            toml.table("space", parameters),
            toml.table("command", entries),
        ]
    )
