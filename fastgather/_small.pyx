"""Small calls: a few items of arrays in C order take no plan, which would take longer than what it is for.

The base is `before` times `size` times `after` items, with `size` along the dim that the index points into. For each
of the first, the index names some of the second, for all of the third together (`slices`) or for each of them.
The kernels are the direct ones of `choose_kernel`.
"""

cimport numpy as cnp

from fastgather._gather cimport gather_direct_kernel
from fastgather._plan cimport is_forced
from fastgather._reduce cimport on_truth_values, reduce_direct_kernel
from fastgather._resolve cimport check_direct_kernel
from fastgather._scatter cimport scatter_direct_kernel
from fastgather._types cimport (
    MAX_DIMS, MODE_DROP, MODE_FILL, MODE_RAISE, READ, SET, Direct, Mode, Operation, Tile, index_code,
)

cnp.import_array()

cdef enum:
    MOST = 384                  # positions; with more, it pays to look for the best order of the dims, without the GIL


cdef int code_of(cnp.ndarray index) noexcept:
    return index_code(<int> cnp.PyArray_ITEMSIZE(index), cnp.PyTypeNum_ISUNSIGNED(cnp.PyArray_TYPE(index)))


cdef Direct kernel_for(Py_ssize_t itemsize, int typenum, int code, int operation, int mode) noexcept:
    if operation == READ:
        return gather_direct_kernel(itemsize, code, <Mode> mode)
    if operation == SET:
        return scatter_direct_kernel(itemsize, code)
    return reduce_direct_kernel(typenum, code)


cdef bint is_small(
    Small *small, cnp.ndarray base, int dim, cnp.ndarray index, bint slices, int operation, int mode, bint one_value
) noexcept:
    """
    Whether a call is of this kind, and then what is to be done, but for the places of base and stream. The latter has
    an item for each position, or `one_value` for all.
    """
    cdef Tile *tile = &small.tile
    cdef Py_ssize_t before = 1, named = 1, after = 1, size, n
    cdef Py_ssize_t itemsize = cnp.PyArray_ITEMSIZE(base), valuesize = cnp.PyArray_ITEMSIZE(index)
    cdef int d, first, last, typenum = cnp.PyArray_TYPE(base), ndim = cnp.PyArray_NDIM(base)
    cdef int index_ndim = cnp.PyArray_NDIM(index)
    cdef int code = code_of(index)
    if (
        ndim == 0 or ndim + index_ndim > MAX_DIMS or is_forced()
        or (mode != MODE_RAISE and (operation != READ or mode == MODE_FILL or mode == MODE_DROP))
        or not cnp.PyArray_IS_C_CONTIGUOUS(base) or not cnp.PyArray_ISCARRAY_RO(index)
    ):
        return False
    for d in range(dim):
        n = small.shape[d] = cnp.PyArray_DIM(base, d)
        before *= n
        if not slices and cnp.PyArray_DIM(index, d) != n:
            return False
    size = cnp.PyArray_DIM(base, dim)
    small.ndim = dim
    first = 0 if slices else dim
    last = index_ndim if slices else dim + 1
    for d in range(first, last):
        n = small.shape[small.ndim] = cnp.PyArray_DIM(index, d)
        named *= n
        small.ndim += 1
    for d in range(dim + 1, ndim):
        n = small.shape[small.ndim] = cnp.PyArray_DIM(base, d)
        after *= n
        small.ndim += 1
        if not slices and cnp.PyArray_DIM(index, d) != n:
            return False
    if not 0 < before * named * after <= MOST or size == 0:
        return False
    small.kernel = NULL
    if slices and operation <= SET and not one_value:       # slices may be items
        small.kernel = kernel_for(after * itemsize, typenum, code, operation, mode)
        if small.kernel != NULL:
            itemsize *= after
            after = 1
    if small.kernel == NULL:
        small.kernel = kernel_for(itemsize, typenum, code, operation, mode)
    if small.kernel == NULL:
        return False
    tile.operation = <Operation> operation
    if operation > SET and typenum == cnp.NPY_BOOL:
        tile.operation = on_truth_values(tile.operation)
    tile.values.data = <const char *> cnp.PyArray_DATA(index)
    tile.target.mode = <Mode> mode
    tile.target.size = size
    tile.target.step = after * itemsize
    if after == 1:
        small.tiles, tile.outer, tile.inner = 1, before, named
        tile.values.outer_stride = 0 if slices else named * valuesize
        tile.values.inner_stride = valuesize
        tile.target.outer_base, tile.target.inner_base = size * itemsize, 0
        tile.outer_stride = named * itemsize
        small.value_step = small.base_step = small.stream_step = 0
    else:
        small.tiles, tile.outer, tile.inner = before, named, after
        tile.values.inner_stride = 0 if slices else valuesize
        tile.values.outer_stride = valuesize if slices else after * valuesize
        tile.target.outer_base, tile.target.inner_base = 0, itemsize
        tile.outer_stride = after * itemsize
        small.value_step = 0 if slices else named * after * valuesize
        small.base_step, small.stream_step = size * after * itemsize, named * after * itemsize
    tile.inner_stride = itemsize
    if one_value:
        tile.inner_stride = tile.outer_stride = small.stream_step = 0
    tile.far = tile.foresees = tile.nontemporal = False
    tile.next = tile.fill = NULL
    tile.spread = 1
    tile.value_ahead = tile.stream_ahead = 0
    return True


cdef bint all_inside(cnp.ndarray index, Py_ssize_t size) noexcept:
    """Whether no value of the index of such a call is out of range, before any is used."""
    cdef Tile line
    line.outer, line.inner = 1, cnp.PyArray_SIZE(index)
    line.values.data = <const char *> cnp.PyArray_DATA(index)
    line.values.outer_stride = 0
    line.values.inner_stride = cnp.PyArray_ITEMSIZE(index)
    line.target.size = size
    return check_direct_kernel(code_of(index))(&line, NULL, NULL) == 0


cdef Py_ssize_t run_small(Small *small, char *base, char *stream) noexcept:
    """Carry it out; how many index values were out of range."""
    cdef Tile *tile = &small.tile
    cdef Py_ssize_t _, bad = 0
    tile.base, tile.stream = base, stream
    for _ in range(small.tiles):
        bad += small.kernel(tile, NULL, NULL)
        tile.values.data += small.value_step
        tile.base += small.base_step
        tile.stream += small.stream_step
    return bad
