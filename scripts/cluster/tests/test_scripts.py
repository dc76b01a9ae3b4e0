"""Every script is well formed, explains itself, and refuses what it does not know."""

import subprocess

import pytest
from conftest import CLUSTER, ROOT


def is_shell(path):
    with path.open("rb") as file:
        first = file.readline()
    return path.is_file() and first.startswith(b"#!") and first.rstrip().endswith(b"sh")


def scripts():
    found = [*ROOT.glob("scripts/*"), *ROOT.glob("examples/**/*.sh"), ROOT / ".ci/run"]
    found += [*CLUSTER.glob("*"), *CLUSTER.glob("slurm/*")]
    return sorted(path for path in found if path.is_file() and is_shell(path))


LAUNCHERS = [CLUSTER / "ssh", CLUSTER / "slurm/worker.sbatch", CLUSTER / "slurm/coordinator.sbatch"]


def test_shellcheck_finds_nothing():
    names = [str(path.relative_to(ROOT)) for path in scripts()]
    assert "scripts/cluster/ssh" in names and "scripts/test" in names
    said = subprocess.run(["shellcheck", *names], cwd=ROOT, capture_output=True, text=True)
    assert said.returncode == 0, said.stdout + said.stderr


def test_hadolint_finds_nothing():
    said = subprocess.run(["hadolint", CLUSTER / "Dockerfile"], capture_output=True, text=True)
    assert said.returncode == 0, said.stdout + said.stderr


@pytest.mark.parametrize("script", LAUNCHERS, ids=lambda path: path.name)
def test_it_explains_itself(script):
    said = subprocess.run([script, "--help"], capture_output=True, text=True)
    assert said.returncode == 0 and said.stdout.startswith("usage: "), said


@pytest.mark.parametrize("script", LAUNCHERS, ids=lambda path: path.name)
def test_it_says_what_is_allowed(script):
    said = subprocess.run([script, "--nonsense"], capture_output=True, text=True)
    assert said.returncode == 2 and not said.stdout, said
    assert "found" in said.stderr
