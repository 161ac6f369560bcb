"""Every function of the contract, written from its definition: plain loops over elements.

The signatures are the library's. Nothing here is changed in place: every function, `put_along_axis`
too, returns a new array, and `out` only says what a read with mode="drop" keeps. Shapes and dtypes
are taken to be right; only the index is checked.
"""

import math
import operator

import ml_dtypes
import numpy as np

NARROW_FLOATS = [
    np.dtype(t)
    for t in (np.float16, ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2)
]
SYNONYMS = {"add": "sum", "mul": "prod", "max": "amax", "min": "amin"}


# Reads


def gather(input, dim, index, *, out=None, mode="raise", fill_value=0):
    place = places(index, *axis_of(input, dim), mode)

    def source(position):
        return along(position, dim, place[position])

    return read(input, source, index.shape, out, mode, fill_value)


def index_select(input, dim, index, *, out=None, mode="raise", fill_value=0):
    place = places(index, *axis_of(input, dim), mode)
    shape = along(input.shape, dim, len(index))

    def source(position):
        return along(position, dim, place[position[dim] if position else 0])

    return read(input, source, shape, out, mode, fill_value)


def take(a, indices, axis=None, out=None, mode="raise", *, fill_value=0):
    a, axis = (a.reshape(-1), 0) if axis is None or a.ndim == 0 else (a, axis % a.ndim)
    place = places(indices, axis, a.shape[axis], mode)
    shape = a.shape[:axis] + indices.shape + a.shape[axis + 1 :]

    def source(position):
        middle = place[position[axis : axis + indices.ndim]]
        if middle is not None:
            return (*position[:axis], middle, *position[axis + indices.ndim :])

    return read(a, source, shape, out, mode, fill_value)


def take_along_axis(arr, indices, axis=-1, *, out=None, mode="raise", fill_value=0):
    arr, axis = (arr.reshape(-1), 0) if axis is None else (arr, axis % arr.ndim)
    place, shape = broadcast_places(arr, indices, axis, mode)

    def source(position):
        return along(unbroadcast(position, arr.shape, axis), axis, place[position])

    return read(arr, source, shape, out, mode, fill_value)


def gather_nd(params, indices, batch_dims=0, *, out=None, mode="raise", fill_value=0):
    place, depth = nd_places(params, indices, batch_dims, mode)
    shape = place.shape + params.shape[batch_dims + depth :]

    def source(position):
        lead, tail = position[: place.ndim], position[place.ndim :]
        if place[lead] is not None:
            return lead[:batch_dims] + place[lead] + tail

    return read(params, source, shape, out, mode, fill_value)


def read(input, source, shape, out, mode, fill_value):
    """result[position] = input[source(position)]; for None the fill, or what `out` held."""
    result = np.zeros(shape, input.dtype) if out is None else out.copy()
    for position in np.ndindex(shape):
        found = source(position)
        if found is not None:
            result[position] = element(input, found)
        elif mode == "fill":
            result[position] = fill_value
    return result


# Plain writes


def scatter(input, dim, index, src, *, out=None, mode="raise"):
    return write(input, scatter_pairs(input, dim, index, src, mode))


def index_copy(input, dim, index, source, *, out=None, mode="raise"):
    return write(input, slice_pairs(input, dim, index, source, mode))


def index_fill(input, dim, index, value, *, out=None, mode="raise"):
    return write(input, slice_pairs(input, dim, index, value, mode))


def put_along_axis(arr, indices, values, axis, *, mode="raise"):
    flat, axis = (arr.reshape(-1), 0) if axis is None else (arr, axis % arr.ndim)
    place, shape = broadcast_places(flat, indices, axis, mode)
    values = np.broadcast_to(cast(values, arr.dtype), shape)
    pairs = (
        (
            along(unbroadcast(position, flat.shape, axis), axis, place[position]),
            element(values, position),
        )
        for position in np.ndindex(shape)
    )
    return write(flat, pairs).reshape(arr.shape)


def write(input, pairs):
    result = np.array(input)
    for target, value in pairs:
        if target is not None:
            result[target] = value
    return result


# Writes that combine


def scatter_add(input, dim, index, src, *, out=None, mode="raise"):
    return combine(input, scatter_pairs(input, dim, index, src, mode), "sum")


def scatter_reduce(input, dim, index, src, reduce, *, include_self=True, out=None, mode="raise"):
    return combine(input, scatter_pairs(input, dim, index, src, mode), reduce, include_self)


def index_add(input, dim, index, source, *, alpha=1, out=None, mode="raise"):
    if isinstance(alpha, int) and alpha == 1:
        factor = None
    else:
        factor = widen(cast(alpha, input.dtype)[()], input.dtype, "sum")
    return combine(input, slice_pairs(input, dim, index, source, mode), "sum", factor=factor)


def index_reduce(input, dim, index, source, reduce, *, include_self=True, out=None, mode="raise"):
    return combine(input, slice_pairs(input, dim, index, source, mode), reduce, include_self)


def scatter_nd(data, indices, updates, reduction="none", *, out=None, mode="raise"):
    place, depth = nd_places(data, indices, 0, mode)
    shape = place.shape + data.shape[depth:]
    updates = np.broadcast_to(cast(updates, data.dtype), shape)
    pairs = (
        (
            None
            if place[position[: place.ndim]] is None
            else place[position[: place.ndim]] + position[place.ndim :],
            element(updates, position),
        )
        for position in np.ndindex(shape)
    )
    return write(data, pairs) if reduction == "none" else combine(data, pairs, reduction)


def segment_reduce(data, reduce, *, lengths=None, offsets=None, axis=0, initial=None):
    if offsets is None:
        offsets = np.cumsum([0, *map(int, lengths)])
    reduce, axis = SYNONYMS.get(reduce, reduce), axis % data.ndim
    has_empty = 0 in np.diff(offsets.astype(int))
    if reduce == "mean" and data.dtype.kind in "iu" and initial is None and has_empty:
        raise ValueError("integers have no NaN for the mean of an empty segment")
    result = np.zeros(along(data.shape, axis, len(offsets) - 1), data.dtype)
    for position in np.ndindex(result.shape):
        segment = range(int(offsets[position[axis]]), int(offsets[position[axis] + 1]))
        values = [widen(data[along(position, axis, k)], data.dtype, reduce) for k in segment]
        result[position] = reduce_segment(values, data.dtype, reduce, initial)
    return result


def reduce_segment(values, dtype, reduce, initial):
    if initial is not None:
        total = widen(cast(initial, dtype)[()], dtype, reduce)
        count = max(len(values), 1)
    else:
        total, count = identity(reduce, dtype, not values), len(values)
        if reduce == "mean" and not values:
            return np.nan
    for value in values:
        total = value if total is None else step(reduce, total, value)
    return narrow(total, count, dtype, reduce)


def combine(input, pairs, reduce, include_self=True, factor=None):
    """Every (target, value) in the order given, each target in an accumulator, rounded once."""
    reduce, dtype = SYNONYMS.get(reduce, reduce), input.dtype
    totals, counts = {}, {}
    for target, value in pairs:
        if target is None:
            continue
        value = widen(value[()], dtype, reduce)
        if factor is not None:
            value = step("prod", value, factor)
        if target not in totals:
            counts[target] = int(include_self)
            totals[target] = (
                widen(input[target], dtype, reduce) if include_self else identity(reduce, dtype)
            )
        counts[target] += 1
        before = totals[target]
        totals[target] = value if before is None else step(reduce, before, value)
    result = np.array(input)
    for target, total in totals.items():
        result[target] = narrow(total, counts[target], dtype, reduce)
    return result


def step(reduce, total, value):
    with np.errstate(all="ignore"):
        if reduce in ("sum", "mean"):
            return operator.add(total, value)
        if reduce == "prod":
            return multiply(total, value)
        return extreme(total, value, operator.gt if reduce == "amax" else operator.lt)


def multiply(a, b):
    if not isinstance(a, np.complexfloating):
        return a * b
    product = np.empty((), a.dtype)
    product.real = a.real * b.real - a.imag * b.imag
    product.imag = a.real * b.imag + a.imag * b.real
    return product[()]


def extreme(a, b, beats):
    """NaN and NaT propagate, the first one met; -0.0 is below +0.0."""
    if isinstance(a, np.generic):
        if a != a:
            return a
        if b != b:
            return np.float64(np.nan).astype(b.dtype) if b.dtype.kind == "f" else b
        if isinstance(a, np.floating) and a == b:
            return b if beats(np.signbit(a), np.signbit(b)) else a
    return b if beats(b, a) else a


def identity(reduce, dtype, empty=False):
    """What a reduction starts from; None where the first value does (object, strings)."""
    dtype = np.dtype(np.float32) if is_narrow(dtype) else native(dtype)
    kind = dtype.kind
    if kind == "O" and reduce in ("sum", "prod"):
        return 0 if reduce == "sum" else 1
    if kind in "OT":
        return None
    if reduce in ("sum", "mean"):
        if kind in "iu" and reduce == "mean":
            return 0
        value = -0.0 if kind in "fc" and not empty else 0
        return np.array(complex(value, value) if kind == "c" else value, dtype)[()]
    if reduce == "prod":
        return np.array(1, dtype)[()]
    highest = reduce == "amin"
    if kind == "b":
        return np.bool_(highest)
    if kind in "fc":
        value = math.inf if highest else -math.inf
        return np.array(complex(value, value) if kind == "c" else value, dtype)[()]
    limits = np.iinfo("i8" if kind in "mM" else dtype)
    lowest = limits.min + (kind in "mM")
    return np.array(limits.max if highest else lowest, limits.dtype).astype(dtype)[()]


def widen(value, dtype, reduce):
    """`value` as its accumulator has it: float32 for narrow floats, a Python int for means."""
    if is_narrow(dtype):
        return np.float32(value)
    if dtype.kind in "iu" and reduce == "mean":
        return int(value)
    return value


def narrow(total, count, dtype, reduce):
    if reduce == "mean" and dtype.kind in "iu":
        wide = np.array(total % 2**64, "u8").astype(dtype.kind + "8")
        return np.array(int(wide) // count).astype(dtype)
    with np.errstate(all="ignore"):
        if reduce == "mean" and isinstance(total, np.complexfloating):
            quotient = np.empty((), total.dtype)
            quotient.real = total.real / total.real.dtype.type(count)
            quotient.imag = total.imag / total.real.dtype.type(count)
            total = quotient[()]
        elif reduce == "mean":
            total = total / type(total)(count)
        return np.asarray(total).astype(native(dtype)) if is_narrow(dtype) else total


# Positions


def places(index, dim, size, mode):
    """The place along `dim` that every index names; None where it names none (fill, drop)."""
    result = np.empty(np.shape(index), object)
    for position in np.ndindex(result.shape):
        result[position] = place_of(index[position], position, dim, size, mode)
    return result


def place_of(value, position, dim, size, mode):
    value = int(value)
    if mode in ("fill", "drop"):
        return value if 0 <= value < size else None
    if not -size <= value < size and (mode == "raise" or size == 0):
        raise IndexError(
            f"index {value} at position {position} is out of bounds for dim {dim} with size {size}"
        )
    return min(max(value, 0), size - 1) if mode == "clip" else value % size


def nd_places(data, indices, batch_dims, mode):
    """A tuple of places per index, and how many dims it names; None where one names none."""
    stacked = isinstance(indices, tuple)
    if stacked:
        members = [np.asarray(member).astype(object) for member in indices]
        indices = np.stack(np.broadcast_arrays(*members), axis=-1)
    depth = indices.shape[-1]
    result = np.empty(indices.shape[:-1], object)
    for position in np.ndindex(result.shape):
        named = tuple(
            place_of(
                indices[position][k],
                position if stacked else (*position, k),
                batch_dims + k,
                data.shape[batch_dims + k],
                mode,
            )
            for k in range(depth)
        )
        result[position] = None if None in named else named
    return result, depth


def broadcast_places(arr, indices, axis, mode):
    """`places` broadcast against `arr`'s other dims, and the shape of that."""
    shape = np.broadcast_shapes(indices.shape, along(arr.shape, axis, 1))
    place = places(indices, axis, arr.shape[axis], mode)
    return np.broadcast_to(place, shape), shape


def scatter_pairs(input, dim, index, src, mode):
    place = places(index, *axis_of(input, dim), mode)
    src = cast(src, input.dtype)
    src = np.broadcast_to(src, index.shape) if src.ndim == 0 else src
    for position in np.ndindex(index.shape):
        yield along(position, dim, place[position]), element(src, position)


def slice_pairs(input, dim, index, source, mode):
    place = places(index, *axis_of(input, dim), mode)
    shape = along(np.atleast_1d(input).shape, dim, len(index))
    source = np.broadcast_to(cast(source, input.dtype), shape)
    for position in np.ndindex(shape):
        target = along(position, dim, place[position[dim]])
        yield () if input.ndim == 0 and target is not None else target, element(source, position)


def element(array, position):
    """One element as a 0-d array, its bytes as they are."""
    return array[(*position, ...)]


def axis_of(input, dim):
    """`dim` from the front, and its size; a 0-d array counts as one element."""
    return (dim % input.ndim, input.shape[dim]) if input.ndim else (0, 1)


def along(position, dim, place):
    """`position` with `place` as its coordinate along `dim`, or None where that names none."""
    if place is None:
        return None
    dim = dim % max(len(position), 1)
    return (*position[:dim], place, *position[dim + 1 :]) if position else ()


def unbroadcast(position, shape, axis):
    pairs = zip(position, shape, strict=True)
    return tuple(0 if n == 1 and d != axis else k for d, (k, n) in enumerate(pairs))


def cast(value, dtype):
    with np.errstate(all="ignore"):
        return np.asarray(value).astype(dtype)


def native(dtype):
    return dtype if dtype.kind == "T" else dtype.newbyteorder("=")


def is_narrow(dtype):
    return native(dtype) in NARROW_FLOATS
