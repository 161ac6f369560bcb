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


@pytest.fixture(scope="session", params=ENGINES.values(), ids=ENGINES)
def fg(request):
    """Each engine in turn; a compiled one that is missing is a failure."""
    return importlib.import_module(request.param)
