"""Reads: from the offsets of a tile in `base` to its positions in `stream`.

An item is loaded and stored by memcpy of a constant size, which compilers turn into one plain
load or store that needs no alignment.
"""

from libc.string cimport memcpy

from fastgather._types cimport BAD, Item16, Kernel, Tile, item_t, uint8_t, uint16_t, uint32_t, uint64_t


cdef inline void fill_row(char *to, const Tile *tile) noexcept nogil:
    """Write the fill value over a row; an item may hold it several times, where rows became items."""
    cdef Py_ssize_t c, at
    if tile.fill == NULL:
        return
    for c in range(tile.row):
        for at from 0 <= at < tile.itemsize by tile.fill_size:
            memcpy(to + at, tile.fill, tile.fill_size)
        to += tile.row_stride


cdef inline void gather_items(item_t item, const Tile *tile) noexcept nogil:
    """Single items: rows of one."""
    cdef const Py_ssize_t *offset = tile.offset
    cdef Py_ssize_t i, j
    cdef char *to
    for j in range(tile.outer):
        to = tile.stream + j * tile.outer_stride
        for i in range(tile.inner):
            if offset[i] != BAD:
                memcpy(&item, tile.base + offset[i], sizeof(item_t))
                memcpy(to, &item, sizeof(item_t))
            else:
                fill_row(to, tile)
            to += tile.inner_stride
        offset += tile.inner


cdef inline void gather_rows(item_t item, const Tile *tile) noexcept nogil:
    """Rows of items, with any strides."""
    cdef const Py_ssize_t *offset = tile.offset
    cdef Py_ssize_t i, j, c
    cdef const char *source
    cdef char *to
    for j in range(tile.outer):
        to = tile.stream + j * tile.outer_stride
        for i in range(tile.inner):
            if offset[i] != BAD:
                source = tile.base + offset[i]
                for c in range(tile.row):
                    memcpy(&item, source + c * tile.row_base_stride, sizeof(item_t))
                    memcpy(to + c * tile.row_stride, &item, sizeof(item_t))
            else:
                fill_row(to, tile)
            to += tile.inner_stride
        offset += tile.inner


cdef inline void gather_tile(item_t item, const Tile *tile) noexcept nogil:
    if tile.row == 1:
        gather_items(item, tile)
    else:
        gather_rows(item, tile)


cdef void gather_1(const Tile *tile) noexcept nogil:
    gather_tile(<uint8_t> 0, tile)


cdef void gather_2(const Tile *tile) noexcept nogil:
    gather_tile(<uint16_t> 0, tile)


cdef void gather_4(const Tile *tile) noexcept nogil:
    gather_tile(<uint32_t> 0, tile)


cdef void gather_8(const Tile *tile) noexcept nogil:
    gather_tile(<uint64_t> 0, tile)


cdef void gather_16(const Tile *tile) noexcept nogil:
    cdef Item16 item
    gather_tile(item, tile)


cdef void gather_bytes(const Tile *tile) noexcept nogil:
    """Items of any size; contiguous rows of items are one memcpy."""
    cdef const Py_ssize_t *offset = tile.offset
    cdef Py_ssize_t i, j, c
    cdef Py_ssize_t rows = tile.row, length = tile.itemsize
    cdef char *to
    if tile.row_stride == length and tile.row_base_stride == length:
        rows, length = 1, tile.row * length
    for j in range(tile.outer):
        to = tile.stream + j * tile.outer_stride
        for i in range(tile.inner):
            if offset[i] != BAD:
                for c in range(rows):
                    memcpy(to + c * tile.row_stride, tile.base + offset[i] + c * tile.row_base_stride, length)
            else:
                fill_row(to, tile)
            to += tile.inner_stride
        offset += tile.inner


cdef Kernel gather_kernel(Py_ssize_t itemsize) noexcept nogil:
    """The kernel for items of this size; `gather_bytes` also for rows that are contiguous."""
    if itemsize == 1:
        return gather_1
    if itemsize == 2:
        return gather_2
    if itemsize == 4:
        return gather_4
    if itemsize == 8:
        return gather_8
    if itemsize == 16:
        return gather_16
    return gather_bytes
