"""The cells of the comparison: which work each one times, as data, and the arrays it needs."""

from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

import fastgather

# The arrays that each function takes in order, before its options.
OPERANDS = {
    "gather": ("input", "dim", "index"),
    "scatter": ("input", "dim", "index", "src"),
    "scatter_add": ("input", "dim", "index", "src"),
    "scatter_reduce": ("input", "dim", "index", "src", "reduce"),
    "index_select": ("input", "dim", "index"),
    "index_copy": ("input", "dim", "index", "src"),
    "index_add": ("input", "dim", "index", "src"),
    "index_fill": ("input", "dim", "index", "src"),
    "index_reduce": ("input", "dim", "index", "src", "reduce"),
    "take": ("input", "index", "dim"),
    "take_along_axis": ("input", "index", "dim"),
    "put_along_axis": ("input", "index", "src", "dim"),
    "gather_nd": ("input", "index"),
    "scatter_nd": ("input", "index", "src"),
    "segment_reduce": ("input", "reduce"),
}
WHOLE_SLICES = {name for name in OPERANDS if name.startswith("index_")} | {"take"}


class Cell(NamedTuple):
    """
    One row of the comparison.

    Attributes
    ----------
    function : str
        Name in `fastgather`.
    work : str
        What a reader calls it; with `function` it names the cell.
    shape : tuple of int
        Of `input`.
    dim : int or None
        As the function takes it.
    index : tuple of int
        Shape of the index; for `segment_reduce` the number of segments.
    dtype, index_dtype : str
    layout : {"contiguous", "transposed", "strided", "reversed"}
        How `input` lies in memory.
    index_layout : {"contiguous", "transposed", "broadcast"}
        "broadcast": one index for all the dims after `dim`, with stride 0 there.
    values : {"random", "permutation", "sorted", "beyond", "padded"}
        Of the index. "beyond" leaves the bounds, for modes; "padded" has some -1.
    src : {"array", "scalar"}
        Of the functions that write.
    reduce : str or None
    mode : str
    in_place : bool
        Whether the work is done with ``out=input``.
    """

    function: str
    work: str
    shape: tuple
    dim: int | None
    index: tuple  # type: ignore[assignment]  # not tuple.index
    dtype: str = "float32"
    index_dtype: str = "int64"
    layout: str = "contiguous"
    index_layout: str = "contiguous"
    values: str = "random"
    src: str = "array"
    reduce: str | None = None
    mode: str = "raise"
    in_place: bool = False

    @property
    def name(self):
        return f"{self.function}: {self.work}"


SQUARE = (4096, 4096)
OBLONG = (2000, 3000)
IMAGES = (32, 256, 1024)
ROWS = (100_000, 64)
SCATTER: dict[str, Any] = {"values": "permutation"}  # PyTorch and ONNX leave duplicates undefined
IN_PLACE: dict[str, Any] = {"in_place": True}

CELLS = [
    # gather: the dims, the item sizes, the index types, the layouts
    Cell("gather", "tiny", (2, 3, 4), 1, (2, 3, 4)),
    Cell("gather", "tiny, one line", (100,), 0, (100,)),
    Cell("gather", "small, middle dim", (8, 16, 32), 1, (8, 16, 32)),
    Cell("gather", "256 x 256, last dim", (256, 256), 1, (256, 256)),
    Cell("gather", "256 x 256, first dim", (256, 256), 0, (256, 256)),
    Cell("gather", "4096 x 4096, last dim", SQUARE, 1, SQUARE),
    Cell("gather", "4096 x 4096, last dim, int32 index", SQUARE, 1, SQUARE, index_dtype="int32"),
    Cell("gather", "4096 x 4096, transposed index", SQUARE, 1, SQUARE, index_layout="transposed"),
    Cell("gather", "4096 x 4096, first dim", SQUARE, 0, SQUARE),
    Cell("gather", "3000 x 5000, last dim", (3000, 5000), 1, (3000, 5000)),
    Cell("gather", "5000 x 3000, first dim", (5000, 3000), 0, (5000, 3000)),
    Cell("gather", "middle dim, 1-byte items", IMAGES, 1, IMAGES, "uint8"),
    Cell("gather", "middle dim, 2-byte items", IMAGES, 1, IMAGES, "float16", "int32"),
    Cell("gather", "middle dim, 8-byte items", IMAGES, 1, IMAGES, "float64"),
    Cell("gather", "last dim, 16-byte items", OBLONG, 1, OBLONG, "complex128"),
    Cell("gather", "transposed input", OBLONG, 1, OBLONG, layout="transposed"),
    Cell(
        "gather",
        "both transposed",
        OBLONG,
        1,
        OBLONG,
        layout="transposed",
        index_layout="transposed",
    ),
    Cell("gather", "strided input", OBLONG, 1, OBLONG, layout="strided"),
    Cell("gather", "reversed input, first dim", OBLONG, 0, OBLONG, layout="reversed"),
    Cell("gather", "keep 49 of 196 tokens", (256, 196, 768), 1, (256, 49, 768))._replace(
        index_layout="broadcast", values="permutation"
    ),
    Cell("gather", "masked autoencoder's mask", (4096, 196), 1, (4096, 196), **SCATTER),
    Cell("gather", "first dim of 1 M x 3", (1_000_000, 3), 0, (1_000_000, 3)),
    Cell("gather", "16 M random reads from 512 MB", (2**27,), 0, (2**24,)),
    Cell("gather", "1 M reads from 8 MB, sorted", (2**21,), 0, (2**20,), values="sorted"),
    # the other reads
    Cell("take_along_axis", "tiny", (2, 3, 4), 1, (2, 3, 4)),
    Cell("take_along_axis", "argsort of 10000 x 100", (10_000, 100), -1, (10_000, 100), **SCATTER),
    Cell("take_along_axis", "wrap, first dim", (2000, 2000), 0, (2000, 2000))._replace(
        values="beyond", mode="wrap"
    ),
    Cell("index_select", "tiny", (2, 3, 4), 1, (3,)),
    Cell("index_select", "embedding, 100 k x 64", ROWS, 0, (200_000,)),
    Cell("index_select", "embedding, 30 k x 768, int32", (30_000, 768), 0, (32_768,))._replace(
        index_dtype="int32"
    ),
    Cell("index_select", "columns", (4096, 4096), 1, (2048,)),
    Cell("index_select", "middle dim", IMAGES, 1, (128,), "float64"),
    Cell("index_select", "rows of a transposed input", SQUARE, 0, (2048,), layout="transposed"),
    Cell("index_select", "rows of 3 bytes", (1_000_000, 3), 0, (1_000_000,), "uint8"),
    Cell("take", "tiny", (2, 3, 4), 1, (3,)),
    Cell("take", "one axis, 1 M of 1 M", (1_000_000,), 0, (1_000_000,)),
    Cell("take", "embedding of 256 x 128 words", (50_000, 128), 0, (256, 128)),
    Cell("take", "clip, 4 M of 1 M", (1_000_000,), 0, (4_000_000,), "float64")._replace(
        values="beyond", mode="clip"
    ),
    Cell("take", "wrap, rows", ROWS, 0, (100_000,), values="beyond", mode="wrap"),
    Cell("take", "wrap, columns", OBLONG, 1, (3000,), values="beyond", mode="wrap"),
    Cell("take", "padding ragged rows, fill", ROWS, 0, (4096, 50), values="padded", mode="fill"),
    Cell("take", "int32 index, 16-byte items", (2**20,), 0, (2**22,), "complex128", "int32"),
    Cell("gather_nd", "tiny", (8, 8), None, (4, 2)),
    Cell("gather_nd", "1 M pixels", (1000, 1000), None, (1_000_000, 2)),
    Cell("gather_nd", "1 M pixels of 3 channels", (1000, 1000, 3), None, (1_000_000, 2)),
    Cell("gather_nd", "rows, int32 index", ROWS, None, (200_000, 1), index_dtype="int32"),
    # plain writes
    Cell("scatter", "tiny", (2, 3, 4), 1, (2, 3, 4), **SCATTER),
    Cell("scatter", "4096 x 4096, last dim", SQUARE, 1, SQUARE, **SCATTER),
    Cell("scatter", "first dim, int32 index", OBLONG, 0, OBLONG, **SCATTER)._replace(
        index_dtype="int32"
    ),
    Cell("scatter", "one hot, 1-byte items", (100_000, 100), 1, (100_000, 1), "uint8")._replace(
        src="scalar"
    ),
    Cell("put_along_axis", "last dim, in place", (2048, 2048), 1, (2048, 2048), **SCATTER),
    Cell("put_along_axis", "first dim, 8 bytes, in place", (2048, 2048), 0, (2048, 2048))._replace(
        dtype="float64", values="permutation"
    ),
    Cell("index_copy", "rows", ROWS, 0, (50_000,), **SCATTER),
    Cell("index_copy", "middle dim, 2-byte items", IMAGES, 1, (128,), "float16", **SCATTER),
    Cell("index_fill", "rows", ROWS, 0, (50_000,), src="scalar"),
    Cell("index_fill", "columns", (4096, 4096), 1, (1024,), src="scalar"),
    Cell("scatter_nd", "tiny", (8, 8), None, (4, 2), **SCATTER),
    Cell("scatter_nd", "1 M pixels", (2000, 2000), None, (1_000_000, 2), **SCATTER),
    Cell("scatter_nd", "add, 1 M pixels", (1000, 1000), None, (1_000_000, 2), reduce="add"),
    # writes that combine
    Cell("scatter_add", "tiny", (2, 3, 4), 1, (2, 3, 4)),
    Cell("scatter_add", "4096 x 4096, last dim", SQUARE, 1, SQUARE),
    Cell("scatter_add", "4096 x 4096, last dim, in place", SQUARE, 1, SQUARE, **IN_PLACE),
    Cell("scatter_add", "4096 x 4096, transposed index, in place", SQUARE, 1, SQUARE)._replace(
        index_layout="transposed", **IN_PLACE
    ),
    Cell("scatter_add", "4096 x 4096, first dim, in place", SQUARE, 0, SQUARE, **IN_PLACE),
    Cell(
        "scatter_add",
        "first dim of 1 M x 3, in place",
        (1_000_000, 3),
        0,
        (1_000_000, 3),
        **IN_PLACE,
    ),
    Cell("scatter_add", "histogram, 10 M into 1000", (1000,), 0, (10_000_000,), "int64")._replace(
        src="scalar"
    ),
    Cell("scatter_add", "weighted histogram, 10 M into 1 M", (1_000_000,), 0, (10_000_000,)),
    Cell("scatter_add", "weighted, 1 M into 1000, float64", (1000,), 0, (1_000_000,), "float64"),
    Cell("scatter_add", "weighted, 1 M into 1000, sorted", (1000,), 0, (1_000_000,))._replace(
        values="sorted"
    ),
    Cell("scatter_reduce", "amax, last dim", (2048, 2048), 1, (2048, 2048), reduce="amax"),
    Cell("scatter_reduce", "amin, first dim, int32", (2048, 2048), 0, (2048, 2048))._replace(
        dtype="int32", index_dtype="int32", reduce="amin"
    ),
    Cell("scatter_reduce", "mean, 1 M into 1000", (1000,), 0, (1_000_000,), reduce="mean"),
    Cell("scatter_reduce", "prod, middle dim", (64, 64, 256), 1, (64, 64, 256), reduce="prod"),
    Cell("index_add", "tiny", (2, 3, 4), 1, (3,)),
    Cell("index_add", "1 M x 64 into 100 k rows", ROWS, 0, (1_000_000,)),
    Cell("index_add", "1 M x 64 into 100 k rows, in place", ROWS, 0, (1_000_000,), **IN_PLACE),
    Cell("index_add", "columns, float64", (2000, 1000), 1, (4000,), "float64", "int32"),
    Cell("index_reduce", "amax, 200 k x 64 into 10 k rows", (10_000, 64), 0, (200_000,))._replace(
        reduce="amax"
    ),
    Cell("index_reduce", "mean, middle dim", (64, 32, 256), 1, (128,), reduce="mean"),
    Cell("segment_reduce", "tiny", (12,), 0, (3,), reduce="sum"),
    Cell("segment_reduce", "sum, 1 M x 16, 50 k runs", (1_000_000, 16), 0, (50_000,))._replace(
        reduce="sum"
    ),
    Cell("segment_reduce", "sum, 1 M, 1000 runs", (1_000_000,), 0, (1000,), reduce="sum"),
    Cell("segment_reduce", "max, 10 M, 1 M runs", (10_000_000,), 0, (1_000_000,), reduce="max"),
    Cell("segment_reduce", "mean, 200 k x 64", (200_000, 64), 0, (5_000,), reduce="mean"),
]


def prepare(cell, seed=0):
    """
    The arrays of a cell.

    Returns
    -------
    types.SimpleNamespace
        The cell's fields with `input`, `index`, `src` and `lengths` as arrays, and `written`, the
        number of bytes that the result takes.
    """
    rng = np.random.default_rng(seed)
    work = SimpleNamespace(**cell._asdict(), cell=cell, lengths=None)
    work.input = _lay(partial(_data, rng, dtype=cell.dtype), cell.shape, cell.layout)
    if cell.function == "segment_reduce":
        cuts = rng.choice(cell.shape[0] - 1, cell.index[0] - 1, replace=False) + 1
        work.lengths = np.diff(np.sort(cuts), prepend=0, append=cell.shape[0])
        work.index = None
        return work
    work.index = _index(rng, cell)
    work.src = _source(rng, cell)
    return work


def ours(work, **options):
    """The call to time: the function of `fastgather` with its arguments bound."""
    operands = [getattr(work, name) for name in OPERANDS[work.function]]
    if work.mode != "raise":
        options["mode"] = work.mode
    if work.function == "segment_reduce":
        options["lengths"] = work.lengths
    if work.function == "scatter_nd" and work.reduce:
        options["reduction"] = work.reduce
    if work.in_place or work.function == "put_along_axis":
        operands[0] = work.input.copy()
    if work.in_place:
        options["out"] = operands[0]
    call = partial(getattr(fastgather, work.function), *operands, **options)
    return _returning(operands[0], call) if work.function == "put_along_axis" else call


def _returning(array, call):
    """A call that changes `array` and returns it."""

    def changed():
        call()
        return array

    return changed


def _data(rng, shape, dtype):
    dtype = np.dtype(dtype)
    if dtype.kind in "iu":
        return rng.integers(0, 100, shape, dtype)
    if dtype.kind == "c":
        return (rng.random(shape) + 1j * rng.random(shape)).astype(dtype)
    return rng.random(shape, np.float32 if dtype.itemsize <= 4 else np.float64).astype(dtype)


def _lay(make, shape, layout):
    """An array of a shape with the memory layout that a cell names."""
    if layout == "transposed":
        return make(shape[::-1]).T
    if layout == "strided":
        return make((*shape[:-1], 2 * shape[-1]))[..., ::2]
    if layout == "reversed":
        return make(shape)[::-1]
    return make(shape)


def _index(rng, cell):
    if cell.function.endswith("_nd"):
        return _coordinates(rng, cell)
    size, shape = cell.shape[cell.dim], cell.index
    if cell.index_layout == "broadcast":
        shape = shape[: cell.dim + 1]
    if cell.values == "permutation":
        index = _permutations(rng, cell, shape, size)
    else:
        low, high = {"beyond": (-size // 2, size * 3 // 2), "padded": (-size // 4, size)}.get(
            cell.values, (0, size)
        )
        index = _lay(partial(rng.integers, low, high), shape, cell.index_layout)
    if cell.values == "padded":
        index = np.maximum(index, -1)
    if cell.values == "sorted":
        index.sort(axis=cell.dim)
    index = index.astype(cell.index_dtype, order="K", copy=False)
    if cell.index_layout == "broadcast":
        trailing = (1,) * (len(cell.index) - index.ndim)
        index = np.broadcast_to(index.reshape(index.shape + trailing), cell.index)
    return index


def _permutations(rng, cell, shape, size):
    """Different places in every line."""
    if cell.function in WHOLE_SLICES:
        return rng.permutation(size)[: shape[0]]
    keys = rng.random((*shape[: cell.dim], size, *shape[cell.dim :][1:]), np.float32)
    return np.argsort(keys, axis=cell.dim).take(np.arange(shape[cell.dim]), cell.dim)


def _coordinates(rng, cell):
    *counts, depth = cell.index
    leading = cell.shape[:depth]
    if cell.values == "permutation":
        flat = rng.choice(int(np.prod(leading)), counts, replace=False)
    else:
        flat = rng.integers(0, int(np.prod(leading)), counts)
    return np.stack(np.unravel_index(flat, leading), -1).astype(cell.index_dtype)


def _source(rng, cell) -> Any:
    """What the writing functions write."""
    if "src" not in OPERANDS[cell.function]:
        return None
    if cell.src == "scalar":
        return 1
    if cell.function.endswith("_nd"):
        shape = cell.index[:-1] + cell.shape[cell.index[-1] :]
    elif cell.function in WHOLE_SLICES:
        shape = (*cell.shape[: cell.dim], *cell.index, *cell.shape[cell.dim :][1:])
    else:
        shape = cell.index
    return _data(rng, shape, cell.dtype)
