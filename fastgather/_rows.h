/* The larger and the smaller of two numbers, and rows of float and double.
 *
 * fg_larger_TYPE(a, b) is for two that are not NaN; of two zeros it is +0 if either is. fg_smaller_TYPE is
 * -0 likewise. Where numbers are equal, so are their bits, but for zeros: to take both answers and the
 * bits that both have, or any has, needs no branch. Left to itself a compiler makes branches of it, or
 * moves the numbers back and forth between registers, which takes twice as long.
 *
 * Contiguous rows are combined by vectors of 16 bytes, which every x86-64 and aarch64 has.
 * fg_row_OPERATION_TYPE(to, source, n, rows, step) combines `rows` rows of `n` items, each `step` bytes
 * after the one before, by blocks of 64 bytes, then of 16, and returns how many items it has done. It stops
 * before a block with a NaN in it, which is for the rule in _reduce.pyx to settle.
 * A compiler makes no vectors of such a row: it sees a branch for every item.
 */
#ifndef FASTGATHER_ROWS_H
#define FASTGATHER_ROWS_H

#include <math.h>

#if (defined(__GNUC__) || defined(__clang__)) && defined(__x86_64__)
#define FG_PREFER(name, type, prefer, both, test)                                                        \
    static inline type fg_##name##_##type(type a, type b)                                                \
    {                                                                                                    \
        type first = a, second = b;                                                                      \
        __asm__(prefer " %1, %0" : "+x"(first) : "x"(b));                                                \
        __asm__(prefer " %1, %0" : "+x"(second) : "x"(a));                                               \
        __asm__(both " %1, %0" : "+x"(first) : "x"(second));                                             \
        return first;                                                                                    \
    }
#else
#define FG_PREFER(name, type, prefer, both, test)                                                        \
    static inline type fg_##name##_##type(type a, type b) { return test ? a : b; }
#endif

/* `a` where the two are equal, unless they are zeros and `b` is the one to prefer. */
#define FG_LARGER (a > b || (a == b && !signbit(a)))
#define FG_SMALLER (a < b || (a == b && signbit(a)))

FG_PREFER(larger, float, "maxss", "andps", FG_LARGER)
FG_PREFER(larger, double, "maxsd", "andpd", FG_LARGER)
FG_PREFER(smaller, float, "minss", "orps", FG_SMALLER)
FG_PREFER(smaller, double, "minsd", "orpd", FG_SMALLER)
static inline long double fg_larger_long(long double a, long double b) { return FG_LARGER ? a : b; }
static inline long double fg_smaller_long(long double a, long double b) { return FG_SMALLER ? a : b; }

#if defined(__GNUC__) || defined(__clang__)

#include <stdint.h>
#include <string.h>

enum { FG_LONG_ROW = 1024, FG_AHEAD = 4096 };   /* bytes of a row that is prefetched as it is read, and how far */

typedef float fg_float_vector __attribute__((vector_size(16)));
typedef int32_t fg_float_mask __attribute__((vector_size(16)));
typedef double fg_double_vector __attribute__((vector_size(16)));
typedef int64_t fg_double_mask __attribute__((vector_size(16)));

#define FG_SUM(mask, old, new) ((old) + (new))
#define FG_PROD(mask, old, new) ((old) * (new))
#define FG_CHOOSE(mask, test, a, b) (((test) & (mask) (a)) | (~(test) & (mask) (b)))
/* Where two are equal they may be zeros of different sign: amax keeps the sign bits that both have, amin any. */
#define FG_AMAX(mask, old, new) (FG_CHOOSE(mask, (new) > (old), new, old) & ~(((new) == (old)) & ~(mask) (new)))
#define FG_AMIN(mask, old, new) (FG_CHOOSE(mask, (new) < (old), new, old) | (((new) == (old)) & (mask) (new)))

/* Blocks of `vectors` vectors. `watched` is what is NaN if the block must be left: the result, or what is new. */
#define FG_ROW_BY(name, OPERATION, type, watched, vectors)                                               \
    static inline Py_ssize_t fg_row_##name##_##type##_by_##vectors(                                      \
        char *to, const char *source, Py_ssize_t n, Py_ssize_t rows, Py_ssize_t step)                    \
    {                                                                                                    \
        const Py_ssize_t block = 16 * vectors / sizeof(type);                                            \
        fg_##type##_vector old, new, result, results[vectors];                                           \
        Py_ssize_t done, row;                                                                            \
        for (done = 0; done + block <= n; done += block) {                                               \
            fg_##type##_mask odd = {0};                                                                  \
            if (vectors == 4 && n >= FG_LONG_ROW / (Py_ssize_t) sizeof(type))                            \
                __builtin_prefetch(source + FG_AHEAD);                                                   \
            for (int k = 0; k < vectors; k++) memcpy(&results[k], to + 16 * k, 16);                      \
            for (row = 0; row < rows; row++) {                                                           \
                for (int k = 0; k < vectors; k++) {                                                      \
                    old = results[k];                                                                    \
                    memcpy(&new, source + row * step + 16 * k, 16);                                      \
                    result = (fg_##type##_vector) OPERATION(fg_##type##_mask, old, new);                 \
                    odd |= watched != watched;                                                           \
                    results[k] = result;                                                                 \
                }                                                                                        \
            }                                                                                            \
            if (((fg_double_mask) odd)[0] | ((fg_double_mask) odd)[1]) break;                            \
            memcpy(to, results, 16 * vectors);                                                           \
            to += 16 * vectors;                                                                          \
            source += 16 * vectors;                                                                      \
        }                                                                                                \
        return done;                                                                                     \
    }

#define FG_ROW(name, OPERATION, type, watched)                                                           \
    FG_ROW_BY(name, OPERATION, type, watched, 4)                                                         \
    FG_ROW_BY(name, OPERATION, type, watched, 1)                                                         \
    static inline Py_ssize_t fg_row_##name##_##type(                                                     \
        char *to, const char *source, Py_ssize_t n, Py_ssize_t rows, Py_ssize_t step)                    \
    {                                                                                                    \
        Py_ssize_t done = fg_row_##name##_##type##_by_4(to, source, n, rows, step);                      \
        Py_ssize_t bytes = done * sizeof(type);                                                          \
        return done + fg_row_##name##_##type##_by_1(to + bytes, source + bytes, n - done, rows, step);   \
    }

#else

/* No vectors: all of a row is for the loop in _reduce.pyx. */
#define FG_ROW(name, OPERATION, type, watched)                                                           \
    static inline Py_ssize_t fg_row_##name##_##type(                                                     \
        char *to, const char *source, Py_ssize_t n, Py_ssize_t rows, Py_ssize_t step)                    \
    {                                                                                                    \
        return 0;                                                                                        \
    }

#endif

FG_ROW(sum, FG_SUM, float, result)
FG_ROW(sum, FG_SUM, double, result)
FG_ROW(prod, FG_PROD, float, result)
FG_ROW(prod, FG_PROD, double, result)
FG_ROW(amax, FG_AMAX, float, new)
FG_ROW(amax, FG_AMAX, double, new)
FG_ROW(amin, FG_AMIN, float, new)
FG_ROW(amin, FG_AMIN, double, new)

#endif
