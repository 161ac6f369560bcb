# An index of several components, each of which points into a dim of its own, under "raise".

from fastgather._types cimport (
    BAD, FOUR, MAX_DIMS, MODE_RAISE, Target, Tile, Values, index_at, item_t, items_ahead, move_item, normalise,
    prefetch_far, wide_index_t, int64_t, uint64_t,
)


# The components of a line of points: their values, and where those lead.
cdef struct Line:
    const char *value[MAX_DIMS]
    Py_ssize_t stride[MAX_DIMS]
    Py_ssize_t size[MAX_DIMS]
    Py_ssize_t step[MAX_DIMS]


cdef inline void start_line(
    Line *line, const Values *values, const Target *leads, int count, Py_ssize_t j, bint packed,
    wide_index_t *index,
) noexcept nogil:
    """Line `j`. Where points lie one after the other, their strides are constants."""
    cdef int k
    for k in range(count):
        line.value[k] = values[k].data + j * values[k].outer_stride
        line.stride[k] = values[k].inner_stride
        line.size[k] = leads[k].size
        line.step[k] = leads[k].step
    if packed:
        for k in range(count):
            line.value[k] = line.value[0] + k * <Py_ssize_t> sizeof(wide_index_t)
            line.stride[k] = count * <Py_ssize_t> sizeof(wide_index_t)


cdef inline bint are_packed(const Values *values, int count, wide_index_t *index) noexcept nogil:
    """Whether points lie one after the other."""
    cdef Py_ssize_t size = sizeof(wide_index_t)
    cdef bint packed = True
    cdef int k
    for k in range(count):
        packed &= values[k].data == values[0].data + k * size and values[k].inner_stride == count * size
        packed &= values[k].outer_stride == values[0].outer_stride
    return packed


cdef inline bint leads_of_four(Py_ssize_t *lead, Line *line, int count, wide_index_t *index) noexcept nogil:
    """Where the next FOUR points lead; whether any component is negative or out of range."""
    cdef bint other = False
    cdef Py_ssize_t i
    cdef int64_t at
    cdef int k
    for i in range(FOUR):
        lead[i] = 0
        for k in range(count):
            at = index_at(line.value[k], i * line.stride[k], index)
            other |= <uint64_t> at >= <uint64_t> line.size[k]
            lead[i] += <Py_ssize_t> (<uint64_t> at * <uint64_t> line.step[k])     # which may be out of range yet
    return other


cdef inline Py_ssize_t lead_of_next(Line *line, int count, wide_index_t *index) noexcept nogil:
    """Where a point leads, or BAD; then on to the next."""
    cdef Py_ssize_t lead = 0
    cdef int64_t[MAX_DIMS] at
    cdef int k
    for k in range(count):
        at[k] = normalise(<wide_index_t> index_at(line.value[k], 0, index), line.size[k], MODE_RAISE)
        line.value[k] += line.stride[k]
    for k in range(count):
        if <uint64_t> at[k] >= <uint64_t> line.size[k]:
            return BAD
        lead += at[k] * line.step[k]
    return lead


cdef inline void prefetch_points(
    const char *base, const Line *line, int count, Py_ssize_t ahead, Py_ssize_t base_stride, Py_ssize_t n,
    wide_index_t *index,
) noexcept nogil:
    """The places of `n` points that lie `ahead` of these."""
    cdef const char *place
    cdef Py_ssize_t i
    cdef int k
    for i in range(ahead, ahead + n):
        place = base + i * base_stride
        for k in range(count):
            place += (<const wide_index_t *> (line.value[k] + i * line.stride[k]))[0] * line.step[k]
        prefetch_far(place)


cdef inline Py_ssize_t move_line(
    Line *line, char *base, char *stream, Py_ssize_t n, Py_ssize_t base_stride, Py_ssize_t stride, int count,
    Py_ssize_t ahead, bint writes, item_t *item, wide_index_t *index,
) noexcept nogil:
    """The items of a line of points; most have no negative component, and go by fours up to the first that has."""
    cdef Py_ssize_t[FOUR] four
    cdef Py_ssize_t i = 0, k, lead, bad = 0
    while i + FOUR <= n and not leads_of_four(four, line, count, index):
        if ahead and i + ahead + FOUR <= n:
            prefetch_points(base, line, count, ahead, base_stride, FOUR, index)
        for k in range(FOUR):
            if writes:
                move_item(base + k * base_stride + four[k], stream + k * stride, item)
            else:
                move_item(stream + k * stride, base + k * base_stride + four[k], item)
        for k in range(count):
            line.value[k] += FOUR * line.stride[k]
        base += FOUR * base_stride
        stream += FOUR * stride
        i += FOUR
    while i < n:
        if ahead and i + ahead < n:
            prefetch_points(base, line, count, ahead, base_stride, 1, index)
        lead = lead_of_next(line, count, index)
        if lead == BAD:
            bad += 1
        elif writes:
            move_item(base + lead, stream, item)
        else:
            move_item(stream, base + lead, item)
        base += base_stride
        stream += stride
        i += 1
    return bad


cdef inline Py_ssize_t move_points(
    const Tile *tile, int count, bint writes, item_t *item, wide_index_t *index
) noexcept nogil:
    """Single items by the `count` components of points; how many points were out of range."""
    cdef Py_ssize_t base_stride = tile.target.inner_base, stride = tile.inner_stride, size = sizeof(item_t)
    cdef Py_ssize_t j, n = tile.inner, ahead = items_ahead(tile) if tile.far else 0, bad = 0
    cdef bint packed = (
        base_stride == 0 and stride == size and tile.leads[count - 1].step == size
        and are_packed(tile.points, count, index)
    )
    cdef char *base
    cdef char *stream
    cdef Line line
    for j in range(tile.outer):
        base = tile.base + j * tile.target.outer_base
        stream = tile.stream + j * tile.outer_stride
        if packed:
            start_line(&line, tile.points, tile.leads, count, j, True, index)
            line.step[count - 1] = size
            bad += move_line(&line, base, stream, n, 0, size, count, ahead, writes, item, index)
        else:
            start_line(&line, tile.points, tile.leads, count, j, False, index)
            bad += move_line(&line, base, stream, n, base_stride, stride, count, ahead, writes, item, index)
    return bad


cdef inline Py_ssize_t move_by_points(const Tile *tile, bint writes, item_t *item, wide_index_t *index) noexcept nogil:
    """Points of an image, of a volume, of several of them."""
    if tile.components == 2:
        return move_points(tile, 2, writes, item, index)
    if tile.components == 3:
        return move_points(tile, 3, writes, item, index)
    return move_points(tile, 4, writes, item, index)
