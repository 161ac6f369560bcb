"""The NumPy names against NumPy itself: results, errors, messages. The oracle is checked too."""

import numpy as np
import oracle
import pytest
from calls import (
    DTYPES,
    INDEX_DTYPES,
    LARGE,
    LAYOUTS,
    PLAIN_LAYOUTS,
    assert_same,
    boxed,
    data_of,
    on_arrays,
    plain_call,
    random_call,
    run,
)

from fastgather._fallback import STRINGS_ARE_LOST

each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)
SHAPES = [(5,), (3, 4), (2, 3, 4), (2, 1, 3, 2), (0, 3), (3, 0)]


def random_calls(name, dtype, layouts, mode="raise"):
    """Calls that NumPy takes too: every index dtype, now this layout, now that."""
    rng = np.random.default_rng(0)
    for shape in SHAPES:
        for index_dtype in INDEX_DTYPES:
            arguments = random_call(name, rng, shape, dtype, index_dtype, mode)
            layout = list(layouts.values())[rng.integers(len(layouts))]
            yield on_arrays(arguments, layout)


def assert_like_numpy(fg, name, arguments, theirs):
    """The engine and the oracle give what NumPy gives for the arguments `theirs`, or raise it."""
    lost = STRINGS_ARE_LOST and theirs[data_of(name)].dtype.kind == "T" and name != "take"
    try:
        expected = run(oracle if lost else np, name, on_arrays(theirs, PLAIN_LAYOUTS["c"]))
    except IndexError:
        with pytest.raises(IndexError):
            run(fg, name, arguments)
        return
    wanted = boxed(expected, arguments["a"].dtype) if np.ndim(expected) == 0 else expected
    assert_same(run(oracle, name, arguments), wanted)
    result = run(fg, name, arguments)
    assert type(result) is type(expected)
    assert_same(boxed(result, wanted.dtype) if np.ndim(result) == 0 else result, wanted)


@each_dtype
@pytest.mark.parametrize("mode", ["raise", "wrap", "clip"])
def test_take(fg, dtype, mode):
    for arguments in random_calls("take", dtype, LAYOUTS, mode):
        theirs = arguments | {"indices": arguments["indices"].astype("i8")}  # 2.0 refuses uint64
        assert_like_numpy(fg, "take", arguments, theirs)


@each_dtype
@pytest.mark.parametrize(
    ("name", "layouts"), [("take_along_axis", LAYOUTS), ("put_along_axis", PLAIN_LAYOUTS)]
)
def test_along_axis(fg, name, layouts, dtype):
    for arguments in random_calls(name, dtype, layouts):
        theirs = {key: value for key, value in arguments.items() if key != "mode"}
        assert_like_numpy(fg, name, arguments, theirs)


@pytest.mark.parametrize("shape", LARGE)
@pytest.mark.parametrize("dtype", ["u1", "f2", "f4", "f8", "D", "V3", "V12", "V20"])
def test_large_gathers(fg, dtype, shape):
    """Every item size: the kernels are chosen by it."""
    shape, dim, length = LARGE[shape]
    arguments = plain_call("gather", np.random.default_rng(0), dtype, shape, dim, length)
    x, index = arguments["input"], arguments["index"]
    expected = np.take_along_axis(x, index, dim)
    for layout in (PLAIN_LAYOUTS["c"], PLAIN_LAYOUTS["fortran"]):
        assert_same(fg.gather(layout(x), dim, layout(index)), expected)
        rows = index.reshape(-1)[:1000]
        assert_same(fg.index_select(layout(x), dim, rows), np.take(x, rows, dim))
        written = np.zeros_like(x)
        np.put_along_axis(written, index, expected, dim)
        assert_same(fg.scatter(np.zeros_like(x), dim, layout(index), layout(expected)), written)


@pytest.mark.parametrize("name", ["gather", "scatter", "scatter_add"])
@pytest.mark.parametrize("shape", [(20, 50, 300), (50, 20, 7), (3, 400, 1)])
def test_index_broadcast_along_rows(fg, name, shape):
    """Token masking: one index a row, with stride 0 along the features."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape).astype("f4")
    index = rng.integers(0, shape[1], (shape[0], shape[1] // 2, 1))
    wide = np.broadcast_to(index, (*index.shape[:2], shape[2]))
    src = () if name == "gather" else (rng.standard_normal(wide.shape).astype("f4"),)
    expected = getattr(fg, name)(x, 1, wide.copy(), *src)
    assert_same(getattr(fg, name)(x, 1, wide, *src), expected)
    if name == "gather":
        assert_same(expected, np.take_along_axis(x, index, 1))


def test_take_gives_a_scalar(fg):
    for x in (np.arange(3.0), np.array(["a", "b"]), np.arange(3).astype("M8[s]")):
        assert type(fg.take(x, 1)) is type(x[1])
        assert fg.take(x, 1) == x[1]
        out = np.zeros((), x.dtype)
        assert fg.take(x, 1, out=out) is out
    marker = object()
    assert fg.take(np.array([None, marker], object), 1) is marker


def test_take_of_one_index_into_out(fg):
    x, out = np.arange(60_000).reshape(20_000, 3), np.empty(20_000, int)
    assert fg.take(x, 1, axis=1, out=out) is out
    assert_same(out, x[:, 1])


def test_take_counts_bool_as_0_and_1(fg):
    x = np.array([5, 6, 7])
    assert_same(fg.take(x, [True, False, True]), np.array([6, 5, 6]))
    assert_same(fg.take(x, np.array([[True]])), np.array([[6]]))


@pytest.mark.parametrize("empty", [[], (), [[]], np.zeros(0, int)], ids=repr)
def test_take_of_nothing(fg, empty):
    assert_same(fg.take(np.arange(3), empty), np.take(np.arange(3), empty))
    assert_same(fg.take(np.ones((2, 3)), empty, axis=0), np.take(np.ones((2, 3)), empty, axis=0))


def test_flat_put_into_memory_that_is_not_in_c_order(fg):
    for layout in PLAIN_LAYOUTS.values():
        x = layout(np.zeros((3, 4), int))
        fg.put_along_axis(x, np.array([1, 6, -1, 6]), np.array([1, 2, 3, 4]), None)
        assert x.tolist() == [[0, 1, 0, 0], [0, 0, 4, 0], [0, 0, 0, 3]]


# A call that NumPy refuses, and whether the message is NumPy's too.
X, ROW = np.zeros((2, 3)), np.arange(3.0)
ERRORS = {
    "axis too large": (lambda n: n.take(X, [0], axis=2), True),
    "axis too small": (lambda n: n.take(X, [0], axis=-3), True),
    "axis no integer": (lambda n: n.take(X, [0], axis=1.5), True),
    "axis of 0-d": (lambda n: n.take(np.array(5), [0], axis=1), True),
    "float array": (lambda n: n.take(ROW, np.zeros(1)), False),
    "empty float array": (lambda n: n.take(ROW, np.zeros(0)), False),
    "index too large": (lambda n: n.take(X, [3], axis=1), False),
    "index of an empty axis": (lambda n: n.take(np.zeros(0), [0]), False),
    "clip in an empty axis": (lambda n: n.take(np.zeros((3, 0)), [0], 1, mode="clip"), False),
    "out of another shape": (lambda n: n.take(ROW, [0], out=np.zeros(2)), False),
    "out no array": (lambda n: n.take(ROW, [0], out=[1.0]), False),
    "unknown mode": (lambda n: n.take(ROW, [0], mode="nearest"), False),
    "along: rank": (lambda n: n.take_along_axis(X, np.zeros(3, int), 1), True),
    "along: rank of flat": (lambda n: n.take_along_axis(X, np.zeros((1, 1), int), None), False),
    "along: axis": (lambda n: n.take_along_axis(X, np.zeros((1, 1), int), 2), True),
    "along: axis of 0-d": (lambda n: n.take_along_axis(np.array(5), np.array(0), 0), True),
    "along: axis no integer": (lambda n: n.take_along_axis(X, np.zeros((1, 1), int), 1.0), False),
    "along: bool": (lambda n: n.take_along_axis(X, np.zeros((2, 1), bool), 1), True),
    "along: float": (lambda n: n.take_along_axis(X, np.zeros((2, 1)), 1), True),
    "along: empty float": (lambda n: n.take_along_axis(X, np.zeros(0), None), True),
    "along: axis before dtype": (lambda n: n.take_along_axis(X, np.zeros(3), 7), True),
    "along: does not broadcast": (lambda n: n.take_along_axis(X, np.zeros((3, 1), int), 1), False),
    "along: index": (lambda n: n.take_along_axis(X, np.full((2, 1), 3), 1), False),
    "put: rank": (lambda n: n.put_along_axis(X, np.zeros(3, int), 1, 1), True),
    "put: rank of flat": (lambda n: n.put_along_axis(X, np.zeros((1, 1), int), 1, None), False),
    "put: axis": (lambda n: n.put_along_axis(X, np.zeros((1, 1), int), 1, 2), True),
    "put: float": (lambda n: n.put_along_axis(X, np.zeros((2, 1)), 1, 1), True),
    "put: does not broadcast": (lambda n: n.put_along_axis(X, np.zeros((3, 1), int), 1, 1), False),
    "put: values": (lambda n: n.put_along_axis(ROW, np.zeros(1, int), np.zeros(2), 0), True),
    "put: values of nothing": (
        lambda n: n.put_along_axis(ROW, np.zeros(0, int), np.zeros(2), 0),
        True,
    ),
    "put: values of a higher rank": (
        lambda n: n.put_along_axis(ROW, np.zeros(1, int), np.zeros((2, 1)), 0),
        False,
    ),
    "put: index": (lambda n: n.put_along_axis(X, np.full((2, 1), -4), 1, 1), False),
}


@pytest.mark.parametrize(("call", "same_message"), ERRORS.values(), ids=ERRORS)
def test_error_is_numpys(fg, call, same_message):
    theirs, ours = error_of(call, np), error_of(call, fg)
    assert type(ours) is type(theirs)
    if same_message:
        assert str(ours) == str(theirs)
    elif "shape mismatch" in str(theirs):
        assert str(ours)[:30] == str(theirs)[:30]
    assert not X.any()
    assert ROW.tolist() == [0, 1, 2]


def error_of(call, namespace):
    try:
        call(namespace)
    except Exception as error:
        return error
    raise AssertionError("no error")
