"""Answers to SQL queries, as rows or as a data frame of whichever library is installed.

With the `duckdb` package the view of a study is read directly, otherwise through the program.
The view is opened and closed at once: while it is open, the coordinator cannot append to it.
"""

from __future__ import annotations

import importlib
import importlib.util
import math
import time
from pathlib import Path
from typing import Any, Callable

from . import binary
from .binary import StudyError

#: The coordinator holds the view for milliseconds once a second; a long append takes longer.
PATIENCE = 20.0

#: Asks the program a query in a format, and returns what it prints.
Ask = Callable[[str, str], str]

#: Names of columns, and rows.
Table = tuple[list[str], list[list[Any]]]


def library(wanted: str | None = None) -> str:
    """The data frame library: the one that is wanted, else pandas, else polars."""
    if wanted not in (None, "pandas", "polars"):
        raise StudyError(f'frame: found {wanted!r}, allowed: "pandas", "polars"')
    for name in [wanted] if wanted else ["pandas", "polars"]:
        if importlib.util.find_spec(name) is not None:
            return name
    missing = wanted or "pandas or polars"
    raise StudyError(f"a data frame needs {missing}: pip install it, or use rows() for plain rows")


def rows_of(view: Path, query: str, ask: Ask) -> list[dict[str, Any]]:
    """The rows of an answer, in plain Python."""
    table = _through_duckdb(view, query, _plain) or _through_program(query, ask)
    return [dict(zip(table[0], row)) for row in table[1]]


def frame_of(view: Path, query: str, ask: Ask, wanted: str | None = None) -> Any:
    """A data frame of an answer."""
    kind = library(wanted)
    frame = _through_duckdb(view, query, _pandas if kind == "pandas" else _polars)
    if frame is not None:
        return frame
    names, rows = _through_program(query, ask)
    module = importlib.import_module(kind)
    columns = {name: [row[place] for row in rows] for place, name in enumerate(names)}
    if kind == "polars":
        return module.DataFrame([_polars_series(module, *column) for column in columns.items()])
    return module.DataFrame(columns, columns=names)


def _plain(relation: Any) -> Table:
    return _unique(list(relation.columns)), [list(row) for row in relation.fetchall()]


def _pandas(relation: Any) -> Any:
    return relation.df()


def _polars(relation: Any) -> Any:
    # Through Arrow's C interface: DuckDB's own way needs pyarrow.
    return importlib.import_module("polars").DataFrame(relation)


def _polars_series(polars: Any, name: str, values: list[Any]) -> Any:
    # Seeds take all 64 bits, which polars does not guess from the first values alone.
    known = [value for value in values if value is not None]
    if known and all(type(value) is int for value in known) and max(known) >= 2**63:
        return polars.Series(name, values, dtype=polars.UInt64)
    return polars.Series(name, values, strict=False)


def _through_duckdb(view: Path, query: str, take: Callable[[Any], Any]) -> Any:
    """What `take` makes of the view's answer; None where DuckDB is missing or cannot read it."""
    if importlib.util.find_spec("duckdb") is None or not view.is_file():
        return None
    duckdb = importlib.import_module("duckdb")
    connection = _connect(duckdb, view)
    if connection is None:
        return None
    try:
        relation = connection.sql(query)
        if relation is None:
            raise StudyError("found no query, allowed: a single SELECT")
        return take(relation)
    except duckdb.Error as error:
        raise StudyError(str(error)) from error
    finally:
        connection.close()


def _connect(duckdb: Any, view: Path) -> Any:
    deadline = time.monotonic() + PATIENCE
    pause = 0.005
    while True:
        try:
            return duckdb.connect(str(view), read_only=True)
        except duckdb.Error as error:
            if "lock" not in str(error).lower():
                return None
            if time.monotonic() > deadline:
                raise StudyError(f"{view.name} is kept open by another program: {error}") from error
            time.sleep(pause)
            pause = min(2 * pause, 0.2)


def _unique(names: list[str]) -> list[str]:
    """Numbers what is named twice, as the program does: `a`, `a_1`."""
    seen: dict[str, int] = {}
    unique: list[str] = []
    for name in names:
        seen[name] = seen.get(name, -1) + 1
        unique.append(name if seen[name] == 0 else f"{name}_{seen[name]}")
    return unique


def _through_program(query: str, ask: Ask) -> Table:
    """The answer of `optimize results`.

    JSON has the types and CSV the order of the columns, also where there are no rows. The line
    break before the bracket keeps a comment at the end of the query from hiding it.
    """
    bare = query.strip().rstrip(";")
    header = ask(f"select * from ({bare}\n) limit 0", "csv")
    names = binary.csv_header(header)
    rows = binary.parse(ask(query, "json")) or []
    columns = [_numbers([row.get(name) for row in rows]) for name in names]
    return names, [list(row) for row in zip(*columns)] if names else []


_TEXTS = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}


def _numbers(values: list[Any]) -> list[Any]:
    """A column of numbers, where JSON had to write some of them as texts."""
    if not any(isinstance(value, str) for value in values):
        return values
    for value in values:
        if not (value is None or type(value) in (int, float) or value in _TEXTS):
            return values
    return [_TEXTS.get(value, value) for value in values]
