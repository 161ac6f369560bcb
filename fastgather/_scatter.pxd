from fastgather._types cimport Direct, Kernel

cdef Kernel scatter_kernel(Py_ssize_t itemsize) noexcept nogil
cdef Direct scatter_direct_kernel(Py_ssize_t itemsize, int index_code) noexcept nogil
cdef Direct scatter_points_kernel(Py_ssize_t itemsize, int index_code) noexcept nogil
