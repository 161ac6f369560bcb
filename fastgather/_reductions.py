"""Reductions that are built from simpler ones, the same way for both engines.

They need an accumulator of another dtype than the result: means, floats narrower than
float32, swapped bytes; or an index that the caller did not give: segments.
"""

import cmath

import numpy as np

from fastgather import _arguments as arguments

ONE = np.array(1, np.int64)
FEW = 1 << 10  # floats whose product with themselves takes less time than their minimum
EXACT = 1 << 24  # up to it float32 holds every integer


def is_narrow_float(dtype):
    """float16 and the real types of ml_dtypes: they accumulate in float32 and round once."""
    return dtype.type is np.float16 or (dtype.isbuiltin == 2 and np.can_cast(dtype, np.float32))


def kind_of(dtype):
    """The kind of a dtype, but that of void for what NumPy knows no parts of, as complex32."""
    return "V" if dtype.isbuiltin == 2 else dtype.kind


def check_defined(reduce, dtype):
    if reduce == "mean" and kind_of(dtype) not in "iufc" and not is_narrow_float(dtype):
        raise TypeError(f"mean is not defined for {dtype}")


def accumulator_dtype(dtype, reduce):
    """The native dtype in which `reduce` accumulates values of `dtype`."""
    if is_narrow_float(dtype):
        return np.dtype(np.float32)
    check_defined(reduce, dtype)
    if reduce == "mean" and dtype.kind in "iu":
        return np.dtype(np.int64 if dtype.kind == "i" else np.uint64)
    return dtype if dtype.isnative else dtype.newbyteorder("=")


def needs_accumulator(dtype, reduce):
    return accumulator_dtype(dtype, reduce) != dtype


def any_nan(floats):
    """Whether one of them is NaN; callers ignore what NumPy warns of, as squares that overflow."""
    if floats.size <= FEW and floats.dtype.char in "fd" and floats.flags.c_contiguous:
        line = floats.reshape(-1)
        return cmath.isnan(line.dot(line))
    return cmath.isnan(np.minimum.reduce(floats, None, initial=0))


def has_nan(array):
    """Whether there is a number whose bits may change where nothing is done to it."""
    if kind_of(array.dtype) not in "fc":
        return False
    with np.errstate(all="ignore"):
        return any_nan(array)


def has_spare_bits(dtype):
    """Whether it may be one of those of ml_dtypes that are narrower than a byte."""
    return dtype.isbuiltin == 2 and dtype.itemsize == 1


def divide(total, count):
    """
    `total` over `count`, both in place, but for counts of 0; integers round towards minus infinity.

    To leave elements out takes NumPy several times as long as to divide all, some by 1.
    """
    where = True
    if np.minimum.reduce(count, None, initial=2) < 2:
        where = count > 1 if has_nan(total) else True
        np.maximum(count, 1, out=count)
    if total.dtype.kind in "iu":
        np.floor_divide(total, count.astype(total.dtype, copy=False), out=total)
    else:
        if total.dtype == np.float32 and np.maximum.reduce(count, None, initial=0) <= EXACT:
            count = count.astype(np.float32)  # the same bits as by way of float64, and faster
        for part in (total.real, total.imag) if total.dtype.kind == "c" else (total,):
            np.divide(part, count, out=part, where=where, casting="same_kind")


def divide_runs(total, axis, lengths):
    """The sums of runs along `axis` over their lengths, in place, but for those of length 0."""
    with np.errstate(all="ignore"):
        count = lengths.astype(np.int64)
        divide(total, count.reshape(count.shape + (1,) * (total.ndim - axis - 1)))


def scale(source, alpha, dtype):
    """`alpha * source` in the dtype that sums of `dtype` accumulate in."""
    dtype = accumulator_dtype(dtype, "sum")
    with np.errstate(all="ignore"):
        return np.asarray(np.multiply(source, alpha, dtype=dtype, casting="unsafe"))


def labels(ends):
    """To which run each position belongs."""
    return np.repeat(np.arange(ends.size - 1), np.diff(ends))


def segment_reduce(data, reduce, lengths, offsets, axis, initial, combine_runs):
    """
    Reduce runs along `axis`.

    `combine_runs(start, axis, ends, values, operation)` gives the array in which slice i combines
    `start`, unless that is None, and the slices `ends[i]:ends[i + 1]` of `values`; the other
    arguments are those of the public function.
    """
    arguments.check_choice(reduce, arguments.SEGMENT_REDUCTIONS, "reduce")
    data = arguments.as_array(data, "data")
    if data.ndim == 0:
        raise ValueError("data must have at least one dim")
    axis = arguments.as_dim(axis, data.ndim)
    ends, lengths = arguments.as_offsets(lengths, offsets, data.shape[axis])
    before = (slice(None),) * axis
    any_empty = np.count_nonzero(lengths) < lengths.size
    if reduce == "mean" and data.dtype.kind in "iu" and initial is None and any_empty:
        raise ValueError(
            f"segment {np.argmin(lengths)} is empty, and integers have no NaN for its mean; "
            "pass initial="
        )
    operation = arguments.SEGMENT_REDUCTIONS[reduce]
    dtype = accumulator_dtype(data.dtype, operation)
    with np.errstate(all="ignore"):
        start = initial
        if initial is not None:
            start = arguments.as_scalar(initial, data.dtype, "initial").astype(dtype)
        values = data[(*before, slice(ends[0], ends[-1]))].astype(dtype, copy=False)
        operation = "sum" if reduce == "mean" else operation
        total = combine_runs(start, axis, ends - ends[0], values, operation)
        if reduce == "mean":
            divide_runs(total, axis, lengths)
        if initial is None and reduce in ("sum", "mean") and any_empty:
            total[(*before, lengths == 0)] = 0 if reduce == "sum" else np.nan
        return total.astype(data.dtype, copy=False)
