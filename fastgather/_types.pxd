from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

cdef enum:
    MAX_DIMS = 64
    TILE = 1024                 # positions in a tile: their offsets stay in the first-level cache
    FOUR = 4                    # positions that a loop takes at once
    MOST_POINTS = 4             # components of an index, at most, that a kernel reads itself
    AHEAD = 128                 # positions from a prefetch to the access it is for,
    SHORT_AHEAD = 32            # and where lines are short, or rows lie in a base that the last cache may hold
    VALUE_AHEAD = 1 << 10       # bytes that the index is prefetched ahead along a line
    AHEAD_BYTES = 2048          # of a row that are prefetched, at most
    GAP_BYTES = 1024            # between two rows of a stream, at most, that is read as well
    LINE_BYTES = 64             # of the cache
    CALL_BYTES = 256            # from which a call of memcpy is worth it

cdef extern from "Python.h":
    const Py_ssize_t BAD "PY_SSIZE_T_MIN"   # stands among the offsets for an index out of range

cdef extern from "_isa.h" nogil:
    void prefetch "FG_FETCH" (const void *address)
    void prefetch_far "FG_FETCH_FAR" (const void *address)

cdef extern from "_nontemporal.h" nogil:
    bint FG_NONTEMPORAL
    void store_nontemporal "fg_store_nontemporal" (char *to, const char *source, Py_ssize_t size)
    void end_nontemporal "fg_end_nontemporal" ()

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
    DIV                         # a total by a count, which is an int64, whatever the total is,
    DIV_SHORT                   # or an int32

ctypedef fused index_t:
    int8_t
    uint8_t
    int16_t
    uint16_t
    int32_t
    uint32_t
    int64_t
    uint64_t


# The index types that reductions and points have kernels for; the others go by way of offsets.
ctypedef fused wide_index_t:
    int32_t
    int64_t


# Three items in a row are pixels and points.
cdef struct Item3:
    uint8_t[3] part


cdef struct Item12:
    uint32_t[3] part


cdef struct Item16:
    uint64_t[2] part


ctypedef fused item_t:
    uint8_t
    uint16_t
    Item3
    uint32_t
    uint64_t
    Item12
    Item16


# The index values under a tile.
cdef struct Values:
    const char *data
    Py_ssize_t outer, outer_stride
    Py_ssize_t inner, inner_stride


# Where an index value leads: `step` bytes a unit, on top of where its position lies.
cdef struct Target:
    Py_ssize_t size             # of the dim that the index points into
    Py_ssize_t step
    Py_ssize_t outer_base, inner_base
    Mode mode
    bint adds                   # to the offsets of another component, instead of setting them


# A block of work for a kernel: `outer` times `inner` positions, at each a row of `row` items.
cdef struct Tile:
    Values values               # the index, for a kernel that reads it itself
    Target target
    Values points[MOST_POINTS]  # the components of a point, for a kernel that reads them itself
    Target leads[MOST_POINTS]
    int components              # of the index
    const Py_ssize_t *offset    # for any other: bytes into base, in C order of the positions, or BAD
    const Py_ssize_t *picked    # bytes into the stream, where only some positions are left, as one line; or NULL
    char *base                  # what the index points into: source of a read, destination of a write
    char *stream                # the other operand, walked in order
    Py_ssize_t outer, outer_stride
    Py_ssize_t inner, inner_stride
    Py_ssize_t row, row_base_stride, row_stride
    Py_ssize_t itemsize
    Operation operation
    const char *fill            # what a read of a BAD offset gives; NULL: nothing is written
    Py_ssize_t fill_size
    bint far                    # positions lie apart in a base larger than a core's caches: prefetch
    Py_ssize_t rows_ahead       # how many rows ahead, if a row is a line of the cache
    uint64_t near               # the difference of index values up to which it need not, far or not
    bint nontemporal            # the stream is larger than the caches: write past them
    bint foresees               # what comes next is prefetched, for single items line by line:
    const char *next            # where the next line of the base goes on, or NULL
    Py_ssize_t spread           # items of it that are foreseen with one that is moved
    Py_ssize_t value_ahead      # bytes from an index value to one that comes later
    Py_ssize_t stream_ahead     # the same in the stream, or 0


# Kernels are fused functions behind one pointer type: the last arguments only carry the types.
ctypedef void (*Kernel)(const Tile *tile, void *item) noexcept nogil
# A direct kernel also resolves the index; it returns how many values were out of range.
ctypedef Py_ssize_t (*Direct)(const Tile *tile, void *item, void *index) noexcept nogil


cdef inline int64_t normalise(index_t value, int64_t size, Mode mode) noexcept nogil:
    """
    `value` in [0, size), or a number outside it. A size of 0 does not come here to wrap or clip.

    No branch depends on where a value lies, as long as it wraps round once at most: a smaller or a larger of two
    numbers is a conditional move. As unsigned, the smaller of a number and its sum with `size` is the one that is
    inside, and so is that of a number and its difference. (A dim of more than 2**62 holds one item, wherever it is.)
    """
    cdef int64_t i
    cdef uint64_t inside, n = size
    if index_t is uint64_t:
        if mode == MODE_WRAP:
            return <int64_t> (value % n)
        if value >= n:
            return size - 1 if mode == MODE_CLIP else -1
        return <int64_t> value
    else:
        i = value
        if mode == MODE_CLIP:
            return min(max(i, <int64_t> 0), size - 1)
        if mode != MODE_RAISE and mode != MODE_WRAP:
            return i
        inside = min(<uint64_t> i, <uint64_t> i + n)
        if mode == MODE_RAISE:
            return <int64_t> inside
        inside = min(inside, inside - n)
        if inside < n:
            return <int64_t> inside
        i %= size
        return i + size if i < 0 else i


cdef inline int64_t index_at(const char *value, Py_ssize_t at, index_t *index) noexcept nogil:
    """Read once: a value that another thread changes must not be another one after its check."""
    return (<const volatile index_t *> (value + at))[0]


cdef inline bint read_four(
    int64_t *four, const char *value, Py_ssize_t stride, uint64_t limit, index_t *index
) noexcept nogil:
    """Read the next FOUR index values, up to the first that is negative or out of range; whether there is one."""
    cdef Py_ssize_t k
    for k in range(FOUR):
        four[k] = index_at(value, k * stride, index)
        if <uint64_t> four[k] >= limit:
            return True
    return False


cdef inline bint waits(const Tile *tile, index_t *index) noexcept nogil:
    """
    Whether a tile has to prefetch item by item: its base is far, and the index, or the position, leads all over it.
    Where the first value, one in the middle and the last lie close, as in a sorted index, the hardware foresees what
    is next.
    """
    cdef const char *value = tile.values.data
    cdef Py_ssize_t stride = tile.values.inner_stride, n = tile.inner
    cdef uint64_t first, middle, last
    if not tile.far or tile.outer > 1 or tile.target.inner_base != 0:
        return tile.far
    first = index_at(value, 0, index)
    middle = index_at(value, n // 2 * stride, index)
    last = index_at(value, (n - 1) * stride, index)
    return first - middle + tile.near > 2 * tile.near or middle - last + tile.near > 2 * tile.near


cdef inline void prefetch_four(
    const char *base, const char *value, Py_ssize_t ahead, Py_ssize_t base_stride, Py_ssize_t stride, Py_ssize_t step,
    index_t *index,
) noexcept nogil:
    """Prefetch the items of the FOUR index values that come `ahead` later."""
    cdef Py_ssize_t k
    value += ahead * stride
    base += ahead * base_stride
    for k in range(FOUR):
        prefetch_far(base + k * base_stride + (<const index_t *> (value + k * stride))[0] * step)


cdef inline void prefetch_one(
    const char *base, const char *value, Py_ssize_t ahead, Py_ssize_t base_stride, Py_ssize_t stride, Py_ssize_t step,
    Py_ssize_t size, index_t *index,
) noexcept nogil:
    """The same of one, which may be negative."""
    cdef int64_t at = normalise((<const index_t *> (value + ahead * stride))[0], size, MODE_RAISE)
    prefetch_far(base + ahead * base_stride + at * step)


cdef inline void move_item(char *to, const char *source, item_t *item) noexcept nogil:
    """An item of the type of `item`; neither place need be aligned, and they do not overlap."""
    memcpy(to, source, sizeof(item_t))


cdef inline void move_items(
    char *to, const char *source, Py_ssize_t n, Py_ssize_t to_stride, Py_ssize_t stride, item_t *item
) noexcept nogil:
    """A row of items, by fours: a compiler that cannot know whether the two overlap moves one at a time."""
    cdef item_t[FOUR] moved
    cdef Py_ssize_t _, k
    for _ in range(n // FOUR):
        for k in range(FOUR):
            memcpy(&moved[k], source + k * stride, sizeof(item_t))
        for k in range(FOUR):
            memcpy(to + k * to_stride, &moved[k], sizeof(item_t))
        source += FOUR * stride
        to += FOUR * to_stride
    for k in range(n % FOUR):
        move_item(to + k * to_stride, source + k * stride, item)


cdef inline int index_code(int itemsize, bint is_unsigned) noexcept nogil:
    """The place of an index type among those of `index_t`."""
    return 2 * (0 if itemsize == 1 else 1 if itemsize == 2 else 2 if itemsize == 4 else 3) + is_unsigned


cdef inline Py_ssize_t items_ahead(const Tile *tile) noexcept nogil:
    """How many positions ahead single items are prefetched: not so many that most of a line would be over."""
    return AHEAD if tile.inner >= FOUR * AHEAD else SHORT_AHEAD


cdef inline Py_ssize_t rows_ahead(const Tile *tile, Py_ssize_t bytes) noexcept nogil:
    """The same for rows of this size."""
    return max(<Py_ssize_t> 1, tile.rows_ahead * LINE_BYTES // max(<Py_ssize_t> LINE_BYTES, bytes))


cdef inline void prefetch_row(const char *row, Py_ssize_t bytes, bint far) noexcept nogil:
    """
    All lines that the start of a row has a part in, `far` as `prefetch_far` has them; what follows is the hardware's
    to foresee.
    """
    cdef Py_ssize_t lead = <size_t> row % LINE_BYTES, at
    for at from 0 <= at < lead + min(bytes, <Py_ssize_t> AHEAD_BYTES) by LINE_BYTES:
        if far:
            prefetch_far(row - lead + at)
        else:
            prefetch(row - lead + at)


cdef inline Py_ssize_t row_reach(const Tile *tile) noexcept nogil:
    """Bytes of the base from the first item of a row to the last, where they lie close, in this order; else of one."""
    if 0 < tile.row_base_stride <= LINE_BYTES:
        return (tile.row - 1) * tile.row_base_stride + tile.itemsize
    return tile.itemsize


cdef inline void prefetch_picked(const Tile *tile, Py_ssize_t i, Py_ssize_t bytes) noexcept nogil:
    """
    Row `i` > 0 of those that are picked, and a short gap in front of it: the hardware foresees what is read without
    gaps, and to read half of that takes longer than to read all.
    """
    cdef Py_ssize_t row = tile.picked[i], end = tile.picked[i - 1] + bytes
    if tile.foresees and end < row <= end + GAP_BYTES:
        prefetch_row(tile.stream + end, row - end, True)
    prefetch_row(tile.stream + row, bytes, True)


cdef inline Py_ssize_t line_items(Py_ssize_t itemsize) noexcept nogil:
    """Items that a line of the cache holds: a power of two, so no more than half of them are prefetched twice."""
    return LINE_BYTES // (4 if itemsize == 3 else 16 if itemsize == 12 else itemsize)


cdef inline void foresee(
    const char *next, Py_ssize_t step, const char *value, const char *stream, Py_ssize_t itemsize,
    Py_ssize_t indexsize,
) noexcept nogil:
    """
    Prefetch the items of one cache line of the stream, the index values that go with them, and as many items of the
    base, which has one every `step` bytes.
    """
    cdef Py_ssize_t at
    if next != NULL:
        for at from 0 <= at < line_items(itemsize) * (step if step > 0 else -step) by LINE_BYTES:
            prefetch(next + (at if step > 0 else -at))
    if stream != NULL:
        prefetch(stream)
    for at from 0 <= at < line_items(itemsize) * indexsize by LINE_BYTES:
        prefetch(value + at)


cdef inline void foresee_end(
    const char *value, const char *stream, Py_ssize_t n, Py_ssize_t itemsize, Py_ssize_t indexsize
) noexcept nogil:
    """The same for the end of `n` positions, which `foresee` misses where they begin in the middle of a cache line."""
    prefetch(value + n * indexsize - 1)
    if stream != NULL:
        prefetch(stream + n * itemsize - 1)


cdef inline void copy_bytes(char *to, const char *source, Py_ssize_t n) noexcept nogil:
    """memcpy for a short row: pieces of a constant size, of which the last overlaps the one before."""
    cdef Py_ssize_t at
    if n >= CALL_BYTES:
        memcpy(to, source, n)
    elif n >= 64:
        for at from 0 <= at < n - 64 by 64:
            memcpy(to + at, source + at, 64)
        memcpy(to + n - 64, source + n - 64, 64)
    elif n >= 16:
        for at from 0 <= at < n - 16 by 16:
            memcpy(to + at, source + at, 16)
        memcpy(to + n - 16, source + n - 16, 16)
    elif n >= 8:
        memcpy(to, source, 8)
        memcpy(to + n - 8, source + n - 8, 8)
    elif n >= 4:
        memcpy(to, source, 4)
        memcpy(to + n - 4, source + n - 4, 4)
    elif n >= 2:
        memcpy(to, source, 2)
        memcpy(to + n - 2, source + n - 2, 2)
    elif n == 1:
        to[0] = source[0]
