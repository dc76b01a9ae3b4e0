"""Where the program is, and what it can do. What cannot be tested is said, never left out."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

TEMPLATE = """\
name = "probe"
simulator = "command"
[objectives]
cost = "minimize"
[space]
x = { float = [0.0, 1.0] }
[command]
run = ["PYTHON", "-m", "optimize.serve", "simulators_for_tests:parabola"]
mode = "persistent"
metrics = ["cost"]
folder = "FOLDER"
"""


def find() -> str:
    given = os.environ.get("OPTIMIZE_BINARY")
    built = HERE.parents[1] / "target" / "release" / "optimize"
    return given or str(built)


def command_fault() -> str:
    """Why the program cannot run external programs; nothing where it can."""
    try:
        text = TEMPLATE.replace("PYTHON", sys.executable).replace("FOLDER", str(HERE))
        done = subprocess.run(
            [find(), "templates", "check", "/dev/stdin"],
            input=text,
            capture_output=True,
            text=True,
            timeout=60,
        )
    except OSError as error:
        return str(error)
    # Anything but not knowing the simulator is a fault that the tests are there to find.
    unknown = done.returncode != 0 and 'simulator: found "command"' in done.stderr
    return done.stderr.strip() if unknown else ""


def pytest_configure(config):
    config.addinivalue_line("markers", 'command: needs a program with simulator = "command"')
    os.environ["OPTIMIZE_BINARY"] = find()
    config.command_fault = command_fault()


def pytest_report_header(config):
    state = f"left out: {config.command_fault}" if config.command_fault else "run"
    return [f"program: {find()}", f'tests that need simulator = "command": {state}']


def pytest_collection_modifyitems(config, items):
    if config.command_fault:
        for item in items:
            if item.get_closest_marker("command"):
                item.add_marker(pytest.mark.skip(reason=config.command_fault))


def pytest_terminal_summary(terminalreporter):
    left_out = terminalreporter.stats.get("skipped", [])
    for report in left_out:
        terminalreporter.write_line(f"LEFT OUT {report.nodeid}")


@pytest.fixture
def store(tmp_path):
    return tmp_path / "store"
