"""How a user of Numba spells the work: plain loops, `prange` over what never collides.

The loops check no index, as such loops seldom do. Arrays of any rank are viewed as
(outer, dim, inner); where that takes a copy, the peer is left out.
"""

import functools
from functools import partial

import numpy as np

from fastgather.bench.peers import Lazy, writing

numba = Lazy("numba")
prange = range  # in a kernel that `compiled` compiles, Numba's

BLOCK = 16  # columns that one thread writes
REDUCE = {"add": "sum", "mul": "prod", "max": "amax", "min": "amin"}


def set_threads(threads):
    global prange
    prange = numba.prange
    numba.set_num_threads(threads)


def to_numpy(result):
    return result


def compile_once(kernel):
    """A kernel as machine code, parallel where it has a `prange`."""
    return numba.njit(parallel="prange" in kernel.__code__.co_names)(kernel)


compiled = functools.cache(compile_once)


def three(array, dim):
    """A view as (outer, dim, inner)."""
    shape = array.shape
    sizes = (int(np.prod(shape[:dim])), shape[dim], int(np.prod(shape[dim:][1:])))
    return array.reshape(sizes, copy=False)


def lines(array):
    """A view as (outer, dim), of which the last is `dim`."""
    return array.reshape((-1, array.shape[-1]), copy=False)


def gather_line(source, index, out):
    for j in prange(index.size):
        out[j] = source[index[j]]


def gather_lines(source, index, out):
    for i in prange(index.shape[0]):
        for j in range(index.shape[1]):
            out[i, j] = source[i, index[i, j]]


def gather_columns(source, index, out):
    for j in prange(index.shape[0]):
        for k in range(index.shape[1]):
            out[j, k] = source[index[j, k], k]


def gather_inner(source, index, out):
    for i in prange(index.shape[0]):
        for j in range(index.shape[1]):
            for k in range(index.shape[2]):
                out[i, j, k] = source[i, index[i, j, k], k]


def select_rows(source, index, out):
    for j in prange(index.size):
        for k in range(source.shape[2]):
            out[0, j, k] = source[0, index[j], k]


def select_inner(source, index, out):
    for i in prange(source.shape[0]):
        for j in range(index.size):
            for k in range(source.shape[2]):
                out[i, j, k] = source[i, index[j], k]


def gather_points(source, index, out):
    for j in prange(index.shape[0]):
        out[j] = source[index[j, 0], index[j, 1]]


def combine_set(old, new):
    return new


def combine_sum(old, new):
    return old + new


def combine_prod(old, new):
    return old * new


def combine_amax(old, new):
    return max(old, new)


def combine_amin(old, new):
    return min(old, new)


COMBINE = {
    None: combine_set,
    "sum": combine_sum,
    "prod": combine_prod,
    "amax": combine_amax,
    "amin": combine_amin,
}


def write_line(out, index, src, combine):
    for j in range(index.size):
        out[index[j]] = combine(out[index[j]], src[j])


def write_points(out, index, src, combine):
    for j in range(index.shape[0]):
        out[index[j, 0], index[j, 1]] = combine(out[index[j, 0], index[j, 1]], src[j])


def write_lines(out, index, src, combine):
    for i in prange(index.shape[0]):
        for j in range(index.shape[1]):
            out[i, index[i, j]] = combine(out[i, index[i, j]], src[i, j])


def write_inner(out, index, src, combine):
    """Blocks of columns, so that no two threads write the same place."""
    blocks = (index.shape[2] + BLOCK - 1) // BLOCK
    for block in prange(index.shape[0] * blocks):
        i = block // blocks
        first = block % blocks * BLOCK
        for j in range(index.shape[1]):
            for k in range(first, min(first + BLOCK, index.shape[2])):
                out[i, index[i, j, k], k] = combine(out[i, index[i, j, k], k], src[i, j, k])


def write_slices(out, index, src, combine):
    blocks = (out.shape[2] + BLOCK - 1) // BLOCK
    for block in prange(out.shape[0] * blocks):
        i = block // blocks
        first = block % blocks * BLOCK
        for j in range(index.size):
            for k in range(first, min(first + BLOCK, out.shape[2])):
                out[i, index[j], k] = combine(out[i, index[j], k], src[i, j, k])


def reduce_segments(data, lengths, stops, out, combine):
    for s in prange(lengths.size):
        first = stops[s] - lengths[s]
        for k in range(data.shape[1]):
            out[s, k] = data[first, k]
        for j in range(first + 1, stops[s]):
            for k in range(data.shape[1]):
                out[s, k] = combine(out[s, k], data[j, k])


def gather(work):
    if work.mode != "raise":
        return None
    dim = work.dim % work.input.ndim
    source, index = three(work.input, dim), work.index
    if index.ndim == 1:
        kernel, view = gather_line, np.asarray
    elif source.shape[2] == 1:
        kernel, view = gather_lines, lines
    elif source.shape[0] == 1:
        kernel, view = gather_columns, lambda array: three(array, dim)[0]
    else:
        kernel, view = gather_inner, partial(three, dim=dim)
    source, index = view(work.input), view(index)

    def gathered():
        out = np.empty(work.index.shape, work.dtype)
        compiled(kernel)(source, index, view(out))
        return out

    return gathered


def select(work):
    if work.mode != "raise":
        return None
    if work.input.ndim == 1 and work.index.ndim == 1:
        return gather(work)
    source, index = three(work.input, work.dim), work.index.reshape(-1, copy=False)
    kernel = select_rows if source.shape[0] == 1 else select_inner
    shape = (*work.shape[: work.dim], *work.index.shape, *work.shape[work.dim :][1:])

    def selected():
        out = np.empty(shape, work.dtype)
        compiled(kernel)(source, index, out.reshape(source.shape[0], index.size, source.shape[2]))
        return out

    return selected


def gather_nd(work):
    if work.index.shape[1] == 1:
        source, index, shape = work.input[None], work.index[:, 0], work.shape[1:]
        kernel, view = select_rows, lambda out: out[None]
    elif work.input.ndim == 2:
        source, index, shape = work.input, work.index, ()
        kernel, view = gather_points, lambda out: out
    else:
        return None

    def gathered():
        out = np.empty((len(index), *shape), work.dtype)
        compiled(kernel)(source, index, view(out))
        return out

    return gathered


def write(work):
    """Writes of single elements, by lines or by columns."""
    reduce = "sum" if work.function == "scatter_add" else REDUCE.get(work.reduce, work.reduce)
    if reduce not in COMBINE:
        return None
    src = np.broadcast_to(np.asarray(work.src, work.dtype), work.index.shape)
    if work.function == "scatter_nd":
        if work.input.ndim != 2 or work.index.shape[-1] != 2:
            return None
        src = work.src
        kernel, view = write_points, lambda array: array
    elif work.index.ndim == 1:
        kernel, view = write_line, np.asarray
    elif work.dim == work.input.ndim - 1:
        kernel, view = write_lines, lines
    else:
        kernel, view = write_inner, partial(three, dim=work.dim)
    index = work.index if work.function == "scatter_nd" else view(work.index)
    src = view(src)
    combine = compiled(COMBINE[reduce])
    return writing(work, lambda out: compiled(kernel)(view(out), index, src, combine))


def write_whole(work):
    """Writes of whole slices."""
    reduce = "sum" if work.function == "index_add" else work.reduce
    if reduce not in COMBINE:
        return None
    shape = (*work.shape[: work.dim], *work.index.shape, *work.shape[work.dim :][1:])
    src = three(np.broadcast_to(np.asarray(work.src, work.dtype), shape), work.dim)
    kernel, combine = compiled(write_slices), compiled(COMBINE[reduce])
    return writing(work, lambda out: kernel(three(out, work.dim), work.index, src, combine))


def segments(work):
    reduce = {"sum": "sum", "max": "amax", "min": "amin", "prod": "prod"}.get(work.reduce)
    if reduce is None:
        return None
    data = work.input.reshape((work.shape[0], -1), copy=False)
    kernel, combine = compiled(reduce_segments), compiled(COMBINE[reduce])

    def reduced():
        out = np.empty((work.lengths.size, data.shape[1]), work.dtype)
        kernel(data, work.lengths, np.cumsum(work.lengths), out, combine)
        return out.reshape(-1, *work.shape[1:])

    return reduced


SPELLINGS = {
    "gather": (gather,),
    "take_along_axis": (gather,),
    "index_select": (select,),
    "take": (select,),
    "gather_nd": (gather_nd,),
    "scatter": (write,),
    "put_along_axis": (write,),
    "scatter_nd": (write,),
    "scatter_add": (write,),
    "scatter_reduce": (write,),
    "index_copy": (write_whole,),
    "index_fill": (write_whole,),
    "index_add": (write_whole,),
    "index_reduce": (write_whole,),
    "segment_reduce": (segments,),
}
