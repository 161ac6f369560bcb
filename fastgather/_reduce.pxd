from fastgather._types cimport Direct, Kernel, Operation

cdef bint is_reducible(int typenum) noexcept nogil
cdef Operation on_truth_values(Operation operation) noexcept nogil
cdef Kernel reduce_kernel(int typenum) noexcept nogil
cdef Direct reduce_direct_kernel(int typenum, int index_code) noexcept nogil
