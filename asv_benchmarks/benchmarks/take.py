"""Reads of whole slices: `take` and `index_select`."""

from functools import partial

import numpy as np

from .common import Timed, Work, data, indices, over_axes

AXES = {"index": ["int32", "sorted"], "mode": ["wrap", "clip", "fill"]}


@over_axes
class Take(Timed):
    """
    Bound by memory where slices are rows of some cache lines, by compute where they are single
    elements (the last dim), and by overhead at 24 elements. Threads: the copy bandwidth of all
    over that of one for rows, up to the number of cores for elements; one for small calls.
    """

    function = "take"
    axes = AXES

    def arguments(self, case):
        return (case.input, case.index_of_slices(), case.axis), {"mode": case.mode}


@over_axes
class IndexSelect(Timed):
    """As `Take`, which does the same work."""

    function = "index_select"
    axes = AXES

    def arguments(self, case):
        return (case.input, case.axis, case.index_of_slices()), {"mode": case.mode}


def tiny(fg):
    x, index = data((2, 3, 4)), indices((3,), 3)
    return Work(partial(fg.take, x, index, 1), partial(np.take, x, index, 1), 24)


def clip(fg):
    x, index = data((65536,), "float64"), indices((65536,), 65536)
    return Work(
        partial(fg.take, x, index, 0, mode="clip"), partial(np.take, x, index, 0, mode="clip"),
        index.size,
    )  # fmt: skip


def rows(fg):
    x, index = data((1024, 64)), indices((256,), 1024)
    return Work(partial(fg.index_select, x, 0, index), partial(np.take, x, index, 0), 256 * 64)


def columns(fg):
    x, index = data((256, 256)), indices((256,), 256)
    return Work(partial(fg.index_select, x, 1, index), partial(np.take, x, index, 1), x.size)


WORKS = {
    "take, 24 elements": tiny,
    "take, clip": clip,
    "index_select, rows": rows,
    "index_select, columns": columns,
}
