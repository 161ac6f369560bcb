/* Stores that go past the caches: what is written is not read into a cache first, nor kept there.
 *
 * Without them a line of a result that no cache holds is read from memory before it is overwritten, which
 * a large gather feels as much as reading its source. A compiler has no portable spelling of them; where
 * there is none here, they are plain stores.
 */
#ifndef FASTGATHER_NONTEMPORAL_H
#define FASTGATHER_NONTEMPORAL_H

#include <stdint.h>
#include <string.h>

#if (defined(__GNUC__) || defined(__clang__)) && defined(__x86_64__)

#include <emmintrin.h>

#define FG_NONTEMPORAL 1

/* `size` is a multiple of 4. */
static inline void fg_store_nontemporal(char *to, const char *source, Py_ssize_t size)
{
    __m128i line;
    long long pair;
    int one;
    Py_ssize_t at = 0;
    if (((uintptr_t) to & 15) == 0)
        for (; at + 16 <= size; at += 16) {
            memcpy(&line, source + at, 16);
            _mm_stream_si128((__m128i *) (to + at), line);
        }
    for (; at + 8 <= size; at += 8) {
        memcpy(&pair, source + at, 8);
        _mm_stream_si64((long long *) (to + at), pair);
    }
    if (at < size) {
        memcpy(&one, source + at, 4);
        _mm_stream_si32((int *) (to + at), one);
    }
}

/* All of them are done before what follows. */
static inline void fg_end_nontemporal(void) { _mm_sfence(); }

#else

#define FG_NONTEMPORAL 0
static inline void fg_store_nontemporal(char *to, const char *source, Py_ssize_t size) { memcpy(to, source, size); }
static inline void fg_end_nontemporal(void) {}

#endif
#endif
