"""Index values to byte offsets: every index type, every mode.

Each value is read once and checked, and only its private offset is used afterwards, so that
another thread that writes into the index meanwhile can spoil a result but reach no memory.
"""

from libc.string cimport memcpy

from fastgather._types cimport (
    BAD, MODE_CLIP, MODE_RAISE, MODE_WRAP, Mode, index_t,
    int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t,
)


cdef inline int64_t normalise(index_t value, int64_t size, Mode mode) noexcept nogil:
    """`value` in [0, size), or a number outside it. A size of 0 does not come here to wrap or clip."""
    cdef int64_t i
    if index_t is uint64_t:
        if mode == MODE_WRAP:
            return <int64_t> (value % <uint64_t> size)
        if value >= <uint64_t> size:
            return size - 1 if mode == MODE_CLIP else -1
        return <int64_t> value
    else:
        i = value
        if mode == MODE_RAISE:
            return i + size if i < 0 else i
        if mode == MODE_WRAP:
            i = i % size
            return i + size if i < 0 else i
        if mode == MODE_CLIP:
            return 0 if i < 0 else size - 1 if i >= size else i
        return i


cdef inline Py_ssize_t walk(
    index_t unused, Mode mode, bint adds, const Values *values, const Target *target, Py_ssize_t *offset,
) noexcept nogil:
    cdef Py_ssize_t size = target.size, step = target.step, stride = values.inner_stride
    cdef Py_ssize_t i, j, here, bad = 0
    cdef const char *value
    cdef int64_t at
    for j in range(values.outer):
        value = values.data + j * values.outer_stride
        here = j * target.outer_base
        for i in range(values.inner):
            at = normalise((<const volatile index_t *> value)[0], size, mode)
            if <uint64_t> at >= <uint64_t> size:
                offset[i] = BAD
                bad += 1
            elif not adds:
                offset[i] = here + at * step
            elif offset[i] != BAD:
                offset[i] += at * step
            value += stride
            here += target.inner_base
        offset += values.inner
    return bad


cdef Py_ssize_t resolve(const Values *values, const Target *target, Py_ssize_t *offset, index_t unused) noexcept nogil:
    """Choose the loop once; only the first is worth one of its own."""
    if target.mode == MODE_RAISE and not target.adds:
        return walk(unused, MODE_RAISE, False, values, target, offset)
    return walk(unused, target.mode, target.adds, values, target, offset)


cdef Py_ssize_t resolve_int8(const Values *values, const Target *target, Py_ssize_t *offset) noexcept nogil:
    return resolve[int8_t](values, target, offset, 0)


cdef Py_ssize_t resolve_int16(const Values *values, const Target *target, Py_ssize_t *offset) noexcept nogil:
    return resolve[int16_t](values, target, offset, 0)


cdef Py_ssize_t resolve_int32(const Values *values, const Target *target, Py_ssize_t *offset) noexcept nogil:
    return resolve[int32_t](values, target, offset, 0)


cdef Py_ssize_t resolve_int64(const Values *values, const Target *target, Py_ssize_t *offset) noexcept nogil:
    return resolve[int64_t](values, target, offset, 0)


cdef Py_ssize_t resolve_uint8(const Values *values, const Target *target, Py_ssize_t *offset) noexcept nogil:
    return resolve[uint8_t](values, target, offset, 0)


cdef Py_ssize_t resolve_uint16(const Values *values, const Target *target, Py_ssize_t *offset) noexcept nogil:
    return resolve[uint16_t](values, target, offset, 0)


cdef Py_ssize_t resolve_uint32(const Values *values, const Target *target, Py_ssize_t *offset) noexcept nogil:
    return resolve[uint32_t](values, target, offset, 0)


cdef Py_ssize_t resolve_uint64(const Values *values, const Target *target, Py_ssize_t *offset) noexcept nogil:
    return resolve[uint64_t](values, target, offset, 0)


cdef Resolve resolver(int itemsize, bint is_unsigned) noexcept nogil:
    if itemsize == 1:
        return resolve_uint8 if is_unsigned else resolve_int8
    if itemsize == 2:
        return resolve_uint16 if is_unsigned else resolve_int16
    if itemsize == 4:
        return resolve_uint32 if is_unsigned else resolve_int32
    return resolve_uint64 if is_unsigned else resolve_int64


cdef void copy_native(Values *values, int itemsize, bint swapped, char *buffer) noexcept nogil:
    """Copy unaligned or byte-swapped index values to `buffer`, aligned and native, and point there."""
    cdef Py_ssize_t i, j, byte
    cdef const char *value
    cdef char *to = buffer
    for j in range(values.outer):
        value = values.data + j * values.outer_stride
        for i in range(values.inner):
            if swapped:
                for byte in range(itemsize):
                    to[byte] = value[itemsize - 1 - byte]
            else:
                memcpy(to, value, itemsize)
            value += values.inner_stride
            to += itemsize
    values.data = buffer
    values.inner_stride = itemsize
    values.outer_stride = values.inner * itemsize
