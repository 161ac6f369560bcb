from fastgather._types cimport Kernel

cdef Kernel gather_kernel(Py_ssize_t itemsize) noexcept nogil
