/* Whether index values are out of range, without branches, so that compilers make vectors of it.
 *
 * fg_outside(wide, itemsize, is_signed) is a function of a line of `n` values, `stride` bytes apart: whether any is
 * less than -size, or not less than `size`; `wide` is the one with vectors of AVX2, which takes 0.6 of the time, if
 * fg_has_wide(). An unsigned value is never negative.
 */
#ifndef FASTGATHER_CHECK_H
#define FASTGATHER_CHECK_H

#include <stdint.h>

#include "_isa.h"

enum { FG_FETCH_AHEAD = 1024, FG_CACHE_LINE = 64, FG_CHECKED_TOGETHER = 4 * FG_CACHE_LINE };  /* bytes */

typedef int (*FgOutside)(const char *value, Py_ssize_t n, Py_ssize_t stride, uint64_t size);

/* The highest bit of a lane tells: of `last - value` if it is too large, of `value + low` if it is too small. */
#define FG_FOUND(type, lane) \
    (last - (lane) *(const type *) (value + i * stride)) | ((lane) *(const type *) (value + i * stride) + low)

#define FG_LINE(type, lane)                                                                              \
    static inline int fg_line_##type##_##lane(                                                           \
        const char *value, Py_ssize_t n, Py_ssize_t stride, lane low, lane last)                         \
    {                                                                                                    \
        const Py_ssize_t together = FG_CHECKED_TOGETHER / sizeof(type);                                  \
        lane found = 0, block;                                                                           \
        Py_ssize_t i;                                                                                    \
        for (; n >= together; n -= together, value += together * stride) {                               \
            for (i = 0; i < FG_CHECKED_TOGETHER; i += FG_CACHE_LINE)                                     \
                FG_FETCH(value + i / (Py_ssize_t) sizeof(type) * stride + FG_FETCH_AHEAD);               \
            for (block = 0, i = 0; i < together; i++) block |= FG_FOUND(type, lane);                     \
            found |= block;                                                                              \
        }                                                                                                \
        for (i = 0; i < n; i++) found |= FG_FOUND(type, lane);                                           \
        return (int) (found >> (8 * sizeof(lane) - 1));                                                  \
    }

/* First as if there were no negative value, as in most lines. */
#define FG_LINE_EITHER_WAY(type, lane, is_signed)                                                        \
    (fg_line_##type##_##lane(value, n, stride, 0, (lane) size - 1)                                       \
     && !(is_signed && !fg_line_##type##_##lane(value, n, stride, (lane) size, (lane) size - 1)))

/* By as few bits as hold the values and twice the size. */
#define FG_OUTSIDE(type, is_signed, set, target)                                                         \
    target static int fg_outside_##type##_##set(                                                         \
        const char *value, Py_ssize_t n, Py_ssize_t stride, uint64_t size)                               \
    {                                                                                                    \
        int narrow = sizeof(type) <= 4 && size <= 1 << 30;                                               \
        if (stride == sizeof(type)) {                                                                    \
            stride = sizeof(type);                                                                       \
            return narrow ? FG_LINE_EITHER_WAY(type, uint32_t, is_signed)                                \
                          : FG_LINE_EITHER_WAY(type, uint64_t, is_signed);                               \
        }                                                                                                \
        return narrow ? FG_LINE_EITHER_WAY(type, uint32_t, is_signed)                                    \
                      : FG_LINE_EITHER_WAY(type, uint64_t, is_signed);                                   \
    }

#define FG_OUTSIDE_OF(type, is_signed)                                                                   \
    FG_LINE(type, uint32_t)                                                                              \
    FG_LINE(type, uint64_t)                                                                              \
    FG_OUTSIDE(type, is_signed, baseline, )                                                              \
    FG_OUTSIDE(type, is_signed, avx2, FG_WIDE)

FG_OUTSIDE_OF(int8_t, 1)
FG_OUTSIDE_OF(uint8_t, 0)
FG_OUTSIDE_OF(int16_t, 1)
FG_OUTSIDE_OF(uint16_t, 0)
FG_OUTSIDE_OF(int32_t, 1)
FG_OUTSIDE_OF(uint32_t, 0)
FG_OUTSIDE_OF(int64_t, 1)
FG_OUTSIDE_OF(uint64_t, 0)

static FgOutside fg_outside(int wide, int itemsize, int is_signed)
{
#define FG_BOTH(type) {fg_outside_##type##_baseline, fg_outside_##type##_avx2}
    static const FgOutside table[8][2] = {
        FG_BOTH(int8_t), FG_BOTH(uint8_t), FG_BOTH(int16_t), FG_BOTH(uint16_t),
        FG_BOTH(int32_t), FG_BOTH(uint32_t), FG_BOTH(int64_t), FG_BOTH(uint64_t),
    };
    return table[2 * ((itemsize > 1) + (itemsize > 2) + (itemsize > 4)) + !is_signed][wide];
}

#endif
