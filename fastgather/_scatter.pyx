"""Plain writes: from the positions of a tile in `stream` to its offsets in `base`, in order.

Items are moved as in `_gather`; a BAD offset is left out.
"""

from libc.string cimport memcpy

from fastgather._types cimport BAD, Item16, Kernel, Tile, item_t, uint8_t, uint16_t, uint32_t, uint64_t


cdef inline void scatter_items(item_t item, const Tile *tile) noexcept nogil:
    """Single items: rows of one."""
    cdef const Py_ssize_t *offset = tile.offset
    cdef Py_ssize_t i, j
    cdef const char *source
    for j in range(tile.outer):
        source = tile.stream + j * tile.outer_stride
        for i in range(tile.inner):
            if offset[i] != BAD:
                memcpy(&item, source, sizeof(item_t))
                memcpy(tile.base + offset[i], &item, sizeof(item_t))
            source += tile.inner_stride
        offset += tile.inner


cdef inline void scatter_rows(item_t item, const Tile *tile) noexcept nogil:
    """Rows of items, with any strides."""
    cdef const Py_ssize_t *offset = tile.offset
    cdef Py_ssize_t i, j, c
    cdef const char *source
    cdef char *to
    for j in range(tile.outer):
        source = tile.stream + j * tile.outer_stride
        for i in range(tile.inner):
            if offset[i] != BAD:
                to = tile.base + offset[i]
                for c in range(tile.row):
                    memcpy(&item, source + c * tile.row_stride, sizeof(item_t))
                    memcpy(to + c * tile.row_base_stride, &item, sizeof(item_t))
            source += tile.inner_stride
        offset += tile.inner


cdef inline void scatter_tile(item_t item, const Tile *tile) noexcept nogil:
    if tile.row == 1:
        scatter_items(item, tile)
    else:
        scatter_rows(item, tile)


cdef void scatter_1(const Tile *tile) noexcept nogil:
    scatter_tile(<uint8_t> 0, tile)


cdef void scatter_2(const Tile *tile) noexcept nogil:
    scatter_tile(<uint16_t> 0, tile)


cdef void scatter_4(const Tile *tile) noexcept nogil:
    scatter_tile(<uint32_t> 0, tile)


cdef void scatter_8(const Tile *tile) noexcept nogil:
    scatter_tile(<uint64_t> 0, tile)


cdef void scatter_16(const Tile *tile) noexcept nogil:
    cdef Item16 item
    scatter_tile(item, tile)


cdef void scatter_bytes(const Tile *tile) noexcept nogil:
    """Items of any size; contiguous rows of items are one memcpy."""
    cdef const Py_ssize_t *offset = tile.offset
    cdef Py_ssize_t i, j, c
    cdef Py_ssize_t rows = tile.row, length = tile.itemsize
    cdef const char *source
    if tile.row_stride == length and tile.row_base_stride == length:
        rows, length = 1, tile.row * length
    for j in range(tile.outer):
        source = tile.stream + j * tile.outer_stride
        for i in range(tile.inner):
            if offset[i] != BAD:
                for c in range(rows):
                    memcpy(tile.base + offset[i] + c * tile.row_base_stride, source + c * tile.row_stride, length)
            source += tile.inner_stride
        offset += tile.inner


cdef Kernel scatter_kernel(Py_ssize_t itemsize) noexcept nogil:
    """The kernel for items of this size; `scatter_bytes` also for rows that are contiguous."""
    if itemsize == 1:
        return scatter_1
    if itemsize == 2:
        return scatter_2
    if itemsize == 4:
        return scatter_4
    if itemsize == 8:
        return scatter_8
    if itemsize == 16:
        return scatter_16
    return scatter_bytes
