"""Ragged data: rows of different lengths to padded arrays or to full packs, and back.

Ragged data is held as `values`, all rows end to end, and `lengths`, one number a row. Everything
is built on the public functions, so that it runs on both engines.
"""

import numpy as np

import fastgather
from fastgather import _arguments as arguments

__all__ = ["pack_sequences", "pad", "unpack_sequences", "unpad"]


def pad(values, lengths, fill_value=0):
    """
    Pad ragged rows to the length of the longest.

    Parameters
    ----------
    values : array_like
        The rows end to end: shape [total, ...], of any dtype.
    lengths : array_like of int
        The lengths of the N rows, 1-D. They add up to ``len(values)``.
    fill_value : scalar, optional
        What stands behind the end of a row. It converts to the dtype of `values`; 0 is also
        False.

    Returns
    -------
    ndarray
        Shape [N, max(lengths), ...], of the dtype of `values`.

    Raises
    ------
    TypeError
        If `lengths` does not hold integers, `values` is a masked array, or `fill_value` does
        not convert.
    ValueError
        If `lengths` is not 1-D, holds a negative number, or does not add up to
        ``len(values)``.

    See Also
    --------
    unpad : The inverse.
    pack_sequences : Less padding: several rows in one.

    Notes
    -----
    The result is that of ::

        for i, n in enumerate(lengths):
            padded[i, :n] = values[starts[i]:starts[i] + n]

    read with ``mode="fill"`` and an index that is -1 behind the end of each row.

    Examples
    --------
    >>> import numpy, fastgather.masking as masking
    >>> masking.pad(numpy.array([1, 2, 3, 4, 5, 6]), [3, 1, 2], fill_value=-9)
    array([[ 1,  2,  3],
           [ 4, -9, -9],
           [ 5,  6, -9]])
    """
    values = _as_rows(values, "values")
    lengths = _as_lengths(lengths, len(values))
    column = np.arange(lengths.max(initial=0))
    index = np.where(column < lengths[:, None], _starts(lengths)[:, None] + column, -1)
    return _take_rows(values, index, fill_value)


def unpad(padded, lengths):
    """
    Join the rows of a padded array without their padding: the inverse of `pad`.

    Parameters
    ----------
    padded : array_like
        Shape [N, L, ...], of any dtype.
    lengths : array_like of int
        Shape [N]: how much of each row counts, from 0 to L.

    Returns
    -------
    ndarray
        The rows end to end: shape [sum(lengths), ...], of the dtype of `padded`.

    Raises
    ------
    TypeError
        If `lengths` does not hold integers or `padded` is a masked array.
    ValueError
        If `padded` is not at least 2-D, or `lengths` is not of shape [N] or holds a number
        outside 0 to L.

    Examples
    --------
    >>> import fastgather.masking as masking
    >>> masking.unpad([[1, 2, 3], [4, 0, 0], [5, 6, 0]], [3, 1, 2])
    array([1, 2, 3, 4, 5, 6])
    """
    padded = arguments.as_array(padded, "padded")
    if padded.ndim < 2:
        raise ValueError(f"padded must have shape [N, L, ...], but has shape {padded.shape}")
    lengths = _as_lengths(lengths)
    if len(lengths) != len(padded):
        raise ValueError(f"{len(padded)} rows need as many lengths, not {len(lengths)}")
    if lengths.max(initial=0) > padded.shape[1]:
        row = np.argmax(lengths > padded.shape[1])
        raise ValueError(
            f"length {lengths[row]} of row {row} is more than the {padded.shape[1]} that rows hold"
        )
    lengths = lengths.astype(np.intp)
    row = np.repeat(np.arange(len(lengths)), lengths)
    return fastgather.gather_nd(padded, (row, _positions(lengths)))


def pack_sequences(values, lengths, row_length, fill_value=0):
    """
    Pack sequences into few rows of a fixed length, without cutting any.

    Parameters
    ----------
    values : array_like
        The sequences end to end: shape [total, ...], of any dtype.
    lengths : array_like of int
        The lengths of the sequences, 1-D. They add up to ``len(values)``.
    row_length : int
        What a row holds; no sequence may be longer.
    fill_value : scalar, optional
        What stands behind the last sequence of a row.

    Returns
    -------
    packed : ndarray
        Shape [M, row_length, ...], of the dtype of `values`.
    segment_ids : ndarray of int64
        Shape [M, row_length]: the number of the sequence that a place belongs to, -1 where it
        holds `fill_value`. An attention mask is
        ``segment_ids[:, :, None] == segment_ids[:, None, :]``.
    positions : ndarray of int64
        Shape [M, row_length]: the position of a place in its sequence, 0 for `fill_value`.

    Raises
    ------
    TypeError
        As in `pad`, or if `row_length` is no integer.
    ValueError
        As in `pad`, or if `row_length` is less than a sequence's length, or negative.

    See Also
    --------
    unpack_sequences : The inverse.

    Notes
    -----
    Best fit decreasing: the sequences, from the longest to the shortest, each go into the
    fullest row that still has room. Sequences of one length are placed together, as in Krell
    et al., "Efficient sequence packing without cross-contamination", arXiv 2107.02027, so that
    the time depends on how many different lengths there are. A sequence of length 0 takes no
    place.

    Examples
    --------
    >>> import numpy, fastgather.masking as masking
    >>> values = numpy.array([10, 11, 20, 30, 31, 32])
    >>> packed, segment_ids, positions = masking.pack_sequences(values, [2, 1, 3], 4)
    >>> packed
    array([[30, 31, 32, 20],
           [10, 11,  0,  0]])
    >>> segment_ids
    array([[ 2,  2,  2,  1],
           [ 0,  0, -1, -1]])
    >>> masking.unpack_sequences(packed, segment_ids)
    array([10, 11, 20, 30, 31, 32])
    """
    values = _as_rows(values, "values")
    lengths = _as_lengths(lengths, len(values))
    row_length = arguments.as_integer(row_length, "row_length")
    if row_length < 0:
        raise ValueError(f"row_length must not be negative, but is {row_length}")
    if lengths.max(initial=0) > row_length:
        longest = np.argmax(lengths > row_length)
        raise ValueError(
            f"sequence {longest} of length {lengths[longest]} does not fit a row of {row_length}: "
            "cut it, or make row_length larger"
        )
    places, rows = _best_fit(lengths, row_length)
    place = np.repeat(places, lengths) + _positions(lengths)

    def placed(items, empty):
        result = np.full(rows * row_length, empty, np.int64)
        return fastgather.scatter(result, 0, place, items, out=result).reshape(rows, row_length)

    index = placed(np.arange(len(values)), -1)
    packed = _take_rows(values, index, fill_value)
    segment_ids = placed(np.repeat(np.arange(len(lengths)), lengths), -1)
    return packed, segment_ids, placed(_positions(lengths), 0)


def unpack_sequences(packed, segment_ids):
    """
    Join the sequences of packed rows in their first order: the inverse of `pack_sequences`.

    Parameters
    ----------
    packed : array_like
        Shape [M, L, ...]; a model's output for packed rows will do.
    segment_ids : array_like of int
        Shape [M, L], as `pack_sequences` returns them. Places with a negative number are left
        out.

    Returns
    -------
    ndarray
        The sequences end to end: shape [total, ...], of the dtype of `packed`.

    Raises
    ------
    TypeError
        If `segment_ids` does not hold integers or `packed` is a masked array.
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> import fastgather.masking as masking
    >>> masking.unpack_sequences([[7, 8, 9], [5, 6, 0]], [[1, 1, 2], [0, 0, -1]])
    array([5, 6, 7, 8, 9])
    """
    packed = arguments.as_array(packed, "packed")
    segment_ids = arguments.as_index(segment_ids, "segment_ids")
    if segment_ids.ndim != 2 or packed.shape[:2] != segment_ids.shape:
        raise ValueError(
            f"segment_ids must have the first two dims of packed: packed has shape "
            f"{packed.shape}, segment_ids {segment_ids.shape}"
        )
    number = segment_ids.reshape(-1)
    begins = np.ones(number.size, bool)
    np.not_equal(number[1:], number[:-1], out=begins[1:])
    starts = np.flatnonzero(begins)
    lengths = np.diff(starts, append=number.size)
    order = np.argsort(number[starts], kind="stable")
    order = order[number[starts[order]] >= 0]
    place = np.repeat(starts[order], lengths[order]) + _positions(lengths[order])
    return fastgather.gather_nd(packed, np.divmod(place, segment_ids.shape[1] or 1))


def _as_rows(values, name):
    values = arguments.as_array(values, name)
    if values.ndim == 0:
        raise ValueError(f"{name} must have shape [total, ...], but it is a scalar")
    return values


def _take_rows(values, index, fill_value):
    """The rows at `index`, and `fill_value` for -1."""
    fill_value = arguments.as_fill(fill_value, values.dtype, "fill_value")
    return fastgather.take(values, index, axis=0, mode="fill", fill_value=fill_value)


def _as_lengths(lengths, total=None):
    """`lengths` as 1-D integers; of intp, and adding up to `total`, if that is given."""
    if np.size(lengths) == 0 and not isinstance(lengths, np.ndarray):
        lengths = np.asarray(lengths, np.int64)  # [] alone would hold floats
    lengths = arguments.as_index(lengths, "lengths")
    if lengths.ndim != 1:
        raise ValueError(f"lengths must be 1-D, but has shape {lengths.shape}")
    if lengths.min(initial=0) < 0:
        row = np.argmax(lengths < 0)
        raise ValueError(f"lengths must not be negative, but lengths[{row}] is {lengths[row]}")
    if total is None:
        return lengths
    # No length is more than `total`, so that their sum does not overflow.
    if lengths.max(initial=0) > total or lengths.sum() != total:
        raise ValueError(
            f"lengths add up to {sum(lengths.tolist())}, but values has {total} rows: they must "
            "be the same"
        )
    return lengths.astype(np.intp)


def _starts(lengths):
    return np.cumsum(lengths) - lengths


def _positions(lengths):
    """0 to n - 1 for each length n, end to end."""
    return np.arange(lengths.sum()) - np.repeat(_starts(lengths), lengths)


def _best_fit(lengths, row_length):
    """Where each sequence starts in the rows end to end, and how many rows there are."""
    starts, room = np.zeros_like(lengths), np.zeros(0, np.intp)
    sizes, counts = np.unique(lengths, return_counts=True)
    groups = np.split(np.argsort(lengths, kind="stable"), np.cumsum(counts))[:-1]
    for length, group in zip(sizes[::-1], groups[::-1], strict=True):
        if length == 0:
            break
        rows = np.flatnonzero(room >= length)
        rows = rows[np.argsort(room[rows], kind="stable")]  # the fullest first
        missing = len(group) - (room[rows] // length).sum()
        if missing > 0:
            new = -(-missing // (row_length // length))
            rows = np.append(rows, len(room) + np.arange(new))
            room = np.append(room, np.full(new, row_length))
        fits = room[rows] // length
        fits = fits[: np.searchsorted(np.cumsum(fits), len(group)) + 1]
        row = np.repeat(rows[: len(fits)], fits)[: len(group)]
        before = row_length - room[row] + length * _positions(fits)[: len(group)]
        starts[group] = row * row_length + before
        room -= length * np.bincount(row, minlength=len(room))
    return starts, len(room)
