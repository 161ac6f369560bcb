from fastgather._types cimport Direct, Target, Values

cdef bint wide                  # whether vectors of AVX2 are used

# Writes a byte offset for each value; returns how many values were out of range.
ctypedef Py_ssize_t (*Resolve)(
    const Values *values, const Target *target, Py_ssize_t *offset, void *index
) noexcept nogil

# The same for several components at once: as many values and targets.
ctypedef Py_ssize_t (*Points)(
    const Values *values, const Target *target, int count, Py_ssize_t *offset, void *index
) noexcept nogil

cdef Resolve resolver(int code) noexcept nogil
cdef Points points_resolver(int code) noexcept nogil
cdef Direct check_direct_kernel(int code) noexcept nogil
cdef void copy_native(Values *values, int itemsize, bint swapped, char *buffer) noexcept nogil
