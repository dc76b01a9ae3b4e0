"""Studies that run in the background, end early, crash, or give different results."""

import json
import os
import signal
import subprocess
import sys
import textwrap

import pytest
import simulators_for_tests as some
from test_study import PATIENCE, until

from optimize import Study, StudyError, background

X = {"x": (0.0, 1.0)}
COST = {"cost": "min"}


@pytest.fixture
def gate(tmp_path, monkeypatch):
    """Trials of `gated` with large x end when this file is there."""
    path = tmp_path / "gate"
    monkeypatch.setenv("GATE_FOR_TESTS", str(path))
    yield path
    path.touch()


@pytest.fixture
def begin(store):
    """Starts a study of `gated` in the background."""
    begun = []

    def start(**options):
        wanted = {"simulator": some.gated, "space": X, "objectives": COST, "trials": 300}
        begun.append(Study.start(**{**wanted, "store": store, "wait": False, **options}))
        return begun[-1]

    yield start
    for work in (study._work for study in begun if study._work):
        work._process.kill()
        work.wait()


def test_a_study_in_the_background(begin, gate):
    study = begin()
    assert study.name == "gated"
    assert study.running
    assert study.status()["state"] == "running"
    with pytest.raises(TimeoutError, match="gated"):
        study.wait(timeout=0.01)
    gate.touch()
    assert study.wait() is study
    assert not study.running
    assert study.status()["evaluated"] == 300
    assert study.results_hash == begin().wait().results_hash


def test_others_can_wait_for_it_as_well(begin, gate, store):
    study = begin()
    other = Study.open("gated", store=store)
    assert other.running
    with pytest.raises(TimeoutError):
        other.wait(timeout=0.01)
    gate.touch()
    assert other.wait().results_hash == study.wait().results_hash


def stopping(study):
    return "stopping:" in background._text(study._work._errors)


@pytest.mark.parametrize("own", [True, False])
def test_stop_finishes_what_is_under_way_and_resume_goes_on(begin, gate, store, own):
    study = begin()
    actor = study if own else Study.open(store=store)
    with pytest.raises(TimeoutError, match="under way"):
        actor.stop(timeout=0.01)
    until(lambda: stopping(study))
    gate.touch()
    for waiting in (actor, study):
        with pytest.raises(StudyError, match="was interrupted") as caught:
            waiting.wait()
        assert caught.value.exit_code == 130
        assert caught.value.study is waiting
    assert actor.stop() is actor, "stopping what does not run does nothing"
    status = study.status()
    assert (status["state"], status["evaluated"] < 300) == ("interrupted", True)
    resumed = study.resume(wait=False).wait()
    assert resumed.status()["state"] == "complete"
    assert resumed.results_hash == begin(wait=True).results_hash


def test_kill_and_resume_give_the_same_hash(begin, gate):
    study = begin(threads=2)
    for _ in range(2):
        study._work._process.kill()
        study._work.wait()
        assert study.status()["state"] == "crashed"
        study = study.resume(threads=3, wait=False)
    gate.touch()
    study.wait()
    hashes = {begin(threads=threads, wait=True).results_hash for threads in (1, 8)}
    assert hashes == {study.results_hash}


SCRIPT = """
import sys
from optimize import Study
from simulators_for_tests import gated
if __name__ == "__main__":
    study = Study.start(simulator=gated, space={"x": (0.0, 1.0)}, objectives={"cost": "min"},
                        trials=300, store=sys.argv[1], wait=False)
    try:
        print(study.name, flush=True)
        study.wait()
    except KeyboardInterrupt:
        print("left", flush=True)
"""


def test_neither_ctrl_c_nor_the_end_of_python_ends_it(store, tmp_path, gate):
    (tmp_path / "script.py").write_text(SCRIPT)
    process = subprocess.Popen(
        [sys.executable, str(tmp_path / "script.py"), str(store)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.path.dirname(some.__file__)},
        # Tests that were started in the background ignore Ctrl-C, and so would the script.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout.readline() == "gated\n"
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=PATIENCE)[0] == "left\n"
    assert process.returncode == 0
    study = Study.open("gated", store=store)
    assert study.running
    gate.touch()
    assert study.wait().status()["evaluated"] == 300


@pytest.mark.parametrize("wait", [True, False])
def test_what_cannot_start_says_so_at_once(store, tmp_path, monkeypatch, wait):
    with pytest.raises(StudyError, match="allowed: auto, grid") as caught:
        Study.start("problem:sphere", algorithm="guess", store=store, wait=wait)
    assert (caught.value.exit_code, caught.value.study) == (2, None)
    # Imported here, it works; in the processes of the study it does not.
    (tmp_path / "unwilling.py").write_text(
        "import os\nassert 'UNWILLING' not in os.environ, 'no licence'\n"
        "def f(x): return {'cost': x}\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import unwilling

    monkeypatch.setenv("UNWILLING", "yes")
    with pytest.raises(StudyError, match="no licence") as caught:
        Study.start(simulator=unwilling.f, space=X, objectives=COST, store=store, wait=wait)
    assert (caught.value.exit_code, caught.value.study) == (2, None)
    assert not (store / "f").exists()


def learner(store, **options):
    return Study.start(
        simulator=some.learner,
        space={"steps": (1, 6)},
        objectives=COST,
        algorithm="grid",
        store=store,
        **options,
    )


def test_trials_are_pruned(store):
    study = learner(store, prune=["step >= 3 and cost < 9"])
    rows = study.rows("select steps, status from trials order by steps")
    assert [row["status"] for row in rows] == ["complete"] * 2 + ["pruned"] * 4
    assert study.status()["pruned"] == 4
    steps = study.rows("select max(step) as last from reports group by trial order by trial")
    assert [row["last"] for row in steps] == [1, 2, 3, 3, 3, 3]
    again = learner(store, prune="step >= 3 and cost < 9", threads=1)
    assert again.results_hash == study.results_hash != learner(store).results_hash


def test_the_budget_of_a_study_reaches_its_trials(store):
    study = learner(store, set={"command.budget": 2})
    assert [row["mass"] for row in study.rows("select mass from trials order by trial")] == [
        1.0,
        *[2.0] * 5,
    ]


def test_an_audit_finds_what_is_not_repeatable(store):
    with pytest.raises(StudyError) as caught:
        Study.start(
            simulator=some.fickle, space=X, objectives=COST, trials=20, store=store, audit=1.0
        )
    error = caught.value
    assert error.exit_code == 4
    contradictions = error.study.contradictions
    assert error.study.status()["audited"] == len(contradictions) == 20
    assert sorted(contradictions[0]) == ["again", "first", "trial", "worker"]
    with pytest.warns(UserWarning, match="20 trials gave two results") as warned:
        study = Study.open("fickle", store=store)
    assert warned[0].filename == __file__
    with pytest.raises(StudyError, match="20 trials gave two") as caught:
        study.wait()
    assert caught.value.exit_code == 4


def test_an_audit_of_what_is_repeatable_says_nothing(begin):
    study = begin(audit="50%", wait=True)
    assert study.status()["audited"] > 0
    assert study.contradictions == []


def test_progress_is_one_line(tmp_path, capsys):
    status = {
        "name": "mine",
        "state": "running",
        "done": 1200,
        "total": 5000,
        "trials_per_second": 33.3,
        "best": [{"metric": "cost", "value": 1 / 3}],
        "failed": 2,
        "pruned": 0,
    }
    line = background.ProgressLine(tmp_path)
    line.show()
    line.end()
    assert capsys.readouterr().err == "", "there is nothing to be said yet"
    (tmp_path / "status.json").write_text(json.dumps(status))
    line.show()
    first = "mine: running, 1,200 of 5,000 trials, 33 trials/s, best cost 0.33333, 2 failed"
    assert capsys.readouterr().err == "\r" + first
    status.update(state="complete", done=5000)
    (tmp_path / "status.json").write_text(json.dumps(status))
    line.end()
    last = "mine: complete, 5,000 of 5,000 trials, best cost 0.33333, 2 failed"
    assert capsys.readouterr().err == "\r" + last.ljust(len(first)) + "\n"


def test_a_script_shows_progress_where_it_is_asked_to(store, gate, tmp_path):
    script = textwrap.dedent(SCRIPT).replace("wait=False", "progress=True")
    (tmp_path / "script.py").write_text(script)
    errors = tmp_path / "errors"
    with errors.open("w") as sink:
        process = subprocess.Popen(
            [sys.executable, str(tmp_path / "script.py"), str(store)],
            stdout=subprocess.DEVNULL,
            stderr=sink,
            env={**os.environ, "PYTHONPATH": os.path.dirname(some.__file__)},
        )
        until(lambda: "running" in errors.read_text())
        gate.touch()
        assert process.wait(PATIENCE) == 0
    assert "\rgated: complete, 300 of 300 trials" in errors.read_text().replace("\n", "\r")
