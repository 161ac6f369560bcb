"""The engines under test, and the Hypothesis profiles."""

import importlib
import os

import hypothesis
import pytest

ENGINES = {"cython": "fastgather._core", "python": "fastgather._fallback"}
if os.environ.get("FASTGATHER_BACKEND") == "python":
    del ENGINES["cython"]

hypothesis.settings.register_profile("local", deadline=None, max_examples=60)
hypothesis.settings.register_profile("ci", deadline=None, max_examples=60, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "local")


def pytest_configure(config):
    config.addinivalue_line("markers", "compiled: what only the compiled engine promises")


def pytest_collection_modifyitems(config, items):
    """Leaves out what is marked `compiled` where another engine runs: it is no skipped test."""
    left_out = [item for item in items if item.get_closest_marker("compiled") and not compiled(item)]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)


def compiled(item):
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    return "cython" in ENGINES and parameters.get("fg") != ENGINES["python"]


@pytest.fixture(scope="session", params=ENGINES.values(), ids=ENGINES)
def fg(request):
    """Each engine in turn; a compiled one that is missing is a failure."""
    return importlib.import_module(request.param)
