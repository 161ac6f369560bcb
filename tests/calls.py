"""Random valid calls of every function, the layouts of their arrays, and how results compare.

A call is a dict of keyword arguments. A variant is a function with its reduction:
"gather", "scatter_reduce-sum", "scatter_reduce-sum-alone" (include_self=False), "scatter_nd-add".
"""

import math

import ml_dtypes
import numpy as np

INDEX_DTYPES = ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]
STRUCTURED = np.dtype([("a", "i2"), ("b", "f8"), ("c", "S3")])
WITH_REFERENCES = np.dtype([("a", "O"), ("b", "i4")])
ML_DTYPES = [
    np.dtype(t) for t in (ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2)
]
FLOATS = [np.dtype(t) for t in ("f2", "f4", "f8", "g", "F", "D", "G")] + ML_DTYPES
NUMERIC = [np.dtype(t) for t in ("?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")] + FLOATS
DTYPES = [
    *NUMERIC,
    *[np.dtype(t) for t in ("M8[s]", "m8[ms]", "S3", "U2", "V5", STRUCTURED)],
    np.dtype(object),
    np.dtypes.StringDType(),
    WITH_REFERENCES,
]

READS = ["gather", "index_select", "take", "take_along_axis", "gather_nd"]
MOVES = [*READS, "scatter", "index_copy", "index_fill", "put_along_axis", "scatter_nd-none"]
REDUCTIONS = {"add": "sum", "mul": "prod", "max": "amax", "min": "amin", "none": None}


def variants():
    """Every variant and the arguments that make it one."""
    table = {variant: {} for variant in [*MOVES, "scatter_add", "index_add"]}
    for name in ("scatter_reduce", "index_reduce"):
        for reduce in ("sum", "prod", "mean", "amax", "amin"):
            table[f"{name}-{reduce}"] = {"reduce": reduce}
            table[f"{name}-{reduce}-alone"] = {"reduce": reduce, "include_self": False}
    for reduction in REDUCTIONS:
        table[f"scatter_nd-{reduction}"] = {"reduction": reduction}
    for reduce in ("sum", "prod", "mean", "max", "min"):
        table[f"segment_reduce-{reduce}"] = {"reduce": reduce}
    return table


VARIANTS = variants()
SEGMENTS = [variant for variant in VARIANTS if variant.startswith("segment_reduce")]
WRITES = [variant for variant in VARIANTS if variant not in READS + SEGMENTS]
COMBINING = [variant for variant in WRITES if variant not in MOVES]

DATA = {
    "take": "a",
    "take_along_axis": "arr",
    "put_along_axis": "arr",
    "gather_nd": "params",
    "scatter_nd": "data",
    "segment_reduce": "data",
}  # else "input"
INDEX = {
    "take": "indices",
    "take_along_axis": "indices",
    "put_along_axis": "indices",
    "gather_nd": "indices",
    "scatter_nd": "indices",
    "segment_reduce": "lengths",
}
SOURCE = {
    "scatter": "src",
    "scatter_add": "src",
    "scatter_reduce": "src",
    "index_copy": "source",
    "index_add": "source",
    "index_reduce": "source",
    "put_along_axis": "values",
    "scatter_nd": "updates",
    "index_fill": "value",
}


def function_of(variant):
    return variant.split("-")[0]


def is_put(variant):
    """Whether a variant writes into its first argument, with no `out`."""
    return variant == "put_along_axis"


def data_of(variant):
    """The parameter that is read by a read and written by a write."""
    return DATA.get(function_of(variant), "input")


def index_of(variant):
    return INDEX.get(function_of(variant), "index")


def source_of(variant):
    """The parameter that a write writes from; None for a read."""
    return SOURCE.get(function_of(variant))


def reduction_of(variant):
    """ "sum", "prod", "mean", "amax" or "amin"; None where nothing is combined."""
    if variant.endswith("_add"):
        return "sum"
    reduce = variant.split("-")[1] if "-" in variant else "none"
    return REDUCTIONS.get(reduce, reduce)


def dtypes_of(variant):
    """The dtypes that a variant takes."""
    reduce = reduction_of(variant)
    if reduce is None:
        return DTYPES
    if reduce == "mean":
        return NUMERIC[1:]  # no bool
    dtypes = {"sum": "m8[ms]", "prod": "", "amax": "M8[s],m8[ms]", "amin": "M8[s],m8[ms]"}[reduce]
    dtypes = NUMERIC + [np.dtype(t) for t in filter(None, dtypes.split(","))]
    begins_empty = variant.endswith("-alone") or variant in SEGMENTS
    if not begins_empty or reduce in ("sum", "prod"):
        dtypes.append(np.dtype(object))  # else it would need a largest object
    if not begins_empty and reduce != "prod":
        dtypes.append(np.dtypes.StringDType())
    return dtypes


def modes_of(variant):
    if variant in SEGMENTS:
        return [None]
    return ["raise", "wrap", "clip", "drop"] + ["fill"] * (variant in READS)


# Arguments


def random_call(variant, rng, shape, dtype, index_dtype="i8", mode="raise"):
    """Arguments for `variant` on data of this shape and dtype, every index right for the mode."""
    data = random_data(rng, shape, dtype)
    function = function_of(variant)
    arguments = {data_of(variant): data, **VARIANTS[variant]}
    arguments |= MAKERS[function](rng, data, np.dtype(index_dtype), mode)
    if source_of(variant):
        source = source_of(variant)
        arguments[source] = random_data(rng, arguments[source], dtype)
    if mode is not None:
        arguments["mode"] = mode
    if mode == "fill":
        arguments["fill_value"] = random_data(rng, (), dtype)
    return arguments


def plain_call(variant, rng, dtype="f8", shape=(2, 3, 4), dim=1, length=2):
    """Arguments for `variant` with one index array, `length` long where it counts, all in range.

    The N-d functions index dims 0 to `dim`; segments are `length` many along `dim`.
    """
    function, name = function_of(variant), index_of(variant)
    size, line = shape[dim], (*shape[:dim], length, *shape[dim + 1 :])
    along = {name: rng.integers(-size, size, line), **axis_argument(variant, dim)}
    arguments = {data_of(variant): random_data(rng, shape, dtype), **VARIANTS[variant], **along}
    written = line
    if function == "take" or function.startswith("index_"):
        arguments[name] = rng.integers(-size, size, length)
    elif function.endswith("_nd"):
        count = math.prod(shape[:dim]) * length
        columns = [rng.integers(-n, n, count) for n in shape[: dim + 1]]
        arguments[name], written = np.stack(columns, axis=-1), (count, *shape[dim + 1 :])
    elif function == "segment_reduce":
        length = min(length, size) or length  # no empty ones
        cuts = np.arange(1, length) * size // length
        arguments[name] = np.diff(cuts, prepend=0, append=size)
    if source_of(variant):
        written = () if function == "index_fill" else written
        arguments[source_of(variant)] = random_data(rng, written, dtype)
    return arguments


def axis_argument(variant, dim):
    function = function_of(variant)
    if function.endswith("_nd"):
        return {}
    return {"axis" if function in INDEX else "dim": dim}


# What reaches the kernels and up to seven threads: shape, dim, length of the index along it.
LARGE = {
    "last dim": ((560, 580), 1, 580),
    "first dim": ((560, 580), 0, 560),
    "middle dim": ((40, 130, 50), 1, 160),
    "histogram": ((1000,), 0, 320_000),
    "far line": ((1_100_000,), 0, 320_000),
    "far rows": ((20_000, 60), 0, 5_400),
}


def gather_arguments(rng, input, index_dtype, mode):
    dim, size = random_dim(rng, input.shape)
    shape = [int(rng.integers(0 if rng.random() < 0.1 else n, n + 1)) for n in input.shape]
    if shape:
        shape[dim] = int(rng.integers(0, size + 3))
    return {"dim": dim, "index": random_index(rng, shape, size, index_dtype, mode)}


def scatter_arguments(rng, input, index_dtype, mode):
    arguments = gather_arguments(rng, input, index_dtype, mode)
    larger = tuple(n + int(rng.integers(0, 2)) for n in arguments["index"].shape)
    return arguments | {"src": larger}


def slice_arguments(rng, input, index_dtype, mode):
    dim, size = random_dim(rng, input.shape)
    length = 1 if input.ndim == 0 else int(rng.integers(0, size + 3))
    return {"dim": dim, "index": random_index(rng, (length,), size, index_dtype, mode)}


def slice_write_arguments(rng, input, index_dtype, mode):
    arguments = slice_arguments(rng, input, index_dtype, mode)
    shape = list(input.shape)
    if shape:
        shape[arguments["dim"]] = len(arguments["index"])
    return arguments | {"source": tuple(shape)}


def index_add_arguments(rng, input, index_dtype, mode):
    alphas = [None]
    if input.dtype.kind in "iuO":
        alphas += [2, -1] if input.dtype.kind == "i" else [2]
    elif input.dtype in FLOATS:
        alphas += [2, -0.5]
    alpha = alphas[rng.integers(len(alphas))]
    arguments = slice_write_arguments(rng, input, index_dtype, mode)
    return arguments if alpha is None else arguments | {"alpha": alpha}


def index_fill_arguments(rng, input, index_dtype, mode):
    return slice_arguments(rng, input, index_dtype, mode) | {"value": ()}


def take_arguments(rng, a, index_dtype, mode):
    axis, size = (None, a.size) if rng.random() < 0.3 else random_dim(rng, a.shape)
    shape = rng.integers(0, 4, rng.integers(0, 3))
    return {"axis": axis, "indices": random_index(rng, shape, size, index_dtype, mode)}


def take_along_axis_arguments(rng, arr, index_dtype, mode):
    if arr.ndim == 0 or rng.random() < 0.2:
        shape = (int(rng.integers(0, arr.size + 2)),)
        return {"axis": None, "indices": random_index(rng, shape, arr.size, index_dtype, mode)}
    axis, size = random_dim(rng, arr.shape)
    shape = [int(rng.choice([1, 3] if n == 1 else [1, n, n])) for n in arr.shape]
    shape[axis] = int(rng.integers(0, size + 3))
    return {"axis": axis, "indices": random_index(rng, shape, size, index_dtype, mode)}


def put_along_axis_arguments(rng, arr, index_dtype, mode):
    arguments = take_along_axis_arguments(rng, arr, index_dtype, mode)
    around = [arr.size] if arguments["axis"] is None else list(arr.shape)
    around[arguments["axis"] or 0] = 1
    full = np.broadcast_shapes(arguments["indices"].shape, tuple(around))
    values = tuple(1 if rng.random() < 0.2 else n for n in full)
    return arguments | {"values": () if rng.random() < 0.1 else values}


def gather_nd_arguments(rng, params, index_dtype, mode):
    batch_dims = int(rng.integers(0, max(min(params.ndim, 3), 1)))
    indices = random_nd_index(rng, params, index_dtype, mode, batch_dims)
    return {"batch_dims": batch_dims, "indices": indices}


def scatter_nd_arguments(rng, data, index_dtype, mode):
    indices = random_nd_index(rng, data, index_dtype, mode)
    lead, depth = lead_and_depth(indices)
    return {"indices": indices, "updates": (*lead, *data.shape[depth:])}


def lead_and_depth(indices):
    """The shape of the places that an N-d index names, and how many dims it names them in."""
    if isinstance(indices, tuple):
        return np.broadcast_shapes(*(member.shape for member in indices)), len(indices)
    return indices.shape[:-1], indices.shape[-1]


def segment_reduce_arguments(rng, data, index_dtype, mode):
    axis, size = random_dim(rng, data.shape)
    cuts = np.sort(rng.integers(0, size + 1, rng.integers(1, 5)))
    if rng.random() < 0.5:
        arguments = {"axis": axis, "offsets": cuts.astype(index_dtype)}
    else:
        lengths = np.diff(cuts, prepend=0, append=size)
        arguments = {"axis": axis, "lengths": lengths.astype(index_dtype)}
    if rng.random() < 0.5:
        arguments["initial"] = random_data(rng, (), data.dtype)
    return arguments


MAKERS = {
    "gather": gather_arguments,
    "scatter": scatter_arguments,
    "scatter_add": scatter_arguments,
    "scatter_reduce": scatter_arguments,
    "index_select": slice_arguments,
    "index_copy": slice_write_arguments,
    "index_add": index_add_arguments,
    "index_fill": index_fill_arguments,
    "index_reduce": slice_write_arguments,
    "take": take_arguments,
    "take_along_axis": take_along_axis_arguments,
    "put_along_axis": put_along_axis_arguments,
    "gather_nd": gather_nd_arguments,
    "scatter_nd": scatter_nd_arguments,
    "segment_reduce": segment_reduce_arguments,
}


def random_dim(rng, shape):
    """A dim counted from either end, and its size; a 0-d array counts as one element."""
    dim = int(rng.integers(-max(len(shape), 1), max(len(shape), 1)))
    return dim, shape[dim] if shape else 1


def random_index(rng, shape, size, dtype, mode):
    """In range for mode="raise", up to twice as far out for the other modes."""
    limits = np.iinfo(dtype)
    low, high = (-size, size) if mode == "raise" else (-2 * size - 1, 2 * size + 2)
    low, high = max(low, limits.min), min(high, limits.max + 1)
    return rng.integers(low, max(high, low + 1), shape, dtype)


def random_nd_index(rng, data, dtype, mode, batch_dims=0):
    """An array with the coordinates last, or a tuple of arrays that broadcast together."""
    depth = int(rng.integers(0, data.ndim - batch_dims + 1))
    named = data.shape[batch_dims : batch_dims + depth]
    lead = data.shape[:batch_dims] + tuple(map(int, rng.integers(0, 4, rng.integers(0, 3))))
    if depth == 0:
        return np.empty((*lead, 0), dtype)
    members = [random_index(rng, lead, n, dtype, mode) for n in named]
    if rng.random() < 0.5:
        return np.stack(members, axis=-1)
    thin = tuple(slice(None, 1) if n and rng.random() < 0.3 else slice(None) for n in lead)
    return (*members[:-1], members[-1][thin]) if depth > 1 else tuple(members)


def random_data(rng, shape, dtype):
    """Any values the dtype holds; NaN, infinities, -0.0, NaT and extremes are among them."""
    dtype, size = np.dtype(dtype), math.prod(shape)
    if size > 10_000:
        return random_data(rng, (9973,), dtype)[np.arange(size) % 9973].reshape(shape)
    if dtype.names:
        result = np.zeros(shape, dtype)
        for name in dtype.names:
            result[name] = random_data(rng, shape, dtype[name])
        return result
    if dtype in FLOATS:
        values = random_floats(rng, size, dtype)
    elif dtype.kind == "O":
        values = np.empty(size, object)
        values[:] = [int(n) << int(k) for n, k in zip(*rng.integers(0, 80, (2, size)), strict=True)]
    elif dtype.kind in "SUT":
        texts = ["".join(rng.choice(list("abc"), rng.choice([0, 1, 3, 40]))) for _ in range(size)]
        values = np.array(texts, dtype)
    elif dtype.kind == "m":  # from 2.5 on, NumPy refuses sums that overflow
        values = rng.integers(-(2**40), 2**40, size).view(dtype)
        values[rng.random(size) < 0.1] = "NaT"
    elif dtype.kind == "b":
        values = rng.integers(0, 2, size).astype(bool)
    else:
        values = np.frombuffer(bytearray(rng.bytes(size * dtype.itemsize)), dtype)
    return values.reshape(shape)


def random_floats(rng, size, dtype):
    if dtype.kind == "c":
        parts = [random_floats(rng, size, np.empty(0, dtype).real.dtype) for _ in range(2)]
        return np.stack(parts, axis=-1).view(dtype)[:, 0]
    values = rng.standard_normal(size) * 10.0 ** rng.integers(-2, 4, size)
    odd = rng.choice([np.nan, np.inf, -np.inf, 0.0, -0.0], size)
    with np.errstate(all="ignore"):
        return np.where(rng.random(size) < 0.1, odd, values).astype(dtype)


def spoil(rng, index):
    """Puts one or two values into `index` that are out of range for every small dim."""
    index = index[rng.integers(len(index))] if isinstance(index, tuple) else index
    limits = np.iinfo(index.dtype)
    far = [limits.max, 100, limits.min or limits.max, -100 if limits.min else 100]
    for _ in range(rng.integers(1, 3) if index.size else 0):
        index.reshape(-1)[rng.integers(index.size)] = far[rng.integers(len(far))]


# Layouts: each takes an array and returns an equal one that lies in memory in its own way


def in_c_order(array):
    return np.array(array, order="C")


def in_fortran_order(array):
    return np.array(array, order="F")


def transposed(array):
    """The last dim outermost in memory, the others in order: neither C nor Fortran from 3-d on."""
    order = np.roll(range(array.ndim), 1)
    return np.array(array.transpose(order), order="C").transpose(np.argsort(order))


def sliced(array):
    whole = np.zeros([2 * n + 1 for n in array.shape], array.dtype)
    return filled(whole[(..., *[slice(1, None, 2)] * array.ndim)], array)


def backwards(array):
    whole = np.empty(array.shape, array.dtype)
    return filled(whole[(..., *[slice(None, None, -1)] * array.ndim)], array)


def unaligned(array):
    if array.dtype.hasobject:
        return sliced(array)  # references are always aligned
    buffer = np.zeros(array.nbytes + 1, np.uint8)[1:]
    return filled(buffer.view(array.dtype).reshape(array.shape), array)


def byte_swapped(array):
    return array if array.dtype.hasobject else array.astype(array.dtype.newbyteorder())


def broadcast(array):
    """Zero strides: the one layout that changes the values, to repeats of the first slice."""
    return np.broadcast_to(array[:1] if array.size else array, array.shape) if array.ndim else array


def filled(result, array):
    result[...] = array
    return result


# The layouts that keep values and dtype, also fit for `out`; and all of them.
PLAIN_LAYOUTS = {
    "c": in_c_order,
    "fortran": in_fortran_order,
    "transposed": transposed,
    "sliced": sliced,
    "backwards": backwards,
    "unaligned": unaligned,
}
LAYOUTS = PLAIN_LAYOUTS | {"byte_swapped": byte_swapped, "broadcast": broadcast}


def read_only(array):
    array = array.view()
    array.flags.writeable = False
    return array


def sharing_memory(array, other, starts):
    """Arrays like both in one buffer, each from its own start; the first keeps its values."""
    if has_invalid_bytes(array.dtype):
        buffer = np.zeros(max(starts) + max(array.size, other.size), array.dtype)
    else:
        buffer = np.zeros(max(starts) + max(array.nbytes, other.nbytes), np.uint8)
    shared = filled(window(buffer, starts[0], array), array)
    return read_only(shared), window(buffer, starts[1], other)


def has_invalid_bytes(dtype):
    """Whether a dtype breaks on the bytes of another: references and characters do."""
    return dtype.hasobject or dtype.kind == "U"


def window(buffer, start, like):
    """A view of `buffer` with the shape and dtype of `like`."""
    size = like.size if buffer.dtype == like.dtype else like.nbytes
    flat = buffer[start : start + size]
    return (flat if buffer.dtype == like.dtype else flat.view(like.dtype)).reshape(like.shape)


def on_arrays(arguments, function):
    """The arguments with `function` applied to every array, those in a tuple too."""

    def apply(value):
        if isinstance(value, tuple):
            return tuple(apply(member) for member in value)
        return function(value) if isinstance(value, np.ndarray) else value

    return {name: apply(value) for name, value in arguments.items()}


# Running and comparing


def run(engine, variant, arguments):
    """What the call results in: for `put_along_axis` of an engine, which returns None, `arr`."""
    result = getattr(engine, function_of(variant))(**arguments)
    return arguments["arr"] if result is None else result


def result_shape(variant, arguments):
    """The shape of the result, without the call."""
    data, index = arguments[data_of(variant)], arguments[index_of(variant)]
    dim = arguments.get("dim", arguments.get("axis"))
    if variant in WRITES:
        return data.shape
    if variant == "gather" or (dim is None and variant == "take_along_axis"):
        return index.shape
    if variant == "gather_nd":
        lead, depth = lead_and_depth(index)
        return (*lead, *data.shape[arguments["batch_dims"] + depth :])
    if (variant == "take" and dim is None) or data.ndim == 0:
        return index.shape if variant == "take" else ()
    before, after = data.shape[:dim], data.shape[dim % data.ndim + 1 :]
    if variant == "take_along_axis":
        return np.broadcast_shapes(index.shape, (*before, 1, *after))
    return (*before, *index.shape, *after)


def boxed(value, dtype):
    """A NumPy scalar or a str, as `take` returns it, as a 0-d array.

    By way of the native dtype: ml_dtypes forgets to swap a scalar's bytes.
    """
    native = dtype if dtype.isnative else dtype.newbyteorder("=")
    return filled(np.empty((), native), value).astype(dtype)


def assert_same(actual, expected, any_nan=False):
    """The same dtype, shape and bits; with `any_nan` one NaN stands for another."""
    assert type(actual) is type(expected)
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    if expected.dtype.kind in "OT":
        assert actual.tolist() == expected.tolist()
        return
    if actual.tobytes() == expected.tobytes():
        return
    found, wanted = parts(actual), parts(expected)
    same = (bits(found) == bits(wanted)).all(axis=1)
    if any_nan and wanted.dtype.newbyteorder("=") in FLOATS:
        same |= np.isnan(found) & np.isnan(wanted)
    assert same.all(), f"{actual!r}\nis not\n{expected!r}"


def parts(array):
    """All elements in C order, complex ones as two."""
    array = np.array(array, order="C").reshape(-1)
    return array.view(array.real.dtype) if array.dtype.kind == "c" else array


def bits(array):
    """The bytes of every element of a 1-d array, less what a long double only pads with."""
    itemsize = array.dtype.itemsize
    used = 10 if array.dtype.kind == "f" and itemsize == 16 else itemsize
    raw = np.frombuffer(array.tobytes(), np.uint8).reshape(len(array), itemsize)
    return raw[:, itemsize - used :] if array.dtype.byteorder == ">" else raw[:, :used]
