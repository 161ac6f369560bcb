"""How NumPy's users spell the work of each function, the usual way first."""

from functools import partial

import numpy as np

from fastgather.bench.peers import writing

UFUNCS = {
    "sum": np.add, "add": np.add, "prod": np.multiply, "mul": np.multiply,
    "amax": np.maximum, "max": np.maximum, "amin": np.minimum, "min": np.minimum,
}  # fmt: skip


def set_threads(threads):
    """NumPy indexes on one thread."""


def to_numpy(result):
    return result


def grid(work):
    """The index with an open grid of the other dims: one array a dim, which broadcast."""
    arrays = list(np.ogrid[tuple(map(slice, work.index.shape))])
    arrays[work.dim] = work.index
    return tuple(arrays)


def slices(work):
    """The index of whole slices along the dim."""
    return (slice(None),) * work.dim + (work.index,)


def coordinates(work):
    return tuple(np.moveaxis(work.index, -1, 0))


def places(work):
    """The place of each index in the flattened input."""
    return np.ravel_multi_index(grid(work), work.shape).ravel()


def take_along_axis(work):
    if work.mode == "wrap":
        size = work.shape[work.dim]
        return lambda: np.take_along_axis(work.input, work.index % size, work.dim)
    return partial(np.take_along_axis, work.input, work.index, work.dim)


def rows(work):
    """Whole rows at once, where the index is the same along the last dims."""
    if work.index_layout != "broadcast":
        return None
    lines = work.index[(..., *[0] * (work.index.ndim - work.dim - 1))]
    batch = np.ogrid[tuple(map(slice, lines.shape))][:-1]
    return lambda: work.input[(*batch, lines)]


def take(work):
    if work.index.ndim != 1 and work.function != "take":
        return None
    if work.mode == "fill":
        return lambda: np.where(
            (work.index < 0)[..., None], work.input.dtype.type(0), work.input.take(work.index, 0)
        )
    return partial(np.take, work.input, work.index, work.dim, mode=work.mode)


def fancy(work):
    if work.mode != "raise" or (work.index.ndim != 1 and work.function != "take"):
        return None
    return partial(work.input.__getitem__, slices(work))


def gather_nd(work):
    return lambda: work.input[coordinates(work)]


def flat_take(work):
    """Rows by their number in the flattened leading dims."""
    depth = work.index.shape[-1]
    if depth == 1:
        return lambda: work.input.take(work.index[:, 0], 0)
    flat = work.input.reshape(-1, *work.shape[depth:])
    return lambda: flat.take(np.ravel_multi_index(coordinates(work), work.shape[:depth]), 0)


def put_along_axis(work):
    return writing(work, lambda out: np.put_along_axis(out, work.index, work.src, work.dim))


def set_slices(work):
    return writing(work, lambda out: out.__setitem__(slices(work), work.src))


def set_coordinates(work):
    if work.reduce:
        return None
    return writing(work, lambda out: out.__setitem__(coordinates(work), work.src))


def ufunc_at(work):
    """`numpy.ufunc.at`, made for sums and extremes at repeated places."""
    name = work.reduce or "sum"
    if name not in UFUNCS or (work.function == "scatter_nd" and not work.reduce):
        return None
    place = {"scatter_nd": coordinates, "index_add": slices, "index_reduce": slices}.get(
        work.function, grid
    )
    return writing(work, lambda out: UFUNCS[name].at(out, place(work), work.src))


def mean_at(work):
    """`numpy.add.at`, then divided by how often each slice was named, and once for itself."""
    if work.reduce != "mean":
        return None
    size, trailing = work.shape[work.dim], (1,) * (work.input.ndim - work.dim - 1)

    def combine(out):
        np.add.at(out, slices(work), work.src)
        out /= (1 + np.bincount(work.index, minlength=size)).reshape(size, *trailing)

    return writing(work, combine)


def bincount(work):
    """Sums by `numpy.bincount` over places in the flattened input; it adds in float64."""
    if work.function == "scatter_reduce" and work.reduce != "mean":
        return None
    weights = None if work.cell.src == "scalar" else work.src.ravel()
    if weights is not None and weights.dtype.kind != "f":
        return None
    size, find = work.input.size, partial(places, work)
    if work.input.ndim == 1:
        find = partial(np.asarray, work.index)

    def add(out):
        where = find()
        sums = np.bincount(where, weights, size).reshape(work.shape)
        np.add(out, sums, out, casting="same_kind")
        if work.reduce == "mean":
            out /= 1 + np.bincount(where, minlength=size).reshape(work.shape)

    return writing(work, add)


def sort_and_reduceat(work):
    """Sorted by index, summed by runs, one run a row."""
    name = work.reduce or "sum"
    if work.dim != 0 or name not in UFUNCS:
        return None

    def combine(out):
        order = np.argsort(work.index, kind="stable")
        where, starts = np.unique(work.index[order], return_index=True)
        out[where] = UFUNCS[name](out[where], UFUNCS[name].reduceat(work.src[order], starts))

    return writing(work, combine)


def reduceat(work):
    ufunc = np.add if work.reduce == "mean" else UFUNCS[work.reduce]

    def reduce():
        starts = np.cumsum(work.lengths) - work.lengths
        result = ufunc.reduceat(work.input, starts)
        if work.reduce == "mean":
            result /= work.lengths.reshape(-1, *[1] * (result.ndim - 1))
        return result

    return reduce


SPELLINGS = {
    "gather": (take_along_axis, take, fancy, rows),
    "take_along_axis": (take_along_axis, take),
    "index_select": (take, fancy),
    "take": (take, fancy),
    "gather_nd": (gather_nd, flat_take),
    "scatter": (put_along_axis,),
    "put_along_axis": (put_along_axis,),
    "index_copy": (set_slices,),
    "index_fill": (set_slices,),
    "scatter_nd": (set_coordinates, ufunc_at),
    "scatter_add": (ufunc_at, bincount),
    "scatter_reduce": (ufunc_at, bincount),
    "index_add": (ufunc_at, sort_and_reduceat),
    "index_reduce": (ufunc_at, sort_and_reduceat, mean_at),
    "segment_reduce": (reduceat,),
}
