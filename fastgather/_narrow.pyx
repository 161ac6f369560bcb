"""Arrays of float32 and of the floats of 16 bits, made of each other as `numpy.ndarray.astype` does, but faster."""

import numpy as np

cimport numpy as cnp
from libc.stdint cimport uint32_t

from fastgather import _reductions as reductions
from fastgather import _settings
from fastgather._resolve import use

from fastgather._memory cimport new_array
from fastgather._resolve cimport wide
from fastgather._threads cimport Work, begin_work, end_work, run_parallel, threads_for

cnp.import_array()

cdef enum:
    BLOCK = 1 << 12             # elements that a thread converts at a time, at least

cdef extern from "_narrow.h" nogil:
    ctypedef uint32_t (*Converter "FgConverter")(void *to, const void *source, Py_ssize_t n) noexcept nogil
    Converter converter "fg_converter" (bint wide, bint narrows, bint bfloat)
    bint has_wide "fg_has_wide" ()

cdef extern from "numpy/arrayobject.h":
    int NPY_HALF

cdef struct Conversion:
    Converter convert
    const char *source
    char *to
    Py_ssize_t size
    Py_ssize_t itemsize
    Py_ssize_t to_itemsize


def instruction_sets():
    """Those that this CPU has, the widest last."""
    return ("baseline", "avx2") if has_wide() else ("baseline",)


cdef Py_ssize_t convert_blocks(const void *work, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    """The elements of some blocks; whether there was a NaN."""
    cdef const Conversion *conversion = <const Conversion *> work
    cdef Py_ssize_t start = first * BLOCK, stop = min(last * BLOCK, conversion.size)
    return conversion.convert(
        conversion.to + start * conversion.to_itemsize, conversion.source + start * conversion.itemsize, stop - start
    ) != 0


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
    cdef bint widens, bfloat, fortran
    any_nan[0] = False
    if array.descr is dtype:
        return array
    widens = dtype.type_num == cnp.NPY_FLOAT
    narrow = array.descr if widens else dtype
    bfloat = is_bfloat(narrow)
    if not (
        (bfloat or narrow.type_num == NPY_HALF)
        and (widens or cnp.PyArray_TYPE(array) == cnp.NPY_FLOAT)
        and not cnp.PyArray_ISBYTESWAPPED(array) and dtype.isnative
    ):
        result = by_numpy(array, dtype)
        any_nan[0] = reductions.has_nan(result)
        return result
    fortran = not cnp.PyArray_ISCARRAY_RO(array) and cnp.PyArray_ISFARRAY_RO(array)
    if not (cnp.PyArray_ISCARRAY_RO(array) or fortran):
        array = cnp.PyArray_NewCopy(array, cnp.NPY_CORDER)
    result = new_array(dtype, cnp.PyArray_NDIM(array), <const Py_ssize_t *> cnp.PyArray_DIMS(array), fortran)
    conversion.convert = converter(wide, not widens, bfloat)
    conversion.source = <const char *> cnp.PyArray_DATA(array)
    conversion.to = <char *> cnp.PyArray_DATA(result)
    conversion.size = cnp.PyArray_SIZE(array)
    conversion.itemsize = array.descr.itemsize
    conversion.to_itemsize = dtype.itemsize
    blocks = (conversion.size + BLOCK - 1) // BLOCK
    if blocks < 2:
        any_nan[0] = convert_blocks(&conversion, 0, blocks)
    else:
        work = begin_work(cnp.PyArray_NBYTES(array) + cnp.PyArray_NBYTES(result))
        threads = threads_for(&work)
        with nogil:
            any_nan[0] = run_parallel(convert_blocks, &conversion, blocks, threads) > 0
        end_work(&work)
    return by_numpy(array, dtype) if any_nan[0] and not widens else result


def converted(array, dtype):
    """For the tests."""
    cdef bint any_nan
    return convert(array, dtype, &any_nan)


chosen = _settings.choose_instruction_set(instruction_sets())
use(chosen)
if chosen != "baseline":
    _settings.runtime.isa = f"{_settings.runtime.isa}, {chosen} for conversions, checks, copies and rows"
