from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

# No tile has more positions than this: their offsets stay in the first-level cache.
cdef enum:
    MAX_DIMS = 64
    TILE = 1024

# What an index out of range becomes among the byte offsets.
cdef extern from "Python.h":
    const Py_ssize_t BAD "PY_SSIZE_T_MIN"

cdef enum Mode:
    MODE_RAISE
    MODE_WRAP
    MODE_CLIP
    MODE_FILL
    MODE_DROP

cdef enum Operation:
    READ
    SET
    SUM
    PROD
    AMAX
    AMIN

ctypedef fused index_t:
    int8_t
    uint8_t
    int16_t
    uint16_t
    int32_t
    uint32_t
    int64_t
    uint64_t


cdef struct Item16:
    uint64_t low
    uint64_t high


ctypedef fused item_t:
    uint8_t
    uint16_t
    uint32_t
    uint64_t
    Item16


# A block of work for a kernel: `outer` times `inner` positions, at each a row of `row` items.
cdef struct Tile:
    const Py_ssize_t *offset    # into base, in C order of the positions, or BAD
    char *base                  # what the index points into: source of a read, destination of a write
    char *stream                # the other operand, walked in order
    Py_ssize_t outer, outer_stride
    Py_ssize_t inner, inner_stride
    Py_ssize_t row, row_base_stride, row_stride
    Py_ssize_t itemsize
    Operation operation         # of a reduction
    const char *fill            # what a read of a BAD offset gives; NULL: nothing is written
    Py_ssize_t fill_size

ctypedef void (*Kernel)(const Tile *tile) noexcept nogil
