"""Arrays of float32 and of the floats of 16 bits, made of each other as `numpy.ndarray.astype` does, but faster."""

import numpy as np

cimport numpy as cnp
from libc.stdint cimport uint16_t, uint32_t

from fastgather import _reductions as reductions

from fastgather._memory cimport new_array
from fastgather._threads cimport Work, begin_work, end_work, run_parallel, threads_for

cnp.import_array()

cdef enum:
    BLOCK = 1 << 12             # elements that a thread converts at a time, at least

cdef extern from "_narrow.h" nogil:
    uint32_t widen_half "fg_widen_half" (uint16_t half)
    uint16_t narrow_half "fg_narrow_half" (uint32_t wide)
    uint32_t widen_bfloat "fg_widen_bfloat" (uint16_t half)
    uint16_t narrow_bfloat "fg_narrow_bfloat" (uint32_t wide)
    uint32_t is_nan "fg_is_nan" (uint32_t wide)

cdef extern from "numpy/arrayobject.h":
    int NPY_HALF

cdef struct Conversion:
    const void *source
    void *to
    Py_ssize_t size
    bint widens
    bint bfloat


cdef Py_ssize_t convert_blocks(const void *work, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    """The elements of some blocks; whether there was a NaN."""
    cdef const Conversion *conversion = <const Conversion *> work
    cdef Py_ssize_t i, start = first * BLOCK, stop = min(last * BLOCK, conversion.size)
    cdef const uint16_t *half = <const uint16_t *> conversion.source
    cdef const uint32_t *wide = <const uint32_t *> conversion.source
    cdef uint32_t *widened = <uint32_t *> conversion.to
    cdef uint16_t *narrowed = <uint16_t *> conversion.to
    cdef uint32_t nan = 0
    if conversion.widens and conversion.bfloat:
        for i in range(start, stop):
            widened[i] = widen_bfloat(half[i])
            nan |= is_nan(widened[i])
    elif conversion.widens:
        for i in range(start, stop):
            widened[i] = widen_half(half[i])
            nan |= is_nan(widened[i])
    elif conversion.bfloat:
        for i in range(start, stop):
            nan |= is_nan(wide[i])
            narrowed[i] = narrow_bfloat(wide[i])
    else:
        for i in range(start, stop):
            nan |= is_nan(wide[i])
            narrowed[i] = narrow_half(wide[i])
    return nan != 0


cdef inline bint is_bfloat(cnp.dtype dtype):
    """ml_dtypes registers it with NumPy, which has no number of its own for it."""
    return dtype.itemsize == 2 and (<object> dtype).type.__name__ == "bfloat16"


cdef cnp.ndarray by_numpy(cnp.ndarray array, cnp.dtype dtype):
    with np.errstate(all="ignore"):
        return (<object> array).astype(dtype)


cdef cnp.ndarray convert(cnp.ndarray array, cnp.dtype dtype, bint *any_nan):
    """`array` in another dtype, and whether there is a NaN in it; or itself, of which nothing is said."""
    cdef cnp.ndarray result
    cdef Conversion conversion
    cdef Py_ssize_t blocks
    cdef int threads
    cdef Work work
    cdef cnp.dtype narrow
    any_nan[0] = False
    if array.descr is dtype:
        return array
    conversion.widens = dtype.type_num == cnp.NPY_FLOAT
    narrow = array.descr if conversion.widens else dtype
    conversion.bfloat = is_bfloat(narrow)
    if not (
        (conversion.bfloat or narrow.type_num == NPY_HALF)
        and (conversion.widens or cnp.PyArray_TYPE(array) == cnp.NPY_FLOAT)
        and cnp.PyArray_ISCARRAY_RO(array) and dtype.isnative
    ):
        result = by_numpy(array, dtype)
        any_nan[0] = reductions.has_nan(result)
        return result
    result = new_array(dtype, cnp.PyArray_NDIM(array), <const Py_ssize_t *> cnp.PyArray_DIMS(array), False)
    conversion.source = cnp.PyArray_DATA(array)
    conversion.to = cnp.PyArray_DATA(result)
    conversion.size = cnp.PyArray_SIZE(array)
    blocks = (conversion.size + BLOCK - 1) // BLOCK
    if blocks < 2:
        any_nan[0] = convert_blocks(&conversion, 0, blocks)
    else:
        work = begin_work(cnp.PyArray_NBYTES(array) + cnp.PyArray_NBYTES(result))
        threads = threads_for(&work)
        with nogil:
            any_nan[0] = run_parallel(convert_blocks, &conversion, blocks, threads) > 0
        end_work(&work)
    return by_numpy(array, dtype) if any_nan[0] and not conversion.widens else result


def converted(array, dtype):
    """For the tests."""
    cdef bint any_nan
    return convert(array, dtype, &any_nan)
