"""Places given by their coordinates: `gather_nd` and `scatter_nd`."""

from functools import partial

import numpy as np

from .common import Timed, Work, coordinates, data, over_axes
from .scatter import changed

KINDS = ["int32", "sorted", "tuple"]


def places(case):
    """Coordinates in the dims up to the one of the case."""
    found = case.places(case.axis + 1)
    return tuple(np.moveaxis(found, -1, 0)) if case.index == "tuple" else found


@over_axes
class GatherNd(Timed):
    """
    Bound by compute, which is turning coordinates into addresses, where single elements are
    read, and by memory for rows. Threads: up to the number of cores; one for small calls.
    """

    function = "gather_nd"
    axes = {"index": KINDS}

    def arguments(self, case):
        return (case.input, places(case)), {}


@over_axes
class ScatterNd(Timed):
    """As `GatherNd`, and the input is copied before."""

    function = "scatter_nd"
    axes = {"index": KINDS, "reduce": ["none", "add", "mul", "max", "min"]}

    def arguments(self, case):
        updates = data(case.shape, case.dtype).reshape(-1, *case.shape[case.axis + 1 :])
        reduction = "none" if case.reduce == "sum" else case.reduce
        return (case.input, places(case), updates, reduction), {}


def pixels(fg):
    x, index = data((256, 256)), coordinates(32768, (256, 256))
    return Work(
        partial(fg.gather_nd, x, index), lambda: x[tuple(np.moveaxis(index, -1, 0))], len(index)
    )


def written_pixels(fg):
    x, index, updates = data((256, 256)), coordinates(32768, (256, 256)), data((32768,))
    return Work(
        partial(fg.scatter_nd, x, index, updates),
        partial(changed, x, lambda out: out.__setitem__((index[:, 0], index[:, 1]), updates)),
        len(index),
    )


def added_pixels(fg):
    x, index, updates = data((256, 256)), coordinates(32768, (256, 256)), data((32768,))
    return Work(
        partial(fg.scatter_nd, x, index, updates, "add"),
        partial(changed, x, lambda out: np.add.at(out, (index[:, 0], index[:, 1]), updates)),
        len(index),
    )


WORKS = {
    "gather_nd, pixels": pixels,
    "scatter_nd, pixels": written_pixels,
    "scatter_nd, add, pixels": added_pixels,
}
