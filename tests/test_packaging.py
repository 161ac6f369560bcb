"""What a build makes, with and without a compiler, and what runs from the checkout.

Builds run on copies, never in the checkout. Those that only need some compiled module use a
stand-in package of one tiny module, with the project's own setup.py and pyproject.toml.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import wheels

ROOT = Path(__file__).resolve().parents[1]
FILES = ["setup.py", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "CHANGELOG.md"]

pytestmark = pytest.mark.checkout

COMPILER = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cl").split()[0]
needs_compiler = pytest.mark.skipif(shutil.which(COMPILER) is None, reason="no C compiler")

MODULE = '''
cimport fastgather._tiny

cdef extern from *:
    """
    #ifdef _OPENMP
    #define WITH_OPENMP 1
    #else
    #define WITH_OPENMP 0
    #endif
    """
    int WITH_OPENMP

openmp = WITH_OPENMP
answer = fastgather._tiny.ANSWER
'''
DECLARATIONS = """
cdef enum:
    ANSWER = 1
"""


def run(*command, cwd, **environment):
    """The finished process, its output merged; variables that steer builds or us are unset."""
    steering = ("FASTGATHER_", "PIP_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(steering)}
    return subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=cwd,
        env=kept | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def build_wheel(project, **environment):
    """The log and the wheel, or None where the build failed."""
    wheels = project / "wheels"
    options = ["-v", "--no-deps", "--no-build-isolation", "--no-index"]
    built = run("-m", "pip", "wheel", *options, "-w", wheels, ".", cwd=project, **environment)
    found = list(wheels.glob("*.whl"))
    assert len(found) == (built.returncode == 0), built.stdout
    return built.stdout, found[0] if found else None


def unpack(wheel):
    folder = wheel.parent / "unpacked"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def evaluate(expression, folder):
    """What an expression prints; `import fastgather` finds what is in `folder`.

    Without `site`, as the finder of an editable install would lend its compiled modules.
    """
    code = f"import fastgather; print({expression})"
    path = os.pathsep.join(map(str, (folder, Path(np.__file__).parents[1])))
    done = run("-S", "-c", code, cwd=folder.parent, PYTHONPATH=path)
    assert done.returncode == 0, done.stdout
    return done.stdout.strip()


@pytest.fixture
def project(tmp_path):
    """A copy of this project without what builds left."""
    for name in FILES:
        shutil.copy(ROOT / name, tmp_path)
    left_by_builds = shutil.ignore_patterns("__pycache__", "*.so", "*.pyd", "*.c")
    shutil.copytree(ROOT / "fastgather", tmp_path / "fastgather", ignore=left_by_builds)
    return tmp_path


@pytest.fixture
def stand_in(tmp_path):
    """A project that builds as this one does, with one tiny module."""
    for name in FILES:
        shutil.copy(ROOT / name, tmp_path)
    package = tmp_path / "fastgather"
    package.mkdir()
    (package / "__init__.py").write_text('__version__ = "1.0"\nfrom fastgather import _tiny\n')
    (package / "_tiny.pyx").write_text(MODULE)
    (package / "_tiny.pxd").write_text(DECLARATIONS)
    return tmp_path


def assert_pure(wheel):
    assert wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        package = [name for name in archive.namelist() if name.startswith("fastgather/")]
    assert {Path(name).suffix for name in package} == {".py", ".pyi", ".typed"}
    folder = unpack(wheel)
    assert Path(evaluate("fastgather.__file__", folder)).parent == folder / "fastgather"
    assert evaluate("fastgather.backend", folder) == "python"
    assert evaluate("fastgather.gather([5, 6, 7], 0, [2, 0])", folder) == "[7 5]"


def test_pure_wheel(project):
    log, wheel = build_wheel(project, FASTGATHER_PURE="1")
    assert "fastgather: FASTGATHER_PURE is set; building the pure-Python package" in log
    assert_pure(wheel)


def test_build_without_a_compiler_is_pure_and_says_so(project, tmp_path):
    (tmp_path / "no programs").mkdir()
    log, wheel = build_wheel(project, CC="/nonexistent", PATH=str(tmp_path / "no programs"))
    assert (
        "fastgather: no working C compiler was found; building the pure-Python package; "
        "for the compiled engine, install one or name it with CC\n"
    ) in log
    assert_pure(wheel)


def test_sdist_has_the_sources(project):
    for environment in ({}, {"FASTGATHER_PURE": "1"}):
        code = "from setuptools import build_meta; build_meta.build_sdist('dist')"
        built = run("-c", code, cwd=project, **environment)
        assert built.returncode == 0, built.stdout
        (path,) = (project / "dist").glob("*.tar.gz")
        with tarfile.open(path) as archive:
            names = {name.partition("/")[2] for name in archive.getnames()}
        sources = {
            path.relative_to(project).as_posix()
            for path in (project / "fastgather").rglob("*")
            if path.is_file()
        }
        assert any(name.endswith(".pyx") for name in sources)
        assert any(name.endswith(".pxd") for name in sources)
        assert sources | set(FILES) <= names
        path.unlink()


@needs_compiler
def test_wheel_has_the_compiled_module_and_no_sources(stand_in):
    log, wheel = build_wheel(stand_in)
    assert "none-any" not in wheel.name
    with zipfile.ZipFile(wheel) as archive:
        package = {name for name in archive.namelist() if name.startswith("fastgather/")}
    extension = sysconfig.get_config_var("EXT_SUFFIX")
    assert {name for name in package if not name.endswith("__init__.py")} == {
        f"fastgather/_tiny{extension}"
    }
    openmp = evaluate("fastgather._tiny.openmp", unpack(wheel))
    message = {"1": "fastgather: with OpenMP", "0": "fastgather: without OpenMP: one thread"}
    assert message[openmp] in log


@needs_compiler
def test_build_without_openmp_works_and_says_so(stand_in):
    compiler = stand_in / "compiler"
    compiler.write_text(f'#!/bin/sh\ncase "$*" in *openmp*) exit 1;; esac\nexec {COMPILER} "$@"\n')
    compiler.chmod(0o755)
    log, wheel = build_wheel(stand_in, CC=str(compiler))
    line = "without OpenMP: one thread; for more, name a compiler that has it, as CC=gcc\n"
    assert f"fastgather: {line}" in log
    assert evaluate("fastgather._tiny.openmp", unpack(wheel)) == "0"


@needs_compiler
def test_numpy_without_its_headers_is_one_line(stand_in):
    script = stand_in / "setup.py"
    broken = "import numpy\nnumpy.get_include = lambda: '/nowhere/include'\n"
    script.write_text(broken + script.read_text())
    log, wheel = build_wheel(stand_in)
    assert wheel is None
    (line,) = (line for line in log.splitlines() if "/nowhere" in line)
    assert line.strip().startswith("error: fastgather: NumPy's headers are not in /nowhere/include")
    assert "pip install --force-reinstall numpy" in line
    assert "pure-Python" not in log


@needs_compiler
def test_wheels_declare_that_they_need_no_gil(stand_in):
    """What a free-threaded interpreter reads; it would switch its lock on otherwise."""
    done = run("setup.py", "build_ext", "--inplace", cwd=stand_in)
    assert done.returncode == 0, done.stdout
    (source,) = stand_in.glob("build/**/_tiny.c")
    assert "#define __Pyx_FREETHREADING_COMPATIBLE Py_MOD_GIL_NOT_USED" in source.read_text()


@needs_compiler
@pytest.mark.parametrize(
    "fault",
    [
        'cdef extern from *:\n    """\n    #error "broken"\n    """\n',
        "answer = = 1\n",
        "from cython.parallel import prange\nfor i in prange(9):\n    pass\n",
    ],
    ids=["C error", "Cython error", "Cython warning"],
)
def test_fault_in_our_sources_fails_the_build(stand_in, fault):
    with (stand_in / "fastgather" / "_tiny.pyx").open("a") as file:
        file.write(fault)
    log, wheel = build_wheel(stand_in)
    assert wheel is None
    assert "_tiny" in log
    assert "pure-Python" not in log


@needs_compiler
def test_changed_declarations_and_sources_are_built_again(stand_in):
    def built_again():
        log = run("setup.py", "build_ext", "--inplace", cwd=stand_in)
        assert log.returncode == 0, log.stdout
        return "Cythonizing fastgather/_tiny.pyx" in log.stdout

    assert built_again()
    assert not built_again()
    time.sleep(1.1)  # time stamps may be whole seconds
    (stand_in / "fastgather" / "_tiny.pxd").write_text(DECLARATIONS.replace("1", "2"))
    assert built_again()
    assert evaluate("fastgather._tiny.answer", stand_in) == "2"
    with (stand_in / "setup.py").open("a") as file:
        file.write("# another way to build\n")
    assert built_again()


@needs_compiler
def test_checkout_runs_its_own_compiled_engine():
    done = run("-c", "import fastgather as f; print(f.backend, f.__file__)", cwd=ROOT)
    assert done.returncode == 0, done.stdout
    backend, path = done.stdout.strip().split(maxsplit=1)
    assert Path(path).parent == ROOT / "fastgather"
    assert backend == "cython", "build it in place: python -m pip install -e ."


def test_compiled_modules_are_newer_than_their_sources():
    package = ROOT / "fastgather"
    modules = list(package.glob("*" + sysconfig.get_config_var("EXT_SUFFIX")))
    sources = [path for pattern in ("*.pyx", "*.pxd") for path in package.glob(pattern)]
    oldest = min((path.stat().st_mtime for path in modules), default=float("inf"))
    stale = [path.name for path in sources if path.stat().st_mtime > oldest]
    assert not stale, "build the compiled engine again: python -m pip install -e ."


@pytest.mark.parametrize(
    ("platform", "runtimes", "fine"),
    [
        ("musllinux_1_2_aarch64", ["fastgather.libs/libgomp-98.so.1.0.0"], True),
        ("manylinux_2_28_x86_64", [], False),
        ("win_arm64", ["fastgather.libs/vcomp140-7.dll"], True),
        ("win_amd64", [], False),
        ("macosx_11_0_arm64", [], True),
        ("macosx_11_0_arm64", ["fastgather/.dylibs/libomp.dylib"], False),
        ("macosx_11_0_arm64", ["fastgather/_core.pyx"], False),
    ],
)
def test_audit_knows_what_belongs_in_a_wheel(tmp_path, platform, runtimes, fine):
    wheel = tmp_path / f"fastgather-1.0-cp314-cp314t-{platform}.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in ["fastgather/__init__.py", *runtimes]:
            archive.writestr(name, "")
    if fine:
        wheels.audit(wheel)
    else:
        with pytest.raises(SystemExit, match="in it"):
            wheels.audit(wheel)
