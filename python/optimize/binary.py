"""Finding the `optimize` program, and running it."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

if TYPE_CHECKING:
    from .study import Study

PathLike = Union[str, "os.PathLike[str]"]

#: The program was told to stop; the study can go on later.
INTERRUPTED = 130


class StudyError(Exception):
    """What the program said, and the exit code that it said it with.

    `exit_code` is None where the program was not run. `study` is the study where there is one:
    a study in which no trial completed, or that was interrupted, has results to look at.
    """

    def __init__(self, message: str, exit_code: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.exit_code = exit_code
        self.study: Study | None = None


def find_binary(binary: PathLike | None = None) -> str:
    """The program: the one that is given, else $OPTIMIZE_BINARY, else `optimize` on the PATH."""
    wanted = os.fspath(binary) if binary is not None else os.environ.get("OPTIMIZE_BINARY")
    found = shutil.which(wanted or "optimize")
    if found is None:
        if wanted:
            raise StudyError(f"{wanted}: no such program, or it cannot be executed")
        raise StudyError(
            "the program `optimize` is not on the PATH: build it with scripts/optimize, then set "
            "OPTIMIZE_BINARY to it or pass binary=..."
        )
    return str(Path(found).absolute())


class Reply:
    """What a run of the program printed, and how it ended."""

    def __init__(self, output: str, errors: str, exit_code: int) -> None:
        self.output = output
        self.errors = errors
        self.exit_code = exit_code

    def json(self) -> Any:
        """The document that it printed, or None."""
        return parse(self.output)

    def error(self) -> StudyError:
        """The failure as an exception."""
        message = self.errors.strip()
        message = message.removeprefix("error: ")
        if not message:
            message = f"the program ended with exit code {self.exit_code}"
        return StudyError(message, self.exit_code)


def run(binary: str, words: Sequence[str]) -> Reply:
    """Runs the program to its end, for an answer; `background.Work` runs studies."""
    command: list[str] = [binary, *words]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )
    try:
        output, errors = process.communicate()
    except BaseException:
        process.terminate()
        process.communicate()
        raise
    return Reply(output, errors, process.returncode)


def ask(binary: str, words: Sequence[str]) -> Any:
    """The document that the program prints; raises `StudyError` where it fails."""
    reply = run(binary, words)
    if reply.exit_code != 0:
        raise reply.error()
    return reply.json()


def parse(document: str) -> Any:
    """A JSON document that the program printed, or None where it printed nothing."""
    return json.loads(document) if document.strip() else None


def csv_header(document: str) -> list[str]:
    """The names of the columns of a CSV document."""
    return next(csv.reader(document.splitlines()), [])
