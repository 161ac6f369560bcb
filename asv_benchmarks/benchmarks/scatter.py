"""Plain writes: `scatter`, `put_along_axis`, `index_copy` and `index_fill`."""

from functools import partial

import numpy as np

from .common import Timed, Work, data, indices, over_axes, permutations

ROWS = {"index": ["int32", "sorted"]}


@over_axes
class Scatter(Timed):
    """
    Bound by memory: the input is copied before the writes. Threads: the copy bandwidth of all
    over that of one; one for small calls, which are bound by overhead.
    """

    function = "scatter"

    def arguments(self, case):
        source = data(case.shape, case.dtype)
        return (case.input, case.axis, case.index_along(), source), {}


@over_axes
class PutAlongAxis(Timed):
    """
    In place, and the same values at the same places each time. Bound by compute, as nothing is
    copied. Threads: up to the number of cores.
    """

    function = "put_along_axis"

    def arguments(self, case):
        source = data(case.shape, case.dtype)
        return (case.input, case.index_along(), source, case.axis), {}


@over_axes
class IndexCopy(Timed):
    """Bound by memory, as `Scatter`, with the same ratio of threads."""

    function = "index_copy"
    axes = ROWS

    def arguments(self, case):
        source = data(case.shape, case.dtype)
        return (case.input, case.axis, case.index_of_slices(), source), {}


@over_axes
class IndexFill(Timed):
    """Bound by memory, as `Scatter`, with the same ratio of threads."""

    function = "index_fill"
    axes = ROWS

    def arguments(self, case):
        return (case.input, case.axis, case.index_of_slices(), 1), {}


def changed(array, write):
    """What the writing functions return: a copy with something written into it."""
    result = array.copy()
    write(result)
    return result


def last_dim(fg):
    x, index = data((256, 256)), permutations((256, 256), 1)
    source = data((256, 256))[::-1]
    return Work(
        partial(fg.scatter, x, 1, index, source),
        partial(changed, x, lambda out: np.put_along_axis(out, index, source, 1)),
        x.size,
    )


def first_dim_in_place(fg):
    index, source = permutations((256, 256), 0), data((256, 256))[::-1]

    def put(function, array):
        function(array, index, source, 0)
        return array

    x = data((256, 256))
    return Work(
        partial(put, fg.put_along_axis, x.copy()),
        partial(put, np.put_along_axis, x.copy()),
        index.size,
    )


def rows(fg):
    x, source, index = data((256, 64)), data((128, 64)), indices((128,), 256)
    return Work(
        partial(fg.index_copy, x, 0, index, source),
        partial(changed, x, lambda out: out.__setitem__(index, source)),
        x.size,
    )


def columns(fg):
    x, index = data((256, 256)), indices((64,), 256)
    return Work(
        partial(fg.index_fill, x, 1, index, 1),
        partial(changed, x, lambda out: out.__setitem__((slice(None), index), 1)),
        x.size,
    )


WORKS = {
    "scatter, last dim": last_dim,
    "put_along_axis, first dim": first_dim_in_place,
    "index_copy, rows": rows,
    "index_fill, columns": columns,
}
