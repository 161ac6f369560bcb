/* Totals over their counts, for means.
 *
 * fg_divide_TYPE_COUNT(to, count, n, step, stride) divides `n` totals, each `step` bytes after the one before, by
 * counts, each `stride` bytes after the one before, but where a count is below 2: whatever bits are there, stay.
 * A float goes by way of double, which has room for the quotient: it rounds as if once.
 *
 * What stays is chosen by masks, which are made of signs: of a condition a compiler makes a branch, which random
 * counts mispredict.
 */
#ifndef FASTGATHER_DIVIDE_H
#define FASTGATHER_DIVIDE_H

#include <stdint.h>
#include <string.h>

#define FG_DIVIDE(type, bits_t, number, count_t)                                                         \
    static inline void fg_divide_##type##_##number(                                                      \
        char *to, const char *counts, Py_ssize_t n, Py_ssize_t step, Py_ssize_t stride)                  \
    {                                                                                                    \
        for (Py_ssize_t i = 0; i < n; i++) {                                                             \
            type total, quotient;                                                                        \
            count_t count, divided;                                                                      \
            bits_t before, after, mask;                                                                  \
            memcpy(&total, to + i * step, sizeof total);                                                 \
            memcpy(&count, counts + i * stride, sizeof count);                                           \
            divided = (1 - count) >> (8 * sizeof count - 1);                                             \
            mask = (bits_t) divided;                                                                     \
            quotient = (type) ((double) total / (double) ((count & divided) | (1 & ~divided)));          \
            memcpy(&before, &total, sizeof total);                                                       \
            memcpy(&after, &quotient, sizeof total);                                                     \
            before = (before & ~mask) | (after & mask);                                                  \
            memcpy(to + i * step, &before, sizeof total);                                                \
        }                                                                                                \
    }

FG_DIVIDE(float, uint32_t, int32, int32_t)
FG_DIVIDE(float, uint32_t, int64, int64_t)
FG_DIVIDE(double, uint64_t, int32, int32_t)
FG_DIVIDE(double, uint64_t, int64, int64_t)

#endif
