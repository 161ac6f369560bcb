"""The asv benchmarks: that they cover what is public, that each runs, and what they refuse."""

import importlib
import inspect
import itertools
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fastgather

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "asv_benchmarks"
sys.path.insert(0, str(FOLDER))

from benchmarks import common, instructions, package, ratios  # noqa: E402

MODULES = [
    importlib.import_module(f"benchmarks.{path.stem}")
    for path in sorted((FOLDER / "benchmarks").glob("[a-z]*.py"))
]
KINDS = ("time", "timeraw", "peakmem", "track")


def benchmarks():
    """What asv finds: a class and a method's name, once each."""
    found = {}
    for module in MODULES:
        for cls in vars(module).values():
            if inspect.isclass(cls) and cls.__module__ == module.__name__:
                for name in dir(cls):
                    if name.partition("_")[0] in KINDS:
                        found[f"{module.__name__}.{cls.__name__}.{name}"] = (cls, name)
    return found


BENCHMARKS = benchmarks()


def parameters(cls):
    """A list of values for each parameter, as asv reads `params`."""
    params = getattr(cls, "params", [])
    return params if all(isinstance(values, list) for values in params) else [params]


def of_kind(kind):
    return {name: made for name, made in BENCHMARKS.items() if made[1].startswith(f"{kind}_")}


@pytest.fixture
def small(monkeypatch):
    """Arrays of a few elements in place of the large ones."""
    for size in common.SHAPES:
        monkeypatch.setitem(common.SHAPES, size, (2, 3, 4))


def test_every_public_function_is_timed_on_both_engines():
    functions = {name for name in fastgather.__all__ if name != "backend"}
    for function in functions:
        timed = [
            cls
            for name, (cls, _) in of_kind("time").items()
            if re.search(rf"time_{function}($|_\d|_once)", name)
        ]
        assert timed, f"nothing times {function}"
        assert all(parameters(cls)[0] == ["cython", "python"] for cls in timed)
    calls = functions - {name for name in functions if "thread" in name or "config" in name}
    for function in calls:
        classes = [cls for cls, name in of_kind("time").values() if name == f"time_{function}"]
        axes = {cls.axis for cls in classes}
        assert axes >= {"dim", "dtype", "layout", "index", "size"}
        assert any(name == f"peakmem_{function}" for _, name in BENCHMARKS.values())


def test_every_parameter_has_a_name():
    for name, (cls, _) in BENCHMARKS.items():
        names = getattr(cls, "param_names", [])
        assert len(names) == len([values for values in parameters(cls) if values]), name


def test_every_benchmark_says_what_bounds_it_and_what_threads_do():
    for name, (cls, _) in {**of_kind("time"), **of_kind("track")}.items():
        if cls is not package.Wheel:
            text = " ".join(inspect.getdoc(cls).split())
            assert "As `" in text or (re.search("[Bb]ound by", text) and re.search("[Tt]hreads", text)), name


@pytest.mark.parametrize("name", [*of_kind("time"), *of_kind("peakmem")])
def test_timed_benchmarks_run(name, small):
    cls, method = BENCHMARKS[name]
    for values in itertools.product(*parameters(cls)):
        benchmark = cls()
        benchmark.setup(*values)
        getattr(benchmark, method)(*values)


@pytest.mark.parametrize("engine", common.ENGINES)
def test_import_is_timed_without_numpy(engine):
    benchmark = package.Import()
    benchmark.setup(engine)
    statement, setup = benchmark.timeraw_import_fastgather(engine)
    script = f"{setup}\n{statement}\nprint(fastgather.backend)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == f"{engine}\n", done.stderr


@pytest.mark.parametrize("work", ratios.WORKS)
@pytest.mark.parametrize("engine", common.ENGINES)
def test_ratios_compare_equal_results(work, engine):
    module = common.engine_module(engine)
    ours, numpys, elements = ratios.WORKS[work](module)
    assert elements > 0
    np.testing.assert_allclose(ours(), numpys(), rtol=1e-4)
    assert work.partition(",")[0] in fastgather.__all__


def test_ratios_are_of_the_shortest_times(monkeypatch):
    monkeypatch.setattr(ratios, "SAMPLE", 1e-5)
    best = ratios.take_turns([lambda: sum(range(10)), lambda: sum(range(10_000))], seconds=0.05)
    assert 0 < best[0] < best[1]
    outputs = iter(["[2.0, 8.0]", "[1.0, 9.0]", "[3.0, 4.0]"])
    monkeypatch.setattr(ratios, "output_of", lambda *_: next(outputs))
    assert ratios.ratio(ratios.times_beside_numpy, "any") == 0.25


def test_a_ratio_comes_from_processes_of_its_own(monkeypatch):
    monkeypatch.setattr(ratios, "PROCESSES", 1)
    benchmark = ratios.OverNumPy()
    benchmark.setup("gather, 24 elements")
    assert 0 < benchmark.track_ratio_to_numpy("gather, 24 elements") < 10


def test_a_commit_that_lacks_something_is_skipped(monkeypatch):
    monkeypatch.setitem(common.ENGINES, "cython", "fastgather._no_such_engine")
    with pytest.raises(NotImplementedError, match="no cython engine"):
        common.engine_function("cython", "gather")
    with pytest.raises(NotImplementedError, match="no embed on the python engine"):
        common.engine_function("python", "embed")
    monkeypatch.setattr(fastgather, "backend", "python")
    with pytest.raises(NotImplementedError, match="says nothing"):
        ratios.OverNumPy().setup("gather, last dim")
    with pytest.raises(NotImplementedError, match="cannot do gather, last dim on the python"):
        instructions.Instructions().setup({}, "python", "gather, last dim")


def test_instructions_are_the_same_each_time():
    assert shutil.which("valgrind"), "apt-get install valgrind"
    first, second = instructions.counts(), instructions.counts()
    wanted = set(itertools.product(common.ENGINES, ratios.WORKS))
    assert set(first) == wanted
    for key in wanted:
        assert second[key] == pytest.approx(first[key], rel=0.005), key


@pytest.mark.parametrize(
    ("environment", "reason"),
    [({"PATH": ""}, "valgrind is not installed"), ({"CC": "/nonexistent"}, "no C compiler")],
)
def test_what_is_missing_for_counting_is_said(monkeypatch, environment, reason):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    counted = instructions.counts()
    with pytest.raises(NotImplementedError, match=reason):
        instructions.Instructions().setup(counted, "cython", "gather, last dim")
