"""The process that works on a study, waited for or in the background, and how far it is."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Callable

from .binary import Reply

_ANNOUNCEMENT = re.compile(r"^study ([^\s:]+): .*\n?", re.MULTILINE)
_PROGRESS = re.compile(r"^.* trials · .*\n?", re.MULTILINE)

#: Where progress is shown, it is looked at this often, in seconds.
_LOOK = 1.0

#: Seconds that a study has to write its first status, which a full disk may prevent.
_PATIENCE = 10.0

# Python complains of processes that nobody holds any more while they run.
_alive: list[subprocess.Popen[bytes]] = []


class Work:
    """A run of the program that works on a study.

    It has a session of its own, so that Ctrl-C in a terminal or a notebook reaches this process
    alone, which decides what it means. It writes to files without names, not to pipes: nobody has
    to read them, and the program goes on undisturbed where this process ends before it.
    """

    def __init__(self, binary: str, words: Sequence[str]) -> None:
        self._output: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            [binary, *words],
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._errors,
            start_new_session=True,
        )
        _alive[:] = [process for process in _alive if process.poll() is None]
        _alive.append(self._process)

    def announced(self, store: Path) -> str | None:
        """Waits until the study is under way, and returns its name; None where it never was."""
        pause, patience = 0.001, _PATIENCE
        while True:
            # Asked first: what it said before it ended has been written by then.
            running = self.running
            found = _ANNOUNCEMENT.search(_text(self._errors))
            name = found.group(1) if found else None
            if not running or patience < 0:
                return name
            if name is not None:
                # From its first status on, it knows what to do when it is interrupted.
                if (status_of(store / name) or {}).get("pid") == self._process.pid:
                    return name
                patience -= pause
            time.sleep(pause)
            pause = min(1.5 * pause, 0.05)

    @property
    def running(self) -> bool:
        """Whether the process has not ended yet."""
        return self._process.poll() is None

    def wait(self, timeout: float | None = None) -> bool:
        """Waits for the end, and says whether it came in time (seconds)."""
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return False
        return True

    def interrupt(self) -> None:
        """What Ctrl-C means: trials under way are finished, the study can be resumed."""
        self._process.send_signal(signal.SIGINT)

    def see_through(self, look: Callable[[], None] | None) -> None:
        """Waits for the end, and calls `look` now and then."""
        while not self.wait(_LOOK if look else None):
            if look:
                look()

    @contextmanager
    def bound(self) -> Iterator[None]:
        """Meanwhile, the process ends where this one is interrupted. Ctrl-C is handed on, and the
        trials under way are waited for; a second one makes the program leave at once."""
        try:
            yield
        except KeyboardInterrupt:
            while self.running:
                with suppress(KeyboardInterrupt):
                    self.interrupt()
                    self.wait()
            raise
        except BaseException:
            self._process.terminate()
            raise

    def reply(self) -> Reply:
        """What it printed, but for its progress, and how it ended."""
        errors = _PROGRESS.sub("", _ANNOUNCEMENT.sub("", _text(self._errors), count=1))
        return Reply(_text(self._output), errors, self._process.wait())


def _text(file: IO[bytes]) -> str:
    # Read from a place of its own: the other process writes where the common one is.
    size = os.fstat(file.fileno()).st_size
    return os.pread(file.fileno(), size, 0).decode("utf-8", errors="replace")


def status_of(folder: Path) -> dict[str, Any] | None:
    """The status that a study last wrote, where there is one to be read."""
    try:
        status: dict[str, Any] = json.loads((folder / "status.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return status


class ProgressLine:
    """One line on standard error about a study, written over itself."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._width = 0

    def show(self) -> None:
        """Shows how far the study is by now."""
        status = status_of(self._folder)
        if status is None:
            return
        text = described(status)
        # A notebook knows how to go back to the start of a line, but not how to clear it.
        sys.stderr.write("\r" + text.ljust(self._width))
        sys.stderr.flush()
        self._width = len(text)

    def end(self) -> None:
        """The last state, with a line end, where there was anything to be seen before."""
        if self._width:
            self.show()
            sys.stderr.write("\n")
            sys.stderr.flush()


def is_watched() -> bool:
    """Whether somebody looks at standard error: on a terminal or in a notebook."""
    return "ipykernel" in sys.modules or bool(sys.stderr and sys.stderr.isatty())


def described(status: dict[str, Any]) -> str:
    """A status in one line."""
    of = f" of {status['total']:,}" if status.get("total") is not None else ""
    parts = [f"{status['name']}: {status['state']}", f"{status['done']:,}{of} trials"]
    if status["state"] == "running":
        parts.append(f"{status['trials_per_second']:,.0f} trials/s")
    parts += [f"best {best['metric']} {best['value']:.5g}" for best in status["best"][:3]]
    counts = {name: status.get(name) for name in ("failed", "pruned", "infeasible")}
    counts["not repeatable"] = len(status.get("contradictions") or [])
    parts += [f"{count:,} {name}" for name, count in counts.items() if count]
    return ", ".join(parts)
