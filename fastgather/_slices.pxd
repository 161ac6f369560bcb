cdef extern from "_slices.h" nogil:
    ctypedef const Py_ssize_t *(*Slices "FgSlices")(
        char *row, char *base, const Py_ssize_t *offset, const Py_ssize_t *end, Py_ssize_t n, Py_ssize_t stride,
        Py_ssize_t ahead
    ) noexcept nogil
    Slices choose_slices "fg_slices" (bint wide, bint puts, bint far, Py_ssize_t n, Py_ssize_t stride)
