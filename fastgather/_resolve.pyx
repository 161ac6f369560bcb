"""Index values to byte offsets: every index type, every mode.

Each value is read once and checked, and only its private offset is used afterwards, so that
another thread that writes into the index meanwhile can spoil a result but reach no memory.
"""

from libc.string cimport memcpy

cimport fastgather._inline
from fastgather._points cimport Line, are_packed, lead_of_next, leads_of_four, start_line
from fastgather._types cimport (
    BAD, FOUR, LINE_BYTES, MODE_CLIP, MODE_FILL, MODE_RAISE, MODE_WRAP, VALUE_AHEAD, Direct, Mode, Target, Tile,
    Values, index_at, index_t, normalise, prefetch, read_four, wide_index_t,
    int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t,
)


cdef extern from "_check.h" nogil:
    ctypedef int (*Outside "FgOutside")(
        const char *value, Py_ssize_t n, Py_ssize_t stride, uint64_t size
    ) noexcept nogil
    Outside choose_outside "fg_outside" (bint wide, int itemsize, bint is_signed)

wide = False


def use(instruction_set):
    """Check, convert, copy and combine by one of those that `_narrow` knows."""
    global wide
    wide = instruction_set == "avx2"


cdef inline void put(Py_ssize_t *offset, Py_ssize_t lead, bint adds) noexcept nogil:
    """A component that is BAD spoils the place."""
    if not adds:
        offset[0] = lead
    elif offset[0] != BAD:
        offset[0] += lead


cdef inline bint read_four_in_mode(
    int64_t *four, const char *value, Py_ssize_t stride, int64_t size, index_t *index, Mode mode
) noexcept nogil:
    """The next FOUR values as `mode` has them; whether any is not what it seems, or out of range."""
    cdef Py_ssize_t k
    if mode != MODE_WRAP and mode != MODE_CLIP:
        return read_four(four, value, stride, size, index)
    for k in range(FOUR):
        four[k] = normalise(<index_t> index_at(value, k * stride, index), size, mode)
    return False


cdef inline Py_ssize_t walk_line(
    const char *value, Py_ssize_t stride, Py_ssize_t n, Py_ssize_t size, Py_ssize_t step, Py_ssize_t here,
    Py_ssize_t inner_base, Py_ssize_t *offset, index_t *index, Mode mode, bint adds,
) noexcept nogil:
    """By fours up to the first value that has to be looked at, as most lines have no negative index."""
    cdef int64_t[FOUR] four
    cdef Py_ssize_t i = 0, k, bad = 0
    cdef int64_t at
    while i + FOUR <= n and not read_four_in_mode(four, value, stride, size, index, mode):
        if i % (LINE_BYTES // <Py_ssize_t> sizeof(index_t)) == 0:
            prefetch(value + VALUE_AHEAD)
        for k in range(FOUR):
            put(offset + i + k, here + k * inner_base + four[k] * step, adds)
        value += FOUR * stride
        here += FOUR * inner_base
        i += FOUR
    while i < n:
        at = normalise(<index_t> index_at(value, 0, index), size, mode)
        if mode == MODE_WRAP or mode == MODE_CLIP or <uint64_t> at < <uint64_t> size:
            put(offset + i, here + at * step, adds)
        else:
            offset[i] = BAD
            bad += 1
        value += stride
        here += inner_base
        i += 1
    return bad


cdef inline Py_ssize_t walk(
    const Values *values, const Target *target, Py_ssize_t *offset, index_t *index, Mode mode, bint adds
) noexcept nogil:
    cdef Py_ssize_t size = target.size, step = target.step, stride = values.inner_stride, n = values.inner
    cdef Py_ssize_t inner_base = 0 if adds else target.inner_base, here, j, bad = 0
    cdef const char *value
    for j in range(values.outer):
        value = values.data + j * values.outer_stride
        here = 0 if adds else j * target.outer_base
        if stride == sizeof(index_t) and inner_base == 0:
            bad += walk_line(value, sizeof(index_t), n, size, step, here, 0, offset, index, mode, adds)
        else:
            bad += walk_line(value, stride, n, size, step, here, inner_base, offset, index, mode, adds)
        offset += n
    return bad


cdef Py_ssize_t resolve(
    const Values *values, const Target *target, Py_ssize_t *offset, index_t *index
) noexcept nogil:
    """Choose the loop once."""
    if target.adds:
        if target.mode == MODE_RAISE:
            return walk(values, target, offset, index, MODE_RAISE, True)
        return walk(values, target, offset, index, target.mode, True)
    if target.mode == MODE_RAISE:
        return walk(values, target, offset, index, MODE_RAISE, False)
    if target.mode == MODE_CLIP:
        return walk(values, target, offset, index, MODE_CLIP, False)
    if target.mode == MODE_WRAP:
        return walk(values, target, offset, index, MODE_WRAP, False)
    return walk(values, target, offset, index, MODE_FILL, False)


cdef Resolve resolver(int code) noexcept nogil:
    """The resolver for an index type, given by its place in `index_t`."""
    cdef Resolve[8] table = [
        <Resolve> resolve[int8_t], <Resolve> resolve[uint8_t],
        <Resolve> resolve[int16_t], <Resolve> resolve[uint16_t],
        <Resolve> resolve[int32_t], <Resolve> resolve[uint32_t],
        <Resolve> resolve[int64_t], <Resolve> resolve[uint64_t],
    ]
    return table[code]


cdef inline Py_ssize_t walk_line_of_points(
    Line *line, Py_ssize_t *offset, Py_ssize_t here, Py_ssize_t inner_base, Py_ssize_t n, int count,
    wide_index_t *index,
) noexcept nogil:
    cdef Py_ssize_t[FOUR] four
    cdef Py_ssize_t i = 0, k, bad = 0
    while i + FOUR <= n and not leads_of_four(four, line, count, index):
        for k in range(FOUR):
            offset[i + k] = here + k * inner_base + four[k]
        for k in range(count):
            line.value[k] += FOUR * line.stride[k]
        here += FOUR * inner_base
        i += FOUR
    while i < n:
        offset[i] = lead_of_next(line, count, index)
        if offset[i] == BAD:
            bad += 1
        else:
            offset[i] += here
        here += inner_base
        i += 1
    return bad


cdef inline Py_ssize_t walk_points(
    const Values *values, const Target *target, int count, Py_ssize_t *offset, wide_index_t *index
) noexcept nogil:
    """`count` components of an index at once, under "raise"; how many points were out of range."""
    cdef Py_ssize_t inner_base = target.inner_base, n = values.inner, j, bad = 0
    cdef Line line
    for j in range(values.outer):
        if inner_base == 0 and are_packed(values, count, index):
            start_line(&line, values, target, count, j, True, index)
            bad += walk_line_of_points(&line, offset, j * target.outer_base, 0, n, count, index)
        else:
            start_line(&line, values, target, count, j, False, index)
            bad += walk_line_of_points(&line, offset, j * target.outer_base, inner_base, n, count, index)
        offset += n
    return bad


cdef Py_ssize_t resolve_points(
    const Values *values, const Target *target, int count, Py_ssize_t *offset, wide_index_t *index
) noexcept nogil:
    """Few are known when this is compiled."""
    if count == 2:
        return walk_points(values, target, 2, offset, index)
    if count == 3:
        return walk_points(values, target, 3, offset, index)
    if count == 4:
        return walk_points(values, target, 4, offset, index)
    return walk_points(values, target, count, offset, index)


cdef Points points_resolver(int code) noexcept nogil:
    """The resolver of several components of an index type, or NULL: only int32 and int64 have one."""
    if code == 4:
        return <Points> resolve_points[int32_t]
    if code == 6:
        return <Points> resolve_points[int64_t]
    return NULL


cdef Py_ssize_t check_direct(const Tile *tile, void *item, index_t *index) noexcept nogil:
    """Whether values are out of range under "raise", and nothing else."""
    cdef Outside outside = choose_outside(wide, sizeof(index_t), <index_t> -1 < 0)
    cdef const char *value = tile.values.data
    cdef Py_ssize_t _
    cdef bint bad = False
    for _ in range(tile.outer):
        bad |= outside(value, tile.inner, tile.values.inner_stride, tile.target.size)
        value += tile.values.outer_stride
    return bad


cdef Direct check_direct_kernel(int code) noexcept nogil:
    cdef Direct[8] table = [
        <Direct> check_direct[int8_t], <Direct> check_direct[uint8_t],
        <Direct> check_direct[int16_t], <Direct> check_direct[uint16_t],
        <Direct> check_direct[int32_t], <Direct> check_direct[uint32_t],
        <Direct> check_direct[int64_t], <Direct> check_direct[uint64_t],
    ]
    return table[code]


cdef void copy_native(Values *values, int itemsize, bint swapped, char *buffer) noexcept nogil:
    """Copy unaligned or byte-swapped index values to `buffer`, aligned and native, and point there."""
    cdef Py_ssize_t _, j, byte
    cdef const char *value
    cdef char *to = buffer
    for j in range(values.outer):
        value = values.data + j * values.outer_stride
        for _ in range(values.inner):
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
