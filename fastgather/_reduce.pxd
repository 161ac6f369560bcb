from fastgather._types cimport Kernel

cdef Kernel reduce_kernel(int typenum) noexcept nogil
