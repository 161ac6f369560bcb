"""The pure-Python engine: every signature and docstring, and what each function means in NumPy.

The compiled engine has the same functions and takes its docstrings from here.
No loop runs over elements.
"""

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
        Used by ``mode="fill"``.

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
    index, valid = _resolve(indices, axis, lines.shape[axis], mode)
    where = _mesh(lines.shape, shape, axis, index)
    _write(lines, where, shape, valid, values, "set", True, lines)
    return None


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
    params = arguments.as_array(params, "params")
    arguments.check_mode(mode, arguments.READ_MODES, out)
    batch_dims = arguments.as_batch_dims(batch_dims, params.shape)
    components, shape = arguments.as_components(indices, params.ndim, batch_dims)
    arguments.check_batch_shape(batch_dims, params.shape, shape)
    result_shape = shape + params.shape[batch_dims + len(components) :]
    arguments.check_ndim(len(result_shape))
    where, valid = _resolve_nd(params.shape, indices, components, shape, batch_dims, mode)
    return _read(params, where, result_shape, valid, out, mode, fill_value)


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
    where, valid = _resolve_nd(data.shape, indices, components, shape, 0, mode)
    operation = arguments.ND_REDUCTIONS[reduction]
    return _write(data, where, (shape or (1,)) + rest, valid, updates, operation, True, out)


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


def _read_along(input, dim, index, shape, out, mode, fill_value):
    """What gather and take_along_axis share."""
    arguments.check_mode(mode, arguments.READ_MODES, out)
    lines = input if input.ndim else input[None]
    index, valid = _resolve(index, dim, lines.shape[dim], mode, private=not _is_line(lines))
    where = _mesh(lines.shape, shape or (1,), dim, index if input.ndim else index[None])
    return _read(lines, where, shape, valid, out, mode, fill_value)


def _read_slices(input, dim, index, out, mode, fill_value):
    """What index_select and take share."""
    arguments.check_mode(mode, arguments.READ_MODES, out)
    rest = input.shape[dim + 1 :]
    shape = input.shape[:dim] + index.shape + rest
    arguments.check_ndim(len(shape))
    index, valid = _resolve(index, dim, input.shape[dim], mode, private=not _is_line(input))
    if out is None and valid is None and input.size and _is_line(input):
        return input.take(index.reshape(-1), axis=dim).reshape(shape)
    where = (slice(None),) * dim + (index.reshape(-1),)
    if valid is not None:
        valid = valid.reshape(valid.shape + (1,) * len(rest))
    return _read(input, where, shape, valid, out, mode, fill_value)


def _read(input, where, shape, valid, out, mode, fill_value):
    """`input[where]` as an array of `shape`, except where `valid` says no."""
    if out is not None:
        arguments.check_out(out, shape, input.dtype)
    if input.size == 0:
        values = np.empty(shape, input.dtype)
    elif len(where) == arguments.MAX_DIMS or loses_strings(input, where):
        # The former is one more index array than NumPy takes.
        flat, steps, _ = _flat_view(np.ascontiguousarray(input))
        values = flat[_flat_positions(input.shape, steps, where, shape or (1,))].reshape(shape)
    elif where and not isinstance(where[0], slice) and _is_line(input):
        values = _take_positions(input, where, shape)
    elif where:
        values = input[where].reshape(shape)
    else:
        values = np.broadcast_to(input, shape).copy()
    if mode == "fill":
        fill = arguments.as_scalar(fill_value, input.dtype, "fill_value")
        np.copyto(values, fill, where=~valid)
    if out is None:
        return values
    np.copyto(out, values, where=valid if mode == "drop" else True)
    return out


def loses_strings(input, where):
    several = len(where) > 1 and not isinstance(where[0], slice)
    return STRINGS_ARE_LOST and several and input.dtype.kind == "T"


def _is_line(array):
    return array.flags.c_contiguous and array.flags.aligned


def _take_positions(input, where, shape):
    """`input[where]` of an array that is one line: from more dims NumPy takes more slowly."""
    lines = input.reshape(-1, *input.shape[len(where) :])
    steps = np.cumprod((1, *input.shape[len(where) - 1 : 0 : -1]), dtype=np.intp)[::-1]
    return lines.take(_sum_of_steps(steps, where), axis=0).reshape(shape)


def _scatter(input, dim, index, src, operation, include_self, out, mode):
    """The scatter functions of PyTorch."""
    arguments.check_mode(mode, arguments.WRITE_MODES)
    input, index = arguments.as_array(input, "input"), arguments.as_index(index)
    dim = arguments.as_dim(dim, input.ndim)
    reductions.check_defined(operation, input.dtype)
    arguments.check_gather_shapes(input.shape, dim, index.shape)
    src = arguments.as_values(src, input.dtype, "src")
    if src.ndim:
        arguments.check_src_shape(index.shape, src.shape)
        src = src[tuple(map(slice, index.shape))]
    shape, lines_shape = index.shape or (1,), input.shape or (1,)
    index, valid = _resolve(index, dim, lines_shape[dim], mode)
    where = _mesh(lines_shape, shape, dim, index.reshape(shape))
    return _write(input, where, shape, valid, src, operation, include_self, out)


def _index_write(input, dim, index, source, operation, include_self, out, mode, alpha=1):
    """The index functions of PyTorch that write."""
    arguments.check_mode(mode, arguments.WRITE_MODES)
    input, index = arguments.as_array(input, "input"), arguments.as_index(index)
    dim = arguments.as_dim(dim, input.ndim)
    reductions.check_defined(operation, input.dtype)
    arguments.check_index_1d(input.shape, index.shape)
    source = arguments.as_values(source, input.dtype, "source")
    if source.ndim:
        arguments.check_source_shape(input.shape, dim, index.size, source.shape)
    if type(alpha) is not int or alpha != 1:
        source = reductions.scale(
            source, arguments.as_scalar(alpha, input.dtype, "alpha"), input.dtype
        )
    lines_shape = input.shape or (1,)
    shape = lines_shape[:dim] + index.shape + lines_shape[dim + 1 :]
    index, valid = _resolve(index, dim, lines_shape[dim], mode)
    line = (-1,) + (1,) * (len(shape) - dim - 1)
    where = _mesh(lines_shape, shape, dim, index.reshape(line))
    valid = None if valid is None else valid.reshape(line)
    return _write(input, where, shape, valid, source, operation, include_self, out)


def _combine_runs(destination, axis, ends, values, operation):
    index = reductions.labels(ends)
    _index_write(destination, axis, index, values, operation, True, destination, "raise")


def _write(input, where, shape, valid, src, operation, include_self, out):
    """A copy of `input`, or `out`, with `src` combined into the elements at `where`."""
    if out is not None:
        arguments.check_out(out, input.shape, input.dtype)
    src = np.broadcast_to(src, shape).reshape(-1)
    # Other dtypes may raise half-way; theirs is a copy to work on.
    safe = operation == "set" or input.dtype.kind in "biufc"
    direct = out is not None and safe and _is_flat(out)
    result = out if direct else input.copy()
    flat, steps, start = _flat_view(result)
    if len(where) > input.ndim:
        steps = (0,)
    positions = _flat_positions(input.shape, steps, where, shape) + start
    if valid is not None:
        valid = np.broadcast_to(valid, shape).reshape(-1)
        positions, src = positions[valid], src[valid]
    if direct:
        src = src.copy() if np.may_share_memory(src, out) else src
        if out.ctypes.data != input.ctypes.data or out.strides != input.strides:
            # Not onto itself: a 0-d StringDType array is empty afterwards (NumPy 2.4).
            np.copyto(out, input)
    with np.errstate(all="ignore"):
        _combine(flat, positions, src, operation, include_self)
    if out is None or direct:
        return result
    np.copyto(out, result)
    return out


def _combine(flat, positions, src, operation, include_self=True):
    """Combine `src` into `flat[positions]`, in order."""
    if operation == "set":
        flat[positions] = src.copy() if STRINGS_ARE_LOST and flat.dtype.kind == "T" else src
    elif reductions.needs_accumulator(flat.dtype, operation):
        reductions.reduce_widened(
            flat,
            src,
            operation,
            include_self,
            lambda destination, values, step: _combine(destination, positions, values, step),
        )
    else:
        if not include_self:
            flat[positions] = arguments.identity(operation, flat.dtype)
        before = flat[positions]
        UFUNCS[operation].at(flat, positions, src)
        if flat.dtype.kind in "fc":
            _settle_bits(flat, positions, before, src, operation)


def _settle_bits(flat, positions, before, src, operation):
    """
    Where floats leave their bits open, settle them as the compiled engine does.

    A NaN that was in the destination stays, a new one is numpy.nan's; of zeros, "amax" takes
    0.0 and "amin" -0.0 where both occur.
    """
    if flat.dtype.kind == "c":
        if operation in ("sum", "prod"):
            src = np.broadcast_to(src, positions.shape)
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


def _resolve(index, dim, size, mode, private=True):
    """
    `index` in [0, size) as intp, and for "fill" and "drop" the mask of what was inside.

    NumPy checks an index array before it uses it, so that both must see a `private` copy: another
    thread may write into the user's. Only `ndarray.take` looks at each value once.
    """
    if private or mode != "raise":
        index = index.copy()
    if mode == "raise":
        low, high = (index.min(), index.max()) if index.size else (0, 0)
        if index.size and not (-size <= low and high < size):
            arguments.check_bounds(index, dim, size)
        index = index.astype(np.intp, copy=False)
        return np.where(index < 0, index + size, index) if low < 0 else index, None
    if mode in ("fill", "drop"):
        valid = (index >= 0) & ~arguments.out_of_bounds(index, size)
        return np.where(valid, index, 0).astype(np.intp), valid
    if index.size and not size:
        arguments.raise_empty_dim(mode, dim)
    wide = index.astype(np.uint64 if index.dtype.kind == "u" else np.int64, copy=False)
    if index.size:
        wide = wide % size if mode == "wrap" else np.clip(wide, 0, size - 1)
    return wide.astype(np.intp), None


def _resolve_nd(full_shape, indices, components, shape, batch_dims, mode):
    """The index arrays of gather_nd and scatter_nd, batch dims first, and what was inside."""
    sizes = full_shape[batch_dims:]
    if mode == "raise":
        arguments.check_bounds_nd(indices, components, sizes, batch_dims)
    lead = shape or (1,)
    where = [
        np.broadcast_to(np.arange(n).reshape((-1,) + (1,) * (len(lead) - d - 1)), lead)
        for d, n in enumerate(full_shape[:batch_dims])
    ]
    valid = None
    for k, component in enumerate(components):
        index, inside = _resolve(component.reshape(lead), batch_dims + k, sizes[k], mode)
        where.append(index)
        if inside is not None:
            valid = inside if valid is None else valid & inside
    if mode in ("fill", "drop"):
        valid = np.ones(lead, bool) if valid is None else valid
        valid = valid.reshape(shape + (1,) * (len(sizes) - len(components)))
    return tuple(where), valid


def _mesh(lines_shape, shape, axis, index):
    """Index arrays, one a dim, that broadcast to `shape`: `index` for `axis`, else counting."""
    mesh = [
        np.arange(1 if limit == 1 else n).reshape((-1,) + (1,) * (len(shape) - d - 1))
        for d, (limit, n) in enumerate(zip(lines_shape, shape, strict=True))
    ]
    mesh[axis] = index
    return tuple(mesh)


def _flat_positions(full_shape, steps, where, shape):
    """
    Where the elements at `where`, slices of trailing dims included, lie: positions in C order.

    A step along dim d of the array of shape `full_shape` goes `steps[d]` positions.
    """
    positions = np.zeros((1,) * (len(shape) - (len(steps) - len(where))), np.intp)
    if where:
        positions = positions + _sum_of_steps(steps[: len(where)], where)
    for step, n in zip(steps[len(where) :], full_shape[len(where) :], strict=True):
        positions = positions[..., None] + step * np.arange(n)
    return np.broadcast_to(positions, shape).reshape(-1)


def _sum_of_steps(steps, where):
    """The sum of `step * index`; what is small and broadcasts is summed first."""
    total = 0
    for step, index in sorted(zip(steps, where, strict=True), key=lambda pair: pair[1].size):
        total = total + (index if step == 1 else step * index)
    return total


def _is_flat(array):
    """Whether `_flat_view` can see an array: whole items apart, no two elements in one place."""
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


def _flat_view(array):
    """
    The memory of an array as one line: a 1-D view, the step of each dim in it, and the start.

    NumPy indexes one line in order; in more dims it may choose another order.
    """
    if array.flags.c_contiguous:
        steps = np.cumprod((1, *array.shape[:0:-1]), dtype=np.intp)[::-1] if array.ndim else ()
        return array.reshape(-1), tuple(steps), 0
    steps = tuple(stride // array.itemsize for stride in array.strides)
    lowest = array[tuple(slice(None, None, -1 if step < 0 else 1) for step in steps)]
    reach = [abs(step) * (n - 1) for step, n in zip(steps, array.shape, strict=True)]
    items = lowest.view(np.dtype((np.void, array.itemsize)))
    flat = np.lib.stride_tricks.as_strided(items, (1 + sum(reach),), (array.itemsize,))
    return (
        flat.view(array.dtype),
        steps,
        sum(r for r, step in zip(reach, steps, strict=True) if step < 0),
    )


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
    flat, valid = _resolve(indices, 0, a.size, mode)
    coordinates = np.unravel_index(flat, a.shape)
    if valid is None:
        return coordinates, "raise"
    return (np.where(valid, coordinates[0], -1), *coordinates[1:]), mode
