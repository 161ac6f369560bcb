"""What gather does: its formula, its elements one by one, its picture, and the way back.

Everything is built on the public functions, so that it runs on both engines. Only `draw` needs
matplotlib.
"""

import math
import warnings
from pathlib import Path

import numpy as np

import fastgather
from fastgather import _arguments as arguments

__all__ = ["draw", "find_index", "formula", "trace"]

LETTERS = "ijklmnopqrstuvwxyz"

# What stands in the place of dim, and the formula. `here` is [i][j][k], `there` the same with that
# place, `letter` the letter of dim, `free` a letter that no dim has.
FORMULAS = {
    "gather": ("index{here}", "out{here} = input{there}"),
    "scatter": ("index{here}", "out{there} = src{here}"),
    "scatter_add": ("index{here}", "out{there} += src{here}"),
    "scatter_reduce": ("index{here}", "out{there} = reduce(out{there}, src{here})"),
    "index_select": ("index[{letter}]", "out{here} = input{there}"),
    "index_copy": ("index[{letter}]", "out{there} = source{here}"),
    "index_add": ("index[{letter}]", "out{there} += alpha * source{here}"),
    "index_fill": ("index[{letter}]", "out{there} = value"),
    "index_reduce": ("index[{letter}]", "out{there} = reduce(out{there}, source{here})"),
    "take": ("indices[{letter}]", "out{here} = a{there}"),
    "take_along_axis": ("indices{here}", "out{here} = arr{there}"),
    "put_along_axis": ("indices{here}", "arr{there} = values{here}"),
    "gather_nd": ("indices{row}[{number}]", "out{here} = params{there}"),
    "scatter_nd": ("indices{row}[{number}]", "out{there} = updates{here}"),
    "segment_reduce": (
        "{free}",
        "out{here} = reduce(data{there} for {free} in range(offsets[{letter}], "
        "offsets[{letter} + 1]))",
    ),
}
NEEDS_A_DIM = ("take_along_axis", "put_along_axis", "segment_reduce")

FORMATS = (".png", ".svg")
MOST_CELLS = 1000  # of an array that is drawn


def formula(ndim, dim, op="gather"):
    """
    Write what a function does to each element, as a line of Python.

    Parameters
    ----------
    ndim : int
        Rank of the first argument of the function, from 0 to 64.
    dim : int
        Dim that the index points into. For "gather_nd" and "scatter_nd", which take none, the
        last dim that has a coordinate.
    op : str, optional
        Name of a function of `fastgather` that reads or writes.

    Returns
    -------
    str
        The line. It holds for all values of the letters, each of which counts one dim of the
        result of a function that reads, or of what a function that writes takes its values from.

    Raises
    ------
    IndexError
        If `dim` is out of range.
    TypeError
        If `ndim` or `dim` is no integer.
    ValueError
        If `ndim` or `op` is out of range.

    Notes
    -----
    `out` of the functions that write is a copy of `input` or `data` at first. The index of
    `take` may have any rank and has one dim here; so have the batch dims of the N-d functions.
    ``reduce`` stands for the reduction. "gather_nd" and "scatter_nd" stand here without batch
    dims and without reduction.

    Examples
    --------
    >>> from fastgather import explain
    >>> explain.formula(3, 1)
    'out[i][j][k] = input[i][index[i][j][k]][k]'
    >>> explain.formula(2, -1, "scatter_add")
    'out[i][index[i][j]] += src[i][j]'
    >>> explain.formula(3, 0, "index_select")
    'out[i][j][k] = input[index[i]][j][k]'
    """
    arguments.check_choice(op, FORMULAS, "op")
    ndim = arguments.as_integer(ndim, "ndim")
    least = int(op in NEEDS_A_DIM)
    if not least <= ndim <= arguments.MAX_DIMS:
        raise ValueError(f"{op} takes from {least} to {arguments.MAX_DIMS} dims, not {ndim}")
    dim = arguments.as_dim(dim, ndim)
    letters = _letters(ndim)
    place, line = FORMULAS[op]
    here, there = letters[:ndim], letters[:ndim]
    fields = {"letter": letters[dim], "free": letters[ndim], "here": _brackets(here)}
    if op.endswith("_nd"):
        here[: dim + 1] = letters[:1]
        row = _brackets(letters[:1])
        there[: dim + 1] = [place.format(row=row, number=n) for n in range(min(dim + 1, ndim))]
        fields["here"] = _brackets(here)
    else:
        there[dim : dim + 1] = [place.format(**fields)] * min(1, ndim)
    return line.format(there=_brackets(there), **fields)


def trace(input, dim, index, position=None):
    """
    Tell which element of `input` a gather takes for each element of its result.

    Parameters
    ----------
    input, dim, index
        As `fastgather.gather` takes them.
    position : int or tuple of int, optional
        The one element of the result to tell of. By default all, in C order.

    Returns
    -------
    str
        A line for each element. Where the call would raise instead: the error, the rule that
        it broke, and what would do.

    Raises
    ------
    IndexError
        If `position` is outside the result.

    See Also
    --------
    draw : The same as a picture.

    Examples
    --------
    >>> from fastgather import explain
    >>> x = [[10, 11, 12], [20, 21, 22]]
    >>> print(explain.trace(x, 1, [[2, 0], [1, -1]]))
    out[0][0] = input[0][index[0][0]] = input[0][2] = 12
    out[0][1] = input[0][index[0][1]] = input[0][0] = 10
    out[1][0] = input[1][index[1][0]] = input[1][1] = 21
    out[1][1] = input[1][index[1][1]] = input[1][-1] = input[1][2] = 22
    >>> print(explain.trace(x, 1, [[2, 0], [1, 7]]))
    IndexError: index 7 at position (1, 1) is out of bounds for dim 1 with size 3
    rule: index values are in [-3, 3), as input has size 3 in dim 1
    what would do: values from -3 to 2, or mode="wrap", "clip" or "fill"
    """
    try:
        out = fastgather.gather(input, dim, index)
    except (IndexError, TypeError, ValueError) as error:
        rule, remedy = _broken_rule(input, dim, index)
        return f"{type(error).__name__}: {error}\nrule: {rule}\nwhat would do: {remedy}"
    input, index = np.asarray(input), np.asarray(index)
    dim = arguments.as_dim(dim, input.ndim)
    if position is not None:
        return _trace_one(input, dim, index, out, _as_position(position, index.shape))
    if index.size == 0:
        return f"index of shape {index.shape} has no elements, so that nothing is gathered"
    return "\n".join(_trace_one(input, dim, index, out, p) for p in np.ndindex(index.shape))


def find_index(input, output, dim=None):
    """
    Read a gather backwards: find a dim and an index that give `output`.

    Parameters
    ----------
    input : array_like
        What was gathered from, of any dtype that NumPy sorts, or hashable objects.
    output : array_like
        What was gathered, of the rank of `input`.
    dim : int, optional
        The dim to explain `output` along. By default all are tried, from 0 on.

    Returns
    -------
    dim : int
        The lowest dim for which there is an index, or the one that was given, from 0 on.
    index : ndarray of int64
        Of the shape of `output`, with ``gather(input, dim, index) == output``. Where a value
        occurs more than once, the lowest index.

    Raises
    ------
    IndexError
        If `dim` is out of range.
    TypeError
        If an input is a masked array, or its elements have no order and are not hashable.
    ValueError
        If the shapes do not fit, or for the first element in C order that no index explains.

    Notes
    -----
    Values are equal as NumPy compares them, 0.0 and -0.0 too, and NaN equals NaN whatever its
    bits. Where the dtypes differ, only values of `output` that convert to the dtype of `input`
    without a loss are found. All values are sorted once: O(n log n).

    Examples
    --------
    >>> import numpy
    >>> from fastgather import explain
    >>> x = numpy.arange(24).reshape(2, 3, 4)
    >>> dim, index = explain.find_index(x, [[[0, 1, 2, 3], [8, 9, 10, 11]]])
    >>> dim
    1
    >>> index
    array([[[0, 0, 0, 0],
            [2, 2, 2, 2]]])
    >>> explain.find_index([1, 2, 3], [3, 5])
    Traceback (most recent call last):
    ValueError: no index explains 5 at position (1,) of output: it is not in input[:]
    """
    input, output = arguments.as_array(input, "input"), arguments.as_array(output, "output")
    dims = range(max(1, input.ndim)) if dim is None else [arguments.as_dim(dim, input.ndim)]
    fitting = [d for d in dims if _fits(input.shape, d, output.shape)]
    if not fitting:
        raise ValueError(_why_it_does_not_fit(input.shape, dims, output.shape))
    source, wanted = _codes(input, output)
    missing = {}
    for d in fitting:
        index, found = _search(source, d, wanted)
        if found.all():
            return d, index
        missing[d] = ~found
    raise ValueError(_what_is_missing(output, missing))


def draw(input, dim, index, path=None):
    """
    Draw a gather: each element of the result in the colour of the one that it was taken from.

    Parameters
    ----------
    input, dim, index
        As `fastgather.gather` takes them, with 1 to 3 dims.
    path : str or pathlib.Path, optional
        A ``.png`` or ``.svg`` file to write. The same call writes the same bytes.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    IndexError, TypeError
        As `fastgather.gather`.
    ValueError
        As `fastgather.gather`; also for a rank that cannot be drawn, for arrays too large to be
        read, or for another kind of file.

    See Also
    --------
    trace : The same in words.

    Notes
    -----
    Hues count the positions along `dim`, and shades the lines. One element whose index moves it
    has its path marked: from the index to the input to the result.

    Examples
    --------
    >>> from fastgather import explain
    >>> figure = explain.draw([[10, 11, 12], [20, 21, 22]], 1, [[2, 0], [1, 1]])
    >>> figure.savefig("gather.pdf")  # doctest: +SKIP
    """
    out = fastgather.gather(input, dim, index)
    input, index = np.asarray(input), np.asarray(index)
    _check_drawable(input, index)
    if path is not None and Path(path).suffix.lower() not in FORMATS:
        raise ValueError(f"draw writes {' and '.join(FORMATS)} files, not {str(path)!r}")
    try:
        import matplotlib.figure  # noqa: F401

        from fastgather import _picture
    except ImportError as error:
        raise ImportError(
            f'draw needs matplotlib ({error}): python -m pip install "fastgather[demo]"'
        ) from error
    dim = arguments.as_dim(dim, input.ndim)
    figure = _picture.picture(input, dim, index, out)
    if path is not None:
        _picture.save(figure, Path(path))
    return figure


def _letters(ndim):
    """A letter for each dim and one more."""
    return list(LETTERS) if ndim < len(LETTERS) else [f"i{d}" for d in range(ndim + 1)]


def _brackets(items):
    return "".join(f"[{item}]" for item in items)


def _trace_one(input, dim, index, out, position):
    place = int(index[position])
    here = [str(i) for i in position]
    named = [*here[:dim], f"index{_brackets(here)}", *here[dim + 1 :]]
    steps = [f"out{_brackets(here)}"]
    if input.ndim == 0:
        return f"out = input = {as_text(out[()])}"
    steps.append(f"input{_brackets(named)}")
    for value in [place] if place >= 0 else [place, place + input.shape[dim]]:
        steps.append(f"input{_brackets([*here[:dim], value, *here[dim + 1 :]])}")
    return " = ".join([*steps, as_text(out[position])])


def as_text(value):
    """An element as it would be typed, without the name of its dtype."""
    if isinstance(value, np.str_ | np.bytes_):
        return repr(value.item())
    return str(value) if isinstance(value, np.generic) else repr(value)


def _as_position(position, shape):
    if np.ndim(position) == 0:
        position = (position,)
    position = tuple(arguments.as_integer(i, "each number of position") for i in position)
    if len(position) != len(shape) or any(
        not -n <= i < n for i, n in zip(position, shape, strict=True)
    ):
        raise IndexError(f"position {position} is outside the result, whose shape is {shape}")
    return tuple(i % n for i, n in zip(position, shape, strict=True))


def _broken_rule(input, dim, index):
    """The first rule that arguments of gather break, in the order of its checks, and a remedy."""
    if any(isinstance(array, np.ma.MaskedArray) for array in (input, index)):
        return "arrays are not masked", "array.filled(value), or array.data"
    try:
        input, index = np.asarray(input), np.asarray(index)
    except ValueError:
        return "input and index are arrays", "nested lists whose rows are of the same length"
    ndim = input.ndim
    if index.dtype.kind not in "iu":
        return "index holds integers", "index.astype(int), if its numbers are whole"
    try:
        dim = arguments.as_dim(dim, ndim)
    except (IndexError, TypeError):
        most = max(1, ndim)
        return f"dim is an integer in [-{most}, {most})", f"a dim from {-most} to {most - 1}"
    fitting = ", ".join("any" if d == dim else str(n) for d, n in enumerate(input.shape))
    fitting = f"an index of shape ({fitting}{',' * (ndim == 1)})"
    if index.ndim != ndim:
        remedy = f"{fitting} or less" if ndim else "an index of shape ()"
        return f"index has the rank of input, which is {ndim}", remedy
    if not _fits(input.shape, dim, index.shape):
        rule = f"index.shape[d] <= input.shape[d] for every d other than dim, which is {dim}"
        return rule, f"{fitting} or less"
    size = input.shape[dim] if ndim else 1
    rule = f"index values are in [{-size}, {size}), as input has size {size} in dim {dim}"
    if size == 0:
        return rule, "an index without elements"
    return rule, f'values from {-size} to {size - 1}, or mode="wrap", "clip" or "fill"'


def _fits(input_shape, dim, output_shape):
    """Whether a gather along `dim` can have a result of this shape."""
    return len(input_shape) == len(output_shape) and all(
        n <= limit
        for d, (n, limit) in enumerate(zip(output_shape, input_shape, strict=True))
        if d != dim
    )


def _why_it_does_not_fit(input_shape, dims, output_shape):
    rule = "every dim but one" if len(dims) > 1 else f"every dim but {dims[0]}"
    return (
        f"output of shape {output_shape} is no gather of input of shape {input_shape}: it must "
        f"have the same rank, and in {rule} be no longer than input"
    )


def _codes(input, output):
    """Integers that are equal where values are; -1 for what `input` cannot hold."""
    strange = np.zeros(output.shape, bool)
    if output.dtype != input.dtype:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", np.exceptions.ComplexWarning)
            try:
                converted = output.astype(input.dtype)
                strange = converted != output
            except (OverflowError, TypeError, ValueError):  # such as 'a' to an integer
                return _codes(input.astype(object), output.astype(object))
        strange = strange & ~((converted != converted) & (output != output))
        output = converted
    together = np.concatenate([input.reshape(-1), output.reshape(-1)])
    if together.dtype.isbuiltin == 2 and np.can_cast(together.dtype, np.float64):
        together = together.astype(np.float64)  # ml_dtypes, whose NaN numpy.unique does not know
    if together.dtype.kind == "O":
        codes = _object_codes(together)
    else:
        codes = np.unique(together, return_inverse=True)[1]
    source, wanted = codes[: input.size].reshape(input.shape), codes[input.size :]
    return source, np.where(strange, -1, wanted.reshape(output.shape))


def _object_codes(items):
    """The same for objects, which are hashed: None has no order, and NaN spoils that of others."""
    codes = {}
    return np.array(
        [codes.setdefault(item if item == item else math.nan, len(codes)) for item in items], int
    )


def _search(source, dim, wanted):
    """For each code wanted the lowest place along `dim` in its line, and whether there is one."""
    if wanted.ndim == 0:
        return np.zeros((), np.int64), source == wanted
    lines = source[tuple(slice(None if d == dim else n) for d, n in enumerate(wanted.shape))]
    if lines.size == 0:
        return np.zeros(wanted.shape, np.int64), np.zeros(wanted.shape, bool)
    lines, wanted = np.moveaxis(lines, dim, -1), np.moveaxis(wanted, dim, -1)
    length = lines.shape[-1]
    codes = 2 + max(lines.max(), wanted.max(initial=0))  # from -1 on
    base = np.arange(lines.size // length).reshape(*lines.shape[:-1], 1) * codes + 1
    keys = (base + lines).reshape(-1)
    order = np.argsort(keys, kind="stable")
    keys, wanted = keys[order], base + wanted
    place = np.minimum(np.searchsorted(keys, wanted), keys.size - 1)
    index, found = order[place] % length, keys[place] == wanted
    return np.moveaxis(index, -1, dim).astype(np.int64, order="C"), np.moveaxis(found, -1, dim)


def _what_is_missing(output, missing):
    """The words for the first element that no index explains, along any dim or each by itself."""
    nowhere = np.logical_and.reduce(list(missing.values()))

    def first(where):
        position = np.unravel_index(np.argmax(where), where.shape)
        position = tuple(map(int, position))
        return position, f"{as_text(output[position])} at position {position} of output"

    def line(position, dim):
        places = ", ".join(":" if d == dim else str(i) for d, i in enumerate(position))
        return f"input[{places}]" if position else "input"

    if nowhere.any():
        position, element = first(nowhere)
        lines = " or ".join(line(position, dim) for dim in missing)
        return f"no index explains {element}: it is not in {lines}"
    firsts = []
    for dim, where in missing.items():
        position, element = first(where)
        firsts.append(f"dim {dim} not {element}, which is not in {line(position, dim)}")
    return "no single dim explains all of output: " + "; ".join(firsts)


def _check_drawable(input, index):
    if not 1 <= input.ndim <= 3:
        raise ValueError(f"draw takes arrays of 1 to 3 dims, not {input.ndim}: take a part of them")
    if max(input.size, index.size) > MOST_CELLS:
        raise ValueError(
            f"draw takes up to {MOST_CELLS} elements, not input of shape {input.shape} and index "
            f"of shape {index.shape}: take a part of them"
        )
