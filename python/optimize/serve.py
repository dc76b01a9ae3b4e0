"""`python -m optimize.serve module:function` or `file.py:function`: a function as a simulator.

The function need not be decorated. Where it stands beside code that starts studies, that code is
refused while the file is imported, because every worker would start the study once more.

`--file FILE function` and `--file FILE package.module:function` are how templates name a function:
a path of its own, which `optimize` resolves, and from which the place of the module follows.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from . import study
from .imports import import_folder
from .simulator import Simulator


def load(target: str) -> Simulator[Any]:
    """The simulator that a target such as `module:function` names."""
    where, colon, name = target.rpartition(":")
    if not (where and colon and name):
        raise SystemExit(f"{target}: found no colon, allowed: module:function, file.py:function")
    study.importing_simulator = True
    try:
        module = _module(where)
    finally:
        study.importing_simulator = False
    found = getattr(module, name, None)
    if isinstance(found, Simulator):
        return found
    if callable(found):
        return Simulator(found)
    raise SystemExit(f"{target}: {where} has no function {name}")


def _module(where: str) -> ModuleType:
    if not where.endswith(".py"):
        sys.path.insert(0, "")
        try:
            return importlib.import_module(where)
        except ModuleNotFoundError as error:
            if error.name and where.startswith(error.name):
                raise SystemExit(f"{where}: no such module in {Path.cwd()} or installed") from None
            raise
    path = Path(where).resolve()
    if not path.is_file():
        raise SystemExit(f"{where}: no such file")
    # What the file imports from beside it is found as if it were run itself.
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{where}: cannot be imported")
    module = importlib.util.module_from_spec(spec)
    # Known by its name, as pickles and dataclasses in it expect.
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m optimize.serve",
        description="Serves a function as a simulator, on standard input and output.",
    )
    parser.add_argument("target", help="module:function or file.py:function")
    parser.add_argument("--file", help="the file of the module, or of a function without module")
    options = parser.parse_args(words)
    target = options.target
    if options.file and ":" in target:
        path = Path(options.file).resolve()
        sys.path.insert(0, str(import_folder(path, target.rpartition(":")[0])))
    elif options.file:
        target = f"{options.file}:{target}"
    load(target).serve()


if __name__ == "__main__":
    main()
