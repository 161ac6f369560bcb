"""Writes that combine: `base[offset] = combine(base[offset], stream)`, in order.

The loop knows no operation and the operation no loop. Integers combine unsigned, where wrapping
round is defined. A NaN in the destination stays as it is and a new one is numpy.nan's bits, so
that no result depends on the order in which a compiler puts the operands.
"""

from libc.stdlib cimport llabs
from libc.string cimport memcpy

cimport numpy as cnp

cimport fastgather._inline
from fastgather._resolve cimport wide
from fastgather._threads cimport run_parallel
from fastgather._types cimport (
    AHEAD_BYTES, AMAX, AMIN, BAD, DIV_SHORT, FOUR, LINE_BYTES, MODE_RAISE, PROD, SUM, Direct, Kernel, Operation, Tile,
    foresee, foresee_end, index_at, index_t, items_ahead, line_items, normalise, prefetch, prefetch_far, prefetch_four,
    prefetch_one, prefetch_picked, prefetch_row, read_four, row_reach, rows_ahead, waits, wide_index_t,
    int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t,
)

cdef enum:
    BLOCKS = 4                  # of rows, a thread, where there are few runs
    NEAR_SHARE = 1 << 11        # bytes of a row in such a block, at least: threads get in each other's way there,
    FAR_SHARE = 1 << 15         # the more so
    FAR_RUNS = 1 << 24          # where so many bytes of runs come from memory
    VECTOR_BYTES = 16           # of a row, at least, that vectors do
    BLOCK_BYTES = 64            # of a row, at most, that they leave
    FLOAT_EXACT = 1 << 24       # up to it a float holds every integer
    ROWS_BYTES = 1 << 12        # of the rows of a run that go into it together
    FAR_ROW = 1 << 8            # of a row that goes alone, if it is longer, where runs come from memory
    WIDE_BYTES = 1 << 8         # of rows that pay for a call,
    WIDE_ITEMS = 64             # or items of more than one
    FOLDED_BYTES = 1 << 11      # of a run, at least, that is folded as rows
    LONG_RUN = 48               # floats of a run on average, from which another one takes the place of one that ends
    SAMPLES = 16                # index values of a tile that tell whether most are repeated
    FEW_ITEMS = 16              # integers, of all rows of a run, that do not pay for vectors
    FLOAT_CODE = 8              # places in the tables below and in that of _rows.h
    DOUBLE_CODE = 9

# Out of line, so that what is common stays in registers of floating-point numbers.
cdef extern from *:
    """
    #include <math.h>
    #if defined(__GNUC__) || defined(__clang__)
    #define FG_RARE __attribute__((noinline, cold))
    #else
    #define FG_RARE
    #endif
    /* In a loop that no compiler may make vectors of: those of gcc 12 at -O3 give wrong sums of a few narrow
     * integers side by side (not those of clang, nor without -ftree-loop-vectorize). */
    #if defined(__GNUC__) || defined(__clang__)
    #define FG_AS_WRITTEN() __asm__ volatile("")
    #else
    #define FG_AS_WRITTEN() ((void) 0)
    #endif
    static FG_RARE float fg_nan_float(float old) { return old != old ? old : (float) NAN; }
    static FG_RARE double fg_nan_double(double old) { return old != old ? old : (double) NAN; }
    static FG_RARE long double fg_nan_long(long double old) { return old != old ? old : (long double) NAN; }
    """
    float nan_float "fg_nan_float" (float old) noexcept nogil
    void as_written "FG_AS_WRITTEN" () noexcept nogil
    double nan_double "fg_nan_double" (double old) noexcept nogil
    long double nan_long "fg_nan_long" (long double old) noexcept nogil
    bint isunordered(long double, long double) noexcept nogil       # a macro for any of the three

cdef extern from "_rows.h" nogil:
    float larger_float "fg_larger_float" (float a, float b)
    float smaller_float "fg_smaller_float" (float a, float b)
    double larger_double "fg_larger_double" (double a, double b)
    double smaller_double "fg_smaller_double" (double a, double b)
    long double larger_long "fg_larger_long" (long double a, long double b)
    long double smaller_long "fg_smaller_long" (long double a, long double b)
    cdef enum:
        START_BYTES "FG_START"
    ctypedef Py_ssize_t (*Rows "FgRows")(
        char *to, const char *start, const char *source, Py_ssize_t n, Py_ssize_t rows, Py_ssize_t step
    ) noexcept nogil
    Rows wide_rows "fg_wide_rows" (int operation, int code)
    Rows row_sum_float "fg_row_sum_float", row_sum_double "fg_row_sum_double"
    Rows row_prod_float "fg_row_prod_float", row_prod_double "fg_row_prod_double"
    Rows row_amax_float "fg_row_amax_float", row_amax_double "fg_row_amax_double"
    Rows row_amin_float "fg_row_amin_float", row_amin_double "fg_row_amin_double"
    ctypedef Py_ssize_t (*Columns "FgColumns")(
        char *to, const char *start, const char *source, Py_ssize_t n, Py_ssize_t rows, Py_ssize_t step,
        Py_ssize_t to_stride, Py_ssize_t source_stride
    ) noexcept nogil
    Columns columns_amax_float "fg_columns_amax_float", columns_amax_double "fg_columns_amax_double"
    Columns columns_amin_float "fg_columns_amin_float", columns_amin_double "fg_columns_amin_double"
    bint run_amax_float "fg_run_amax_float" (char *, const char *, const char *, Py_ssize_t, const char *)
    bint run_amax_double "fg_run_amax_double" (char *, const char *, const char *, Py_ssize_t, const char *)
    bint run_amin_float "fg_run_amin_float" (char *, const char *, const char *, Py_ssize_t, const char *)
    bint run_amin_double "fg_run_amin_double" (char *, const char *, const char *, Py_ssize_t, const char *)

cdef extern from "_divide.h" nogil:
    void divide_float_int32 "fg_divide_float_int32" (char *, const char *, Py_ssize_t, Py_ssize_t, Py_ssize_t)
    void divide_float_int64 "fg_divide_float_int64" (char *, const char *, Py_ssize_t, Py_ssize_t, Py_ssize_t)
    void divide_double_int32 "fg_divide_double_int32" (char *, const char *, Py_ssize_t, Py_ssize_t, Py_ssize_t)
    void divide_double_int64 "fg_divide_double_int64" (char *, const char *, Py_ssize_t, Py_ssize_t, Py_ssize_t)

ctypedef long double float_long
ctypedef float complex complex64
ctypedef double complex complex128
ctypedef long double complex complex_long

ctypedef fused integer_t:
    index_t

ctypedef fused real_t:
    float
    double
    float_long

ctypedef fused plain_t:
    integer_t
    real_t

ctypedef fused total_t:
    real_t
    int64_t
    uint64_t

ctypedef fused number_t:
    plain_t
    complex64
    complex128
    complex_long


cdef inline integer_t combine_integer(integer_t old, integer_t new, Operation operation) noexcept nogil:
    if operation == SUM:
        return <integer_t> (<uint64_t> old + <uint64_t> new)
    if operation == PROD:
        return <integer_t> (<uint64_t> old * <uint64_t> new)
    if operation == AMAX:
        return new if new > old else old
    return new if new < old else old


cdef inline real_t stay_nan(real_t old) noexcept nogil:
    """`old` if it is NaN, else a new one."""
    if real_t is float:
        return nan_float(old)
    elif real_t is double:
        return nan_double(old)
    else:
        return nan_long(old)


cdef inline real_t settle(real_t old, real_t result) noexcept nogil:
    """`result`, or the NaN that stands for it."""
    return result if result == result else stay_nan(old)


cdef inline real_t prefer(real_t a, real_t b, Operation operation) noexcept nogil:
    """The larger or the smaller of two numbers, without a branch."""
    if real_t is float:
        return larger_float(a, b) if operation == AMAX else smaller_float(a, b)
    elif real_t is double:
        return larger_double(a, b) if operation == AMAX else smaller_double(a, b)
    else:
        return larger_long(a, b) if operation == AMAX else smaller_long(a, b)


cdef inline real_t combine_real(real_t old, real_t new, Operation operation) noexcept nogil:
    if operation == SUM:
        return settle(old, old + new)
    if operation == PROD:
        return settle(old, old * new)
    return stay_nan(old) if isunordered(old, new) else prefer(old, new, operation)


cdef inline void combine_parts(
    real_t *real, real_t *imag, real_t new_real, real_t new_imag, Operation operation
) noexcept nogil:
    """A complex number part by part: a compiler that sees one number moves it back and forth through memory."""
    cdef real_t old = real[0]
    cdef bint keep
    if operation == SUM:
        real[0] = settle(old, old + new_real)
        imag[0] = settle(imag[0], imag[0] + new_imag)
    elif operation == PROD:
        real[0] = settle(old, old * new_real - imag[0] * new_imag)
        imag[0] = settle(imag[0], old * new_imag + imag[0] * new_real)
    else:
        if operation == AMAX:
            keep = (old > new_real and new_imag == new_imag) or (old == new_real and imag[0] >= new_imag)
        else:
            keep = (old < new_real and new_imag == new_imag) or (old == new_real and imag[0] <= new_imag)
        if not (keep or old != old or imag[0] != imag[0]):
            real[0], imag[0] = new_real, new_imag


cdef inline void combine_complex(
    char *to, const char *start, const char *source, Py_ssize_t n, Py_ssize_t step, real_t *part, Operation operation
) noexcept nogil:
    """Complex items, each `step` bytes after the one before, into one that starts from `start`."""
    cdef real_t real, imag, new_real, new_imag
    cdef Py_ssize_t i
    memcpy(&real, start, sizeof(real_t))
    memcpy(&imag, start + sizeof(real_t), sizeof(real_t))
    for i in range(n):
        memcpy(&new_real, source + i * step, sizeof(real_t))
        memcpy(&new_imag, source + i * step + sizeof(real_t), sizeof(real_t))
        combine_parts(&real, &imag, new_real, new_imag, operation)
    memcpy(to, &real, sizeof(real_t))
    memcpy(to + sizeof(real_t), &imag, sizeof(real_t))


cdef inline plain_t combined(plain_t old, const char *source, Operation operation) noexcept nogil:
    """memcpy, because the place need not be aligned."""
    cdef plain_t new
    memcpy(&new, source, sizeof(plain_t))
    if plain_t in integer_t:
        return combine_integer(old, new, operation)
    else:
        return combine_real(old, new, operation)


cdef inline void combine_items(
    char *to, const char *start, const char *source, Py_ssize_t n, Py_ssize_t step, number_t *item, Operation operation
) noexcept nogil:
    """Items of the type of `item` into one, which starts from `start` and stays in a register."""
    cdef number_t value
    cdef Py_ssize_t i
    if number_t is complex64:
        combine_complex(to, start, source, n, step, <float *> NULL, operation)
    elif number_t is complex128:
        combine_complex(to, start, source, n, step, <double *> NULL, operation)
    elif number_t is complex_long:
        combine_complex(to, start, source, n, step, <float_long *> NULL, operation)
    else:
        memcpy(&value, start, sizeof(number_t))
        for i in range(n):
            value = combined(value, source + i * step, operation)
        memcpy(to, &value, sizeof(number_t))


cdef inline void combine(char *to, const char *source, number_t *item, Operation operation) noexcept nogil:
    combine_items(to, to, source, 1, 0, item, operation)


cdef inline Rows rows_of(number_t *item, Operation operation) noexcept nogil:
    """What combines wide rows of such items, or NULL."""
    cdef int size = sizeof(number_t), below = -1, code
    if not wide:
        return NULL
    if number_t is complex64:
        return wide_rows(operation - SUM, FLOAT_CODE) if operation == SUM else NULL
    elif number_t is complex128:
        return wide_rows(operation - SUM, DOUBLE_CODE) if operation == SUM else NULL
    elif number_t is float:
        return wide_rows(operation - SUM, FLOAT_CODE)
    elif number_t is double:
        return wide_rows(operation - SUM, DOUBLE_CODE)
    elif number_t is float_long or number_t is complex_long:
        return NULL
    else:
        code = 0 if size == 1 else 2 if size == 2 else 4 if size == 4 else 6
        return wide_rows(operation - SUM, code + (<number_t> below > 0))     # unsigned


cdef inline Py_ssize_t combine_blocks(
    char *to, const char *start, const char *source, Py_ssize_t n, Py_ssize_t rows, Py_ssize_t step, number_t *item,
    Operation operation,
) noexcept nogil:
    """The first items of contiguous rows, as many as vectors can do; how many those are."""
    if number_t is float:
        if operation == SUM:
            return row_sum_float(to, start, source, n, rows, step)
        if operation == PROD:
            return row_prod_float(to, start, source, n, rows, step)
        if operation == AMAX:
            return row_amax_float(to, start, source, n, rows, step)
        return row_amin_float(to, start, source, n, rows, step)
    elif number_t is double:
        if operation == SUM:
            return row_sum_double(to, start, source, n, rows, step)
        if operation == PROD:
            return row_prod_double(to, start, source, n, rows, step)
        if operation == AMAX:
            return row_amax_double(to, start, source, n, rows, step)
        return row_amin_double(to, start, source, n, rows, step)
    else:
        return 0


cdef inline number_t sum_or_product(number_t old, number_t new, Operation operation) noexcept nogil:
    return old + new if operation == SUM else old * new


cdef inline void combine_side_by_side(
    char *to, const char *start, const char *source, Py_ssize_t rows, Py_ssize_t step, Py_ssize_t to_stride,
    Py_ssize_t source_stride, plain_t *item, Operation operation, int columns,
) noexcept nogil:
    """A few items of each row, whose results stay in registers and do not wait for each other; with care for a NaN."""
    cdef plain_t[FOUR] value
    cdef plain_t new
    cdef Py_ssize_t i, size = sizeof(plain_t), before_stride = to_stride if start == NULL else size
    cdef const char *before = <const char *> to if start == NULL else start
    cdef int c
    cdef bint odd = False
    for c in range(columns):
        memcpy(&value[c], before + c * before_stride, size)
    for i in range(rows):
        as_written()
        for c in range(columns):
            memcpy(&new, source + i * step + c * source_stride, size)
            if plain_t in integer_t:
                value[c] = combine_integer(value[c], new, operation)
            elif operation == SUM or operation == PROD:
                value[c] = sum_or_product(value[c], new, operation)
            else:
                odd |= isunordered(value[c], new)
                value[c] = prefer(value[c], new, operation)
    if plain_t in real_t:
        for c in range(columns):
            odd |= value[c] != value[c]
    for c in range(columns):
        if odd:
            combine_items(
                to + c * to_stride, before + c * before_stride, source + c * source_stride, rows, step, item, operation
            )
        else:
            memcpy(to + c * to_stride, &value[c], size)


cdef inline void combine_columns(
    char *to, const char *start, const char *source, Py_ssize_t columns, Py_ssize_t rows, Py_ssize_t step,
    Py_ssize_t to_stride, Py_ssize_t source_stride, number_t *item, Operation operation,
) noexcept nogil:
    """
    One row item by item, of which a compiler may make vectors; of more rows FOUR items side by side, and those that
    are left by a number that is known when this is compiled.
    """
    cdef Py_ssize_t c, i, first = 0
    cdef number_t old
    if number_t is complex64 or number_t is complex128 or number_t is complex_long:
        if start != NULL:
            first = min(rows, <Py_ssize_t> 1)
            for c in range(columns):
                combine_items(to + c * to_stride, start, source + c * source_stride, first, step, item, operation)
        for i in range(first, rows):
            for c in range(columns):
                combine(to + c * to_stride, source + i * step + c * source_stride, item, operation)
    elif rows == 1 and start == NULL:
        for c in range(columns):
            combine(to + c * to_stride, source + c * source_stride, item, operation)
    elif rows == 1 and number_t in integer_t:
        memcpy(&old, start, sizeof(number_t))   # for all a compiler knows, a write might change `start`
        for c in range(columns):
            combine_items(to + c * to_stride, <char *> &old, source + c * source_stride, 1, 0, item, operation)
    else:
        while columns >= FOUR:
            combine_side_by_side(to, start, source, rows, step, to_stride, source_stride, item, operation, FOUR)
            to += FOUR * to_stride
            source += FOUR * source_stride
            columns -= FOUR
        if columns == 1:
            combine_side_by_side(to, start, source, rows, step, to_stride, source_stride, item, operation, 1)
        elif columns == 2:
            combine_side_by_side(to, start, source, rows, step, to_stride, source_stride, item, operation, 2)
        elif columns == 3:
            combine_side_by_side(to, start, source, rows, step, to_stride, source_stride, item, operation, 3)


cdef inline Py_ssize_t prefer_columns(
    char *to, const char *start, const char *source, Py_ssize_t n, Py_ssize_t rows, Py_ssize_t step,
    Py_ssize_t to_stride, Py_ssize_t source_stride, number_t *item, Operation operation,
) noexcept nogil:
    """
    The largest or smallest of the first items of rows that are not contiguous, by vectors, which pays for the look
    for a NaN; how many those are. They must not lie in one place.
    """
    if to_stride == 0:
        return 0
    if number_t is float:
        if operation == AMAX:
            return columns_amax_float(to, start, source, n, rows, step, to_stride, source_stride)
        if operation == AMIN:
            return columns_amin_float(to, start, source, n, rows, step, to_stride, source_stride)
    elif number_t is double:
        if operation == AMAX:
            return columns_amax_double(to, start, source, n, rows, step, to_stride, source_stride)
        if operation == AMIN:
            return columns_amin_double(to, start, source, n, rows, step, to_stride, source_stride)
    return 0


cdef inline void reduce_rows(
    char *to, const char *start, const char *source, Py_ssize_t rows, Py_ssize_t step, Py_ssize_t row,
    Py_ssize_t to_stride, Py_ssize_t source_stride, number_t *item, Operation operation, Rows by_call,
) noexcept nogil:
    """
    Rows into one row, which starts from what it holds, or from `start`. A block that vectors leave goes item by item,
    and they go on after it; where items lie apart, all that is left goes item by item.
    """
    cdef Py_ssize_t begin = 0, end, size = sizeof(number_t)
    cdef bint packed = to_stride == sizeof(number_t) and source_stride == sizeof(number_t)
    if number_t is complex64 and packed and operation == SUM:
        reduce_rows(
            to, start, source, rows, step, 2 * row, size // 2, size // 2, <float *> NULL, operation, by_call
        )
    elif number_t is complex128 and packed and operation == SUM:
        reduce_rows(
            to, start, source, rows, step, 2 * row, size // 2, size // 2, <double *> NULL, operation, by_call
        )
    elif packed:
        while begin < row:
            end = row
            if row - begin < VECTOR_BYTES // size:
                pass
            elif by_call != NULL and (
                rows * (row - begin) * size >= WIDE_BYTES or (rows > 1 and rows * (row - begin) >= WIDE_ITEMS)
            ):
                begin += by_call(to + begin * size, start, source + begin * size, row - begin, rows, step)
                end = min(row, begin + BLOCK_BYTES // size)
            elif number_t is float or number_t is double:
                begin += combine_blocks(
                    to + begin * size, start, source + begin * size, row - begin, rows, step, item, operation
                )
                end = min(row, begin + BLOCK_BYTES // size)
            combine_columns(
                to + begin * size, start, source + begin * size, end - begin, rows, step, size, size, item, operation
            )
            begin = end
    else:
        begin = prefer_columns(to, start, source, row, rows, step, to_stride, source_stride, item, operation)
        combine_columns(
            to + begin * to_stride, start, source + begin * source_stride, row - begin, rows, step, to_stride,
            source_stride, item, operation,
        )


cdef inline bint sum_four_complex(
    char *base, const int64_t *four, Py_ssize_t step, const char *source, Py_ssize_t stride, real_t *part
) noexcept nogil:
    """Add to complex numbers for FOUR index values, in order; or, if there is a NaN, leave them as they are."""
    cdef Py_ssize_t k, size = sizeof(real_t)
    cdef real_t[FOUR] real, imag, old_real, old_imag
    for k in range(FOUR):
        memcpy(&old_real[k], base + four[k] * step, size)
        memcpy(&old_imag[k], base + four[k] * step + size, size)
        memcpy(&real[k], source + k * stride, size)
        memcpy(&imag[k], source + k * stride + size, size)
        real[k] += old_real[k]
        imag[k] += old_imag[k]
        memcpy(base + four[k] * step, &real[k], size)
        memcpy(base + four[k] * step + size, &imag[k], size)
    if not (
        isunordered(real[0], imag[0]) or isunordered(real[1], imag[1])
        or isunordered(real[2], imag[2]) or isunordered(real[3], imag[3])
    ):
        return True
    for k in range(FOUR - 1, -1, -1):
        memcpy(base + four[k] * step, &old_real[k], size)
        memcpy(base + four[k] * step + size, &old_imag[k], size)
    return False


cdef inline void combine_four(
    char *base, const int64_t *four, Py_ssize_t step, Py_ssize_t base_stride, const char *source, Py_ssize_t stride,
    number_t *item, Operation operation,
) noexcept nogil:
    """
    Items for FOUR index values, in order. Along a line of floats two sums or products at a time are looked at for
    a NaN: if there is one, all are taken back and done again with care.
    """
    cdef Py_ssize_t k
    cdef number_t[FOUR] old, result
    if number_t is complex64 and operation == SUM:
        if base_stride == 0 and sum_four_complex(base, four, step, source, stride, <float *> NULL):
            return
    elif number_t is complex128 and operation == SUM:
        if base_stride == 0 and sum_four_complex(base, four, step, source, stride, <double *> NULL):
            return
    elif (number_t is float or number_t is double) and base_stride == 0 and (operation == SUM or operation == PROD):
        for k in range(FOUR):
            memcpy(&old[k], base + four[k] * step, sizeof(number_t))
            memcpy(&result[k], source + k * stride, sizeof(number_t))
            result[k] = sum_or_product(old[k], result[k], operation)
            memcpy(base + four[k] * step, &result[k], sizeof(number_t))
        if not (isunordered(result[0], result[1]) or isunordered(result[2], result[3])):
            return
        for k in range(FOUR - 1, -1, -1):
            memcpy(base + four[k] * step, &old[k], sizeof(number_t))
    for k in range(FOUR):
        combine(base + four[k] * step + k * base_stride, source + k * stride, item, operation)


cdef inline void reduce_items(const Tile *tile, number_t *item, Operation operation, bint far) noexcept nogil:
    """Single items, by fours up to the first offset that is bad."""
    cdef const Py_ssize_t *offset = tile.offset
    cdef Py_ssize_t i, j, k, inner = tile.inner, stride = tile.inner_stride, ahead = items_ahead(tile)
    cdef const char *source
    cdef char *base = tile.base
    cdef int64_t[FOUR] four
    cdef bint bad
    for j in range(tile.outer):
        source = tile.stream + j * tile.outer_stride
        i = 0
        while i + FOUR <= inner:
            bad = False
            for k in range(FOUR):
                four[k] = offset[i + k]
                bad |= offset[i + k] == BAD
            if bad:
                break
            if far and i + ahead + FOUR <= inner:
                for k in range(ahead, ahead + FOUR):
                    prefetch_far(base + offset[i + k])
            combine_four(base, four, 1, 0, source, stride, item, operation)
            source += FOUR * stride
            i += FOUR
        while i < inner:
            if far and i + ahead < inner:
                prefetch_far(base + offset[i + ahead])
            if offset[i] != BAD:
                combine(base + offset[i], source, item, operation)
            source += stride
            i += 1
        offset += inner


cdef inline void reduce_positions(
    const Tile *tile, number_t *item, Operation operation, int few, Rows by_call
) noexcept nogil:
    """Rows of `few` items, a constant when this is compiled, or of any number if that is 0."""
    cdef const Py_ssize_t *offset = tile.offset
    cdef Py_ssize_t i, j, c, inner = tile.inner, stride = tile.inner_stride
    cdef Py_ssize_t row = tile.row, row_base_stride = tile.row_base_stride, row_stride = tile.row_stride
    cdef const char *source
    cdef const Py_ssize_t *picked = tile.picked
    cdef char *base = tile.base
    cdef bint single = few == 1
    cdef Py_ssize_t bytes = sizeof(number_t) if single else row_reach(tile), ahead = inner
    if tile.far or (tile.foresees and not single and picked != NULL):
        ahead = rows_ahead(tile, bytes)
    for j in range(tile.outer):
        source = tile.stream + j * tile.outer_stride
        for i in range(inner):
            if i + ahead < inner and single:
                prefetch_far(base + offset[i + ahead])
                prefetch_far(tile.stream + picked[i + ahead])
            elif i + ahead < inner:
                prefetch_row(base + offset[i + ahead], bytes, True)
                if picked != NULL:
                    prefetch_picked(tile, i + ahead, row * <Py_ssize_t> sizeof(number_t))
            if picked != NULL:
                source = tile.stream + picked[i]
            elif tile.foresees and not single:
                prefetch_row(source + tile.stream_ahead, row * <Py_ssize_t> sizeof(number_t), True)
            if offset[i] == BAD:
                pass
            elif few:
                for c in range(few):
                    combine(base + offset[i] + c * row_base_stride, source + c * row_stride, item, operation)
            else:
                reduce_rows(
                    base + offset[i], NULL, source, 1, 0, row, row_base_stride, row_stride, item, operation, by_call
                )
            source += stride
        offset += inner


cdef inline void reduce_with(const Tile *tile, number_t *item, Operation operation) noexcept nogil:
    if tile.row == 1 and tile.picked == NULL and tile.far:
        reduce_items(tile, item, operation, True)
    elif tile.row == 1 and tile.picked == NULL:
        reduce_items(tile, item, operation, False)
    elif tile.row == 1:
        reduce_positions(tile, item, operation, 1, NULL)
    elif tile.row == 2:
        reduce_positions(tile, item, operation, 2, NULL)
    elif tile.row == 3:
        reduce_positions(tile, item, operation, 3, NULL)
    elif number_t in real_t and tile.row == FOUR:       # of others `combine_columns` is vectors
        reduce_positions(tile, item, operation, FOUR, NULL)
    elif tile.row * <Py_ssize_t> sizeof(number_t) >= WIDE_BYTES and rows_of(item, operation) != NULL:
        reduce_positions(tile, item, operation, 0, rows_of(item, operation))
    else:
        reduce_positions(tile, item, operation, 0, NULL)


cdef void reduce_tile(const Tile *tile, number_t *item) noexcept nogil:
    """A loop for each operation, chosen once."""
    if tile.operation == SUM:
        reduce_with(tile, item, SUM)
    elif tile.operation == PROD:
        reduce_with(tile, item, PROD)
    elif tile.operation == AMAX:
        reduce_with(tile, item, AMAX)
    else:
        reduce_with(tile, item, AMIN)


cdef inline Py_ssize_t reduce_line(
    const char *value, char *base, const char *source, Py_ssize_t n, Py_ssize_t size, Py_ssize_t step,
    Py_ssize_t value_stride, Py_ssize_t base_stride, Py_ssize_t stride, number_t *item, wide_index_t *index,
    Operation operation, Py_ssize_t ahead,
    bint foresees, const char *next, Py_ssize_t value_ahead, Py_ssize_t source_ahead,
) noexcept nogil:
    """One line of single items, as `gather_line`; how many index values were out of range."""
    cdef Py_ssize_t i = 0, bad = 0
    cdef int64_t[FOUR] four
    cdef int64_t at
    cdef uint64_t limit = size
    while i + FOUR <= n:
        if read_four(four, value, value_stride, limit, index):
            break
        if ahead and i + ahead + FOUR <= n:
            prefetch_four(base, value, ahead, base_stride, value_stride, step, index)
        if foresees and i % line_items(sizeof(number_t)) == 0:
            foresee(
                next + i * step if next != NULL else NULL, step,
                value + value_ahead,
                source + source_ahead, sizeof(number_t), sizeof(wide_index_t),
            )
        combine_four(base, four, step, base_stride, source, stride, item, operation)
        source += FOUR * stride
        base += FOUR * base_stride
        value += FOUR * value_stride
        i += FOUR
    for i in range(i, n):
        if ahead and i + ahead < n:
            prefetch_one(base, value, ahead, base_stride, value_stride, step, size, index)
        at = normalise(<wide_index_t> index_at(value, 0, index), size, MODE_RAISE)
        if <uint64_t> at < limit:
            combine(base + at * step, source, item, operation)
        else:
            bad += 1
        value += value_stride
        source += stride
        base += base_stride
    return bad


cdef inline Py_ssize_t reduce_lines(
    const Tile *tile, Py_ssize_t step, Py_ssize_t value_stride, Py_ssize_t base_stride, Py_ssize_t stride,
    number_t *item, wide_index_t *index, Operation operation, bint far, bint foresees,
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
            foresee_end(value + value_ahead, source + source_ahead, n, sizeof(number_t), sizeof(wide_index_t))
        bad += reduce_line(
            value, base, source, n, size, step, value_stride, base_stride, stride, item, index, operation, ahead,
            foresees, next, value_ahead, source_ahead,
        )
        value += outer_value
        base += outer_base
        source += outer_stride
        next += outer_next
    return bad


cdef inline bint repeats(const Tile *tile, wide_index_t *index) noexcept nogil:
    """
    Whether of SAMPLES index values, from all lines of a tile, all but one at most are followed by an equal one, as in
    a sorted index of long runs. They lie an odd distance apart, so that pairs or fours look like what they are.
    """
    cdef const char *value
    cdef Py_ssize_t stride = tile.values.inner_stride, apart = (tile.inner // SAMPLES - 1) | 1, others = 0, k
    if tile.target.inner_base != 0 or tile.inner < FOUR * SAMPLES:
        return False
    for k in range(SAMPLES):
        value = tile.values.data + k * tile.outer // SAMPLES * tile.values.outer_stride + k * apart * stride
        others += index_at(value, 0, index) != index_at(value, stride, index)
        if others > 1:
            return False
    return True


cdef inline Py_ssize_t reduce_repeated(
    const Tile *tile, real_t *item, wide_index_t *index, Operation operation
) noexcept nogil:
    """
    As `reduce_lines`, but what neighbours lead to stays in a register: through memory each waits for the one before.
    What is out of range goes nowhere. Nothing is prefetched.
    """
    cdef Py_ssize_t n = tile.inner, size = tile.target.size, bad = 0, i, j
    cdef const char *value
    cdef const char *source
    cdef char *place
    cdef int64_t first, at
    cdef real_t result, nowhere = 0
    cdef bint inside
    for j in range(tile.outer):
        value = tile.values.data + j * tile.values.outer_stride
        source = tile.stream + j * tile.outer_stride
        i = 0
        while i < n:
            first = index_at(value, 0, index)
            at = normalise(<wide_index_t> first, size, MODE_RAISE)
            inside = <uint64_t> at < <uint64_t> size
            place = tile.base + j * tile.target.outer_base + at * tile.target.step if inside else <char *> &nowhere
            memcpy(&result, place, sizeof(real_t))
            while True:
                result = combined(result, source, operation)
                bad += not inside
                source += tile.inner_stride
                value += tile.values.inner_stride
                i += 1
                if i == n or index_at(value, 0, index) != first:
                    break
            memcpy(place, &result, sizeof(real_t))
    return bad


cdef inline Py_ssize_t reduce_by_index(
    const Tile *tile, number_t *item, wide_index_t *index, Operation operation
) noexcept nogil:
    """The cases of `gather_direct`, after that of an index which leads to one float many times."""
    cdef Py_ssize_t step = tile.target.step, base_stride = tile.target.inner_base
    cdef Py_ssize_t value_stride = tile.values.inner_stride, stride = tile.inner_stride
    cdef Py_ssize_t next_value = sizeof(wide_index_t), next_item = sizeof(number_t)
    cdef bint far = waits(tile, index)
    cdef bint packed = value_stride == next_value and stride == next_item
    cdef bint along = value_stride == next_value and base_stride == 0 and step == next_item
    cdef bint innermost = along and packed
    cdef bint constant = along and stride == 0 and not far
    cdef bint outermost = packed and base_stride == next_item and not far
    if number_t is float or number_t is double:
        if not far and repeats(tile, index):
            return reduce_repeated(tile, item, index, operation)
    if innermost and far:
        return reduce_lines(tile, next_item, next_value, 0, next_item, item, index, operation, True, True)
    if innermost and tile.foresees:
        return reduce_lines(tile, next_item, next_value, 0, next_item, item, index, operation, False, True)
    if innermost:
        return reduce_lines(tile, next_item, next_value, 0, next_item, item, index, operation, False, False)
    if constant:
        return reduce_lines(tile, next_item, next_value, 0, 0, item, index, operation, False, False)
    if outermost and tile.foresees:
        return reduce_lines(tile, step, next_value, next_item, next_item, item, index, operation, False, True)
    if outermost:
        return reduce_lines(tile, step, next_value, next_item, next_item, item, index, operation, False, False)
    return reduce_lines(tile, step, value_stride, base_stride, stride, item, index, operation, far, False)


cdef Py_ssize_t reduce_direct(const Tile *tile, number_t *item, wide_index_t *index) noexcept nogil:
    """Single items by one index under "raise", whose values go from here straight to the address."""
    if tile.operation == SUM:
        return reduce_by_index(tile, item, index, SUM)
    if tile.operation == PROD:
        return reduce_by_index(tile, item, index, PROD)
    if tile.operation == AMAX:
        return reduce_by_index(tile, item, index, AMAX)
    return reduce_by_index(tile, item, index, AMIN)


cdef inline total_t over(total_t total, int64_t count) noexcept nogil:
    """Integers round towards minus infinity, a float once: a double has room for its quotient."""
    cdef total_t quotient
    if total_t is float:
        return <float> (<double> total / <double> count)
    elif total_t is int64_t:
        quotient = total // count
        return quotient - (quotient * count > total)
    elif total_t is uint64_t:
        return total // <uint64_t> count
    else:
        return total / <total_t> count


cdef inline void divide_by(
    char *to, Py_ssize_t n, Py_ssize_t step, int64_t count, total_t *part
) noexcept nogil:
    """Totals over one count. Below 2 nothing is done to them, whatever bits they have."""
    cdef total_t total
    cdef Py_ssize_t i
    cdef bint exact = total_t is float and count <= FLOAT_EXACT
    if count < 2:
        return
    for i in range(n):
        memcpy(&total, to + i * step, sizeof(total_t))
        total = total / <total_t> count if exact else over(total, count)
        memcpy(to + i * step, &total, sizeof(total_t))


cdef inline void divide_row(
    char *to, const char *source, Py_ssize_t n, Py_ssize_t step, Py_ssize_t stride, total_t *part,
    wide_index_t *counts,
) noexcept nogil:
    """Totals, each over a count of its own."""
    cdef wide_index_t count
    cdef Py_ssize_t i
    if total_t is float and wide_index_t is int32_t:
        divide_float_int32(to, source, n, step, stride)
    elif total_t is float:
        divide_float_int64(to, source, n, step, stride)
    elif total_t is double and wide_index_t is int32_t:
        divide_double_int32(to, source, n, step, stride)
    elif total_t is double:
        divide_double_int64(to, source, n, step, stride)
    else:
        for i in range(n):
            memcpy(&count, source + i * stride, sizeof(wide_index_t))
            divide_by(to + i * step, 1, 0, count, part)


cdef inline void divide_positions(const Tile *tile, total_t *part, wide_index_t *counts) noexcept nogil:
    """Where steps are constant, a compiler makes vectors of a row."""
    cdef Py_ssize_t i, j, _, step = tile.row_base_stride, stride = tile.row_stride
    cdef Py_ssize_t size = sizeof(total_t), countsize = sizeof(wide_index_t)
    cdef const Py_ssize_t *offset = tile.offset
    cdef const char *source
    cdef char *to
    cdef wide_index_t count
    for j in range(tile.outer):
        source = tile.stream + j * tile.outer_stride
        for i in range(tile.inner):
            to = tile.base + offset[i]
            memcpy(&count, source, countsize)
            for _ in range(tile.itemsize // size):
                if step == size and stride == 0:
                    divide_by(to, tile.row, size, count, part)
                elif step == size and stride == countsize:
                    divide_row(to, source, tile.row, size, countsize, part, counts)
                else:
                    divide_row(to, source, tile.row, step, stride, part, counts)
                to += size
            source += tile.inner_stride
        offset += tile.inner


cdef void divide_tile(const Tile *tile, total_t *part) noexcept nogil:
    """Totals, of complex numbers part by part, over counts of int32 or int64."""
    if tile.operation == DIV_SHORT:
        divide_positions(tile, part, <int32_t *> NULL)
    else:
        divide_positions(tile, part, <int64_t *> NULL)


cdef inline void end_run(
    char *to, real_t value, const char *start, const char *source, Py_ssize_t n, Py_ssize_t step, real_t *item,
    Operation operation,
) noexcept nogil:
    """Write the sum or product of a run. A NaN, which stays one to the end of it, takes more care."""
    if value == value:
        memcpy(to, &value, sizeof(real_t))
    else:
        combine_items(to, start, source, n, step, item, operation)


cdef inline real_t go_on(
    real_t value, const char *at, Py_ssize_t n, Py_ssize_t step, Operation operation
) noexcept nogil:
    """`value` and `n` more items of its run."""
    cdef real_t new
    cdef Py_ssize_t i
    for i in range(n):
        memcpy(&new, at + i * step, sizeof(real_t))
        value = sum_or_product(value, new, operation)
    return value


cdef inline void four_go_on(
    real_t *values, const char **at, Py_ssize_t n, Py_ssize_t step, Operation operation
) noexcept nogil:
    """The same of FOUR runs, `at` being moved on: a value alone, in a register, waits for each addition."""
    cdef real_t[FOUR] value, new
    cdef Py_ssize_t i, k
    for k in range(FOUR):
        value[k] = values[k]
    for i in range(n):
        for k in range(FOUR):
            memcpy(&new[k], at[k] + i * step, sizeof(real_t))
            value[k] = sum_or_product(value[k], new[k], operation)
    for k in range(FOUR):
        values[k] = value[k]
        at[k] += n * step


cdef inline void sum_long_runs(
    char *to, const char *start, const char *source, const Py_ssize_t *ends, Py_ssize_t count, Py_ssize_t to_stride,
    Py_ssize_t step, real_t *item, Operation operation,
) noexcept nogil:
    """
    Sums or products of runs, each in order, FOUR at a time: where one ends, another begins, until fewer are left, which
    go one by one.
    """
    cdef real_t[FOUR] value
    cdef const char *at[FOUR]
    cdef Py_ssize_t[FOUR] left, run
    cdef Py_ssize_t under_way = 0, begun = 0, n, i, k
    while under_way > 0 or begun < count:
        while under_way < FOUR and begun < count:
            memcpy(&value[under_way], start, sizeof(real_t))
            at[under_way] = source + ends[begun] * step
            left[under_way] = ends[begun + 1] - ends[begun]
            run[under_way] = begun
            under_way += 1
            begun += 1
        n = 0
        if under_way == FOUR:
            n = min(left[0], left[1], left[2], left[3])
            four_go_on(value, at, n, step, operation)
        for k in range(under_way - 1, -1, -1):
            left[k] -= n
            if left[k] > 0 and under_way + count - begun >= FOUR:
                continue
            i = run[k]
            end_run(
                to + i * to_stride, go_on(value[k], at[k], left[k], step, operation), start, source + ends[i] * step,
                ends[i + 1] - ends[i], step, item, operation,
            )
            under_way -= 1
            value[k], at[k], left[k], run[k] = value[under_way], at[under_way], left[under_way], run[under_way]


cdef inline void sum_short_runs(
    char *to, const char *start, const char *source, const Py_ssize_t *ends, Py_ssize_t count, Py_ssize_t to_stride,
    Py_ssize_t step, real_t *item, Operation operation,
) noexcept nogil:
    """Sums or products of FOUR neighbouring runs at a time, up to the end of the shortest; the rest of each alone."""
    cdef real_t[FOUR] value
    cdef const char *at[FOUR]
    cdef Py_ssize_t begun, n, k
    for begun from 0 <= begun <= count - FOUR by FOUR:
        n = ends[1] - ends[0]
        for k in range(FOUR):
            memcpy(&value[k], start, sizeof(real_t))
            at[k] = source + ends[k] * step
            n = min(n, ends[k + 1] - ends[k])
        four_go_on(value, at, n, step, operation)
        for k in range(FOUR):
            value[k] = go_on(value[k], at[k], ends[k + 1] - ends[k] - n, step, operation)
            end_run(
                to, value[k], start, source + ends[k] * step, ends[k + 1] - ends[k], step, item, operation
            )
            to += to_stride
        ends += FOUR
    for k in range(count % FOUR):
        combine_items(to, start, source + ends[k] * step, ends[k + 1] - ends[k], step, item, operation)
        to += to_stride


cdef inline bint prefer_run(
    char *to, const char *start, const char *source, Py_ssize_t n, const char *end, number_t *item,
    Operation operation,
) noexcept nogil:
    """
    The largest or smallest of a contiguous run, by vectors, as its order does not matter.
    Whether that is done: not with a NaN, which takes more care, nor for a few items at the end.
    """
    if number_t is float:
        if operation == AMAX:
            return run_amax_float(to, start, source, n, end)
        return run_amin_float(to, start, source, n, end)
    elif number_t is double:
        if operation == AMAX:
            return run_amax_double(to, start, source, n, end)
        return run_amin_double(to, start, source, n, end)
    else:
        return False


cdef inline Py_ssize_t fold_rows(
    char *row, const char *starts, const char *source, Py_ssize_t n, number_t *item, Operation operation, Rows by_call
) noexcept nogil:
    """
    Most of a long contiguous run whose order does not matter: rows of it into one, by vectors, and that one folded. The
    rest of the run can start from `row` then, of which VECTOR_BYTES hold the result. How many items are done: 0 if one
    of them is NaN.
    """
    cdef Py_ssize_t size = sizeof(number_t), items = START_BYTES // size, width = START_BYTES, done = items, rows
    memcpy(row, source, START_BYTES)
    while n - done >= items:
        rows = min((n - done) // items, <Py_ssize_t> ROWS_BYTES // START_BYTES)
        if by_call(row, NULL, source + done * size, items, rows, START_BYTES) < items:
            return 0
        done += rows * items
    while width > VECTOR_BYTES:
        width //= 2
        if by_call(row, NULL, row + width, width // size, 1, 0) < width // size:
            return 0
    combine_items(row, starts, row, width // size, size, item, operation)
    while width > size:
        width -= size
        memcpy(row + width, row, size)
    return done


cdef inline void start_outer(const Runs *runs, Py_ssize_t outer, char **to, const char **source) noexcept nogil:
    """Where what lies at a position of the outer dims begins."""
    cdef Py_ssize_t at
    cdef int d
    to[0], source[0] = runs.to, runs.source
    for d in range(runs.dims - 1, -1, -1):
        at = outer
        if d > 0:
            at = outer % runs.shape[d]
            outer //= runs.shape[d]
        to[0] += at * runs.to_strides[d]
        source[0] += at * runs.source_strides[d]


cdef inline void reduce_run(
    char *to, const char *starts, const char *source, Py_ssize_t n, Py_ssize_t step, const char *end, number_t *item,
    Operation operation, Rows by_call,
) noexcept nogil:
    """One run of single items, but no sum or product of floats; by vectors, if its order does not matter."""
    cdef Py_ssize_t size = sizeof(number_t), done
    cdef char[START_BYTES] row
    cdef bint has_nan = False
    if step != size:
        combine_items(to, starts, source, n, step, item, operation)
        return
    if number_t in integer_t or number_t is float or number_t is double:
        if n * size >= FOLDED_BYTES and by_call != NULL:
            done = fold_rows(row, starts, source, n, item, operation, by_call)
            has_nan = done == 0
            if not has_nan:
                starts = row
                source += done * size
                n -= done
    if number_t is float or number_t is double:
        if not has_nan and prefer_run(to, starts, source, n, end, item, operation):
            return
    combine_items(to, starts, source, n, size, item, operation)


cdef inline void reduce_single_runs(
    const Runs *runs, Py_ssize_t first, Py_ssize_t last, number_t *item, Operation operation
) noexcept nogil:
    """Runs of single items."""
    cdef Py_ssize_t segment = first % runs.segments, outer = first // runs.segments, step = runs.source_stride
    cdef Py_ssize_t left = last - first, count, k
    cdef Rows by_call = rows_of(item, operation)
    cdef const Py_ssize_t *ends
    cdef const char *source
    cdef const char *end
    cdef char *to
    cdef char *outer_to
    cdef bint summed
    cdef char[START_BYTES] starts
    memcpy(starts, runs.start, START_BYTES)     # for all a compiler knows, a write might change them
    start_outer(runs, outer, &outer_to, &source)
    while left > 0:
        count = min(left, runs.segments - segment)
        to = outer_to + segment * runs.to_stride
        ends = runs.ends + segment
        summed = False
        if number_t is float or number_t is double:
            summed = operation == SUM or operation == PROD
            if summed and ends[count] - ends[0] >= LONG_RUN * count:
                sum_long_runs(to, starts, source, ends, count, runs.to_stride, step, item, operation)
            elif summed:
                sum_short_runs(to, starts, source, ends, count, runs.to_stride, step, item, operation)
        if not summed:
            end = source + runs.ends[runs.segments] * step
            for k in range(count):
                reduce_run(
                    to, starts, source + ends[k] * step, ends[k + 1] - ends[k], step, end, item, operation, by_call
                )
                to += runs.to_stride
        left -= count
        segment += count
        if segment == runs.segments:
            segment = 0
            outer += 1
            start_outer(runs, outer, &outer_to, &source)


cdef inline void reduce_runs_with(
    const Runs *runs, Py_ssize_t first, Py_ssize_t last, number_t *item, Operation operation
) noexcept nogil:
    """
    The units [first, last): the blocks of a row, in each run, at each outer position.

    Some rows at a time, so that the result of a block stays in registers.
    """
    cdef Py_ssize_t block = first % runs.blocks, number = first // runs.blocks
    cdef Py_ssize_t segment = number % runs.segments, outer = number // runs.segments
    cdef Py_ssize_t step = runs.source_stride, begin, end, _, i, n
    cdef Py_ssize_t size = sizeof(number_t), together = runs.together
    cdef bint narrow = runs.row < FOUR or runs.row * size < VECTOR_BYTES
    cdef bint packed = number_t in plain_t and runs.to_row == size and runs.source_row == size
    cdef Rows by_call = rows_of(item, operation)
    cdef const char *source
    cdef const char *outer_source
    cdef const char *start
    cdef char *to
    cdef char *outer_to
    if runs.row == 1:
        reduce_single_runs(runs, first, last, item, operation)
        return
    if number_t in integer_t:
        if by_call == NULL:
            together = 1        # of which a compiler makes vectors
    start_outer(runs, outer, &outer_to, &outer_source)
    for _ in range(first, last):
        begin, end = 0, runs.row
        if runs.blocks > 1:
            begin, end = runs.row * block // runs.blocks, runs.row * (block + 1) // runs.blocks
        to = outer_to + segment * runs.to_stride + begin * runs.to_row
        source = outer_source + runs.ends[segment] * step + begin * runs.source_row
        n = runs.ends[segment + 1] - runs.ends[segment]
        start = <const char *> runs.start
        if packed and (narrow or (number_t in integer_t and n * (end - begin) <= FEW_ITEMS)):
            combine_columns(to, start, source, end - begin, n, step, size, size, item, operation)
        elif n == 0:
            combine_columns(to, start, source, end - begin, 0, step, runs.to_row, runs.source_row, item, operation)
        else:
            for i from 0 <= i < n by together:
                prefetch(source + i * step + 2 * AHEAD_BYTES)
                if together == 1:
                    reduce_rows(
                        to, start, source + i * step, 1, 0, end - begin, runs.to_row, runs.source_row, item,
                        operation, by_call,
                    )
                else:
                    reduce_rows(
                        to, start, source + i * step, min(together, n - i), step, end - begin, runs.to_row,
                        runs.source_row, item, operation, by_call,
                    )
                start = NULL
        block += 1
        if block == runs.blocks:
            block = 0
            segment += 1
            if segment == runs.segments:
                segment = 0
                outer += 1
                start_outer(runs, outer, &outer_to, &outer_source)


cdef void reduce_some_runs(const Runs *runs, Py_ssize_t first, Py_ssize_t last, number_t *item) noexcept nogil:
    if runs.operation == SUM:
        reduce_runs_with(runs, first, last, item, SUM)
    elif runs.operation == PROD:
        reduce_runs_with(runs, first, last, item, PROD)
    elif runs.operation == AMAX:
        reduce_runs_with(runs, first, last, item, AMAX)
    else:
        reduce_runs_with(runs, first, last, item, AMIN)


cdef Py_ssize_t run_runs(const void *work, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    cdef const Runs *runs = <const Runs *> work
    runs.kernel(runs, first, last, NULL)
    return 0


cdef void start_runs(Runs *runs, const char *item, int itemsize) noexcept nogil:
    """What all runs start from."""
    cdef int done = itemsize
    memcpy(runs.start, item, itemsize)
    while done < START_BYTES:
        memcpy(runs.start + done, runs.start, min(done, START_BYTES - done))
        done *= 2


cdef void reduce_runs(Runs *runs, int typenum, int threads) noexcept nogil:
    """Reduce side-by-side runs along an axis, each in order."""
    cdef Py_ssize_t units = runs.outer * runs.segments, bytes, step
    cdef bint far
    cdef RunKernel[14] table = [
        <RunKernel> reduce_some_runs[int8_t], <RunKernel> reduce_some_runs[uint8_t],
        <RunKernel> reduce_some_runs[int16_t], <RunKernel> reduce_some_runs[uint16_t],
        <RunKernel> reduce_some_runs[int32_t], <RunKernel> reduce_some_runs[uint32_t],
        <RunKernel> reduce_some_runs[int64_t], <RunKernel> reduce_some_runs[uint64_t],
        <RunKernel> reduce_some_runs[float], <RunKernel> reduce_some_runs[double],
        <RunKernel> reduce_some_runs[float_long],
        <RunKernel> reduce_some_runs[complex64], <RunKernel> reduce_some_runs[complex128],
        <RunKernel> reduce_some_runs[complex_long],
    ]
    if typenum == cnp.NPY_BOOL:
        runs.operation = on_truth_values(runs.operation)
    runs.kernel = table[number_code(typenum)]
    runs.blocks = 1
    runs.together = 1
    if units == 0:
        return
    step = min(llabs(runs.source_row), llabs(runs.source_stride), <Py_ssize_t> LINE_BYTES)
    far = runs.outer * runs.ends[runs.segments] * runs.row * step > FAR_RUNS
    bytes = runs.row * min(llabs(runs.source_row), llabs(runs.to_row))
    if runs.row > 1 and not (far and bytes > FAR_ROW):
        runs.together = max(<Py_ssize_t> 1, ROWS_BYTES // max(<Py_ssize_t> 1, bytes))
    if threads > 1 and runs.row > 1:
        runs.blocks = max(
            <Py_ssize_t> 1, min(bytes // (FAR_SHARE if far else NEAR_SHARE), BLOCKS * threads // units)
        )
    units *= runs.blocks
    run_parallel(run_runs, runs, units, <int> min(<Py_ssize_t> threads, units))


cdef Operation on_truth_values(Operation operation) noexcept nogil:
    """Logical or is the larger of two truth values, logical and the smaller."""
    return AMAX if operation == SUM or operation == AMAX else AMIN


cdef bint is_order_free(int typenum, Operation operation) noexcept nogil:
    """
    Whether a reduction gives the same bits in any order, from copies of the destination or, if it is a sum,
    from zeros. (Products of integers do too, but start from ones.)
    """
    if operation == SUM:
        return cnp.PyTypeNum_ISINTEGER(typenum)
    return operation > SUM and operation != PROD and not cnp.PyTypeNum_ISCOMPLEX(typenum)


cdef int number_code(int typenum) noexcept nogil:
    """The place of a NumPy type in the tables below, or -1 where NumPy has to do it."""
    if typenum == cnp.NPY_BYTE:
        return 0
    if typenum == cnp.NPY_BOOL or typenum == cnp.NPY_UBYTE:
        return 1
    if typenum == cnp.NPY_SHORT:
        return 2
    if typenum == cnp.NPY_USHORT:
        return 3
    if typenum == cnp.NPY_INT or (typenum == cnp.NPY_LONG and sizeof(long) == 4):
        return 4
    if typenum == cnp.NPY_UINT or (typenum == cnp.NPY_ULONG and sizeof(long) == 4):
        return 5
    if typenum == cnp.NPY_LONG or typenum == cnp.NPY_LONGLONG:
        return 6
    if typenum == cnp.NPY_ULONG or typenum == cnp.NPY_ULONGLONG:
        return 7
    if typenum == cnp.NPY_FLOAT:
        return 8
    if typenum == cnp.NPY_DOUBLE:
        return 9
    if typenum == cnp.NPY_LONGDOUBLE:
        return 10
    if typenum == cnp.NPY_CFLOAT:
        return 11
    if typenum == cnp.NPY_CDOUBLE:
        return 12
    if typenum == cnp.NPY_CLONGDOUBLE:
        return 13
    return -1


cdef bint is_reducible(int typenum) noexcept nogil:
    return number_code(typenum) >= 0


cdef Kernel reduce_kernel(int typenum) noexcept nogil:
    cdef Kernel[14] table = [
        <Kernel> reduce_tile[int8_t], <Kernel> reduce_tile[uint8_t],
        <Kernel> reduce_tile[int16_t], <Kernel> reduce_tile[uint16_t],
        <Kernel> reduce_tile[int32_t], <Kernel> reduce_tile[uint32_t],
        <Kernel> reduce_tile[int64_t], <Kernel> reduce_tile[uint64_t],
        <Kernel> reduce_tile[float], <Kernel> reduce_tile[double], <Kernel> reduce_tile[float_long],
        <Kernel> reduce_tile[complex64], <Kernel> reduce_tile[complex128],
        <Kernel> reduce_tile[complex_long],
    ]
    return table[number_code(typenum)]


cdef bint has_mean(int typenum) noexcept nogil:
    """Whether totals of a type go over counts as they are."""
    return number_code(typenum) >= 6


cdef Kernel divide_kernel(int typenum) noexcept nogil:
    cdef Kernel[8] table = [
        <Kernel> divide_tile[int64_t], <Kernel> divide_tile[uint64_t],
        <Kernel> divide_tile[float], <Kernel> divide_tile[double], <Kernel> divide_tile[float_long],
        <Kernel> divide_tile[float], <Kernel> divide_tile[double], <Kernel> divide_tile[float_long],
    ]
    return table[number_code(typenum) - 6]


cdef Direct direct_for(wide_index_t unused, int number) noexcept nogil:
    cdef Direct[14] table = [
        <Direct> reduce_direct[int8_t, wide_index_t], <Direct> reduce_direct[uint8_t, wide_index_t],
        <Direct> reduce_direct[int16_t, wide_index_t], <Direct> reduce_direct[uint16_t, wide_index_t],
        <Direct> reduce_direct[int32_t, wide_index_t], <Direct> reduce_direct[uint32_t, wide_index_t],
        <Direct> reduce_direct[int64_t, wide_index_t], <Direct> reduce_direct[uint64_t, wide_index_t],
        <Direct> reduce_direct[float, wide_index_t], <Direct> reduce_direct[double, wide_index_t],
        <Direct> reduce_direct[float_long, wide_index_t],
        <Direct> reduce_direct[complex64, wide_index_t],
        <Direct> reduce_direct[complex128, wide_index_t],
        <Direct> reduce_direct[complex_long, wide_index_t],
    ]
    return table[number]


cdef Direct reduce_direct_kernel(int typenum, int index_code) noexcept nogil:
    """The direct kernel for a NumPy type and an index type, or NULL: only int32 and int64 have one."""
    if index_code == 4:
        return direct_for(<int32_t> 0, number_code(typenum))
    if index_code == 6:
        return direct_for(<int64_t> 0, number_code(typenum))
    return NULL
