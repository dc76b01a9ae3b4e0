"""`scripts/cluster/ssh`, with an ssh that runs everything here, in a home folder per host."""

import json
import os
import subprocess

import pytest
from conftest import CLUSTER, KEY, wait_until

# As the real one, it gives all words to a shell as one text. A host's environment is its own.
SSH = """#!/usr/bin/env bash
printf '%s\\n' "$*" >>"$HOSTS/commands"
while [ "$1" = -o ]; do shift 2; done
host=$1
shift
if [[ $host = broken* ]]; then
    echo "ssh: connect to host $host port 22: Connection refused" >&2
    exit 255
fi
mkdir -p "$HOSTS/$host"
cd "$HOSTS/$host"
exec env -i HOME="$HOSTS/$host" PATH=/usr/bin:/bin sh -c "$*"
"""

# A worker that only says what it was told, and takes a while to drain.
WORKER = """#!/usr/bin/env bash
umask 077
echo "$@" >"$HOME/words"
echo "$OPTIMIZE_QUEUE" >"$HOME/queue"
cat "$OPTIMIZE_KEY_FILE" >"$HOME/key"
trap 'sleep 0.2; echo "worker: drained" >&2; exit 0' TERM
if [ -e "$HOME/out-of-order" ]; then echo "error: out of order" >&2; exit 3; fi
echo "worker on here: 1 threads" >&2
while :; do sleep 0.05; done
"""

QUEUE = "rediss://user:a-password@db.example.org"


class Launcher:
    def __init__(self, folder, key, binary):
        self.folder, self.key = folder, key
        self.environment = os.environ | {
            "PATH": f"{folder}/bin:{os.environ['PATH']}",
            "HOSTS": str(folder / "hosts"),
            "OPTIMIZE_BINARY": str(binary),
        }
        (folder / "hosts").mkdir()

    def home(self, host):
        return self.folder / "hosts" / host

    def run(self, *words):
        said = subprocess.run(
            [CLUSTER / "ssh", *words], cwd=self.folder, env=self.environment, capture_output=True,
            text=True, timeout=120,
        )  # fmt: skip
        assert KEY not in said.stdout + said.stderr
        return said

    def start(self, *words, queue=QUEUE):
        return self.run("start", "hosts.txt", "--queue", queue, "--key-file", self.key, *words)


@pytest.fixture
def launch(tmp_path, write, key):
    """Makes a launcher for hosts; whatever it has started is stopped in the end."""
    launchers = []

    def make(hosts, binary=None):
        write("bin/ssh", SSH)
        write("hosts.txt", hosts)
        launcher = Launcher(tmp_path, key, binary or write("release/optimize", WORKER))
        launchers.append(launcher)
        return launcher

    yield make
    for launcher in launchers:
        launcher.run("stop", "hosts.txt")


def test_one_host_that_fails_holds_up_no_other(launch):
    launcher = launch("# two that work\none\n\nbroken\ntwo 3\n")
    said = launcher.start("--", "--idle", "5m")
    assert said.returncode == 1
    assert "1 of 3 hosts failed" in said.stderr
    assert "broken: cannot be reached" in said.stdout
    assert "one: started" in said.stdout and "two: started" in said.stdout
    assert (launcher.home("one") / "words").read_text() == "worker --idle 5m\n"
    assert (launcher.home("two") / "words").read_text() == "worker --threads 3 --idle 5m\n"

    said = launcher.run("status", "hosts.txt")
    assert said.returncode == 1 and "two: runs, process " in said.stdout

    again = launcher.start()
    assert "one: a worker runs already" in again.stdout
    assert (launcher.home("one") / "words").read_text() == "worker --idle 5m\n"

    said = launcher.run("stop", "hosts.txt")
    assert said.returncode == 1
    # It was waited for: the worker had time for its last words.
    assert "one: stopped: worker: drained" in said.stdout
    assert "two: stopped: worker: drained" in said.stdout
    assert "no worker runs" in launcher.run("stop", "hosts.txt").stdout


def test_key_and_password_are_seen_by_nobody(launch):
    launcher = launch("one\n")
    assert launcher.start().returncode == 0
    run = next(launcher.home("one").glob(".local/share/optimize-worker/run/*"))
    for name in ["key", "queue"]:
        assert (run / name).stat().st_mode & 0o777 == 0o600
    assert (launcher.home("one") / "key").read_text() == KEY
    assert (launcher.home("one") / "queue").read_text() == QUEUE + "\n"
    assert run.stat().st_mode & 0o777 == 0o700
    commands = (launcher.folder / "hosts/commands").read_text()
    process = (run / "pid").read_text().strip()
    with open(f"/proc/{process}/cmdline") as file:
        commands += file.read()
    commands += (run / "log").read_text() + (run / "options").read_text()
    assert KEY not in commands and "a-password" not in commands
    # After the stop nothing of it is left.
    assert launcher.run("stop", "hosts.txt").returncode == 0
    left = {path.name for path in launcher.home("one").glob(".local/**/*") if path.is_file()}
    assert left == {"optimize", "log", "options"}


def test_a_worker_that_ends_at_once_is_a_failure_with_its_words(launch):
    launcher = launch("one\n")
    launcher.home("one").mkdir()
    (launcher.home("one") / "out-of-order").touch()
    said = launcher.start()
    assert said.returncode == 1
    assert "one: the worker ended at once: error: out of order" in said.stdout
    # No key stays where no worker runs.
    assert not list(launcher.home("one").glob(".local/share/optimize-worker/run/*/key"))


def test_the_program_is_copied_once(launch, write):
    launcher = launch("one\n")
    assert launcher.start().returncode == 0
    assert launcher.run("stop", "hosts.txt").returncode == 0
    releases = launcher.home("one") / ".local/share/optimize-worker"
    before = [path.stat().st_ino for path in releases.glob("release-*")]
    assert launcher.start().returncode == 0
    assert launcher.run("stop", "hosts.txt").returncode == 0
    assert [path.stat().st_ino for path in releases.glob("release-*")] == before
    write("release/optimize", WORKER + "# another version\n")
    assert launcher.start().returncode == 0
    assert len(list(releases.glob("release-*"))) == 2
    assert not list(releases.glob("settings-*"))


def test_a_dry_run_reaches_no_host(launch):
    launcher = launch("one 2\nbroken\n")
    said = launcher.start("--threads", "5", "--dry-run", "--", "--idle", "5m")
    assert said.returncode == 0, said.stderr
    assert "would start on one: optimize worker --threads 2 --idle 5m" in said.stdout
    assert "would start on broken: optimize worker --threads 5 --idle 5m" in said.stdout
    assert launcher.run("stop", "hosts.txt", "--dry-run").returncode == 0
    assert not (launcher.folder / "hosts/commands").exists()


@pytest.mark.parametrize(
    ("hosts", "words", "message"),
    [
        ("-oProxyCommand=x\n", [], "line 1: found host -oProxyCommand=x, allowed: letters"),
        ("one\none\n", [], "line 2: found one again"),
        ("one 2 many\n", [], "found 2 many after one, allowed: a number of threads"),
        ("# none\n", [], "found no host, allowed: one per line"),
        ("one\n", ["--threads", "0x"], "--threads: found 0x, allowed: a whole number from 1"),
        ("one\n", ["--queue", "db:6379"], "--queue: found db, allowed: redis://"),
        ("one\n", ["--key-file", "none"], "found no key in none"),
        ("one\n", ["--binary", "none"], "found no program none"),
        ("one\n", ["--idle", "5m"], "found --idle, allowed: the options that --help names"),
    ],
)
def test_mistakes_are_named_before_any_host_is_reached(launch, hosts, words, message):
    launcher = launch(hosts)
    said = launcher.start(*words)
    assert said.returncode == 2 and message in said.stderr, said
    assert not (launcher.folder / "hosts/commands").exists()


def test_a_study_is_run_by_the_workers_of_two_hosts(launch, program, server, key, tmp_path):
    launcher = launch("one 1\ntwo 1\n", binary=program)
    study = ["--template", "sma-crossover", "--algorithm", "grid", "--quiet", "--format", "json"]

    def start(name, *words):
        command = [program, "start", *study, "--name", name, *words]
        return subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)

    far = start("far", "--queue", server, "--key-file", str(key))
    said = launcher.start(queue=server)
    assert said.returncode == 0, said.stdout
    status = json.loads(far.communicate(timeout=120)[0])
    near = json.loads(start("near").communicate(timeout=120)[0])
    assert status["results_hash"] == near["results_hash"]

    stopped = launcher.run("stop", "hosts.txt")
    assert stopped.returncode == 0, stopped.stdout

    def logs():
        found = [next(launcher.home(host).glob(".local/**/log")) for host in ["one", "two"]]
        return all("jobs done" in log.read_text() for log in found)

    wait_until(logs, "both workers have ended in good order")
