"""The compiled engine's front door: arguments checked on NumPy's C API, a plan made and run.

Signatures and docstrings are those of `_fallback`, which also serves the dtypes that hold
references. What is wrong or rare goes to `_arguments`, which both engines share.
"""

import numpy as np

cimport numpy as cnp
from cpython.object cimport PyObject
from libc.stdint cimport INT32_MAX, INT64_MAX, int32_t, int64_t
from libc.stdlib cimport llabs
from libc.string cimport memcpy

from fastgather import _arguments as arguments
from fastgather import _fallback
from fastgather import _reductions as reductions
from fastgather import _settings

from fastgather._memory cimport new_array
from fastgather._narrow cimport convert
from fastgather._plan cimport (
    Component, Plan, copy_plan, count_bad, elements, may_copy_late, run, start_plan, work_bytes,
)
from fastgather._reduce cimport Runs, has_mean, is_reducible, reduce_runs, start_runs
from fastgather._small cimport Small, all_inside, is_small, run_small
from fastgather._threads cimport Work, begin_work, end_work, threads_for
from fastgather._types cimport (
    AMAX, AMIN, DIV, DIV_SHORT, MAX_DIMS, MODE_CLIP, MODE_DROP, MODE_FILL, MODE_RAISE, MODE_WRAP, PROD, READ, SET, SUM,
    Operation, index_code,
)

cnp.import_array()

cdef extern from "Python.h":
    Py_ssize_t PyNumber_AsSsize_t(object o, PyObject *error) except? -1
    long PyLong_AsLongAndOverflow(object number, int *overflow) except? -1

cdef extern from "numpy/arrayobject.h":
    bint PyDataType_REFCHK(cnp.dtype dtype)

cdef enum:
    FREE_BYTES = 1 << 16        # work from which the GIL is released
    RUN_BYTES = 1 << 6          # that take as long as the start of a run
    SHORT_RUN = 3               # of so many items, on average
    FEW = 8                     # times as many elements as an index names, from which only they are accumulated

cdef dict OPERATIONS = {"set": SET, "sum": SUM, "mean": SUM, "prod": PROD, "amax": AMAX, "amin": AMIN}
cdef int64_t ONE = 1
cdef int32_t SHORT_ONE = 1
cdef dict PLAIN_SEGMENTS = {"sum": "sum", "prod": "prod", "mean": "sum", "max": "amax", "min": "amin"}
cdef dict IDENTITIES = {}       # those of small calls cost more than the calls; threads may compute one twice
cdef cnp.dtype INT32 = np.dtype(np.int32)
cdef cnp.dtype INT64 = np.dtype(np.int64)
cdef cnp.dtype INTP = np.dtype(np.intp)
# An operation is one of these, of the literals here or of the tables: all are interned, and `is` tells them apart where
# to compare their letters would take as long as a small call.
cdef str PLAIN = "set"
cdef str SUMS = "sum"
cdef str MEAN = "mean"
cdef str CHANGED = "an index was out of bounds, and another thread has changed it since"
cdef double SMALLEST = arguments.SMALLEST
cdef double LARGEST = arguments.LARGEST
cdef dict REDUCTIONS = arguments.REDUCTIONS
cdef dict ND_REDUCTIONS = arguments.ND_REDUCTIONS
cdef tuple READ_MODES = arguments.READ_MODES
cdef tuple WRITE_MODES = arguments.WRITE_MODES


# Arguments ------------------------------------------------------------------------------------


cdef inline cnp.ndarray as_array(value, str name):
    if cnp.PyArray_CheckExact(value):
        return value
    return arguments.as_array(value, name)


cdef inline cnp.ndarray as_index(value, str name):
    cdef cnp.ndarray index = as_array(value, name)
    if not cnp.PyTypeNum_ISINTEGER(cnp.PyArray_TYPE(index)):
        arguments.as_index(index, name)
    return index


cdef inline int as_dim(dim, int ndim) except -1:
    cdef Py_ssize_t d = PyNumber_AsSsize_t(dim, NULL)
    cdef int limit = ndim if ndim else 1
    if not -limit <= d < limit:
        arguments.as_dim(dim, ndim)
    return <int> (d + limit if d < 0 else d)


cdef inline int as_axis(axis, int ndim) except -1:
    cdef Py_ssize_t d = PyNumber_AsSsize_t(axis, NULL)
    if not -ndim <= d < ndim:
        arguments.as_axis(axis, ndim)
    return <int> (d + ndim if d < 0 else d)


cdef inline cnp.ndarray as_line(cnp.ndarray array):
    """All dims of a C-contiguous array as one, in place."""
    return array if cnp.PyArray_NDIM(array) == 1 else cnp.PyArray_Ravel(array, cnp.NPY_CORDER)


cdef inline int as_batch_dims(batch_dims, cnp.ndarray base) except -1:
    cdef Py_ssize_t count = PyNumber_AsSsize_t(batch_dims, NULL)
    if not 0 <= count <= cnp.PyArray_NDIM(base):
        arguments.as_batch_dims(batch_dims, (<object> base).shape)
    return <int> count


cdef inline cnp.ndarray as_along_axis(cnp.ndarray arr, indices, axis):
    """The indices of take_along_axis and put_along_axis."""
    if (
        not cnp.PyArray_CheckExact(indices) or not cnp.PyTypeNum_ISINTEGER(cnp.PyArray_TYPE(indices))
        or cnp.PyArray_NDIM(indices) != (1 if axis is None else cnp.PyArray_NDIM(arr))
    ):
        return arguments.as_along_axis(arr, indices, axis)[0]
    return indices


cdef inline int as_mode(mode, tuple allowed, out) except -1:
    if mode == "raise":
        return MODE_RAISE
    if mode not in allowed or mode == "drop":
        arguments.check_mode(mode, allowed, out)
    if mode == "wrap":
        return MODE_WRAP
    if mode == "clip":
        return MODE_CLIP
    return MODE_FILL if mode == "fill" else MODE_DROP


cdef inline str as_operation(reduce, dict allowed, str name):
    """What a reduction is called inside."""
    if reduce not in allowed:
        arguments.check_choice(reduce, allowed, name)
    return allowed[reduce]


cdef object reading(mode):
    """The mode of a read beside a write."""
    return "fill" if mode == "drop" else mode


cdef inline cnp.ndarray as_values(value, cnp.ndarray like, str name):
    """`value` as an array of the dtype of `like`."""
    cdef cnp.ndarray scalar
    if cnp.PyArray_CheckExact(value) and (<cnp.ndarray> value).descr is like.descr:
        return value
    if converts_quietly(value, cnp.PyArray_TYPE(like)) and like.descr.isnative:
        scalar = new_array(like.descr, 0, NULL, False)
        cnp.PyArray_SETITEM(scalar, <char *> cnp.PyArray_DATA(scalar), value)
        return scalar
    return arguments.as_values(value, like.descr, name)


cdef inline cnp.ndarray as_scalar(value, cnp.ndarray like, str name):
    """The same, 0-d."""
    cdef cnp.ndarray scalar = as_values(value, like, name)
    return scalar if cnp.PyArray_NDIM(scalar) == 0 else arguments.as_scalar(value, like.descr, name)


cdef inline cnp.ndarray as_fill_value(value, cnp.ndarray like):
    """The same for what a read fills with; not the user's array, which may lie in `out`."""
    if cnp.PyArray_Check(value) or not converts_quietly(value, cnp.PyArray_TYPE(like)):
        return cnp.PyArray_NewCopy(arguments.as_fill_value(value, like.descr), cnp.NPY_CORDER)
    return as_scalar(value, like, "fill_value")


cdef inline bint converts_quietly(value, int typenum):
    """Whether a number that Python has converts to a dtype with nothing to suppress, or raises."""
    cdef double size
    cdef int overflow = 0
    if typenum != cnp.NPY_FLOAT and typenum != cnp.NPY_DOUBLE:
        return type(value) is int and cnp.PyTypeNum_ISINTEGER(typenum)
    if type(value) is float:
        size = abs(<double> value)
    elif type(value) is int:
        size = abs(<double> PyLong_AsLongAndOverflow(value, &overflow))
    else:
        return False
    return overflow == 0 and (size == 0 or SMALLEST < size < LARGEST)


cdef inline bint holds_references(cnp.ndarray array):
    return PyDataType_REFCHK(array.descr)


cdef inline const Py_ssize_t *shape_of(cnp.ndarray array):
    return <const Py_ssize_t *> cnp.PyArray_DIMS(array)


cdef inline bint same_shape(cnp.ndarray array, int ndim, const Py_ssize_t *shape):
    cdef int d
    if cnp.PyArray_NDIM(array) != ndim:
        return False
    for d in range(ndim):
        if cnp.PyArray_DIM(array, d) != shape[d]:
            return False
    return True


cdef tuple as_tuple(int ndim, const Py_ssize_t *shape):
    return tuple([shape[d] for d in range(ndim)])


cdef inline cnp.ndarray as_put_values(value, cnp.ndarray like, const Py_ssize_t *shape):
    """`value` as an array of the dtype of `like`, 0-d or broadcast to `shape`, which is of its rank."""
    if (
        cnp.PyArray_CheckExact(value) and (<cnp.ndarray> value).descr is like.descr
        and same_shape(value, cnp.PyArray_NDIM(like), shape)
    ):
        return value
    if type(value) is float or type(value) is int:
        return as_values(value, like, "values")
    return arguments.as_put_values(value, like.descr, as_tuple(cnp.PyArray_NDIM(like), shape))


cdef inline int check_out(out, int ndim, const Py_ssize_t *shape, cnp.dtype dtype) except -1:
    if not (
        cnp.PyArray_CheckExact(out) and same_shape(out, ndim, shape) and (<cnp.ndarray> out).descr is dtype
        and cnp.PyArray_ISWRITEABLE(out)
    ):
        arguments.check_out(out, as_tuple(ndim, shape), dtype)
    return 0


cdef inline int check_index_shape(cnp.ndarray base, int dim, cnp.ndarray index) except -1:
    cdef int d, ndim = cnp.PyArray_NDIM(base)
    cdef bint fits = cnp.PyArray_NDIM(index) == ndim
    for d in range(ndim if fits else 0):
        fits = fits and (d == dim or cnp.PyArray_DIM(index, d) <= cnp.PyArray_DIM(base, d))
    if not fits:
        arguments.check_gather_shapes((<object> base).shape, dim, (<object> index).shape)
    return 0


cdef inline int check_index_1d(cnp.ndarray base, cnp.ndarray index) except -1:
    if cnp.PyArray_NDIM(index) != 1 or cnp.PyArray_NDIM(base) == 0:
        arguments.check_index_1d((<object> base).shape, (<object> index).shape)
    return 0


cdef inline int broadcast(cnp.ndarray arr, cnp.ndarray indices, int axis, Py_ssize_t *shape) except -1:
    """The shape of what take_along_axis takes."""
    cdef int d
    cdef Py_ssize_t n, m
    for d in range(cnp.PyArray_NDIM(arr)):
        n, m = cnp.PyArray_DIM(arr, d), cnp.PyArray_DIM(indices, d)
        if d != axis and n != m and n != 1 and m != 1:
            arguments.broadcast_along_axis((<object> arr).shape, (<object> indices).shape, axis)
        shape[d] = m if d == axis or n == 1 else n
    return 0


# Overlap --------------------------------------------------------------------------------------


cdef void memory_range(cnp.ndarray array, char **low, char **high):
    """The bytes that an array may touch."""
    cdef int d
    cdef Py_ssize_t reach
    low[0] = <char *> cnp.PyArray_DATA(array)
    high[0] = low[0] + cnp.PyArray_ITEMSIZE(array)
    for d in range(cnp.PyArray_NDIM(array)):
        if cnp.PyArray_DIM(array, d) == 0:
            high[0] = low[0]
            return
        reach = (cnp.PyArray_DIM(array, d) - 1) * cnp.PyArray_STRIDE(array, d)
        if reach < 0:
            low[0] += reach
        else:
            high[0] += reach


cdef bint overlap(cnp.ndarray a, cnp.ndarray b):
    cdef char *a_low
    cdef char *a_high
    cdef char *b_low
    cdef char *b_high
    memory_range(a, &a_low, &a_high)
    memory_range(b, &b_low, &b_high)
    return a_low < b_high and b_low < a_high


cdef bint overlaps_itself(cnp.ndarray array):
    """Whether two elements may share memory: a stride shorter than what lies inside it."""
    cdef Py_ssize_t strides[MAX_DIMS]
    cdef Py_ssize_t sizes[MAX_DIMS]
    cdef Py_ssize_t filled = cnp.PyArray_ITEMSIZE(array)
    cdef int d, at, kept = 0
    if cnp.PyArray_IS_C_CONTIGUOUS(array) or cnp.PyArray_IS_F_CONTIGUOUS(array):
        return False
    for d in range(cnp.PyArray_NDIM(array)):
        if cnp.PyArray_DIM(array, d) == 0:
            return False
        if cnp.PyArray_DIM(array, d) == 1:
            continue
        at = kept
        while at > 0 and strides[at - 1] > abs(cnp.PyArray_STRIDE(array, d)):
            strides[at] = strides[at - 1]
            sizes[at] = sizes[at - 1]
            at -= 1
        strides[at] = abs(cnp.PyArray_STRIDE(array, d))
        sizes[at] = cnp.PyArray_DIM(array, d)
        kept += 1
    for d in range(kept):
        if strides[d] < filled:
            return True
        filled += strides[d] * (sizes[d] - 1)
    return False


cdef bint same_place(cnp.ndarray a, cnp.ndarray b):
    """Whether two arrays of one shape and dtype are the same elements."""
    cdef int d
    if cnp.PyArray_DATA(a) != cnp.PyArray_DATA(b):
        return False
    for d in range(cnp.PyArray_NDIM(a)):
        if cnp.PyArray_STRIDE(a, d) != cnp.PyArray_STRIDE(b, d) and cnp.PyArray_DIM(a, d) > 1:
            return False
    return True


# Plans ----------------------------------------------------------------------------------------


cdef inline void set_component(Component *component, cnp.ndarray index, int dim):
    cdef int itemsize = <int> cnp.PyArray_ITEMSIZE(index)
    component.data = <const char *> cnp.PyArray_DATA(index)
    component.dim = dim
    component.itemsize = itemsize
    component.swapped = cnp.PyArray_ISBYTESWAPPED(index)
    component.plain = not component.swapped and cnp.PyArray_ISALIGNED(index)
    component.code = index_code(itemsize, cnp.PyTypeNum_ISUNSIGNED(cnp.PyArray_TYPE(index)))


cdef void plan_along(
    Plan *plan, Component *component, int dim, cnp.ndarray index, int ndim, const Py_ssize_t *shape,
    cnp.ndarray lines,
):
    """gather, scatter and the along-axis functions; dims of size 1 broadcast to `shape`."""
    cdef int d
    set_component(component, index, dim)
    plan.ndim = ndim
    for d in range(ndim):
        plan.shape[d] = shape[d]
        plan.base_dim[d] = -1 if d == dim or cnp.PyArray_DIM(lines, d) == 1 else d
        component.strides[d] = cnp.PyArray_STRIDE(index, d) if cnp.PyArray_DIM(index, d) != 1 else 0


cdef int plan_slices(
    Plan *plan, Component *component, int dim, cnp.ndarray index, cnp.ndarray base
) except -1:
    """Whole slices: the dims of the index stand in the place of `dim`. A 0-d base has one slice."""
    cdef int d, at = 0, ndim = cnp.PyArray_NDIM(base), index_ndim = cnp.PyArray_NDIM(index)
    if index_ndim + ndim > MAX_DIMS:
        arguments.check_ndim(index_ndim + max(ndim, 1) - 1)
    set_component(component, index, dim)
    for d in range(max(ndim, 1)):
        if d == dim:
            for i in range(index_ndim):
                plan.shape[at] = cnp.PyArray_DIM(index, i)
                plan.base_dim[at] = -1
                component.strides[at] = cnp.PyArray_STRIDE(index, i)
                at += 1
        else:
            plan.shape[at] = cnp.PyArray_DIM(base, d)
            plan.base_dim[at] = d
            component.strides[at] = 0
            at += 1
    plan.ndim = at
    return 0


cdef bint are_alike(tuple indices):
    """Whether they are arrays of integers, of one shape."""
    cdef cnp.ndarray first
    if not cnp.PyArray_CheckExact(indices[0]):
        return False
    first = indices[0]
    for index in indices:
        if not (
            cnp.PyArray_CheckExact(index) and cnp.PyTypeNum_ISINTEGER(cnp.PyArray_TYPE(index))
            and same_shape(index, cnp.PyArray_NDIM(first), shape_of(first))
        ):
            return False
    return True


cdef object plan_nd(
    Plan *plan, Component *component, indices, int batch_dims, cnp.ndarray base, int mode, int operation
):
    """
    gather_nd and scatter_nd: the dims of the index arrays, then those that no coordinate names.

    Returns the index array that holds the coordinates, or the list of index arrays, one a component.
    """
    cdef int d, k, lead, count, first, last = -1, ndim = cnp.PyArray_NDIM(base)
    cdef cnp.ndarray index
    cdef bint packed = False
    cdef Py_ssize_t shape[MAX_DIMS]
    if not isinstance(indices, tuple):
        indices = index = as_index(indices, "indices")
        last = cnp.PyArray_NDIM(index) - 1
        packed = last >= 0 and 0 < cnp.PyArray_DIM(index, last) <= ndim - batch_dims
    if packed:
        count, lead = <int> cnp.PyArray_DIM(index, last), last
        memcpy(shape, shape_of(index), lead * sizeof(Py_ssize_t))
    elif isinstance(indices, tuple) and 0 < len(indices) <= ndim - batch_dims and are_alike(indices):
        indices = list(indices)
        index = indices[0]
        count, lead = <int> len(indices), cnp.PyArray_NDIM(index)
        memcpy(shape, shape_of(index), lead * sizeof(Py_ssize_t))
    else:
        indices, sizes = arguments.as_components(indices, ndim, batch_dims)
        count, lead = <int> len(indices), <int> len(sizes)
        for d in range(lead):
            shape[d] = sizes[d]
    for d in range(batch_dims):
        if d >= lead or shape[d] != cnp.PyArray_DIM(base, d):
            arguments.check_batch_shape(batch_dims, (<object> base).shape, as_tuple(lead, shape))
    start_plan(plan, component, count, mode, operation)
    first = batch_dims + count
    plan.ndim = lead + ndim - first
    if plan.ndim > MAX_DIMS:
        arguments.check_ndim(plan.ndim)
    for d in range(plan.ndim):
        plan.shape[d] = shape[d] if d < lead else cnp.PyArray_DIM(base, first + d - lead)
        plan.base_dim[d] = d if d < batch_dims else -1 if d < lead else first + d - lead
    for k in range(count):
        if not packed:
            index = indices[k]
        set_component(&component[k], index, batch_dims + k)
        if packed:
            component[k].data += k * cnp.PyArray_STRIDE(index, last)
        for d in range(plan.ndim):
            component[k].strides[d] = cnp.PyArray_STRIDE(index, d) if d < lead else 0
    return indices


cdef inline int bind_base(Plan *plan, cnp.ndarray base) except -1:
    """Point the plan at the array that the index points into."""
    cdef int d, k, dim
    cdef Component *component
    plan.base = <char *> cnp.PyArray_DATA(base)
    plan.itemsize = cnp.PyArray_ITEMSIZE(base)
    plan.typenum = cnp.PyArray_TYPE(base)
    for d in range(plan.ndim):
        plan.base_strides[d] = cnp.PyArray_STRIDE(base, plan.base_dim[d]) if plan.base_dim[d] >= 0 else 0
    for k in range(plan.components):
        component = &plan.component[k]
        dim = component.dim
        component.size = cnp.PyArray_DIM(base, dim) if cnp.PyArray_NDIM(base) else 1
        component.step = cnp.PyArray_STRIDE(base, dim) if cnp.PyArray_NDIM(base) else 0
    return 0


cdef inline void bind_stream(Plan *plan, cnp.ndarray stream):
    """Point the plan at the array that is walked in order; a 0-d one stands still."""
    cdef int d
    plan.stream = <char *> cnp.PyArray_DATA(stream)
    for d in range(plan.ndim):
        plan.stream_strides[d] = cnp.PyArray_STRIDE(stream, d) if cnp.PyArray_NDIM(stream) else 0


# Runs -----------------------------------------------------------------------------------------


cdef Py_ssize_t execute(Plan *plan, bint only_count) except? -1:
    """Run a plan or only check its index; how many index values were out of range. In line, it slows small calls."""
    cdef Py_ssize_t bytes = work_bytes(plan), bad
    cdef int threads
    cdef Work work
    if bytes == 0 or plan.itemsize == 0:
        if plan.mode != MODE_RAISE:
            return 0
        only_count = True
    if bytes < FREE_BYTES:
        return count_bad(plan, 1) if only_count else run(plan, 1)
    work = begin_work(bytes)
    threads = threads_for(&work)
    with nogil:
        bad = count_bad(plan, threads) if only_count else run(plan, threads)
    end_work(&work)
    return bad


cdef int copy_for(Plan *plan, Plan *copy, cnp.ndarray destination, cnp.ndarray input, bint wait) except -1:
    """
    Copy what a plan is to write over, now or, if that can `wait` and pays, when the plan gets there: a read without
    an index, from an array of the shape and dtype of `destination` that it does not overlap.
    """
    cdef bint plain = cnp.PyArray_IS_C_CONTIGUOUS(input) and cnp.PyArray_IS_C_CONTIGUOUS(destination)
    cdef Py_ssize_t bytes = cnp.PyArray_NBYTES(input)
    cdef int d
    if plain and bytes < FREE_BYTES:
        memcpy(cnp.PyArray_DATA(destination), cnp.PyArray_DATA(input), bytes)
        return 0
    start_plan(copy, NULL, 0, MODE_RAISE, READ)
    copy.ndim = cnp.PyArray_NDIM(input)
    for d in range(copy.ndim):
        copy.shape[d] = cnp.PyArray_DIM(input, d)
        copy.base_dim[d] = d
    bind_base(copy, input)
    bind_stream(copy, destination)
    if wait and may_copy_late(plan, bytes):
        plan.copy, plan.copy_bytes = copy, bytes
        plan.origin = <const char *> cnp.PyArray_DATA(input) if plain else NULL
        return 0
    execute(copy, False)
    return 0


cdef int check_sizes(const Plan *plan, mode) except -1:
    """A dim of size 0 has nothing to wrap or clip to."""
    cdef int k
    if plan.mode == MODE_WRAP or plan.mode == MODE_CLIP:
        for k in range(plan.components):
            if plan.component[k].size == 0:
                arguments.raise_empty_dim(mode, plan.component[k].dim)
    return 0


cdef bint any_empty(indices):
    """Whether an index array, or one of a list of them, has no elements."""
    if type(indices) is list:
        return any([any_empty(index) for index in indices])
    return cnp.PyArray_SIZE(indices) == 0


cdef bint any_overlap(cnp.ndarray array, indices):
    if type(indices) is list:
        return any([any_overlap(array, index) for index in indices])
    return overlap(array, indices)


cdef int raise_for(const Plan *plan, indices, given) except -1:
    """Name the first bad index. There is none left only if another thread changed it meanwhile."""
    cdef int first = plan.component[0].dim
    sizes = [plan.component[k].size for k in range(plan.components)]
    if given is None:
        raise_along(indices, first, sizes[0])
    if type(indices) is not list:
        indices = arguments.as_components(given, first + plan.components, first)[0]
    arguments.check_bounds_nd(given, indices, sizes, first)
    raise IndexError(CHANGED)


cdef int raise_along(cnp.ndarray index, int dim, Py_ssize_t size) except -1:
    """The same for an index along one dim."""
    arguments.check_bounds(index, dim, size)
    raise IndexError(CHANGED)


cdef object read(
    Plan *plan, cnp.ndarray base, indices, out, mode, fill_value, object given=None
):
    """
    Carry out a read whose dims and index are planned.

    `indices` is the index array, or what `plan_nd` returned, and then `given` is what the user gave
    for it.
    """
    cdef cnp.dtype dtype = base.descr
    cdef cnp.ndarray result, fill
    cdef bint direct = True
    if out is None:
        result = new_array(dtype, plan.ndim, plan.shape, False)
    else:
        check_out(out, plan.ndim, plan.shape, dtype)
        result = out
        direct = not (
            overlap(result, base) or overlaps_itself(result) or any_overlap(result, indices)
        )
        if not direct:
            result = cnp.PyArray_NewCopy(result, cnp.NPY_CORDER)
    if plan.mode == MODE_FILL:
        fill = as_fill_value(fill_value, base)
        plan.fill = <const char *> cnp.PyArray_DATA(fill)
    if not any_empty(indices):
        bind_base(plan, base)
        bind_stream(plan, result)
        check_sizes(plan, mode)
        if execute(plan, False) and plan.mode == MODE_RAISE:
            raise_for(plan, indices, given)
    if out is None:
        return result
    if not direct:
        cnp.PyArray_CopyInto(out, result)
    return out


cdef bint is_apart(out, cnp.ndarray a, cnp.ndarray b):
    """Whether `out` is not given, or a plain array in C order that shares no memory with two others."""
    if out is None:
        return True
    return cnp.PyArray_CheckExact(out) and cnp.PyArray_ISCARRAY(out) and not overlap(out, a) and not overlap(out, b)


cdef object read_small(Small *small, cnp.ndarray base, int dim, cnp.ndarray index, out):
    """A read that is small, into an `out` that is apart, or a fresh result."""
    cdef cnp.ndarray result
    if out is None:
        result = new_array(base.descr, small.ndim, small.shape, False)
    else:
        check_out(out, small.ndim, small.shape, base.descr)
        result = out
    if run_small(small, <char *> cnp.PyArray_DATA(base), <char *> cnp.PyArray_DATA(result)):
        raise_along(index, dim, small.tile.target.size)
    return result


cdef bint write_is_small(
    Small *small, cnp.ndarray base, int dim, cnp.ndarray index, cnp.ndarray values, bint slices, str operation,
    bint include_self, out, int code,
):
    """
    Whether `write_small` can carry out a write of values that fit their index, or of one. What it copies is little, as
    it keeps the GIL.
    """
    return (
        include_self and operation is not MEAN and (out is base or cnp.PyArray_NBYTES(base) < FREE_BYTES)
        and cnp.PyArray_IS_C_CONTIGUOUS(values) and is_apart(out, index, values)
        and (out is None or out is base or not overlap(out, base))
        and is_small(small, base, dim, index, slices, OPERATIONS[operation], code, cnp.PyArray_NDIM(values) == 0)
    )


cdef object write_small(Small *small, cnp.ndarray base, int dim, cnp.ndarray index, cnp.ndarray values, out):
    """A write that is small; into `out` after a look at the whole index, which only another thread can change then."""
    cdef Py_ssize_t size = small.tile.target.size
    cdef cnp.ndarray result
    if out is None:
        result = new_array(base.descr, cnp.PyArray_NDIM(base), shape_of(base), False)
    else:
        check_out(out, cnp.PyArray_NDIM(base), shape_of(base), base.descr)
        result = out
        if not all_inside(index, size):
            raise_along(index, dim, size)
    if result is not base:
        memcpy(cnp.PyArray_DATA(result), cnp.PyArray_DATA(base), cnp.PyArray_NBYTES(base))
    if run_small(small, <char *> cnp.PyArray_DATA(result), <char *> cnp.PyArray_DATA(values)):
        raise_along(index, dim, size)
    return result


cdef object read_along(
    cnp.ndarray base, int dim, cnp.ndarray index, int ndim, const Py_ssize_t *shape, out, mode, fill_value
):
    """What gather and take_along_axis share."""
    cdef int code = as_mode(mode, READ_MODES, out)
    cdef Small small
    cdef Plan plan
    cdef Component component
    if is_apart(out, base, index) and is_small(&small, base, dim, index, False, READ, code, False):
        return read_small(&small, base, dim, index, out)
    start_plan(&plan, &component, 1, code, READ)
    plan_along(&plan, &component, dim, index, ndim, shape, base)
    return read(&plan, base, index, out, mode, fill_value)


cdef object read_slices(cnp.ndarray base, int dim, cnp.ndarray index, out, mode, fill_value):
    """What index_select and take share."""
    cdef int code = as_mode(mode, READ_MODES, out)
    cdef Small small
    cdef Plan plan
    cdef Component component
    if is_apart(out, base, index) and is_small(&small, base, dim, index, True, READ, code, False):
        return read_small(&small, base, dim, index, out)
    start_plan(&plan, &component, 1, code, READ)
    plan_slices(&plan, &component, dim, index, base)
    return read(&plan, base, index, out, mode, fill_value)


cdef enum Route:
    BY_KERNEL
    BY_ACCUMULATOR
    BY_NUMPY


cdef inline Route route(cnp.ndarray input, str operation) except *:
    """Which code combines values of this dtype."""
    cdef int typenum = cnp.PyArray_TYPE(input)
    if holds_references(input):
        return BY_NUMPY
    if operation is PLAIN:
        return BY_KERNEL
    if not is_reducible(typenum):
        return BY_ACCUMULATOR if reductions.is_narrow_float(input.descr) else BY_NUMPY
    if cnp.PyArray_ISBYTESWAPPED(input) or (operation is MEAN and not has_mean(typenum)):
        return BY_ACCUMULATOR
    return BY_KERNEL


cdef inline bint names_few(cnp.ndarray input, Py_ssize_t named):
    """Whether an index names so few elements that only they should have accumulators or counts."""
    return FEW * named <= cnp.PyArray_SIZE(input)


cdef inline bint accumulates(Route by, str operation, bint ours, cnp.ndarray input, Py_ssize_t named):
    """Whether accumulators are needed, or pay; not for what is one."""
    return by == BY_ACCUMULATOR or (operation is MEAN and not ours and names_few(input, named))


cdef object write_by_accumulator(
    cnp.ndarray input, cnp.ndarray values, str operation, include_self, out, access, Py_ssize_t named,
    count_shape=None,
):
    """
    Narrow floats, swapped bytes, means of narrow integers, and of a few elements of many.

    `access` is an `Along` or its like, and `named` how many elements its index names. Elements that it does not
    name keep their bits. `out` is written when nothing can fail any more.
    """
    cdef cnp.dtype dtype = reductions.accumulator_dtype(input.descr, operation)
    cdef cnp.ndarray total, result
    cdef bint any_nan
    if out is not None:
        check_out(out, cnp.PyArray_NDIM(input), shape_of(input), input.descr)
    if count_shape is None:
        count_shape = (<object> input).shape
        if operation is not MEAN and isinstance(access, Along):
            named *= 2  # it takes longer to pick single elements than to convert all
    if names_few(input, named):
        result = reduce_named(input, values, operation, include_self, access, dtype, count_shape)
        return access.put(input, result, out)
    total = convert(input, dtype, &any_nan)
    mask = None
    if any_nan or reductions.has_spare_bits(input.descr):
        mask = np.zeros((<object> input).shape, bool)
        access.combine(mask, np.array(True), "set", True)
    access.combine(total, convert(values, dtype, &any_nan), operation, include_self)
    result = convert(total, input.descr, &any_nan)
    if mask is not None:
        total, result = result, cnp.PyArray_NewCopy(input, cnp.NPY_CORDER)
        np.copyto(result, total, where=mask)
    if out is None:
        return result
    cnp.PyArray_CopyInto(out, result)
    return out


cdef cnp.ndarray reduce_named(
    cnp.ndarray input, cnp.ndarray values, str operation, include_self, access, cnp.dtype dtype, count_shape
):
    """
    What the elements that an index names become, by way of accumulators for them alone.

    `count_shape` is that of `input`, with 1 for dims along which all elements are named alike.
    """
    cdef cnp.ndarray total = np.empty((<object> input).shape, dtype), count, start
    cdef bint any_nan
    start = convert(access.pick(input), dtype, &any_nan) if include_self else identity(operation, dtype)
    access.combine(total, start, "set", True)
    access.combine(total, convert(values, dtype, &any_nan), "sum" if operation is MEAN else operation, True)
    total = access.pick(total)
    if operation is MEAN:
        count = np.empty(count_shape, np.int64)
        access.combine(count, np.array(include_self, np.int64), "set", True)
        access.combine(count, reductions.ONE, "sum", True)
        divide(total, access.pick(count), -1)
    return convert(total, input.descr, &any_nan)


cdef int set_identity(const Plan *plan, str operation, cnp.dtype dtype) except -1:
    """Let all named elements start from the identity of a reduction."""
    cdef Plan start
    cdef Component component[MAX_DIMS]
    copy_plan(&start, component, plan)
    start.operation = SET
    bind_stream(&start, identity(operation, dtype))
    execute(&start, False)
    return 0


cdef cnp.ndarray count_named(const Plan *plan, cnp.ndarray destination, bint include_self):
    """How many values come to each element: one for all along a dim where all are named alike."""
    cdef Plan counting
    cdef Component component[MAX_DIMS]
    cdef Py_ssize_t shape[MAX_DIMS]
    cdef int d, k, dim
    cdef bint alike, short = elements(plan) < INT32_MAX
    cdef cnp.ndarray count
    memcpy(shape, shape_of(destination), cnp.PyArray_NDIM(destination) * sizeof(Py_ssize_t))
    copy_plan(&counting, component, plan)
    for d in range(plan.ndim):
        dim = plan.base_dim[d]
        alike = dim >= 0 and plan.shape[d] == shape[dim]
        for k in range(plan.components):
            alike = alike and component[k].strides[d] == 0
        if alike:
            counting.shape[d] = shape[dim] = 1
    count = new_array(INT32 if short else INT64, cnp.PyArray_NDIM(destination), shape, False)
    cnp.PyArray_FillWithScalar(count, include_self)
    counting.operation = SUM
    bind_base(&counting, count)
    counting.stream = <char *> &SHORT_ONE if short else <char *> &ONE
    for d in range(counting.ndim):
        counting.stream_strides[d] = 0
    execute(&counting, False)
    return count


cdef int divide(cnp.ndarray total, cnp.ndarray count, int along) except -1:
    """Totals over their counts, in place; `count` broadcasts, or has one dim and lies along that one."""
    cdef Plan plan
    cdef int d
    start_plan(&plan, NULL, 0, MODE_RAISE, DIV_SHORT if cnp.PyArray_ITEMSIZE(count) == sizeof(int32_t) else DIV)
    plan.ndim = cnp.PyArray_NDIM(total)
    for d in range(plan.ndim):
        plan.shape[d] = cnp.PyArray_DIM(total, d)
        plan.base_dim[d] = d
        if d == along:
            plan.stream_strides[d] = cnp.PyArray_STRIDE(count, 0)
        elif along >= 0 or cnp.PyArray_DIM(count, d) == 1:
            plan.stream_strides[d] = 0
        else:
            plan.stream_strides[d] = cnp.PyArray_STRIDE(count, d)
    bind_base(&plan, total)
    plan.stream = <char *> cnp.PyArray_DATA(count)
    execute(&plan, False)
    return 0


cdef object write(
    Plan *plan, cnp.ndarray input, indices, cnp.ndarray values, str operation, bint include_self, out, mode,
    object given=None, bint ours=False,
):
    """
    Carry out a write whose dims and index are planned; `indices` and `given` as in `read`.

    Into a fresh copy, or into `out` after the index has been checked, unless `out` is `ours`, so that no
    user sees it if the call fails. Where `out` overlaps itself or an index, into a copy first.
    """
    cdef cnp.ndarray destination, count
    cdef Plan copy
    cdef bint direct = out is not None, empty = any_empty(indices), fortran
    if out is not None:
        check_out(out, cnp.PyArray_NDIM(input), shape_of(input), input.descr)
        direct = not (overlaps_itself(out) or any_overlap(out, indices))
        if direct and overlap(out, values):
            values = cnp.PyArray_NewCopy(values, cnp.NPY_KEEPORDER)
    plan.operation = <Operation> <int> OPERATIONS[operation]
    if direct:
        destination = out
    else:
        fortran = cnp.PyArray_IS_F_CONTIGUOUS(input) and not cnp.PyArray_IS_C_CONTIGUOUS(input)
        destination = new_array(input.descr, cnp.PyArray_NDIM(input), shape_of(input), fortran)
    bind_base(plan, destination)
    if not empty:
        check_sizes(plan, mode)
        if direct and plan.mode == MODE_RAISE and not ours and execute(plan, True):
            raise_for(plan, indices, given)
        if operation is MEAN:
            count = count_named(plan, destination, include_self)
    if direct and overlap(destination, input):
        if not same_place(destination, input):
            # By way of a copy: NumPy spoils a 0-d record that overlaps another.
            cnp.PyArray_CopyInto(destination, cnp.PyArray_NewCopy(input, cnp.NPY_KEEPORDER))
    else:
        copy_for(plan, &copy, destination, input, include_self and not empty)
    if not empty:
        if not include_self:
            set_identity(plan, operation, input.descr)
        bind_stream(plan, values)
        if execute(plan, False) and plan.mode == MODE_RAISE:
            raise_for(plan, indices, given)
        if operation is MEAN:
            divide(destination, count, -1)
    if out is None or direct:
        return destination
    cnp.PyArray_CopyInto(out, destination)
    return out


cdef object scatter_any(input, dim, index, src, str operation, bint include_self, out, mode, bint ours=False):
    """The scatter functions of PyTorch."""
    cdef int code = as_mode(mode, WRITE_MODES, out)
    cdef cnp.ndarray base = as_array(input, "input"), chosen = as_index(index, "index")
    cdef cnp.ndarray values
    cdef int d, ndim = cnp.PyArray_NDIM(base), axis = as_dim(dim, ndim)
    cdef Py_ssize_t named
    cdef Route by = route(base, operation)
    cdef bint fits
    cdef Small small
    cdef Plan plan
    cdef Component component
    if by == BY_NUMPY:
        return _fallback._scatter(base, dim, chosen, src, operation, include_self, out, mode)
    check_index_shape(base, axis, chosen)
    values = as_values(src, base, "src")
    if cnp.PyArray_NDIM(values):
        fits = cnp.PyArray_NDIM(values) == ndim
        for d in range(ndim if fits else 0):
            fits = fits and cnp.PyArray_DIM(chosen, d) <= cnp.PyArray_DIM(values, d)
        if not fits:
            arguments.check_src_shape((<object> chosen).shape, (<object> values).shape)
    named = cnp.PyArray_SIZE(chosen)
    if accumulates(by, operation, ours, base, named):
        access = Along(axis, chosen, mode)
        return write_by_accumulator(base, values, operation, include_self, out, access, named)
    if (
        (cnp.PyArray_NDIM(values) == 0 or same_shape(values, ndim, shape_of(chosen)))
        and write_is_small(&small, base, axis, chosen, values, False, operation, include_self, out, code)
    ):
        return write_small(&small, base, axis, chosen, values, out)
    start_plan(&plan, &component, 1, code, SET)
    plan_along(&plan, &component, axis, chosen, ndim, shape_of(chosen), base)
    return write(&plan, base, chosen, values, operation, include_self, out, mode, None, ours)


cdef class Along:
    """What the index of a scatter names."""

    cdef int dim
    cdef object index, mode

    def __init__(self, dim, index, mode):
        self.dim, self.index, self.mode = dim, index, mode

    def combine(self, destination, values, operation, include_self):
        scatter_any(destination, self.dim, self.index, values, operation, include_self, destination, self.mode, True)

    def pick(self, array):
        return gather(array, self.dim, self.index, mode=reading(self.mode))

    def put(self, input, values, out):
        return scatter(input, self.dim, self.index, values, out=out, mode=self.mode)


cdef object index_any(
    input, dim, index, source, str operation, bint include_self, out, mode, alpha, bint ours=False
):
    """The index functions of PyTorch that write."""
    cdef int code = as_mode(mode, WRITE_MODES, out)
    cdef cnp.ndarray base = as_array(input, "input"), chosen = as_index(index, "index")
    cdef cnp.ndarray values
    cdef int d, ndim = cnp.PyArray_NDIM(base), axis = as_dim(dim, ndim)
    cdef Py_ssize_t expected
    cdef Py_ssize_t named
    cdef Route by = route(base, operation)
    cdef bint fits
    cdef Small small
    cdef Plan plan
    cdef Component component
    if by == BY_NUMPY:
        return _fallback._index_write(base, dim, chosen, source, operation, include_self, out, mode, alpha)
    check_index_1d(base, chosen)
    values = as_values(source, base, "source")
    if cnp.PyArray_NDIM(values):
        fits = cnp.PyArray_NDIM(values) == ndim
        for d in range(ndim if fits else 0):
            expected = cnp.PyArray_DIM(chosen, 0) if d == axis else cnp.PyArray_DIM(base, d)
            fits = fits and cnp.PyArray_DIM(values, d) == expected
        if not fits:
            arguments.check_source_shape(
                (<object> base).shape, axis, cnp.PyArray_DIM(chosen, 0), (<object> values).shape
            )
    if type(alpha) is not int or alpha != 1:
        alpha = as_scalar(alpha, base, "alpha")
        values = reductions.scale(values, alpha, base.descr)
    named = cnp.PyArray_SIZE(chosen)
    if ndim:
        named *= cnp.PyArray_SIZE(base) // max(cnp.PyArray_DIM(base, axis), <cnp.npy_intp> 1)
    if accumulates(by, operation, ours, base, named):
        access = Slices(axis, chosen, mode)
        count_shape = tuple([cnp.PyArray_DIM(base, d) if d == axis else 1 for d in range(ndim)])
        return write_by_accumulator(base, values, operation, include_self, out, access, named, count_shape)
    if write_is_small(&small, base, axis, chosen, values, True, operation, include_self, out, code):
        return write_small(&small, base, axis, chosen, values, out)
    start_plan(&plan, &component, 1, code, SET)
    plan_slices(&plan, &component, axis, chosen, base)
    return write(&plan, base, chosen, values, operation, include_self, out, mode, None, ours)


cdef class Slices(Along):
    """What the index of an index function names."""

    def combine(self, destination, values, operation, include_self):
        index_any(
            destination, self.dim, self.index, values, operation, include_self, destination, self.mode, 1, True
        )

    def pick(self, array):
        return index_select(array, self.dim, self.index, mode=reading(self.mode))

    def put(self, input, values, out):
        return index_copy(input, self.dim, self.index, values, out=out, mode=self.mode)


cdef bint lie_in_runs(cnp.ndarray values, int axis):
    """Whether the dims before `axis`, and those after it, are in the order of their strides."""
    cdef int64_t last = INT64_MAX, stride
    cdef int d
    for d in range(cnp.PyArray_NDIM(values)):
        stride = llabs(cnp.PyArray_STRIDE(values, d))
        if d == axis:
            last = INT64_MAX
        elif cnp.PyArray_DIM(values, d) > 1:
            if stride > last:
                return False
            last = stride
    return True


cdef void bind_runs(Runs *runs, cnp.ndarray total, cnp.ndarray values, int axis):
    """The dims but `axis`, joined where they are one in both arrays; the last one behind `axis` is the row."""
    cdef Py_ssize_t size, to_stride, stride
    cdef int d, dims = 0
    cdef bint behind = False
    for d in range(cnp.PyArray_NDIM(values)):
        size = cnp.PyArray_DIM(values, d)
        to_stride, stride = cnp.PyArray_STRIDE(total, d), cnp.PyArray_STRIDE(values, d)
        if d == axis or size == 1:
            continue
        if dims and runs.to_strides[dims - 1] == size * to_stride and runs.source_strides[dims - 1] == size * stride:
            dims -= 1
            size *= runs.shape[dims]
        runs.shape[dims], runs.to_strides[dims], runs.source_strides[dims] = size, to_stride, stride
        behind = d > axis
        dims += 1
    runs.row, runs.to_row, runs.source_row = 1, 0, 0
    if dims and behind:
        dims -= 1
        runs.row, runs.to_row, runs.source_row = runs.shape[dims], runs.to_strides[dims], runs.source_strides[dims]
    runs.dims = dims
    runs.outer = 1
    for d in range(dims):
        runs.outer *= runs.shape[d]


cdef runs_as_they_lie(start, int axis, cnp.ndarray ends, cnp.ndarray values, str operation):
    """
    `runs_from` with the dims in the order of their strides, or None where runs are short: then it takes less to
    add row by row to what all of them start from.
    """
    if SHORT_RUN * cnp.PyArray_DIM(ends, 0) > cnp.PyArray_DIM(values, axis):
        return None
    order = np.argsort([-abs(stride) for stride in (<object> values).strides], kind="stable")
    turned = (<object> values).transpose(order)
    along = np.flatnonzero(order == axis)[0]
    return np.ascontiguousarray(runs_from(start, along, ends, turned, operation).transpose(np.argsort(order)))


def runs_from(start, int axis, cnp.ndarray ends, cnp.ndarray values, str operation):
    cdef Runs runs
    cdef Py_ssize_t shape[MAX_DIMS]
    cdef int d, threads, ndim = cnp.PyArray_NDIM(values), typenum = cnp.PyArray_TYPE(values)
    cdef Py_ssize_t bytes = cnp.PyArray_NBYTES(values)
    cdef bint plain = route(values, operation) == BY_KERNEL
    cdef cnp.ndarray total, first
    cdef Work work
    if plain and not lie_in_runs(values, axis):
        if bytes < FREE_BYTES:      # then a copy costs less
            values = cnp.PyArray_NewCopy(values, cnp.NPY_CORDER)
        else:
            result = runs_as_they_lie(start, axis, ends, values, operation)
            if result is not None:
                return result
            plain = False
    for d in range(ndim):
        shape[d] = cnp.PyArray_DIM(values, d)
    shape[axis] = cnp.PyArray_DIM(ends, 0) - 1
    total = new_array(values.descr, ndim, shape, False)
    first = identity(operation, values.descr) if start is None else start
    if first.descr != values.descr:
        first = first.astype(values.descr)
    if not plain:
        cnp.PyArray_CopyInto(total, first)
        index = reductions.labels(ends)
        index_any(total, axis, index, values, operation, True, total, "raise", 1, True)
        return total
    bind_runs(&runs, total, values, axis)
    runs.ends = <const Py_ssize_t *> cnp.PyArray_DATA(ends)
    runs.segments = shape[axis]
    runs.to = <char *> cnp.PyArray_DATA(total)
    runs.source = <const char *> cnp.PyArray_DATA(values)
    runs.to_stride = cnp.PyArray_STRIDE(total, axis)
    runs.source_stride = cnp.PyArray_STRIDE(values, axis)
    runs.operation = <Operation> <int> OPERATIONS[operation]
    start_runs(&runs, <const char *> cnp.PyArray_DATA(first), values.descr.itemsize)
    bytes += RUN_BYTES * runs.outer * runs.segments
    if bytes < FREE_BYTES:
        reduce_runs(&runs, typenum, 1)
        return total
    work = begin_work(bytes)
    threads = threads_for(&work)
    with nogil:
        reduce_runs(&runs, typenum, threads)
    end_work(&work)
    return total


cdef cnp.ndarray plain_ends(lengths, offsets, Py_ssize_t size, bint *has_empty):
    """
    Where runs start and end, which have all of the axis between them, by lengths or offsets; None where they are
    something else. Each value is read once.
    """
    cdef bint are_lengths = offsets is None
    cdef Py_ssize_t i, total = 0, count
    cdef const volatile int64_t *value
    cdef int64_t one
    cdef Py_ssize_t *end
    cdef cnp.ndarray given, ends
    has_empty[0] = False
    if (lengths is None) == are_lengths:
        return None
    given = as_index(lengths if are_lengths else offsets, "lengths" if are_lengths else "offsets")
    if cnp.PyArray_NDIM(given) != 1 or cnp.PyArray_ISUNSIGNED(given) and cnp.PyArray_ITEMSIZE(given) == 8:
        return None
    if cnp.PyArray_TYPE(given) != cnp.NPY_INT64 or not cnp.PyArray_ISCARRAY_RO(given):
        given = cnp.PyArray_FROM_OTF(given, cnp.NPY_INT64, cnp.NPY_ARRAY_CARRAY_RO)
    count = cnp.PyArray_DIM(given, 0) + are_lengths
    value = <const volatile int64_t *> cnp.PyArray_DATA(given)
    if not are_lengths:
        if count == 0 or value[0] != 0:
            return None
        value += 1
    ends = new_array(INTP, 1, &count, False)
    end = <Py_ssize_t *> cnp.PyArray_DATA(ends)
    end[0] = 0
    for i in range(1, count):
        one = value[i - 1]
        if one < (0 if are_lengths else total) or one > (size - total if are_lengths else size):
            return None
        total = total + one if are_lengths else one
        has_empty[0] |= total == end[i - 1]
        end[i] = total
    return ends if total == size else None


cdef cnp.ndarray lengths_of_runs(cnp.ndarray ends):
    cdef Py_ssize_t i, count = cnp.PyArray_DIM(ends, 0) - 1
    cdef const Py_ssize_t *end = <const Py_ssize_t *> cnp.PyArray_DATA(ends)
    cdef cnp.ndarray counts = new_array(INT64, 1, &count, False)
    for i in range(count):
        (<int64_t *> cnp.PyArray_DATA(counts))[i] = end[i + 1] - end[i]
    return counts


cdef cnp.ndarray identity(str operation, cnp.dtype dtype):
    key = (operation, dtype)
    if key not in IDENTITIES:
        IDENTITIES[key] = arguments.identity(operation, dtype)
    return IDENTITIES[key]


cdef object scatter_nd_any(cnp.ndarray base, indices, cnp.ndarray values, str operation, out, mode):
    cdef int code = as_mode(mode, WRITE_MODES, out)
    cdef Plan plan
    cdef Component component[MAX_DIMS]
    held = plan_nd(&plan, component, indices, 0, base, code, SET)
    if cnp.PyArray_NDIM(values) and not same_shape(values, plan.ndim, plan.shape):
        arguments.check_updates_shape(as_tuple(plan.ndim, plan.shape), (<object> values).shape)
    if route(base, operation) == BY_ACCUMULATOR:
        return write_by_accumulator(
            base, values, operation, True, out, Coordinates(indices, mode), elements(&plan)
        )
    return write(&plan, base, held, values, operation, True, out, mode, indices)


cdef class Coordinates:
    """What the indices of scatter_nd name."""

    cdef object indices, mode

    def __init__(self, indices, mode):
        self.indices, self.mode = indices, mode

    def combine(self, destination, values, operation, include_self):
        scatter_nd_any(destination, self.indices, values, operation, destination, self.mode)

    def pick(self, array):
        return gather_nd(array, self.indices, mode=reading(self.mode))

    def put(self, input, values, out):
        return scatter_nd(input, self.indices, values, out=out, mode=self.mode)


# The public functions ------------------------------------------------------------------------


def gather(input, dim, index, *, out=None, mode="raise", fill_value=0):
    cdef cnp.ndarray base = as_array(input, "input"), chosen = as_index(index, "index")
    cdef int ndim = cnp.PyArray_NDIM(base), axis = as_dim(dim, ndim)
    if holds_references(base):
        return _fallback.gather(base, dim, chosen, out=out, mode=mode, fill_value=fill_value)
    check_index_shape(base, axis, chosen)
    return read_along(base, axis, chosen, ndim, shape_of(chosen), out, mode, fill_value)


def scatter(input, dim, index, src, *, out=None, mode="raise"):
    return scatter_any(input, dim, index, src, "set", True, out, mode)


def scatter_add(input, dim, index, src, *, out=None, mode="raise"):
    return scatter_any(input, dim, index, src, "sum", True, out, mode)


def scatter_reduce(input, dim, index, src, reduce, *, include_self=True, out=None, mode="raise"):
    operation = as_operation(reduce, REDUCTIONS, "reduce")
    return scatter_any(input, dim, index, src, operation, include_self, out, mode)


def index_select(input, dim, index, *, out=None, mode="raise", fill_value=0):
    cdef cnp.ndarray base = as_array(input, "input"), chosen = as_index(index, "index")
    cdef int ndim = cnp.PyArray_NDIM(base), axis = as_dim(dim, ndim)
    if holds_references(base):
        return _fallback.index_select(base, dim, chosen, out=out, mode=mode, fill_value=fill_value)
    check_index_1d(base, chosen)
    if ndim:
        return read_slices(base, axis, chosen, out, mode, fill_value)
    as_mode(mode, READ_MODES, out)
    if out is None:
        out = new_array(base.descr, 0, NULL, False)
    check_out(out, 0, NULL, base.descr)
    read_slices(as_line(base), 0, chosen, as_line(out), mode, fill_value)
    return out


def index_copy(input, dim, index, source, *, out=None, mode="raise"):
    return index_any(input, dim, index, source, "set", True, out, mode, 1)


def index_add(input, dim, index, source, *, alpha=1, out=None, mode="raise"):
    return index_any(input, dim, index, source, "sum", True, out, mode, alpha)


def index_fill(input, dim, index, value, *, out=None, mode="raise"):
    cdef cnp.ndarray base = as_array(input, "input")
    value = as_scalar(value, base, "value")
    return index_any(base, dim, index, value, "set", True, out, mode, 1)


def index_reduce(input, dim, index, source, reduce, *, include_self=True, out=None, mode="raise"):
    operation = as_operation(reduce, REDUCTIONS, "reduce")
    return index_any(input, dim, index, source, operation, include_self, out, mode, 1)


def take(a, indices, axis=None, out=None, mode="raise", *, fill_value=0):
    cdef cnp.ndarray base = as_array(a, "a"), chosen
    cdef int dim
    if cnp.PyArray_CheckExact(indices) and cnp.PyTypeNum_ISINTEGER(cnp.PyArray_TYPE(indices)):
        chosen = indices
    else:
        chosen = arguments.as_take_indices(indices)
    if holds_references(base):
        return _fallback.take(base, chosen, axis, out, mode, fill_value=fill_value)
    if axis is None and not cnp.PyArray_IS_C_CONTIGUOUS(base):
        result = _fallback.take_flat(gather_nd, base, chosen, out, mode, fill_value)
    elif axis is None or cnp.PyArray_NDIM(base) == 0:
        dim = as_axis(axis or 0, 1)
        result = read_slices(as_line(base), dim, chosen, out, mode, fill_value)
    else:
        dim = as_axis(axis, cnp.PyArray_NDIM(base))
        result = read_slices(base, dim, chosen, out, mode, fill_value)
    return result if out is not None or cnp.PyArray_NDIM(result) else result[()]


def take_along_axis(arr, indices, axis=-1, *, out=None, mode="raise", fill_value=0):
    cdef cnp.ndarray base = as_array(arr, "arr"), chosen
    cdef Py_ssize_t shape[MAX_DIMS]
    cdef int dim
    if holds_references(base):
        return _fallback.take_along_axis(
            base, indices, axis, out=out, mode=mode, fill_value=fill_value
        )
    chosen = as_along_axis(base, indices, axis)
    if axis is not None:
        dim = as_axis(axis, cnp.PyArray_NDIM(base))
    elif cnp.PyArray_IS_C_CONTIGUOUS(base):
        base, dim = as_line(base), 0
    else:
        return _fallback.take_flat(gather_nd, base, chosen, out, mode, fill_value)
    broadcast(base, chosen, dim, shape)
    return read_along(base, dim, chosen, cnp.PyArray_NDIM(base), shape, out, mode, fill_value)


def put_along_axis(arr, indices, values, axis, *, mode="raise"):
    cdef int code = as_mode(mode, WRITE_MODES, None), dim
    cdef cnp.ndarray lines, chosen, source
    cdef Py_ssize_t shape[MAX_DIMS]
    cdef Small small
    cdef Plan plan
    cdef Component component
    if not (cnp.PyArray_CheckExact(arr) and cnp.PyArray_ISWRITEABLE(arr)):
        arguments.check_out(arr, getattr(arr, "shape", None), getattr(arr, "dtype", None), "arr")
    if holds_references(arr):
        return _fallback.put_along_axis(arr, indices, values, axis, mode=mode)
    lines = arr if cnp.PyArray_CheckExact(arr) else np.asarray(arr)
    chosen = as_along_axis(lines, indices, axis)
    if axis is not None:
        dim = as_axis(axis, cnp.PyArray_NDIM(lines))
    elif cnp.PyArray_IS_C_CONTIGUOUS(lines):
        lines, dim = as_line(lines), 0
    else:
        return _fallback.put_flat(scatter_nd, lines, chosen, values, mode)
    broadcast(lines, chosen, dim, shape)
    source = as_put_values(values, lines, shape)
    if write_is_small(&small, lines, dim, chosen, source, False, PLAIN, True, lines, code):
        write_small(&small, lines, dim, chosen, source, lines)
        return
    start_plan(&plan, &component, 1, code, SET)
    plan_along(&plan, &component, dim, chosen, cnp.PyArray_NDIM(lines), shape, lines)
    write(&plan, lines, chosen, source, "set", True, lines, mode)


def gather_nd(params, indices, batch_dims=0, *, out=None, mode="raise", fill_value=0):
    cdef cnp.ndarray base = as_array(params, "params")
    cdef int batch
    cdef Plan plan
    cdef Component component[MAX_DIMS]
    if holds_references(base):
        return _fallback.gather_nd(
            base, indices, batch_dims, out=out, mode=mode, fill_value=fill_value
        )
    batch = as_batch_dims(batch_dims, base)
    held = plan_nd(&plan, component, indices, batch, base, as_mode(mode, READ_MODES, out), READ)
    return read(&plan, base, held, out, mode, fill_value, indices)


def scatter_nd(data, indices, updates, reduction="none", *, out=None, mode="raise"):
    cdef cnp.ndarray base = as_array(data, "data")
    operation = as_operation(reduction, ND_REDUCTIONS, "reduction")
    if route(base, operation) == BY_NUMPY:
        return _fallback.scatter_nd(base, indices, updates, reduction, out=out, mode=mode)
    return scatter_nd_any(base, indices, as_values(updates, base, "updates"), operation, out, mode)


def segment_reduce(data, reduce, *, lengths=None, offsets=None, axis=0, initial=None):
    cdef cnp.ndarray values, ends, total
    cdef int along
    cdef Route by
    cdef cnp.dtype dtype
    cdef bint mean, whole, any_nan, has_empty
    # What is plain is done here; the rest, and what is wrong, where both engines do it.
    if reduce in PLAIN_SEGMENTS and cnp.PyArray_CheckExact(data):
        values, operation, mean = data, PLAIN_SEGMENTS[reduce], reduce == "mean"
        dtype = values.descr
        by = route(values, MEAN if mean else operation)
        if cnp.PyArray_NDIM(values) and by != BY_NUMPY:
            along = as_dim(axis, cnp.PyArray_NDIM(values))
            ends = plain_ends(lengths, offsets, cnp.PyArray_DIM(values, along), &has_empty)
            whole = cnp.PyTypeNum_ISINTEGER(cnp.PyArray_TYPE(values))
            if ends is not None and not (mean and whole and has_empty and initial is None):
                if by == BY_ACCUMULATOR:
                    values = convert(values, reductions.accumulator_dtype(dtype, reduce), &any_nan)
                start = None if initial is None else as_scalar(initial, data, "initial")
                total = runs_from(start, along, ends, values, operation)
                has_empty = has_empty and initial is None
                if mean or (has_empty and operation is SUMS):
                    counts = lengths_of_runs(ends)
                    if mean:
                        divide(total, counts, along)
                    if has_empty:
                        total[(slice(None),) * along + (counts == 0,)] = np.nan if mean else 0
                return convert(total, dtype, &any_nan)
    return reductions.segment_reduce(data, reduce, lengths, offsets, axis, initial, runs_from)


num_threads = _settings.num_threads
get_num_threads = _settings.get_num_threads
set_num_threads = _settings.set_num_threads
show_config = _settings.show_config

__all__ = _fallback.__all__
for name in _fallback.__all__:
    globals()[name].__doc__ = getattr(_fallback, name).__doc__
