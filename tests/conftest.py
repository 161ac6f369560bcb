"""The engines under test, the Hypothesis profiles, scripts in processes of their own."""

import importlib
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import hypothesis
import pytest

import fastgather

ENGINES = {"cython": "fastgather._core", "python": "fastgather._fallback"}
if os.environ.get("FASTGATHER_BACKEND") == "python":
    del ENGINES["cython"]

for profile, options in {
    "local": {"max_examples": 60},
    "ci": {"max_examples": 60, "derandomize": True},
    "long": {"max_examples": 2000},  # HYPOTHESIS_PROFILE=long, after a change to a kernel
}.items():
    hypothesis.settings.register_profile(profile, deadline=None, **options)
hypothesis.settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "local")
)


CHECKOUT = (Path(__file__).parents[1] / "fastgather").is_dir()
collect_ignore = [] if CHECKOUT else ["test_asv.py"]  # it imports the benchmarks


def pytest_configure(config):
    config.addinivalue_line("markers", "compiled: what only the compiled engine promises")
    config.addinivalue_line("markers", "checkout: what needs the sources beside the tests")
    config.addinivalue_line("markers", "wheels: builds and tries wheels for minutes; -m wheels")


def pytest_collection_modifyitems(config, items):
    """Leaves out what has no meaning here, which is no skipped test.

    That is what is marked `compiled` where another engine runs, `checkout` beside a wheel, and
    `wheels` where nobody asked for them.
    """
    left_out = {item for item in items if is_out_of_place(item, config)}
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)


def is_out_of_place(item, config):
    if item.get_closest_marker("wheels") and "wheels" not in config.option.markexpr:
        return True
    if item.get_closest_marker("checkout") and not CHECKOUT:
        return True
    if item.get_closest_marker("compiled") is None:
        return False
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    return "cython" not in ENGINES or parameters.get("fg") == ENGINES["python"]


@pytest.fixture(scope="session", params=ENGINES.values(), ids=ENGINES)
def fg(request):
    """Each engine in turn; a compiled one that is missing is a failure."""
    return importlib.import_module(request.param)


@pytest.fixture
def each_engine(fg, monkeypatch):
    """Lets the modules that are built on the public functions run on each engine in turn."""
    for name in set(fastgather.__all__) - {"backend"}:
        monkeypatch.setattr(fastgather, name, getattr(fg, name))


def run_script(script, *, flags=(), cwd=None, timeout=100, **environment):
    """The finished process of a Python script, which finds the package in `cwd` or where we do.

    Variables that steer fastgather or OpenMP are those of `environment` alone.
    """
    steering = ("FASTGATHER_", "OMP_", "GOMP_", "KMP_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(steering)}
    return subprocess.run(
        [sys.executable, *flags, "-c", textwrap.dedent(script)],
        cwd=cwd or Path(__file__).parents[1],
        env=kept | environment,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def printed_by(script, **options):
    """What a script prints, once it has succeeded without a word on stderr."""
    process = run_script(script, **options)
    assert process.returncode == 0, process.stdout + process.stderr
    assert process.stderr == ""
    return process.stdout.split("\n")[:-1]


@pytest.fixture
def instruction_sets():
    """A loop over those that the CPU has, each in use for a turn; the chosen one is afterwards."""
    from fastgather import _narrow

    def turns():
        for instruction_set in _narrow.instruction_sets():
            _narrow.use(instruction_set)
            yield instruction_set

    yield turns
    _narrow.use(_narrow.chosen)
