cimport numpy as cnp

from fastgather._types cimport MAX_DIMS, Direct, Tile

# A few items of arrays in C order: tiles that differ only in where they begin.
cdef struct Small:
    int ndim
    Py_ssize_t shape[MAX_DIMS]                      # of what is read
    Tile tile
    Direct kernel
    Py_ssize_t tiles
    Py_ssize_t value_step, base_step, stream_step   # bytes from one tile to the next

cdef bint is_small(
    Small *small, cnp.ndarray base, int dim, cnp.ndarray index, bint slices, int operation, int mode, bint one_value
) noexcept
cdef bint all_inside(cnp.ndarray index, Py_ssize_t size) noexcept
cdef Py_ssize_t run_small(Small *small, char *base, char *stream) noexcept
