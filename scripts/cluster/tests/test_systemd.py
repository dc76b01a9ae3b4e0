"""The unit of systemd, as systemd itself reads it."""

import configparser
import shutil
import subprocess

import pytest
from conftest import CLUSTER

UNIT = CLUSTER / "systemd/optimize-worker@.service"

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not on this machine"
)


@pytest.fixture
def unit(tmp_path, program):
    """The unit, for a program that is where it says."""
    text = UNIT.read_text()
    assert "/opt/optimize/optimize" in text
    path = tmp_path / "optimize-worker@main.service"
    path.write_text(text.replace("ExecStart=/opt/optimize/optimize", f"ExecStart={program}"))
    return path


def analyze(*words):
    return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True)


@needs_systemd
def test_systemd_understands_it(unit):
    said = analyze("verify", "--man=no", unit)
    # A key that it does not know is a line on standard error, and no failure.
    assert said.returncode == 0 and unit.name not in said.stderr, said.stderr


@needs_systemd
def test_systemd_finds_mistakes(unit):
    unit.write_text(unit.read_text().replace("KillMode=mixed", "KillMoode=mixed"))
    assert "KillMoode" in analyze("verify", "--man=no", unit).stderr


@needs_systemd
def test_the_worker_can_do_little_else(unit):
    # The bound is 2.0 of 10; a unit without any hardening has 9.6.
    said = analyze("security", "--offline=yes", "--threshold=20", unit)
    assert said.returncode == 0, said.stdout


def test_the_worker_is_started_with_options_that_it_has(accepts):
    unit = configparser.ConfigParser(interpolation=None, strict=False)
    unit.optionxform = str
    unit.read(UNIT)
    service = unit["Service"]
    words = service["ExecStart"].replace("%C", "/var/cache").replace("%i", "main").split()
    assert words[0] == "/opt/optimize/optimize" and words[-1] == "$OPTIMIZE_WORKER_OPTIONS"
    example = (CLUSTER / "systemd/worker.env.example").read_text().splitlines()
    settings = dict(line.split("=", 1) for line in example if line and not line.startswith("#"))
    options = settings["OPTIMIZE_WORKER_OPTIONS"].split()
    accepts([*words[1:-1], *options, "--queue", settings["OPTIMIZE_QUEUE"]])
    # What a drain rests on: one signal, to the worker alone, and time.
    assert (service["KillSignal"], service["KillMode"]) == ("SIGTERM", "mixed")
