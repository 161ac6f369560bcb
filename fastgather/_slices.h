/* Copies of slices, each kind out of line in a loop of its own.
 *
 * fg_slices(wide, puts, far, n, stride) is one for slices of `n` bytes, or NULL where none pays: it copies from
 * `base + *offset` to `row`, or back if it `puts`, up to the first offset that is bad, and returns where that is.
 * `stride` is from one row to the next; the slice `ahead` is prefetched, if that is not 0. `wide` is one with vectors
 * of AVX2, if fg_has_wide().
 *
 * 5 to 256 bytes are moved by pieces, of 32 if they can be, of which the last overlaps the one before: a call of memcpy
 * takes longer.
 * Where it is called, a loop must keep no more than the registers that a call leaves alone, as what it keeps beyond
 * them would wait for the stores before it.
 */
#ifndef FASTGATHER_SLICES_H
#define FASTGATHER_SLICES_H

#include <stddef.h>
#include <string.h>

#include "_isa.h"

typedef const Py_ssize_t *(*FgSlices)(
    char *row, char *base, const Py_ssize_t *offset, const Py_ssize_t *end, Py_ssize_t n, Py_ssize_t stride,
    Py_ssize_t ahead);

#define FG_MOVE_4(to, from) memcpy(to, from, 4)
#define FG_MOVE_8(to, from) memcpy(to, from, 8)
#define FG_MOVE_16(to, from) memcpy(to, from, 16)
#define FG_MOVE_baseline(to, from) memcpy(to, from, 32)
#if FG_HAS_WIDE
#define FG_MOVE_avx2(to, from) _mm256_storeu_si256((__m256i *) (to), _mm256_loadu_si256((const __m256i *) (from)))
#else
#define FG_MOVE_avx2(to, from) memcpy(to, from, 32)
#endif

static inline void fg_fetch_slice(const char *slice, Py_ssize_t n)
{
    for (Py_ssize_t at = 0; at < n; at += 64) FG_FETCH_FAR(slice + at);
    FG_FETCH_FAR(slice + n - 1);
}

#define FG_SLICES_BY(name, target, pieces, size, MOVE, TO, FROM, STEP, fetches)                          \
    target static const Py_ssize_t *name(                                                                \
        char *row, char *base, const Py_ssize_t *offset, const Py_ssize_t *end, Py_ssize_t n,            \
        Py_ssize_t stride, Py_ssize_t ahead)                                                             \
    {                                                                                                    \
        for (; offset < end && *offset != PY_SSIZE_T_MIN; offset++, row += STEP) {                       \
            char *slice = base + *offset;                                                                \
            if (fetches && ahead && offset + ahead < end) fg_fetch_slice(base + offset[ahead], n);       \
            for (Py_ssize_t at = 0; at < ((pieces) - 1) * size; at += size) MOVE(TO + at, FROM + at);    \
            MOVE(TO + n - size, FROM + n - size);                                                        \
        }                                                                                                \
        return offset;                                                                                   \
    }

#define FG_SLICES(pieces, size, set, target, MOVE)                                                       \
    FG_SLICES_BY(fg_get_##pieces##_of_##size##_##set, target, pieces, size, MOVE, row, slice, stride, 1) \
    FG_SLICES_BY(fg_put_##pieces##_of_##size##_##set, target, pieces, size, MOVE, slice, row, stride, 1)

#define FG_SLICES_OF_32(pieces)                                                                          \
    FG_SLICES(pieces, 32, baseline, , FG_MOVE_baseline)                                                  \
    FG_SLICES(pieces, 32, avx2, FG_WIDE, FG_MOVE_avx2)

FG_SLICES(2, 4, baseline, , FG_MOVE_4)
FG_SLICES(2, 8, baseline, , FG_MOVE_8)
FG_SLICES(2, 16, baseline, , FG_MOVE_16)
FG_SLICES_OF_32(1)
FG_SLICES_OF_32(2)
FG_SLICES_OF_32(3)
FG_SLICES_OF_32(4)
FG_SLICES_OF_32(5)
FG_SLICES_OF_32(6)
FG_SLICES_OF_32(7)
FG_SLICES_OF_32(8)

#define FG_CALL(to, from) memcpy(to, from, n)
FG_SLICES_BY(fg_get_by_calls, , 1, n, FG_CALL, row, slice, n, 0)
FG_SLICES_BY(fg_put_by_calls, , 1, n, FG_CALL, slice, row, n, 0)

static inline FgSlices fg_slices(int wide, int puts, int far, Py_ssize_t n, Py_ssize_t stride)
{
#define FG_BOTH_WAYS(pieces, size, set) {fg_get_##pieces##_of_##size##_##set, fg_put_##pieces##_of_##size##_##set}
#define FG_OF_32(set)                                                                                    \
    {FG_BOTH_WAYS(2, 4, baseline), FG_BOTH_WAYS(2, 8, baseline), FG_BOTH_WAYS(2, 16, baseline),          \
     FG_BOTH_WAYS(1, 32, set), FG_BOTH_WAYS(2, 32, set), FG_BOTH_WAYS(3, 32, set),                       \
     FG_BOTH_WAYS(4, 32, set), FG_BOTH_WAYS(5, 32, set), FG_BOTH_WAYS(6, 32, set),                       \
     FG_BOTH_WAYS(7, 32, set), FG_BOTH_WAYS(8, 32, set)}
    static const FgSlices table[2][11][2] = {FG_OF_32(baseline), FG_OF_32(avx2)};
    static const FgSlices by_calls[2] = {fg_get_by_calls, fg_put_by_calls};
    if (n > 256) return far || stride != n ? NULL : by_calls[puts];
    if (n < 5 || (n > 192 && !wide)) return NULL;
    return table[wide][n < 8 ? 0 : n < 16 ? 1 : n < 32 ? 2 : 2 + (n + 31) / 32][puts];
}

#endif
