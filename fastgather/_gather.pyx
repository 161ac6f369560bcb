"""Reads: from the offsets of a tile in `base` to its positions in `stream`.

An item is moved by memcpy of a constant size, which compilers turn into plain loads and stores
that need no alignment.
"""

from libc.string cimport memcpy

cimport fastgather._inline
from fastgather._points cimport move_by_points
from fastgather._resolve cimport wide
from fastgather._slices cimport Slices, choose_slices
from fastgather._types cimport (
    BAD, FOUR, LINE_BYTES, MODE_CLIP, MODE_FILL, MODE_RAISE, MODE_WRAP, Direct, Item3,
    Item12, Item16, Kernel, Mode, Tile, copy_bytes, foresee, foresee_end, index_at, index_t, item_t, items_ahead,
    line_items, move_item, move_items, normalise, prefetch_far, prefetch_four, prefetch_one, prefetch_row,
    row_reach, rows_ahead, store_nontemporal, waits, wide_index_t,
    int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t,
)

cdef inline void fill_row(char *to, const Tile *tile) noexcept nogil:
    """Write the fill value over a row; an item may hold it several times, where rows became items."""
    cdef Py_ssize_t _, at, rest
    cdef char[LINE_BYTES] many
    if tile.fill == NULL:
        return
    if tile.itemsize < 2 * LINE_BYTES or LINE_BYTES % tile.fill_size != 0:
        for _ in range(tile.row):
            for at from 0 <= at < tile.itemsize by tile.fill_size:
                memcpy(to + at, tile.fill, tile.fill_size)
            to += tile.row_stride
        return
    for at from 0 <= at < LINE_BYTES by tile.fill_size:
        memcpy(many + at, tile.fill, tile.fill_size)
    for _ in range(tile.row):
        for at from 0 <= at < tile.itemsize by LINE_BYTES:
            rest = min(<Py_ssize_t> LINE_BYTES, tile.itemsize - at)
            if tile.nontemporal:
                store_nontemporal(to + at, many, rest)
            else:
                memcpy(to + at, many, rest)
        to += tile.row_stride


cdef inline void gather_items(const Tile *tile, item_t *item, bint far) noexcept nogil:
    """Single items: rows of one."""
    cdef const Py_ssize_t *offset = tile.offset
    cdef Py_ssize_t i, j, inner = tile.inner, stride = tile.inner_stride, ahead = items_ahead(tile)
    cdef const char *base = tile.base
    cdef char *to
    for j in range(tile.outer):
        to = tile.stream + j * tile.outer_stride
        for i in range(inner):
            if far and i + ahead < inner:
                prefetch_far(base + offset[i + ahead])
            if offset[i] != BAD:
                move_item(to, base + offset[i], item)
            else:
                fill_row(to, tile)
            to += stride
        offset += inner


cdef inline void gather_rows(const Tile *tile, item_t *item) noexcept nogil:
    """Rows of items, with any strides."""
    cdef const Py_ssize_t *offset = tile.offset
    cdef Py_ssize_t i, j, bytes = row_reach(tile), ahead = rows_ahead(tile, bytes) if tile.far else tile.inner
    cdef char *to
    for j in range(tile.outer):
        to = tile.stream + j * tile.outer_stride
        for i in range(tile.inner):
            if i + ahead < tile.inner:
                prefetch_row(tile.base + offset[i + ahead], bytes, True)
            if offset[i] != BAD:
                move_items(to, tile.base + offset[i], tile.row, tile.row_stride, tile.row_base_stride, item)
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


cdef inline void put_item(char *to, const char *source, item_t *item, bint nontemporal) noexcept nogil:
    if sizeof(item_t) >= 4 and nontemporal:
        store_nontemporal(to, source, sizeof(item_t))
    else:
        move_item(to, source, item)


cdef inline Py_ssize_t gather_line(
    const char *value, const char *base, char *to, Py_ssize_t n, Py_ssize_t size, Py_ssize_t step,
    Py_ssize_t value_stride, Py_ssize_t base_stride, Py_ssize_t to_stride, item_t *item, index_t *index,
    Py_ssize_t ahead, bint foresees, const char *next, Py_ssize_t reach, Py_ssize_t value_ahead, Py_ssize_t to_ahead,
    bint nontemporal,
) noexcept nogil:
    """
    One line of single items; how many index values were out of range.

    Most indices are not negative: a loop that knows no other kind runs up to the first that is, by fours.
    What is far is prefetched by the index, or as a whole: the `next` line while this one is read. The same
    goes for what lies ahead in the index and the result, which the hardware foresees too late or not at all.
    """
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
                to + to_ahead if to_ahead else NULL, sizeof(item_t), sizeof(index_t),
            )
        for _ in range(FOUR):
            at = index_at(value, 0, index)
            if <uint64_t> at >= limit:
                break
            put_item(to, base + at * step, item, nontemporal)
            value += value_stride
            base += base_stride
            to += to_stride
            i += 1
        else:
            continue
        break
    for i in range(i, n):
        if ahead and i + ahead < n:
            prefetch_one(base, value, ahead, base_stride, value_stride, step, size, index)
        at = normalise(<index_t> index_at(value, 0, index), size, MODE_RAISE)
        if <uint64_t> at < limit:
            put_item(to, base + at * step, item, nontemporal)
        else:
            bad += 1
        value += value_stride
        base += base_stride
        to += to_stride
    return bad


cdef inline Py_ssize_t gather_lines(
    const Tile *tile, Py_ssize_t step, Py_ssize_t value_stride, Py_ssize_t base_stride, Py_ssize_t stride,
    item_t *item, index_t *index, bint far, bint foresees, bint nontemporal, Py_ssize_t reach,
) noexcept nogil:
    """All lines of a tile."""
    cdef const char *value = tile.values.data
    cdef const char *base = tile.base
    cdef const char *next = tile.next
    cdef char *to = tile.stream
    cdef Py_ssize_t n = tile.inner, size = tile.target.size, value_ahead = tile.value_ahead, _, bad = 0
    cdef Py_ssize_t to_ahead = 0 if next != NULL or nontemporal else tile.stream_ahead
    cdef Py_ssize_t ahead = items_ahead(tile) if far else 0
    cdef Py_ssize_t outer_value = tile.values.outer_stride, outer_base = tile.target.outer_base
    cdef Py_ssize_t outer_stride = tile.outer_stride, outer_next = outer_base if next != NULL else 0
    for _ in range(tile.outer):
        if foresees:
            foresee_end(
                value + value_ahead, to + to_ahead if to_ahead else NULL, n, sizeof(item_t), sizeof(index_t)
            )
        bad += gather_line(
            value, base, to, n, size, step, value_stride, base_stride, stride, item, index, ahead,
            foresees, next, reach, value_ahead, to_ahead, nontemporal,
        )
        value += outer_value
        base += outer_base
        to += outer_stride
        next += outer_next
    return bad


cdef Py_ssize_t gather_direct(const Tile *tile, item_t *item, index_t *index) noexcept nogil:
    """
    Single items by one index under "raise", whose values go from here straight to the address.

    The same lines with the strides of an axis that is innermost, of an axis that is not, and any.
    """
    cdef Py_ssize_t step = tile.target.step, base_stride = tile.target.inner_base
    cdef Py_ssize_t value_stride = tile.values.inner_stride, stride = tile.inner_stride
    cdef Py_ssize_t next_value = sizeof(index_t), next_item = sizeof(item_t)
    cdef Py_ssize_t reach = step * tile.spread
    cdef bint far = waits(tile, index)
    cdef bint packed = value_stride == next_value and stride == next_item
    cdef bint innermost = packed and base_stride == 0 and step == next_item
    cdef bint outermost = packed and base_stride == next_item and not far
    if innermost and reach != next_item:
        return gather_lines(
            tile, next_item, next_value, 0, next_item, item, index, far, tile.foresees, tile.nontemporal, reach
        )
    if innermost and tile.nontemporal:
        return gather_lines(
            tile, next_item, next_value, 0, next_item, item, index, far, tile.foresees, True, next_item
        )
    if packed and tile.nontemporal:
        return gather_lines(
            tile, step, next_value, base_stride, next_item, item, index, far, tile.foresees, True, reach
        )
    if innermost and far:
        return gather_lines(tile, next_item, next_value, 0, next_item, item, index, True, True, False, next_item)
    if innermost and tile.foresees:
        return gather_lines(tile, next_item, next_value, 0, next_item, item, index, False, True, False, next_item)
    if innermost:
        return gather_lines(tile, next_item, next_value, 0, next_item, item, index, False, False, False, 0)
    if outermost and tile.foresees:
        return gather_lines(tile, step, next_value, next_item, next_item, item, index, False, True, False, reach)
    if outermost:
        return gather_lines(tile, step, next_value, next_item, next_item, item, index, False, False, False, 0)
    if packed and base_stride == 0 and not far and not tile.foresees:
        return gather_lines(tile, step, next_value, 0, next_item, item, index, False, False, False, 0)
    if packed and base_stride == 0:
        return gather_lines(tile, step, next_value, 0, next_item, item, index, far, tile.foresees, False, reach)
    if far:
        return gather_lines(tile, step, value_stride, base_stride, stride, item, index, True, False, False, 0)
    return gather_lines(tile, step, value_stride, base_stride, stride, item, index, False, False, False, 0)


cdef inline void gather_by_rule(
    char *to, const char *value, const char *base, Py_ssize_t size, Py_ssize_t step, const char *fill,
    item_t *item, index_t *index, Mode mode, bint nontemporal,
) noexcept nogil:
    """One item under "clip", "wrap" or "fill": no branch depends on the index, what is outside reads the fill."""
    cdef int64_t at = normalise(<index_t> index_at(value, 0, index), size, mode)
    cdef Py_ssize_t lead = at * step
    if mode == MODE_FILL:
        lead += base - fill
        lead &= -<Py_ssize_t> (<uint64_t> at < <uint64_t> size)
        base = fill
    put_item(to, base + lead, item, nontemporal)


cdef inline Py_ssize_t gather_lines_by_mode(
    const Tile *tile, Py_ssize_t step, Py_ssize_t value_stride, Py_ssize_t base_stride, Py_ssize_t stride,
    item_t *item, index_t *index, Mode mode, bint nontemporal,
) noexcept nogil:
    cdef Py_ssize_t n = tile.inner, size = tile.target.size, ahead = items_ahead(tile), i, j, k, _
    cdef const char *value
    cdef const char *base
    cdef char *to
    cdef bint far = waits(tile, index), foresees = tile.foresees
    cdef int64_t at
    for j in range(tile.outer):
        value = tile.values.data + j * tile.values.outer_stride
        base = tile.base + j * tile.target.outer_base
        to = tile.stream + j * tile.outer_stride
        if foresees:
            foresee_end(
                value + tile.value_ahead, NULL if nontemporal else to + tile.stream_ahead, n, sizeof(item_t),
                sizeof(index_t),
            )
        for i from 0 <= i <= n - FOUR by FOUR:
            if far and i + ahead + FOUR <= n:
                for k in range(ahead, ahead + FOUR):
                    at = (<const index_t *> (value + k * value_stride))[0]
                    if mode == MODE_WRAP:
                        at = normalise(<index_t> at, size, mode)
                    else:       # for what is outside, the first item will do
                        at &= -<int64_t> (<uint64_t> at < <uint64_t> size)
                    prefetch_far(base + k * base_stride + at * step)
            if foresees and i % line_items(sizeof(item_t)) == 0:
                foresee(
                    NULL, step, value + tile.value_ahead, NULL if nontemporal else to + tile.stream_ahead,
                    sizeof(item_t), sizeof(index_t),
                )
            for _ in range(FOUR):
                gather_by_rule(to, value, base, size, step, tile.fill, item, index, mode, nontemporal)
                value += value_stride
                base += base_stride
                to += stride
        for _ in range(n % FOUR):
            gather_by_rule(to, value, base, size, step, tile.fill, item, index, mode, nontemporal)
            value += value_stride
            base += base_stride
            to += stride
    return 0


cdef inline Py_ssize_t gather_in_mode(const Tile *tile, item_t *item, index_t *index, Mode mode) noexcept nogil:
    """As in `gather_direct`, but for fewer kinds of strides."""
    cdef Py_ssize_t step = tile.target.step, base_stride = tile.target.inner_base
    cdef Py_ssize_t value_stride = tile.values.inner_stride, stride = tile.inner_stride
    cdef Py_ssize_t next_value = sizeof(index_t), next_item = sizeof(item_t)
    cdef bint innermost = (
        value_stride == next_value and stride == next_item and base_stride == 0 and step == next_item
    )
    if innermost and tile.nontemporal:
        return gather_lines_by_mode(tile, next_item, next_value, 0, next_item, item, index, mode, True)
    if innermost:
        return gather_lines_by_mode(tile, next_item, next_value, 0, next_item, item, index, mode, False)
    return gather_lines_by_mode(tile, step, value_stride, base_stride, stride, item, index, mode, False)


cdef Py_ssize_t gather_by_mode(const Tile *tile, item_t *item, index_t *index) noexcept nogil:
    """As `gather_direct`, under the modes that take any index."""
    if tile.target.mode == MODE_CLIP:
        return gather_in_mode(tile, item, index, MODE_CLIP)
    if tile.target.mode == MODE_WRAP:
        return gather_in_mode(tile, item, index, MODE_WRAP)
    return gather_in_mode(tile, item, index, MODE_FILL)


cdef Py_ssize_t gather_points(const Tile *tile, item_t *item, wide_index_t *index) noexcept nogil:
    """Single items by the components of points."""
    return move_by_points(tile, False, item, index)


cdef void move_slices(Slices copy, const Tile *tile, Py_ssize_t length) noexcept nogil:
    """Slices of `length` bytes, by a loop of those of `_slices.h`, of which some write: a tile of these has no fill."""
    cdef const Py_ssize_t *offset = tile.offset
    cdef const Py_ssize_t *end
    cdef const Py_ssize_t *bad
    cdef char *row
    cdef Py_ssize_t j, ahead = rows_ahead(tile, length) if tile.far else 0
    for j in range(tile.outer):
        row = tile.stream + j * tile.outer_stride
        end = offset + tile.inner
        while True:
            bad = copy(row, tile.base, offset, end, length, tile.inner_stride, ahead)
            row += (bad - offset) * tile.inner_stride
            offset = bad
            if bad == end:
                break
            fill_row(row, tile)
            row += tile.inner_stride
            offset += 1


cdef inline void gather_slices(const Tile *tile, Py_ssize_t length, bint far, bint nontemporal) noexcept nogil:
    """Others, each one copy."""
    cdef const Py_ssize_t *offset = tile.offset
    cdef const Py_ssize_t *end
    cdef Py_ssize_t j, stride = tile.inner_stride, ahead = rows_ahead(tile, length)
    cdef const char *base = tile.base
    cdef char *to
    for j in range(tile.outer):
        to = tile.stream + j * tile.outer_stride
        end = offset + tile.inner
        while offset < end:
            if far and offset + ahead < end:
                prefetch_row(base + offset[ahead], length, True)
            if offset[0] == BAD:
                fill_row(to, tile)
            elif nontemporal:
                store_nontemporal(to, base + offset[0], length)
            else:
                copy_bytes(to, base + offset[0], length)
            to += stride
            offset += 1


cdef void gather_near_slices(const Tile *tile, Py_ssize_t length) noexcept nogil:
    gather_slices(tile, length, False, False)


cdef void gather_far_slices(const Tile *tile, Py_ssize_t length) noexcept nogil:
    gather_slices(tile, length, True, False)


cdef void gather_past_caches(const Tile *tile, Py_ssize_t length) noexcept nogil:
    if tile.far:
        gather_slices(tile, length, True, True)
    else:
        gather_slices(tile, length, False, True)


ctypedef void (*Loop)(const Tile *tile, Py_ssize_t length) noexcept nogil


cdef void gather_bytes(const Tile *tile, void *item) noexcept nogil:
    """Items of any size; contiguous rows of items are slices. A table keeps the loops out of line, each on its own."""
    cdef Loop[3] table = [gather_near_slices, gather_far_slices, gather_past_caches]
    cdef const Py_ssize_t *offset = tile.offset
    cdef Py_ssize_t i, j, c, length = tile.itemsize
    cdef const char *source
    cdef char *to
    cdef Slices copy
    cdef bint packed = tile.row == 1 or (tile.row_stride == length and tile.row_base_stride == length)
    if packed:
        length *= tile.row
        copy = choose_slices(wide, False, tile.far, length, tile.inner_stride)
        if tile.nontemporal:
            table[2](tile, length)
        elif copy != NULL:
            move_slices(copy, tile, length)
        else:
            table[tile.far](tile, length)
        return
    for j in range(tile.outer):
        to = tile.stream + j * tile.outer_stride
        for i in range(tile.inner):
            if offset[i] == BAD:
                fill_row(to, tile)
            else:
                source = tile.base + offset[i]
                for c in range(tile.row):
                    copy_bytes(to + c * tile.row_stride, source + c * tile.row_base_stride, tile.itemsize)
            to += tile.inner_stride
        offset += tile.inner


cdef Kernel gather_kernel(Py_ssize_t itemsize) noexcept nogil:
    """The kernel for items of this size; `gather_bytes` also for rows that are contiguous."""
    if itemsize == 1:
        return <Kernel> gather_tile[uint8_t]
    if itemsize == 2:
        return <Kernel> gather_tile[uint16_t]
    if itemsize == 3:
        return <Kernel> gather_tile[Item3]
    if itemsize == 4:
        return <Kernel> gather_tile[uint32_t]
    if itemsize == 8:
        return <Kernel> gather_tile[uint64_t]
    if itemsize == 12:
        return <Kernel> gather_tile[Item12]
    if itemsize == 16:
        return <Kernel> gather_tile[Item16]
    return gather_bytes


cdef Direct points_for(item_t *item, int index_code) noexcept nogil:
    if index_code == 4:
        return <Direct> gather_points[item_t, int32_t]
    if index_code == 6:
        return <Direct> gather_points[item_t, int64_t]
    return NULL


cdef Direct direct_for(item_t *item, int index_code, Mode mode) noexcept nogil:
    cdef Direct[8] by_mode = [
        <Direct> gather_by_mode[item_t, int8_t], <Direct> gather_by_mode[item_t, uint8_t],
        <Direct> gather_by_mode[item_t, int16_t], <Direct> gather_by_mode[item_t, uint16_t],
        <Direct> gather_by_mode[item_t, int32_t], <Direct> gather_by_mode[item_t, uint32_t],
        <Direct> gather_by_mode[item_t, int64_t], <Direct> gather_by_mode[item_t, uint64_t],
    ]
    cdef Direct[8] table = [
        <Direct> gather_direct[item_t, int8_t], <Direct> gather_direct[item_t, uint8_t],
        <Direct> gather_direct[item_t, int16_t], <Direct> gather_direct[item_t, uint16_t],
        <Direct> gather_direct[item_t, int32_t], <Direct> gather_direct[item_t, uint32_t],
        <Direct> gather_direct[item_t, int64_t], <Direct> gather_direct[item_t, uint64_t],
    ]
    return table[index_code] if mode == MODE_RAISE else by_mode[index_code]


cdef Direct gather_direct_kernel(Py_ssize_t itemsize, int index_code, Mode mode) noexcept nogil:
    """The direct kernel for an item size, an index type and a mode other than "drop", or NULL."""
    if itemsize == 1:
        return direct_for[uint8_t](NULL, index_code, mode)
    if itemsize == 2:
        return direct_for[uint16_t](NULL, index_code, mode)
    if itemsize == 3:
        return direct_for[Item3](NULL, index_code, mode)
    if itemsize == 4:
        return direct_for[uint32_t](NULL, index_code, mode)
    if itemsize == 8:
        return direct_for[uint64_t](NULL, index_code, mode)
    if itemsize == 12:
        return direct_for[Item12](NULL, index_code, mode)
    if itemsize == 16:
        return direct_for[Item16](NULL, index_code, mode)
    return NULL


cdef Direct gather_points_kernel(Py_ssize_t itemsize, int index_code) noexcept nogil:
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
