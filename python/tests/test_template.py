"""What a function's template says, and what is refused before anything starts."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
import simulators_for_tests as some

from optimize import Simulator, Study, StudyError, imports, template, toml


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
        assert read["command"]["run"][-2:] == [
            "source/simulators_for_tests.py",
            "simulators_for_tests:parabola",
        ]
        assert read["command"]["inputs"] == ["source/simulators_for_tests.py"]


HELPED = """\
import helper, json
from parts import first
from parts.second import thing
from . import nothing
def f(x): return {"cost": x}
"""


@pytest.fixture
def project(tmp_path):
    """A file whose imports lead to others beside it, and files that nobody imports."""

    def make(name):
        folder = tmp_path / name
        (folder / "parts").mkdir(parents=True)
        (folder / "simulates.py").write_text(HELPED.replace("from . import nothing\n", ""))
        (folder / "helper.py").write_text("def late():\n    import deeper\n")
        (folder / "deeper.py").write_text("import simulates\n")
        (folder / "unused.py").touch()
        (folder / "json").mkdir()
        for part in ("__init__", "first", "unused"):
            (folder / "parts" / f"{part}.py").touch()
        (folder / "parts" / "second.py").write_text("from .third import *\nfrom .. import helper\n")
        (folder / "parts" / "third.py").write_text("syntax error\n")
        return folder

    return make


def test_all_files_that_it_imports_from_beside_it_are_inputs(project):
    folder = project("one")
    found = imports.sources(folder / "simulates.py", folder)
    assert [str(path.relative_to(folder)) for path in found] == [
        "deeper.py",
        "helper.py",
        "parts/__init__.py",
        "parts/first.py",
        "parts/second.py",
        "parts/third.py",
        "simulates.py",
    ]


def test_installed_packages_are_no_files_beside_an_installed_function():
    pytest.importorskip("pytest")
    file = Path(pytest.__file__).resolve()
    found = imports.sources(file, file.parents[1])
    assert file in found
    assert {path.parent for path in found} == {file.parent}


def test_the_text_of_a_template_depends_on_no_path(project, tmp_path, monkeypatch):
    texts, places = [], []
    monkeypatch.setattr(template, "interpreter", lambda: "python3")
    for name in ("one", "other"):
        folder = project(name)
        (folder / "simulates.py").write_text("import helper\ndef f(x): return {'cost': x}\n")
        monkeypatch.chdir(folder)
        monkeypatch.syspath_prepend(str(folder))
        for module in ("simulates", "helper"):
            monkeypatch.delitem(sys.modules, module, raising=False)
        function = Simulator(importlib.import_module("simulates").f)
        for store in (folder / "store", tmp_path / f"store-of-{name}"):
            path = template.write(
                function,
                store=store,
                name=None,
                space={"x": (0.0, 1.0)},
                objectives={"cost": "min"},
                constraints=[],
                outcome_constraints=[],
            )
            texts.append(path.read_text())
            places.append((path.parent / "source").resolve())
            assert (path.parent / "source" / "helper.py").is_file()
            assert (path.parent / "folder").resolve() == folder
    assert len(set(texts)) == 1
    assert str(tmp_path) not in texts[0]
    assert places == [tmp_path / "one"] * 2 + [tmp_path / "other"] * 2


def test_another_python_is_named_by_its_path(monkeypatch, tmp_path):
    other = tmp_path / "python3"
    other.symlink_to(sys.executable)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert template.interpreter() == sys.executable, "a link elsewhere is another environment"
    monkeypatch.setattr(sys, "executable", str(other))
    assert template.interpreter() == "python3"


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
