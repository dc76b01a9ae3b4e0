"""The wire: JSON lines between the `optimize` program and a persistent simulator, version 1.

The program sends one line per trial and waits for one line with its metrics. Everything that a
simulator prints goes elsewhere (`claim_standard_streams`), so that it cannot corrupt the lines.
"""

from __future__ import annotations

import json
import math
import os
import re
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO, Callable

VERSION = 1

# Built once: `json.dumps` and `json.loads` with arguments build theirs at every call.
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
_decode = json.JSONDecoder().decode

# Error messages are part of a study's results. An address in memory differs from run to run, and
# a message of a megabyte helps nobody.
_ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]+")
_LONGEST_MESSAGE = 2000
_LONGEST_TRACEBACK = 8000


class ProtocolError(Exception):
    """The other side said something that this version of the protocol does not know."""


class InputEnded(BaseException):
    """The program has gone away. No `Exception`, so that no simulator catches it by accident."""


class Wire:
    """The two ends of the connection, and the metrics that the study asked for."""

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self._read = source.readline
        self._write = sink.write
        self._flush = sink.flush
        self.metrics: tuple[str, ...] = ()
        #: Whether the trial under way was told to stop.
        self.stopped = False
        #: Which trial is under way. Answers name it, so that one that comes too late, of a thread
        #: that was left behind, is not taken for that of another trial.
        self.trial: int | None = None

    def greet(self, metrics: Sequence[str]) -> None:
        """Exchanges versions, and learns which metrics the study wants."""
        hello: dict[str, Any] = {"optimize": VERSION}
        if metrics:
            hello["metrics"] = list(metrics)
        self.send(hello)
        answer = self.receive()
        if answer.get("optimize") != VERSION:
            raise ProtocolError(f"found the greeting {answer}, allowed: version {VERSION}")
        self.metrics = tuple(answer.get("metrics") or metrics)

    def receive(self) -> dict[str, Any]:
        """The next message; raises `InputEnded` where there is none."""
        message = _decode(self._line().decode())
        if not isinstance(message, dict):
            raise ProtocolError(f"found {message!r}, allowed: a JSON object")
        return message

    def send(self, message: Mapping[str, Any]) -> None:
        """Writes one line, at once."""
        self._write(_encode(message).encode() + b"\n")
        self._flush()

    def answer(self, message: dict[str, Any]) -> None:
        """Writes what is said of the trial under way."""
        if self.trial is not None:
            message["trial"] = self.trial
        self.send(message)

    def report(self, step: int, metrics: Mapping[str, Any]) -> bool:
        """Sends a report; whether the trial should stop."""
        wanted = self.metrics or tuple(metrics)
        if not any(name in metrics for name in wanted):
            found, allowed = ", ".join(metrics) or "nothing", ", ".join(wanted)
            raise ValueError(f"report: found {found}, allowed: {allowed}")
        # A report has every metric, also those that are not known yet.
        values = {name: number(name, metrics.get(name, math.nan)) for name in wanted}
        self.answer({"step": step, "metrics": values})
        answer = self._line().strip()
        if answer not in (b"continue", b"stop"):
            raise ProtocolError(f"found the answer {answer!r}, allowed: continue, stop")
        self.stopped = answer == b"stop"
        return self.stopped

    def _line(self) -> bytes:
        line = self._read()
        # A line without its end was cut off: whoever wrote it has died.
        if not line.endswith(b"\n"):
            raise InputEnded
        return line


def number(name: str, value: Any) -> Any:
    """A metric as JSON has it: a number, or the text of what JSON has no number for."""
    if isinstance(value, (str, bytes)) or value is None:
        raise TypeError(f"metric {name}: found {value!r}, allowed: a number")
    try:
        real = float(value)
    except (TypeError, ValueError):
        found = type(value).__name__
        raise TypeError(f"metric {name}: found a {found}, allowed: a number") from None
    if math.isfinite(real):
        return real
    return "nan" if math.isnan(real) else "inf" if real > 0 else "-inf"


def named(result: Any, metrics: Sequence[str]) -> dict[str, Any]:
    """What a simulator returned, with the name of each metric, ready to be sent.

    A mapping has names; a tuple or list has the metrics in their declared order; anything else is
    the one metric. Entries of a mapping that the study did not ask for are left out.
    """
    if isinstance(result, Mapping):
        missing = [name for name in metrics if name not in result]
        if missing:
            raise ValueError(
                f"metrics: missing {', '.join(missing)}, returned: {', '.join(map(str, result))}"
            )
        return {name: number(name, result[name]) for name in metrics or result}
    values = result if isinstance(result, (tuple, list)) else (result,)
    if len(values) != len(metrics):
        raise ValueError(
            f"metrics: found {len(values)} without names, allowed: "
            f"{len(metrics)} ({', '.join(metrics) or 'none is declared'})"
        )
    return {name: number(name, value) for name, value in zip(metrics, values)}


def described(error: BaseException) -> str:
    """An error in one line that is the same in every run."""
    text = _ADDRESS.sub("at 0x…", f"{type(error).__name__}: {error}".strip().rstrip(":"))
    return text if len(text) <= _LONGEST_MESSAGE else text[: _LONGEST_MESSAGE - 1] + "…"


def answer_trials(wire: Wire, run: Callable[[dict[str, Any]], Any]) -> None:
    """Answers trials until the input ends. Whatever a trial does wrong is its own failure."""
    while True:
        try:
            request = wire.receive()
        except InputEnded:
            return
        wire.stopped = False
        wire.trial = request.get("trial")
        try:
            result = run(request)
            answer = {"stopped": True} if wire.stopped else {"metrics": named(result, wire.metrics)}
        except InputEnded:
            return
        except ProtocolError:
            raise
        # `sys.exit` in a simulator ends its trial, not the trials of everyone after it.
        except (Exception, SystemExit) as error:
            if wire.stopped:
                # A way to leave that is as good as any.
                wire.answer({"stopped": True})
                continue
            # Cut, so that a huge message cannot fill a pipe that nobody reads.
            sys.stderr.write(traceback.format_exc()[-_LONGEST_TRACEBACK:])
            sys.stderr.flush()
            wire.answer({"error": described(error)})
        else:
            wire.answer(answer)


@contextmanager
def claim_standard_streams() -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """Takes standard input and output for the protocol alone.

    Meanwhile prints of this process, of C libraries in it and of its children go to standard
    error, and reading standard input finds its end. That needs the descriptors themselves to be
    exchanged, not only `sys.stdout`.
    """
    sys.stdout.flush()
    kept = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    printed, sys.stdout = sys.stdout, sys.stderr
    try:
        with os.fdopen(os.dup(kept[0]), "rb") as source, os.fdopen(os.dup(kept[1]), "wb") as sink:
            yield source, sink
    finally:
        sys.stdout = printed
        for descriptor, copy in enumerate(kept):
            os.dup2(copy, descriptor)
            os.close(copy)


def serve(
    bind: Callable[[Wire], Callable[[dict[str, Any]], Any]], metrics: list[str] | None
) -> None:
    """Speaks the protocol on standard input and output until the input ends."""
    if sys.stdin.isatty():
        print("waiting for trials as `optimize` sends them; Ctrl-D ends this", file=sys.stderr)
    try:
        with claim_standard_streams() as (source, sink):
            wire = Wire(source, sink)
            wire.greet(metrics or ())
            answer_trials(wire, bind(wire))
    except (InputEnded, BrokenPipeError):
        # The program has ended, or has killed the study: there is nobody left to tell.
        pass
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except (ProtocolError, json.JSONDecodeError) as error:
        raise SystemExit(f"protocol: {error}") from None
