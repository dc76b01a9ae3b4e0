"""Which files beside a file it imports, found without running any of them."""

from __future__ import annotations

import ast
import sysconfig
from collections.abc import Iterator
from pathlib import Path


def import_folder(file: Path, module: str) -> Path:
    """The folder from which a module with this file is imported: that of its outermost package."""
    depth = len(module.split("."))
    return file.parents[depth if file.stem == "__init__" else depth - 1]


def sources(file: Path, root: Path) -> list[Path]:
    """A file and all files in the folder `root` that it imports, directly or not, sorted.

    What is imported by a computed name is not found, nor is what lies outside of `root`. Where
    that is a folder of installed packages, only the file's own package belongs to it.
    """
    within = root
    if root in _installed():
        own = file.relative_to(root).parts[0]
        within = root / own
    found = {file}
    waiting = [file]
    while waiting:
        for path in _imported(waiting.pop(), root):
            if path not in found and (path == within or within in path.parents):
                found.add(path)
                waiting.append(path)
    return sorted(found)


def _installed() -> set[Path]:
    paths = sysconfig.get_paths()
    return {Path(paths[name]).resolve() for name in ("stdlib", "platstdlib", "purelib", "platlib")}


def _imported(file: Path, root: Path) -> Iterator[Path]:
    """The files of one file's imports, and those of the packages that it lies in."""
    inside = file.relative_to(root).parts[:-1]
    yield from _files(list(inside), root)
    try:
        tree = ast.parse(file.read_bytes())
    except SyntaxError:
        # Whoever imports it will say so.
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _files(alias.name.split("."), root)
        elif isinstance(node, ast.ImportFrom):
            base = list(inside[: len(inside) - node.level + 1]) if node.level else []
            base += node.module.split(".") if node.module else []
            yield from _files(base, root)
            for alias in node.names:
                yield from _files([*base, alias.name], root)


def _files(parts: list[str], root: Path) -> Iterator[Path]:
    """The files that importing a module runs: those of its packages, and its own."""
    for depth in range(1, len(parts) + 1):
        place = root.joinpath(*parts[:depth])
        for path in (place / "__init__.py", place.with_name(place.name + ".py")):
            if path.is_file():
                yield path
                break
