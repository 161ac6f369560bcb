"""Builds the compiled engine, or the pure-Python package where it cannot be had.

The metadata is in pyproject.toml. Two things are decided here:

* pure or compiled, before `setup()`, because the wheel's tag follows from it: pure with
  FASTGATHER_PURE=1 or without a working C compiler. With a compiler that works, an error in
  our own sources ends the build; it never falls back.
* OpenMP or one thread, in `build_ext`, which knows the compiler. `fastgather/_threads.pyx` sees
  the outcome: with OpenMP, compilers define the macro _OPENMP.
"""

import os
import tempfile
from glob import glob
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext, customize_compiler, new_compiler
from setuptools.errors import BaseError, CCompilerError, SetupError

# No contraction into fused multiply-adds: results are the same bits on every machine.
COMPILE_FLAGS = {"unix": ["-O3", "-ffp-contract=off"], "msvc": ["/O2", "/fp:precise"]}
OPENMP_FLAGS = {"unix": (["-fopenmp"], ["-fopenmp"]), "msvc": (["/openmp"], [])}
CYTHON_DIRECTIVES = {
    "language_level": 3,
    "boundscheck": False,
    "wraparound": False,
    "initializedcheck": False,
    "cdivision": True,
    "freethreading_compatible": True,  # tests/test_freethreading.py
}

EMPTY_PROGRAM = "int main(void) { return 0; }\n"
OPENMP_PROGRAM = """
#include <omp.h>
int main(void) {
    int i, sum = 0;
#pragma omp parallel for reduction(+ : sum)
    for (i = 0; i < 100; i++) sum += omp_get_num_threads();
    return sum == 0;
}
"""


WITHOUT_OPENMP = "without OpenMP: one thread; for more, name a compiler that has it, as CC=gcc"


def links(compiler, program, compile_flags=(), link_flags=()):
    """Whether `program`, a C text, compiles and links."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "probe.c")
        source.write_text(program)
        try:
            objects = compiler.compile(
                [str(source)], output_dir=folder, extra_postargs=list(compile_flags)
            )
            compiler.link_executable(
                objects, str(Path(folder, "probe")), extra_postargs=list(link_flags)
            )
        except (BaseError, CCompilerError, OSError):
            return False
    return True


def reason_for_pure():
    """Why there will be no compiled engine, and what to do about it; or None."""
    if os.environ.get("FASTGATHER_PURE", "0") not in ("", "0"):
        return "FASTGATHER_PURE is set; building the pure-Python package"
    compiler = new_compiler()
    customize_compiler(compiler)
    if links(compiler, EMPTY_PROGRAM):
        return None
    return (
        "no working C compiler was found; building the pure-Python package; "
        "for the compiled engine, install one or name it with CC"
    )


class BuildExtensions(build_ext):
    def build_extensions(self):
        import Cython.Compiler.Options  # here, as a pure build needs neither
        import numpy
        from Cython.Build import cythonize

        headers = Path(numpy.get_include())
        if not Path(headers, "numpy", "arrayobject.h").is_file():
            raise SetupError(
                f"fastgather: NumPy's headers are not in {headers}; install NumPy again: "
                "python -m pip install --force-reinstall numpy"
            )
        family = "msvc" if self.compiler.compiler_type == "msvc" else "unix"
        openmp = links(self.compiler, OPENMP_PROGRAM, *OPENMP_FLAGS[family])
        print("fastgather:", "with OpenMP" if openmp else WITHOUT_OPENMP, flush=True)

        # Time stamps tell that a source changed; this file, that the way to build it did.
        command = getattr(self.compiler, "compiler_so", None)
        recipe = repr((Path(__file__).read_text(), command, openmp, numpy.__version__))
        last_recipe = Path(self.build_temp, "recipe.txt")
        if not last_recipe.exists() or last_recipe.read_text() != recipe:
            last_recipe.unlink(missing_ok=True)  # until all modules are built
            self.force = True

        Cython.Compiler.Options.warning_errors = True
        compiled = cythonize(
            self.extensions,
            build_dir=self.build_temp,
            force=self.force,
            compiler_directives=CYTHON_DIRECTIVES,
        )
        compile_openmp, link_openmp = OPENMP_FLAGS[family] if openmp else ([], [])
        for extension, with_c_source in zip(self.extensions, compiled, strict=True):
            extension.sources = with_c_source.sources
            extension.include_dirs = [str(headers)]
            extension.define_macros = [("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION")]
            extension.extra_compile_args = COMPILE_FLAGS[family] + compile_openmp
            extension.extra_link_args = link_openmp
        self.parallel = self.parallel or os.cpu_count()
        super().build_extensions()
        last_recipe.write_text(recipe)


reason = reason_for_pure()
if reason:
    print(f"fastgather: {reason}", flush=True)
# A newer one of these builds every module again.
declarations = sorted(glob("fastgather/*.pxd") + glob("fastgather/*.h"))
modules = [] if reason else sorted(Path("fastgather").glob("*.pyx"))
setup(
    ext_modules=[
        Extension(f"fastgather.{path.stem}", [path.as_posix()], depends=declarations)
        for path in modules
    ],
    cmdclass={"build_ext": BuildExtensions},
)
