"""The libraries that fastgather is compared with, and what their spellings share.

Each has a module `with_<key>` of three names: `SPELLINGS`, which maps a function to its spellings,
`set_threads(n)`, called before anything else, and `to_numpy(result)`. A spelling takes the work of
a cell and returns the call to time, or None where it cannot do that work. What a user would do
once (wrap an array, compile) is done before the call; what each call needs is done in it.
"""

import importlib
import importlib.metadata
import importlib.util
from typing import NamedTuple


class Peer(NamedTuple):
    """A library: what the table calls it, its modules, and the distribution with its version."""

    name: str
    key: str
    modules: tuple
    distribution: str

    @property
    def missing(self):
        """The modules that are not installed."""
        return [name for name in self.modules if importlib.util.find_spec(name) is None]

    @property
    def version(self):
        return importlib.metadata.version(self.distribution)

    def load(self, threads):
        """The peer's module, with the number of threads set."""
        module = importlib.import_module(f"fastgather.bench.with_{self.key}")
        module.set_threads(threads)
        return module


PEERS = [
    Peer("NumPy", "numpy", ("numpy",), "numpy"),
    Peer("PyTorch", "torch", ("torch",), "torch"),
    Peer("onnxruntime", "onnxruntime", ("onnxruntime", "onnx"), "onnxruntime"),
    Peer("Numba", "numba", ("numba",), "numba"),
    Peer("pyarrow", "pyarrow", ("pyarrow",), "pyarrow"),
    Peer("numpy-groupies", "groupies", ("numpy_groupies",), "numpy-groupies"),
    Peer("JAX", "jax", ("jax",), "jax"),
]


def writing(work, write, copy=lambda array: array.copy()):
    """A call that writes into a copy of the input, or in place where the work is that."""
    if work.in_place or work.function == "put_along_axis":
        destination = copy(work.input)

        def in_place():
            write(destination)
            return destination

        return in_place

    def copied():
        out = copy(work.input)
        write(out)
        return out

    return copied


class Lazy:
    """A module that is imported when one of its names is first asked for."""

    def __init__(self, name):
        self._name = name

    def __getattr__(self, attribute):
        return getattr(importlib.import_module(self._name), attribute)
