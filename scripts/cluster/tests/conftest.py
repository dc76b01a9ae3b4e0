"""What the tests of the launchers share."""

import os
import subprocess
import time
from pathlib import Path

import pytest

CLUSTER = Path(__file__).resolve().parent.parent
ROOT = CLUSTER.parent.parent
KEY = "a secret of the tests, in no log"


def wait_until(condition, what, seconds=60):
    """Waits for a condition, generously, and returns what it gave."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {what}")


@pytest.fixture(scope="session")
def program():
    """The built program."""
    return Path(os.environ["OPTIMIZE_BINARY"]).resolve()


@pytest.fixture
def accepts(program):
    """Asserts that the program takes these words, without doing anything."""

    def check(words):
        said = subprocess.run([program, *words, "--help"], capture_output=True, text=True)
        assert said.returncode == 0, f"{words}: {said.stderr}"

    return check


@pytest.fixture
def write(tmp_path):
    """Writes a file of a test, a program where it begins with #!."""

    def make(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755 if text.startswith("#!") else 0o644)
        return path

    return make


@pytest.fixture
def key(write):
    """The file with the key of coordinators and workers."""
    return write("key", KEY)


@pytest.fixture
def server(tmp_path):
    """The address of a Redis of the test's own."""
    socket = tmp_path / "redis.socket"
    options = ["--port", "0", "--unixsocket", str(socket), "--save", ""]
    process = subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL, cwd=tmp_path)
    wait_until(socket.exists, "redis-server listens")
    yield f"redis+unix://{socket}"
    process.kill()
    process.wait()
