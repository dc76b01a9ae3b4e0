"""Writing TOML, as far as templates and `--set` need it: Python can only read it."""

import json
import math
from collections.abc import Mapping
from typing import Any


def value(data: Any) -> str:
    """A value on one line: tables are inline tables."""
    if isinstance(data, bool):
        return "true" if data else "false"
    if isinstance(data, str):
        # The escapes of JSON are TOML's too, but for DEL, which JSON leaves as it is.
        return json.dumps(data, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(data, int):
        return str(data)
    if isinstance(data, float):
        # repr() of an integral float has its ".0", without which TOML would read an integer.
        return repr(data) if math.isfinite(data) else str(data)
    if isinstance(data, Mapping):
        return "{ " + ", ".join(f"{key(name)} = {value(data[name])}" for name in data) + " }"
    if isinstance(data, (list, tuple, range)):
        return "[" + ", ".join(value(item) for item in data) + "]"
    if hasattr(data, "item"):
        # A scalar of numpy.
        return value(data.item())
    raise TypeError(f"found a {type(data).__name__}, allowed: text, numbers, bools, lists, tables")


def key(name: str) -> str:
    """A key, in quotes where it needs them."""
    bare = name.isascii() and name.replace("-", "a").replace("_", "a").isalnum()
    return name if bare else value(name)


def table(name: str, entries: Mapping[str, Any]) -> str:
    """A table with a line per entry."""
    lines = "".join(f"{key(entry)} = {value(entries[entry])}\n" for entry in entries)
    return f"[{key(name)}]\n{lines}"
