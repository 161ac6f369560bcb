# For the kernel files: `cdef inline` is a must there, not a wish. A loop is written once and
# called with constant strides and operations, of which nothing is left only in its inlined copies.

cdef extern from *:
    """
    #if defined(__GNUC__) || defined(__clang__)
    #undef CYTHON_INLINE
    #define CYTHON_INLINE __inline__ __attribute__((always_inline))
    #elif defined(_MSC_VER)
    #undef CYTHON_INLINE
    #define CYTHON_INLINE __forceinline
    #endif
    """
    pass
