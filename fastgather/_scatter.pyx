"""Plain writes: from the positions of a tile in `stream` to its offsets in `base`, in order.

Items are moved as in `_gather`; a BAD offset is left out.
"""

from libc.string cimport memcpy

cimport fastgather._inline
from fastgather._gather cimport move_slices
from fastgather._points cimport move_by_points
from fastgather._resolve cimport wide
from fastgather._slices cimport Slices, choose_slices
from fastgather._types cimport (
    BAD, FOUR, MODE_RAISE, Direct, Item3, Item12, Item16, Kernel, Tile, copy_bytes, foresee,
    foresee_end, index_at, index_t, item_t, items_ahead, line_items, move_item, move_items, normalise, prefetch_far,
    prefetch_four, prefetch_one, prefetch_row, row_reach, rows_ahead, waits, wide_index_t,
    int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t,
)


cdef inline void scatter_items(const Tile *tile, item_t *item, bint far) noexcept nogil:
    """Single items: rows of one."""
    cdef const Py_ssize_t *offset = tile.offset
    cdef const Py_ssize_t *picked = tile.picked
    cdef Py_ssize_t i, j, inner = tile.inner, stride = tile.inner_stride, ahead = items_ahead(tile)
    cdef const char *source
    cdef char *base = tile.base
    for j in range(tile.outer):
        source = tile.stream + j * tile.outer_stride
        for i in range(inner):
            if far and i + ahead < inner:
                prefetch_far(base + offset[i + ahead])
            if picked != NULL:
                source = tile.stream + picked[i]
            if offset[i] != BAD:
                move_item(base + offset[i], source, item)
            source += stride
        offset += inner


cdef inline void repeat_item(char *to, const char *source, Py_ssize_t n, item_t *item) noexcept nogil:
    """One item all along a contiguous row."""
    cdef item_t moved
    cdef Py_ssize_t c
    memcpy(&moved, source, sizeof(item_t))
    for c in range(n):
        memcpy(to + c * <Py_ssize_t> sizeof(item_t), &moved, sizeof(item_t))


cdef inline void scatter_rows(const Tile *tile, item_t *item) noexcept nogil:
    """Rows of items, with any strides."""
    cdef const Py_ssize_t *offset = tile.offset
    cdef const Py_ssize_t *picked = tile.picked
    cdef Py_ssize_t i, j, bytes = row_reach(tile), ahead = rows_ahead(tile, bytes) if tile.far else tile.inner
    cdef const char *source
    for j in range(tile.outer):
        source = tile.stream + j * tile.outer_stride
        for i in range(tile.inner):
            if i + ahead < tile.inner:
                prefetch_row(tile.base + offset[i + ahead], bytes, True)
            if picked != NULL:
                source = tile.stream + picked[i]
            if offset[i] == BAD:
                pass
            elif tile.row_stride == 0 and tile.row_base_stride == sizeof(item_t):
                repeat_item(tile.base + offset[i], source, tile.row, item)
            else:
                move_items(tile.base + offset[i], source, tile.row, tile.row_base_stride, tile.row_stride, item)
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
    Py_ssize_t value_stride, Py_ssize_t base_stride, Py_ssize_t stride, item_t *item, index_t *index,
    Py_ssize_t ahead, bint foresees, const char *next, Py_ssize_t reach, Py_ssize_t value_ahead,
    Py_ssize_t source_ahead,
) noexcept nogil:
    """One line of single items, as `gather_line`; how many index values were out of range."""
    cdef Py_ssize_t i = 0, _, bad = 0
    cdef int64_t at
    cdef uint64_t limit = size
    while i + FOUR <= n:
        if ahead and i + ahead + FOUR <= n:
            prefetch_four(base, value, ahead, base_stride, value_stride, step, index)
        if foresees and i % line_items(sizeof(item_t)) == 0:
            foresee(
                next + i * reach if next != NULL else NULL, reach,
                value + value_ahead,
                source + source_ahead, sizeof(item_t), sizeof(index_t),
            )
        for _ in range(FOUR):
            at = index_at(value, 0, index)
            if <uint64_t> at >= limit:
                break
            move_item(base + at * step, source, item)
            value += value_stride
            source += stride
            base += base_stride
            i += 1
        else:
            continue
        break
    for i in range(i, n):
        if ahead and i + ahead < n:
            prefetch_one(base, value, ahead, base_stride, value_stride, step, size, index)
        at = normalise(<index_t> index_at(value, 0, index), size, MODE_RAISE)
        if <uint64_t> at < limit:
            move_item(base + at * step, source, item)
        else:
            bad += 1
        value += value_stride
        source += stride
        base += base_stride
    return bad


cdef inline Py_ssize_t scatter_lines(
    const Tile *tile, Py_ssize_t step, Py_ssize_t value_stride, Py_ssize_t base_stride, Py_ssize_t stride,
    item_t *item, index_t *index, bint far, bint foresees, Py_ssize_t reach,
) noexcept nogil:
    """All lines of a tile."""
    cdef const char *value = tile.values.data
    cdef char *base = tile.base
    cdef const char *next = tile.next
    cdef const char *source = tile.stream
    cdef Py_ssize_t n = tile.inner, size = tile.target.size, _, bad = 0
    cdef Py_ssize_t value_ahead = tile.value_ahead, source_ahead = tile.stream_ahead
    cdef Py_ssize_t ahead = items_ahead(tile) if far else 0
    cdef Py_ssize_t outer_value = tile.values.outer_stride, outer_base = tile.target.outer_base
    cdef Py_ssize_t outer_stride = tile.outer_stride, outer_next = outer_base if next != NULL else 0
    for _ in range(tile.outer):
        if foresees:
            foresee_end(value + value_ahead, source + source_ahead, n, sizeof(item_t), sizeof(index_t))
        bad += scatter_line(
            value, base, source, n, size, step, value_stride, base_stride, stride, item, index, ahead,
            foresees, next, reach, value_ahead, source_ahead,
        )
        value += outer_value
        base += outer_base
        source += outer_stride
        next += outer_next
    return bad


cdef Py_ssize_t scatter_direct(const Tile *tile, item_t *item, index_t *index) noexcept nogil:
    """Single items by one index under "raise": the cases of `gather_direct`."""
    cdef Py_ssize_t step = tile.target.step, base_stride = tile.target.inner_base
    cdef Py_ssize_t value_stride = tile.values.inner_stride, stride = tile.inner_stride
    cdef Py_ssize_t next_value = sizeof(index_t), next_item = sizeof(item_t)
    cdef Py_ssize_t reach = step * tile.spread
    cdef bint far = waits(tile, index)
    cdef bint packed = value_stride == next_value and stride == next_item
    cdef bint along = value_stride == next_value and base_stride == 0 and step == next_item
    cdef bint innermost = along and packed
    cdef bint constant = along and stride == 0 and not far
    cdef bint outermost = packed and base_stride == next_item and not far
    if innermost and reach != next_item:
        return scatter_lines(tile, next_item, next_value, 0, next_item, item, index, far, tile.foresees, reach)
    if innermost and far:
        return scatter_lines(tile, next_item, next_value, 0, next_item, item, index, True, True, next_item)
    if innermost and tile.foresees:
        return scatter_lines(tile, next_item, next_value, 0, next_item, item, index, False, True, next_item)
    if innermost:
        return scatter_lines(tile, next_item, next_value, 0, next_item, item, index, False, False, 0)
    if constant:
        return scatter_lines(tile, next_item, next_value, 0, 0, item, index, False, False, 0)
    if outermost and tile.foresees:
        return scatter_lines(tile, step, next_value, next_item, next_item, item, index, False, True, reach)
    if outermost:
        return scatter_lines(tile, step, next_value, next_item, next_item, item, index, False, False, 0)
    if packed and base_stride == 0 and not far:
        return scatter_lines(tile, step, next_value, 0, next_item, item, index, False, False, 0)
    return scatter_lines(tile, step, value_stride, base_stride, stride, item, index, far, False, 0)


cdef Py_ssize_t scatter_points(const Tile *tile, item_t *item, wide_index_t *index) noexcept nogil:
    """Single items by the components of points."""
    return move_by_points(tile, True, item, index)


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
    cdef Slices copy = NULL
    if row_stride == length and row_base_stride == length:
        rows, length = 1, tile.row * length
    if rows == 1 and picked == NULL:
        copy = choose_slices(wide, True, tile.far, length, stride)
    if copy != NULL:
        move_slices(copy, tile, length)
        return
    if tile.far:
        ahead = rows_ahead(tile, length)
    for j in range(tile.outer):
        source = tile.stream + j * tile.outer_stride
        for i in range(inner):
            if i + ahead < inner:
                prefetch_row(base + offset[i + ahead], length, True)
                if picked != NULL:
                    prefetch_row(tile.stream + picked[i + ahead], length, True)
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
    if itemsize == 3:
        return <Kernel> scatter_tile[Item3]
    if itemsize == 4:
        return <Kernel> scatter_tile[uint32_t]
    if itemsize == 8:
        return <Kernel> scatter_tile[uint64_t]
    if itemsize == 12:
        return <Kernel> scatter_tile[Item12]
    if itemsize == 16:
        return <Kernel> scatter_tile[Item16]
    return scatter_bytes


cdef Direct points_for(item_t *item, int index_code) noexcept nogil:
    if index_code == 4:
        return <Direct> scatter_points[item_t, int32_t]
    if index_code == 6:
        return <Direct> scatter_points[item_t, int64_t]
    return NULL


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
    if itemsize == 3:
        return direct_for[Item3](NULL, index_code)
    if itemsize == 4:
        return direct_for[uint32_t](NULL, index_code)
    if itemsize == 8:
        return direct_for[uint64_t](NULL, index_code)
    if itemsize == 12:
        return direct_for[Item12](NULL, index_code)
    if itemsize == 16:
        return direct_for[Item16](NULL, index_code)
    return NULL


cdef Direct scatter_points_kernel(Py_ssize_t itemsize, int index_code) noexcept nogil:
    """The kernel for points of one index type, or NULL: only int32 and int64 have one."""
    if itemsize == 1:
        return points_for[uint8_t](NULL, index_code)
    if itemsize == 2:
        return points_for[uint16_t](NULL, index_code)
    if itemsize == 3:
        return points_for[Item3](NULL, index_code)
    if itemsize == 4:
        return points_for[uint32_t](NULL, index_code)
    if itemsize == 8:
        return points_for[uint64_t](NULL, index_code)
    if itemsize == 12:
        return points_for[Item12](NULL, index_code)
    if itemsize == 16:
        return points_for[Item16](NULL, index_code)
    return NULL
