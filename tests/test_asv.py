"""The asv benchmarks: that they cover what is public, that each runs, and what they refuse."""

import importlib
import inspect
import itertools
import json
import os
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

import prove  # noqa: E402
import track  # noqa: E402
from asv.config import Config  # noqa: E402
from asv.machine import MachineCollection  # noqa: E402
from benchmarks import common, instructions, package, ratios  # noqa: E402

pytestmark = pytest.mark.compiled
needs_valgrind = pytest.mark.skipif(shutil.which("valgrind") is None, reason="no valgrind")

MODULES = [
    importlib.import_module(f"benchmarks.{path.stem}")
    for path in sorted((FOLDER / "benchmarks").glob("[a-z]*.py"))
]
TRACKED = {"instructions.Instructions.track_instructions", "ratios.OverNumPy.track_ratio_to_numpy"}
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
            assert re.search("As `|[Bb]ound by.*[Tt]hread|[Tt]hread.*[Bb]ound by", text), name


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


@needs_valgrind
def test_instructions_are_the_same_each_time():
    first, second = instructions.counts(), instructions.counts()
    wanted = set(itertools.product(common.ENGINES, ratios.WORKS))
    assert set(first) == wanted
    for key in wanted:
        assert second[key] == pytest.approx(first[key], rel=0.005), key


@needs_valgrind
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


def git(folder, *arguments):
    author = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
    subprocess.run(["git", "-C", str(folder), *author, *arguments], check=True)


def test_configuration():
    conf = Config.load(str(FOLDER / "asv.conf.json"))
    assert (conf.environment_type, conf.launch_method) == ("virtualenv", "spawn")
    assert "--no-build-isolation" in conf.build_command[0]
    assert set(conf.matrix["req"]) == {"numpy", "cython", "setuptools"}
    assert all(len(versions) == 1 for versions in conf.matrix["req"].values())


def test_history_is_of_the_reference_machine_and_small():
    results = FOLDER / "results"
    recorded = list((results / "reference").glob("*-virtualenv-*.json"))
    assert len(recorded) >= 10
    assert sum(path.stat().st_size for path in results.rglob("*.json")) < 1e6
    known = json.loads((results / "benchmarks.json").read_text())
    for path in recorded:
        measured = json.loads(path.read_text())["results"]
        assert set(measured) >= TRACKED
        assert set(measured) <= set(known), path.name


def test_a_machine_is_made_known_once(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))
    track.know("somewhere")
    assert "a machine that asv has not seen: somewhere, " in capsys.readouterr().out
    assert MachineCollection.load("somewhere")["machine"] == "somewhere"
    track.know("somewhere")
    assert capsys.readouterr().out == ""


def test_another_machine_under_the_name_of_the_reference(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(
        track.Machine, "get_defaults", staticmethod(lambda: {"cpu": "Z80", "num_cpu": "1"})
    )
    track.know("reference")
    assert "beware: the results of reference are from" in capsys.readouterr().out
    assert MachineCollection.load("reference")["cpu"] != "Z80"


def test_logs_of_builds_are_folded():
    log = """\
·· Building 078dcede <broken~1> for virtualenv
·· Error running env/bin/python -m pip wheel -v -w cache project (exit status 1)
   STDERR -------->
     Building wheel for fastgather
     fastgather/_gather.pyx:329:9: Expected an identifier or literal
     CompileError: fastgather/_gather.pyx
[50.00%] ·· Building 6f4a00f8 <broken> for virtualenv
[50.00%] ·· Error running env/bin/python -m pip wheel -v -w cache project (exit status 1)
   STDERR -------->
"""
    assert list(track.folded(log.splitlines(keepends=True))) == [
        "·· Building 078dcede <broken~1> for virtualenv\n",
        "track.py: 078dcede does not build: "
        "fastgather/_gather.pyx:329:9: Expected an identifier or literal\n",
        "[50.00%] ·· Building 6f4a00f8 <broken> for virtualenv\n",
        "track.py: 6f4a00f8 does not build: asv --verbose tells why\n",
        "",
    ]


TABLE = """\
| Change   |   Before [aaa] <main> |   After [bbb] |   Ratio | Benchmark (Parameter)    |
|----------|-----------------------|---------------|---------|--------------------------|
| +        |                 0.139 |        0.1613 |    1.16 | ratios.R.track('a, b.c') |
| -        |                 0.2   |        0.1    |    0.50 | ratios.R.track('faster') |
| !        |                 9.419 |        failed |     n/a | ratios.R.track('broken') |
"""


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [([(0, "")], 0), ([(1, TABLE), (0, "")], 0), ([(1, TABLE), (1, TABLE)], 1), ([(1, "")], 1)],
    ids=["nothing", "chance", "slower", "no table"],
)
def test_what_is_slower_is_measured_once_more(monkeypatch, outcomes, status):
    asked, left = [], iter(outcomes)
    monkeypatch.setattr(track, "asv", lambda *words: asked.append(words) or next(left))
    options = track.parse(["compare", "base", "head", "--factor", "1.2"])
    assert track.compare(options) == status
    assert next(left, None) is None
    assert all(words[0] == "continuous" and words[-2:] == ("base", "head") for words in asked)
    assert all(words[words.index("--factor") + 1] == "1.2" for words in asked)
    if len(asked) == 2:
        patterns = [word for word in asked[1] if word.startswith("^")]
        assert [re.sub(r"\\", "", pattern) for pattern in patterns] == [
            "^ratios.R.track('a, b.c')$",
            "^ratios.R.track('broken')$",
        ]


def test_history_goes_on_after_the_newest_commit_measured(monkeypatch, tmp_path):
    git(".", "clone", "--quiet", str(ROOT), str(tmp_path / "clone"))
    monkeypatch.setattr(track, "FOLDER", tmp_path / "clone" / "asv_benchmarks")
    listed = subprocess.check_output(["git", "rev-list", "HEAD"], cwd=track.FOLDER, text=True)
    newest, second, third, *_ = listed.split()
    assert track.unmeasured("new") == "ALL"
    results = track.FOLDER / "results" / "new"
    results.mkdir(parents=True)
    for commit, expected in (
        (third, f"{third}..HEAD"),
        (second, f"{second}..HEAD"),
        (newest, None),
    ):
        (results / f"{commit[:8]}-virtualenv.json").touch()
        assert track.unmeasured("new") == expected


def test_the_proof_knows_the_line_that_it_slows():
    assert (ROOT / prove.KERNEL).read_text().count(prove.CALL) == 1
    assert prove.AGAIN.count("n * 3 // 20") == 1
    assert "bad +=" not in prove.AGAIN


def test_bad_input_is_a_line_each_and_the_run_goes_on(tmp_path):
    """A machine never seen, no compiler, and a commit that does not build before one that does."""
    clone, home = tmp_path / "clone", tmp_path / "home"
    home.mkdir()
    git(".", "clone", "--quiet", str(ROOT), str(clone))
    git(clone, "switch", "--quiet", "--force-create", "main")
    setup = (clone / "setup.py").read_text()
    (clone / "setup.py").write_text("import no_such_module\n")
    git(clone, "commit", "--quiet", "-am", "Broken")
    (clone / "setup.py").write_text(setup)
    git(clone, "commit", "--quiet", "-am", "Mended")
    left = shutil.ignore_patterns("env", "html", "node_modules", "results", "__pycache__")
    shutil.copytree(FOLDER, clone / "asv_benchmarks", ignore=left, dirs_exist_ok=True)
    command = [sys.executable, "asv_benchmarks/track.py", "history", "HEAD~2..HEAD"]
    done = subprocess.run(
        [*command, "--machine", "new", "--bench", "wheel|GetNumThreads"],
        cwd=clone,
        env=os.environ | {"HOME": str(home), "CC": "/nonexistent"},
        stdout=subprocess.PIPE,
        text=True,
        timeout=300,
    )
    said = [line for line in done.stdout.splitlines() if line.startswith("track.py: ")]
    assert len(said) == 3, done.stdout
    assert said[0].startswith("track.py: a machine that asv has not seen: new, ")
    assert said[1].startswith("track.py: no C compiler was found")
    assert re.fullmatch(
        r"track.py: \w{8} does not build: ModuleNotFoundError: No module named 'no_such_module'",
        said[2],
    )
    assert done.returncode == 2
    (built,) = [
        results
        for path in (clone / "asv_benchmarks/results/new").glob("*-*.json")
        if (results := json.loads(path.read_text())["results"])["package.Wheel.track_wheel_size"][0]
    ]
    assert built["package.Wheel.track_wheel_size"][0][0] > 10_000
    cython, python = built["threads.GetNumThreads.time_get_num_threads_1000_times"][0]
    assert np.isnan(cython)
    assert python > 0
