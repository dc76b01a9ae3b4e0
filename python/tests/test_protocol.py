"""The protocol, spoken with a real process: no `optimize` program is needed."""

import json
import math
import random
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


class Peer:
    """The program's side of the protocol."""

    def __init__(self, target, metrics=("cost",), greet=True):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "optimize.serve", target],
            cwd=HERE,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        if greet:
            self.hello = self.hear()
            self.say({"optimize": 1, "metrics": list(metrics)})

    def say(self, message):
        text = message if isinstance(message, str) else json.dumps(message)
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()

    def hear(self):
        return json.loads(self.process.stdout.readline())

    def hear_of(self, number):
        """An answer, which has to name its trial."""
        answer = self.hear()
        assert answer.pop("trial") == number
        return answer

    def trial(self, number=0, seed=1, **params):
        self.say({"trial": number, "seed": seed, "params": params})
        return self.hear_of(number)

    def end(self):
        output, errors = self.process.communicate(timeout=30)
        self.errors = errors.decode()
        assert output == b"", "nothing but answers"
        return self.process.returncode


@pytest.fixture
def serving():
    peers = []

    def start(name, **options):
        target = name if ":" in name else f"simulators_for_tests:{name}"
        peers.append(Peer(target, **options))
        return peers[-1]

    yield start
    for peer in peers:
        if peer.process.poll() is None:
            peer.process.kill()
        peer.process.communicate()


def test_greets_answers_and_ends(serving):
    peer = serving("parabola")
    assert peer.hello == {"optimize": 1, "metrics": ["cost"]}
    assert peer.trial(x=0.25, y=2.0) == {"metrics": {"cost": 4.0}}
    assert peer.trial(x=0.75) == {"metrics": {"cost": 0.25}}, "an inactive parameter is absent"
    assert peer.end() == 0
    assert peer.errors == ""


def test_floats_keep_every_bit(serving):
    peer = serving("parabola")
    rng = random.Random(5)
    for _ in range(200):
        x, y = rng.uniform(-1e9, 1e9), rng.random() * 10.0 ** rng.randint(-300, 300)
        answer = peer.trial(x=x, y=y)["metrics"]["cost"]
        expected = (x - 0.25) ** 2 + y * y
        assert answer == (expected if math.isfinite(expected) else "inf")


def test_a_tuple_has_the_metrics_in_order(serving):
    assert serving("pair", metrics=["cost", "mass"]).trial(x=3.0) == {
        "metrics": {"cost": 3.0, "mass": 6.0}
    }


def test_a_mapping_needs_no_declaration_and_may_hold_more(serving):
    peer = serving("mapping", metrics=["cost"])
    assert peer.hello == {"optimize": 1}
    assert peer.trial(a=1, b=True, c="x") == {"metrics": {"cost": 3.0}}


def test_a_plain_function_is_served_too(serving):
    assert serving("plain").trial(x=0.5) == {"metrics": {"cost": 0.5}}


def test_a_package_is_served_from_the_file_of_its_module(tmp_path):
    package = tmp_path / "pack" / "inner"
    package.mkdir(parents=True)
    for folder in (package, package.parent):
        (folder / "__init__.py").touch()
    (package.parent / "limits.py").write_text("LIMIT = 4.0\n")
    module = package / "sim.py"
    module.write_text("from ..limits import LIMIT\ndef f(x): return {'cost': x + LIMIT}\n")
    done = subprocess.run(
        [sys.executable, "-m", "optimize.serve", "--file", str(module), "pack.inner.sim:f"],
        input='{"optimize": 1, "metrics": ["cost"]}\n{"trial": 0, "seed": 1, "params": {"x": 1}}\n',
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout.splitlines()[-1]) == {"metrics": {"cost": 5.0}, "trial": 0}


def test_a_file_is_served_without_its_folder(serving):
    peer = serving(f"{HERE / 'simulators_for_tests.py'}:parabola")
    assert peer.trial(x=0.25) == {"metrics": {"cost": 0.0}}


@pytest.mark.parametrize("name", ["noisy", "numpy_noisy"])
def test_generators_depend_on_the_seed_alone(serving, name):
    if name == "numpy_noisy":
        pytest.importorskip("numpy")
    peer, other = serving(name), serving(name)
    seeds = [1, 2, 1, 2**64 - 1]
    first = [peer.trial(seed=seed, x=0.0)["metrics"]["cost"] for seed in seeds]
    assert first[0] == first[2]
    assert len(set(first)) == 3
    assert [other.trial(seed=seed, x=0.0)["metrics"]["cost"] for seed in seeds] == first
    if name == "noisy":
        assert first[0] == random.Random(1).random()
    else:
        import numpy

        assert first[0] == numpy.random.default_rng(1).random()


def test_reports_are_answered_and_stop_a_trial(serving):
    peer = serving("learner", metrics=["cost", "mass"])
    peer.say({"trial": 0, "seed": 0, "params": {"steps": 5}})
    for step, answer in enumerate(["continue", "continue", "stop"], 1):
        report = {"step": step, "metrics": {"cost": 10.0 - step, "mass": "nan"}}
        assert peer.hear_of(0) == report, "what is not reported is not known"
        peer.say(answer)
    assert peer.hear_of(0) == {"stopped": True}
    assert peer.trial(steps=0) == {"metrics": {"cost": 10.0, "mass": 0.0}}, "it starts afresh"


def test_a_trial_knows_its_budget(serving):
    peer = serving("learner", metrics=["cost", "mass"])
    peer.say({"trial": 7, "seed": 0, "budget": 1, "params": {"steps": 5}})
    assert peer.hear()["step"] == 1
    peer.say("continue")
    assert peer.hear_of(7) == {"metrics": {"cost": 9.0, "mass": 1.0}}


def test_a_stopped_trial_may_end_as_it_likes(serving):
    peer = serving("careless")
    peer.say({"trial": 0, "seed": 0, "params": {"how": ""}})
    peer.hear()
    peer.say("stop")
    assert peer.hear_of(0) == {"stopped": True}
    assert peer.end() == 0
    assert peer.errors == "", "it is no failure"


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ("backwards", "ValueError: report: found step 2, allowed: above 2"),
        ("nameless", "ValueError: report: found price, allowed: cost"),
    ],
)
def test_a_wrong_report_fails_its_trial(serving, how, error):
    peer = serving("careless")
    peer.say({"trial": 0, "seed": 0, "params": {"how": how}})
    answer = peer.hear_of(0)
    if "step" in answer:
        peer.say("continue")
        answer = peer.hear_of(0)
    assert answer == {"error": error}


def test_prints_do_not_reach_the_protocol(serving):
    peer = serving("printing")
    for number in range(3):
        assert peer.trial(number, x=0.5) == {"metrics": {"cost": 0.5}}
    assert peer.end() == 0
    for text in ("666", "from a child", "from below"):
        assert peer.errors.count(text) == 3


@pytest.mark.parametrize(
    ("kind", "metric"),
    [("nan", "nan"), ("inf", "inf"), ("minus", "-inf"), ("whole", 7), ("yes", 1)],
)
def test_every_number_is_a_metric(serving, kind, metric):
    assert serving("odd").trial(kind=kind) == {"metrics": {"cost": metric}}


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("raise", "ValueError: no <object object at 0x…>"),
        ("exit", "SystemExit: 3"),
        ("text", "TypeError: metric cost: found '1.5', allowed: a number"),
        ("none", "TypeError: metric cost: found None, allowed: a number"),
        ("list", "TypeError: metric cost: found a list, allowed: a number"),
        ("missing", "ValueError: metrics: missing cost, returned: price"),
        ("many", "ValueError: metrics: found 2 without names, allowed: 1 (cost)"),
    ],
)
def test_a_fault_fails_its_own_trial_only(serving, kind, error):
    peer = serving("odd")
    assert peer.trial(kind=kind) == {"error": error}
    assert peer.trial(kind="whole") == {"metrics": {"cost": 7}}
    assert peer.end() == 0
    assert "Traceback" in peer.errors


def test_a_long_message_is_cut(serving):
    assert len(serving("odd").trial(kind="long")["error"]) == 2000


def test_a_parameter_that_the_function_lacks_fails_the_trial(serving):
    assert "unexpected keyword argument 'z'" in serving("parabola").trial(x=1.0, z=1)["error"]


def test_another_version_is_refused(serving):
    peer = serving("parabola", greet=False)
    peer.hear()
    peer.say({"optimize": 2})
    assert peer.end() == 1
    assert "allowed: version 1" in peer.errors


def test_a_line_that_is_no_json_ends_it(serving):
    peer = serving("parabola")
    peer.say("hello")
    assert peer.end() == 1
    assert "protocol" in peer.errors
    assert "Traceback" not in peer.errors


@pytest.mark.parametrize("cut", ["", '{"trial": 0, "seed": 0, "par'])
def test_input_that_ends_early_is_the_end(serving, cut):
    peer = serving("parabola")
    peer.process.stdin.write(cut.encode())
    assert peer.end() == 0
    assert peer.errors == ""


def test_the_end_in_the_middle_of_a_trial(serving):
    peer = serving("careless")
    peer.say({"trial": 0, "seed": 0, "params": {"how": ""}})
    peer.hear()
    assert peer.end() == 0
    assert peer.errors == ""


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("simulators_for_tests", "allowed: module:function"),
        ("simulators_for_tests:nobody", "has no function nobody"),
        ("no_such_module:f", "no such module"),
        ("no_such_file.py:f", "no such file"),
    ],
)
def test_a_wrong_target_is_named(serving, target, message):
    peer = Peer(target, greet=False)
    assert peer.end() != 0
    assert message in peer.errors
