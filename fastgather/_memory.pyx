"""Memory for large results: huge pages, and blocks that are used again (NEP 49).

The system clears a fresh page before a program may touch it, which for a large result costs about
as much as the gather itself. So a large result lies in huge pages, and when NumPy frees it, its
block is kept for the next result of about that size. A kept block is marked as free (MADV_FREE):
the system takes its pages whenever anyone needs memory, and only until then saves us the clearing.
To mark one interrupts the other CPUs, which a call of less than a millisecond feels: so the blocks
freed last, a few megabytes, stay unmarked, as in any allocator.

* At most 2 GB, or an eighth of the machine's memory, is kept in 16 blocks; the oldest goes first.
  Of that at most 64 MB, or a part in 256 of the memory, is unmarked.
  FASTGATHER_POOL=0 keeps none.
* A NumPy memory handler of the user's own stays in force.
* Where the system has no MADV_FREE, NumPy allocates as ever.
"""

import os

cimport numpy as cnp
from cpython.object cimport PyObject, PyTypeObject
from cpython.pycapsule cimport PyCapsule_GetPointer, PyCapsule_New
from cpython.ref cimport Py_INCREF
from libc.string cimport strcmp

from fastgather import _settings

cnp.import_array()

cdef extern from *:
    """
    #if defined(__linux__)
    #include <pthread.h>
    #include <stdint.h>
    #include <string.h>
    #include <sys/mman.h>
    #include <unistd.h>
    #endif
    #if defined(__linux__) && defined(MADV_FREE) && defined(MADV_HUGEPAGE)
    #define FG_POOL 1

    enum {
        FG_HUGE = 1 << 21,          /* bytes of a huge page */
        FG_HEADER = 1 << 16,        /* the largest page there is; in front of a block, it tells the capacity */
        FG_SLOTS = 16
    };
    #define FG_MOST ((size_t) 2 << 30)

    static size_t fg_most = 0;              /* bytes that are kept, at most */
    static size_t fg_most_unmarked = 0;     /* and of them, those that only we can use */
    static pthread_mutex_t fg_lock = PTHREAD_MUTEX_INITIALIZER;
    static char *fg_kept[FG_SLOTS];         /* the oldest first */
    static int fg_count = 0;
    static size_t fg_total = 0;
    static size_t fg_unmarked = 0;

    static size_t fg_start(void)
    {
        size_t eighth = (size_t) sysconf(_SC_PHYS_PAGES) / 8 * (size_t) sysconf(_SC_PAGESIZE);
        fg_most = eighth < FG_MOST ? eighth : FG_MOST;
        fg_most_unmarked = fg_most / 32;
        return fg_most;
    }

    static size_t *fg_capacity(char *block) { return (size_t *) (block - FG_HEADER); }
    static size_t *fg_is_marked(char *block) { return fg_capacity(block) + 1; }

    /* Sizes that differ by less than an eighth share a capacity; what is not touched takes no memory. */
    static size_t fg_round(size_t size)
    {
        size_t grain = FG_HUGE;
        while (grain * 16 <= size) grain *= 2;
        return (size + grain - 1) / grain * grain;
    }

    static void fg_unmap(char *block)
    {
        munmap(block - FG_HEADER, *fg_capacity(block) + FG_HEADER);
    }

    static char *fg_map(size_t capacity)
    {
        size_t all = capacity + 2 * (size_t) FG_HUGE, before;
        char *block, *start = mmap(NULL, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (start == MAP_FAILED) return NULL;
        block = (char *) (((uintptr_t) start + FG_HEADER + FG_HUGE - 1) & ~(uintptr_t) (FG_HUGE - 1));
        before = block - FG_HEADER - start;
        if (before) munmap(start, before);
        munmap(block + capacity, start + all - (block + capacity));
        madvise(block, capacity, MADV_HUGEPAGE);
        *fg_capacity(block) = capacity;
        return block;
    }

    static char *fg_take(int slot)
    {
        char *block = fg_kept[slot];
        fg_count--;
        fg_total -= *fg_capacity(block);
        if (!*fg_is_marked(block)) fg_unmarked -= *fg_capacity(block);
        memmove(fg_kept + slot, fg_kept + slot + 1, (fg_count - slot) * sizeof(char *));
        return block;
    }

    /* A lock that another thread held when the process was forked is never waited for. */
    static void *fg_malloc(void *context, size_t size)
    {
        char *block = NULL;
        size_t capacity = fg_round(size);
        int slot;
        if (capacity < size) return NULL;
        if (pthread_mutex_trylock(&fg_lock) == 0) {
            for (slot = fg_count - 1; slot >= 0 && !block; slot--)
                if (*fg_capacity(fg_kept[slot]) == capacity) block = fg_take(slot);
            pthread_mutex_unlock(&fg_lock);
        }
        return block ? block : fg_map(capacity);
    }

    /* Keep a block for the next result; called with the lock. The oldest blocks are given up, or marked, for it. */
    static void fg_keep(char *block)
    {
        size_t capacity = *fg_capacity(block);
        int slot = 0;
        while (fg_count == FG_SLOTS || fg_total + capacity > fg_most) fg_unmap(fg_take(0));
        *fg_is_marked(block) = 0;
        fg_kept[fg_count++] = block;
        fg_total += capacity;
        fg_unmarked += capacity;
        while (fg_unmarked > fg_most_unmarked) {
            block = fg_kept[slot];
            if (*fg_is_marked(block)) {
                slot++;
            } else if (madvise(block, *fg_capacity(block), MADV_FREE) == 0) {
                *fg_is_marked(block) = 1;
                fg_unmarked -= *fg_capacity(block);
            } else {
                fg_unmap(fg_take(slot));
            }
        }
    }

    static void fg_free(void *context, void *pointer, size_t size)
    {
        int kept = 0;
        if (!pointer) return;
        if (*fg_capacity(pointer) <= fg_most && pthread_mutex_trylock(&fg_lock) == 0) {
            fg_keep(pointer);
            kept = 1;
            pthread_mutex_unlock(&fg_lock);
        }
        if (!kept) fg_unmap(pointer);
    }

    static void *fg_calloc(void *context, size_t count, size_t size)
    {
        char *block = size && count > SIZE_MAX / size ? NULL : fg_malloc(context, count * size);
        if (block) memset(block, 0, count * size);
        return block;
    }

    static void *fg_realloc(void *context, void *pointer, size_t size)
    {
        char *block;
        if (pointer && *fg_capacity(pointer) >= size) return pointer;
        block = fg_malloc(context, size);
        if (!block || !pointer) return block;
        memcpy(block, pointer, *fg_capacity(pointer));
        fg_free(context, pointer, 0);
        return block;
    }

    static PyDataMem_Handler fg_handler = {
        "fastgather", 1, {NULL, fg_malloc, fg_calloc, fg_realloc, fg_free}
    };
    #else
    #define FG_POOL 0
    static size_t fg_start(void) { return 0; }
    static PyDataMem_Handler fg_handler;
    #endif
    """
    bint FG_POOL
    size_t fg_start()

cdef extern from "numpy/arrayobject.h":
    ctypedef struct PyDataMem_Handler:
        char name[127]
    object PyDataMem_SetHandler(object handler)
    object PyDataMem_GetHandler()
    object PyArray_NewFromDescr(
        PyTypeObject *subtype, cnp.dtype dtype, int ndim, const Py_ssize_t *shape, const Py_ssize_t *strides,
        void *data, int flags, PyObject *base,
    )

cdef extern from *:
    PyDataMem_Handler fg_handler

cdef enum:
    LARGE = 1 << 21             # bytes of a result that is worth a block of its own

cdef object pool = None
if FG_POOL and os.environ.get("FASTGATHER_POOL", "1") != "0":
    pool = PyCapsule_New(&fg_handler, "mem_handler", NULL)
    _settings.runtime.pool = fg_start()


cdef bint is_default(handler) except -1:
    cdef PyDataMem_Handler *given = <PyDataMem_Handler *> PyCapsule_GetPointer(handler, "mem_handler")
    return strcmp(given.name, "default_allocator") == 0


cdef cnp.ndarray allocate(cnp.dtype dtype, int ndim, const Py_ssize_t *shape, bint fortran):
    Py_INCREF(dtype)
    return PyArray_NewFromDescr(
        <PyTypeObject *> cnp.ndarray, dtype, ndim, shape, NULL, NULL, fortran, NULL
    )


cdef cnp.ndarray new_array(cnp.dtype dtype, int ndim, const Py_ssize_t *shape, bint fortran):
    """An array whose elements hold anything."""
    cdef double size = dtype.itemsize
    cdef int d
    for d in range(ndim):
        size *= shape[d]
    if size < LARGE or pool is None or not is_default(PyDataMem_GetHandler()):
        return allocate(dtype, ndim, shape, fortran)
    before = PyDataMem_SetHandler(pool)
    try:
        return allocate(dtype, ndim, shape, fortran)
    finally:
        PyDataMem_SetHandler(before)
