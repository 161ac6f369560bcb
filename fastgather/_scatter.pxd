from fastgather._types cimport Kernel

cdef Kernel scatter_kernel(Py_ssize_t itemsize) noexcept nogil
