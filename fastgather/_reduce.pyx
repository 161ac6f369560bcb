"""Writes that combine: `base[offset] = combine(base[offset], stream)`, in order.

The loop knows no operation and the operation no loop. Integers combine unsigned, where wrapping
round is defined. A NaN in the destination stays as it is and a new one is numpy.nan's bits, so
that no result depends on the order in which a compiler puts the operands.
"""

from libc.math cimport NAN
from libc.string cimport memcpy

cimport numpy as cnp

from fastgather._types cimport (
    AMAX, AMIN, BAD, PROD, SUM, Kernel, Operation, Tile,
    int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t,
)

cdef extern from "<math.h>" nogil:
    int signbit(long double x)

ctypedef long double float_long
ctypedef float complex complex64
ctypedef double complex complex128
ctypedef long double complex complex_long

ctypedef fused integer_t:
    int8_t
    uint8_t
    int16_t
    uint16_t
    int32_t
    uint32_t
    int64_t
    uint64_t

ctypedef fused real_t:
    float
    double
    float_long

ctypedef fused complex_t:
    complex64
    complex128
    complex_long

ctypedef fused number_t:
    int8_t
    uint8_t
    int16_t
    uint16_t
    int32_t
    uint32_t
    int64_t
    uint64_t
    float
    double
    float_long
    complex64
    complex128
    complex_long


cdef inline integer_t combine_integer(integer_t old, integer_t new, Operation operation) noexcept nogil:
    if operation == SUM:
        return <integer_t> (<uint64_t> old + <uint64_t> new)
    if operation == PROD:
        return <integer_t> (<uint64_t> old * <uint64_t> new)
    if operation == AMAX:
        return new if new > old else old
    return new if new < old else old


cdef inline real_t settle(real_t old, real_t result) noexcept nogil:
    if result == result:
        return result
    return old if old != old else NAN


cdef inline real_t combine_real(real_t old, real_t new, Operation operation) noexcept nogil:
    if operation == SUM:
        return settle(old, old + new)
    if operation == PROD:
        return settle(old, old * new)
    if old == new:
        return new if (signbit(old) != 0) == (operation == AMAX) else old
    if old < new or old > new:
        return new if (new > old) == (operation == AMAX) else old
    return settle(old, old + new)


cdef inline complex_t combine_complex(complex_t old, complex_t new, Operation operation) noexcept nogil:
    cdef complex_t result
    cdef bint keep
    if operation == SUM:
        result.real = settle(old.real, old.real + new.real)
        result.imag = settle(old.imag, old.imag + new.imag)
    elif operation == PROD:
        result.real = settle(old.real, old.real * new.real - old.imag * new.imag)
        result.imag = settle(old.imag, old.real * new.imag + old.imag * new.real)
    else:
        if operation == AMAX:
            keep = (old.real > new.real and new.imag == new.imag) or (old.real == new.real and old.imag >= new.imag)
        else:
            keep = (old.real < new.real and new.imag == new.imag) or (old.real == new.real and old.imag <= new.imag)
        result = old if keep or old.real != old.real or old.imag != old.imag else new
    return result


cdef inline void combine(char *to, const char *source, number_t old, Operation operation) noexcept nogil:
    """One item; `old` only carries the type. memcpy, because neither place need be aligned."""
    cdef number_t new
    memcpy(&old, to, sizeof(number_t))
    memcpy(&new, source, sizeof(number_t))
    if number_t in integer_t:
        new = combine_integer(old, new, operation)
    elif number_t in real_t:
        new = combine_real(old, new, operation)
    else:
        new = combine_complex(old, new, operation)
    memcpy(to, &new, sizeof(number_t))


cdef inline void reduce_row(
    char *to, const char *source, const Tile *tile, number_t unused, Operation operation
) noexcept nogil:
    cdef Py_ssize_t c
    if tile.row_base_stride == sizeof(number_t) and tile.row_stride == sizeof(number_t):
        for c in range(tile.row):
            combine(to + c * sizeof(number_t), source + c * sizeof(number_t), unused, operation)
    else:
        for c in range(tile.row):
            combine(to + c * tile.row_base_stride, source + c * tile.row_stride, unused, operation)


cdef inline void reduce_with(const Tile *tile, number_t unused, Operation operation) noexcept nogil:
    cdef const Py_ssize_t *offset = tile.offset
    cdef Py_ssize_t i, j
    cdef const char *source
    cdef bint single = tile.row == 1
    for j in range(tile.outer):
        source = tile.stream + j * tile.outer_stride
        for i in range(tile.inner):
            if offset[i] == BAD:
                pass
            elif single:
                combine(tile.base + offset[i], source, unused, operation)
            else:
                reduce_row(tile.base + offset[i], source, tile, unused, operation)
            source += tile.inner_stride
        offset += tile.inner


cdef inline void reduce_tile(const Tile *tile, number_t unused) noexcept nogil:
    """A loop for each operation, chosen once."""
    if tile.operation == SUM:
        reduce_with(tile, unused, SUM)
    elif tile.operation == PROD:
        reduce_with(tile, unused, PROD)
    elif tile.operation == AMAX:
        reduce_with(tile, unused, AMAX)
    else:
        reduce_with(tile, unused, AMIN)


cdef void reduce_int8(const Tile *tile) noexcept nogil:
    reduce_tile(tile, <int8_t> 0)


cdef void reduce_uint8(const Tile *tile) noexcept nogil:
    reduce_tile(tile, <uint8_t> 0)


cdef void reduce_int16(const Tile *tile) noexcept nogil:
    reduce_tile(tile, <int16_t> 0)


cdef void reduce_uint16(const Tile *tile) noexcept nogil:
    reduce_tile(tile, <uint16_t> 0)


cdef void reduce_int32(const Tile *tile) noexcept nogil:
    reduce_tile(tile, <int32_t> 0)


cdef void reduce_uint32(const Tile *tile) noexcept nogil:
    reduce_tile(tile, <uint32_t> 0)


cdef void reduce_int64(const Tile *tile) noexcept nogil:
    reduce_tile(tile, <int64_t> 0)


cdef void reduce_uint64(const Tile *tile) noexcept nogil:
    reduce_tile(tile, <uint64_t> 0)


cdef void reduce_float(const Tile *tile) noexcept nogil:
    reduce_tile(tile, <float> 0)


cdef void reduce_double(const Tile *tile) noexcept nogil:
    reduce_tile(tile, <double> 0)


cdef void reduce_long_double(const Tile *tile) noexcept nogil:
    reduce_tile(tile, <float_long> 0)


cdef void reduce_complex64(const Tile *tile) noexcept nogil:
    cdef complex64 zero = 0
    reduce_tile(tile, zero)


cdef void reduce_complex128(const Tile *tile) noexcept nogil:
    cdef complex128 zero = 0
    reduce_tile(tile, zero)


cdef void reduce_complex_long(const Tile *tile) noexcept nogil:
    cdef complex_long zero = 0
    reduce_tile(tile, zero)


cdef void reduce_bool(const Tile *tile) noexcept nogil:
    """Logical or is the larger of two truth values, logical and the smaller."""
    if tile.operation == SUM or tile.operation == AMAX:
        reduce_with(tile, <uint8_t> 0, AMAX)
    else:
        reduce_with(tile, <uint8_t> 0, AMIN)


cdef Kernel reduce_kernel(int typenum) noexcept nogil:
    """The kernel for a NumPy type, or NULL where NumPy has to do it."""
    if typenum == cnp.NPY_BOOL:
        return reduce_bool
    if typenum == cnp.NPY_FLOAT:
        return reduce_float
    if typenum == cnp.NPY_DOUBLE:
        return reduce_double
    if typenum == cnp.NPY_LONGDOUBLE:
        return reduce_long_double
    if typenum == cnp.NPY_CFLOAT:
        return reduce_complex64
    if typenum == cnp.NPY_CDOUBLE:
        return reduce_complex128
    if typenum == cnp.NPY_CLONGDOUBLE:
        return reduce_complex_long
    if typenum == cnp.NPY_BYTE:
        return reduce_int8
    if typenum == cnp.NPY_UBYTE:
        return reduce_uint8
    if typenum == cnp.NPY_SHORT:
        return reduce_int16
    if typenum == cnp.NPY_USHORT:
        return reduce_uint16
    if typenum == cnp.NPY_INT:
        return reduce_int32
    if typenum == cnp.NPY_UINT:
        return reduce_uint32
    if typenum == cnp.NPY_LONG:
        return reduce_int64 if sizeof(long) == 8 else reduce_int32
    if typenum == cnp.NPY_ULONG:
        return reduce_uint64 if sizeof(long) == 8 else reduce_uint32
    if typenum == cnp.NPY_LONGLONG:
        return reduce_int64
    if typenum == cnp.NPY_ULONGLONG:
        return reduce_uint64
    return NULL
