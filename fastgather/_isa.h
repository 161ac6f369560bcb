/* What not every CPU or compiler has.
 *
 * FG_WIDE marks a function that is compiled for AVX2 and F16C, where compilers can; it may be called if fg_has_wide().
 * FG_HAS_WIDE says whether it may use the instructions of both by name. FG_FETCH prefetches a line of the cache that
 * comes soon, FG_FETCH_FAR one of many that an index leads to, or of what is walked beside them: the second-level cache
 * waits for more of them at a time than the first, so that they take half as long (AMD Zen 4).
 */
#ifndef FASTGATHER_ISA_H
#define FASTGATHER_ISA_H

#if (defined(__GNUC__) || defined(__clang__)) && defined(__x86_64__) && !defined(_WIN32)
#include <cpuid.h>
#include <immintrin.h>
#define FG_HAS_WIDE 1
#define FG_WIDE __attribute__((target("avx2,f16c")))
static inline int fg_has_wide(void)
{
    unsigned int a, b, c, d;
    return __builtin_cpu_supports("avx2") && __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}
#else
#define FG_HAS_WIDE 0
#define FG_WIDE
static inline int fg_has_wide(void) { return 0; }
#endif

#if defined(__GNUC__) || defined(__clang__)
#define FG_FETCH(address) __builtin_prefetch(address)
#define FG_FETCH_FAR(address) __builtin_prefetch(address, 0, 2)
#else
#define FG_FETCH(address) ((void) (address))
#define FG_FETCH_FAR(address) ((void) (address))
#endif

#endif
