from fastgather._types cimport MAX_DIMS, Mode, Operation

# One of the arrays that point into the base: the index, or one coordinate of gather_nd.
cdef struct Component:
    const char *data
    Py_ssize_t strides[MAX_DIMS]
    int dim                     # of the base array, that it points into
    Py_ssize_t size             # of that dim
    Py_ssize_t step             # bytes in the base from one index value to the next
    int itemsize
    int code                    # of the index type
    bint swapped
    bint plain                  # aligned and native

# What a call comes down to: for each position of `shape`, an item or row moves between the
# stream, walked in order, and the place in the base that the position and the index values name.
cdef struct Plan:
    int ndim
    Py_ssize_t shape[MAX_DIMS]
    char *base
    Py_ssize_t base_strides[MAX_DIMS]
    int base_dim[MAX_DIMS]      # the dim of the base array that this dim walks, or -1
    char *stream
    Py_ssize_t stream_strides[MAX_DIMS]
    int components
    Component *component
    Py_ssize_t itemsize
    int typenum
    Mode mode
    Operation operation
    const char *fill
    bint one_value              # is written everywhere, in any order and by any thread
    bint checks_only            # count the indices out of range, move nothing
    Plan *copy                  # gives the base what it has to hold before it is written to, or NULL
    Py_ssize_t copy_bytes       # that it moves
    const char *origin          # from where, if neither has gaps nor another order; or NULL

cdef bint is_forced() noexcept nogil
cdef Py_ssize_t elements(const Plan *plan) noexcept nogil
cdef Py_ssize_t work_bytes(const Plan *plan) noexcept nogil
cdef bint may_copy_late(const Plan *plan, Py_ssize_t bytes) noexcept nogil
cdef Py_ssize_t run(Plan *plan, int threads) noexcept nogil
cdef Py_ssize_t count_bad(const Plan *plan, int threads) noexcept nogil


cdef inline void start_plan(
    Plan *plan, Component *component, int components, int mode, int operation
) noexcept nogil:
    plan.component = component
    plan.components = components
    plan.mode = <Mode> mode
    plan.operation = <Operation> operation
    plan.fill = NULL
    plan.one_value = False
    plan.checks_only = False
    plan.copy = NULL
    plan.copy_bytes = 0
    plan.origin = NULL


cdef inline void copy_plan(Plan *copy, Component *component, const Plan *plan) noexcept nogil:
    """A plan to change and run in place of another; `component` has room for its components."""
    cdef int k
    copy[0] = plan[0]
    copy.component = component
    for k in range(plan.components):
        component[k] = plan.component[k]
