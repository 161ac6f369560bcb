from fastgather._types cimport Mode

# The index values under one tile: `outer` times `inner` of them.
cdef struct Values:
    const char *data
    Py_ssize_t outer, outer_stride
    Py_ssize_t inner, inner_stride

# Where an index value leads: value times `step` bytes, on top of where its position lies.
cdef struct Target:
    Py_ssize_t size             # of the dim that the index points into
    Py_ssize_t step
    Py_ssize_t outer_base, inner_base
    Mode mode
    bint adds                   # to the offsets of another component, instead of setting them

# Writes a byte offset for each value; returns how many values were out of range.
ctypedef Py_ssize_t (*Resolve)(const Values *values, const Target *target, Py_ssize_t *offset) noexcept nogil

cdef Resolve resolver(int itemsize, bint is_unsigned) noexcept nogil
cdef void copy_native(Values *values, int itemsize, bint swapped, char *buffer) noexcept nogil
