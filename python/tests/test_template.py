"""What a function's template says, and what is refused before anything starts."""

import subprocess
import sys
from pathlib import Path

import pytest
import simulators_for_tests as some

from optimize import Simulator, Study, StudyError, template, toml


def composed(simulator=some.parabola, **changes):
    options = {
        "name": None,
        "space": {"x": (0.0, 1.0)},
        "objectives": {"cost": "min"},
        "constraints": [],
        "outcome_constraints": [],
        **changes,
    }
    return template.compose(simulator, **options)


@pytest.mark.parametrize(
    ("given", "table"),
    [
        ((0, 1.0), {"float": [0.0, 1.0]}),
        ((1, 9), {"int": [1, 9]}),
        (range(1, 10), {"int": [1, 9]}),
        (range(0, 10, 4), {"int": [0, 8], "step": 4}),
        (["a", "b"], {"choice": ["a", "b"]}),
        (bool, {"bool": True}),
        ({"int": [1, 9]}, {"int": [1, 9]}),
    ],
)
def test_short_forms(given, table):
    assert template.parameter("p", given) == table


@pytest.mark.parametrize("given", [(1,), [1, 2], "abc", (True, False), range(0), None])
def test_other_forms_are_refused(given):
    with pytest.raises(StudyError, match="space: p: found"):
        template.parameter("p", given)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (True, "true"),
        (1, "1"),
        (1e22, "1e+22"),
        (0.1, "0.1"),
        (float("-inf"), "-inf"),
        ('say "é"\n\x7f', '"say \\"é\\"\\n\\u007f"'),
        ({"a b": [1, "x"]}, '{ "a b" = [1, "x"] }'),
    ],
)
def test_toml(data, text):
    assert toml.value(data) == text
    tomllib = pytest.importorskip("tomllib") if sys.version_info >= (3, 11) else None
    if tomllib:
        assert tomllib.loads(f"k = {text}") == {"k": data}


def test_the_template_of_a_function():
    text = composed(
        space={"x": (0.0, 1.0), "y": {"float": [0.0, 1.0], "when": "x > 0.5"}},
        constraints=["x > y"],
        outcome_constraints=["cost < 9"],
    )
    if sys.version_info >= (3, 11):
        import tomllib

        read = tomllib.loads(text)
        assert read["name"] == "parabola"
        assert read["simulator"] == "command"
        assert read["objectives"] == {"cost": "minimize"}
        assert read["space"]["constraints"] == ["x > y"]
        assert read["command"]["metrics"] == ["cost"]
        assert read["command"]["run"][-1] == "simulators_for_tests:parabola"
        assert read["command"]["inputs"] == [str(Path(some.__file__).resolve())]


def test_the_space_must_fit_the_function():
    with pytest.raises(StudyError, match="unexpected keyword argument 'z'"):
        composed(space={"x": (0.0, 1.0), "z": (0.0, 1.0)})
    with pytest.raises(StudyError, match="missing a required .*'x'"):
        composed(space={"y": (0.0, 1.0)})
    with pytest.raises(StudyError, match="missing a required .*'x'"):
        composed(space={"y": bool, "x": {"float": [0.0, 1.0], "when": "y"}})
    with pytest.raises(StudyError, match="rng is the name of a helper"):
        composed(some.noisy, space={"x": (0.0, 1.0), "rng": (0.0, 1.0)})


def test_functions_that_cannot_be_imported_are_refused():
    with pytest.raises(StudyError, match="top level of a file"):
        composed(some.outer())
    with pytest.raises(StudyError, match="top level of a file"):
        composed(Simulator(lambda x: x))


def test_a_function_of_a_notebook_says_what_to_do():
    cells = {"__name__": "__main__"}
    exec(compile("def f(x): return x", "<cell 1>", "exec"), cells)
    with pytest.raises(StudyError, match="%%writefile my_simulator.py"):
        composed(Simulator(cells["f"]))


def test_a_study_started_by_an_import_is_refused(tmp_path):
    script = tmp_path / "careless.py"
    script.write_text(
        "from optimize import Study, simulator\n"
        "@simulator\n"
        "def f(x): return {'cost': x}\n"
        "Study.start(simulator=f, space={'x': (0.0, 1.0)}, objectives={'cost': 'min'})\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "optimize.serve", f"{script}:f"],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        cwd=tmp_path,
    )
    assert done.returncode != 0
    assert "__main__" in done.stderr
    assert Study is not None and not (tmp_path / "optimize-store").exists()
