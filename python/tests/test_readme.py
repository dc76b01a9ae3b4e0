"""The examples of the READMEs are run as they stand, cell by cell."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from optimize import Study

HERE = Path(__file__).parents[1]
CELL = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
#: What stands between these marks in the README of the whole is run as well.
MARKED = re.compile(r"<!-- python example -->\n(.*?)<!-- end of python example -->", re.DOTALL)


def examples():
    yield pytest.param((HERE / "README.md").read_text(encoding="utf-8"), id="python/README.md")
    whole = HERE.parent / "README.md"
    marked = MARKED.search(whole.read_text(encoding="utf-8")) if whole.is_file() else None
    if marked:
        yield pytest.param(marked.group(1), id="README.md")


@pytest.mark.parametrize("text", list(examples()))
def test_the_example_runs(text, tmp_path):
    pytest.importorskip("pandas")
    for number, cell in enumerate(CELL.findall(text)):
        magic, _, rest = cell.partition("\n")
        if magic.startswith("%%writefile "):
            (tmp_path / magic.split()[1]).write_text(rest, encoding="utf-8")
            continue
        script = tmp_path / f"cell_{number}.py"
        script.write_text(cell, encoding="utf-8")
        # Without what pytest knows of paths, as a person has it.
        environment = {name: os.environ[name] for name in os.environ if name != "PYTHONPATH"}
        done = subprocess.run(
            [sys.executable, str(script)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
    study = Study.open(store=tmp_path / "optimize-store")
    assert study.status()["state"] == "complete"
    assert study.status()["failed"] == 0
    assert len(study.frontier()) > 0
