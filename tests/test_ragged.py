"""fastgather.ragged against the definitions in plain loops. Every test runs on both engines."""

import numpy as np
import pytest
from calls import DTYPES, assert_same, random_data

from fastgather import masking, ragged

pytestmark = pytest.mark.usefixtures("each_engine")

LENGTHS = [[3, 1, 2], [0, 4, 0, 0, 1, 0], [5], [0], [], [1] * 9, [0, 0]]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def rows_of(values, lengths):
    ends = np.cumsum(lengths, dtype=int)
    return [values[end - n : end] for n, end in zip(lengths, ends, strict=True)]


def padded_by(values, lengths, fill):
    padded = np.empty((len(lengths), max(lengths, default=0), *values.shape[1:]), values.dtype)
    padded[...] = fill
    for i, row in enumerate(rows_of(values, lengths)):
        for j, value in enumerate(row):
            padded[i, j] = value
    return padded


def rows_needed(lengths, row_length):
    """Best fit decreasing, sequence by sequence: each into the fullest row with room."""
    rooms = []
    for length in sorted(filter(None, lengths), reverse=True):
        fitting = [room for room in rooms if room >= length]
        room = min(fitting, default=row_length)
        if fitting:
            rooms.remove(room)
        rooms.append(room - length)
    return len(rooms)


@pytest.mark.parametrize("lengths", LENGTHS, ids=str)
@pytest.mark.parametrize("trailing", [(), (2,), (2, 0), (1, 3)])
@pytest.mark.parametrize("fill", [0, -1.5, np.nan])
def test_pad_and_unpad(rng, lengths, trailing, fill):
    values = rng.random((sum(lengths), *trailing))
    values.flags.writeable = False
    padded = ragged.pad(values, lengths, fill)
    assert_same(padded, padded_by(values, lengths, fill))
    assert_same(ragged.unpad(padded, lengths), values)
    assert_same(ragged.unpad(padded[:, ::-1][:, ::-1], np.array(lengths, np.uint8)), values)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_any_dtype(rng, dtype):
    values, lengths = random_data(rng, (7, 2), dtype), [2, 0, 4, 1]
    fill = values[0, 0]
    padded = ragged.pad(values, lengths, fill)
    assert_same(padded, padded_by(values, lengths, fill))
    assert_same(ragged.unpad(padded, lengths), values)
    packed, segment_ids, _ = ragged.pack_sequences(values, lengths, 5, fill)
    assert_same(ragged.unpack_sequences(packed, segment_ids), values)


@pytest.mark.parametrize("dtype", ["i1", "u1", "i4", "u8", ">i2"])
def test_lengths_of_any_dtype(dtype):
    padded = ragged.pad([1, 2, 3], np.array([2, 1], dtype))
    assert padded.tolist() == [[1, 2], [3, 0]]


def assert_packed(values, lengths, row_length, fill, result):
    """Every sequence is whole, once, in one row; the rest is fill behind the sequences."""
    packed, segment_ids, positions = result
    assert packed.shape == (*segment_ids.shape, *values.shape[1:])
    assert packed.dtype == values.dtype
    assert (segment_ids.dtype, positions.dtype) == (np.int64, np.int64)
    assert segment_ids.shape == positions.shape
    assert segment_ids.shape[1] == row_length
    found = []
    for row in range(len(packed)):
        column = 0
        while column < row_length and segment_ids[row, column] >= 0:
            number = segment_ids[row, column]
            places = slice(column, column + lengths[number])
            assert (segment_ids[row, places] == number).all()
            assert positions[row, places].tolist() == list(range(lengths[number]))
            assert_same(packed[row, places], rows_of(values, lengths)[number])
            found.append(int(number))
            column += lengths[number]
        assert (segment_ids[row, column:] == -1).all()
        assert not positions[row, column:].any()
        assert_same(packed[row, column:], np.full_like(packed[row, column:], fill))
    assert sorted(found) == [i for i, length in enumerate(lengths) if length]


@pytest.mark.parametrize("lengths", LENGTHS, ids=str)
@pytest.mark.parametrize("row_length", [5, 6, 17])
@pytest.mark.parametrize("trailing", [(), (2,)])
def test_pack_and_unpack_sequences(rng, lengths, row_length, trailing):
    values = rng.random((sum(lengths), *trailing))
    result = ragged.pack_sequences(values, lengths, row_length, -3)
    assert_packed(values, lengths, row_length, -3, result)
    assert_same(ragged.unpack_sequences(*result[:2]), values)


@pytest.mark.parametrize("longest", [3, 8, 20, 64])
@pytest.mark.parametrize("seed", range(5))
def test_packing_is_best_fit_decreasing(longest, seed):
    rng = np.random.default_rng(seed)
    for count in (1, 20, 300):
        lengths = rng.integers(0, longest + 1, count).tolist()
        row_length = int(rng.integers(longest, 3 * longest))
        values = rng.integers(0, 100, sum(lengths))
        result = ragged.pack_sequences(values, lengths, row_length)
        assert_packed(values, lengths, row_length, 0, result)
        assert len(result[0]) == rows_needed(lengths, row_length)
        assert_same(ragged.unpack_sequences(*result[:2]), values)


def test_unpacking_takes_any_order():
    packed, segment_ids = [[1, 2, 3, 4], [5, 6, 7, 8]], [[2, 0, 2, -1], [-9, 1, 0, 0]]
    for dtype in ("i1", "i8", ">i4"):
        result = ragged.unpack_sequences(packed, np.array(segment_ids, dtype))
        assert result.tolist() == [2, 7, 8, 6, 1, 3]
    result = ragged.unpack_sequences(packed, np.array(segment_ids).clip(0).astype("u1"))
    assert result.tolist() == [2, 4, 5, 7, 8, 6, 1, 3]


def test_the_fullest_row_is_chosen_not_the_first():
    lengths = [12, 2, 8, 2, 5, 3]  # the first row with room for each would make 3 rows
    packed, segment_ids, _ = ragged.pack_sequences(np.arange(32), lengths, 16)
    assert len(packed) == rows_needed(lengths, 16) == 2
    assert_same(ragged.unpack_sequences(packed, segment_ids), np.arange(32))


def test_packing_of_nothing():
    packed, segment_ids, positions = ragged.pack_sequences(np.zeros((0, 2)), [0, 0], 0)
    assert packed.shape == (0, 0, 2)
    assert segment_ids.shape == positions.shape == (0, 0)
    assert ragged.unpack_sequences(packed, segment_ids).shape == (0, 2)
    assert ragged.unpack_sequences(np.zeros((3, 0)), np.zeros((3, 0), int)).shape == (0,)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ragged.pad([1, 2, 3], [1, 1]), ValueError,
         "lengths add up to 2, but values has 3 rows: they must be the same"),
        (lambda: ragged.pad([1, 2, 3], [2**62, 2**62, 2**62, 2**62, 3]), ValueError,
         f"lengths add up to {2**64 + 3}, but values has 3"),
        (lambda: ragged.pad([1, 2, 3], [4, -1]), ValueError,
         r"must not be negative, but lengths\[1\] is -1"),
        (lambda: ragged.pad([1, 2, 3], [1.0, 2.0]), TypeError, "lengths must hold integers"),
        (lambda: ragged.pad([1, 2, 3], [True, True, True]), TypeError, "integers, not bool"),
        (lambda: ragged.pad([1, 2, 3], [[1, 2]]), ValueError, r"1-D, but has shape \(1, 2\)"),
        (lambda: ragged.pad([1, 2, 3], 3), ValueError, r"1-D, but has shape \(\)"),
        (lambda: ragged.pad(1, [1]), ValueError, "values .* a scalar"),
        (lambda: ragged.pad(np.ma.zeros(3), [3]), TypeError, "values is a .*MaskedArray"),
        (lambda: ragged.pad([1, 2], [2], 0.5), TypeError, "fill_value=0.5"),
        (lambda: ragged.unpad([1, 2], [2]), ValueError, r"\[N, L, ...\].*\(2,\)"),
        (lambda: ragged.unpad([[1, 2]], [1, 1]), ValueError, "1 rows need as many lengths, not 2"),
        (lambda: ragged.unpad([[1, 2], [3, 4]], [1, 3]), ValueError,
         "length 3 of row 1 is more than the 2"),
        (lambda: ragged.unpad([[1, 2]], np.array([2**64 - 1], "u8")), ValueError,
         "length 18446744073709551615 of row 0 is more than the 2"),
        (lambda: ragged.unpad([[1, 2]], [-1]), ValueError, "negative"),
        (lambda: ragged.unpad([[1, 2]], [0.5]), TypeError, "lengths must hold integers"),
        (lambda: ragged.pack_sequences([1, 2, 3], [1, 1], 4), ValueError, "add up to 2"),
        (lambda: ragged.pack_sequences([1, 2, 3], [1, 2], 1), ValueError,
         "sequence 1 of length 2 does not fit a row of 1: cut it, or make row_length larger"),
        (lambda: ragged.pack_sequences([], [], -1), ValueError, "must not be negative, but is -1"),
        (lambda: ragged.pack_sequences([1], [1], 2.0), TypeError,
         "row_length must be an integer, not 2.0"),
        (lambda: ragged.unpack_sequences([[1, 2]], [[0]]), ValueError, r"\(1, 2\), .* \(1, 1\)"),
        (lambda: ragged.unpack_sequences([[1, 2]], [0, 0]), ValueError, "first two dims"),
        (lambda: ragged.unpack_sequences([[1]], [[0.0]]), TypeError, "segment_ids must hold"),
    ],
)  # fmt: skip
def test_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("dtype", [bool, "V3"])
def test_the_default_fill_is_nothing(each_engine, dtype):
    values = np.array([True, True, True]).astype(dtype)
    padded = ragged.pad(values, [2, 1])
    assert_same(padded, np.array([[values[0], values[0]], [values[0], np.zeros((), dtype)]], dtype))
    packed, ids, _ = ragged.pack_sequences(values, [2, 1], 2)
    assert_same(packed, padded)
    assert_same(ragged.unpack_sequences(packed, ids), values)


def test_masking_has_the_names():
    for name in ragged.__all__:
        assert getattr(masking, name) is getattr(ragged, name)
