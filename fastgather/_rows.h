/* The larger and the smaller of two numbers, rows of numbers, and runs of float and double.
 *
 * fg_larger_TYPE(a, b) is for two that are not NaN; of two zeros it is +0 if either is. fg_smaller_TYPE is
 * -0 likewise. Where numbers are equal, so are their bits, but for zeros: to take both answers and the
 * bits that both have, or any has, needs no branch. Left to itself a compiler makes branches of it, or
 * moves the numbers back and forth between registers, which takes twice as long.
 *
 * Contiguous rows are combined by vectors. fg_row_OPERATION_TYPE(to, start, source, n, rows, step) combines `rows`
 * rows of `n` items, each `step` bytes after the one before, into `to`. That starts from what it holds if `start` is
 * NULL, else from the items there: FG_START bytes of them, all the same. It returns how many items it has done, and
 * stops before a block with a NaN in it, which is for the rule in _reduce.pyx to settle. A compiler makes no vectors
 * of rows of floats: it sees a branch for every item.
 *
 * Those of floats go by vectors of 16 bytes, which every x86-64 and aarch64 has. fg_wide_rows(operation, type) gives
 * the functions of any type that go by 32 bytes first, or NULL; a call costs as much as a few of those vectors.
 */
#ifndef FASTGATHER_ROWS_H
#define FASTGATHER_ROWS_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "_isa.h"

#if (defined(__GNUC__) || defined(__clang__)) && defined(__x86_64__)
#define FG_PREFER(name, type, prefer, both, test)                                                                \
    static inline type fg_##name##_##type(type a, type b)                                                        \
    {                                                                                                            \
        type first = a, second = b;                                                                              \
        __asm__(prefer " %1, %0" : "+x"(first) : "x"(b));                                                        \
        __asm__(prefer " %1, %0" : "+x"(second) : "x"(a));                                                       \
        __asm__(both " %1, %0" : "+x"(first) : "x"(second));                                                     \
        return first;                                                                                            \
    }
#else
#define FG_PREFER(name, type, prefer, both, test)                                                                \
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

typedef Py_ssize_t (*FgRows)(
    char *to, const char *start, const char *source, Py_ssize_t n, Py_ssize_t rows, Py_ssize_t step);

typedef Py_ssize_t (*FgColumns)(
    char *to, const char *start, const char *source, Py_ssize_t n, Py_ssize_t rows, Py_ssize_t step,
    Py_ssize_t to_stride, Py_ssize_t source_stride);

enum { FG_START = 128 };

#if defined(__GNUC__) || defined(__clang__)

/* Bytes of a row that is prefetched as it is read, and how far; of several rows those that follow are. */
enum { FG_LONG_ROW = 1024, FG_AHEAD = 4096 };

/* Vectors of `bytes`, and where they lie in memory. */
#define FG_VECTOR(type, bytes)                                                                                   \
    typedef type fg_##type##_##bytes __attribute__((vector_size(bytes)));                                        \
    typedef type fg_any_##type##_##bytes __attribute__((vector_size(bytes), aligned(1), may_alias));

/* Two vectors of floats, as fg_larger_TYPE and fg_smaller_TYPE; and where either is NaN. */
#define FG_FLOAT(type, bytes, target, amax, amin, unordered)                                                     \
    FG_VECTOR(type, bytes)                                                                                       \
    target static inline fg_##type##_##bytes fg_amax_##type##_##bytes(fg_##type##_##bytes a, fg_##type##_##bytes b) \
    {                                                                                                            \
        return amax;                                                                                             \
    }                                                                                                            \
    target static inline fg_##type##_##bytes fg_amin_##type##_##bytes(fg_##type##_##bytes a, fg_##type##_##bytes b) \
    {                                                                                                            \
        return amin;                                                                                             \
    }                                                                                                            \
    target static inline fg_bits_##bytes fg_odd_##type##_##bytes(fg_##type##_##bytes a, fg_##type##_##bytes b)   \
    {                                                                                                            \
        return (fg_bits_##bytes) (unordered);                                                                    \
    }
typedef int64_t fg_bits_16 __attribute__((vector_size(16)));
#if defined(__SSE2__)
#include <emmintrin.h>
#define FG_FLOAT_BY_NAME(type, bytes, target, mm, end, unordered)                                                \
    FG_FLOAT(                                                                                                    \
        type, bytes, target, mm##_and_##end(mm##_max_##end(a, b), mm##_max_##end(b, a)),                         \
        mm##_or_##end(mm##_min_##end(a, b), mm##_min_##end(b, a)), unordered)
FG_FLOAT_BY_NAME(float, 16, , _mm, ps, _mm_cmpunord_ps(a, b))
FG_FLOAT_BY_NAME(double, 16, , _mm, pd, _mm_cmpunord_pd(a, b))
#define FG_ANY_16(bits) _mm_movemask_epi8((__m128i) (bits))
#else
#define FG_CHOOSE(test, a, b) (((fg_bits_16) (test) & (fg_bits_16) (a)) | (~(fg_bits_16) (test) & (fg_bits_16) (b)))
#define FG_FLOAT_BY_BITS(type)                                                                                   \
    FG_FLOAT(                                                                                                    \
        type, 16, , (fg_##type##_16) (FG_CHOOSE(a > b, a, b) & FG_CHOOSE(b > a, b, a)),                          \
        (fg_##type##_16) (FG_CHOOSE(a < b, a, b) | FG_CHOOSE(b < a, b, a)),                                      \
        (fg_bits_16) (a != a) | (fg_bits_16) (b != b))
FG_FLOAT_BY_BITS(float)
FG_FLOAT_BY_BITS(double)
#define FG_ANY_16(bits) ((bits)[0] | (bits)[1])
#endif

#define FG_SUM(type, bytes, old, new) ((old) + (new))
#define FG_PROD(type, bytes, old, new) ((old) * (new))
#define FG_AMAX(type, bytes, old, new) fg_amax_##type##_##bytes(old, new)
#define FG_AMIN(type, bytes, old, new) fg_amin_##type##_##bytes(old, new)

#define FG_IS_FLOAT(type) ((type) 0.5 != 0)

/* Blocks of `vectors` vectors. The block must be left if there are `odd_bits`. */
#define FG_ROW_BY(name, combine, type, bytes, target, odd_bits, vectors)                                         \
    target static inline Py_ssize_t fg_row_##name##_##type##_by_##vectors##_of_##bytes(                          \
        char *to, const char *start, const char *source, Py_ssize_t n, Py_ssize_t rows, Py_ssize_t step)         \
    {                                                                                                            \
        const Py_ssize_t block = bytes * vectors / sizeof(type);                                                 \
        const fg_any_##type##_##bytes *from;                                                                     \
        fg_##type##_##bytes old, new, result, results[vectors];                                                  \
        Py_ssize_t done, row;                                                                                    \
        for (done = 0; done + block <= n; done += block) {                                                       \
            fg_bits_##bytes odd = {0};                                                                           \
            from = (const fg_any_##type##_##bytes *) (start != NULL ? start : to);                               \
            for (int k = 0; k < vectors; k++) results[k] = from[k];                                              \
            for (row = 0; row < rows; row++) {                                                                   \
                from = (const fg_any_##type##_##bytes *) (source + row * step);                                  \
                if (vectors == 4 && (rows > 1 || n >= FG_LONG_ROW / (Py_ssize_t) sizeof(type)))                  \
                    for (int k = 0; k < bytes * vectors; k += 64)                                                \
                        __builtin_prefetch(source + row * step + (rows > 1 ? rows * step : FG_AHEAD) + k);       \
                for (int k = 0; k < vectors; k++) {                                                              \
                    old = results[k];                                                                            \
                    new = from[k];                                                                               \
                    result = combine(type, bytes, old, new);                                                     \
                    odd |= odd_bits;                                                                             \
                    results[k] = result;                                                                         \
                }                                                                                                \
            }                                                                                                    \
            if (FG_IS_FLOAT(type) && FG_ANY_##bytes(odd)) break;                                                 \
            for (int k = 0; k < vectors; k++) ((fg_any_##type##_##bytes *) to)[k] = results[k];                  \
            to += bytes * vectors;                                                                               \
            source += bytes * vectors;                                                                           \
        }                                                                                                        \
        return done;                                                                                             \
    }

#define FG_ROW(name, combine, type, odd_bits)                                                                    \
    FG_ROW_BY(name, combine, type, 16, , odd_bits, 4)                                                            \
    FG_ROW_BY(name, combine, type, 16, , odd_bits, 1)                                                            \
    static inline Py_ssize_t fg_row_##name##_##type(                                                             \
        char *to, const char *start, const char *source, Py_ssize_t n, Py_ssize_t rows, Py_ssize_t step)         \
    {                                                                                                            \
        Py_ssize_t done = fg_row_##name##_##type##_by_4_of_16(to, start, source, n, rows, step);                 \
        Py_ssize_t bytes = done * sizeof(type);                                                                  \
        return done + fg_row_##name##_##type##_by_1_of_16(                                                       \
            to + bytes, start, source + bytes, n - done, rows, step);                                            \
    }
#define FG_ROWS_OF_FLOATS(row, type, bytes)                                                                      \
    row(sum, FG_SUM, type, fg_odd_##type##_##bytes(result, result))                                              \
    row(prod, FG_PROD, type, fg_odd_##type##_##bytes(result, result))                                            \
    row(amax, FG_AMAX, type, fg_odd_##type##_##bytes(old, new))                                                  \
    row(amin, FG_AMIN, type, fg_odd_##type##_##bytes(old, new))
FG_ROWS_OF_FLOATS(FG_ROW, float, 16)
FG_ROWS_OF_FLOATS(FG_ROW, double, 16)

#if FG_HAS_WIDE
typedef int64_t fg_bits_32 __attribute__((vector_size(32)));
#define FG_ANY_32(bits) _mm256_movemask_epi8((__m256i) (bits))
FG_FLOAT_BY_NAME(float, 32, FG_WIDE, _mm256, ps, _mm256_cmp_ps(a, b, _CMP_UNORD_Q))
FG_FLOAT_BY_NAME(double, 32, FG_WIDE, _mm256, pd, _mm256_cmp_pd(a, b, _CMP_UNORD_Q))

/* Two vectors of integers. Those of 64 bits have no instruction for it. */
#define FG_INTEGER(name, type, bytes, result)                                                                    \
    FG_WIDE static inline fg_##type##_##bytes fg_##name##_##type##_##bytes(                                      \
        fg_##type##_##bytes a, fg_##type##_##bytes b)                                                            \
    {                                                                                                            \
        return (fg_##type##_##bytes) (result);                                                                   \
    }
#define FG_INTEGER_BY_NAME(type, end)                                                                            \
    FG_VECTOR(type, 16)                                                                                          \
    FG_VECTOR(type, 32)                                                                                          \
    FG_INTEGER(amax, type, 16, _mm_max_##end((__m128i) a, (__m128i) b))                                          \
    FG_INTEGER(amin, type, 16, _mm_min_##end((__m128i) a, (__m128i) b))                                          \
    FG_INTEGER(amax, type, 32, _mm256_max_##end((__m256i) a, (__m256i) b))                                       \
    FG_INTEGER(amin, type, 32, _mm256_min_##end((__m256i) a, (__m256i) b))
#define FG_INTEGER_BY_BITS(type, bytes)                                                                          \
    FG_VECTOR(type, bytes)                                                                                       \
    FG_INTEGER(amax, type, bytes, ((fg_##type##_##bytes) (a > b) & a) | (~(fg_##type##_##bytes) (a > b) & b))    \
    FG_INTEGER(amin, type, bytes, ((fg_##type##_##bytes) (a < b) & a) | (~(fg_##type##_##bytes) (a < b) & b))
FG_INTEGER_BY_NAME(int8_t, epi8)
FG_INTEGER_BY_NAME(uint8_t, epu8)
FG_INTEGER_BY_NAME(int16_t, epi16)
FG_INTEGER_BY_NAME(uint16_t, epu16)
FG_INTEGER_BY_NAME(int32_t, epi32)
FG_INTEGER_BY_NAME(uint32_t, epu32)
FG_INTEGER_BY_BITS(int64_t, 16)
FG_INTEGER_BY_BITS(uint64_t, 16)
FG_INTEGER_BY_BITS(int64_t, 32)
FG_INTEGER_BY_BITS(uint64_t, 32)

/* Vectors of 16 bytes that are left: of float and double by the function above. */
#define FG_WIDE_ROW(name, combine, type, odd_bits)                                                               \
    FG_ROW_BY(name, combine, type, 32, FG_WIDE, odd_bits, 4)                                                     \
    FG_ROW_BY(name, combine, type, 32, FG_WIDE, odd_bits, 2)                                                     \
    FG_ROW_BY(name, combine, type, 32, FG_WIDE, odd_bits, 1)                                                     \
    FG_WIDE static Py_ssize_t fg_wide_row_##name##_##type(                                                       \
        char *to, const char *start, const char *source, Py_ssize_t n, Py_ssize_t rows, Py_ssize_t step)         \
    {                                                                                                            \
        const Py_ssize_t size = sizeof(type);                                                                    \
        Py_ssize_t done = fg_row_##name##_##type##_by_4_of_32(to, start, source, n, rows, step);                 \
        done += fg_row_##name##_##type##_by_2_of_32(                                                             \
            to + done * size, start, source + done * size, n - done, rows, step);                                \
        done += fg_row_##name##_##type##_by_1_of_32(                                                             \
            to + done * size, start, source + done * size, n - done, rows, step);                                \
        return done + fg_row_##name##_##type##_by_1_of_16(                                                       \
            to + done * size, start, source + done * size, n - done, rows, step);                                \
    }
#define FG_WIDE_INTEGER_ROW(name, combine, type)                                                                 \
    FG_ROW_BY(name, combine, type, 16, FG_WIDE, (fg_bits_16) {0}, 1)                                             \
    FG_WIDE_ROW(name, combine, type, (fg_bits_32) {0})
#define FG_WIDE_ROWS_OF_INTEGERS(type)                                                                           \
    FG_WIDE_INTEGER_ROW(sum, FG_SUM, u##type)                                                                    \
    FG_WIDE_INTEGER_ROW(prod, FG_PROD, u##type)                                                                  \
    FG_WIDE_INTEGER_ROW(amax, FG_AMAX, type)                                                                     \
    FG_WIDE_INTEGER_ROW(amin, FG_AMIN, type)                                                                     \
    FG_WIDE_INTEGER_ROW(amax, FG_AMAX, u##type)                                                                  \
    FG_WIDE_INTEGER_ROW(amin, FG_AMIN, u##type)
FG_WIDE_ROWS_OF_INTEGERS(int8_t)
FG_WIDE_ROWS_OF_INTEGERS(int16_t)
FG_WIDE_ROWS_OF_INTEGERS(int32_t)
FG_WIDE_ROWS_OF_INTEGERS(int64_t)
FG_ROWS_OF_FLOATS(FG_WIDE_ROW, float, 32)
FG_ROWS_OF_FLOATS(FG_WIDE_ROW, double, 32)

/* `operation` counts from sum, `type` from int8_t by size, signed first; both signs have their sums in common. */
#define FG_EITHER_SIGN(name, type) fg_wide_row_##name##_u##type, fg_wide_row_##name##_u##type
#define FG_EACH_SIGN(name, type) fg_wide_row_##name##_##type, fg_wide_row_##name##_u##type
#define FG_WIDE_TABLE(name, signs)                                                                               \
    {                                                                                                            \
        signs(name, int8_t), signs(name, int16_t), signs(name, int32_t), signs(name, int64_t),                   \
        fg_wide_row_##name##_float, fg_wide_row_##name##_double,                                                 \
    }
static inline FgRows fg_wide_rows(int operation, int type)
{
    static const FgRows table[4][10] = {
        FG_WIDE_TABLE(sum, FG_EITHER_SIGN), FG_WIDE_TABLE(prod, FG_EITHER_SIGN),
        FG_WIDE_TABLE(amax, FG_EACH_SIGN), FG_WIDE_TABLE(amin, FG_EACH_SIGN),
    };
    return table[operation][type];
}
#else
static inline FgRows fg_wide_rows(int operation, int type) { return NULL; }
#endif

/* All ones for the items of a block that are left, then zeros. */
static const unsigned char fg_lanes[128] = {
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};

/* A contiguous run of `n` items into one, by blocks of 64 bytes, the last of which has what else lies there hidden, so
 * that no branch depends on its length; nothing is read from `end` on. 0, and nothing is done, if there is a NaN, or
 * for a short run at the end. */
#define FG_RUN(name, prefer, type)                                                                               \
    static inline int fg_run_##name##_##type(                                                                    \
        char *to, const char *start, const char *source, Py_ssize_t n, const char *end)                          \
    {                                                                                                            \
        const Py_ssize_t block = 64 / sizeof(type), lanes = 16 / sizeof(type);                                   \
        type items[16 / sizeof(type)], value;                                                                    \
        fg_##type##_16 best[4], new;                                                                             \
        fg_bits_16 odd = {0}, there, bits;                                                                       \
        char copy[64];                                                                                           \
        if (n < block && end - source < 64) return 0;                                                            \
        for (int k = 0; k < 4; k++) memcpy(&best[k], start, 16);                                                 \
        for (; n >= block; n -= block, source += 64) {                                                           \
            for (int k = 0; k < 4; k++) {                                                                        \
                memcpy(&new, source + 16 * k, 16);                                                               \
                odd |= fg_odd_##type##_16(best[k], new);                                                         \
                best[k] = fg_##name##_##type##_16(best[k], new);                                                 \
            }                                                                                                    \
        }                                                                                                        \
        if (end - source < 64) {                                                                                 \
            memset(copy, 0, 64);                                                                                 \
            source = (const char *) memcpy(copy, source, n * sizeof(type));                                      \
        }                                                                                                        \
        for (int k = 0; k < 4; k++) {                                                                            \
            memcpy(&there, fg_lanes + 64 - n * sizeof(type) + 16 * k, 16);                                       \
            memcpy(&bits, source + 16 * k, 16);                                                                  \
            new = (fg_##type##_16) ((bits & there) | ((fg_bits_16) best[k] & ~there));                           \
            odd |= fg_odd_##type##_16(best[k], new);                                                             \
            best[k] = fg_##name##_##type##_16(best[k], new);                                                     \
        }                                                                                                        \
        if (FG_ANY_16(odd)) return 0;                                                                            \
        best[0] = fg_##name##_##type##_16(best[0], best[1]);                                                     \
        best[2] = fg_##name##_##type##_16(best[2], best[3]);                                                     \
        best[0] = fg_##name##_##type##_16(best[0], best[2]);                                                     \
        memcpy(items, best, 16);                                                                                 \
        value = items[0];                                                                                        \
        for (int k = 1; k < lanes; k++) value = fg_##prefer##_##type(value, items[k]);                           \
        memcpy(to, &value, sizeof(type));                                                                        \
        return 1;                                                                                                \
    }

/* Rows whose items lie `source_stride` bytes apart, into one whose items lie `to_stride` apart, four columns at a time:
 * as fg_row_OPERATION_TYPE. Out of line, so that the loops beside which they stand keep their registers. */
#define FG_ITEM(type, at) ((fg_any_##type *) (at))->item
#define FG_FEW_float(at, stride)                                                                                 \
    {FG_ITEM(float, at), FG_ITEM(float, at + stride), FG_ITEM(float, at + 2 * stride), FG_ITEM(float, at + 3 * stride)}
#define FG_FEW_double(at, stride) {FG_ITEM(double, at), FG_ITEM(double, at + stride)}
#define FG_COLUMNS(name, type)                                                                                   \
    static __attribute__((noinline)) Py_ssize_t fg_columns_##name##_##type(                                      \
        char *to, const char *start, const char *source, Py_ssize_t n, Py_ssize_t rows, Py_ssize_t step,         \
        Py_ssize_t to_stride, Py_ssize_t source_stride)                                                          \
    {                                                                                                            \
        enum { lanes = 16 / sizeof(type), vectors = 4 / lanes };                                                 \
        const Py_ssize_t next = lanes * source_stride, start_stride = start != NULL ? 0 : to_stride;             \
        Py_ssize_t done, row;                                                                                    \
        for (done = 0; done + 4 <= n; done += 4) {                                                               \
            const char *from = start != NULL ? start : to;                                                       \
            fg_##type##_16 best[vectors], new;                                                                   \
            fg_bits_16 odd = {0};                                                                                \
            for (int v = 0; v < vectors; v++, from += lanes * start_stride)                                      \
                best[v] = (fg_##type##_16) FG_FEW_##type(from, start_stride);                                    \
            for (row = 0; row < rows; row++) {                                                                   \
                from = source + row * step;                                                                      \
                for (int v = 0; v < vectors; v++, from += next) {                                                \
                    new = (fg_##type##_16) FG_FEW_##type(from, source_stride);                                   \
                    odd |= fg_odd_##type##_16(best[v], new);                                                     \
                    best[v] = fg_##name##_##type##_16(best[v], new);                                             \
                }                                                                                                \
            }                                                                                                    \
            if (FG_ANY_16(odd)) break;                                                                           \
            for (int k = 0; k < 4; k++, to += to_stride) FG_ITEM(type, to) = best[k / lanes][k % lanes];         \
            source += 4 * source_stride;                                                                         \
        }                                                                                                        \
        return done;                                                                                             \
    }
typedef struct { float item; } __attribute__((packed, may_alias)) fg_any_float;
typedef struct { double item; } __attribute__((packed, may_alias)) fg_any_double;
FG_COLUMNS(amax, float)
FG_COLUMNS(amax, double)
FG_COLUMNS(amin, float)
FG_COLUMNS(amin, double)

FG_RUN(amax, larger, float)
FG_RUN(amax, larger, double)
FG_RUN(amin, smaller, float)
FG_RUN(amin, smaller, double)

#else

/* No vectors: rows and runs are for the loops in _reduce.pyx. */
static inline FgRows fg_wide_rows(int operation, int type) { return NULL; }
#define FG_NOTHING(name, type)                                                                                   \
    static inline Py_ssize_t fg_row_##name##_##type(                                                             \
        char *to, const char *start, const char *source, Py_ssize_t n, Py_ssize_t rows, Py_ssize_t step)         \
    {                                                                                                            \
        return 0;                                                                                                \
    }                                                                                                            \
    static inline int fg_run_##name##_##type(                                                                    \
        char *to, const char *start, const char *source, Py_ssize_t n, const char *end)                          \
    {                                                                                                            \
        return 0;                                                                                                \
    }                                                                                                            \
    static inline Py_ssize_t fg_columns_##name##_##type(                                                         \
        char *to, const char *start, const char *source, Py_ssize_t n, Py_ssize_t rows, Py_ssize_t step,         \
        Py_ssize_t to_stride, Py_ssize_t source_stride)                                                          \
    {                                                                                                            \
        return 0;                                                                                                \
    }
FG_NOTHING(sum, float)
FG_NOTHING(prod, float)
FG_NOTHING(amax, float)
FG_NOTHING(amin, float)
FG_NOTHING(sum, double)
FG_NOTHING(prod, double)
FG_NOTHING(amax, double)
FG_NOTHING(amin, double)

#endif

#endif
