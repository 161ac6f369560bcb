"""Arrays of float32 and of the floats of 16 bits, made of each other as `numpy.ndarray.astype` does, but faster."""

cimport numpy as cnp
from libc.stdint cimport uint16_t, uint32_t

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
    """The elements of some blocks; whether a NaN was narrowed."""
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
    elif conversion.widens:
        for i in range(start, stop):
            widened[i] = widen_half(half[i])
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


def convert(cnp.ndarray array, cnp.dtype dtype):
    """`array` in another dtype: itself, if it has that."""
    cdef cnp.ndarray result
    cdef Conversion conversion
    cdef Py_ssize_t blocks, nan
    cdef int threads
    cdef Work work
    cdef cnp.dtype narrow
    conversion.widens = dtype.type_num == cnp.NPY_FLOAT
    narrow = array.descr if conversion.widens else dtype
    conversion.bfloat = is_bfloat(narrow)
    if not (
        (conversion.bfloat or narrow.type_num == NPY_HALF)
        and (conversion.widens or cnp.PyArray_TYPE(array) == cnp.NPY_FLOAT)
        and cnp.PyArray_ISCARRAY_RO(array) and dtype.isnative
    ):
        return (<object> array).astype(dtype, copy=False)
    result = new_array(dtype, cnp.PyArray_NDIM(array), <const Py_ssize_t *> cnp.PyArray_DIMS(array), False)
    conversion.source = cnp.PyArray_DATA(array)
    conversion.to = cnp.PyArray_DATA(result)
    conversion.size = cnp.PyArray_SIZE(array)
    blocks = (conversion.size + BLOCK - 1) // BLOCK
    if blocks < 2:
        nan = convert_blocks(&conversion, 0, blocks)
    else:
        work = begin_work(cnp.PyArray_NBYTES(array) + cnp.PyArray_NBYTES(result))
        threads = threads_for(&work)
        with nogil:
            nan = run_parallel(convert_blocks, &conversion, blocks, threads)
        end_work(&work)
    return (<object> array).astype(dtype) if nan else result
