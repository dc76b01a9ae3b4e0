"""The job scripts of Slurm, run as Slurm would: by themselves, with its variables."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
import redis
from conftest import CLUSTER, wait_until

# Stands for `optimize`: says what it was told, and takes a while to drain.
PROGRAM = """#!/usr/bin/env bash
trap 'echo "TERM" >>"$SAID"; sleep 0.5; echo "drained" >>"$SAID"; exit 0' TERM
printf '%s\\n' "$*" "queue $OPTIMIZE_QUEUE" "process $$" ready >>"$SAID"
until [ -e "$SAID.end" ]; do sleep 0.05; done
"""

SQUEUE = """#!/usr/bin/env bash
[ "$*" = "--noheader --jobs 4711 --format %e" ] && date --date "+1000 seconds" +%Y-%m-%dT%H:%M:%S
"""


class Job:
    """A job script that runs in a folder of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.said_file = folder / "said"
        self.environment = {
            "PATH": f"{folder}/bin:{os.environ['PATH']}",
            "HOME": str(folder / "home"),
            "TMPDIR": str(folder / "node"),
            "SAID": str(self.said_file),
            "SLURM_JOB_ID": "4711",
            "SLURM_CPUS_PER_TASK": "6",
            "SLURM_JOB_END_TIME": str(int(time.time()) + 1000),
            "SLURMD_NODENAME": "localhost",
        }
        (folder / "node").mkdir()
        self.process = None

    def start(self, script, *words, **environment):
        # A file, for what the script leaves in the background would keep a pipe open.
        with (self.folder / "errors").open("w") as errors:
            command = [CLUSTER / "slurm" / script, *words]
            environment = self.environment | environment
            self.process = subprocess.Popen(
                command, cwd=self.folder, env=environment, stderr=errors
            )
        return self

    def said(self):
        return self.said_file.read_text() if self.said_file.exists() else ""

    def ready(self):
        wait_until(lambda: "ready" in self.said(), "the program has begun")
        return self.said().splitlines()

    def ended(self):
        return self.process.wait(timeout=60), (self.folder / "errors").read_text()


@pytest.fixture
def job(tmp_path, write):
    write("bin/optimize", PROGRAM)
    write("bin/squeue", SQUEUE)
    job = Job(tmp_path)
    yield job
    (tmp_path / "said.end").touch()
    if job.process is not None:
        job.process.wait(timeout=60)


def test_a_worker_has_the_threads_and_the_time_of_its_allocation(job, accepts):
    job.start("worker.sbatch", "--allow-commands", OPTIMIZE_QUEUE="redis://db")
    words, queue, process, _ = job.ready()
    pattern = (
        r"worker --allow-commands --max-time (\d+)s --threads 6 "
        r"--data-cache (\S+)/optimize-\S+/studies --idle 10m"
    )
    seconds, cache = re.fullmatch(pattern, words).groups()
    assert cache == str(job.folder / "node")
    # A thousand seconds are left, of which 180 are for draining.
    assert 790 <= int(seconds) <= 820
    assert queue == "queue redis://db"
    # The program has taken the place of the script: Slurm's signals meet it and nothing else.
    assert process == f"process {job.process.pid}"
    accepts([*words.split(), "--queue", "redis://db"])


def test_options_of_the_worker_stand_in_for_the_usual_ones(job, accepts):
    options = ["--idle", "1h", "--drain", "30", "--threads=2", "--max-time", "5m"]
    job.start("worker.sbatch", *options, OPTIMIZE_QUEUE="redis://db")
    words = job.ready()[0]
    pattern = r"worker --idle 1h --threads=2 --max-time 5m --data-cache \S+/studies"
    assert re.fullmatch(pattern, words)
    accepts([*words.split(), "--queue", "redis://db"])


def test_sigterm_drains_and_is_waited_for(job):
    job.start("worker.sbatch", OPTIMIZE_QUEUE="redis://db").ready()
    job.process.send_signal(signal.SIGTERM)
    code, _ = job.ended()
    assert code == 0
    assert job.said().splitlines()[-2:] == ["TERM", "drained"]


def test_slurm_is_asked_where_the_environment_does_not_say_when_it_ends(job):
    del job.environment["SLURM_JOB_END_TIME"]
    job.start("worker.sbatch", "--drain", "500", OPTIMIZE_QUEUE="redis://db")
    seconds = re.search(r"--max-time (\d+)s", job.ready()[0]).group(1)
    assert 470 <= int(seconds) <= 500


def test_a_worker_waits_for_the_address_of_its_coordinator(job, write):
    job.start("worker.sbatch", "--queue-file", "queue-1")
    time.sleep(0.5)
    assert job.said() == ""
    write("queue-1", "redis://:password@node:1\n")
    words, queue, *_ = job.ready()
    assert queue == "queue redis://:password@node:1"
    assert "password" not in words


@pytest.mark.parametrize(
    ("words", "environment", "message"),
    [
        ([], {}, "found no queue"),
        (["--drain", "1h"], {"OPTIMIZE_QUEUE": "redis://db"}, "--drain: found 1h, allowed"),
        (["--drain"], {"OPTIMIZE_QUEUE": "redis://db"}, "--drain: found nothing after it"),
        (["--drain", "5000"], {"OPTIMIZE_QUEUE": "redis://db"}, "found an allocation that ends in"),
        ([], {"OPTIMIZE_QUEUE": "redis://db", "SLURM_JOB_ID": ""}, "hand this script to sbatch"),
        ([], {"OPTIMIZE_QUEUE": "redis://db", "OPTIMIZE_BINARY": "none"}, "found no program none"),
    ],
)
def test_a_worker_names_what_is_missing(job, words, environment, message):
    code, errors = job.start("worker.sbatch", *words, **environment).ended()
    assert code == 2 and message in errors
    assert job.said() == ""


def test_a_coordinator_brings_its_redis_and_takes_it_along(job, accepts):
    job.start("coordinator.sbatch", "mine", "--template", "study.toml")
    words, queue, process, _ = job.ready()
    assert words == "start --name mine --quiet --template study.toml"
    accepts(words.split())
    assert process == f"process {job.process.pid}"
    file = job.folder / "queue-4711"
    assert file.stat().st_mode & 0o777 == 0o600
    assert f"queue {file.read_text().strip()}" == queue
    address = re.fullmatch(r"queue redis://:([0-9a-f]{32})@localhost:(\d+)", queue)
    password, port = address.groups()

    own = redis.Redis(port=int(port), password=password, decode_responses=True)
    assert own.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    with socket.create_connection(("localhost", int(port)), timeout=60) as stranger:
        stranger.sendall(b"PING\r\n")
        assert stranger.recv(100).startswith(b"-NOAUTH")
    # The password is on no command line.
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        # A process may end meanwhile.
        with contextlib.suppress(OSError):
            assert password.encode() not in line.read_bytes()
    assert (job.folder / "home/.config/optimize/key").stat().st_mode & 0o777 == 0o600

    job.process.send_signal(signal.SIGTERM)
    assert job.ended()[0] == 0

    def is_gone():
        try:
            socket.create_connection(("localhost", int(port)), timeout=5).close()
            return False
        except ConnectionRefusedError:
            return not file.exists()

    wait_until(is_gone, "Redis and its address have gone with the study")


def test_a_coordinator_that_begins_again_goes_on(job, write):
    write("optimize-store/mine/ledger.redb", "")
    job.start("coordinator.sbatch", "mine", "--template", "study.toml")
    assert job.ready()[0] == "resume mine --quiet"


def test_a_start_that_was_killed_is_no_obstacle(job):
    (job.folder / "optimize-store/mine").mkdir(parents=True)
    job.start("coordinator.sbatch", "mine", "--template", "study.toml")
    assert job.ready()[0] == "start --name mine --quiet --template study.toml"
    assert not (job.folder / "optimize-store/mine").exists()
