"""Reads: from the offsets of a tile in `base` to its positions in `stream`.

An item is loaded and stored by memcpy of a constant size, which compilers turn into one plain
load or store that needs no alignment.
"""

from libc.string cimport memcpy

cimport fastgather._inline
from fastgather._types cimport (
    AHEAD, BAD, MODE_RAISE, Direct, Item16, Kernel, Tile, copy_bytes, index_t, item_t, normalise,
    prefetch,
    int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t,
)


cdef inline void fill_row(char *to, const Tile *tile) noexcept nogil:
    """Write the fill value over a row; an item may hold it several times, where rows became items."""
    cdef Py_ssize_t _, at
    if tile.fill == NULL:
        return
    for _ in range(tile.row):
        for at from 0 <= at < tile.itemsize by tile.fill_size:
            memcpy(to + at, tile.fill, tile.fill_size)
        to += tile.row_stride


cdef inline void gather_items(const Tile *tile, item_t *item, bint far) noexcept nogil:
    """Single items: rows of one."""
    cdef const Py_ssize_t *offset = tile.offset
    cdef Py_ssize_t i, j, inner = tile.inner, stride = tile.inner_stride
    cdef const char *base = tile.base
    cdef item_t moved
    cdef char *to
    for j in range(tile.outer):
        to = tile.stream + j * tile.outer_stride
        for i in range(inner):
            if far and i + AHEAD < inner:
                prefetch(base + offset[i + AHEAD])
            if offset[i] != BAD:
                memcpy(&moved, base + offset[i], sizeof(item_t))
                memcpy(to, &moved, sizeof(item_t))
            else:
                fill_row(to, tile)
            to += stride
        offset += inner


cdef inline void gather_rows(const Tile *tile, item_t *item) noexcept nogil:
    """Rows of items, with any strides."""
    cdef const Py_ssize_t *offset = tile.offset
    cdef Py_ssize_t i, j, c
    cdef item_t moved
    cdef const char *source
    cdef char *to
    for j in range(tile.outer):
        to = tile.stream + j * tile.outer_stride
        for i in range(tile.inner):
            if offset[i] != BAD:
                source = tile.base + offset[i]
                for c in range(tile.row):
                    memcpy(&moved, source + c * tile.row_base_stride, sizeof(item_t))
                    memcpy(to + c * tile.row_stride, &moved, sizeof(item_t))
            else:
                fill_row(to, tile)
            to += tile.inner_stride
        offset += tile.inner


cdef void gather_tile(const Tile *tile, item_t *item) noexcept nogil:
    if tile.row != 1:
        gather_rows(tile, item)
    elif tile.far:
        gather_items(tile, item, True)
    else:
        gather_items(tile, item, False)


cdef inline Py_ssize_t gather_line(
    const char *value, const char *base, char *to, Py_ssize_t n, Py_ssize_t size, Py_ssize_t step,
    Py_ssize_t value_stride, Py_ssize_t base_stride, Py_ssize_t to_stride, item_t *item, index_t *index, bint far,
) noexcept nogil:
    """
    One line of single items; how many index values were out of range.

    Most indices are not negative: a loop that knows no other kind runs up to the first that is.
    """
    cdef Py_ssize_t i = 0, bad = 0
    cdef item_t moved
    cdef int64_t at
    while i < n:
        at = (<const volatile index_t *> (value + i * value_stride))[0]
        if <uint64_t> at >= <uint64_t> size:
            break
        if far and i + AHEAD < n:
            prefetch(base + (<const index_t *> (value + (i + AHEAD) * value_stride))[0] * step)
        memcpy(&moved, base + i * base_stride + at * step, sizeof(item_t))
        memcpy(to + i * to_stride, &moved, sizeof(item_t))
        i += 1
    while i < n:
        at = normalise((<const volatile index_t *> (value + i * value_stride))[0], size, MODE_RAISE)
        if <uint64_t> at < <uint64_t> size:
            memcpy(&moved, base + i * base_stride + at * step, sizeof(item_t))
            memcpy(to + i * to_stride, &moved, sizeof(item_t))
        else:
            bad += 1
        i += 1
    return bad


cdef Py_ssize_t gather_direct(const Tile *tile, item_t *item, index_t *index) noexcept nogil:
    """
    Single items by one index under "raise", whose values go from here straight to the address.

    The same line three times: with the strides of an axis that is innermost, of an axis that
    is not, and any.
    """
    cdef Py_ssize_t n = tile.inner, size = tile.target.size, step = tile.target.step
    cdef Py_ssize_t value_stride = tile.values.inner_stride, stride = tile.inner_stride
    cdef Py_ssize_t base_stride = tile.target.inner_base, _, bad = 0
    cdef bint packed = value_stride == sizeof(index_t) and stride == sizeof(item_t)
    cdef bint innermost = packed and base_stride == 0 and step == sizeof(item_t)
    cdef bint outermost = packed and base_stride == sizeof(item_t) and not tile.far
    cdef const char *value = tile.values.data
    cdef const char *base = tile.base
    cdef char *to = tile.stream
    for _ in range(tile.outer):
        if innermost and tile.far:
            bad += gather_line(
                value, base, to, n, size, sizeof(item_t), sizeof(index_t), 0, sizeof(item_t), item, index, True
            )
        elif innermost:
            bad += gather_line(
                value, base, to, n, size, sizeof(item_t), sizeof(index_t), 0, sizeof(item_t), item, index, False
            )
        elif outermost:
            bad += gather_line(
                value, base, to, n, size, step, sizeof(index_t), sizeof(item_t), sizeof(item_t), item, index, False
            )
        else:
            bad += gather_line(
                value, base, to, n, size, step, value_stride, base_stride, stride, item, index, tile.far
            )
        value += tile.values.outer_stride
        base += tile.target.outer_base
        to += tile.outer_stride
    return bad


cdef void gather_bytes(const Tile *tile, void *item) noexcept nogil:
    """Items of any size; contiguous rows of items are one copy."""
    cdef const Py_ssize_t *offset = tile.offset
    cdef Py_ssize_t i, j, c, inner = tile.inner, stride = tile.inner_stride
    cdef Py_ssize_t rows = tile.row, length = tile.itemsize
    cdef Py_ssize_t row_stride = tile.row_stride, row_base_stride = tile.row_base_stride
    cdef bint far = tile.far
    cdef const char *base = tile.base
    cdef char *to
    if row_stride == length and row_base_stride == length:
        rows, length = 1, tile.row * length
    for j in range(tile.outer):
        to = tile.stream + j * tile.outer_stride
        for i in range(inner):
            if far and i + AHEAD < inner:
                prefetch(base + offset[i + AHEAD])
            if offset[i] == BAD:
                fill_row(to, tile)
            elif rows == 1:
                copy_bytes(to, base + offset[i], length)
            else:
                for c in range(rows):
                    copy_bytes(to + c * row_stride, base + offset[i] + c * row_base_stride, length)
            to += stride
        offset += inner


cdef Kernel gather_kernel(Py_ssize_t itemsize) noexcept nogil:
    """The kernel for items of this size; `gather_bytes` also for rows that are contiguous."""
    if itemsize == 1:
        return <Kernel> gather_tile[uint8_t]
    if itemsize == 2:
        return <Kernel> gather_tile[uint16_t]
    if itemsize == 4:
        return <Kernel> gather_tile[uint32_t]
    if itemsize == 8:
        return <Kernel> gather_tile[uint64_t]
    if itemsize == 16:
        return <Kernel> gather_tile[Item16]
    return gather_bytes


cdef Direct direct_for(item_t *item, int index_code) noexcept nogil:
    cdef Direct[8] table = [
        <Direct> gather_direct[item_t, int8_t], <Direct> gather_direct[item_t, uint8_t],
        <Direct> gather_direct[item_t, int16_t], <Direct> gather_direct[item_t, uint16_t],
        <Direct> gather_direct[item_t, int32_t], <Direct> gather_direct[item_t, uint32_t],
        <Direct> gather_direct[item_t, int64_t], <Direct> gather_direct[item_t, uint64_t],
    ]
    return table[index_code]


cdef Direct gather_direct_kernel(Py_ssize_t itemsize, int index_code) noexcept nogil:
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
