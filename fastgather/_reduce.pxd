from fastgather._types cimport Direct, Kernel, Operation

cdef bint is_reducible(int typenum) noexcept nogil
cdef bint is_order_free(int typenum, Operation operation) noexcept nogil
cdef Operation on_truth_values(Operation operation) noexcept nogil
cdef bint has_mean(int typenum) noexcept nogil
cdef Kernel reduce_kernel(int typenum) noexcept nogil
cdef Kernel divide_kernel(int typenum) noexcept nogil
cdef Direct reduce_direct_kernel(int typenum, int index_code) noexcept nogil

cdef struct Runs

ctypedef void (*RunKernel)(const Runs *runs, Py_ssize_t first, Py_ssize_t last, void *item) noexcept nogil

# Runs side by side along an axis, between one dim outside it and one inside.
cdef struct Runs:
    const Py_ssize_t *ends      # segments + 1 of them: where each run starts and the last ends
    Py_ssize_t segments
    char[128] start             # which each starts from: items that are all the same
    char *to                    # one item a run
    const char *source
    Py_ssize_t to_stride, source_stride
    Py_ssize_t outer, to_outer, source_outer
    Py_ssize_t row, to_row, source_row
    Py_ssize_t blocks           # of a row, so that threads can share it
    Py_ssize_t together         # rows that go into a run at a time
    Operation operation
    RunKernel kernel

cdef void start_runs(Runs *runs, const char *item, int itemsize) noexcept nogil
cdef void reduce_runs(Runs *runs, int typenum, int threads) noexcept nogil
