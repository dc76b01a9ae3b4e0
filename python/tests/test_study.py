"""Studies, run by the real program."""

import math
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest
import simulators_for_tests as some

from optimize import Study, StudyError, frames

#: Seconds after which a test gives up. Nothing that is waited for depends on the time it takes.
PATIENCE = 300


def until(happens):
    deadline = time.monotonic() + PATIENCE
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def sphere(store):
    return Study.start("problem:sphere", trials=200, seed=3, store=store)


@pytest.fixture(params=["duckdb", "program"])
def through(request, monkeypatch):
    """Both ways to an answer must give the same."""
    if request.param == "program":
        monkeypatch.setattr(frames, "_through_duckdb", lambda *_: None)
    else:
        pytest.importorskip("duckdb")


def test_start_gives_a_finished_study(sphere, store):
    status = sphere.status()
    assert (sphere.name, status["state"], status["evaluated"]) == ("sphere", "complete", 200)
    assert len(sphere.results_hash) == 64
    assert sphere.store == store


def test_the_same_seed_gives_the_same_hash(sphere, store):
    again = Study.start("problem:sphere", trials=200, seed=3, store=store, threads=1)
    other = Study.start("problem:sphere", trials=200, seed=4, store=store, name="other")
    assert again.name == "sphere-2"
    assert again.results_hash == sphere.results_hash != other.results_hash


def test_open_finds_by_name_and_the_latest(sphere, store):
    time.sleep(0.01)
    later = Study.start("problem:sphere", trials=5, store=store, name="later")
    assert Study.open(store=store).name == later.name
    assert Study.open("sphere", store=store).results_hash == sphere.results_hash


def test_open_of_nothing_is_an_error(store, sphere):
    with pytest.raises(StudyError, match="no study named nobody") as caught:
        Study.open("nobody", store=store)
    assert caught.value.exit_code == 2
    with pytest.raises(StudyError, match="no study"):
        Study.open(store=store / "elsewhere")


def test_best_has_the_parameters(sphere, through):
    (best,) = sphere.best
    assert (best["metric"], best["direction"]) == ("f", "minimize")
    assert sorted(best["params"]) == ["x1", "x2"]
    assert math.isclose(best["value"], sum(x * x for x in best["params"].values()))


@pytest.mark.parametrize("frame", ["pandas", "polars"])
def test_data_frames(sphere, through, frame):
    library = pytest.importorskip(frame)
    trials = sphere.trials(frame=frame)
    assert isinstance(trials, library.DataFrame)
    assert list(trials.columns)[:4] == ["trial", "status", "x1", "x2"]
    assert list(trials["trial"]) == list(range(200))
    assert str(trials["seed"].dtype).lower() == "uint64"
    frontier = sphere.frontier(frame=frame)
    assert len(frontier) == 1
    assert frontier["f"][0] == min(trials["f"])
    empty = sphere.sql("select trial, f from trials where f < 0", frame=frame)
    assert (list(empty.columns), len(empty)) == (["trial", "f"], 0)


def test_rows_need_no_library(sphere, through):
    rows = sphere.rows("select trial as b, 'inf'::double as a from trials order by 1 limit 2")
    assert rows == [{"b": 0, "a": math.inf}, {"b": 1, "a": math.inf}]
    assert list(rows[0]) == ["b", "a"], "the columns keep their order"
    assert sphere.rows("select 1 as one -- a comment") == [{"one": 1}]
    (row,) = sphere.rows("select 'nan'::double as a, null::double as b")
    assert math.isnan(row["a"]) and row["b"] is None


def test_a_wrong_query_is_an_error(sphere, through):
    with pytest.raises(StudyError, match="nothing_there"):
        sphere.sql("select nothing_there from trials")


def test_asking_for_a_missing_library_says_so(sphere):
    with pytest.raises(StudyError, match="allowed"):
        sphere.trials(frame="excel")


def test_set_and_objectives_reach_the_program(store):
    study = Study.start(
        "problem:zdt1",
        objectives={"f2": "min"},
        set={"space.x1.float": [0.5, 1.0], "description": 'with "quotes"'},
        trials=20,
        store=store,
        algorithm="sobol",
        name="mine",
        max_time=60,
    )
    assert study.name == "mine"
    assert [best["metric"] for best in study.best] == ["f2"]
    assert study.rows("select min(x1) >= 0.5 as fits from trials") == [{"fits": True}]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ({"template": "nothing"}, 2, "--template"),
        ({"template": "problem:sphere", "algorithm": "guess"}, 2, "allowed: auto, grid"),
        ({"template": "problem:sphere", "set": {"problem.name": "cube"}}, 2, "cube"),
        ({"template": "problem:sphere", "objectives": {"f": "up"}}, None, "allowed"),
        ({"template": "problem:sphere", "space": {"x": (0.0, 1.0)}}, None, "use set="),
        ({}, None, "found neither"),
        ({"template": "problem:sphere", "binary": "no-such-program"}, None, "no such program"),
    ],
)
def test_faults_have_message_and_code(store, arguments, code, message):
    with pytest.raises(StudyError, match=message) as caught:
        Study.start(**arguments, store=store)
    assert caught.value.exit_code == code
    assert not caught.value.message.startswith("error:")


def test_a_study_without_a_complete_trial_can_be_looked_at(store):
    with pytest.raises(StudyError, match="no trial completed") as caught:
        Study.start(
            "problem:sphere", trials=5, store=store, set={"outcome_constraints": ["f > 1000"]}
        )
    assert caught.value.exit_code == 1
    assert caught.value.study.status()["infeasible"] == 5
    assert caught.value.study.best == []


def test_reading_while_the_study_runs(store):
    pytest.importorskip("duckdb")
    words = ["start", "--template", "problem:sphere", "--trials", "1000000000", "--quiet"]
    process = subprocess.Popen(
        [os.environ["OPTIMIZE_BINARY"], *words, "--store", str(store), "--max-time", "10min"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: (store / "sphere" / "results.duckdb").exists())
        study = Study.open("sphere", store=store)
        counts = [0]

        def grows():
            count = study.rows("select count(*) as n from trials")[0]["n"]
            if count > counts[-1]:
                counts.append(count)
            return len(counts) == 3

        until(grows)
        assert study.status()["state"] == "running"
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE)


def test_ctrl_c_keeps_what_is_done_and_resume_goes_on(store, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(
            """
            import sys
            from optimize import Study
            try:
                Study.start("problem:sphere", trials=10**12, store=sys.argv[1], threads=1)
            except KeyboardInterrupt:
                print("interrupted")
            """
        )
    )
    process = subprocess.Popen(
        [sys.executable, str(script), str(store)], stdout=subprocess.PIPE, text=True
    )
    until(lambda: (store / "sphere" / "status.json").exists())
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=PATIENCE)[0] == "interrupted\n"
    study = Study.open(store=store)
    status = study.status()
    assert status["state"] == "interrupted"
    more = study.resume(max_time=0.2).status()
    assert (more["state"], more["evaluated"] >= status["evaluated"]) == ("stopped", True)
    whole = Study.start("problem:sphere", trials=more["evaluated"], store=store, name="whole")
    assert study.results_hash == whole.results_hash, "it is a part of the whole"


SPACE = {"x": (0.0, 1.0), "y": {"float": [-1.0, 1.0]}}


def test_a_function_is_swept(store):
    one, eight = (
        Study.start(
            simulator=some.parabola,
            space=SPACE,
            objectives={"cost": "min"},
            algorithm="sobol",
            trials=300,
            store=store,
            threads=threads,
        )
        for threads in (1, 8)
    )
    assert one.results_hash == eight.results_hash
    assert (one.name, eight.name) == ("parabola", "parabola-2")
    (best,) = one.best
    assert best["value"] == some.parabola(**best["params"])


def test_exceptions_fail_their_trials(store):
    study = Study.start(
        simulator=some.fragile,
        space={"x": (0.0, 1.0)},
        objectives={"cost": "min"},
        trials=100,
        store=store,
    )
    rows = study.rows(
        "select distinct status, error is not null as said, x < 0.3 as bad from trials"
    )
    assert sorted(map(tuple, (row.values() for row in rows))) == [
        ("complete", False, False),
        ("failed", True, True),
    ]


def test_a_seeded_generator_gives_the_same_hash(store):
    hashes = {
        Study.start(
            simulator=some.noisy,
            space={"x": (0.0, 1.0)},
            objectives={"cost": "max"},
            trials=200,
            store=store,
            threads=threads,
        ).results_hash
        for threads in (1, 2, 3)
    }
    assert len(hashes) == 1


def test_a_script_may_hold_both_function_and_study(store, tmp_path):
    script = tmp_path / "both.py"
    script.write_text(
        textwrap.dedent(
            """
            import sys
            from optimize import Study, simulator

            @simulator
            def f(n, kind, on):
                return {"cost": n + len(kind) + on}

            if __name__ == "__main__":
                study = Study.start(
                    simulator=f, objectives={"cost": "min"}, algorithm="grid", store=sys.argv[1],
                    space={"n": range(1, 4), "kind": ["a", "bb"], "on": bool})
                print(study.status()["evaluated"], study.best[0]["value"])
            """
        )
    )
    done = subprocess.run(
        [sys.executable, str(script), str(store)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "12 2.0\n"


def test_a_study_is_the_same_on_another_place_but_not_with_another_helper(tmp_path):
    fingerprints = set()
    for place in ("here", "there"):
        folder = tmp_path / place
        folder.mkdir()
        (folder / "helper.py").write_text("FACTOR = 2\n")
        (folder / "doubled.py").write_text(
            "import helper\ndef f(x): return {'cost': x * helper.FACTOR}\n"
        )
        (folder / "script.py").write_text(
            "import doubled\nfrom optimize import Study\n"
            "Study.start(simulator=doubled.f, space={'x': (0.0, 1.0)},\n"
            "            objectives={'cost': 'min'}, trials=10)\n"
        )
        environment = {name: os.environ[name] for name in os.environ if name != "OPTIMIZE_STORE"}
        subprocess.run([sys.executable, "script.py"], cwd=folder, env=environment, check=True)
        study = Study.open(store=folder / "optimize-store")
        fingerprints.add(study.rows("select fingerprint from studies")[0]["fingerprint"])
    assert len(fingerprints) == 1
    (folder / "helper.py").write_text("FACTOR = 3\n")
    with pytest.raises(StudyError, match="changed") as caught:
        study.resume()
    assert caught.value.exit_code == 2
