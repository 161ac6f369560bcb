/* Float and double by the instructions that every x86-64 and aarch64 has.
 *
 * fg_larger_TYPE(a, b) is a if it is larger, else b; fg_smaller_TYPE likewise. Left to itself a compiler
 * makes a branch of it, which costs ten times as much where it cannot be foreseen.
 *
 * Contiguous rows are combined by vectors of 16 bytes.
 * fg_row_OPERATION_TYPE(to, source, n) combines blocks of 64 bytes and returns how many items it has
 * done. It stops before a block with a NaN in it, which is for the rule in _reduce.pyx to settle.
 * A compiler makes no vectors of such a row: it sees a branch for every item.
 */
#ifndef FASTGATHER_ROWS_H
#define FASTGATHER_ROWS_H

#if defined(__SSE2__) || defined(_M_X64)
#include <emmintrin.h>
static inline float fg_larger_float(float a, float b) { return _mm_cvtss_f32(_mm_max_ss(_mm_set_ss(a), _mm_set_ss(b))); }
static inline float fg_smaller_float(float a, float b) { return _mm_cvtss_f32(_mm_min_ss(_mm_set_ss(a), _mm_set_ss(b))); }
static inline double fg_larger_double(double a, double b) { return _mm_cvtsd_f64(_mm_max_sd(_mm_set_sd(a), _mm_set_sd(b))); }
static inline double fg_smaller_double(double a, double b) { return _mm_cvtsd_f64(_mm_min_sd(_mm_set_sd(a), _mm_set_sd(b))); }
#else
static inline float fg_larger_float(float a, float b) { return a > b ? a : b; }
static inline float fg_smaller_float(float a, float b) { return a < b ? a : b; }
static inline double fg_larger_double(double a, double b) { return a > b ? a : b; }
static inline double fg_smaller_double(double a, double b) { return a < b ? a : b; }
#endif

#if defined(__GNUC__) || defined(__clang__)

#include <stdint.h>
#include <string.h>

#define FG_BLOCK 64

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

/* `watched` is what is NaN if the block must be left: the result, or what is new. */
#define FG_ROW(name, OPERATION, type, watched)                                                           \
    static inline Py_ssize_t fg_row_##name##_##type(char *to, const char *source, Py_ssize_t n)          \
    {                                                                                                    \
        const Py_ssize_t block = FG_BLOCK / sizeof(type);                                                \
        fg_##type##_vector old, new, result, results[4];                                                 \
        Py_ssize_t done;                                                                                 \
        for (done = 0; done + block <= n; done += block) {                                               \
            fg_##type##_mask odd = {0};                                                                  \
            for (int k = 0; k < 4; k++) {                                                                \
                memcpy(&old, to + 16 * k, 16);                                                           \
                memcpy(&new, source + 16 * k, 16);                                                       \
                result = (fg_##type##_vector) OPERATION(fg_##type##_mask, old, new);                     \
                odd |= watched != watched;                                                               \
                results[k] = result;                                                                     \
            }                                                                                            \
            if (((fg_double_mask) odd)[0] | ((fg_double_mask) odd)[1]) break;                            \
            memcpy(to, results, FG_BLOCK);                                                               \
            to += FG_BLOCK;                                                                              \
            source += FG_BLOCK;                                                                          \
        }                                                                                                \
        return done;                                                                                     \
    }

#else

/* No vectors: all of a row is for the loop in _reduce.pyx. */
#define FG_ROW(name, OPERATION, type, watched)                                                           \
    static inline Py_ssize_t fg_row_##name##_##type(char *to, const char *source, Py_ssize_t n) { return 0; }

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
