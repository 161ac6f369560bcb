from fastgather._types cimport MAX_DIMS, Direct, Kernel, Operation

cdef bint is_reducible(int typenum) noexcept nogil
cdef bint is_order_free(int typenum, Operation operation) noexcept nogil
cdef Operation on_truth_values(Operation operation) noexcept nogil
cdef bint has_mean(int typenum) noexcept nogil
cdef Kernel reduce_kernel(int typenum) noexcept nogil
cdef Kernel divide_kernel(int typenum) noexcept nogil
cdef Direct reduce_direct_kernel(int typenum, int index_code) noexcept nogil

cdef struct Runs

ctypedef void (*RunKernel)(const Runs *runs, Py_ssize_t first, Py_ssize_t last, void *item) noexcept nogil

# Runs side by side along an axis, of rows along one dim inside it, at each position of the other dims.
cdef struct Runs:
    const Py_ssize_t *ends      # segments + 1 of them: where each run starts and the last ends
    Py_ssize_t segments
    char[128] start             # which each starts from: items that are all the same
    char *to                    # one item a run
    const char *source
    Py_ssize_t to_stride, source_stride
    int dims                    # others
    Py_ssize_t shape[MAX_DIMS]
    Py_ssize_t to_strides[MAX_DIMS]
    Py_ssize_t source_strides[MAX_DIMS]
    Py_ssize_t outer            # positions in them
    Py_ssize_t row, to_row, source_row
    Py_ssize_t blocks           # of a row, so that threads can share it
    Py_ssize_t together         # rows that go into a run at a time
    Operation operation
    RunKernel kernel

cdef void start_runs(Runs *runs, const char *item, int itemsize) noexcept nogil
cdef void reduce_runs(Runs *runs, int typenum, int threads) noexcept nogil
