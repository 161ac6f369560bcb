"""The pure-Python engine: every signature and docstring, and what each function means in NumPy.

The compiled engine has the same functions and takes its docstrings from here.
No loop runs over elements.
"""

import cmath
import functools
import itertools
import math
import operator

import numpy as np
from numpy.lib import NumpyVersion

from fastgather import _arguments as arguments
from fastgather import _reductions as reductions
from fastgather._settings import get_num_threads, num_threads, set_num_threads, show_config

__all__ = [
    "gather",
    "gather_nd",
    "get_num_threads",
    "index_add",
    "index_copy",
    "index_fill",
    "index_reduce",
    "index_select",
    "num_threads",
    "put_along_axis",
    "scatter",
    "scatter_add",
    "scatter_nd",
    "scatter_reduce",
    "segment_reduce",
    "set_num_threads",
    "show_config",
    "take",
    "take_along_axis",
]

# Before 2.2, NumPy loses strings of more than 15 bytes where several index arrays read them, and
# where those that an index array writes are not contiguous.
STRINGS_ARE_LOST = NumpyVersion(np.__version__) < "2.2.0"
AT_DIMS = 32  # with more, numpy.ufunc.at writes outside its arrays (NumPy 2.4)
SMALL = 1 << 13  # elements for which NumPy's own indexing beats ours by its lower overhead
FEW = 1 << 9  # the same for numpy.ufunc.at, which is slow in more than one dim
LINE = 1 << 17  # the same for indices into one line
LINES = 3 << 12  # the same for reads from lines that do not lie in C order, or of what repeats
POINTS = 1 << 15  # the same for the coordinates of single items to read, all components together
BLOCK = 1 << 16  # elements that are worked on at a time
RUNS = 1 << 20  # the same where whole runs are
MANY = 8  # up to so many times the floats that are combined, to look at all takes less time
NEAR = 4  # sizes of a dim beyond it from which mode="wrap" divides; NumPy subtracts them one by one
NUMPY_MODES = ("raise", "clip")  # of numpy.take, which need no look at the index first
WHOLE_MODES = ("raise", "wrap", "clip")  # that leave out no element
UFUNCS = {"sum": np.add, "prod": np.multiply, "amax": np.maximum, "amin": np.minimum}


def gather(input, dim, index, *, out=None, mode="raise", fill_value=0):
    """
    Gather elements along one dim, as `torch.gather` and ONNX `GatherElements`.

    Parameters
    ----------
    input : array_like
        Source, of any dtype.
    dim : int
        Dim of `input` that `index` points into.
    index : array_like of int
        Of the rank of `input`, with `index.shape[d] <= input.shape[d]` for every other dim
        `d`. Negative values count from the end.
    out : ndarray, optional
        Result, of the shape of `index` and the dtype of `input`. It may overlap the inputs.
        Its contents are unspecified if the call raises.
    mode : {"raise", "wrap", "clip", "fill", "drop"}, optional
        What an index out of range means: an error, modulo the size, the nearest element (0
        for a negative one), `fill_value`, or, with `out`, an element of `out` left as it
        was. For "fill" and "drop" a negative index is out of range.
    fill_value : scalar, optional
        Used by ``mode="fill"``; 0 is also False, and zero bytes in an array of void.

    Returns
    -------
    ndarray
        Of the shape of `index` and the dtype of `input`.

    Raises
    ------
    IndexError
        If `dim` or, under ``mode="raise"``, an index is out of range.
    TypeError
        If `index` does not hold integers, `input` is a masked array, or `out` has another
        dtype.
    ValueError
        If the shapes do not fit or `mode` is unknown.

    See Also
    --------
    take_along_axis : The same with broadcasting.
    scatter : The inverse, for an index without duplicates.

    Notes
    -----
    For three dims and ``dim == 1`` the result is that of ::

        for i, j, k in numpy.ndindex(index.shape):
            out[i, j, k] = input[i, index[i, j, k], k]

    Examples
    --------
    >>> import numpy, fastgather as fg
    >>> x = numpy.array([[1, 2, 3], [4, 5, 6]])
    >>> fg.gather(x, 1, [[2, 0], [1, -1]])
    array([[3, 1],
           [5, 6]])
    >>> fg.gather(x, 1, [[2, -1], [1, 7]], mode="fill", fill_value=-9)
    array([[ 3, -9],
           [ 5, -9]])
    """
    input, index = arguments.as_array(input, "input"), arguments.as_index(index)
    dim = arguments.as_dim(dim, input.ndim)
    arguments.check_gather_shapes(input.shape, dim, index.shape)
    return _read_along(input, dim, index, index.shape, out, mode, fill_value)


def scatter(input, dim, index, src, *, out=None, mode="raise"):
    """
    Write elements along one dim into a copy of `input`, as `torch.scatter`.

    Parameters
    ----------
    input : array_like
        What the result is a copy of.
    dim : int
        Dim of `input` that `index` points into.
    index : array_like of int
        Of the rank of `input`, with `index.shape[d] <= input.shape[d]` for every other dim
        `d`. Negative values count from the end.
    src : array_like or scalar
        Of the rank of `index`, with `index.shape[d] <= src.shape[d]` for every dim `d`; what
        lies beyond the shape of `index` is not used. It converts to the dtype of `input` by
        NumPy's "same_kind" rule.
    out : ndarray, optional
        Result, of the shape and dtype of `input`. ``out=input`` works in place.
    mode : {"raise", "wrap", "clip", "drop"}, optional
        What an index out of range means: an error, modulo the size, the nearest element (0
        for a negative one), or nothing is written. For "drop" a negative index is out of
        range.

    Returns
    -------
    ndarray
        Of the shape and dtype of `input`.

    Raises
    ------
    IndexError
        If `dim` or, under ``mode="raise"``, an index is out of range. `out` is unchanged.
    OverflowError
        If `src` is a Python integer that the dtype of `input` does not hold.
    TypeError
        If `index` does not hold integers, `src` does not convert, an input is a masked
        array, or `out` has another dtype.
    ValueError
        If the shapes do not fit or `mode` is unknown.

    See Also
    --------
    put_along_axis : The same in place, with broadcasting.
    scatter_add, scatter_reduce : Combine with what is there.

    Notes
    -----
    For three dims and ``dim == 1`` the result is that of ::

        out = input.copy()
        for i, j, k in numpy.ndindex(index.shape):
            out[i, index[i, j, k], k] = src[i, j, k]

    so that of several values for one element the last in C order of `index` stays.

    Examples
    --------
    >>> import numpy, fastgather as fg
    >>> fg.scatter(numpy.zeros((2, 3), int), 1, [[2, 0], [1, -1]], [[1, 2], [3, 4]])
    array([[2, 0, 1],
           [0, 3, 4]])
    """
    return _scatter(input, dim, index, src, "set", True, out, mode)


def scatter_add(input, dim, index, src, *, out=None, mode="raise"):
    """
    Add elements along one dim to a copy of `input`, as `torch.scatter_add`.

    Parameters
    ----------
    input, dim, index, src, out, mode
        As in `scatter`.

    Returns
    -------
    ndarray
        Of the shape and dtype of `input`.

    Raises
    ------
    IndexError, OverflowError, TypeError, ValueError
        As in `scatter`. `out` is unchanged.

    See Also
    --------
    index_add : The same for whole slices.
    scatter_reduce : Products, means and extremes.

    Notes
    -----
    For three dims and ``dim == 1`` the result is that of ::

        out = input.copy()
        for i, j, k in numpy.ndindex(index.shape):
            out[i, index[i, j, k], k] += src[i, j, k]

    with the additions in that order. float16 and bfloat16 accumulate in float32 and round
    once; integers wrap round; bool is a logical or.

    Examples
    --------
    >>> import numpy, fastgather as fg
    >>> fg.scatter_add(numpy.zeros(4, int), 0, [1, 3, 1, 1], 1)
    array([0, 3, 0, 1])
    """
    return _scatter(input, dim, index, src, "sum", True, out, mode)


def scatter_reduce(input, dim, index, src, reduce, *, include_self=True, out=None, mode="raise"):
    """
    Reduce elements along one dim into a copy of `input`, as `torch.scatter_reduce`.

    Parameters
    ----------
    input, dim, index, src, out, mode
        As in `scatter`.
    reduce : {"sum", "prod", "mean", "amax", "amin"}
        How values for the same element combine.
    include_self : bool, optional
        Whether the element of `input` takes part. Elements that no index names keep their
        value either way.

    Returns
    -------
    ndarray
        Of the shape and dtype of `input`.

    Raises
    ------
    IndexError, OverflowError, TypeError, ValueError
        As in `scatter`; also if `reduce` is unknown or not defined for the dtype. `out` is
        unchanged.

    See Also
    --------
    scatter_add : Sums.
    index_reduce : The same for whole slices.

    Notes
    -----
    Sums and products are applied in C order of `index`; float16 and bfloat16 accumulate in
    float32 and round once. The mean of integers accumulates in 64 bits and rounds towards
    minus infinity. NaN propagates through "amax" and "amin", for which ``-0.0 < 0.0``.

    Examples
    --------
    >>> import numpy, fastgather as fg
    >>> x = numpy.array([5.0, 5.0, 5.0])
    >>> fg.scatter_reduce(x, 0, [0, 0, 2], [1.0, 2.0, 9.0], "amax")
    array([5., 5., 9.])
    >>> fg.scatter_reduce(x, 0, [0, 0, 2], [1.0, 2.0, 9.0], "mean", include_self=False)
    array([1.5, 5. , 9. ])
    """
    arguments.check_choice(reduce, arguments.REDUCTIONS, "reduce")
    return _scatter(input, dim, index, src, reduce, include_self, out, mode)


def index_select(input, dim, index, *, out=None, mode="raise", fill_value=0):
    """
    Select whole slices along one dim, as `torch.index_select`.

    Parameters
    ----------
    input : array_like
        Source, of any dtype.
    dim : int
        Dim of `input` that `index` points into.
    index : array_like of int
        1-D. Negative values count from the end.
    out, mode, fill_value
        As in `gather`.

    Returns
    -------
    ndarray
        Of the shape of `input` with `dim` replaced by ``len(index)``.

    Raises
    ------
    IndexError, TypeError, ValueError
        As in `gather`; `index` must be 1-D.

    See Also
    --------
    take : The same for an index of any shape.
    index_copy : The inverse, for an index without duplicates.

    Notes
    -----
    For three dims and ``dim == 1`` the result is that of ::

        for j in range(len(index)):
            out[:, j, :] = input[:, index[j], :]

    Examples
    --------
    >>> import numpy, fastgather as fg
    >>> fg.index_select(numpy.array([[1, 2], [3, 4], [5, 6]]), 0, [2, 0, -1])
    array([[5, 6],
           [1, 2],
           [5, 6]])
    """
    if _is_plain(input, index, mode, out) and input.ndim and index.ndim == 1:
        try:
            return input.take(index, operator.index(dim), mode=mode)
        except (IndexError, OverflowError, TypeError, ValueError):
            pass  # to be said in other words
    input, index = arguments.as_array(input, "input"), arguments.as_index(index)
    dim = arguments.as_dim(dim, input.ndim)
    arguments.check_index_1d(input.shape, index.shape)
    if input.ndim:
        return _read_slices(input, dim, index, out, mode, fill_value)
    arguments.check_mode(mode, arguments.READ_MODES, out)
    if out is not None:
        arguments.check_out(out, (), input.dtype)
    result = _read_slices(
        input[None], 0, index, None if out is None else out[None], mode, fill_value
    )
    return result.reshape(()) if out is None else out


def index_copy(input, dim, index, source, *, out=None, mode="raise"):
    """
    Write whole slices along one dim into a copy of `input`, as `torch.index_copy`.

    Parameters
    ----------
    input : array_like
        What the result is a copy of.
    dim : int
        Dim of `input` that `index` points into.
    index : array_like of int
        1-D. Negative values count from the end.
    source : array_like
        Of the shape of `input` with `dim` replaced by ``len(index)``, or a scalar. It
        converts to the dtype of `input` by NumPy's "same_kind" rule.
    out, mode
        As in `scatter`.

    Returns
    -------
    ndarray
        Of the shape and dtype of `input`.

    Raises
    ------
    IndexError, OverflowError, TypeError, ValueError
        As in `scatter`; `index` must be 1-D. `out` is unchanged.

    See Also
    --------
    index_fill : One value for all slices.
    index_select : Reads what this writes.

    Notes
    -----
    For three dims and ``dim == 1`` the result is that of ::

        out = input.copy()
        for j in range(len(index)):
            out[:, index[j], :] = source[:, j, :]

    Examples
    --------
    >>> import numpy, fastgather as fg
    >>> fg.index_copy(numpy.zeros((3, 2), int), 0, [2, 0], [[1, 2], [3, 4]])
    array([[3, 4],
           [0, 0],
           [1, 2]])
    """
    return _index_write(input, dim, index, source, "set", True, out, mode)


def index_add(input, dim, index, source, *, alpha=1, out=None, mode="raise"):
    """
    Add whole slices times `alpha` to a copy of `input`, as `torch.index_add`.

    Parameters
    ----------
    input, dim, index, source
        As in `index_copy`.
    alpha : scalar, optional
        Factor for `source`, in the dtype of `input`.
    out, mode
        As in `scatter`.

    Returns
    -------
    ndarray
        Of the shape and dtype of `input`.

    Raises
    ------
    IndexError, OverflowError, TypeError, ValueError
        As in `index_copy`; also if `alpha` does not convert. `out` is unchanged.

    See Also
    --------
    scatter_add : The same element by element.

    Notes
    -----
    For three dims and ``dim == 1`` the result is that of ::

        out = input.copy()
        for j in range(len(index)):
            out[:, index[j], :] += alpha * source[:, j, :]

    with the additions in that order; dtypes as in `scatter_add`.

    Examples
    --------
    >>> import numpy, fastgather as fg
    >>> fg.index_add(numpy.ones((2, 2), int), 0, [1, 1], [[1, 2], [3, 4]], alpha=10)
    array([[ 1,  1],
           [41, 61]])
    """
    return _index_write(input, dim, index, source, "sum", True, out, mode, alpha)


def index_fill(input, dim, index, value, *, out=None, mode="raise"):
    """
    Write one value into whole slices of a copy of `input`, as `torch.index_fill`.

    Parameters
    ----------
    input, dim, index
        As in `index_copy`.
    value : scalar
        It converts to the dtype of `input`.
    out, mode
        As in `scatter`.

    Returns
    -------
    ndarray
        Of the shape and dtype of `input`.

    Raises
    ------
    IndexError, OverflowError, TypeError, ValueError
        As in `index_copy`; `value` must be a scalar. `out` is unchanged.

    See Also
    --------
    index_copy : A value for each element.

    Examples
    --------
    >>> import numpy, fastgather as fg
    >>> fg.index_fill(numpy.zeros((2, 3), int), 1, [0, -1], 7)
    array([[7, 0, 7],
           [7, 0, 7]])
    """
    input = arguments.as_array(input, "input")
    value = arguments.as_scalar(value, input.dtype, "value")
    return _index_write(input, dim, index, value, "set", True, out, mode)


def index_reduce(input, dim, index, source, reduce, *, include_self=True, out=None, mode="raise"):
    """
    Reduce whole slices into a copy of `input`, as `torch.index_reduce`.

    Parameters
    ----------
    input, dim, index, source
        As in `index_copy`.
    reduce : {"sum", "prod", "mean", "amax", "amin"}
        How slices for the same position combine.
    include_self : bool, optional
        Whether the slice of `input` takes part. Slices that no index names keep their values
        either way.
    out, mode
        As in `scatter`.

    Returns
    -------
    ndarray
        Of the shape and dtype of `input`.

    Raises
    ------
    IndexError, OverflowError, TypeError, ValueError
        As in `index_copy`; also if `reduce` is unknown or not defined for the dtype. `out`
        is unchanged.

    See Also
    --------
    scatter_reduce : The same element by element; its notes hold here too.
    segment_reduce : For slices that lie side by side.

    Examples
    --------
    >>> import numpy, fastgather as fg
    >>> x, source = numpy.ones((2, 2), int), [[5, 0], [3, 8]]
    >>> fg.index_reduce(x, 0, [1, 1], source, "amax")
    array([[1, 1],
           [5, 8]])
    """
    arguments.check_choice(reduce, arguments.REDUCTIONS, "reduce")
    return _index_write(input, dim, index, source, reduce, include_self, out, mode)


def take(a, indices, axis=None, out=None, mode="raise", *, fill_value=0):
    """
    Take slices along an axis by indices of any shape, as `numpy.take` and ONNX `Gather`.

    Parameters
    ----------
    a : array_like
        Source, of any dtype.
    indices : array_like of int
        Of any shape. Negative values count from the end. bool counts as 0 and 1.
    axis : int, optional
        Axis of `a`; None takes from `a` flattened in C order.
    out, mode, fill_value
        As in `gather`.

    Returns
    -------
    ndarray or scalar
        Of shape ``a.shape[:axis] + indices.shape + a.shape[axis + 1:]``; a NumPy scalar
        where that is ``()``.

    Raises
    ------
    IndexError, TypeError, ValueError
        As in `gather`; `numpy.exceptions.AxisError` for a wrong `axis`.

    See Also
    --------
    index_select : PyTorch's name for 1-D indices.
    numpy.take

    Examples
    --------
    >>> import numpy, fastgather as fg
    >>> fg.take(numpy.array([[1, 2, 3], [4, 5, 6]]), [[0, 2], [-1, 1]], axis=1)
    array([[[1, 3],
            [3, 2]],
    <BLANKLINE>
           [[4, 6],
            [6, 5]]])
    """
    if _is_plain(a, indices, mode, out):
        try:
            return a.take(indices, axis, mode=mode)
        except (IndexError, OverflowError, TypeError, ValueError):
            pass  # to be said in other words
    a, indices = arguments.as_array(a, "a"), arguments.as_take_indices(indices)
    if axis is None and not a.flags.c_contiguous:
        result = take_flat(gather_nd, a, indices, out, mode, fill_value)
    elif axis is None or a.ndim == 0:
        axis = arguments.as_axis(axis or 0, 1)
        result = _read_slices(a.reshape(-1), axis, indices, out, mode, fill_value)
    else:
        axis = arguments.as_axis(axis, a.ndim)
        result = _read_slices(a, axis, indices, out, mode, fill_value)
    return result if out is not None else result[()]


def take_along_axis(arr, indices, axis=-1, *, out=None, mode="raise", fill_value=0):
    """
    Take values by matching 1-D index and data lines, as `numpy.take_along_axis`.

    Parameters
    ----------
    arr : array_like
        Source, of any dtype.
    indices : array_like of int
        Of the rank of `arr`; the dims other than `axis` broadcast against those of `arr`.
        Negative values count from the end.
    axis : int or None, optional
        Axis of the lines; None takes `arr` as flattened in C order and needs 1-D `indices`.
    out, mode, fill_value
        As in `gather`.

    Returns
    -------
    ndarray
        Of the broadcast shape.

    Raises
    ------
    IndexError, TypeError, ValueError
        As in `gather` and as NumPy: IndexError if `indices` does not hold integers or does
        not broadcast, `numpy.exceptions.AxisError` for a wrong `axis`.

    See Also
    --------
    gather : PyTorch's name and rules of shape.
    put_along_axis : Writes what this reads.
    numpy.take_along_axis

    Examples
    --------
    >>> import numpy, fastgather as fg
    >>> x = numpy.array([[30, 10, 20], [5, 6, 4]])
    >>> fg.take_along_axis(x, x.argsort(axis=1), axis=1)
    array([[10, 20, 30],
           [ 4,  5,  6]])
    """
    arr = arguments.as_array(arr, "arr")
    indices, axis = arguments.as_along_axis(arr, indices, axis)
    if axis is None and not arr.flags.c_contiguous:
        return take_flat(gather_nd, arr, indices, out, mode, fill_value)
    if axis is None:
        arr, axis = arr.reshape(-1), 0
    shape = arguments.broadcast_along_axis(arr.shape, indices.shape, axis)
    return _read_along(arr, axis, indices, shape, out, mode, fill_value)


def put_along_axis(arr, indices, values, axis, *, mode="raise"):
    """
    Put values by matching 1-D index and data lines in place, as `numpy.put_along_axis`.

    Parameters
    ----------
    arr : ndarray
        Destination.
    indices : array_like of int
        Of the rank of `arr`; the dims other than `axis` broadcast against those of `arr`.
        Negative values count from the end.
    values : array_like or scalar
        Broadcast against the shape that `take_along_axis` would give. It converts to the
        dtype of `arr` by NumPy's "same_kind" rule.
    axis : int or None
        Axis of the lines; None takes `arr` as flattened in C order and needs 1-D `indices`.
    mode : {"raise", "wrap", "clip", "drop"}, optional
        As in `scatter`.

    Returns
    -------
    None

    Raises
    ------
    IndexError, OverflowError, TypeError, ValueError
        As in `take_along_axis` and `scatter`. `arr` is unchanged.

    See Also
    --------
    scatter : PyTorch's name and rules of shape; returns a copy unless told otherwise.
    numpy.put_along_axis

    Examples
    --------
    >>> import numpy, fastgather as fg
    >>> x = numpy.array([[30, 10, 20], [5, 6, 4]])
    >>> fg.put_along_axis(x, x.argmax(axis=1, keepdims=True), 99, axis=1)
    >>> x
    array([[99, 10, 20],
           [ 5, 99,  4]])
    """
    arguments.check_mode(mode, arguments.WRITE_MODES)
    arguments.check_out(arr, getattr(arr, "shape", None), getattr(arr, "dtype", None), "arr")
    lines = np.asarray(arr)
    indices, axis = arguments.as_along_axis(lines, indices, axis)
    if axis is None and not lines.flags.c_contiguous:
        return put_flat(scatter_nd, lines, indices, values, mode)
    if axis is None:
        lines, axis = lines.reshape(-1), 0
    shape = arguments.broadcast_along_axis(lines.shape, indices.shape, axis)
    values = arguments.as_put_values(values, lines.dtype, shape)
    _write_along(lines, axis, indices, shape, values, "set", True, lines, mode)


def gather_nd(params, indices, batch_dims=0, *, out=None, mode="raise", fill_value=0):
    """
    Gather elements or slices by coordinates, as ONNX `GatherND` and `tf.gather_nd`.

    Parameters
    ----------
    params : array_like
        Source, of any dtype.
    indices : array_like of int, or tuple of array_like of int
        Of shape ``(..., K)``: the last dim holds the coordinates in the first K dims of
        `params` after the batch dims. Or a tuple of K index arrays, one a dim, that
        broadcast together. Negative values count from the end.
    batch_dims : int, optional
        Number of leading dims that `params` and `indices` share.
    out, mode, fill_value
        As in `gather`. With "fill" and "drop", one coordinate out of range is enough.

    Returns
    -------
    ndarray
        Of shape ``indices.shape[:-1] + params.shape[batch_dims + K:]``.

    Raises
    ------
    IndexError, TypeError, ValueError
        As in `gather`.

    See Also
    --------
    scatter_nd : Writes what this reads.

    Notes
    -----
    Without batch dims the result is that of ::

        for i in numpy.ndindex(indices.shape[:-1]):
            out[i] = params[tuple(indices[i])]

    Examples
    --------
    >>> import numpy, fastgather as fg
    >>> x = numpy.array([[1, 2, 3], [4, 5, 6]])
    >>> fg.gather_nd(x, [[1, 0], [0, -1]])
    array([4, 3])
    >>> fg.gather_nd(x, ([0, 1], 2))
    array([3, 6])
    >>> fg.gather_nd(x, [[2], [0]], batch_dims=1)
    array([3, 4])
    """
    own = _plain_points(params, indices, batch_dims, mode, out)
    if own is not None:
        result = _read_by_numpy(params, own)
        if result is not None:
            return result
    params = arguments.as_array(params, "params")
    arguments.check_mode(mode, arguments.READ_MODES, out)
    batch_dims = arguments.as_batch_dims(batch_dims, params.shape)
    components, shape = arguments.as_components(indices, params.ndim, batch_dims)
    arguments.check_batch_shape(batch_dims, params.shape, shape)
    result_shape = shape + params.shape[batch_dims + len(components) :]
    arguments.check_ndim(len(result_shape))
    if len(components) == 1 and not batch_dims and shape:
        try:
            return _read_slices(params, 0, components[0], out, mode, fill_value)
        except IndexError:
            _check_nd(indices, components, params.shape, 0, mode)
            raise
    if out is not None:
        arguments.check_out(out, result_shape, params.dtype)
    where = _where_nd(params.shape, indices, components, shape or (1,), batch_dims)
    users = range(batch_dims, len(where))
    if (
        mode == "raise"
        and components
        and components[0].size <= SMALL
        and (out is None or math.prod(result_shape) <= LINES)
        and all(_numpy_checks(params, component) for component in components)
    ):
        own = [component.astype(np.intp) for component in where[batch_dims:]]
        result = _read_by_numpy(params, (*where[:batch_dims], *own))
        if result is not None:
            return _deliver(result.reshape(result_shape), out)
    if mode == "raise" and len(where) == params.ndim and _is_line(params) and out is None:
        places = _places_nd(params.shape, where, shape or (1,))
        if places is not None:
            return params.reshape(-1).take(places, mode="clip").reshape(result_shape)
    where = _all_distinct(where)
    check = functools.partial(_check_nd, indices, components, params.shape, batch_dims, mode)
    return _read(params, where, users, result_shape, out, mode, fill_value, check)


def scatter_nd(data, indices, updates, reduction="none", *, out=None, mode="raise"):
    """
    Write or combine elements or slices by coordinates, as ONNX `ScatterND`.

    Parameters
    ----------
    data : array_like
        What the result is a copy of.
    indices : array_like of int, or tuple of array_like of int
        As in `gather_nd`, without batch dims.
    updates : array_like
        Of shape ``indices.shape[:-1] + data.shape[K:]``, or a scalar. It converts to the
        dtype of `data` by NumPy's "same_kind" rule.
    reduction : {"none", "add", "mul", "max", "min"}, optional
        How values combine with what is there and with each other; with "none" the last in C
        order of `indices` stays.
    out, mode
        As in `scatter`. With "drop", one coordinate out of range is enough.

    Returns
    -------
    ndarray
        Of the shape and dtype of `data`.

    Raises
    ------
    IndexError, OverflowError, TypeError, ValueError
        As in `scatter`. `out` is unchanged.

    See Also
    --------
    gather_nd : Reads what this writes.
    scatter_reduce : Along one dim; its notes on reductions hold here too.

    Examples
    --------
    >>> import numpy, fastgather as fg
    >>> fg.scatter_nd(numpy.zeros((2, 3), int), [[1, 0], [0, -1], [1, 0]], [7, 8, 9])
    array([[0, 0, 8],
           [9, 0, 0]])
    >>> fg.scatter_nd(numpy.zeros((2, 2), int), [[1], [1]], [[1, 2], [3, 4]], "add")
    array([[0, 0],
           [4, 6]])
    """
    arguments.check_choice(reduction, arguments.ND_REDUCTIONS, "reduction")
    arguments.check_mode(mode, arguments.WRITE_MODES)
    data = arguments.as_array(data, "data")
    components, shape = arguments.as_components(indices, data.ndim)
    rest = data.shape[len(components) :]
    arguments.check_ndim(len(shape + rest))
    updates = arguments.as_values(updates, data.dtype, "updates")
    if updates.ndim:
        arguments.check_updates_shape(shape + rest, updates.shape)
    operation = arguments.ND_REDUCTIONS[reduction]
    lead = shape or (1,)
    if (
        mode == "raise"
        and components
        and components[0].size * math.prod(rest) <= _most(data, operation)
        and all(_numpy_checks(data, component) for component in components)
    ):
        # NumPy keeps the order of index arrays of one dim.
        where = tuple(component.astype(np.intp).reshape(-1) for component in components)
        src = updates.reshape(-1, *rest) if updates.ndim else updates
        result = _write_by_numpy(data, where, src, operation, out)
        if result is not None:
            return result
    where = _where_nd(data.shape, indices, components, lead, 0)
    if mode == "raise" and not rest and _takes_places(data, lead, operation, out, mode):
        places = _places_nd(data.shape, where, lead)
        if places is not None:
            return _write_places(data, places, updates, operation, out)
    where = _all_distinct(where)
    users, shape = range(len(where)), lead + rest
    check = functools.partial(_check_nd, indices, components, data.shape, 0, mode)
    return _write(data, where, users, shape, updates, operation, True, out, mode, check)


def segment_reduce(data, reduce, *, lengths=None, offsets=None, axis=0, initial=None):
    """
    Reduce contiguous runs along an axis, as `torch.segment_reduce`.

    Parameters
    ----------
    data : array_like
        At least 1-D, of a numeric dtype.
    reduce : {"sum", "prod", "mean", "max", "min"}
    lengths : array_like of int, optional
        1-D, the lengths of the k runs. They add up to ``data.shape[axis]``.
    offsets : array_like of int, optional
        1-D, ``k + 1`` of them: run i is ``offsets[i]:offsets[i + 1]``. Exactly one of
        `lengths` and `offsets` is given.
    axis : int, optional
    initial : scalar, optional
        Value that every run starts from, and the result of an empty one.

    Returns
    -------
    ndarray
        Of the shape of `data` with `axis` replaced by k, and of its dtype.

    Raises
    ------
    IndexError
        If `axis` is out of range.
    OverflowError
        If `initial` is a Python integer that the dtype of `data` does not hold.
    TypeError
        If `lengths` or `offsets` do not hold integers, `initial` does not convert, or
        `data` is a masked array.
    ValueError
        If `lengths` or `offsets` do not fit `data`, or the mean of an empty run of integers
        is asked for without `initial`.

    See Also
    --------
    index_reduce : For runs that do not lie side by side; dtypes as there.

    Notes
    -----
    An empty run without `initial` gives 0 for "sum", 1 for "prod", NaN for "mean", and for
    "max" and "min" the smallest and the largest value of the dtype, infinities included.
    The mean is ``(initial + sum) / length``.

    Examples
    --------
    >>> import numpy, fastgather as fg
    >>> fg.segment_reduce(numpy.array([1, 2, 3, 4]), "sum", lengths=[3, 0, 1])
    array([6, 0, 4])
    >>> fg.segment_reduce(numpy.array([1.0, 2.0, 3.0, 4.0]), "max", offsets=[0, 2, 4])
    array([2., 4.])
    """
    return reductions.segment_reduce(data, reduce, lengths, offsets, axis, initial, _combine_runs)


def _combine_runs(start, axis, ends, values, operation):
    filled = ends[1:] > ends[:-1]
    every = np.count_nonzero(filled) == filled.size
    result = None
    if values.size and values.dtype.kind in "iuf":
        starts = ends[:-1] if every else ends[:-1][filled]
        result = _reduce_runs(start, axis, starts, values, operation)
    if result is not None and every:
        return result
    shape = (*values.shape[:axis], ends.size - 1, *values.shape[axis + 1 :])
    start = arguments.identity(operation, values.dtype) if start is None else start
    total = np.full(shape, start, values.dtype)
    if result is not None:
        total[(*(slice(None),) * axis, filled)] = result
    else:
        index = reductions.labels(ends)
        _index_write(total, axis, index, values, operation, True, total, "raise")
    return total


def _reduce_runs(start, axis, starts, values, operation):
    """The runs by `numpy.ufunc.reduceat`, or None where its bits may not be those of single steps.

    None of them is empty.
    """
    floats = values.dtype.kind == "f"
    if floats and (operation == "sum" or (operation == "prod" and start is not None)):
        in_steps = _reduce_in_steps if values.size <= RUNS else _reduce_blocks_in_steps
        result = in_steps(start, axis, starts, values, operation)
    else:
        result = UFUNCS[operation].reduceat(values, starts, axis, dtype=values.dtype)
        result = result if start is None else UFUNCS[operation](start, result)
    if floats:
        zero = operation in ("amax", "amin") and _has_zero(result)
        if zero and any(x is not None and _has_negative_zero(x) for x in (values, start)):
            return None
        if reductions.any_nan(result):
            keeps = start is not None and np.isnan(start)
            result[np.isnan(result)] = start if keeps else np.nan
    return result


def _reduce_in_steps(start, axis, starts, values, operation):
    """The runs from `start` or their first value on, value by value."""
    ufunc, first = UFUNCS[operation], (*(slice(None),) * axis, starts)
    # numpy.add sums in pairs, which numpy.subtract of negated values does not.
    steps = np.negative(values) if operation == "sum" else values.copy()
    steps[first] = values[first] if start is None else ufunc(start, values[first])
    inner = np.subtract if operation == "sum" else ufunc
    return inner.reduceat(steps, starts, axis, dtype=values.dtype)


def _reduce_blocks_in_steps(start, axis, starts, values, operation):
    """The same, so many runs at a time that their steps stay in the cache."""
    size, before = values.shape[axis], (slice(None),) * axis
    blocks = np.arange(0, size, RUNS // (values.size // size) or 1)
    cuts = np.unique([*np.searchsorted(starts, blocks), starts.size]).tolist()
    ends = [*starts[cuts[:-1]].tolist(), size]
    result = np.empty((*values.shape[:axis], starts.size, *values.shape[axis + 1 :]), values.dtype)
    for runs, span in zip(itertools.pairwise(cuts), itertools.pairwise(ends), strict=True):
        block = values[(*before, slice(*span))]
        result[(*before, slice(*runs))] = _reduce_in_steps(
            start, axis, starts[slice(*runs)] - span[0], block, operation
        )
    return result


def _read_along(input, dim, index, shape, out, mode, fill_value):
    """What gather and take_along_axis share."""
    if input.ndim == 1:
        return _read_slices(input, dim, index, out, mode, fill_value)
    arguments.check_mode(mode, arguments.READ_MODES, out)
    if input.ndim == 0:
        _check(index, dim, 1, mode)  # while its position is ()
        input, index = input[None], index[None]
    depth, lead = input.ndim, shape or (1,)
    if 0 in index.strides and index.size:
        index = _distinct(index)
        if _is_line(input):
            depth = _depth(input.shape, dim, index.shape, lead)
    if out is not None:
        arguments.check_out(out, shape, input.dtype)
    whole = index.shape[dim] == lead[dim]
    few = (
        mode == "raise"
        and whole
        and index.size <= LINES
        and (out is None or math.prod(shape) <= LINES)
        and _numpy_checks(input, index)
    )
    whole = whole and depth == input.ndim
    if few and (index.size <= SMALL or not (whole and _reads_places(input, lead, out, mode))):
        own = index.astype(np.intp)
        result = _read_by_numpy(input, _mesh(input.shape[:depth], lead[:depth], dim, own))
        if result is not None:
            return _deliver(result if result.shape == shape else result.reshape(shape), out)
    check = functools.partial(_check, index, dim, input.shape[dim], mode)
    if whole and _reads_places(input, lead, out, mode):
        places = _places_along(input.shape, lead, dim, index, mode, check)
        return input.reshape(-1).take(places, mode="clip").reshape(shape)
    where = _mesh(input.shape[:depth], lead[:depth], dim, index)
    return _read(input, where, (dim,), shape, out, mode, fill_value, check)


def _is_plain(array, index, mode, out):
    """Whether NumPy's own indexing is all there is to do; what it makes of `index` it checks."""
    return (
        type(array) is type(index) is np.ndarray
        and mode in NUMPY_MODES
        and out is None
        and index.dtype.char in arguments.FIT_INTP
        and _is_line(array)
        and array.size > 0
    )


def _read_by_numpy(input, where):
    """`input[where]`, or None where NumPy cannot or finds an index out of range.

    NumPy checks an index array before it uses it: no other thread may write into `where`.
    """
    if len(where) == arguments.MAX_DIMS or loses_strings(input, where):
        return None  # the former is one more index array than NumPy takes
    try:
        return input[where]
    except IndexError:
        return None


def _read_slices(input, dim, index, out, mode, fill_value):
    """What index_select and take share."""
    arguments.check_mode(mode, arguments.READ_MODES, out)
    arguments.check_ndim(input.ndim + index.ndim - 1)
    size, shape = input.shape[dim], input.shape[:dim] + index.shape + input.shape[dim + 1 :]
    if out is not None:
        arguments.check_out(out, shape, input.dtype)
    few = math.prod(shape) <= LINES and (mode == "raise" or _is_line(input))
    checked = (out is None or few) and _numpy_checks(input, index)
    if checked and mode == "wrap":
        # A copy that no other thread writes into. NumPy wraps it again for each row that it reads.
        often = index.size <= BLOCK and math.prod(shape) > max(SMALL, index.size)
        index = _resolve(index, size, mode, None)[0] if often else index.astype(np.intp)
    if checked and (mode in NUMPY_MODES or (mode == "wrap" and _is_near(index, size))):
        try:
            return _deliver(_take(input, dim, index, mode), out)
        except IndexError:
            arguments.check_bounds(index, dim, size)
            raise
    check = functools.partial(_check, index, dim, size, mode)
    at_once = (out is None or few) and index.size <= BLOCK
    if at_once and mode not in ("raise", "drop") and input.size and _is_line(input):
        places, valid = _resolve(index, size, mode, check)
        result = _take(input, dim, places, "clip")
        if valid is not None:
            valid = valid.reshape(valid.shape + (1,) * (input.ndim - dim - 1))
            fill = arguments.as_fill_value(fill_value, input.dtype)
            np.copyto(result, fill, where=~valid)
        return _deliver(result, out)
    ones = (1,) * index.ndim
    where = [array.reshape(array.shape + ones) for array in np.ogrid[_spans(input.shape[:dim])]]
    return _read(input, (*where, index), (dim,), shape, out, mode, fill_value, check)


def _take(input, dim, index, mode):
    """`numpy.take`, spared its copy of an input that is no line where that costs more."""
    at_once = mode != "raise" or _is_line(input)
    if at_once and index.ndim:
        return input.take(index, dim, mode=mode)
    flat = index.reshape(-1)
    if at_once:
        result = input.take(flat, dim, mode=mode)
    elif _is_line(input.T):
        result = input.T.take(flat, input.ndim - 1 - dim).T
    elif _lies_along(input, dim) and flat.size >= input.shape[dim]:
        result = input.take(flat, dim)
    else:
        result = input[(slice(None),) * dim + (flat.astype(np.intp),)]
    return result.reshape(input.shape[:dim] + index.shape + input.shape[dim + 1 :])


def _reads_places(input, shape, out, mode):
    """Whether a read works out all its places in C order at once; blocks go straight into `out`."""
    return (
        out is None
        and mode in WHOLE_MODES
        and 0 < math.prod(shape) <= BLOCK
        and input.size > 0
        and _is_line(input)
    )


def _plain_points(params, indices, batch_dims, mode, out):
    """A copy of coordinates of single items, few and plain, as NumPy's own indexing takes them."""
    if not (mode == "raise" and type(batch_dims) is int and batch_dims == 0):
        return None
    if type(indices) is tuple:
        if (
            indices
            and all(_is_plain(params, index, mode, out) for index in indices)
            and len(indices) == params.ndim
            and {index.shape for index in indices} == {indices[0].shape}
            and 0 < indices[0].size * params.ndim <= POINTS
            and indices[0].ndim
        ):
            return tuple(index.astype(np.intp) for index in indices)
    elif (
        _is_plain(params, indices, mode, out)
        and indices.ndim > 1
        and indices.shape[-1] == params.ndim
        and 0 < indices.size <= POINTS
    ):
        own = indices.astype(np.intp)
        return tuple(own[..., k] for k in range(own.shape[-1]))
    return None


def _lies_along(array, dim=-1):
    """Whether a dim is the one with the smallest stride; in a 0-d array there is no other."""
    return not array.ndim or abs(array.strides[dim]) == min(map(abs, array.strides))


def _is_near(index, size):
    """Whether an index is not so far out that NumPy takes long to wrap it."""
    return not index.size or (index.min() >= -NEAR * size and index.max() < NEAR * size)


def _numpy_checks(input, index):
    """Whether NumPy finds all that is out of range: not in an empty array, nor beyond intp."""
    return index.dtype.char in arguments.FIT_INTP and input.size > 0


def _deliver(result, out):
    """A result that shares no memory with the arguments, in `out` if that is given."""
    if out is None:
        return result
    to = np.asarray(out)
    if to.dtype.names and not to.dtype.hasobject:
        # NumPy would copy field by field, without the bytes between them.
        item = np.dtype((np.void, to.itemsize))
        to, result = to.view(item), result.view(item)
    np.copyto(to, result)
    return out


def _read(input, where, users, shape, out, mode, fill_value, check):
    """
    `input[where]` as an array of `shape`, except where an index was outside.

    `where` has an index array for each of the leading dims; they broadcast. Those of the dims
    `users` are the caller's, which `check` looks through for what is out of range.
    """
    shared = False
    if out is None:
        result = np.empty(shape, input.dtype)
    else:
        shared = any(np.may_share_memory(out, array) for array in (input, *where))
        result = out.copy() if shared else out
    if mode == "fill":
        fill = arguments.as_fill_value(fill_value, input.dtype).copy()
    rest = input.shape[len(where) :]
    view = np.asarray(result)
    view = view if view.ndim > len(rest) else view[None]
    if len(where) == arguments.MAX_DIMS or loses_strings(input, where):
        # The former is one more index array than NumPy takes.
        input = np.ascontiguousarray(input)
    line = _line(input, len(where)) if input.size and input.flags.aligned else None
    lead = view.shape[: view.ndim - len(rest)]
    for block, places, valid in _walk(line, where, users, input.shape, lead, mode, check):
        target = view[block]
        if valid is not None:
            valid = valid.reshape(valid.shape + (1,) * len(rest))
        kept = True if valid is None or mode == "fill" else valid
        if input.size == 0:
            pass
        elif line is None:
            np.copyto(target, input[places], where=kept)
        else:
            if mode == "drop" or (input.dtype.hasobject and input.dtype.kind != "O"):
                values = line[0].take(places, axis=0, mode="clip")
                np.copyto(target, values, where=kept)
            else:
                # "clip" looks at each position once; "raise" buffers, "wrap" steps by the size.
                line[0].take(places, axis=0, out=target, mode="clip")
        if valid is not None and mode == "fill":
            np.copyto(target, fill, where=~valid)
    return _deliver(result, out) if shared else result


def loses_strings(input, where):
    return STRINGS_ARE_LOST and len(where) > 1 and input.dtype.kind == "T"


def _is_line(array):
    return array.flags.c_contiguous and array.flags.aligned


def _scatter(input, dim, index, src, operation, include_self, out, mode):
    """The scatter functions of PyTorch."""
    arguments.check_mode(mode, arguments.WRITE_MODES)
    input, index = arguments.as_array(input, "input"), arguments.as_index(index)
    dim = arguments.as_dim(dim, input.ndim)
    reductions.check_defined(operation, input.dtype)
    arguments.check_gather_shapes(input.shape, dim, index.shape)
    src = arguments.as_values(src, input.dtype, "src")
    if src.ndim and src.shape != index.shape:
        arguments.check_src_shape(index.shape, src.shape)
        src = src[_spans(index.shape)]
    return _write_along(input, dim, index, index.shape, src, operation, include_self, out, mode)


def _write_along(input, dim, index, shape, src, operation, include_self, out, mode):
    """What the scatter functions and put_along_axis share."""
    lines_shape, shape = input.shape or (1,), shape or (1,)
    if (
        mode == "raise"
        and include_self
        and index.size <= _most(input, operation)
        and 0 < input.ndim < arguments.MAX_DIMS
        and _numpy_checks(input, index)
        and (
            shape == lines_shape
            or all(n <= lines_shape[d] for d, n in enumerate(shape) if d != dim)
        )
    ):
        # Duplicates are in one line, whose order NumPy keeps; its overhead is the lowest. What is
        # broadcast to several lines it would write in an order of its own.
        where = _mesh(lines_shape, shape, dim, index.astype(np.intp))
        result = _write_by_numpy(input, where, src, operation, out)
        if result is not None:
            return result
    check = functools.partial(_check, index, dim, lines_shape[dim], mode)
    index = _distinct(index.reshape(index.shape or (1,)))
    depth = _depth(lines_shape, dim, index.shape, shape)
    if (
        include_self
        and index.shape[dim] == shape[dim]
        and (operation != "set" or depth == input.ndim)
        and _takes_places(input, shape, operation, out, mode)
    ):
        places = _places_along(lines_shape, shape, dim, index, mode, check)
        return _write_places(input, places, src, operation, out)
    where = _mesh(lines_shape[:depth], shape[:depth], dim, index)
    return _write(input, where, (dim,), shape, src, operation, include_self, out, mode, check)


def _index_write(input, dim, index, source, operation, include_self, out, mode, alpha=1):
    """The index functions of PyTorch that write."""
    arguments.check_mode(mode, arguments.WRITE_MODES)
    input, index = arguments.as_array(input, "input"), arguments.as_index(index)
    dim = arguments.as_dim(dim, input.ndim)
    reductions.check_defined(operation, input.dtype)
    arguments.check_index_1d(input.shape, index.shape)
    source = arguments.as_values(source, input.dtype, "source")
    lines_shape = input.shape or (1,)
    shape = lines_shape[:dim] + index.shape + lines_shape[dim + 1 :]
    if source.ndim and (source.shape != shape or not input.ndim):
        arguments.check_source_shape(input.shape, dim, index.size, source.shape)
    if type(alpha) is not int or alpha != 1:
        source = reductions.scale(
            source, arguments.as_scalar(alpha, input.dtype, "alpha"), input.dtype
        )
    whole_slices = operation == "set" and input.ndim > 1
    if (
        mode == "raise"
        and include_self
        and input.ndim
        and (whole_slices or math.prod(shape) <= _most(input, operation))
        and _numpy_checks(input, index)
    ):
        where = (*(slice(None),) * dim, index.astype(np.intp))
        result = _write_by_numpy(input, where, source, operation, out)
        if result is not None:
            return result
    check = functools.partial(_check, index, dim, lines_shape[dim], mode)
    if include_self and not whole_slices and _takes_places(input, shape, operation, out, mode):
        along = index.reshape(-1, *(1,) * (input.ndim - dim - 1))
        places = _places_along(lines_shape, shape, dim, along, mode, check)
        return _write_places(input, places, source, operation, out)
    if whole_slices:
        return _write_slices(input, dim, index, source, out, mode, check)
    where = _mesh(lines_shape[: dim + 1], shape[: dim + 1], dim, index)
    return _write(input, where, (dim,), shape, source, operation, include_self, out, mode, check)


def _takes_places(input, shape, operation, out, mode):
    """Whether a write works out all its places in C order at once, which beats going by blocks."""
    return (
        0 < math.prod(shape) <= BLOCK
        and input.ndim > 1
        and input.size > 0
        and mode in WHOLE_MODES
        and not input.dtype.hasobject
        and (out is None or (out is input and _is_line(out) and out.flags.writeable))
        and _is_single_step(input.dtype, operation)
    )


def _is_single_step(dtype, operation):
    """Whether an operation goes value by value in this dtype, and cannot raise half-way."""
    return operation == "set" or (
        operation != "mean"
        and reductions.kind_of(dtype) in "biufc"
        and not reductions.needs_accumulator(dtype, operation)
    )


@np.errstate(all="ignore")
def _write_places(input, places, src, operation, out):
    """A copy of `input`, or `input` as `out`, with `src` combined into places in C order."""
    result = input.copy() if out is None else out
    flat, src = result.reshape(-1), _apart(src, out)
    if operation == "set":
        flat[places.reshape(-1)] = src.reshape(-1) if src.ndim else src
    else:
        values = src.reshape(-1) if src.ndim else np.full(places.size, src)
        settled = _is_settled(flat, values.size, operation)
        _combine_at(flat, places.reshape(-1), values, operation, settled)
    return result


def _most(array, operation):
    """Up to how many elements NumPy's own indexing is the fastest way to write."""
    if array.ndim == 1:
        return LINE
    return SMALL if operation == "set" else FEW


def _write_by_numpy(input, where, src, operation, out):
    """`src` combined into `where` by NumPy's own indexing of all dims, or None.

    It is None, and nothing is written, where an index is out of range, and where NumPy may raise
    half-way or have bits of its own. As in `_read_by_numpy`, no other thread may write into
    `where`.
    """
    if input.dtype.hasobject:
        return None
    if operation != "set" and input.ndim > AT_DIMS:
        return None
    if not _is_single_step(input.dtype, operation):
        return None
    if out is not None:
        if out is not input or not _is_flat(out) or np.may_share_memory(src, out):
            return None
        arguments.check_out(out, input.shape, input.dtype)
    result = input.copy() if out is None else out
    try:
        if operation == "set":
            result[where] = src
        elif input.dtype.kind not in "fc":
            UFUNCS[operation].at(result, where, src)
        elif not _combine_floats_by_numpy(result, input, where, src, operation):
            return None
    except IndexError:
        return None
    return result


@np.errstate(all="ignore")  # as a decorator it takes half as long
def _combine_floats_by_numpy(result, input, where, src, operation):
    """Whether NumPy's bits are settled; a result in place is only written to if they will be."""
    few = result.size > MANY * where[-1].size
    if result is input:
        touched = result[where] if few else result
        if _leaves_bits_open(touched, operation) or _leaves_bits_open(src, operation):
            return False
    UFUNCS[operation].at(result, where, src)
    if result is input:
        return True
    return not _left_bits_open(result[where] if few else result, input, src, operation)


def _write_slices(input, dim, index, source, out, mode, check):
    """Whole slices, by NumPy's assignment."""
    if out is not None:
        arguments.check_out(out, input.shape, input.dtype)
    index, valid = _resolve(index, input.shape[dim], mode, check)
    if valid is not None:
        index = index[valid]
        source = source.compress(valid, axis=dim) if source.ndim else source
    if STRINGS_ARE_LOST and input.dtype.kind == "T":
        source = source.copy()
    source = _apart(source, out)
    result = _destination(input, out)
    np.asarray(result)[(slice(None),) * dim + (index,)] = source
    return result


def _destination(input, out):
    """A copy of `input`, or `out` with what it holds."""
    if out is None:
        return input.copy()
    if out is not input and (out.ctypes.data != input.ctypes.data or out.strides != input.strides):
        # Not onto itself: a 0-d StringDType array is empty afterwards (NumPy 2.4). Nor onto a part
        # of itself: a 0-d record is spoiled.
        np.copyto(out, input.copy() if np.may_share_memory(out, input) else input)
    return out


def _apart(array, out):
    """`array` out of the way of writes to `out`."""
    return array.copy() if out is not None and np.may_share_memory(array, out) else array


def _write(input, where, users, shape, src, operation, include_self, out, mode, check):
    """A copy of `input`, or `out`, with `src`, of `shape`, combined into what `where` names.

    `users` and `check` as in `_read`.
    """
    if out is not None:
        arguments.check_out(out, input.shape, input.dtype)
    # Other dtypes may raise half-way; theirs is a copy to work on.
    safe = operation == "set" or reductions.kind_of(input.dtype) in "biufc"
    direct = out is not None and safe and _is_flat(out)
    if direct:
        check()
        src, *where = (_apart(array, out) for array in (src, *where))
    result = _destination(input, out if direct else None)
    array = np.asarray(result)
    array = array if len(where) <= array.ndim else array[None]
    if operation != "set" or not array.flags.c_contiguous:
        where = _with_rest(where, array.shape)
    if array.size:
        line = _line(array, len(where))
        lead = shape[: len(shape) - (array.ndim - len(where))]
        # NumPy itself checks the places in a line, block by block: of a copy, or after `check`.
        by_numpy = mode == "raise" and line[1:] == ((1,), 0) and _numpy_checks(array, where[0])
        walk = (where, users, array.shape, lead, mode, None if by_numpy else check)
        try:
            _combine(line, walk, src, operation, include_self)
        except IndexError:
            check()
            raise
    else:
        check()
    if out is None or direct:
        return result
    np.copyto(out, result)
    return out


@np.errstate(all="ignore")
def _combine(line, walk, src, operation, include_self=True):
    """Combine `src` into the places of `line` to which `walk` leads, in order."""
    flat = line[0]
    if operation != "set" and reductions.needs_accumulator(flat.dtype, operation):
        return _combine_widened(line, walk, src, operation, include_self)
    if operation == "mean":
        count = np.full(flat.shape, bool(include_self), np.int64)
        _combine((count, *line[1:]), walk, reductions.ONE, "sum")
        _combine(line, walk, src, "sum", include_self)
        return reductions.divide(flat, count)
    if operation != "set" and not include_self:
        _combine(line, walk, arguments.identity(operation, flat.dtype), "set")
    shape = walk[3] + flat.shape[1:]
    one_value = operation == "set" and src.ndim == 0
    source = src if one_value or src.shape == shape else np.broadcast_to(src, shape)
    settled = operation == "set" or _is_settled(flat, source.size, operation)
    for block, places, valid in _walk(line, *walk):
        if valid is not None:
            valid = np.broadcast_to(valid, places.shape)
            places = places[valid]
        # NumPy takes an index of one dim in order; in more dims it may choose another order.
        places = places.reshape(-1)
        if one_value:  # which NumPy writes faster than what repeats it
            flat[places] = src
            continue
        values = source[block] if valid is None else source[block][valid]
        values = values.reshape(-1, *flat.shape[1:])
        if operation != "set":
            settled = _combine_at(flat, places, values, operation, settled)
        else:
            lost = STRINGS_ARE_LOST and flat.dtype.kind == "T"
            flat[places] = values.copy() if lost else values
    return None


def _is_settled(flat, count, operation):
    """Whether what `flat` holds leaves no bits open; of few values it is not worth a look."""
    if reductions.kind_of(flat.dtype) not in "fc":
        return True
    return flat.size <= MANY * count and not _leaves_bits_open(flat, operation)


def _combine_widened(line, walk, src, operation, include_self):
    """By way of accumulators; elements that are not named keep their bits."""
    flat = line[0]
    dtype = reductions.accumulator_dtype(flat.dtype, operation)
    total, named = flat.astype(dtype), True
    if reductions.has_nan(total) or reductions.has_spare_bits(flat.dtype):
        named = np.zeros(flat.shape, bool)
        _combine((named, *line[1:]), walk, np.array(True), "set")
    _combine((total, *line[1:]), walk, src.astype(dtype), operation, include_self)
    np.copyto(flat, total.astype(flat.dtype), where=named)


def _combine_at(flat, positions, src, operation, settled):
    """Combine `src` into `flat[positions]`, in order.

    `settled` says that what `flat` holds leaves no bits open; the result, whether it still does.
    """
    before = None
    if reductions.kind_of(flat.dtype) in "fc":
        opened = _leaves_bits_open(src, operation)
        settled = settled and not opened
        if opened or (not settled and _leaves_bits_open(flat[positions], operation)):
            before = flat[positions]
    UFUNCS[operation].at(flat, positions, src)
    if before is not None:
        _settle_bits(flat, positions, before, src, operation)
    return settled


def _leaves_bits_open(values, operation):
    """Whether a NaN, or a zero of either sign, may come of these floats."""
    if operation in ("amax", "amin"):
        return reductions.any_nan(values) or _has_negative_zero(values)
    if operation == "prod" and (values.dtype.kind == "c" or _has_zero(values)):
        return True  # of what overflowed and a zero
    # Only of finite numbers is the sum finite. Where it overflows, they are taken for open.
    return not cmath.isfinite(np.add.reduce(values, None))


def _left_bits_open(result, input, src, operation):
    """Whether a NaN, or a zero of either sign, has come of these floats."""
    if reductions.any_nan(result):
        return True
    if operation not in ("amax", "amin"):
        return False
    zero = result.dtype.kind == "c" or _has_zero(result)
    return zero and (_has_negative_zero(input) or _has_negative_zero(src))


def _has_zero(values):
    return np.count_nonzero(values == 0) > 0  # of bool it is 5 times as fast as of floats


def _has_negative_zero(values):
    if values.dtype.kind == "c":
        return _has_negative_zero(values.real) or _has_negative_zero(values.imag)
    zero = values == 0
    return bool(np.count_nonzero(zero)) and bool(np.signbit(values[zero]).any())


def _settle_bits(flat, positions, before, src, operation):
    """
    Where floats leave their bits open, settle them as the compiled engine does.

    A NaN that was in the destination stays, a new one is numpy.nan's; of zeros, "amax" takes
    0.0 and "amin" -0.0 where both occur.
    """
    if flat.dtype.kind == "c":
        if operation in ("sum", "prod"):
            for part in ("real", "imag"):
                old, new = getattr(before, part), getattr(src, part)
                _settle_bits(getattr(flat, part), positions, old, new, operation)
        return
    now = flat[positions]
    nan = np.isnan(now)
    if nan.any():
        flat[positions[nan]] = np.where(np.isnan(before[nan]), before[nan], np.nan)
    zero = now == 0
    if operation in ("amax", "amin") and zero.any():
        sign = -1.0 if operation == "amin" else 1.0
        wins = [(x == 0) & (np.copysign(1, x) == sign) for x in (before, src)]
        flat[positions[zero]] = -sign * 0.0
        flat[positions[zero & np.logical_or(*wins)]] = sign * 0.0


def _check(index, dim, size, mode):
    """Raise for the first index out of range, if the mode allows none."""
    if mode == "raise" and index.size:
        # As unsigned, a negative index is beyond what its dtype holds: one pass tells.
        unsigned, limit = _unsigned(index.dtype)
        if int(np.maximum.reduce(index.view(unsigned), None)) >= min(size, limit):
            arguments.check_bounds(index, dim, size)
    if mode in ("wrap", "clip") and index.size and not size:
        arguments.raise_empty_dim(mode, dim)


def _check_nd(indices, components, full_shape, batch_dims, mode):
    """The same for coordinates."""
    try:
        for dim, component in enumerate(components, batch_dims):
            _check(component, dim, full_shape[dim], mode)
    except IndexError:
        if mode == "raise":
            arguments.check_bounds_nd(indices, components, full_shape[batch_dims:], batch_dims)
        raise


@functools.lru_cache
def _unsigned(dtype):
    """The unsigned dtype of the same bytes, and the first number that `dtype` does not hold."""
    return np.dtype(dtype.str.replace("i", "u")), np.iinfo(dtype).max + 1


def _resolve(index, size, mode, check, room=None):
    """
    A copy of `index` as intp, in [0, size), and for "fill" and "drop" the mask of what was inside.

    NumPy checks an index array before it uses it, so that both must see a copy: another thread
    may write into the user's. `check` raises what is to be said of an index out of range; where it
    is None, as it may be if there is anything to read, all is left as it is for NumPy's own check.
    `room` is a line of intp for the copy.
    """
    if not size and index.size:
        check()
    room = np.empty(index.shape, arguments.INTP) if room is None else _cut(room, index.shape)
    unsigned = room.view(arguments.UINTP)  # a negative index is beyond any size
    signed = index.dtype.kind == "i"
    copy = room if signed else unsigned
    if index.itemsize > room.itemsize:
        index = index % size if mode == "wrap" else arguments.as_narrow(index, -size - 1, size)
    np.copyto(copy, index)
    if mode in ("fill", "drop"):
        valid = unsigned < size
        np.minimum(unsigned, max(size - 1, 0), out=unsigned)
        return room, valid
    if mode == "clip" and index.size:
        copy.clip(0, size - 1, out=copy)
    elif mode == "wrap" and index.size:
        whole = np.floor_divide(copy, size, out=np.empty_like(copy))  # twice as fast as modulo
        copy -= np.multiply(whole, size, out=whole)
    elif check is not None and _is_outside(room, size):
        if signed:
            room += (room >> 63) & size
        if _is_outside(room, size):
            check()
            raise IndexError("index out of bounds: another thread has changed it")
    return room, None


def _is_outside(index, size):
    """Whether a number of this intp array is negative, so too large as unsigned, or too large."""
    if not index.size:
        return False
    # All are below a power of two if their bitwise or is, which NumPy finds in half the time.
    largest = np.bitwise_or if size & (size - 1) == 0 else np.maximum
    return largest.reduce(index.view(arguments.UINTP), None) >= size


def _cut(room, shape):
    """The start of a line of memory, in this shape; None if there is no line."""
    if room is None or room.shape == shape:
        return room
    return room[: math.prod(shape)].reshape(shape)


def _walk(line, where, users, sizes, lead, mode, check):
    """
    The index arrays `where`, which broadcast to `lead`, checked block by block in C order.

    Yields the slices of a block, its places in `line`, or its index arrays if that is None, and for
    "fill" and "drop" the mask of what was inside. In blocks, all that is computed on the way stays
    in the cache; places may lie in memory that the next block uses again.
    """
    most = BLOCK // max(1, math.prod(sizes[len(where) :])) // max(1, len(users)) or 1
    # The index of an empty result is checked all the same, in one block.
    cut = math.prod(lead) > most
    rooms = {
        k: np.empty(min(most, where[k].size) if cut else where[k].size, arguments.INTP)
        for k in users
    }
    given = where[:1] if isinstance(where, np.ndarray) else [where[k] for k in users]
    # An array without gaps holds every place that NumPy lets through: there the caller's own arrays
    # will do, even if another thread changes them after the look.
    dense = mode == "raise" and line is not None and line[1:] == (_steps(sizes[: len(where)]), 0)
    fit = dense and len(where) > 1 and all(array.dtype == arguments.INTP for array in given)
    by_dims = fit and len(users) == len(where) and all(array.shape == lead for array in given)
    as_given = fit and all(map(_lies_along, given))  # to read what lies across twice takes longer
    # Of strided arrays, as the coordinates in an array of points, NumPy reads all side by side.
    at_once = (
        dense
        and len(users) > 2
        and all(abs(array.strides[-1]) > array.itemsize for array in given)
        and all(array.dtype.char in arguments.FIT_INTP for array in given)
    )
    for block, parts, shape in _parts(where, lead, most):
        places = valid = None
        if at_once:
            places = _ravelled(parts, sizes, shape)
        elif by_dims:
            places = _summed(parts, sizes, _cut(rooms[0], shape))
        if places is None:
            parts, at_once, by_dims = list(parts), False, False
            for k in users:
                as_given = as_given and not _is_outside(parts[k], sizes[k])
                if not as_given:
                    parts[k], inside = _resolve(parts[k], sizes[k], mode, check, rooms[k])
                    if inside is not None:
                        valid = inside if valid is None else valid & inside
            places = tuple(parts) if line is None else _positions(line, parts, rooms, shape)
        yield block, places, valid


def _parts(where, lead, most):
    """The slices of each block of at most `most`, its part of each index array, and its shape."""
    stacked = isinstance(where, np.ndarray)
    none_repeats = stacked or (len(where) > 0 and all(array.shape == lead for array in where))
    for block in _blocks(lead, most):
        parts, shape = where, lead
        if block and none_repeats:
            parts = where[(slice(None), *block)] if stacked else [array[block] for array in where]
            shape = parts[0].shape
        elif block:
            parts = [array[_repeated(block, array.shape, lead)] for array in where]
            shape = tuple(len(range(n)[span]) for n, span in zip(lead, block, strict=False))
            shape += lead[len(block) :]
        yield block, parts, shape


def _repeated(block, shape, lead):
    """The slices of a block of `lead` in an array of `shape`, which broadcasts to it."""
    spans = zip(block[len(lead) - len(shape) :], shape, strict=False)
    return (*(span if n > 1 else slice(None) for span, n in spans), ...)


def _blocks(shape, most):
    """The slices of the leading dims that cut `shape` into blocks of at most `most`, in C order."""
    if math.prod(shape) <= most:
        yield ()
        return
    n, inner = shape[0], math.prod(shape[1:])
    if inner > most:
        for i in range(n):
            for block in _blocks(shape[1:], most):
                yield (slice(i, i + 1), *block)
    else:
        pieces = -(-n // (most // inner))
        length = -(-n // pieces)
        for start in range(0, n, length):
            yield (slice(start, start + length),)


def _spans(shape):
    return tuple(map(slice, shape))


def _distinct(index):
    """`index` without what `broadcast_to` repeats; it broadcasts to the same."""
    if 0 not in index.strides:
        return index
    return index[tuple(slice(None if step else 1) for step in index.strides)]


def _depth(lines_shape, dim, index_shape, shape):
    """How many dims an index array is needed for: those after them are taken whole."""
    depth = len(shape)
    if index_shape[-1] != 1:
        return depth
    ends = list(zip(index_shape, shape, lines_shape, strict=True))
    while depth > dim + 1 and ends[depth - 1] == (1, shape[depth - 1], shape[depth - 1]):
        depth -= 1
    return depth


def _all_distinct(where):
    """Index arrays, each as by `_distinct`; one array stays one where nothing repeats."""
    if isinstance(where, np.ndarray) and 0 not in where.strides:
        return where
    return list(map(_distinct, where))


def _where_nd(full_shape, indices, components, lead, batch_dims):
    """
    The index arrays of gather_nd and scatter_nd, batch dims first, which broadcast to `lead`.

    One array, coordinates first, if `indices` is an ndarray without batch dims; else a list.
    """
    if type(indices) is np.ndarray and components and not batch_dims:
        last = indices.ndim - 1
        return indices.transpose(last, *range(last)).reshape(len(components), *lead)
    batch = [
        np.arange(n).reshape((-1,) + (1,) * (len(lead) - d - 1))
        for d, n in enumerate(full_shape[:batch_dims])
    ]
    return [*batch, *(component.reshape(lead) for component in components)]


def _places_along(lines_shape, shape, dim, index, mode, check):
    """Places in an array of `lines_shape` in C order: what `index`, broadcast to `shape`, names.

    `check` raises what is to be said of an index out of range.
    """
    if (
        mode != "raise"
        or index.dtype != arguments.INTP
        or not _lies_along(index)
        or _is_outside(index, lines_shape[dim])
    ):
        index = _resolve(index, lines_shape[dim], mode, check)[0]
    offsets = _small_offsets if math.prod(shape) <= SMALL * shape[dim] else _offsets
    others, step = offsets(lines_shape, shape, dim)
    if step == 1:
        return index + others
    places = index * step
    return np.add(places, others, out=places if places.shape == shape else None)


def _places_nd(full_shape, where, lead):
    """The same of coordinates of single items, or None where one is negative or too large.

    It is None, too, where they are many, or not all intp of the shape `lead`.
    """
    if not (
        len(where) > 1
        and math.prod(full_shape) > 0
        and 0 < math.prod(lead) <= BLOCK
        and all(array.dtype == arguments.INTP and array.shape == lead for array in where)
    ):
        return None
    if len(where) > 2 and not _lies_along(where[0]):
        return _ravelled(where, full_shape, lead)
    return _summed(where, full_shape, np.empty(lead, arguments.INTP))


def _offsets(lines_shape, shape, dim):
    """What the dims but one add to places in an array in C order, and the step along that one."""
    steps = _steps(lines_shape)
    grid = _grid(lines_shape, (*shape[:dim], 1, *shape[dim + 1 :]))
    return functools.reduce(np.add, map(np.multiply, grid, steps)), steps[dim]


_small_offsets = functools.lru_cache(32)(_offsets)


def _mesh(lines_shape, shape, axis, index):
    """Index arrays, one a dim, that broadcast to `shape`: `index` for `axis`, else counting."""
    shape = (*shape[:axis], 1, *shape[axis + 1 :])
    grid = _small_grid if max(shape) <= SMALL else _grid
    mesh = grid(lines_shape, shape)
    if index.ndim > len(shape):
        index = index.reshape(index.shape[: len(shape)])
    return (*mesh[:axis], index, *mesh[axis + 1 :])


def _grid(lines_shape, shape):
    return tuple(
        (np.zeros(n, int) if limit == 1 else np.arange(n)).reshape(-1, *(1,) * (len(shape) - d - 1))
        for d, (limit, n) in enumerate(zip(lines_shape, shape, strict=True))
    )


_small_grid = functools.lru_cache(32)(_grid)


def _with_rest(where, shape):
    """Index arrays for all dims of `shape`, where `where` has them for the first."""
    rest = shape[len(where) :]
    if not rest:
        return where
    where = [array.reshape(array.shape + (1,) * len(rest)) for array in where]
    return [*where, *np.ogrid[_spans(rest)]]


def _ravelled(parts, sizes, shape):
    """Places in an array in C order, or None where NumPy finds an index negative or too large."""
    try:
        places = np.ravel_multi_index(tuple(parts), sizes[: len(parts)])
    except ValueError:
        return None
    return places if places.shape == shape else np.broadcast_to(places, shape)


def _summed(parts, sizes, room):
    """As `_ravelled`, of parts that have the shape and dtype of `room`; faster for a few."""
    sizes = sizes[: len(parts)]
    if isinstance(parts, np.ndarray) and len(set(sizes)) == 1:
        outside = _is_outside(parts, sizes[0])  # one look at all
    else:
        outside = any(map(_is_outside, parts, sizes))
    if outside:
        return None
    places = parts[0]
    for k in range(1, len(parts)):
        places = np.add(np.multiply(places, sizes[k], out=room), parts[k], out=room)
    return places


@functools.lru_cache
def _steps(sizes):
    """How many items apart the positions along each dim of an array in C order are."""
    return tuple(math.prod(sizes[d + 1 :]) for d in range(len(sizes)))


def _positions(line, parts, rooms, shape):
    """The places in a line of what the index arrays `parts`, which broadcast to `shape`, name.

    `rooms` has lines of intp to work in, by dim.
    """
    _, steps, start = line
    terms = []
    for dim, (part, step) in enumerate(zip(parts, steps, strict=True)):
        room = rooms.get(dim)
        if step != 1:
            part = np.multiply(part, step, out=_cut(room, part.shape))
        terms.append((part, room))
    if start or not terms:
        terms.append((np.array(start), None))
    # What is small and broadcasts is summed first.
    terms.sort(key=lambda term: term[0].size)
    total, room = terms[0]
    for term, own in terms[1:]:
        if total.shape != shape or room is None:
            room = own if term.shape == shape else None
        total = np.add(total, term, out=_cut(room, shape))
    return total if total.shape == shape else np.broadcast_to(total, shape)


def _line(array, depth):
    """
    The memory of an array as one line of slices that are whole from dim `depth` on.

    Returns the line, the step of each leading dim in it, and the start; or None if there is none.
    NumPy indexes one line in order, and faster than more dims.
    """
    if array.flags.c_contiguous:
        return array.reshape(-1, *array.shape[depth:]), _steps(array.shape[:depth]), 0
    size = array.itemsize
    if depth < array.ndim or array.dtype.hasobject or any(step % size for step in array.strides):
        return None
    steps = tuple(step // size for step in array.strides)
    lowest = array[tuple(slice(None, None, -1 if step < 0 else 1) for step in steps)]
    reach = [abs(step) * (n - 1) for step, n in zip(steps, array.shape, strict=True)]
    items = lowest.view(np.dtype((np.void, size)))
    flat = np.lib.stride_tricks.as_strided(items, (1 + sum(reach),), (size,)).view(array.dtype)
    return flat, steps, sum(r for r, step in zip(reach, steps, strict=True) if step < 0)


def _is_flat(array):
    """Whether `_line` can see an array to write into: no two elements in one place."""
    if array.flags.c_contiguous or array.dtype.hasobject:
        return array.flags.c_contiguous
    size = array.itemsize
    steps = sorted((abs(s), n) for s, n in zip(array.strides, array.shape, strict=True) if n > 1)
    reach = size
    for step, n in steps:
        if step < reach or step % size:
            return False
        reach += step * (n - 1)
    return True


def take_flat(gather_nd, a, indices, out, mode, fill_value):
    """Take from an array in C order that does not lie so in memory, without a copy of it."""
    arguments.check_mode(mode, arguments.READ_MODES, out)
    where, mode = _unravel(a, indices, mode)
    return gather_nd(a, where, out=out, mode=mode, fill_value=fill_value)


def put_flat(scatter_nd, a, indices, values, mode):
    """The same for put_along_axis."""
    values = arguments.as_put_values(values, a.dtype, indices.shape)
    where, mode = _unravel(a, indices, mode)
    scatter_nd(a, where, values, out=a, mode=mode)


def _unravel(a, indices, mode):
    """The coordinates of flat `indices` into an array that is no line in memory, and their mode."""
    check = functools.partial(_check, indices, 0, a.size, mode)
    flat, valid = _resolve(indices, a.size, mode, check)
    coordinates = np.unravel_index(flat, a.shape)
    if valid is None:
        return coordinates, "raise"
    return (np.where(valid, coordinates[0], -1), *coordinates[1:]), mode
