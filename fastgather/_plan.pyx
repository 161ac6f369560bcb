"""The plan of a call: dims coalesced, loops ordered by stride, kernel chosen, work split.

A plan comes in with the dims in the user's order. `run` then

1. drops dims of size 1, orders the others by stride and joins those that are contiguous with
   each other in all operands (`order_dims`, `coalesce`), and wraps or clips a short index that many lines share,
   once for all of them (`settle`);
2. sets the innermost dim apart as a row, where the index is constant along it, or the one next to it where
   the innermost has a few index values (`walk_few_first`), makes one item of a short contiguous row
   (`choose_row`), packs rows that lie across the lines of the base (`pack_rows`), and walks lines, or columns, where
   that suits all but the index (`walk_lines_first`, `walk_columns_first`), or, where lines are short for a base that
   far, across them (`walk_short_lines_across`);
3. cuts the dims into blocks, the innermost two, or another one for the second (`choose_outer`), into tiles small
   enough for their offsets to stay in the first-level cache (`cut`), or for a copy of what lies across their lines
   (`choose_transposes`);
4. decides how threads share what can collide, where nothing else is left to share (`share`);
5. hands contiguous ranges of tiles to threads; for each tile the index values become byte
   offsets (`_resolve`) and a kernel moves what lies there (`_gather`, `_scatter`, `_reduce`).

A few items go through steps 1, 2 and 5 alone, in one thread (`run_few`); those of arrays in C order need no plan
(`_small`).

A write may bring what its base has to hold first (`copy`). Where the units have the base between them, each
copies its part just before it writes there; otherwise all is copied at the start.

Writes may collide where two positions name the same place, which takes a dim along which the
base does not move. Such serial dims stay in the user's order, inside one thread; the others are free, and
so are all where one value is written to a large base.
"""

from libc.stdlib cimport free, llabs, malloc
from libc.string cimport memcpy, memset

cimport numpy as cnp

from fastgather._gather cimport gather_direct_kernel, gather_kernel, gather_points_kernel
from fastgather._reduce cimport divide_kernel, is_order_free, on_truth_values, reduce_direct_kernel, reduce_kernel
from fastgather._resolve cimport Points, check_direct_kernel, copy_native, points_resolver, resolver
from fastgather._scatter cimport scatter_direct_kernel, scatter_kernel, scatter_points_kernel
from fastgather._threads cimport run_parallel
from fastgather._types cimport (
    AHEAD, DIV, FG_NONTEMPORAL, FOUR, LINE_BYTES, MAX_DIMS, MODE_CLIP, MODE_FILL, MODE_RAISE, MODE_WRAP, MOST_POINTS,
    READ, SET, SHORT_AHEAD, SUM, TILE, VALUE_AHEAD, Direct, Kernel, Target, Tile, Values, end_nontemporal, index_code,
    prefetch_row, int64_t,
)

cdef enum:
    ITEM_BYTES = 1 << 12        # a contiguous row up to this long is an item
    ROW_BYTES = 1 << 17         # a longer one is cut, so that threads can share it
    LINES_READ = 4              # of the cache, in the result, that a piece of a row fills which lies across the base
    TILE_BYTES = 1 << 17        # what a tile moves, at most
    DIRECT_TILE = 4 * TILE      # positions in a tile that needs no offsets, and in one that is
    CHECKED_TILE = 16 * TILE    # checked only
    FEW = 384                   # items, for which no other order of dims, panel or prefetch pays,
    FEW_DIRECT = 1 << 10        # and those that need no offsets and do not wait for memory
    MOST_SETTLED = 1 << 16      # index values that are wrapped or clipped before they are used,
    SETTLED_TIMES = 4           # as many times at least
    SHORT_TILE = 2 * TILE       # of up to
    SIDE_BY_SIDE = 64           # positions along its outer dim that are written between each other's
    PIECE_BYTES = 1 << 14       # of both operands that a row lies across, which stay in the first-level cache
    SHORT_BYTES = 1 << 23       # an index of short lines that a read may go through several times
    FAR_LINE = 16               # positions of a line that is not too short for a base in memory, half in the last cache
    CACHE_BYTES = 1 << 18       # what surely stays in a core's cache
    LEAST_PANEL = 1 << 19       # half of the second-level cache, by which panels are measured, within these limits
    LARGEST_PANEL = 1 << 20
    FAR_PANEL = 1 << 23         # of one with so many rows that it has a line of the cache of each, in the last cache
    PANEL_ROW = 1 << 12         # bytes of a row of a panel, at most,
    PANEL_COLUMNS = 1 << 6      # and its columns, at least, if there is room: a row of the index is read in such pieces
    PANEL_LINES = 8             # lines of the cache in such a row, at most, where the panel holds lines,
    LEAST_LINES = 4             # and at least, if there is room
    ROWS_AHEAD = 8              # that are prefetched while a panel is packed
    PACKED_ROWS = 1 << 6        # of a panel of rows that are filled at a time, column by column,
    PACKED_LINES = 3            # and lines of the cache in such a row where one would be moved in many short pieces
    BYPASS_BYTES = 1 << 25      # a result, or a source, that will not be found in the caches
    SHORT_LINE = 1 << 9         # bytes of a line that is foreseen without being asked for,
    SHORT_PIECE = 1 << 7        # and of a piece of a row that lines lie across
    FORESEEN_ROW = 256          # bytes of a row, at most, that is prefetched with those that follow it,
    FORESEEN_PIECE = 1 << 11    # and of one with gaps between them
    FAR_BYTES = 1 << 21         # a base from which moves wait for the last of the caches,
    POINTS_BYTES = 1 << 23      # one from which points do, half as large if it is written to,
    LARGE_BYTES = 1 << 24       # and one that is not in it
    NEAR_BYTES = 1 << 15        # of it that half a tile, at most, leads to if its index is sorted
    STAYS_BYTES = 1 << 15       # of a line of it that stays in the first-level cache while a long index leads there
    SHARED_ROW = 1 << 10        # bytes of a row that threads share if its base is small,
    SHARED_BYTES = 1 << 19      # which is no more than this
    SHARED_PLACES = 1 << 9      # rows of a multiple of this length share few places in the first-level cache
    LEAST_PART = 1 << 8         # bytes between what one thread and the next write
    PLACES = 1 << 6             # of lines of a cache in its first level, which they share by their addresses
    ROWS_A_PLACE = 8            # of what is moved across its lines, whose lines of the cache find room there,
    MORE_ROWS = 16              # more where an index or a reduction waits for memory more than for room;
    MOST_ROWS = 1 << 9          # and the most that are walked for a line
    STREAM_AHEAD = 1 << 9       # bytes that the other operand is prefetched ahead along a line,
    FAR_AHEAD = 1 << 12         # and row by row
    LINES_AHEAD = 4             # the same across lines, or gaps
    STREAMED_ROWS = 8           # of a base that the hardware brings by itself, less one; of narrow items fewer pay
    COPIED_A_LINE = 1 << 8      # bytes of a base, for each line of the cache that is written, that one thread copies
    COPY_BYTES = 1 << 19        # of items, at most, of which a thread may have a copy; copies of rows may take
    COPY_PART = 8               # a part in so many, together, of what is written
    COPY_TIMES = 4              # as many positions as places, at least, for copies to pay
    TRANSPOSED_TILE = 2 * TILE  # positions in a tile that transposes its index, or stream, which lies across its lines,
    TRANSPOSED_LINES = 8        # these lines, as a rule,
    TRANSPOSED_AHEAD = 8        # and positions that are prefetched for that
    MANY_THREADS = 4            # from which each may go through the whole index for places of its own

cdef enum Forced:
    NOTHING
    OFFSETS                     # no kernel reads the index itself
    FAR                         # every base counts as far
    NONTEMPORAL                 # every result that can be is written past the caches
    PANEL                       # every base that can be packed is
    COPY                        # colliding writes are shared by copies wherever they can be
    PLACE                       # and these by place

cdef Forced forced = NOTHING

cdef extern from *:
    """
    #if defined(__linux__)
    #include <unistd.h>
    #endif
    #ifdef _SC_LEVEL2_CACHE_SIZE
    static Py_ssize_t fg_second_level_cache(void) { return sysconf(_SC_LEVEL2_CACHE_SIZE); }
    #else
    static Py_ssize_t fg_second_level_cache(void) { return 0; }     /* not known */
    #endif
    """
    Py_ssize_t fg_second_level_cache() noexcept nogil

# Panels stay for the next call, in as many slots as threads may need at a time: where malloc gives back to the system
# what a call frees, as glibc does, a panel's pages would cost more than all that is done with it.
cdef extern from *:
    """
    #include <stdlib.h>
    #if defined(__GNUC__) || defined(__clang__)
    #define FG_SLOTS 64
    static char *fg_kept[FG_SLOTS];
    static char *fg_take_panel(size_t bytes)
    {
        char *panel;
        for (int i = 0; i < FG_SLOTS; i++)
            if (__atomic_load_n(&fg_kept[i], __ATOMIC_RELAXED) != NULL) {
                panel = __atomic_exchange_n(&fg_kept[i], NULL, __ATOMIC_ACQUIRE);
                if (panel != NULL)
                    return panel;
            }
        return (char *) malloc(bytes);
    }
    static void fg_keep_panel(char *panel)
    {
        char *none;
        for (int i = 0; panel != NULL && i < FG_SLOTS; i++) {
            none = NULL;
            if (__atomic_compare_exchange_n(&fg_kept[i], &none, panel, 0, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
                return;
        }
        free(panel);
    }
    #else
    static char *fg_take_panel(size_t bytes) { return (char *) malloc(bytes); }
    static void fg_keep_panel(char *panel) { free(panel); }
    #endif
    """
    char *fg_take_panel(size_t bytes) noexcept nogil        # always as many
    void fg_keep_panel(char *panel) noexcept nogil

cdef Py_ssize_t panel_bytes = min(
    <Py_ssize_t> LARGEST_PANEL, max(<Py_ssize_t> LEAST_PANEL, fg_second_level_cache() // 2)
)
cdef Py_ssize_t small_panel = panel_bytes // 2      # one that leaves room for what streams past it, of the usual size
cdef Py_ssize_t large_panel = min(<Py_ssize_t> LARGEST_PANEL, panel_bytes * 3 // 2)     # the most for longer rows
cdef Py_ssize_t kept_bytes = large_panel + PANEL_LINES * LINE_BYTES * LINE_BYTES        # with what lies between lines

# How the turns of one unit, which may write to the same places, are shared between threads nevertheless.
cdef enum Sharing:
    WHOLE                       # they are not
    BY_PLACE                    # each thread goes through all of them, for the places in a range of its own
    BY_COPY                     # each thread has some of them and a copy of the base; then the copies are combined

# What a panel holds of the base.
cdef enum Panel:
    NO_PANEL
    COLUMNS                     # as they are,
    LINES                       # columns transposed, one after the other,
    ROWS                        # or rows of columns that lie far apart

# A loop over the blocks of one dim.
cdef struct Level:
    int dim
    Py_ssize_t block
    Py_ssize_t count

# A plan cut into tiles. A unit is what one thread does in order: all turns of the serial levels.
cdef struct Nest:
    Plan *plan
    Kernel kernel
    Direct direct               # instead of the kernel, or NULL
    bint alike                  # are all components of the index
    bint takes_points           # does the direct kernel
    Points points               # resolves several components at once, or NULL
    bint far
    bint side_by_side           # threads share no positions of the outer dim of a tile,
    bint few_a_row              # or of the inner one, beside a row
    bint whole_lines            # of the base are walked one after the other
    bint across                 # the lines of a large index lie across its rows
    bint transposes_index       # which lies across the lines that are walked: a tile copies its part of it first,
    bint transposes_stream      # of the other operand,
    bint transposes             # or of either
    bint foresees
    bint nontemporal
    int column                  # the dim of the tile along which each unit packs its part of the base, or -1
    Py_ssize_t origin           # bytes from the base to where each unit copies its part of it from, or 0
    Panel panel                 # and what it holds then,
    Py_ssize_t places           # how many rows or columns of the base, 0 without a panel,
    Py_ssize_t along            # and how far apart rows lie that are packed
    int levels
    Level level[MAX_DIMS]       # parallel ones first, then serial ones in order
    Py_ssize_t units
    Py_ssize_t turns
    bint meets                  # whether threads that wrote to parts of a place would meet in its lines of the cache
    Sharing sharing
    Py_ssize_t parts            # of a unit
    char *copies                # of the base, one for each part
    int outer, inner, row       # dims of the tile, or -1
    Py_ssize_t between          # positions along the dims between the first two
    Py_ssize_t block[MAX_DIMS]
    Py_ssize_t fill_size


def force(kernel):
    """For the tests: a kernel, or a way to share, wherever it can be; None leaves the choice to the plan."""
    global forced
    forced = {
        None: NOTHING, "offsets": OFFSETS, "far": FAR, "nontemporal": NONTEMPORAL, "panel": PANEL,
        "copy": COPY, "place": PLACE,
    }[kernel]


cdef bint is_forced() noexcept nogil:
    return forced != NOTHING


cdef Py_ssize_t span(const Plan *plan) noexcept nogil:
    """Bytes from the first place that an index may name to the last; a dim of size 0 has none."""
    cdef Py_ssize_t bytes = 0
    cdef int k
    for k in range(plan.components):
        bytes += max(<Py_ssize_t> 0, plan.component[k].size - 1) * llabs(plan.component[k].step)
    return bytes


cdef inline Py_ssize_t base_bytes(const Plan *plan) noexcept nogil:
    """What a line that the first component points into takes of the base."""
    return plan.component.size * llabs(plan.component.step)


cdef bint writes_one_value(const Plan *plan) noexcept nogil:
    """Whether a plain write has a single value, and a base so large that threads seldom meet in a line of the cache."""
    cdef int d
    if plan.operation != SET or (span(plan) <= FAR_BYTES and forced != FAR):
        return False
    for d in range(plan.ndim):
        if plan.stream_strides[d] != 0 and plan.shape[d] != 1:
            return False
    return True


cdef bint is_serial(const Plan *plan, int d) noexcept nogil:
    """Whether positions along a dim may name the same place, so that a write keeps their order."""
    return plan.operation != READ and plan.base_strides[d] == 0 and not plan.one_value


cdef bint index_is_constant(const Plan *plan, int d) noexcept nogil:
    cdef int k
    for k in range(plan.components):
        if plan.component[k].strides[d] != 0:
            return False
    return True


cdef Py_ssize_t elements(const Plan *plan) noexcept nogil:
    cdef Py_ssize_t count = 1
    cdef int d
    for d in range(plan.ndim):
        count *= plan.shape[d]
    return count


cdef Py_ssize_t work_bytes(const Plan *plan) noexcept nogil:
    """What a call reads, index included: the measure of whether threads pay. 0 without elements."""
    cdef Py_ssize_t count = 1, indices = 1
    cdef int d
    for d in range(plan.ndim):
        count *= plan.shape[d]
        if not index_is_constant(plan, d):
            indices *= plan.shape[d]
    return count * plan.itemsize + indices * <Py_ssize_t> sizeof(Py_ssize_t) + plan.copy_bytes if count else 0


cdef bint may_copy_late(const Plan *plan, Py_ssize_t bytes) noexcept nogil:
    """Whether a base may get its contents from `run`: large enough to matter, and written to at all."""
    return plan.itemsize > 0 and work_bytes(plan) > 0 and (bytes > CACHE_BYTES or forced != NOTHING)


cdef void move_dim(Plan *plan, int source, int to) noexcept nogil:
    """Overwrite dim `to` by dim `source`."""
    cdef int k
    plan.shape[to] = plan.shape[source]
    plan.base_strides[to] = plan.base_strides[source]
    plan.stream_strides[to] = plan.stream_strides[source]
    for k in range(plan.components):
        plan.component[k].strides[to] = plan.component[k].strides[source]


cdef void swap_dims(Plan *plan, int a, int b) noexcept nogil:
    cdef int k
    plan.shape[a], plan.shape[b] = plan.shape[b], plan.shape[a]
    plan.base_strides[a], plan.base_strides[b] = plan.base_strides[b], plan.base_strides[a]
    plan.stream_strides[a], plan.stream_strides[b] = plan.stream_strides[b], plan.stream_strides[a]
    for k in range(plan.components):
        plan.component[k].strides[a], plan.component[k].strides[b] = (
            plan.component[k].strides[b], plan.component[k].strides[a]
        )


cdef Py_ssize_t reach(const Plan *plan, int d) noexcept nogil:
    """How far one step along a dim goes in memory, in all operands together."""
    cdef Py_ssize_t total = llabs(plan.base_strides[d]) + llabs(plan.stream_strides[d])
    cdef int k
    if total == 0 and plan.components > 0:
        total = llabs(plan.component.step)
    for k in range(plan.components):
        total += llabs(plan.component[k].strides[d])
    return total


cdef Py_ssize_t least_reach(const Plan *plan, int d) noexcept nogil:
    """The same in the base or the stream, where it is less; in the stream where each place may lie anywhere."""
    cdef Py_ssize_t stream = llabs(plan.stream_strides[d])
    cdef Py_ssize_t base = llabs(plan.base_strides[d])
    if not index_is_constant(plan, d):
        base = stream if base else llabs(plan.component.step)
    return min(base, stream) if base and stream else max(base, stream)


cdef bint index_follows(const Plan *plan) noexcept nogil:
    """Whether the one index needs no order of its own: it lies as the stream does, or along a single dim."""
    cdef int d, walked = 0
    cdef bint alike = True
    for d in range(plan.ndim):
        if plan.shape[d] > 1 and not index_is_constant(plan, d):
            walked += 1
            alike &= (
                plan.component.strides[d] * plan.itemsize == plan.stream_strides[d] * plan.component.itemsize
            )
    return plan.components == 1 and (alike or walked == 1)


cdef void order_dims(Plan *plan, Py_ssize_t count) noexcept nogil:
    """
    Drop dims of size 1; long strides outside, short ones inside, serial dims as they were.

    The base and the stream may each have another dim packed. Where a cache does not keep them, these two belong inside,
    so that what one of them brings to the cache is there for the next steps along the other.
    """
    cdef Py_ssize_t reaches[MAX_DIMS]
    cdef Py_ssize_t least[MAX_DIMS]
    cdef bint by_least = (plan.one_value or count * plan.itemsize > CACHE_BYTES) and index_follows(plan)
    cdef int d, at, kept = 0
    for d in range(plan.ndim):
        if plan.shape[d] == 1:
            continue
        if d != kept:
            move_dim(plan, d, kept)
        reaches[kept] = reach(plan, kept)
        least[kept] = least_reach(plan, kept) if by_least else 0
        at = kept
        while (
            at > 0
            and (least[at - 1] < least[at] or (least[at - 1] == least[at] and reaches[at - 1] < reaches[at]))
            and not (is_serial(plan, at - 1) and is_serial(plan, at))
        ):
            swap_dims(plan, at - 1, at)
            reaches[at - 1], reaches[at] = reaches[at], reaches[at - 1]
            least[at - 1], least[at] = least[at], least[at - 1]
            at -= 1
        kept += 1
    plan.ndim = kept


cdef bint joins(const Plan *plan, int outer, int inner) noexcept nogil:
    cdef Py_ssize_t n = plan.shape[inner]
    cdef int k
    if plan.base_strides[outer] != n * plan.base_strides[inner]:
        return False
    if plan.stream_strides[outer] != n * plan.stream_strides[inner]:
        return False
    for k in range(plan.components):
        if plan.component[k].strides[outer] != n * plan.component[k].strides[inner]:
            return False
    return True


cdef void coalesce(Plan *plan) noexcept nogil:
    """Join neighbouring dims that are one in every operand."""
    cdef int d, last = 0
    cdef Py_ssize_t n
    for d in range(1, plan.ndim):
        if joins(plan, last, d):
            n = plan.shape[last] * plan.shape[d]
            move_dim(plan, d, last)
            plan.shape[last] = n
        else:
            last += 1
            if d != last:
                move_dim(plan, d, last)
    plan.ndim = min(plan.ndim, last + 1)


cdef Py_ssize_t values_to_settle(const Plan *plan, int last) noexcept nogil:
    """Of a short index, constant after dim `last`, that is walked so often that to wrap or clip it first pays; or 0."""
    cdef Py_ssize_t values = 1, times = 1
    cdef int d
    for d in range(last + 1):
        if plan.component.strides[d]:
            values *= plan.shape[d]
        else:
            times *= plan.shape[d]
    return values if plan.component.plain and values <= MOST_SETTLED and times >= SETTLED_TIMES else 0


cdef Py_ssize_t *settle(Plan *plan) noexcept nogil:
    """Wrap or clip an index before it is used, where that pays, into memory that the caller frees; else NULL."""
    cdef Component *component = plan.component
    cdef Py_ssize_t[MAX_DIMS] start
    cdef Py_ssize_t count = 0, stride = sizeof(Py_ssize_t)
    cdef int d, last = plan.ndim - 1
    cdef Values values
    cdef Target target
    cdef Py_ssize_t *settled
    cdef Py_ssize_t *to
    if plan.components != 1 or (plan.mode != MODE_WRAP and plan.mode != MODE_CLIP):
        return NULL
    while last >= 0 and component.strides[last] == 0:
        last -= 1
    if last >= 0:
        count = values_to_settle(plan, last)
    if count == 0:
        return NULL
    for d in range(last):
        start[d] = 0
    settled = to = <Py_ssize_t *> malloc(count * sizeof(Py_ssize_t))
    if settled == NULL:
        return NULL
    values.data, values.outer, values.outer_stride = component.data, 1, 0
    values.inner, values.inner_stride = plan.shape[last], component.strides[last]
    target.size, target.step, target.mode, target.adds = component.size, 1, plan.mode, False
    target.outer_base = target.inner_base = 0
    while True:
        resolver(component.code)(&values, &target, to, NULL)
        to += values.inner
        d = last - 1
        while d >= 0 and (component.strides[d] == 0 or start[d] + 1 == plan.shape[d]):
            values.data -= start[d] * component.strides[d]
            start[d] = 0
            d -= 1
        if d < 0:
            break
        start[d] += 1
        values.data += component.strides[d]
    for d in range(last, -1, -1):
        if component.strides[d]:
            component.strides[d] = stride
            stride *= plan.shape[d]
    component.data, component.itemsize = <char *> settled, sizeof(Py_ssize_t)
    component.code = index_code(sizeof(Py_ssize_t), False)
    plan.mode = MODE_RAISE
    return settled


cdef void walk_few_first(Plan *plan, Py_ssize_t count) noexcept nogil:
    """
    Where the innermost dim has a few index values, the same all along the next one, as the channels of an image:
    make that next dim the row, so that each value is looked at once a row and not at each position. One that lies
    across the lines of the other operand is walked in pieces, which pays in a cache.
    Two serial dims do not change places: their order is that of duplicates.
    """
    cdef int d = plan.ndim - 1
    if (
        d > 0 and plan.shape[d] <= SIDE_BY_SIDE < plan.shape[d - 1] and not index_is_constant(plan, d)
        and index_is_constant(plan, d - 1)
        and llabs(plan.base_strides[d - 1]) <= LINE_BYTES
        and (llabs(plan.stream_strides[d - 1]) <= LINE_BYTES or count * plan.itemsize < BYPASS_BYTES)
        and not (is_serial(plan, d - 1) and is_serial(plan, d))
    ):
        swap_dims(plan, d - 1, d)


cdef Py_ssize_t touched(const Plan *plan, int d) noexcept nogil:
    """How much of a line of the cache one step along a dim leaves behind, in bytes, in all operands together."""
    cdef Py_ssize_t base = plan.component.step if plan.base_strides[d] == 0 else plan.base_strides[d]
    return (
        min(<Py_ssize_t> LINE_BYTES, llabs(base)) + min(<Py_ssize_t> LINE_BYTES, llabs(plan.stream_strides[d]))
        + min(<Py_ssize_t> LINE_BYTES, llabs(plan.component.strides[d]))
    )


cdef bint takes_panel_of_lines(const Plan *plan, int column, int line) noexcept nogil:
    """Whether walking lines across a large base has the other operand walked as it lies, and the base from a panel."""
    return (
        plan.base_strides[column] == plan.itemsize and plan.stream_strides[line] == plan.itemsize
        and llabs(plan.stream_strides[column]) > LINE_BYTES
        and plan.component.size * max(<Py_ssize_t> LINE_BYTES, plan.itemsize) <= panel_bytes
        and (
            base_bytes(plan) > FAR_BYTES * (1 if plan.operation == READ else 2)
            or forced == PANEL
        )
    )


cdef bint takes_transposed_lines(const Plan *plan, int column, int line) noexcept nogil:
    """Whether writes to most of a large base go line by line better, with what lies across its lines transposed."""
    return (
        plan.operation != READ and llabs(plan.component.step) == plan.itemsize >= 4
        and plan.itemsize <= <Py_ssize_t> sizeof(Py_ssize_t)
        and llabs(plan.base_strides[column]) > LINE_BYTES and plan.stream_strides[column] == plan.itemsize
        and plan.component.strides[column] == plan.component.itemsize
        and plan.shape[column] >= FOUR
        and plan.component.size <= 2 * plan.shape[line] <= 2 * FOUR * plan.component.size
        and base_bytes(plan) > SHORT_LINE
        and plan.shape[column] * llabs(plan.base_strides[column]) > LARGE_BYTES // 2
    )


cdef void walk_lines_first(Plan *plan, const Nest *nest) noexcept nogil:
    """
    Dims are ordered by the strides of all operands together. Where those of the index alone put lines outside, though
    the other operands are better walked along them: put them inside.
    """
    cdef int column = nest.inner, line = nest.outer
    if (
        line >= 0 and plan.base_strides[line] == 0 and plan.base_strides[column] != 0 and takes_items(plan, nest)
        and (
            direct_kernel(plan, nest) != NULL
            and (takes_panel_of_lines(plan, column, line) or takes_transposed_lines(plan, column, line))
            or touched(plan, line) + LINE_BYTES // 2 <= touched(plan, column)
        )
    ):
        swap_dims(plan, line, column)


cdef void walk_columns_first(Plan *plan, const Nest *nest) noexcept nogil:
    """Where the strides of the index alone put columns outside, and lines of the other operand share places: inside."""
    cdef int column = nest.outer, line = nest.inner
    if (
        column >= 0 and plan.base_strides[line] == 0 and nest.between == 1 and not plan.checks_only
        and direct_kernel(plan, nest) != NULL
        and plan.base_strides[column] == plan.itemsize and plan.stream_strides[column] == plan.itemsize
        and plan.component.strides[line] == plan.component.itemsize
        and plan.shape[column] >= FAR_LINE and llabs(plan.stream_strides[line]) > LINE_BYTES
        and shares_places(plan.shape[line], plan.stream_strides[line])
    ):
        swap_dims(plan, line, column)


cdef bint interleaves(const Plan *plan, int few, int many) noexcept nogil:
    """
    Whether the positions along one dim, which are few, are written between each other's along another: threads that
    had some of them each would write to the same lines of the cache.
    """
    cdef Py_ssize_t stride, other
    if few < 0 or many < 0 or plan.shape[few] > SIDE_BY_SIDE:
        return False
    if plan.operation == READ:
        stride, other = llabs(plan.stream_strides[few]), llabs(plan.stream_strides[many])
    else:
        stride, other = llabs(plan.base_strides[few]), llabs(plan.base_strides[many])
        if stride == 0 and plan.components > 0:
            stride = llabs(plan.component.step)
    return 0 < stride < LINE_BYTES and stride * plan.shape[few] <= other


cdef Py_ssize_t shortest_line(const Plan *plan, const Nest *nest) noexcept nogil:
    """
    Lines with fewer positions are walked across: a loop along them would hardly begin, and the farther the base lies,
    the more of what comes next it should see, to prefetch it. Plain writes wait less, and a kernel that is given
    offsets waits for the index and the other operand, which it would go through again and again.
    """
    cdef Py_ssize_t bytes = base_bytes(plan) if plan.components == 1 and not plan.checks_only else 0
    if direct_kernel(plan, nest) == NULL:
        return FOUR
    if bytes <= LARGE_BYTES // 2:
        return FOUR + (bytes > FAR_BYTES)
    return FAR_LINE if plan.operation != SET and bytes > LARGE_BYTES else FAR_LINE // 2


cdef void walk_short_lines_across(Plan *plan, const Nest *nest) noexcept nogil:
    """
    Where lines are short: walk the first items of many lines, then the second. What a read takes from memory is better
    walked once, or in tiles that have all of some lines; a write waits for its base more than for that. Not where
    serial dims would change places, with each other or with one that lies between them.
    """
    cdef int position = nest.inner, line = nest.outer
    cdef Py_ssize_t apart
    if (
        line < 0 or plan.shape[line] < FOUR or plan.shape[position] >= shortest_line(plan, nest)
        or not takes_items(plan, nest)
    ):
        return
    apart = LINE_BYTES if plan.shape[position] < FOUR else FOUR * LINE_BYTES
    if (
        llabs(plan.base_strides[line]) <= apart and llabs(plan.stream_strides[line]) <= apart
        and llabs(plan.component.strides[line]) <= apart and (
            plan.operation != READ or interleaves(plan, position, line)
            or elements(plan) * plan.component.itemsize <= SHORT_BYTES
        )
        and not (is_serial(plan, position) and (is_serial(plan, line) or nest.between > 1))
    ):
        swap_dims(plan, line, position)


cdef void repeat_along_row(Plan *plan, char *room) noexcept nogil:
    """One value for all, along a short contiguous row: fill such a row once, so that it can be an item."""
    cdef int d, last = plan.ndim - 1
    cdef Py_ssize_t done = plan.itemsize, size
    if (
        last < 1 or plan.operation != SET or plan.base_strides[last] != plan.itemsize
        or plan.shape[last] > ITEM_BYTES // plan.itemsize or not index_is_constant(plan, last)
    ):
        return
    for d in range(plan.ndim):
        if plan.stream_strides[d] != 0:
            return
    size = plan.shape[last] * plan.itemsize
    memcpy(room, plan.stream, done)
    while done < size:
        memcpy(room + done, room, min(done, size - done))
        done *= 2
    plan.stream = room
    plan.stream_strides[last] = plan.itemsize


cdef bint copies_rows(const Plan *plan, int d) noexcept nogil:
    """Whether a copy, which has no places, walks rows of items of a size that has loops of its own, direct ones too."""
    return (
        plan.components == 0 and d >= 0 and llabs(plan.base_strides[d]) <= LINE_BYTES
        and gather_direct_kernel(plan.itemsize, 0, MODE_RAISE) != NULL
    )


cdef int choose_row(Plan *plan) noexcept nogil:
    """The dim that is walked as a row, or -1; a short contiguous row becomes an item."""
    cdef int d = plan.ndim - 1
    cdef Py_ssize_t itemsize = plan.itemsize
    if d < 0 or not index_is_constant(plan, d):
        return -1
    if (
        plan.operation <= SET and plan.base_strides[d] == itemsize and plan.stream_strides[d] == itemsize
        and plan.shape[d] <= ITEM_BYTES // itemsize
    ):
        plan.itemsize *= plan.shape[d]
        plan.ndim -= 1
        return d - 1 if copies_rows(plan, d - 1) else -1
    return d


cdef void choose_outer(const Plan *plan, Nest *nest) noexcept nogil:
    """
    The second dim of a tile: the next one outside of the first. Where these two have so few positions that a tile
    would hardly begin, a longer one further out, of which it has so many that what the dims between them lead to, one
    after the other, stays in a cache meanwhile. Not where serial dims would change places.
    """
    cdef Py_ssize_t between = 1, positions, least, inner
    cdef int d
    cdef bint serial = False
    nest.between = 1
    nest.outer = nest.inner - 1 if nest.inner > 0 else -1
    if nest.outer < 1 or nest.row >= 0:
        return
    inner = plan.shape[nest.inner]
    least = FOUR * inner * plan.shape[nest.outer]
    if least > DIRECT_TILE // FOUR:
        return
    for d in range(nest.outer - 1, -1, -1):
        between *= plan.shape[d + 1]
        serial |= is_serial(plan, d + 1)
        positions = min(DIRECT_TILE // between, plan.shape[d] * inner)
        if positions >= least and not (serial and is_serial(plan, d)):
            nest.outer = d
            nest.between = between
            least = 2 * positions


cdef bint components_are_alike(const Plan *plan) noexcept nogil:
    """Whether there are any, all plain and of one type."""
    cdef int k
    for k in range(plan.components):
        if not plan.component[k].plain or plan.component[k].code != plan.component.code:
            return False
    return plan.components > 0


cdef bint takes_items(const Plan *plan, const Nest *nest) noexcept nogil:
    """Whether one index leads to single items, or indices are only checked, one after the other."""
    return (plan.components == 1 or plan.checks_only) and nest.row < 0


cdef Direct direct_kernel(const Plan *plan, const Nest *nest) noexcept nogil:
    """
    The kernel that reads the index itself, or NULL. Of a plain index there is one for the size, or the dtype, of the
    items, and one that checks, under "raise"; under other modes for reads that give each position something.
    """
    cdef int code
    cdef bint gives = plan.operation == READ and not plan.checks_only and (
        plan.mode == MODE_CLIP or plan.mode == MODE_WRAP
        or (plan.mode == MODE_FILL and nest.fill_size == plan.itemsize)
    )
    if not (takes_items(plan, nest) and nest.alike and (plan.mode == MODE_RAISE or gives) and forced != OFFSETS):
        return NULL
    code = plan.component.code
    if plan.checks_only:
        return check_direct_kernel(code)
    if plan.operation > SET:
        return reduce_direct_kernel(plan.typenum, code)
    if plan.operation == READ:
        return gather_direct_kernel(plan.itemsize, code, plan.mode)
    return scatter_direct_kernel(plan.itemsize, code)


cdef bint takes_points(const Plan *plan, const Nest *nest) noexcept nogil:
    """Whether a read or a plain write may take a few components at once."""
    return (
        nest.alike and 1 < plan.components <= MOST_POINTS and plan.operation <= SET
        and not plan.checks_only and plan.mode == MODE_RAISE and nest.row < 0 and forced != OFFSETS
    )


cdef Py_ssize_t places_in_line(const Plan *plan, Py_ssize_t *along) noexcept nogil:
    """How many places the components of an index lead to, if these lie in one line, `along` bytes apart; else 0."""
    cdef Py_ssize_t places = 1, every = 1
    cdef int _, k
    along[0] = 0
    for k in range(plan.components):
        every *= plan.component[k].size
        if plan.component[k].size > 1 and llabs(plan.component[k].step) == plan.itemsize:
            along[0] = plan.component[k].step
    for _ in range(plan.components):
        for k in range(plan.components):
            if plan.component[k].size > 1 and plan.component[k].step == places * along[0]:
                places *= plan.component[k].size
                break
    return places if places == every and along[0] != 0 else 0


cdef Py_ssize_t least_moves(const Plan *plan, const Nest *nest, int row) noexcept nogil:
    """
    How many rows have to be moved for it to take less to pack them all than to move each item where it lies:
    from a quarter of all that there are to twice as many, the more, the nearer their columns stay. Those that are
    written are unpacked, too; plain writes wait for nothing.
    """
    cdef Py_ssize_t size = nest.places, bytes = size * LINE_BYTES
    if bytes <= STAYS_BYTES:
        return 2 * size
    if plan.operation == READ:
        return size if 2 * bytes <= CACHE_BYTES else size // 2 if bytes <= panel_bytes else size // 4
    if plan.itemsize >= 8 and size * plan.shape[row] * plan.itemsize <= FAR_BYTES:
        return 2 * size
    return size // 2 if plan.operation > SET and plan.itemsize >= 4 and bytes > CACHE_BYTES else size


cdef Py_ssize_t least_packed(const Plan *plan) noexcept nogil:
    """Bytes of a packed row for each thread: less takes as long, and results in common lines of the cache longer."""
    return LINE_BYTES // 2 if plan.operation == SET else LINE_BYTES


cdef bint pays_to_pack_rows(const Plan *plan, const Nest *nest, int row, int line, int threads) noexcept nogil:
    """Whether enough rows are moved, and all threads have some of their columns, but where a cache keeps no column."""
    cdef Py_ssize_t bytes = nest.places * LINE_BYTES, rows = plan.shape[line]
    return (
        rows >= least_moves(plan, nest, row) and bytes <= FAR_PANEL and plan.shape[row] >= FOUR
        and elements(plan) * plan.itemsize > CACHE_BYTES
        and (
            threads == 1 or (plan.operation == READ and bytes > panel_bytes)
            or elements(plan) // rows * plan.itemsize >= threads * least_packed(plan)
        )
    )


cdef void pack_rows(Plan *plan, Nest *nest, int threads) noexcept nogil:
    """
    Rows that are moved across the lines of a base, as in a table that keeps columns, by an index that leads along
    these lines, in one dim or in several, as the pixels of a volume: some columns of all rows are packed into a panel
    first, where each row is contiguous. With writes, whose order counts, no dim may lie between.
    """
    cdef int row = nest.row if nest.row >= 0 else nest.outer, line = nest.inner
    cdef bint packs = (     # if that pays
        plan.operation < DIV and plan.components > 0 and not plan.checks_only and row >= 0 and line >= 0
        and (plan.operation == READ or nest.between == 1) and plan.itemsize < LINE_BYTES
        and index_is_constant(plan, row) and plan.base_strides[line] == 0
        and plan.stream_strides[row] == plan.itemsize and llabs(plan.base_strides[row]) >= LINE_BYTES
    )
    nest.panel = NO_PANEL
    nest.places = places_in_line(plan, &nest.along) if packs else 0
    if nest.places > 0 and (forced == PANEL or pays_to_pack_rows(plan, nest, row, line, threads)):
        nest.panel = ROWS
        if row != nest.row:
            swap_dims(plan, row, line)
            row, line = line, row
        nest.row = row
        nest.inner = line
        nest.outer = -1
        nest.between = 1


cdef bint writes_apart(const Plan *plan, int column, int line, int threads) noexcept nogil:
    """Whether threads that write to parts of the same rows, again and again, do better to pack their columns first."""
    cdef Py_ssize_t bytes = plan.shape[column] * plan.itemsize, times = 1 if bytes >= SHARED_ROW else FOUR
    return (
        threads > 1 and plan.operation != READ and bytes >= 2 * threads * LINE_BYTES
        and plan.shape[line] >= times * plan.component.size
    )


cdef int panel_column(const Plan *plan, const Nest *nest, int threads) noexcept nogil:
    """
    The dim of the tile along which columns of the base are packed into a buffer, or -1 if that does not pay.

    Where lines of a large base lie across its rows, each position touches another row, of which the
    cache keeps nothing until the next column needs it, least of all where the length of a row is a
    power of two. A panel pays if its rows are read again about as often as they are packed, have a whole
    line of the cache and are more than come by themselves; and, where the index is the same along a row, which can
    then be moved as such, if no cache keeps what is moved. A panel of so many rows that the second-level cache has no
    room for a line of each is in the last one.

    walked first                    panel
    columns (`column` is inner)     COLUMNS: rows as they are, but short
    lines (`column` is outer)       LINES: transposed, for a kernel that reads the index itself, line by line.
                                    To transpose back pays for less
    rows that lie across            ROWS: transposed, for a kernel that moves them whole
    """
    cdef Py_ssize_t size, bytes
    cdef int column = nest.inner, line = nest.outer
    if nest.panel == ROWS:
        return nest.row
    if plan.components != 1 or plan.checks_only or nest.row >= 0 or nest.outer < 0:
        return -1
    if plan.base_strides[column] == 0 and nest.direct != NULL:
        column, line = line, column
    size = plan.component.size
    bytes = base_bytes(plan)
    if (
        size == 0
        or plan.base_strides[column] != plan.itemsize
        or plan.base_strides[line] != 0
        or size * LINE_BYTES > FAR_PANEL
        or (plan.itemsize > LINE_BYTES and size * plan.itemsize > panel_bytes)
    ):
        return -1
    if forced == PANEL:
        return column
    if (
        ((llabs(plan.component.step) < 4 * LINE_BYTES or bytes <= CACHE_BYTES)
         and not writes_apart(plan, column, line, threads))
        or 2 * plan.shape[line] < size
        or (index_is_constant(plan, column) and elements(plan) * plan.itemsize < BYPASS_BYTES)
        or size < min(<Py_ssize_t> STREAMED_ROWS, plan.itemsize)
    ):
        return -1
    if column == nest.outer and plan.operation != READ and (
        plan.itemsize > 8 or (plan.component.step % SHARED_PLACES != 0 and bytes < 4 * FAR_BYTES)
    ):
        return -1
    return column


cdef bint walks_whole_lines(const Plan *plan, const Nest *nest) noexcept nogil:
    """
    Whether lines of a large base are walked one after the other, and most of each, or of the lines of a cache in it,
    which is as good where nothing is combined with what is there or brought there first.
    """
    cdef Py_ssize_t n, size
    if plan.components != 1 or plan.checks_only or nest.row >= 0 or nest.outer < 0:
        return False
    n, size = plan.shape[nest.inner], plan.component.size
    return (
        plan.base_strides[nest.inner] == 0 and llabs(plan.component.step) <= LINE_BYTES
        and (2 * n >= size or (
            plan.operation <= SET and plan.copy == NULL and n * LINE_BYTES >= base_bytes(plan)
        ))
        and (plan.shape[nest.outer] * llabs(plan.base_strides[nest.outer]) > FAR_BYTES or forced == FAR)
    )


cdef bint walks_across_lines(const Plan *plan, const Nest *nest) noexcept nogil:
    """Whether the lines of a large index lie across its rows, of which a tile has short pieces."""
    return (
        plan.components == 1 and not plan.checks_only and nest.row < 0 and nest.outer >= 0
        and plan.base_strides[nest.inner] == plan.itemsize
        and (plan.shape[nest.outer] * llabs(plan.component.strides[nest.outer]) > FAR_BYTES or forced == FAR)
    )


cdef bint shares_places(Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
    """Whether steps of a stride lead to few places in a cache again and again, as powers of two do."""
    return lines_with_room(n, llabs(stride), MORE_ROWS) < min(n, <Py_ssize_t> FOUR * MORE_ROWS)


cdef bint lies_across(
    const Plan *plan, const Nest *nest, const Py_ssize_t *strides, Py_ssize_t itemsize
) noexcept nogil:
    """
    Whether neighbours in the index, or in the other operand, belong to lines of a large base that are walked one after
    the other and foreseen, or steps along a line share few places in the cache.
    """
    cdef Py_ssize_t n = plan.shape[nest.inner], stride = llabs(strides[nest.inner])
    return (
        strides[nest.outer] == itemsize <= <Py_ssize_t> sizeof(Py_ssize_t) and stride > LINE_BYTES
        and ((nest.whole_lines and plan.itemsize >= 4) or shares_places(n, stride))
    )


cdef void choose_transposes(const Plan *plan, Nest *nest) noexcept nogil:
    """What is transposed, tile by tile, for a kernel that reads the index itself."""
    cdef bint may = (
        nest.direct != NULL and plan.components == 1 and not plan.checks_only and nest.outer >= 0
        and plan.shape[nest.outer] >= FOUR and plan.shape[nest.inner] >= FAR_LINE
        and not (is_serial(plan, nest.outer) and is_serial(plan, nest.inner))
    )
    nest.transposes_index = may and lies_across(plan, nest, plan.component.strides, plan.component.itemsize)
    nest.transposes_stream = (
        may and plan.operation != READ and lies_across(plan, nest, plan.stream_strides, plan.itemsize)
    )
    nest.transposes = nest.transposes_index or nest.transposes_stream


cdef bint walks_far(const Plan *plan, const Nest *nest) noexcept nogil:
    """Whether a large index is walked in order, with what it reads or writes."""
    return (
        plan.components == 1 and not plan.checks_only and nest.row < 0 and nest.inner >= 0
        and plan.component.strides[nest.inner] == plan.component.itemsize
        and plan.stream_strides[nest.inner] == plan.itemsize
        and (elements(plan) * plan.component.itemsize > FAR_BYTES or forced == FAR)
    )


cdef Py_ssize_t packed_lines(const Plan *plan, const Nest *nest) noexcept nogil:
    """Lines of the cache in a row of a panel of rows: one is packed the fastest, some are moved faster."""
    cdef bint moves = plan.itemsize >= 16 or plan.shape[nest.inner] >= FOUR * nest.places
    return PACKED_LINES if moves and PACKED_LINES * LINE_BYTES * nest.places <= panel_bytes else 1


cdef bint rows_lie_apart(const Plan *plan, const Nest *nest) noexcept nogil:
    """
    Whether what is combined with short rows, or with pieces, of some lines of the cache has gaps between them, and no
    core's cache holds it. Many of a single line are under way at a time anyway.
    """
    cdef Py_ssize_t bytes = plan.shape[nest.row] * plan.itemsize, stride = llabs(plan.stream_strides[nest.inner])
    if nest.panel == ROWS:
        bytes = packed_lines(plan, nest) * LINE_BYTES
    return LINE_BYTES < bytes <= min(<Py_ssize_t> FORESEEN_PIECE, stride - LINE_BYTES) and (
        plan.shape[nest.inner] * stride > FAR_BYTES
    )


cdef bint walks_far_rows(const Plan *plan, const Nest *nest) noexcept nogil:
    """
    Whether a reduction walks short rows one after the other, and more than the caches keep; or some with gaps between
    them.
    """
    cdef int d = nest.row
    return plan.operation > SET and d >= 0 and nest.inner >= 0 and plan.stream_strides[d] == plan.itemsize and (
        (
            plan.stream_strides[nest.inner] == plan.shape[d] * plan.itemsize <= FORESEEN_ROW
            and elements(plan) * plan.itemsize >= BYPASS_BYTES
        )
        or rows_lie_apart(plan, nest)
        or forced == FAR
    )


cdef bint comes_unasked(const Plan *plan, const Nest *nest) noexcept nogil:
    """
    Whether the hardware foresees what comes next, and asking for it costs more: lines of single items that are
    short, or long ones that lead to a few places again and again.
    """
    cdef Py_ssize_t n, line
    if nest.direct == NULL or plan.components != 1 or nest.inner < 0:
        return False
    n, line = plan.shape[nest.inner], base_bytes(plan)
    if plan.base_strides[nest.inner] == 0 and n > max(<Py_ssize_t> DIRECT_TILE, FOUR * plan.component.size):
        return line <= STAYS_BYTES
    if nest.outer < 0:
        return False
    if plan.base_strides[nest.inner] != 0:
        return n * plan.itemsize <= SHORT_PIECE
    return max(n * plan.itemsize, line) <= SHORT_LINE


cdef void choose_kernel(Plan *plan, Nest *nest) noexcept nogil:
    """
    Which kernel, and why.

    case                                      kernel
    one index, single items (`direct_kernel`) direct: no detour by way of offsets
    two components to four (`takes_points`)   direct, too
    index constant along the row, contiguous  by bytes: a memcpy a row
    anything else                             by offsets

    Each by item size for reads and plain writes, by dtype for reductions. The base of any of them
    may be a panel (`panel_column`).
    """
    cdef Py_ssize_t itemsize = plan.itemsize
    cdef int code = plan.component.code if plan.components else 0
    if plan.operation >= DIV:
        nest.kernel = divide_kernel(plan.typenum)
    elif plan.operation > SET:
        if plan.typenum == cnp.NPY_BOOL:
            plan.operation = on_truth_values(plan.operation)
        nest.kernel = reduce_kernel(plan.typenum)
    elif plan.operation == READ:
        nest.kernel = gather_kernel(0 if nest.panel == ROWS or row_is_contiguous(plan, nest.row) else itemsize)
    else:
        nest.kernel = scatter_kernel(0 if nest.panel == ROWS or row_is_contiguous(plan, nest.row) else itemsize)
    nest.takes_points = takes_points(plan, nest)
    if nest.takes_points:
        nest.direct = (gather_points_kernel if plan.operation == READ else scatter_points_kernel)(itemsize, code)
    else:
        nest.direct = direct_kernel(plan, nest)
    nest.points = NULL
    if nest.alike and plan.components > 1 and plan.mode == MODE_RAISE and forced != OFFSETS:
        nest.points = points_resolver(code)


cdef bint has_lines_apart(const Plan *plan, const Nest *nest) noexcept nogil:
    """Whether each position has a line of a large base to itself, wherever its index value leads."""
    cdef int d = nest.inner
    return d >= 0 and nest.row < 0 and llabs(plan.base_strides[d]) > LINE_BYTES and (
        plan.shape[d] * llabs(plan.base_strides[d]) > FAR_BYTES
    )


cdef bint lies_far(const Plan *plan, const Nest *nest) noexcept nogil:
    """Whether what an index leads to is prefetched; to reckon ahead where points lead takes as long as a short wait."""
    cdef Py_ssize_t bytes, least = FAR_BYTES
    if nest.takes_points and nest.direct != NULL:
        least = POINTS_BYTES if plan.operation == READ else POINTS_BYTES // 2
    if nest.panel == ROWS:
        return nest.places * LINE_BYTES > panel_bytes
    if nest.panel or plan.checks_only or plan.components == 0:
        return False
    bytes = base_bytes(plan) if plan.components == 1 else span(plan)
    return bytes > least or has_lines_apart(plan, nest) or forced == FAR


cdef void choose_way(const Plan *plan, Nest *nest, int threads) noexcept nogil:
    """What is worth it for more than a few positions: panels, and knowing what comes next or will not come again."""
    cdef bint unasked
    nest.column = panel_column(plan, nest, threads)
    if nest.panel != ROWS:
        nest.panel = NO_PANEL if nest.column < 0 else LINES if nest.column == nest.outer else COLUMNS
        nest.places = plan.component.size if nest.panel else 0
    nest.far = lies_far(plan, nest)
    unasked = comes_unasked(plan, nest) and forced != FAR
    nest.whole_lines = not unasked and walks_whole_lines(plan, nest)
    nest.nontemporal = writes_past_caches(plan, nest)
    nest.across = not unasked and walks_across_lines(plan, nest)
    nest.foresees = nest.panel == LINES or not unasked and (
        nest.whole_lines or nest.across or walks_far(plan, nest) or walks_far_rows(plan, nest)
    )
    choose_transposes(plan, nest)


cdef bint writes_past_caches(const Plan *plan, const Nest *nest) noexcept nogil:
    """
    Whether a read writes its result past the caches: one that is larger than what they keep, in stretches of
    whole lines of a cache.
    """
    cdef Py_ssize_t stretch = plan.itemsize
    if nest.row >= 0:
        stretch *= plan.shape[nest.row] if plan.stream_strides[nest.row] == plan.itemsize else 0
    elif nest.inner >= 0:
        stretch *= plan.shape[nest.inner] if plan.stream_strides[nest.inner] == plan.itemsize else 1
    return (
        FG_NONTEMPORAL and plan.operation == READ and not plan.checks_only and plan.itemsize % 4 == 0
        and nest.panel != ROWS and stretch >= 2 * LINE_BYTES
        and (elements(plan) * plan.itemsize >= BYPASS_BYTES or forced == NONTEMPORAL)
    )


cdef bint row_is_contiguous(const Plan *plan, int row) noexcept nogil:
    return (
        row >= 0 and plan.base_strides[row] == plan.itemsize and plan.stream_strides[row] == plan.itemsize
    )


cdef Py_ssize_t ceiling(Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    return (a + b - 1) // b if a > b else 1


cdef bint keeps_order(const Nest *nest, int d) noexcept nogil:
    """Whether the blocks of a dim are turns of one unit, in order, and not units for any thread."""
    return is_serial(nest.plan, d) or (nest.panel and nest.plan.base_strides[d] == 0)


cdef void shrink(Nest *nest, int d, Py_ssize_t at_least, int threads) noexcept nogil:
    """Cut a dim of the tile finer where there are fewer units than threads."""
    cdef Py_ssize_t block
    if nest.units < threads and nest.block[d] > 1:
        block = ceiling(nest.plan.shape[d], ceiling(threads, nest.units))
        nest.block[d] = min(nest.block[d], max(at_least, block))


cdef bint stays_whole(const Nest *nest, int d) noexcept nogil:
    return (nest.side_by_side and d == nest.outer) or (nest.few_a_row and d == nest.inner)


cdef Py_ssize_t add_level(Nest *nest, int d) noexcept nogil:
    """A loop over the blocks of a dim; how many blocks it has."""
    cdef Level *level = &nest.level[nest.levels]
    level.dim = d
    level.block = nest.block[d]
    level.count = nest.plan.shape[d] if level.block == 1 else ceiling(nest.plan.shape[d], level.block)
    nest.levels += 1
    return level.count


cdef bint meets_at_ends(const Plan *plan, int d) noexcept nogil:
    """
    Whether threads that share the short rows of a small base would write to the same lines of the cache all the time,
    where the part of one ends and that of the next begins.
    """
    return (
        plan.operation != READ and plan.components == 1 and plan.base_strides[d] == plan.itemsize
        and plan.shape[d] * plan.itemsize < SHARED_ROW
        and base_bytes(plan) <= SHARED_BYTES
    )


cdef Py_ssize_t count_turns(const Nest *nest) noexcept nogil:
    """How many turns a unit has, once the blocks are known."""
    cdef Py_ssize_t turns = 1
    cdef int d
    for d in range(nest.plan.ndim if nest.panel or nest.plan.operation != READ else 0):
        if keeps_order(nest, d):
            turns *= ceiling(nest.plan.shape[d], nest.block[d])
    return turns


cdef Py_ssize_t panel_width(const Plan *plan, int threads) noexcept nogil:
    """
    Columns of a panel: whole lines of the cache, if there is room, and where nothing else is there to share, as many
    panels of about one width for each thread.
    """
    cdef Py_ssize_t size = plan.component.size, columns, panels
    cdef Py_ssize_t width = max(small_panel // size, min(PANEL_COLUMNS * plan.itemsize, large_panel // size))
    width = max(min(width, <Py_ssize_t> PANEL_ROW), <Py_ssize_t> LINE_BYTES)
    if width > LINE_BYTES:
        width -= width % LINE_BYTES
    columns = plan.shape[plan.ndim - 1]
    if plan.ndim > 2:
        threads = 1
    panels = ceiling(ceiling(columns * plan.itemsize, width), threads) * threads
    width = min(width, ceiling(ceiling(columns, panels) * plan.itemsize, LINE_BYTES) * LINE_BYTES)
    return max(<Py_ssize_t> 1, width // plan.itemsize)


cdef Py_ssize_t panel_lines(const Nest *nest) noexcept nogil:
    """Lines of the cache in a row of a panel of lines: the more, the less the memory jumps."""
    cdef Py_ssize_t bytes = nest.places * max(<Py_ssize_t> LINE_BYTES, nest.plan.itemsize)
    cdef Py_ssize_t lines = max(small_panel // bytes, min(<Py_ssize_t> LEAST_LINES, large_panel // bytes))
    return min(<Py_ssize_t> PANEL_LINES, max(<Py_ssize_t> 1, lines))


cdef bint crosses_large_base(const Plan *plan, int row) noexcept nogil:
    """
    Whether a row that is read lies across the lines of a large base: a piece of all rows comes first, then the next,
    so that the lines of each piece are read while they are in a cache.
    """
    return (
        row >= 0 and plan.operation == READ and llabs(plan.base_strides[row]) > LINE_BYTES
        and (plan.shape[row] * llabs(plan.base_strides[row]) > 4 * FAR_BYTES or forced == FAR)
    )


cdef Py_ssize_t lines_with_room(Py_ssize_t lines, size_t stride, Py_ssize_t rows) noexcept nogil:
    """How many of these lines of the cache the first level of it keeps, if it has room for `rows` in a place."""
    cdef unsigned char[PLACES] taken
    cdef Py_ssize_t count = 0
    cdef size_t place
    memset(taken, 0, PLACES)
    while count < min(lines, <Py_ssize_t> MOST_ROWS):
        place = <size_t> count * stride // LINE_BYTES % PLACES
        if taken[place] == rows:
            break
        taken[place] += 1
        count += 1
    return count


cdef Py_ssize_t row_items(const Plan *plan, const Nest *nest, Py_ssize_t items_a_line) noexcept nogil:
    """
    How much of a row is walked at a time: of one that lies across the lines of the base so little that
    these lines are still in a cache for the next position, which has its items beside those of this one, or as much as
    has all its places in the first level of it. The same of one that lies across the lines of the result.
    """
    cdef Py_ssize_t stride = llabs(plan.base_strides[nest.row]), most, lines
    cdef Py_ssize_t both = max(<Py_ssize_t> 1, stride + llabs(plan.stream_strides[nest.row]))
    if nest.panel == ROWS:
        return packed_lines(plan, nest) * (LINE_BYTES // plan.itemsize)
    most = max(<Py_ssize_t> 1, ROW_BYTES // plan.itemsize)
    if nest.inner >= 0 and stride <= LINE_BYTES < llabs(plan.stream_strides[nest.row]):
        most = lines_with_room(plan.shape[nest.row], llabs(plan.stream_strides[nest.row]), ROWS_A_PLACE)
    if nest.few_a_row:
        return min(most, max(<Py_ssize_t> LINE_BYTES, PIECE_BYTES // both))
    if stride <= LINE_BYTES or nest.inner < 0:
        return most
    lines = 1
    if plan.operation == READ:
        lines = panel_bytes // items_a_line // max(<Py_ssize_t> 1, span(plan) + plan.itemsize)
        lines = max(<Py_ssize_t> 1, min(<Py_ssize_t> LINES_READ, lines))
    return max(lines * items_a_line, PIECE_BYTES // (both + span(plan)))


cdef Py_ssize_t positions_a_line(const Plan *plan, const Nest *nest) noexcept nogil:
    """
    How many positions of a line are walked before those of the next one: where the lines of the index, or of the other
    operand, lie across its rows, so many that the pieces of these are still in the first-level cache. All, where the
    order of positions is that of duplicates.
    """
    cdef Py_ssize_t most = plan.shape[nest.inner], stride, rows = ROWS_A_PLACE if plan.operation <= SET else MORE_ROWS
    if nest.outer < 0 or (is_serial(plan, nest.outer) and is_serial(plan, nest.inner)):
        return plan.shape[nest.inner]
    if nest.transposes:
        return TRANSPOSED_TILE // TRANSPOSED_LINES
    if plan.components == 1 and plan.component.strides[nest.outer] == plan.component.itemsize:
        stride = llabs(plan.component.strides[nest.inner])
        if stride > LINE_BYTES:
            rows = MORE_ROWS
            most = lines_with_room(most, stride, rows)
    if plan.stream_strides[nest.outer] == plan.itemsize:
        stride = llabs(plan.stream_strides[nest.inner])
        if stride > LINE_BYTES:
            most = lines_with_room(most, stride, rows)
    return most


cdef Py_ssize_t written(const Plan *plan, int d) noexcept nogil:
    """How far apart neighbours along a dim are written."""
    return llabs(plan.stream_strides[d] if plan.operation == READ else plan.base_strides[d])


cdef Py_ssize_t part_bytes(const Plan *plan, int d, int threads) noexcept nogil:
    """How far the part of a dim reaches that a thread writes."""
    return written(plan, d) * ceiling(plan.shape[d], threads)


cdef int first_level(const Plan *plan, const Nest *nest, int threads) noexcept nogil:
    """
    The dim whose blocks threads share first, or -1 for the outermost: not that one if the part of each is so short
    that they would write to the same lines of the cache all the time, and that of another dim is longer.
    """
    cdef int d, outermost = -1, first = -1
    if crosses_large_base(plan, nest.row):
        return nest.row
    if threads == 1 or plan.checks_only:
        return -1
    for d in range(plan.ndim):
        if not keeps_order(nest, d) and not stays_whole(nest, d):
            if outermost < 0:
                outermost = first = d
            elif part_bytes(plan, first, threads) < min(part_bytes(plan, d, threads), <Py_ssize_t> LEAST_PART):
                first = d
    return first if first != outermost else -1


cdef bint meet_everywhere(const Plan *plan, const Nest *nest) noexcept nogil:
    """
    Whether what one index value leads to lies in a line of the cache or two of a small base, so that threads would
    share each all the time.
    """
    cdef Py_ssize_t bytes = plan.itemsize
    cdef int d
    if plan.operation == READ or plan.components == 0 or nest.panel:
        return False
    for d in range(plan.ndim):
        bytes += (plan.shape[d] - 1) * written(plan, d)
    return plan.itemsize < bytes <= 2 * LINE_BYTES and span(plan) <= FAR_BYTES


cdef bint meets_seldom(const Plan *plan, int d) noexcept nogil:
    """Whether threads may share lines of the cache along a dim: it has one or two, of a base that has very many."""
    return (
        plan.operation != READ and plan.components > 0 and plan.shape[d] * written(plan, d) <= 2 * LINE_BYTES
        and (span(plan) > FAR_BYTES or forced == FAR)
    )


cdef bint parts_of_rows_pay(const Plan *plan, const Nest *nest, int threads) noexcept nogil:
    """Whether few threads should have a part of every short row that is added: where each row waits for memory."""
    return (
        threads < MANY_THREADS and plan.operation > SET and LINE_BYTES < place_bytes(nest) <= SHARED_ROW
        and (span(plan) > LARGE_BYTES or forced == FAR)
    )


cdef void cut(Nest *nest, int threads) noexcept nogil:
    """Blocks of the tile's dims, then the levels: parallel ones first."""
    cdef Plan *plan = nest.plan
    cdef int d, first = first_level(plan, nest, threads)
    cdef Py_ssize_t row_bytes = plan.itemsize, positions, least, items_a_line = ceiling(LINE_BYTES, plan.itemsize)
    for d in range(plan.ndim):
        nest.block[d] = 1
    if nest.row >= 0:
        nest.block[nest.row] = plan.shape[nest.row]
        if not is_serial(plan, nest.row):
            nest.block[nest.row] = min(plan.shape[nest.row], row_items(plan, nest, items_a_line))
        row_bytes *= nest.block[nest.row]
    positions = TILE
    if nest.panel == LINES:
        positions = elements(plan)
    elif nest.direct != NULL:
        positions = CHECKED_TILE if plan.checks_only else TRANSPOSED_TILE if nest.transposes else DIRECT_TILE
    elif row_bytes * TILE > TILE_BYTES:
        positions = max(<Py_ssize_t> 1, TILE_BYTES // row_bytes)
    positions = max(<Py_ssize_t> 1, positions // nest.between)
    if nest.few_a_row:
        positions = max(positions, plan.shape[nest.inner])
    if nest.side_by_side:
        positions = max(<Py_ssize_t> 1, min(positions, <Py_ssize_t> SHORT_TILE) // plan.shape[nest.outer])
    if nest.inner >= 0:
        nest.block[nest.inner] = min(plan.shape[nest.inner], positions, positions_a_line(plan, nest))
        if nest.column == nest.inner:
            nest.block[nest.inner] = min(nest.block[nest.inner], panel_width(plan, threads))
        if nest.panel == LINES:
            nest.block[nest.outer] = min(plan.shape[nest.outer], panel_lines(nest) * items_a_line)
            if nest.transposes:
                nest.block[nest.inner] = max(<Py_ssize_t> 1, TRANSPOSED_TILE // nest.block[nest.outer])
        elif nest.outer >= 0:
            nest.block[nest.outer] = plan.shape[nest.outer]
            if plan.shape[nest.outer] * nest.block[nest.inner] > positions and not nest.side_by_side:
                nest.block[nest.outer] = min(plan.shape[nest.outer], positions // nest.block[nest.inner])
    nest.units = 1
    nest.turns = 1
    nest.levels = 0
    if first >= 0:
        shrink(
            nest, first, items_a_line if first == nest.column else ceiling(LINE_BYTES, written(plan, first)), threads
        )
        nest.units *= add_level(nest, first)
    for d in range(plan.ndim):
        if not keeps_order(nest, d) and d != first:
            if threads > 1 and not stays_whole(nest, d) and not meets_at_ends(plan, d) and not (
                d == nest.row and has_places(plan, nest) and count_turns(nest) >= 2 * threads
                and not parts_of_rows_pay(plan, nest, threads)
            ):
                least = items_a_line
                if (d == nest.outer and d != nest.column) or meets_seldom(plan, d):
                    least = 1
                if nest.panel == ROWS and d == nest.column:
                    least = least_packed(plan) // plan.itemsize
                shrink(nest, d, least, threads)
            nest.units *= add_level(nest, d)
    for d in range(plan.ndim if nest.panel or plan.operation != READ else 0):
        if keeps_order(nest, d):
            nest.turns *= add_level(nest, d)


cdef bint can_part(const Plan *plan, const Nest *nest) noexcept nogil:
    """Whether where a position writes follows from its index values alone, but for the row."""
    return (
        plan.operation != READ and plan.components > 0 and not nest.panel
        and (nest.inner < 0 or is_serial(plan, nest.inner)) and (nest.outer < 0 or is_serial(plan, nest.outer))
    )


cdef bint has_places(const Plan *plan, const Nest *nest) noexcept nogil:
    """Whether each thread can have places of its own: there is more than one."""
    return can_part(plan, nest) and span(plan) > 0


cdef Py_ssize_t place_bytes(const Nest *nest) noexcept nogil:
    """What a position writes: an item or a row."""
    return nest.plan.itemsize * (nest.plan.shape[nest.row] if nest.row >= 0 else 1)


cdef bint all_read_all(const Plan *plan, const Nest *nest, int threads) noexcept nogil:
    """Whether few threads that add short rows would each read nearly all: the hardware foresees what they skip."""
    return (
        threads < MANY_THREADS and plan.operation > SET and place_bytes(nest) <= SHARED_ROW
        and elements(plan) * plan.itemsize >= BYPASS_BYTES
    )


cdef bint by_place_pays(const Plan *plan, const Nest *nest, int threads) noexcept nogil:
    """
    Whether threads should go through the whole index each, which takes about as long as a prefetched write: where
    there are many, or a position has more than an item to write.
    """
    return has_places(plan, nest) and (
        forced == PLACE or threads >= MANY_THREADS or (nest.row >= 0 and not all_read_all(plan, nest, threads))
    )


cdef bint by_copy_pays(const Plan *plan, const Nest *nest, int threads) noexcept nogil:
    """
    Whether each thread may have a copy of the base: one that is small, beside the rows that are written to it if it
    has rows; and there is no order of writing to keep.
    """
    cdef Py_ssize_t bytes
    if not can_part(plan, nest) or plan.components != 1 or nest.units != 1:
        return False
    if not is_order_free(plan.typenum, plan.operation):
        return False
    bytes = plan.component.size * place_bytes(nest)
    if nest.row >= 0:
        return (
            plan.base_strides[nest.row] == plan.itemsize and plan.component.step == place_bytes(nest)
            and (forced == COPY or threads * bytes <= elements(plan) * plan.itemsize // COPY_PART)
        )
    return bytes <= COPY_BYTES and (forced == COPY or elements(plan) >= COPY_TIMES * plan.component.size)


cdef bint share(Nest *nest, int threads) noexcept nogil:
    """
    How to share what may collide, where there are fewer units than threads; whether tiles have to be cut anew.

    case                                         how
    few places, any order gives the same bits    by copies: histograms of integers, amax and amin
    rows that not all would read, many threads   by place
    anything else                                not at all
    """
    cdef Plan *plan = nest.plan
    nest.sharing = WHOLE
    nest.parts = 1
    nest.copies = NULL
    if threads <= nest.units or (nest.turns < 2 * threads and forced < COPY):
        return False
    if by_copy_pays(plan, nest, threads) and forced != PLACE:
        nest.copies = <char *> malloc(threads * plan.component.size * place_bytes(nest))
    if nest.copies != NULL:
        nest.sharing = BY_COPY
        nest.parts = threads
    elif by_place_pays(plan, nest, threads):
        nest.sharing = BY_PLACE
        nest.parts = ceiling(threads, nest.units)
        if nest.direct != NULL:
            nest.direct = NULL
            nest.far = lies_far(plan, nest)
            return True
    return False


cdef Py_ssize_t extent(const Nest *nest, int d, const Py_ssize_t *start) noexcept nogil:
    """The size of the block that begins at `start[d]`."""
    if d < 0:
        return 1
    return min(nest.block[d], nest.plan.shape[d] - start[d])


cdef Py_ssize_t stride_of(const Py_ssize_t *strides, int d) noexcept nogil:
    return strides[d] if d >= 0 else 0


cdef void aim(
    const Nest *nest, const Component *component, const Py_ssize_t *start, const Tile *tile, Values *values
) noexcept nogil:
    """The values of one component of the index that lie under a tile."""
    cdef int d
    values.data = component.data
    for d in range(nest.plan.ndim):
        values.data += start[d] * component.strides[d]
    values.outer = tile.outer
    values.inner = tile.inner
    values.outer_stride = stride_of(component.strides, nest.outer)
    values.inner_stride = stride_of(component.strides, nest.inner)


cdef inline Py_ssize_t step_of(const Nest *nest, int k, Py_ssize_t width) noexcept nogil:
    """How far a unit of component `k` leads in the base; or where its rows are packed, `width` bytes apart."""
    cdef Py_ssize_t step = nest.plan.component[k].step
    return step // nest.along * width if width else step


cdef Py_ssize_t resolve_tile(
    const Nest *nest, const Py_ssize_t *start, Tile *tile, Py_ssize_t *offset, bint packed
) noexcept nogil:
    """Fill `offset` from all components; how many index values, or points, were out of range."""
    cdef const Plan *plan = nest.plan
    cdef const Component *component
    cdef Py_ssize_t width = tile.row * plan.itemsize if packed else 0, bad = 0, i, j
    cdef int k
    cdef int64_t native[TILE]
    cdef Values values[MAX_DIMS]
    cdef Target targets[MAX_DIMS]
    if nest.points != NULL:
        for k in range(plan.components):
            aim(nest, plan.component + k, start, tile, values + k)
            targets[k] = tile.target
            targets[k].size = plan.component[k].size
            targets[k].step = step_of(nest, k, width)
        return nest.points(values, targets, plan.components, offset, NULL)
    if plan.components == 0:
        for j in range(tile.outer):
            for i in range(tile.inner):
                offset[j * tile.inner + i] = j * tile.target.outer_base + i * tile.target.inner_base
    for k in range(plan.components):
        component = &plan.component[k]
        tile.target.adds = k > 0
        if plan.components > 1 or packed:
            tile.target.size = component.size
            tile.target.step = step_of(nest, k, width)
        aim(nest, component, start, tile, &tile.values)
        if not component.plain:
            copy_native(&tile.values, component.itemsize, component.swapped, <char *> native)
        bad += resolver(component.code)(&tile.values, &tile.target, offset, NULL)
    return bad


cdef void pick(
    const Nest *nest, Tile *tile, Py_ssize_t part, Py_ssize_t *offset, Py_ssize_t *picked
) noexcept nogil:
    """Leave of a tile what writes into one part of the base, by a loop without branches."""
    cdef size_t width = span(nest.plan) // nest.parts + 1
    cdef Py_ssize_t low = part * width, lead, here, _, j, at = 0, kept = 0
    cdef const Component *component
    cdef int k
    for k in range(nest.plan.components):
        component = &nest.plan.component[k]
        low += min(<Py_ssize_t> 0, (component.size - 1) * component.step)
    for j in range(tile.outer):
        here = j * tile.outer_stride
        for _ in range(tile.inner):
            lead = offset[at]
            offset[kept] = lead
            picked[kept] = here
            kept += <size_t> lead - <size_t> low < width
            here += tile.inner_stride
            at += 1
    tile.outer = 1
    tile.inner = kept


cdef void transpose(
    Py_ssize_t *room, const char *source, const Tile *tile, Py_ssize_t stride, Py_ssize_t itemsize
) noexcept nogil:
    """Copy what lies across the lines of a tile, so that what belongs to one of them lies side by side."""
    cdef char *to = <char *> room
    cdef Py_ssize_t _
    for _ in range(tile.inner):
        prefetch_row(source + TRANSPOSED_AHEAD * stride, tile.outer * itemsize, False)
        move_strided(to, source, tile.outer, tile.inner * itemsize, itemsize, itemsize)
        source += stride
        to += itemsize


cdef Py_ssize_t run_transposed(const Nest *nest, Tile *tile) noexcept nogil:
    """A kernel that reads the index itself, after what lies across its lines has been transposed."""
    cdef const Plan *plan = nest.plan
    cdef Py_ssize_t[TRANSPOSED_TILE] index, stream
    cdef Py_ssize_t itemsize = plan.component.itemsize
    if nest.transposes_index:
        transpose(index, tile.values.data, tile, tile.values.inner_stride, itemsize)
        tile.values.data = <char *> index
        tile.values.outer_stride, tile.values.inner_stride = tile.inner * itemsize, itemsize
    if nest.transposes_stream:
        transpose(stream, tile.stream, tile, plan.stream_strides[nest.inner], plan.itemsize)
        tile.stream = <char *> stream
        tile.outer_stride, tile.inner_stride = tile.inner * plan.itemsize, plan.itemsize
    return nest.direct(tile, NULL, NULL)


cdef Py_ssize_t run_points(const Nest *nest, const Py_ssize_t *start, Tile *tile) noexcept nogil:
    """A kernel that reads all components itself, or a check of one after the other; what was out of range."""
    cdef const Plan *plan = nest.plan
    cdef Py_ssize_t bad = 0
    cdef int k
    for k in range(plan.components):
        if nest.takes_points:
            aim(nest, plan.component + k, start, tile, tile.points + k)
        else:
            aim(nest, plan.component + k, start, tile, &tile.values)
            tile.target.size = plan.component[k].size
            bad += nest.direct(tile, NULL, NULL)
    return nest.direct(tile, NULL, NULL) if nest.takes_points else bad


cdef Py_ssize_t run_tile(
    const Nest *nest, const Py_ssize_t *start, Py_ssize_t *offset, Tile *tile, char *panel, Py_ssize_t part,
    Py_ssize_t *picked,
) noexcept nogil:
    cdef const Plan *plan = nest.plan
    cdef Py_ssize_t bad
    cdef int d
    tile.outer = extent(nest, nest.outer, start)
    tile.inner = extent(nest, nest.inner, start)
    tile.row = extent(nest, nest.row, start)
    tile.base = plan.base
    tile.stream = plan.stream
    for d in range(plan.ndim):
        tile.base += start[d] * plan.base_strides[d]
        tile.stream += start[d] * plan.stream_strides[d]
    if nest.whole_lines:
        # The next line, or, of lines that are walked together, the one as many further on.
        tile.next = tile.base + (tile.outer if nest.transposes else 1) * tile.target.outer_base
        tile.next += start[nest.inner] * tile.spread * plan.component.step
        tile.next += nest.origin
    if panel != NULL:
        tile.base = panel
        tile.next = panel + tile.target.outer_base if nest.panel == LINES else NULL
    if nest.direct != NULL and plan.components == 1:
        aim(nest, plan.component, start, tile, &tile.values)
        if nest.transposes:
            return run_transposed(nest, tile)
        return nest.direct(tile, NULL, NULL)
    if nest.direct != NULL:
        return run_points(nest, start, tile)
    bad = resolve_tile(nest, start, tile, offset, nest.panel == ROWS and panel != NULL)
    if picked != NULL:
        pick(nest, tile, part, offset, picked)
    if not plan.checks_only:
        nest.kernel(tile, NULL)
    return bad


cdef void start_tile(const Nest *nest, Tile *tile) noexcept nogil:
    """What is the same for all tiles."""
    cdef const Plan *plan = nest.plan
    cdef int k
    tile.outer_stride = stride_of(plan.stream_strides, nest.outer)
    tile.inner_stride = stride_of(plan.stream_strides, nest.inner)
    tile.row_stride = stride_of(plan.stream_strides, nest.row)
    tile.row_base_stride = stride_of(plan.base_strides, nest.row)
    tile.itemsize = plan.itemsize
    tile.operation = plan.operation
    tile.fill = plan.fill
    tile.fill_size = nest.fill_size
    tile.far = nest.far
    tile.rows_ahead = AHEAD if span(plan) > LARGE_BYTES else SHORT_AHEAD
    tile.near = 0
    if nest.far and forced != FAR:
        tile.near = NEAR_BYTES // max(<Py_ssize_t> 1, llabs(plan.component.step))
    tile.foresees = nest.foresees
    tile.nontemporal = nest.nontemporal
    tile.next = NULL
    tile.picked = NULL
    tile.spread = ceiling(plan.component.size, plan.shape[nest.inner]) if nest.whole_lines else 1
    tile.value_ahead = VALUE_AHEAD
    tile.stream_ahead = STREAM_AHEAD
    if nest.across and not nest.whole_lines and nest.panel != LINES:
        tile.value_ahead = LINES_AHEAD * plan.component.strides[nest.outer]
        tile.stream_ahead = LINES_AHEAD * plan.stream_strides[nest.outer]
    elif nest.row >= 0 and nest.foresees:
        tile.stream_ahead = LINES_AHEAD * plan.stream_strides[nest.inner] if rows_lie_apart(plan, nest) else FAR_AHEAD
    tile.components = plan.components
    for k in range(plan.components if nest.takes_points else 0):
        tile.leads[k].size = plan.component[k].size
        tile.leads[k].step = plan.component[k].step
    tile.target.mode = plan.mode
    tile.target.outer_base = stride_of(plan.base_strides, nest.outer)
    tile.target.inner_base = stride_of(plan.base_strides, nest.inner)
    if plan.components > 0:
        tile.target.size = plan.component.size
        tile.target.step = plan.component.step


cdef void locate(const Nest *nest, Py_ssize_t number, Py_ssize_t *start) noexcept nogil:
    """Where tile `number` begins in each dim."""
    cdef int level
    for level in range(nest.levels - 1, -1, -1):
        start[nest.level[level].dim] = 0
        if number > 0:
            start[nest.level[level].dim] = number % nest.level[level].count * nest.level[level].block
            number = number // nest.level[level].count


cdef void advance(const Nest *nest, Py_ssize_t *start) noexcept nogil:
    """From one tile to the next."""
    cdef int level, d
    for level in range(nest.levels - 1, -1, -1):
        d = nest.level[level].dim
        start[d] += nest.level[level].block
        if start[d] < nest.plan.shape[d]:
            return
        start[d] = 0


cdef char *start_of(const Plan *plan, const Py_ssize_t *start) noexcept nogil:
    """Where what a unit works on begins in the base."""
    cdef char *base = plan.base
    cdef int d
    for d in range(plan.ndim):
        base += start[d] * plan.base_strides[d]
    return base


cdef void copy_panel(const Nest *nest, const Py_ssize_t *start, Tile *tile, char *panel, bint back) noexcept nogil:
    """Pack the columns of the base that a unit works on into a panel, or unpack them, and aim the tile there."""
    cdef const Plan *plan = nest.plan
    cdef Py_ssize_t columns = extent(nest, nest.column, start), size = plan.itemsize, width = columns * size
    cdef Py_ssize_t line = line_bytes(nest), _, step = size if nest.panel == LINES else width
    cdef Py_ssize_t origin = 0 if back else nest.origin
    cdef char *base = start_of(plan, start)
    if nest.panel == ROWS:
        copy_rows(nest, columns, base, panel, back)
        tile.row_base_stride = size
        return
    for _ in range(nest.places):
        prefetch_row(base + origin + ROWS_AHEAD * plan.component.step, width, False)
        if nest.panel == LINES and back:
            move_strided(base, panel, columns, size, line, size)
        elif nest.panel == LINES:
            move_strided(panel, base, columns, line, size, size)
        elif back:
            memcpy(base, panel, width)
        else:
            memcpy(panel, base + origin, width)
        base += plan.component.step
        panel += step
    tile.target.step = step
    if nest.panel == LINES:
        tile.target.outer_base = line


cdef void copy_rows(const Nest *nest, Py_ssize_t columns, char *base, char *panel, bint back) noexcept nogil:
    """The same of rows that lie across the base: some rows at a time, which stay in a cache from column to column."""
    cdef const Plan *plan = nest.plan
    cdef Py_ssize_t size = plan.itemsize, rows = nest.places, along = nest.along, i, c, n
    cdef Py_ssize_t across = plan.base_strides[nest.row], step = columns * size
    cdef char *here
    cdef char *packed
    for i from 0 <= i < rows by PACKED_ROWS:
        n = min(<Py_ssize_t> PACKED_ROWS, rows - i)
        for c in range(columns):
            here = base + i * along + c * across
            packed = panel + i * step + c * size
            if back:
                move_strided(here, packed, n, along, step, size)
            else:
                move_strided(packed, here, n, step, along, size)


cdef void copy_part(const Nest *nest, const Py_ssize_t *start) noexcept nogil:
    """Copy the lines of the base that a unit writes to; or columns, where there was no memory for a panel."""
    cdef const Plan *plan = nest.plan
    cdef Py_ssize_t step = plan.component.step, _, rows = 1, width
    cdef char *to = start_of(plan, start)
    if nest.panel:
        rows, width = nest.places, extent(nest, nest.inner, start) * plan.itemsize
    else:
        width = extent(nest, nest.outer, start) * plan.base_strides[nest.outer]
    for _ in range(rows):
        memcpy(to, to + nest.origin, width)
        to += step


cdef Py_ssize_t line_bytes(const Nest *nest) noexcept nogil:
    """A column of a panel. Transposed, its length is no power of two, so that lines do not share places in a cache."""
    return nest.places * nest.plan.itemsize + (LINE_BYTES if nest.panel == LINES else 0)


cdef bint panel_is_kept(const Nest *nest) noexcept nogil:
    return nest.block[nest.column] * line_bytes(nest) <= kept_bytes


cdef char *take_panel(const Nest *nest) noexcept nogil:
    """Memory for a panel, or NULL."""
    if panel_is_kept(nest):
        return fg_take_panel(kept_bytes)
    return <char *> malloc(nest.block[nest.column] * line_bytes(nest))


cdef void keep_panel(const Nest *nest, char *panel) noexcept nogil:
    if panel == NULL or not panel_is_kept(nest):
        free(panel)
    else:
        fg_keep_panel(panel)


cdef inline void move_each(
    char *to, const char *source, Py_ssize_t n, Py_ssize_t to_stride, Py_ssize_t stride, Py_ssize_t itemsize
) noexcept nogil:
    cdef Py_ssize_t _
    for _ in range(n):
        memcpy(to, source, itemsize)
        to += to_stride
        source += stride


cdef void move_strided(
    char *to, const char *source, Py_ssize_t n, Py_ssize_t to_stride, Py_ssize_t stride, Py_ssize_t itemsize
) noexcept nogil:
    """
    A row of items into another, by sizes, as memcpy is one move then. By fours, as `move_items` does it, panels of
    lines take up to 1.3 times as long.
    """
    if itemsize == 4:
        move_each(to, source, n, to_stride, stride, 4)
    elif itemsize == 8:
        move_each(to, source, n, to_stride, stride, 8)
    elif itemsize == 2:
        move_each(to, source, n, to_stride, stride, 2)
    elif itemsize == 1:
        move_each(to, source, n, to_stride, stride, 1)
    elif itemsize == 3:
        move_each(to, source, n, to_stride, stride, 3)
    elif itemsize == 12:
        move_each(to, source, n, to_stride, stride, 12)
    elif itemsize == 16:
        move_each(to, source, n, to_stride, stride, 16)
    else:
        move_each(to, source, n, to_stride, stride, itemsize)


cdef char *start_copy(const Nest *nest, Py_ssize_t part) noexcept nogil:
    """A part's own copy of the base: what changes nothing when it is combined with the base."""
    cdef const Plan *plan = nest.plan
    cdef Py_ssize_t place = place_bytes(nest), bytes = plan.component.size * place, i
    cdef char *copy = nest.copies + part * bytes
    if plan.operation == SUM:
        memset(copy, 0, bytes)
    else:
        for i in range(plan.component.size):
            memcpy(copy + i * place, plan.base + i * plan.component.step, place)
    return copy


cdef Py_ssize_t combine_copies(const void *work, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    """The places [first, last) of each copy are a row that is combined into the base."""
    cdef const Nest *nest = <const Nest *> work
    cdef const Plan *plan = nest.plan
    cdef Py_ssize_t nowhere = 0, part, place = place_bytes(nest)
    cdef Tile tile
    start_tile(nest, &tile)
    tile.offset = &nowhere
    tile.outer = tile.inner = 1
    tile.row = (last - first) * (place // plan.itemsize)
    tile.row_stride = plan.itemsize
    tile.row_base_stride = plan.itemsize if nest.row >= 0 else plan.component.step
    tile.base = plan.base + first * plan.component.step
    for part in range(nest.parts):
        tile.stream = nest.copies + (part * plan.component.size + first) * place
        nest.kernel(&tile, NULL)
    return 0


cdef Py_ssize_t run_units(const void *work, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    """All tiles of the units [first, last), each unit's in order; how many indices were out of range."""
    cdef const Nest *nest = <const Nest *> work
    cdef Py_ssize_t offset[TILE]
    cdef Py_ssize_t start[MAX_DIMS]
    cdef Py_ssize_t packed[MAX_DIMS]
    cdef Py_ssize_t _, bad = 0
    cdef char *panel = NULL
    cdef Tile tile
    tile.offset = offset
    start_tile(nest, &tile)
    if nest.panel:
        panel = take_panel(nest)
    locate(nest, first * nest.turns, start)
    for _ in range(first, last):
        if panel != NULL:
            copy_panel(nest, start, &tile, panel, False)
            memcpy(packed, start, nest.plan.ndim * sizeof(Py_ssize_t))
        elif nest.origin:
            copy_part(nest, start)
        for _ in range(nest.turns):
            bad += run_tile(nest, start, offset, &tile, panel, 0, NULL)
            advance(nest, start)
        if panel != NULL and nest.plan.operation != READ:
            copy_panel(nest, packed, &tile, panel, True)
    keep_panel(nest, panel)
    if nest.nontemporal:
        end_nontemporal()
    return bad


cdef Py_ssize_t run_parts(const void *work, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    """The same for parts of units."""
    cdef const Nest *nest = <const Nest *> work
    cdef Py_ssize_t offset[TILE]
    cdef Py_ssize_t start[MAX_DIMS]
    cdef Py_ssize_t picked[TILE]
    cdef Py_ssize_t number, part, begin, end, _, bad = 0
    cdef char *copy = NULL
    cdef Tile tile
    tile.offset = offset
    start_tile(nest, &tile)
    if nest.sharing == BY_PLACE:
        tile.picked = picked
    for number in range(first, last):
        part = number % nest.parts
        begin = number // nest.parts * nest.turns
        end = begin + nest.turns
        if nest.sharing == BY_COPY:
            begin, end = nest.turns * part // nest.parts, nest.turns * (part + 1) // nest.parts
            tile.target.step = place_bytes(nest)
            copy = start_copy(nest, part)
        locate(nest, begin, start)
        for _ in range(begin, end):
            bad += run_tile(nest, start, offset, &tile, copy, part, <Py_ssize_t *> tile.picked)
            advance(nest, start)
    return bad


cdef bint units_cover(const Plan *plan, const Nest *nest) noexcept nogil:
    """
    Whether the units have the base between them, each the lines that its tiles write to or the columns that it
    packs, so that each can copy its part first, which is then still in a cache.
    """
    cdef Py_ssize_t whole, line
    cdef int d
    if nest.sharing != WHOLE or nest.row >= 0 or nest.inner < 0 or nest.outer < 0 or plan.components != 1:
        return False
    if plan.one_value or nest.between > 1:
        return False
    line = plan.component.size * plan.component.step
    if not nest.panel:
        whole = plan.shape[nest.outer] * plan.base_strides[nest.outer]
        return (
            plan.ndim == 2 and plan.base_strides[nest.inner] == 0 and plan.component.step == plan.itemsize
            and plan.base_strides[nest.outer] == line and whole == plan.copy_bytes
        )
    if nest.panel == LINES or plan.shape[nest.inner] * plan.itemsize != plan.component.step or plan.ndim > 3:
        return False
    for d in range(plan.ndim):
        if plan.base_strides[d] != (0 if d == nest.outer else plan.itemsize if d == nest.inner else line):
            return False
    return (plan.shape[0] if plan.ndim == 3 else 1) * line == plan.copy_bytes


cdef int writing_threads(const Nest *nest, int threads) noexcept nogil:
    """As many as have something to write, and places of their own."""
    if nest.meets and nest.sharing == WHOLE:
        return 1
    return <int> min(<Py_ssize_t> threads, nest.units * nest.parts)


cdef int copying_threads(const Nest *nest, Py_ssize_t count, int threads) noexcept nogil:
    """
    How many threads copy before fewer write: no more than these, if what they then reach for would lie in another
    core's cache.
    """
    cdef Py_ssize_t bytes = nest.plan.copy_bytes
    cdef Py_ssize_t lines = ceiling(count * nest.fill_size, LINE_BYTES) if nest.row >= 0 else count
    if bytes > LARGE_BYTES or bytes > COPIED_A_LINE * lines:
        return threads
    return writing_threads(nest, threads)


cdef Py_ssize_t run_few(Nest *nest) noexcept nogil:
    """All of a small plan, whose tiles have all of their dims; how many indices were out of range."""
    cdef const Plan *plan = nest.plan
    cdef Py_ssize_t offset[FEW]
    cdef Py_ssize_t start[MAX_DIMS]
    cdef Py_ssize_t bad = 0
    cdef Tile tile
    cdef int d
    nest.panel = NO_PANEL
    nest.far = nest.whole_lines = nest.across = nest.transposes = nest.foresees = nest.nontemporal = False
    for d in range(plan.ndim):
        nest.block[d] = plan.shape[d] if d == nest.outer or d == nest.inner or d == nest.row else 1
        start[d] = 0
    start_tile(nest, &tile)
    tile.offset = offset
    while True:
        bad += run_tile(nest, start, offset, &tile, NULL, 0, NULL)
        d = plan.ndim - 1
        while d >= 0 and start[d] + nest.block[d] == plan.shape[d]:
            start[d] = 0
            d -= 1
        if d < 0:
            return bad
        start[d] += 1


cdef Py_ssize_t run(Plan *plan, int threads) noexcept nogil:
    """Carry out a plan, which is spent afterwards; how many index values were out of range."""
    cdef Py_ssize_t bad, count = elements(plan)
    cdef Py_ssize_t *settled
    if count == 0:
        return 0
    if forced >= COPY:
        threads = max(threads, 3)
    plan.one_value = writes_one_value(plan)
    order_dims(plan, count)
    coalesce(plan)
    settled = settle(plan)
    bad = run_ordered(plan, count, threads)
    if settled != NULL:
        free(settled)
    return bad


cdef Py_ssize_t run_ordered(Plan *plan, Py_ssize_t count, int threads) noexcept nogil:
    """The rest of `run`, whose dims lie as they are walked."""
    cdef Nest nest
    cdef Py_ssize_t bad
    cdef int left
    cdef char room[ITEM_BYTES]
    nest.plan = plan
    nest.fill_size = plan.itemsize
    nest.alike = components_are_alike(plan)
    walk_few_first(plan, count)
    repeat_along_row(plan, room)
    nest.row = choose_row(plan)
    left = plan.ndim - (nest.row >= 0)
    nest.inner = left - 1
    choose_outer(plan, &nest)
    if count <= FEW and threads <= 1 and plan.copy == NULL and forced == NOTHING:
        nest.panel = NO_PANEL
        choose_kernel(plan, &nest)
        return run_few(&nest)
    pack_rows(plan, &nest, threads)
    walk_lines_first(plan, &nest)
    walk_columns_first(plan, &nest)
    walk_short_lines_across(plan, &nest)
    nest.side_by_side = interleaves(plan, nest.outer, nest.inner)
    nest.few_a_row = interleaves(plan, nest.inner, nest.row)
    choose_kernel(plan, &nest)
    choose_way(plan, &nest, threads)
    if (
        count <= FEW_DIRECT and nest.direct != NULL and not nest.far
        and threads <= 1 and plan.copy == NULL and forced == NOTHING
    ):
        return run_few(&nest)
    nest.meets = threads > 1 and forced == NOTHING and meet_everywhere(plan, &nest)
    while True:
        cut(&nest, 1 if nest.meets else threads)
        if not share(&nest, threads):
            break
    nest.origin = 0
    if plan.origin != NULL and units_cover(plan, &nest):
        nest.origin = plan.origin - plan.base
    elif plan.copy != NULL:
        run(plan.copy, copying_threads(&nest, count, threads))
    if nest.sharing == WHOLE:
        return run_parallel(run_units, &nest, nest.units, writing_threads(&nest, threads))
    bad = run_parallel(run_parts, &nest, nest.units * nest.parts, threads)
    if nest.sharing == BY_COPY:
        run_parallel(combine_copies, &nest, plan.component.size, threads if nest.row >= 0 else 1)
        free(nest.copies)
    return bad


cdef Py_ssize_t count_bad(const Plan *plan, int threads) noexcept nogil:
    """Whether index values are out of range: each is looked at once, whatever the other dims hold."""
    cdef Plan check
    cdef Component component[MAX_DIMS]
    cdef int d
    copy_plan(&check, component, plan)
    check.checks_only = True
    check.copy = NULL
    check.origin = NULL
    check.operation = READ
    check.itemsize = 1
    for d in range(check.ndim):
        check.stream_strides[d] = 0
        check.base_strides[d] = 0
        if index_is_constant(plan, d):
            check.shape[d] = 1
    return run(&check, threads)
