/* FG_WIDE marks a function that is compiled for AVX2 and F16C, where compilers can; it may be called if fg_has_wide().
 *
 * FG_HAS_F16C says whether it may use the conversions of F16C by name.
 */
#ifndef FASTGATHER_ISA_H
#define FASTGATHER_ISA_H

#if (defined(__GNUC__) || defined(__clang__)) && defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#define FG_HAS_F16C 1
#define FG_WIDE __attribute__((target("avx2,f16c")))
static inline int fg_has_wide(void)
{
    unsigned int a, b, c, d;
    return __builtin_cpu_supports("avx2") && __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}
#else
#define FG_HAS_F16C 0
#define FG_WIDE
static inline int fg_has_wide(void) { return 0; }
#endif

#endif
