"""Small calls on arrays in C order, which take no plan: their bits, errors and cost."""

import numpy as np
import pytest

from fastgather.__main__ import median_times

pytestmark = pytest.mark.compiled

X = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
READS = ("gather", "index_select", "take")
INDEX = np.random.default_rng(0).integers(0, 3, (2, 3, 4))


@pytest.fixture
def planned(fg):
    """A call of the same function with a plan: forced, no call is small."""
    from fastgather import _plan

    def call(name, *arguments, **options):
        _plan.force("offsets")
        try:
            return getattr(fg, name)(*arguments, **options)
        finally:
            _plan.force(None)

    return call


@pytest.mark.parametrize("index_dtype", [np.int8, np.uint16, np.int32, np.int64, np.uint64])
@pytest.mark.parametrize("dtype", ["?", "u1", "i2", "f2", "f4", "i8", "V3", "V12", "c16", "V40"])
@pytest.mark.parametrize("shape", [(5,), (1,), (6, 1), (1, 7), (3, 4), (2, 3, 4), (2, 1, 3, 2)])
def test_a_small_call_gives_the_bits_of_a_plan(fg, planned, shape, dtype, index_dtype):
    rng = np.random.default_rng(len(shape))
    numbers = dtype[0] != "V"

    def data(shape):
        if numbers:
            return (rng.random(shape) * 9 - 3).astype(dtype)
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        return np.frombuffer(rng.bytes(size), dtype).reshape(shape).copy()

    x = data(shape)
    for dim, size in enumerate(shape):
        for count in (1, size, 2 * size + 1):
            named = (*shape[:dim], count, *shape[dim + 1 :])
            index = rng.integers(0, size, named).astype(index_dtype)
            line, src, beyond = index.reshape(-1)[:count].copy(), data(named), index + 3
            calls = [
                ("gather", x, dim, index),
                ("index_select", x, dim, line),
                ("take", x, line.reshape(count, 1), dim),
                ("scatter", x, dim, index, src),
                ("scatter", x, dim, index, src.reshape(-1)[0]),
                ("index_copy", x, dim, line, src),
                ("index_fill", x, dim, line, src.reshape(-1)[0]),
            ]
            if numbers:
                calls += [
                    ("scatter_add", x, dim, index, src),
                    ("index_add", x, dim, line, src),
                    ("scatter_reduce", x, dim, index, src, "prod"),
                    ("index_reduce", x, dim, line, src, "amax"),
                    ("scatter_reduce", x, dim, index, src.reshape(-1)[0], "amin"),
                ]
            for name, *arguments in calls:
                result = getattr(fg, name)(*arguments)
                expected = planned(name, *arguments)
                assert (result.dtype, result.shape) == (expected.dtype, expected.shape)
                assert result.tobytes() == expected.tobytes()
                out = data(expected.shape)
                assert getattr(fg, name)(*arguments, out=out) is out
                assert out.tobytes() == expected.tobytes()
                if name in READS:
                    continue
                place = x.copy()
                assert getattr(fg, name)(place, *arguments[1:], out=place) is place
                assert place.tobytes() == expected.tobytes()
            place = x.copy()
            fg.put_along_axis(place, index, src, dim)
            assert place.tobytes() == planned("scatter", x, dim, index, src).tobytes()
            for mode in ("wrap", "clip"):
                result = fg.gather(x, dim, beyond, mode=mode)
                assert result.tobytes() == planned("gather", x, dim, beyond, mode=mode).tobytes()


@pytest.mark.parametrize("bad", [3, -4, 2**40])
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("gather", ()),
        ("scatter", (X,)),
        ("scatter_add", (X,)),
        ("scatter_reduce", (X, "amax")),
        ("scatter", (7,)),
    ],
)
def test_a_small_call_names_the_first_bad_index(fg, name, arguments, bad):
    index, before = INDEX.copy(), X.copy()
    index[1, 0, 2] = bad
    index[1, 2, 3] = bad + 1 if bad > 0 else bad - 1
    words = rf"index {bad} at position \(1, 0, 2\) is out of bounds for dim 1 with size 3"
    with pytest.raises(IndexError, match=words):
        getattr(fg, name)(X, 1, index, *arguments)
    np.testing.assert_array_equal(X, before)
    if name not in READS:
        place = X.copy()
        source = [value.copy() if value is X else value for value in arguments]
        with pytest.raises(IndexError, match=words):
            getattr(fg, name)(place, 1, index, *source, out=place)
        np.testing.assert_array_equal(place, before)
    with pytest.raises(IndexError, match=rf"index {bad} at position \(2,\)"):
        fg.index_select(X, 1, np.array([0, 1, bad]))


@pytest.mark.parametrize("shift", [0, 1, 4])
def test_a_small_call_may_overlap_its_inputs(fg, shift):
    """What lies in the way is read as it was before, as from separate memory."""
    memory = np.arange(40.0)
    x, out = memory[:24].reshape(6, 4), memory[shift : shift + 24].reshape(6, 4)
    index = np.random.default_rng(0).integers(0, 6, (6, 4))
    for name, *source in (("gather",), ("scatter", x), ("scatter_add", x)):
        before = memory.copy()
        expected = getattr(fg, name)(x, 0, index, *source)
        getattr(fg, name)(x, 0, index, *source, out=out)
        np.testing.assert_array_equal(out, expected)
        memory[:] = before


@pytest.mark.parametrize(
    ("least", "name", "arguments"),
    [
        (15, "gather", (X, 1, INDEX)),
        (15, "index_select", (X, 1, INDEX[0, :, 0].copy())),
        (12, "scatter_add", (X, 1, INDEX, X)),
    ],
)
def test_a_small_call_takes_a_small_part_of_numpys(fg, least, name, arguments):
    """Of the time of `numpy.take_along_axis`, which is Python above NumPy's indexing."""
    function = getattr(fg, name)

    def ours():
        for _ in range(500):
            function(*arguments)

    def numpys():
        for _ in range(50):
            np.take_along_axis(X, INDEX, 1)

    for _ in range(4):  # a busy machine may spoil one
        mine, theirs = median_times(ours, numpys, rounds=15)
        if 10 * theirs > least * mine:
            return
    assert 10 * theirs > least * mine
