"""How numpy-groupies spells the work: sums and extremes of groups."""

import numpy as np

from fastgather.bench.peers import Lazy

groupies = Lazy("numpy_groupies")
REDUCE = {"amax": "max", "amin": "min"}


def set_threads(threads):
    """Its Numba and NumPy engines use one thread."""


def to_numpy(result):
    return result


def _groups(work, engine):
    """Sums by group, added to a copy of the input; its other reductions have no such start."""
    if work.in_place or work.dim != 0 or np.isscalar(work.src) or work.reduce:
        return None
    if work.function.startswith("scatter") and len(work.shape) > 1:
        return None

    def add():
        sums = engine(work.index, work.src, "sum", size=work.shape[0], axis=0)
        return np.add(work.input, sums, dtype=work.dtype, casting="same_kind")

    return add


def _segments(work, engine):
    def reduce():
        labels = np.repeat(np.arange(work.lengths.size), work.lengths)
        return engine(labels, work.input, work.reduce, size=work.lengths.size, axis=0)

    return reduce


def aggregate_numba(work):
    """The faster engine, of which data of several dims takes seconds to compile."""
    return _aggregate(work, groupies.aggregate_nb) if work.input.ndim == 1 else None


def aggregate_numpy(work):
    return _aggregate(work, groupies.aggregate_np)


def _aggregate(work, engine):
    return (_segments if work.function == "segment_reduce" else _groups)(work, engine)


SPELLINGS = dict.fromkeys(
    ("scatter_add", "index_add", "segment_reduce"), (aggregate_numba, aggregate_numpy)
)
