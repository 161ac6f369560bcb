"""Arguments to arrays: the rules, and the words of every error, that both engines share.

The compiled engine has its own quick checks; where one fails it calls the function
here that raises.
"""

import math
import operator

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

READ_MODES = ("raise", "wrap", "clip", "fill", "drop")
WRITE_MODES = ("raise", "wrap", "clip", "drop")
REDUCTIONS = {name: name for name in ("sum", "prod", "mean", "amax", "amin")}
SEGMENT_REDUCTIONS = {"sum": "sum", "prod": "prod", "mean": "mean", "max": "amax", "min": "amin"}
MAX_DIMS = 64  # numpy's
INTP, UINTP = np.dtype(np.intp), np.dtype(np.uintp)
FIT_INTP = frozenset(char for char in np.typecodes["AllInteger"] if np.can_cast(char, INTP))
LARGEST_INTP = np.iinfo(INTP).max
SMALLEST, LARGEST = 1e-4, 6e4  # float16 holds what lies between
SCALAR_KINDS = {bool: "biufc", int: "iufc", float: "fc", complex: "c"}
ND_REDUCTIONS = {"none": "set", "add": "sum", "mul": "prod", "max": "amax", "min": "amin"}


def as_array(value, name):
    """`value` as a plain ndarray; a masked array is refused, its mask would be lost."""
    if type(value) is np.ndarray:
        return value
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(
            f"{name} is a numpy.ma.MaskedArray, whose mask would be lost; "
            f"pass {name}.filled(value) or {name}.data"
        )
    return np.asarray(value)


def as_index(value, name="index"):
    """`value` as an array of integers, at their own width."""
    index = as_array(value, name)
    if index.dtype.kind not in "iu":
        raise TypeError(f"{name} must hold integers, not {index.dtype}")
    return index


def as_narrow(index, least, most):
    """
    An index that intp holds, for one of a wider dtype, as int64 is where addresses have 32 bits.

    All numbers below `least` < 0 become that, and all above `most` that.
    """
    if index.itemsize <= INTP.itemsize:
        return index
    return index.clip(least if index.dtype.kind == "i" else 0, most)


def as_take_indices(value):
    """The indices of `take`: as numpy.take, bool counts as 0 and 1 and `[]` is empty."""
    indices = as_array(value, "indices")
    if indices.dtype.kind == "b":
        return indices.view(np.uint8)
    if indices.size == 0 and not isinstance(value, np.ndarray):
        return indices.astype(np.intp)
    return as_index(indices, "indices")


def as_along_axis(arr, indices, axis):
    """The indices and axis of take_along_axis and put_along_axis, as NumPy checks them."""
    indices = as_array(indices, "indices")
    if axis is None:
        if indices.ndim != 1:
            raise ValueError("when axis=None, `indices` must have a single dimension.")
    else:
        axis = as_axis(axis, arr.ndim)
        if indices.ndim != arr.ndim:
            raise ValueError("`indices` and `arr` must have the same number of dimensions")
    if indices.dtype.kind not in "iu":
        raise IndexError("`indices` must be an integer array")
    return indices, axis


def broadcast_along_axis(arr_shape, indices_shape, axis):
    """The shape that take_along_axis gives, or NumPy's error."""
    if indices_shape == arr_shape:
        return arr_shape
    pairs = zip(arr_shape, indices_shape, strict=True)
    shape = tuple(n if a == 1 else a if n == 1 else n if a == n else -1 for a, n in pairs)
    shape = shape[:axis] + indices_shape[axis : axis + 1] + shape[axis + 1 :]
    if -1 in shape:
        raise IndexError(
            "shape mismatch: indexing arrays could not be broadcast together: arr has shape "
            f"{arr_shape}, indices {indices_shape}, and dims other than {axis} must be equal or 1"
        )
    return shape


def as_axis(axis, ndim):
    """`axis` in [0, ndim), or numpy.exceptions.AxisError."""
    return normalize_axis_index(operator.index(axis), ndim)


def as_integer(value, name):
    """`value` as an int, or an error that names it."""
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, not {value!r}") from None


def as_dim(dim, ndim):
    """`dim` in [0, ndim); a 0-d array counts as having one dim, as in PyTorch."""
    dim, limit = operator.index(dim), ndim or 1
    if not -limit <= dim < limit:
        raise IndexError(f"dim {dim} is out of range for an array with {ndim} dims")
    return dim % limit


def check_mode(mode, allowed, out=None):
    if mode not in allowed:
        raise ValueError(f"mode must be one of {', '.join(allowed)}, not {mode!r}")
    if mode == "drop" and allowed is READ_MODES and out is None:
        raise ValueError('mode="drop" keeps what out= holds, so a read needs out= for it')


def check_choice(value, allowed, name):
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}, not {value!r}")


def as_values(value, dtype, name):
    """`value` as an array of `dtype`, by NumPy's rule for scalars or for same_kind casts."""
    if type(value) is np.ndarray and value.dtype == dtype:
        return value
    if dtype.isnative and _converts_quietly(value, dtype.kind):
        return np.array(value, dtype)
    if isinstance(value, bool | int | float | complex) and not isinstance(value, np.generic):
        kind = next(kind for kind in SCALAR_KINDS if isinstance(value, kind))
        if dtype.kind in "biufc" and dtype.kind not in SCALAR_KINDS[kind]:
            raise TypeError(f"{name}={value!r} does not convert to {dtype}")
        with np.errstate(all="ignore"):
            native = dtype if dtype.isnative else dtype.newbyteorder("=")
            return np.array(value, native).astype(dtype, copy=False)
    if dtype.kind not in "biufc" and not isinstance(value, np.ndarray | np.generic):
        as_array(value, name)
        return np.asarray(value, dtype)
    values = as_array(value, name)
    if values.dtype == dtype:
        return values
    if not np.can_cast(values.dtype, dtype, "same_kind"):
        raise TypeError(f"{name} of dtype {values.dtype} does not convert to {dtype} by same_kind")
    with np.errstate(all="ignore"):
        return values.astype(dtype)


def _converts_quietly(value, kind):
    """Whether a number converts to any dtype of this kind with nothing to suppress, or raises."""
    number = type(value)
    if kind == "c" and number is complex:
        return _is_plain(value.real) and _is_plain(value.imag)
    if kind in "fc":
        return (number is float or number is int) and _is_plain(value)
    return number is int if kind in "iu" else number is bool and kind == "b"


def _is_plain(number):
    return number == 0 or SMALLEST < abs(number) < LARGEST


def as_fill(value, dtype, name):
    """The same for what fills gaps: the default, 0, is also False and a void's zero bytes."""
    if isinstance(value, int) and value == 0 and dtype.kind in "bV" and dtype.names is None:
        return np.zeros((), dtype)
    return as_values(value, dtype, name)


def as_fill_value(value, dtype):
    """The same of a read, 0-d."""
    return as_scalar(as_fill(value, dtype, "fill_value"), dtype, "fill_value")


def as_put_values(values, dtype, shape):
    """The values of put_along_axis, broadcast to `shape` as an assignment in NumPy does."""
    values = as_values(values, dtype, "values")
    if values.shape == shape:
        return values
    extra = max(values.ndim - len(shape), 0)
    fits = values.shape[:extra] == (1,) * extra
    try:
        return np.broadcast_to(values.reshape(values.shape[extra:]) if fits else values, shape)
    except ValueError:
        raise ValueError(
            f"shape mismatch: value array of shape {values.shape} could not be broadcast "
            f"to indexing result of shape {shape}"
        ) from None


def as_scalar(value, dtype, name):
    """`value` as a 0-d array of `dtype`."""
    scalar = as_values(value, dtype, name)
    if scalar.ndim:
        raise ValueError(f"{name} must be a scalar, not an array of shape {scalar.shape}")
    return scalar


def check_out(out, shape, dtype, name="out"):
    if isinstance(out, np.ma.MaskedArray) or not isinstance(out, np.ndarray):
        raise TypeError(f"{name} must be a numpy.ndarray, not {type(out).__name__}")
    if out.shape != shape:
        raise ValueError(f"{name} has shape {out.shape}, but the result has shape {shape}")
    if out.dtype != dtype:
        raise TypeError(f"{name} has dtype {out.dtype}, but the result has dtype {dtype}")
    if not out.flags.writeable:
        raise ValueError(f"{name} is read-only")


def check_ndim(ndim):
    if ndim > MAX_DIMS:
        raise ValueError(f"the result would have {ndim} dims, and NumPy holds {MAX_DIMS} at most")


def check_gather_shapes(input_shape, dim, index_shape):
    if index_shape == input_shape:
        return
    if len(input_shape) != len(index_shape):
        raise ValueError(
            f"index must have the rank of input: input has shape {input_shape}, index {index_shape}"
        )
    for d, (n, limit) in enumerate(zip(index_shape, input_shape, strict=True)):
        if d != dim and n > limit:
            raise ValueError(
                f"index of shape {index_shape} does not fit input of shape {input_shape}: "
                f"in dim {d}, {n} is more than {limit} (only dim {dim} may be longer)"
            )


def check_src_shape(index_shape, src_shape):
    if len(src_shape) != len(index_shape):
        raise ValueError(
            f"src must have the rank of index or be a scalar: "
            f"index has shape {index_shape}, src {src_shape}"
        )
    for d, (n, limit) in enumerate(zip(index_shape, src_shape, strict=True)):
        if n > limit:
            raise ValueError(
                f"src of shape {src_shape} is smaller than index of shape {index_shape} in dim {d}"
            )


def check_index_1d(input_shape, index_shape):
    if len(index_shape) != 1:
        raise ValueError(f"index must be 1-D, but has shape {index_shape}")
    if not input_shape and index_shape != (1,):
        raise ValueError(f"index into a 0-d input must have one element, not {index_shape[0]}")


def check_source_shape(input_shape, dim, length, source_shape):
    """The shape of index_copy's, index_add's and index_reduce's source."""
    expected = (*input_shape[:dim], length, *input_shape[dim + 1 :]) if input_shape else ()
    if source_shape != expected:
        raise ValueError(
            f"source has shape {source_shape}, but input of shape {input_shape} "
            f"and {length} indices along dim {dim} need {expected}"
        )


def as_components(indices, ndim, batch_dims=0):
    """The index arrays of gather_nd and scatter_nd, one a dim, and the shape they share.

    An array holds them along its last dim; a tuple holds one array a dim, to be broadcast.
    """
    if isinstance(indices, tuple):
        components = [as_index(array, f"indices[{k}]") for k, array in enumerate(indices)]
        shapes = [array.shape for array in components]
        if len(set(shapes)) == 1:
            shape = shapes[0]
        else:
            try:
                shape = np.broadcast_shapes(*shapes)
            except ValueError:
                raise ValueError(
                    f"the index arrays do not broadcast: {', '.join(map(str, shapes))}"
                ) from None
            components = [np.broadcast_to(array, shape) for array in components]
    else:
        indices = as_index(indices, "indices")
        if indices.ndim == 0:
            raise ValueError("indices must have at least one dim, the last of them the coordinates")
        components = [indices[..., k] for k in range(min(indices.shape[-1], ndim + 1))]
        shape = indices.shape[:-1]
    if len(components) > ndim - batch_dims:
        given = len(components) if isinstance(indices, tuple) else indices.shape[-1]
        raise ValueError(
            f"indices give {given} coordinates, but an array of {ndim} dims "
            f"with batch_dims={batch_dims} takes at most {ndim - batch_dims}"
        )
    return components, shape


def as_batch_dims(batch_dims, params_shape):
    batch_dims = operator.index(batch_dims)
    if not 0 <= batch_dims <= len(params_shape):
        raise ValueError(
            f"batch_dims must be from 0 to {len(params_shape)}, the rank of params, "
            f"not {batch_dims}"
        )
    return batch_dims


def check_batch_shape(batch_dims, params_shape, shape):
    if shape[:batch_dims] != params_shape[:batch_dims]:
        raise ValueError(
            f"the first {batch_dims} dims (batch_dims) of params and indices must agree: "
            f"params has shape {params_shape}, indices give {shape}"
        )


def check_updates_shape(expected, updates_shape):
    if updates_shape != expected:
        raise ValueError(f"updates has shape {updates_shape}, but data and indices need {expected}")


def check_bounds(index, dim, size):
    """Raise IndexError for the first element of `index` in C order outside [-size, size)."""
    if index.size and -size <= int(index.min()) and int(index.max()) < size:
        return
    bad = out_of_bounds(index, size)
    if bad.any():
        position = np.unravel_index(np.argmax(bad), index.shape)
        raise_out_of_bounds(index[position], position, dim, size)


def check_bounds_nd(indices, components, sizes, first_dim):
    """The same for the coordinates of gather_nd and scatter_nd, in C order of `indices`."""
    if not components or components[0].size == 0:
        return
    pairs = zip(components, sizes, strict=False)
    bad = np.stack([out_of_bounds(array, size) for array, size in pairs], axis=-1)
    if bad.any():
        *position, k = np.unravel_index(np.argmax(bad), bad.shape)
        value = components[k][tuple(position)]
        if not isinstance(indices, tuple):
            position.append(k)
        raise_out_of_bounds(value, position, first_dim + k, sizes[k])


def out_of_bounds(index, size):
    """Where `index` is outside [-size, size).

    Compared only with what its dtype holds: NumPy before 2.3 may crash otherwise (numpy#28117).
    """
    limits = np.iinfo(index.dtype)
    bad = index >= size if size <= limits.max else np.zeros(index.shape, bool)
    return bad | (index < -size) if -size >= limits.min else bad


def raise_out_of_bounds(value, position, dim, size):
    position = tuple(int(i) for i in position)
    raise IndexError(
        f"index {int(value)} at position {position} is out of bounds for dim {dim} with size {size}"
    )


def raise_empty_dim(mode, dim):
    raise IndexError(f'mode="{mode}" has nothing to choose from: dim {dim} has size 0')


def as_offsets(lengths, offsets, size):
    """Where the k segments of segment_reduce start and end, `k + 1` integers, and their lengths."""
    if (lengths is None) == (offsets is None):
        raise ValueError("segment_reduce takes either lengths or offsets")
    name = "lengths" if offsets is None else "offsets"
    given = as_index(lengths if offsets is None else offsets, name)
    if given.ndim != 1:
        raise ValueError(f"{name} must be 1-D, but has shape {given.shape}")
    own = as_narrow(given, -1, size + 1).astype(INTP)  # that no other thread writes into
    if offsets is None:
        runs, ends, least = own, np.zeros(own.size + 1, INTP), size
        np.add.accumulate(runs, out=ends[1:])
    elif own.size:
        runs, ends, least = own[1:] - own[:-1], own, 0
    else:
        raise ValueError("offsets needs at least one element: k + 1 for k segments")
    # No length is above `size`, so that a sum that overflows is negative first. As unsigned, a
    # negative length is above it.
    if (
        (runs.size and np.maximum.reduce(runs.view(UINTP)) > size)
        or (runs.size * size > LARGEST_INTP and np.minimum.reduce(ends) < 0)
        or ends[0] < 0
        or not least <= ends[-1] <= size
    ):
        rule = f"be non-negative and add up to {size}, the size of the axis"
        rule = rule if offsets is None else f"not decrease and must lie in [0, {size}]"
        seen = np.array2string(given, threshold=6)
        raise ValueError(f"{name} must {rule}, but they are {seen}")
    return ends, runs


def identity(reduce, dtype):
    """The neutral element of a reduction, as a 0-d array. Objects may be any number."""
    if dtype.kind == "O" and reduce in ("sum", "prod"):
        return np.array(int(reduce == "prod"), dtype)
    if reduce == "sum" or reduce == "mean":
        return np.array(complex(-0.0, -0.0) if dtype.kind == "c" else -0.0).astype(dtype)
    if reduce == "prod":
        return np.array(1).astype(dtype)
    sign = -1 if reduce == "amax" else 1
    if dtype.kind == "b":
        return np.array(sign > 0)
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return np.array(limits.min if sign < 0 else limits.max, dtype)
    if dtype.kind in "mM":
        limits = np.iinfo(np.int64)
        return np.array(limits.min + 1 if sign < 0 else limits.max, np.int64).view(dtype)
    if dtype.kind == "c":
        return np.array(complex(sign * math.inf, sign * math.inf), dtype)
    if dtype.kind == "f":
        return np.array(sign * math.inf, dtype)
    raise TypeError(f"{reduce} without a starting value is not defined for {dtype}")
