"""Writes that combine: `scatter_add`, `scatter_reduce`, `index_add` and `index_reduce`."""

from functools import partial

import numpy as np

from .common import (
    ENGINES,
    LARGE,
    REDUCES,
    Case,
    Timed,
    Work,
    data,
    engine_function,
    indices,
    over_axes,
)
from .scatter import ROWS, changed


@over_axes
class ScatterAdd(Timed):
    """
    Bound by compute, as each sum waits for the one before it at the same place; by memory where
    the arrays are larger than the cache. Threads: up to the number of cores.
    """

    function = "scatter_add"

    def arguments(self, case):
        source = data(case.shape, case.dtype)
        return (case.input, case.axis, case.index_along(), source), {}


@over_axes
class ScatterReduce(Timed):
    """As `ScatterAdd`; "mean" counts too and divides, and float16 needs an accumulator."""

    function = "scatter_reduce"
    axes = {"reduce": REDUCES}

    def arguments(self, case):
        source = data(case.shape, case.dtype)
        return (case.input, case.axis, case.index_along(), source, case.reduce), {}


@over_axes
class IndexAdd(Timed):
    """Bound by memory for rows, by compute along the last dim. Threads: as `ScatterAdd`."""

    function = "index_add"
    axes = ROWS

    def arguments(self, case):
        source = data(case.shape, case.dtype)
        return (case.input, case.axis, case.index_of_slices(), source), {}


@over_axes
class IndexReduce(Timed):
    """As `IndexAdd`."""

    function = "index_reduce"
    axes = ROWS | {"reduce": ["prod", "mean", "amax", "amin"]}

    def arguments(self, case):
        reduce = "prod" if case.reduce == "sum" else case.reduce
        source = data(case.shape, case.dtype)
        return (case.input, case.axis, case.index_of_slices(), source, reduce), {}


class InPlace:
    """
    `scatter_add` with out=input, once for each setup, as it changes its data. Bound by memory;
    threads: the copy bandwidth of all over that of one.
    """

    params = [list(ENGINES)]
    param_names = ["engine"]
    number = 1
    repeat = (2, 5, 1.0)

    def setup(self, engine):
        self.function = engine_function(engine, "scatter_add")
        case = Case(size=LARGE)
        self.index, self.source = case.index_along(), case.input
        self.sums = case.input.copy()

    def time_scatter_add_in_place(self, engine):
        self.function(self.sums, 1, self.index, self.source, out=self.sums)


def combined(ufunc, place, source):
    return lambda out: ufunc.at(out, place, source)


def last_dim(fg):
    x, index, source = data((256, 256)), indices((256, 256), 256), data((256, 256))[::-1]
    place = (np.arange(256)[:, None], index)
    return Work(
        partial(fg.scatter_add, x, 1, index, source),
        partial(changed, x, combined(np.add, place, source)),
        index.size,
    )


def histogram(fg):
    zeros, index = np.zeros(1000, "int64"), indices((65536,), 1000)
    return Work(
        partial(fg.scatter_add, zeros, 0, index, 1),
        partial(np.bincount, index, minlength=1000),
        index.size,
    )


def largest(fg):
    x, index, source = data((256, 256)), indices((256, 256), 256), data((256, 256))[::-1]
    place = (index, np.arange(256))
    return Work(
        partial(fg.scatter_reduce, x, 0, index, source, "amax"),
        partial(changed, x, combined(np.maximum, place, source)),
        index.size,
    )


def sum_of_rows(fg):
    x, source, index = data((128, 64)), data((1024, 64)), indices((1024,), 128)
    return Work(
        partial(fg.index_add, x, 0, index, source),
        partial(changed, x, combined(np.add, index, source)),
        source.size,
    )


def largest_of_rows(fg):
    x, source, index = data((128, 64)), data((1024, 64)), indices((1024,), 128)
    return Work(
        partial(fg.index_reduce, x, 0, index, source, "amax"),
        partial(changed, x, combined(np.maximum, index, source)),
        source.size,
    )


WORKS = {
    "scatter_add, last dim": last_dim,
    "scatter_add, histogram": histogram,
    "scatter_reduce, amax, first dim": largest,
    "index_add, rows": sum_of_rows,
    "index_reduce, amax, rows": largest_of_rows,
}
