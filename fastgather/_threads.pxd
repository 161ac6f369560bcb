# A piece of parallel work: the units [first, last) of what `work` points to; returns a count to be summed.
ctypedef Py_ssize_t (*Task)(const void *work, Py_ssize_t first, Py_ssize_t last) noexcept nogil

cdef Py_ssize_t run_parallel(Task task, const void *work, Py_ssize_t units, int threads) noexcept nogil

# What is known of a call while it runs.
cdef struct Work:
    Py_ssize_t threads          # that pay, however many there are
    long long start             # nanoseconds
    bint timed
    bint short

cdef Work begin_work(Py_ssize_t bytes) noexcept
cdef int threads_for(const Work *work) except -1
cdef void end_work(const Work *work) noexcept
