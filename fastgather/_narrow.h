/* Between float32 and the floats of 16 bits, by their bits.
 *
 * fg_widen_TYPE(half) is exact. fg_narrow_TYPE(wide) rounds to the nearest, of two to the even one, as NumPy
 * and ml_dtypes do; a NaN is theirs to convert.
 *
 * fg_converter(wide, narrows, bfloat) is a loop over `n` numbers, which returns a mask of whether there is a NaN;
 * `wide` is the one with vectors of AVX2, and the conversions of F16C, if fg_has_wide().
 *
 * No result is chosen by a condition: a compiler makes vectors of masks, and of a condition only where it may
 * assume that no sum of floats traps.
 */
#ifndef FASTGATHER_NARROW_H
#define FASTGATHER_NARROW_H

#include <stdint.h>
#include <string.h>

#include "_isa.h"

#define FG_MASK(condition) (-(uint32_t) (condition))
#define FG_SIGN 0x80000000u
#define FG_BIAS 0x38000000u             /* what the exponent of a float32 is larger by than that of a float16 */
#define FG_HALF_LEAST 0x38800000u       /* the smallest float16 that is not subnormal, as float32 */
#define FG_HALF_BEYOND 0x47800000u      /* 2 ** 16: no float16 is as large */
#define FG_ONE_HALF 0x3f000000u         /* 0.5, whose last bit has the worth of the smallest float16 */

static inline uint32_t fg_bits(float number)
{
    uint32_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

static inline float fg_number(uint32_t bits)
{
    float number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

static inline uint32_t fg_widen_half(uint16_t half)
{
    uint32_t moved = (uint32_t) (half & 0x7fff) << 13, exponent = moved & 0x0f800000u;
    uint32_t infinite = FG_MASK(exponent == 0x0f800000u), subnormal = FG_MASK(exponent == 0);
    uint32_t plain = moved + FG_BIAS + (infinite & FG_BIAS);
    uint32_t small = fg_bits(fg_number(moved + FG_HALF_LEAST) - fg_number(FG_HALF_LEAST));
    return (plain & ~subnormal) | (small & subnormal) | (uint32_t) (half & 0x8000) << 16;
}

static inline uint16_t fg_narrow_half(uint32_t wide)
{
    uint32_t size = wide & ~FG_SIGN;
    uint32_t subnormal = FG_MASK((int32_t) size < (int32_t) FG_HALF_LEAST);
    uint32_t infinite = FG_MASK((int32_t) size >= (int32_t) FG_HALF_BEYOND);
    uint32_t plain = (size - FG_BIAS + 0xfff + (size >> 13 & 1)) >> 13;
    uint32_t small = fg_bits(fg_number(size) + fg_number(FG_ONE_HALF)) - FG_ONE_HALF;
    uint32_t finite = (plain & ~subnormal) | (small & subnormal);
    return (uint16_t) ((finite & ~infinite) | (0x7c00 & infinite) | (wide >> 16 & 0x8000));
}

static inline uint32_t fg_widen_bfloat(uint16_t half) { return (uint32_t) half << 16; }

static inline uint16_t fg_narrow_bfloat(uint32_t wide)
{
    return (uint16_t) ((wide + 0x7fff + (wide >> 16 & 1)) >> 16);
}

static inline uint32_t fg_is_nan(uint32_t wide)
{
    return FG_MASK((int32_t) (wide & ~FG_SIGN) > (int32_t) 0x7f800000);
}

typedef uint32_t (*FgConverter)(void *to, const void *source, Py_ssize_t n);

#define FG_CONVERTERS(type, set, target)                                                                 \
    target static uint32_t fg_widen_##type##_##set(void *to, const void *source, Py_ssize_t n)           \
    {                                                                                                    \
        uint32_t nan = 0, *wide = (uint32_t *) to;                                                       \
        const uint16_t *narrow = (const uint16_t *) source;                                              \
        for (Py_ssize_t i = 0; i < n; i++) {                                                             \
            wide[i] = fg_widen_##type(narrow[i]);                                                        \
            nan |= fg_is_nan(wide[i]);                                                                   \
        }                                                                                                \
        return nan;                                                                                      \
    }                                                                                                    \
    target static uint32_t fg_narrow_##type##_##set(void *to, const void *source, Py_ssize_t n)          \
    {                                                                                                    \
        uint32_t nan = 0;                                                                                \
        const uint32_t *wide = (const uint32_t *) source;                                                \
        uint16_t *narrow = (uint16_t *) to;                                                              \
        for (Py_ssize_t i = 0; i < n; i++) {                                                             \
            nan |= fg_is_nan(wide[i]);                                                                   \
            narrow[i] = fg_narrow_##type(wide[i]);                                                       \
        }                                                                                                \
        return nan;                                                                                      \
    }

FG_CONVERTERS(half, baseline, )
FG_CONVERTERS(bfloat, baseline, )
FG_CONVERTERS(bfloat, avx2, FG_WIDE)

#if FG_HAS_WIDE
enum { FG_ROUND = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC };

FG_WIDE static uint32_t fg_widen_half_avx2(void *to, const void *source, Py_ssize_t n)
{
    const uint16_t *narrow = (const uint16_t *) source;
    float *wide = (float *) to;
    __m256 odd = _mm256_setzero_ps();
    Py_ssize_t i;
    for (i = 0; i + 8 <= n; i += 8) {
        __m256 eight = _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *) (narrow + i)));
        odd = _mm256_or_ps(odd, _mm256_cmp_ps(eight, eight, _CMP_UNORD_Q));
        _mm256_storeu_ps(wide + i, eight);
    }
    if (_mm256_movemask_ps(odd)) i = 0;     /* a NaN that signals no longer does: once more, by the bits */
    return fg_widen_half_baseline(wide + i, narrow + i, n - i);
}

FG_WIDE static uint32_t fg_narrow_half_avx2(void *to, const void *source, Py_ssize_t n)
{
    const float *wide = (const float *) source;
    uint16_t *narrow = (uint16_t *) to;
    __m256 odd = _mm256_setzero_ps();
    Py_ssize_t i;
    for (i = 0; i + 8 <= n; i += 8) {
        __m256 eight = _mm256_loadu_ps(wide + i);
        odd = _mm256_or_ps(odd, _mm256_cmp_ps(eight, eight, _CMP_UNORD_Q));
        _mm_storeu_si128((__m128i *) (narrow + i), _mm256_cvtps_ph(eight, FG_ROUND));
    }
    return fg_narrow_half_baseline(narrow + i, wide + i, n - i) | FG_MASK(_mm256_movemask_ps(odd) != 0);
}
#else
FG_CONVERTERS(half, avx2, FG_WIDE)
#endif

static FgConverter fg_converter(int wide, int narrows, int bfloat)
{
    static const FgConverter table[2][2][2] = {
        {{fg_widen_half_baseline, fg_widen_bfloat_baseline}, {fg_narrow_half_baseline, fg_narrow_bfloat_baseline}},
        {{fg_widen_half_avx2, fg_widen_bfloat_avx2}, {fg_narrow_half_avx2, fg_narrow_bfloat_avx2}},
    };
    return table[wide][narrows][bfloat];
}

#endif
