"""What the benchmarks share: engines, arrays from fixed seeds, and the axes they are timed over.

Nothing of `fastgather` is used but its public functions, as old commits have no more.
"""

import functools
import importlib
import inspect
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

ENGINES = {"cython": "fastgather._core", "python": "fastgather._fallback"}

TINY, LOOPS = "1000 x 24", 1000  # asv times a call at a time where there is a `setup`
LARGE = "8388608"
SHAPES = {TINY: (2, 3, 4), "32768": (32, 32, 32), "1048576": (64, 128, 128), LARGE: (128, 256, 256)}
BASE = {
    "dim": "middle",
    "dtype": "float32",
    "layout": "contiguous",
    "index": "int64",
    "size": "1048576",
    "mode": "raise",
    "reduce": "sum",
}
AXES = {
    "dim": ["first", "middle", "last"],
    "dtype": ["uint8", "float16", "float64", "complex128"],
    "layout": ["transposed", "strided", "reversed"],
    "index": ["int32", "sorted", "broadcast"],
    "size": list(SHAPES),
}
REDUCES = ["sum", "prod", "mean", "amax", "amin"]


def engine_module(engine):
    """The module of an engine; a commit without it, or without a compiler, is skipped."""
    try:
        return importlib.import_module(ENGINES[engine])
    except ImportError as error:
        raise NotImplementedError(f"no {engine} engine: {error}") from None


def engine_function(engine, name):
    """A function of an engine; a commit that lacks it is skipped."""
    try:
        return getattr(engine_module(engine), name)
    except AttributeError:
        raise NotImplementedError(f"no {name} on the {engine} engine") from None


@functools.cache  # asv runs `setup` again before every sample
def data(shape, dtype="float32", layout="contiguous"):
    """Values that do not grow where they are added up or multiplied."""
    rng, dtype = np.random.default_rng(0), np.dtype(dtype)
    if layout == "transposed":
        return data(shape[::-1], dtype).T
    if layout == "strided":
        return data((*shape[:-1], 2 * shape[-1]), dtype)[..., ::2]
    if layout == "reversed":
        return data(shape, dtype)[::-1]
    if dtype.kind in "iu":
        return rng.integers(0, 2, shape, dtype)
    if dtype in ("float32", "float64"):
        return rng.random(shape, dtype)
    return rng.random(shape, "float32").astype(dtype)


@functools.cache
def indices(shape, size, dtype="int64"):
    return np.random.default_rng(1).integers(0, size, shape, dtype)


@functools.cache
def permutations(shape, axis):
    """An index that names every place along an axis once."""
    return np.argsort(np.random.default_rng(1).random(shape, "float32"), axis)


@functools.cache
def coordinates(count, shape, dtype="int64", ordered=False):
    """Different places in an array, the components in the last dim."""
    flat = np.random.default_rng(1).permutation(np.prod(shape))[:count]
    flat = np.sort(flat) if ordered else flat
    return np.stack(np.unravel_index(flat, shape), -1).astype(dtype)


class Case:
    """The arrays of one case: what `BASE` says, but for what it is given."""

    def __init__(self, **differences):
        self.__dict__.update(BASE | differences)
        self.shape = SHAPES[self.size]
        self.axis = ("first", "middle", "last").index(self.dim)
        self.length = self.shape[self.axis]
        self.input = data(self.shape, self.dtype, self.layout)
        self.index_dtype = self.index if self.index in ("int32", "int64") else "int64"

    def index_along(self):
        """An index for every element."""
        if self.index == "broadcast":
            lead = self.shape[: self.axis + 1]
            thin = indices(lead, self.length).reshape(*lead, *[1] * (len(self.shape) - len(lead)))
            return np.broadcast_to(thin, self.shape)
        return self._ordered(indices(self.shape, self.length, self.index_dtype), self.axis)

    def index_of_slices(self):
        """An index for every slice along the dim."""
        return self._ordered(indices((self.length,), self.length, self.index_dtype), 0)

    def places(self, depth):
        """Coordinates in the first dims of all that lies there."""
        lead = self.shape[:depth]
        return coordinates(math.prod(lead), lead, self.index_dtype, self.index == "sorted")

    def _ordered(self, index, axis):
        return np.sort(index, axis) if self.index == "sorted" else index


class Timed:
    """
    Base of what `over_axes` makes benchmarks of.

    Subclasses have the name of a `function`, `arguments(case)`, which returns what it is called
    with, and `axes` where theirs are others than `AXES`.
    """

    axes: dict[str, list[str]] = {}
    timeout = 120
    rounds = 2
    repeat = (2, 5, 0.5)
    warmup_time = 0.1

    def setup(self, engine, value):
        self._bind(engine, **{self.axis: value})

    def _bind(self, engine, **differences):
        function = engine_function(engine, self.function)
        case = Case(**differences)
        positional, named = self.arguments(case)
        self.call = functools.partial(function, *positional, **named)
        self.loops = LOOPS if case.size == TINY else 1


class Large(Timed):
    """The same, for the peak of memory."""

    params = list(ENGINES)
    param_names = ["engine"]

    def setup(self, engine):
        self._bind(engine, size=LARGE)


def over_axes(work):
    """
    Add to a module the benchmarks of a function.

    A class `Gather` of the function `gather` gives `GatherDim.time_gather`, and so on for every
    axis, along which all else is as `BASE` has it, and `GatherMemory.peakmem_gather`.
    """
    module = sys.modules[work.__module__]

    def run(self, *_):
        call = self.call
        for _ in range(self.loops):
            call()

    # What asv shows; a change to it starts a new series.
    run.pretty_source = inspect.getsource(work.arguments)
    common = {"__module__": work.__module__, "__doc__": work.__doc__}
    for axis, values in (AXES | work.axes).items():
        name = f"{work.__name__}{axis.title()}"
        own = {"axis": axis, "params": [list(ENGINES), values], "param_names": ["engine", axis]}
        own[f"time_{work.function}"] = run
        setattr(module, name, type(name, (work,), common | own))
    name = f"{work.__name__}Memory"
    own = {f"peakmem_{work.function}": run}
    setattr(module, name, type(name, (Large, work), common | own))
    return work


class Work(NamedTuple):
    """One piece of work as `ratios` and `instructions` track it: ours, NumPy's and its size."""

    ours: Any
    numpys: Any
    elements: int


def output_of(module, *arguments, under=(), folder=None):
    """What a module of the benchmarks prints that runs in a process of its own."""
    package = Path(__file__).parent
    steering = ("FASTGATHER_", "OMP_", "NPY_")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(steering)}
    environment |= {"PYTHONPATH": str(package.parent), "PYTHONHASHSEED": "0"}
    command = [*under, sys.executable, "-m", f"{package.name}.{module}", *arguments]
    done = subprocess.run(
        command, cwd=folder, env=environment, check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout
