"""Reads by an index for every element: `gather` and `take_along_axis`."""

from functools import partial

import numpy as np

from .common import Timed, Work, data, indices, over_axes, permutations

MODES = {"mode": ["wrap", "clip", "fill"]}


@over_axes
class Gather(Timed):
    """
    Bound by memory where the result is larger than the cache, by compute below that, and by
    overhead at 24 elements. Threads: up to the number of cores while the data are in the cache;
    the copy bandwidth of all threads over that of one beyond it; one thread for small calls.
    """

    function = "gather"
    axes = MODES

    def arguments(self, case):
        return (case.input, case.axis, case.index_along()), {"mode": case.mode}


@over_axes
class TakeAlongAxis(Timed):
    """As `Gather`, which does the work; the order of the arguments is NumPy's."""

    function = "take_along_axis"
    axes = MODES

    def arguments(self, case):
        return (case.input, case.index_along(), case.axis), {"mode": case.mode}


def tiny(fg):
    x, index = data((2, 3, 4)), indices((2, 3, 4), 3)
    return Work(partial(fg.gather, x, 1, index), partial(np.take_along_axis, x, index, 1), 24)


def last_dim(fg):
    x, index = data((256, 256)), indices((256, 256), 256)
    return Work(partial(fg.gather, x, 1, index), partial(np.take_along_axis, x, index, 1), x.size)


def first_dim(fg):
    x, index = data((256, 256)), indices((256, 256), 256)
    return Work(partial(fg.gather, x, 0, index), partial(np.take_along_axis, x, index, 0), x.size)


def transposed(fg):
    x, index = data((256, 256), "float64", "transposed"), indices((256, 256), 256, "int32")
    return Work(partial(fg.gather, x, 1, index), partial(np.take_along_axis, x, index, 1), x.size)


def tokens(fg):
    """Masking of tokens: the same index along the last dim."""
    x = data((8, 64, 128))
    index = np.broadcast_to(permutations((8, 64), 1)[:, :32, None], (8, 32, 128))
    return Work(
        partial(fg.gather, x, 1, index), partial(np.take_along_axis, x, index, 1), index.size
    )


def argsort(fg):
    x, index = data((256, 256)), permutations((256, 256), 1)
    return Work(
        partial(fg.take_along_axis, x, index, 1), partial(np.take_along_axis, x, index, 1), x.size
    )


WORKS = {
    "gather, 24 elements": tiny,
    "gather, last dim": last_dim,
    "gather, first dim": first_dim,
    "gather, transposed float64, int32 index": transposed,
    "gather, broadcast index": tokens,
    "take_along_axis, argsort": argsort,
}
