"""The stubs: what a type checker makes of calls, and that they say what the engines are."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import fastgather

PACKAGE = Path(fastgather.__file__).parent


def run_module(*command, cwd):
    """What a module prints as a program, and whether it was content."""
    done = subprocess.run(
        [sys.executable, "-m", *map(str, command)],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(PACKAGE.parent)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode == 0, done.stdout


def test_calls_have_the_types_that_they_should(tmp_path):
    calls = Path(__file__).with_name("typed_calls.py")
    content, report = run_module(
        "mypy",
        "--strict",
        f"--cache-dir={tmp_path / 'cache'}",
        calls,
        cwd=Path(__file__).parents[1],
    )
    assert content, report


@pytest.mark.parametrize(
    "module",
    [
        "_fallback",
        pytest.param("_core", marks=pytest.mark.compiled),
        "explain",
        "masking",
        "ragged",
    ],
)
def test_stubs_say_what_the_modules_are(tmp_path, module):
    """stubtest passes over names that a stub imports, so that `_core` gets a stub of its own."""
    stubs = tmp_path / "fastgather"
    stubs.mkdir()
    for stub in PACKAGE.glob("*.pyi"):
        shutil.copy(stub, stubs)
    shutil.copy(PACKAGE / "_fallback.pyi", stubs / "_core.pyi")
    content, report = run_module("mypy.stubtest", f"fastgather.{module}", cwd=tmp_path)
    assert content, report


@pytest.mark.compiled
def test_stubtest_of_the_whole_package(tmp_path):
    content, report = run_module("mypy.stubtest", "fastgather", cwd=tmp_path)
    assert content, report


def test_every_public_name_has_a_type():
    for module in ("__init__", "_fallback"):
        tree = ast.parse((PACKAGE / f"{module}.pyi").read_text())
        (names,) = (
            ast.literal_eval(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign) and node.targets[0].id == "__all__"
        )
        expected = set(fastgather.__all__) - ({"backend"} if module == "_fallback" else set())
        assert set(names) == expected


def test_the_package_says_that_it_has_types():
    assert (PACKAGE / "py.typed").read_text() == ""
