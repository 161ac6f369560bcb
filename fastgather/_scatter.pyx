"""Plain writes: from the positions of a tile in `stream` to its offsets in `base`, in order.

Items are moved as in `_gather`; a BAD offset is left out.
"""

from libc.string cimport memcpy

cimport fastgather._inline
from fastgather._types cimport (
    AHEAD, BAD, LINE_BYTES, MODE_RAISE, Direct, Item16, Kernel, Tile, copy_bytes, foresee, index_t, item_t, normalise,
    prefetch, prefetch_row, rows_ahead,
    int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t,
)


cdef inline void scatter_items(const Tile *tile, item_t *item, bint far) noexcept nogil:
    """Single items: rows of one."""
    cdef const Py_ssize_t *offset = tile.offset
    cdef const Py_ssize_t *picked = tile.picked
    cdef Py_ssize_t i, j, inner = tile.inner, stride = tile.inner_stride
    cdef item_t moved
    cdef const char *source
    cdef char *base = tile.base
    for j in range(tile.outer):
        source = tile.stream + j * tile.outer_stride
        for i in range(inner):
            if far and i + AHEAD < inner:
                prefetch(base + offset[i + AHEAD])
            if picked != NULL:
                source = tile.stream + picked[i]
            if offset[i] != BAD:
                memcpy(&moved, source, sizeof(item_t))
                memcpy(base + offset[i], &moved, sizeof(item_t))
            source += stride
        offset += inner


cdef inline void scatter_rows(const Tile *tile, item_t *item) noexcept nogil:
    """Rows of items, with any strides."""
    cdef const Py_ssize_t *offset = tile.offset
    cdef const Py_ssize_t *picked = tile.picked
    cdef Py_ssize_t i, j, c
    cdef item_t moved
    cdef const char *source
    cdef char *to
    for j in range(tile.outer):
        source = tile.stream + j * tile.outer_stride
        for i in range(tile.inner):
            if picked != NULL:
                source = tile.stream + picked[i]
            if offset[i] != BAD:
                to = tile.base + offset[i]
                for c in range(tile.row):
                    memcpy(&moved, source + c * tile.row_stride, sizeof(item_t))
                    memcpy(to + c * tile.row_base_stride, &moved, sizeof(item_t))
            source += tile.inner_stride
        offset += tile.inner


cdef void scatter_tile(const Tile *tile, item_t *item) noexcept nogil:
    if tile.row != 1:
        scatter_rows(tile, item)
    elif tile.far:
        scatter_items(tile, item, True)
    else:
        scatter_items(tile, item, False)


cdef inline Py_ssize_t scatter_line(
    const char *value, char *base, const char *source, Py_ssize_t n, Py_ssize_t size, Py_ssize_t step,
    Py_ssize_t value_stride, Py_ssize_t base_stride, Py_ssize_t stride, item_t *item, index_t *index, bint far,
    bint foresees, const char *next, Py_ssize_t value_ahead, Py_ssize_t source_ahead,
) noexcept nogil:
    """One line of single items, as `gather_line`; how many index values were out of range."""
    cdef Py_ssize_t i = 0, bad = 0
    cdef item_t moved
    cdef int64_t at
    while i < n:
        at = (<const volatile index_t *> (value + i * value_stride))[0]
        if <uint64_t> at >= <uint64_t> size:
            break
        if far and i + AHEAD < n:
            prefetch(base + (<const index_t *> (value + (i + AHEAD) * value_stride))[0] * step)
        if foresees and i % (LINE_BYTES // <Py_ssize_t> sizeof(item_t)) == 0:
            foresee(
                next + i * <Py_ssize_t> sizeof(item_t) if next != NULL else NULL,
                value + i * value_stride + value_ahead,
                source + i * stride + source_ahead, sizeof(item_t), sizeof(index_t),
            )
        memcpy(&moved, source + i * stride, sizeof(item_t))
        memcpy(base + i * base_stride + at * step, &moved, sizeof(item_t))
        i += 1
    while i < n:
        at = normalise((<const volatile index_t *> (value + i * value_stride))[0], size, MODE_RAISE)
        if <uint64_t> at < <uint64_t> size:
            memcpy(&moved, source + i * stride, sizeof(item_t))
            memcpy(base + i * base_stride + at * step, &moved, sizeof(item_t))
        else:
            bad += 1
        i += 1
    return bad


cdef Py_ssize_t scatter_direct(const Tile *tile, item_t *item, index_t *index) noexcept nogil:
    """Single items by one index under "raise", whose values go from here straight to the address."""
    cdef Py_ssize_t n = tile.inner, size = tile.target.size, step = tile.target.step
    cdef Py_ssize_t value_stride = tile.values.inner_stride, stride = tile.inner_stride
    cdef Py_ssize_t base_stride = tile.target.inner_base, _, bad = 0
    cdef bint packed = value_stride == sizeof(index_t) and stride == sizeof(item_t)
    cdef bint innermost = packed and base_stride == 0 and step == sizeof(item_t)
    cdef bint outermost = packed and base_stride == sizeof(item_t) and not tile.far
    cdef const char *value = tile.values.data
    cdef char *base = tile.base
    cdef const char *source = tile.stream
    cdef const char *next = tile.next
    for _ in range(tile.outer):
        if innermost and tile.far:
            bad += scatter_line(
                value, base, source, n, size, sizeof(item_t), sizeof(index_t), 0, sizeof(item_t), item, index,
                True, False, NULL, 0, 0,
            )
        elif innermost and tile.foresees:
            bad += scatter_line(
                value, base, source, n, size, sizeof(item_t), sizeof(index_t), 0, sizeof(item_t), item, index,
                False, True, next, tile.value_ahead, tile.stream_ahead,
            )
            next += tile.target.outer_base
        elif innermost:
            bad += scatter_line(
                value, base, source, n, size, sizeof(item_t), sizeof(index_t), 0, sizeof(item_t), item, index,
                False, False, NULL, 0, 0,
            )
        elif outermost and tile.foresees:
            bad += scatter_line(
                value, base, source, n, size, step, sizeof(index_t), sizeof(item_t), sizeof(item_t), item, index,
                False, True, NULL, tile.value_ahead, tile.stream_ahead,
            )
        elif outermost:
            bad += scatter_line(
                value, base, source, n, size, step, sizeof(index_t), sizeof(item_t), sizeof(item_t), item, index,
                False, False, NULL, 0, 0,
            )
        else:
            bad += scatter_line(
                value, base, source, n, size, step, value_stride, base_stride, stride, item, index, tile.far,
                False, NULL, 0, 0,
            )
        value += tile.values.outer_stride
        base += tile.target.outer_base
        source += tile.outer_stride
    return bad


cdef void scatter_bytes(const Tile *tile, void *item) noexcept nogil:
    """Items of any size; contiguous rows of items are one copy."""
    cdef const Py_ssize_t *offset = tile.offset
    cdef const Py_ssize_t *picked = tile.picked
    cdef Py_ssize_t i, j, c, inner = tile.inner, stride = tile.inner_stride
    cdef Py_ssize_t rows = tile.row, length = tile.itemsize
    cdef Py_ssize_t row_stride = tile.row_stride, row_base_stride = tile.row_base_stride
    cdef Py_ssize_t ahead = inner
    cdef char *base = tile.base
    cdef const char *source
    if row_stride == length and row_base_stride == length:
        rows, length = 1, tile.row * length
    if tile.far:
        ahead = rows_ahead(length)
    for j in range(tile.outer):
        source = tile.stream + j * tile.outer_stride
        for i in range(inner):
            if i + ahead < inner:
                prefetch_row(base + offset[i + ahead], length)
                if picked != NULL:
                    prefetch_row(tile.stream + picked[i + ahead], length)
            if picked != NULL:
                source = tile.stream + picked[i]
            if offset[i] != BAD:
                for c in range(rows):
                    copy_bytes(base + offset[i] + c * row_base_stride, source + c * row_stride, length)
            source += stride
        offset += inner


cdef Kernel scatter_kernel(Py_ssize_t itemsize) noexcept nogil:
    """The kernel for items of this size; `scatter_bytes` also for rows that are contiguous."""
    if itemsize == 1:
        return <Kernel> scatter_tile[uint8_t]
    if itemsize == 2:
        return <Kernel> scatter_tile[uint16_t]
    if itemsize == 4:
        return <Kernel> scatter_tile[uint32_t]
    if itemsize == 8:
        return <Kernel> scatter_tile[uint64_t]
    if itemsize == 16:
        return <Kernel> scatter_tile[Item16]
    return scatter_bytes


cdef Direct direct_for(item_t *item, int index_code) noexcept nogil:
    cdef Direct[8] table = [
        <Direct> scatter_direct[item_t, int8_t], <Direct> scatter_direct[item_t, uint8_t],
        <Direct> scatter_direct[item_t, int16_t], <Direct> scatter_direct[item_t, uint16_t],
        <Direct> scatter_direct[item_t, int32_t], <Direct> scatter_direct[item_t, uint32_t],
        <Direct> scatter_direct[item_t, int64_t], <Direct> scatter_direct[item_t, uint64_t],
    ]
    return table[index_code]


cdef Direct scatter_direct_kernel(Py_ssize_t itemsize, int index_code) noexcept nogil:
    """The direct kernel for an item size and an index type, or NULL."""
    if itemsize == 1:
        return direct_for[uint8_t](NULL, index_code)
    if itemsize == 2:
        return direct_for[uint16_t](NULL, index_code)
    if itemsize == 4:
        return direct_for[uint32_t](NULL, index_code)
    if itemsize == 8:
        return direct_for[uint64_t](NULL, index_code)
    if itemsize == 16:
        return direct_for[Item16](NULL, index_code)
    return NULL
