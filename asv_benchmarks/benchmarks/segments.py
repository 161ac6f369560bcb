"""Contiguous runs: `segment_reduce`."""

from functools import partial

import numpy as np

from .common import Timed, Work, data, over_axes

RUN = 8  # elements of a run on average


@over_axes
class SegmentReduce(Timed):
    """
    Bound by memory along the first dims, by compute along the last one, where each sum waits
    for the one before it, and by overhead at 24 elements. Threads: the copy bandwidth of all over
    that of one, or up to the number of cores.
    """

    function = "segment_reduce"
    axes = {
        "index": ["lengths", "offsets", "int32 lengths"],
        "reduce": ["sum", "prod", "mean", "max", "min"],
    }

    def arguments(self, case):
        offsets = cuts(case.length)
        if case.index == "offsets":
            named = {"offsets": offsets}
        else:
            dtype = "int32" if case.index == "int32 lengths" else "int64"
            named = {"lengths": np.diff(offsets).astype(dtype)}
        return (case.input, case.reduce), {"axis": case.axis, **named}


def cuts(size):
    """Where runs of different lengths begin and the last one ends."""
    rng = np.random.default_rng(1)
    inner = rng.permutation(np.arange(1, size))[: max(1, size // RUN) - 1]
    return np.concatenate([[0], np.sort(inner), [size]])


def rows(fg):
    x, offsets = data((4096, 16)), cuts(4096)
    lengths = np.diff(offsets)
    return Work(
        partial(fg.segment_reduce, x, "sum", lengths=lengths),
        lambda: np.add.reduceat(x, np.cumsum(lengths) - lengths),
        x.size,
    )


def elements(fg):
    x, offsets = data((65536,)), cuts(65536)
    return Work(
        partial(fg.segment_reduce, x, "max", offsets=offsets),
        lambda: np.maximum.reduceat(x, offsets[:-1]),
        x.size,
    )


WORKS = {"segment_reduce, sum of rows": rows, "segment_reduce, max": elements}
