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

/* Two vectors, as fg_larger_TYPE and fg_smaller_TYPE; and where either is NaN. */
#if defined(__SSE2__)
#include <emmintrin.h>
#define FG_VECTORS(type, sse, end)                                                                       \
    static inline sse fg_vector_amax_##type(sse a, sse b)                                                \
    {                                                                                                    \
        return _mm_and_##end(_mm_max_##end(a, b), _mm_max_##end(b, a));                                  \
    }                                                                                                    \
    static inline sse fg_vector_amin_##type(sse a, sse b)                                                \
    {                                                                                                    \
        return _mm_or_##end(_mm_min_##end(a, b), _mm_min_##end(b, a));                                   \
    }                                                                                                    \
    static inline sse fg_vector_odd_##type(sse a, sse b) { return _mm_cmpunord_##end(a, b); }
#define FG_ANY(bits) _mm_movemask_epi8((__m128i) (bits))
typedef __m128 fg_float_vector;
typedef __m128d fg_double_vector;
FG_VECTORS(float, __m128, ps)
FG_VECTORS(double, __m128d, pd)
#else
#define FG_ANY(bits) ((bits)[0] | (bits)[1])
typedef float fg_float_vector __attribute__((vector_size(16)));
typedef double fg_double_vector __attribute__((vector_size(16)));
typedef int32_t fg_float_mask __attribute__((vector_size(16)));
typedef int64_t fg_double_mask __attribute__((vector_size(16)));
#define FG_CHOOSE(type, test, a, b)                                                                      \
    (((test) & (fg_##type##_mask) (a)) | (~(test) & (fg_##type##_mask) (b)))
#define FG_VECTORS(type)                                                                                 \
    static inline fg_##type##_vector fg_vector_amax_##type(fg_##type##_vector a, fg_##type##_vector b)   \
    {                                                                                                    \
        return (fg_##type##_vector) (FG_CHOOSE(type, a > b, a, b) & FG_CHOOSE(type, b > a, b, a));       \
    }                                                                                                    \
    static inline fg_##type##_vector fg_vector_amin_##type(fg_##type##_vector a, fg_##type##_vector b)   \
    {                                                                                                    \
        return (fg_##type##_vector) (FG_CHOOSE(type, a < b, a, b) | FG_CHOOSE(type, b < a, b, a));       \
    }                                                                                                    \
    static inline fg_##type##_vector fg_vector_odd_##type(fg_##type##_vector a, fg_##type##_vector b)    \
    {                                                                                                    \
        return (fg_##type##_vector) ((a != a) | (b != b));                                               \
    }
FG_VECTORS(float)
FG_VECTORS(double)
#endif

typedef int64_t fg_bits __attribute__((vector_size(16)));

#define FG_SUM(type, old, new) ((old) + (new))
#define FG_PROD(type, old, new) ((old) * (new))
#define FG_AMAX(type, old, new) fg_vector_amax_##type(old, new)
#define FG_AMIN(type, old, new) fg_vector_amin_##type(old, new)

/* Blocks of `vectors` vectors. The block must be left if `one` or `other` of old, new and result has a NaN. */
#define FG_ROW_BY(name, OPERATION, type, one, other, vectors)                                            \
    static inline Py_ssize_t fg_row_##name##_##type##_by_##vectors(                                      \
        char *to, const char *source, Py_ssize_t n, Py_ssize_t rows, Py_ssize_t step)                    \
    {                                                                                                    \
        const Py_ssize_t block = 16 * vectors / sizeof(type);                                            \
        fg_##type##_vector old, new, result, results[vectors];                                           \
        Py_ssize_t done, row;                                                                            \
        for (done = 0; done + block <= n; done += block) {                                               \
            fg_bits odd = {0, 0};                                                                        \
            if (vectors == 4 && n >= FG_LONG_ROW / (Py_ssize_t) sizeof(type))                            \
                __builtin_prefetch(source + FG_AHEAD);                                                   \
            for (int k = 0; k < vectors; k++) memcpy(&results[k], to + 16 * k, 16);                      \
            for (row = 0; row < rows; row++) {                                                           \
                for (int k = 0; k < vectors; k++) {                                                      \
                    old = results[k];                                                                    \
                    memcpy(&new, source + row * step + 16 * k, 16);                                      \
                    result = OPERATION(type, old, new);                                                  \
                    odd |= (fg_bits) fg_vector_odd_##type(one, other);                                   \
                    results[k] = result;                                                                 \
                }                                                                                        \
            }                                                                                            \
            if (FG_ANY(odd)) break;                                                                      \
            for (int k = 0; k < vectors; k++) memcpy(to + 16 * k, &results[k], 16);                      \
            to += 16 * vectors;                                                                          \
            source += 16 * vectors;                                                                      \
        }                                                                                                \
        return done;                                                                                     \
    }

#define FG_ROW(name, OPERATION, type, one, other)                                                        \
    FG_ROW_BY(name, OPERATION, type, one, other, 4)                                                      \
    FG_ROW_BY(name, OPERATION, type, one, other, 1)                                                      \
    static inline Py_ssize_t fg_row_##name##_##type(                                                     \
        char *to, const char *source, Py_ssize_t n, Py_ssize_t rows, Py_ssize_t step)                    \
    {                                                                                                    \
        Py_ssize_t done = fg_row_##name##_##type##_by_4(to, source, n, rows, step);                      \
        Py_ssize_t bytes = done * sizeof(type);                                                          \
        return done + fg_row_##name##_##type##_by_1(to + bytes, source + bytes, n - done, rows, step);   \
    }

/* All ones for the items of a block that are left, then zeros. */
static const unsigned char fg_lanes[128] = {
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};

/* A contiguous run of `n` items into one, by blocks of 64 bytes, the last of which has what else lies there hidden, so
 * that no branch depends on its length; nothing is read from `end` on. 0, and nothing is done, if there is a NaN, or
 * for a short run at the end. */
#define FG_RUN(name, prefer, type)                                                                       \
    static inline int fg_run_##name##_##type(char *to, const char *source, Py_ssize_t n, const char *end) \
    {                                                                                                    \
        const Py_ssize_t block = 64 / sizeof(type), lanes = 16 / sizeof(type);                           \
        type items[16 / sizeof(type)], value;                                                            \
        fg_##type##_vector best[4], new;                                                                 \
        fg_bits odd = {0, 0}, there, bits;                                                               \
        char copy[64];                                                                                   \
        if (n < block && end - source < 64) return 0;                                                    \
        memcpy(&value, to, sizeof(type));                                                                \
        for (int k = 0; k < lanes; k++) items[k] = value;                                                \
        for (int k = 0; k < 4; k++) memcpy(&best[k], items, 16);                                         \
        for (; n >= block; n -= block, source += 64) {                                                   \
            for (int k = 0; k < 4; k++) {                                                                \
                memcpy(&new, source + 16 * k, 16);                                                       \
                odd |= (fg_bits) fg_vector_odd_##type(best[k], new);                                     \
                best[k] = fg_vector_##name##_##type(best[k], new);                                       \
            }                                                                                            \
        }                                                                                                \
        if (end - source < 64) {                                                                         \
            memset(copy, 0, 64);                                                                         \
            source = (const char *) memcpy(copy, source, n * sizeof(type));                              \
        }                                                                                                \
        for (int k = 0; k < 4; k++) {                                                                    \
            memcpy(&there, fg_lanes + 64 - n * sizeof(type) + 16 * k, 16);                               \
            memcpy(&bits, source + 16 * k, 16);                                                          \
            new = (fg_##type##_vector) ((bits & there) | ((fg_bits) best[k] & ~there));                  \
            odd |= (fg_bits) fg_vector_odd_##type(best[k], new);                                         \
            best[k] = fg_vector_##name##_##type(best[k], new);                                           \
        }                                                                                                \
        if (FG_ANY(odd)) return 0;                                                                       \
        best[0] = fg_vector_##name##_##type(best[0], best[1]);                                           \
        best[2] = fg_vector_##name##_##type(best[2], best[3]);                                           \
        best[0] = fg_vector_##name##_##type(best[0], best[2]);                                           \
        memcpy(items, best, 16);                                                                         \
        value = items[0];                                                                                \
        for (int k = 1; k < lanes; k++) value = fg_##prefer##_##type(value, items[k]);                   \
        memcpy(to, &value, sizeof(type));                                                                \
        return 1;                                                                                        \
    }

#else

/* No vectors: all of a row is for the loop in _reduce.pyx. */
#define FG_ROW(name, OPERATION, type, one, other)                                                        \
    static inline Py_ssize_t fg_row_##name##_##type(                                                     \
        char *to, const char *source, Py_ssize_t n, Py_ssize_t rows, Py_ssize_t step)                    \
    {                                                                                                    \
        return 0;                                                                                        \
    }

#define FG_RUN(name, prefer, type)                                                                       \
    static inline int fg_run_##name##_##type(char *to, const char *source, Py_ssize_t n, const char *end) \
    {                                                                                                    \
        return 0;                                                                                        \
    }

#endif

FG_ROW(sum, FG_SUM, float, result, result)
FG_ROW(sum, FG_SUM, double, result, result)
FG_ROW(prod, FG_PROD, float, result, result)
FG_ROW(prod, FG_PROD, double, result, result)
FG_ROW(amax, FG_AMAX, float, old, new)
FG_ROW(amax, FG_AMAX, double, old, new)
FG_ROW(amin, FG_AMIN, float, old, new)
FG_ROW(amin, FG_AMIN, double, old, new)

FG_RUN(amax, larger, float)
FG_RUN(amax, larger, double)
FG_RUN(amin, smaller, float)
FG_RUN(amin, smaller, double)

#endif
