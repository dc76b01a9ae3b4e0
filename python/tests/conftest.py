"""Where the program is."""

import os
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))


def pytest_configure(config):
    built = HERE.parents[1] / "target" / "release" / "optimize"
    os.environ.setdefault("OPTIMIZE_BINARY", str(built))


def pytest_report_header(config):
    return f"program: {os.environ['OPTIMIZE_BINARY']}"


def pytest_terminal_summary(terminalreporter):
    # What cannot be tested is said, never left out in silence.
    for report in terminalreporter.stats.get("skipped", []):
        terminalreporter.write_line(f"LEFT OUT {report.nodeid}")


@pytest.fixture
def store(tmp_path):
    return tmp_path / "store"
