"""Which engine is chosen, and what is said about it, in processes of their own.

That the checkout runs its own compiled engine is in test_packaging.py.
"""

import shutil
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from conftest import printed_by, run_script

import fastgather
from fastgather import _settings

PACKAGE = Path(fastgather.__file__).parent
CORE = "_core" + sysconfig.get_config_var("EXT_SUFFIX")

REPORT = """
    import sys, warnings
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        import fastgather as fg
    assert fg.gather([[1, 2], [3, 4]], 1, [[1], [0]]).tolist() == [[2], [3]]
    print(fg.backend, fg.gather.__module__, "fastgather._core" in sys.modules)
    for warning in caught:
        print(warning.category.__name__, warning.message)
"""


@pytest.fixture
def pure(tmp_path):
    """How to run a script on a copy of the package in `tmp_path` that has no compiled module."""
    ignored = shutil.ignore_patterns("*.so", "*.pyd", "__pycache__")
    shutil.copytree(PACKAGE, tmp_path / "fastgather", ignore=ignored)
    numpy = str(Path(np.__file__).parents[1])
    # Without the site module, so that an editable installation does not bring its own _core.
    return {"cwd": tmp_path, "flags": ["-S"], "PYTHONPATH": numpy}


def test_python_on_demand():
    printed = printed_by(REPORT, FASTGATHER_BACKEND="python")
    assert printed == ["python fastgather._fallback False"]


@pytest.mark.compiled
@pytest.mark.parametrize(
    "variable", [{}] + [{"FASTGATHER_BACKEND": value} for value in ("", "cython")]
)
def test_cython_on_demand_and_by_default(variable):
    assert printed_by(REPORT, **variable) == ["cython fastgather._core True"]


@pytest.mark.parametrize("value", ["numpy", "Cython", "1"])
def test_unknown_engine_is_an_error(value):
    process = run_script("import fastgather", FASTGATHER_BACKEND=value)
    assert process.returncode == 1
    last = process.stderr.splitlines()[-1]
    assert last.startswith("ImportError")
    assert "FASTGATHER_BACKEND" in last
    assert repr(value) in last


@pytest.mark.parametrize("engine", ["python", pytest.param("cython", marks=pytest.mark.compiled)])
@pytest.mark.parametrize("value", ["avx", "Baseline", "1"])
def test_unknown_instruction_set_is_an_error(engine, value):
    process = run_script("import fastgather", FASTGATHER_ISA=value, FASTGATHER_BACKEND=engine)
    assert process.returncode == 1
    last = process.stderr.splitlines()[-1]
    assert last == f"ImportError: FASTGATHER_ISA must be baseline or avx2, not {value!r}"


@pytest.mark.compiled
def test_each_instruction_set_can_be_forced():
    """Without a word the widest that the CPU has is taken; all of them are named."""
    from fastgather import _narrow

    script = f"{REPORT}\n    print(fg.show_config('dict')['instruction_set'])"
    for value in ("", *_narrow.instruction_sets()):
        chosen, named = printed_by(script, FASTGATHER_ISA=value)
        assert chosen == "cython fastgather._core True"
        assert "baseline" in named
        assert ("avx2" in named) == ((value or _narrow.instruction_sets()[-1]) == "avx2")


def test_an_instruction_set_that_the_cpu_lacks_is_an_error(monkeypatch):
    monkeypatch.setattr(_settings, "instruction_set", "avx2")
    assert _settings.choose_instruction_set(("baseline", "avx2")) == "avx2"
    expected = "FASTGATHER_ISA=avx2, but this CPU has baseline only"
    with pytest.raises(ImportError, match=expected):
        _settings.choose_instruction_set(("baseline",))


def test_python_engine_takes_the_instruction_sets():
    for value in _settings.INSTRUCTION_SETS:
        printed = printed_by(REPORT, FASTGATHER_ISA=value, FASTGATHER_BACKEND="python")
        assert printed == ["python fastgather._fallback False"]


def test_fallback_without_a_compiled_module_is_silent(pure):
    assert printed_by(REPORT, **pure) == ["python fastgather._fallback False"]


def test_missing_compiled_module_on_demand_is_an_error(pure):
    process = run_script("import fastgather", **pure, FASTGATHER_BACKEND="cython")
    assert process.returncode == 1
    last = process.stderr.splitlines()[-1]
    assert last == (
        "ImportError: FASTGATHER_BACKEND=cython, but the compiled engine does not load "
        "(No module named 'fastgather._core'); build it with: pip install ."
    )


# A compiled module that does not load: its file, and what the loader says.
BROKEN = {
    "garbage": (
        CORE,
        b"no shared library",
        "invalid ELF header|file too short|not a mach-o|valid Win32",
    ),
    "other NumPy": ("_core.py", b"raise ValueError('dtype size changed')", "dtype size changed"),
    "other ABI": ("_core.py", b"raise RuntimeError('compiled against ABI')", "against ABI"),
    "part missing": ("_core.py", b"from fastgather import _missing_part", "_missing_part"),
}
broken = pytest.mark.parametrize(("name", "content", "reason"), BROKEN.values(), ids=BROKEN)


@broken
def test_broken_compiled_module_gives_one_warning(pure, tmp_path, name, content, reason):
    (tmp_path / "fastgather" / name).write_bytes(content)
    chosen, *warned = printed_by(REPORT, **pure)
    assert chosen.startswith("python fastgather._fallback")
    assert len(warned) == 1
    assert warned[0].startswith("RuntimeWarning")
    assert any(part in warned[0] for part in reason.split("|"))


@broken
def test_broken_compiled_module_on_demand_is_an_error(pure, tmp_path, name, content, reason):
    (tmp_path / "fastgather" / name).write_bytes(content)
    process = run_script("import fastgather", **pure, FASTGATHER_BACKEND="cython")
    assert process.returncode == 1
    last = process.stderr.splitlines()[-1]
    assert last.startswith("ImportError")
    assert any(part in last for part in reason.split("|"))


@broken
def test_broken_compiled_module_does_not_matter_to_python(pure, tmp_path, name, content, reason):
    (tmp_path / "fastgather" / name).write_bytes(content)
    printed = printed_by(REPORT, **pure, FASTGATHER_BACKEND="python")
    assert printed == ["python fastgather._fallback False"]


def test_engines_import_nothing_but_numpy(pure):
    """Nothing that an installation without the test tools lacks."""
    printed = printed_by(
        """
        import sys, numpy
        before = set(sys.modules)
        import fastgather
        outside = {name.split(".")[0] for name in set(sys.modules) - before}
        print(*sorted(outside - set(sys.stdlib_module_names) - {"fastgather", "numpy"}))
        """,
        **pure,
    )
    assert printed == [""]
