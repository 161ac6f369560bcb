/* FG_WIDE marks a function that is compiled for AVX2, where compilers can; it may be called if fg_has_avx2(). */
#ifndef FASTGATHER_ISA_H
#define FASTGATHER_ISA_H

#if (defined(__GNUC__) || defined(__clang__)) && defined(__x86_64__)
#define FG_WIDE __attribute__((target("avx2")))
static inline int fg_has_avx2(void) { return __builtin_cpu_supports("avx2") != 0; }
#else
#define FG_WIDE
static inline int fg_has_avx2(void) { return 0; }
#endif

#endif
