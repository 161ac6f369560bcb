"""fastgather.explain: formulas that are run, traces that are read, indices that are found again,
and pictures. Every test runs on both engines."""

import itertools
import math
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import oracle
import pytest
from calls import (
    DTYPES,
    FLOATS,
    VARIANTS,
    assert_same,
    data_of,
    function_of,
    index_of,
    plain_call,
    random_data,
    run,
    source_of,
)

import fastgather
from fastgather import __main__ as command_line
from fastgather import explain

pytestmark = pytest.mark.usefixtures("each_engine")

ROOT = Path(__file__).resolve().parents[1]
SHAPES = [(5,), (3, 4), (2, 3, 4), (2, 3, 1, 4)]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


# formula

REDUCTIONS = {"sum": np.add, "prod": np.multiply, "amax": np.maximum, "amin": np.minimum}
UNDER_FORMULA = [
    *["gather", "scatter", "scatter_add", "scatter_reduce-amax", "scatter_reduce-prod"],
    *["index_select", "index_copy", "index_add", "index_fill", "index_reduce-amin"],
    *["take", "take_along_axis", "put_along_axis", "gather_nd", "scatter_nd-none"],
    *["segment_reduce-sum"],
]


def run_formula(variant, arguments, shape, dim, expected):
    """Run the line of `formula` for all values of its letters."""
    function = function_of(variant)
    line = explain.formula(len(shape), dim, function)
    names = {name: array for name, array in arguments.items() if name not in ("dim", "axis")}
    data = names[data_of(variant)]
    out = data.copy() if source_of(variant) else np.zeros(expected.shape, data.dtype)
    counted = out.shape if not source_of(variant) else names[index_of(variant)].shape
    if function.startswith("index_"):
        counted = (*shape[:dim], len(names["index"]), *shape[dim + 1 :])
    if function == "scatter_nd":
        counted = (*counted[:1], *shape[dim + 1 :])
    letters = list("ijkl"[: len(shape)])
    if function.endswith("_nd"):
        letters = ["i", *letters[dim + 1 :]]
    names |= {"out": out, "alpha": 1, "value": arguments.get("value")}
    names["reduce"] = sum if function == "segment_reduce" else REDUCTIONS.get(names.get("reduce"))
    if function == "put_along_axis":
        names["arr"] = out
    if function == "segment_reduce":
        names["offsets"] = np.cumsum([0, *arguments["lengths"]])
    code = compile(line, "formula", "exec")
    for position in itertools.product(*map(range, counted)):
        exec(code, names | dict(zip(letters, map(int, position), strict=True)))
    return out


@pytest.mark.parametrize("variant", UNDER_FORMULA)
def test_formula_is_what_the_function_does(fg, rng, variant):
    for shape in SHAPES:
        for dim in range(len(shape)):
            arguments = plain_call(variant, rng, "i8", shape, dim)
            for name in {data_of(variant), source_of(variant)} - {None}:
                arguments[name] = rng.integers(-3, 4, arguments[name].shape)
            expected = run(oracle, variant, arguments)
            result = run_formula(variant, arguments, shape, dim, expected)
            assert_same(result, expected)


def test_every_function_with_a_formula_has_one():
    assert (
        set(explain.FORMULAS)
        == set(map(function_of, VARIANTS))
        == set(map(function_of, UNDER_FORMULA))
    )


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ((1, 0), "out[i] = input[index[i]]"),
        ((2, 0), "out[i][j] = input[index[i][j]][j]"),
        ((2, 1), "out[i][j] = input[i][index[i][j]]"),
        ((3, 0), "out[i][j][k] = input[index[i][j][k]][j][k]"),
        ((3, 1), "out[i][j][k] = input[i][index[i][j][k]][k]"),
        ((3, 2), "out[i][j][k] = input[i][j][index[i][j][k]]"),
        ((3, -2), "out[i][j][k] = input[i][index[i][j][k]][k]"),
        ((0, 0), "out = input"),
        ((0, -1, "scatter"), "out = src"),
        ((3, 1, "scatter"), "out[i][index[i][j][k]][k] = src[i][j][k]"),
        ((3, 1, "gather_nd"), "out[i][k] = params[indices[i][0]][indices[i][1]][k]"),
        ((2, 1, "index_add"), "out[i][index[j]] += alpha * source[i][j]"),
        ((2, 0, "take_along_axis"), "out[i][j] = arr[indices[i][j]][j]"),
    ],
)
def test_formula(arguments, line):
    assert explain.formula(*arguments) == line


def test_formula_of_many_dims():
    here = "".join(f"[i{d}]" for d in range(64))
    line = explain.formula(64, 63)
    assert line == f"out{here} = input{here[: -len('[i63]')]}[index{here}]"
    assert explain.formula(17, 0).startswith("out[i][j]")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((3, 3), IndexError, "dim 3 is out of range for an array with 3 dims"),
        ((65, 0), ValueError, "gather takes from 0 to 64 dims, not 65"),
        ((-1, 0), ValueError, "not -1"),
        ((0, 0, "segment_reduce"), ValueError, "segment_reduce takes from 1 to 64 dims"),
        ((2, 0, "gathr"), ValueError, "op must be one of gather, .*, not 'gathr'"),
        ((2.0, 0), TypeError, "ndim must be an integer, not 2.0"),
        ((2, "0"), TypeError, "str"),
    ],
)
def test_formula_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        explain.formula(*arguments)


# trace


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["i4", "f8", "U3"])
def test_trace_is_a_way_to_the_result(rng, shape, dtype):
    x = random_data(rng, shape, dtype)
    for dim, size in enumerate(shape):
        lengths = (*shape[:dim], 2, *shape[dim + 1 :])
        index = rng.integers(-size, size, lengths)
        out = fastgather.gather(x, dim, index)
        lines = explain.trace(x, dim - len(shape), index).split("\n")
        assert len(lines) == index.size
        for line, position in zip(lines, np.ndindex(lengths), strict=True):
            assert line == explain.trace(x, dim, index, position)
            element, *steps, value = line.split(" = ")
            assert element == "out" + "".join(f"[{i}]" for i in position)
            assert len(steps) == 2 + (index[position] < 0)
            for step in steps:  # as nested lists: input[0][index[0][1]]
                assert eval(step, {"input": x.tolist(), "index": index.tolist()}) == out[position]
            assert value == explain.as_text(out[position])
            if dtype != "f8":
                assert eval(value) == out[position]


def test_trace_of_one_position():
    line = "out[1] = input[index[1]] = input[-1] = input[2] = 7"
    for position in (1, -1, (1,), [1], np.int64(1), np.array([-1])):
        assert explain.trace([5, 6, 7], 0, [0, -1], position) == line
    assert explain.trace(5, 0, 0) == explain.trace(5, 0, 0, ()) == "out = input = 5"
    assert explain.trace([[], []], 1, np.zeros((2, 0), int)) == (
        "index of shape (2, 0) has no elements, so that nothing is gathered"
    )
    for position in (2, -3, (0, 0), ()):
        with pytest.raises(IndexError, match=r"position .* outside the result, .* \(2,\)"):
            explain.trace([5, 6, 7], 0, [0, -1], position)


X = np.arange(24).reshape(2, 3, 4)


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ((X, 1, [[[3]]]),
         ["IndexError: index 3 at position (0, 0, 0) is out of bounds for dim 1 with size 3",
          "rule: index values are in [-3, 3)", "values from -3 to 2"]),
        ((X, 3, [[[0]]]), ["IndexError: dim 3", "dim is an integer in [-3, 3)", "from -3 to 2"]),
        ((X, 1.5, [[[0]]]), ["TypeError", "dim is an integer in [-3, 3)"]),
        ((X, 1, [[0]]), ["ValueError", "rule: index has the rank of input, which is 3",
                         "what would do: an index of shape (2, any, 4) or less"]),
        ((X, 1, np.zeros((2, 9, 5), int)),
         ["ValueError", "rule: index.shape[d] <= input.shape[d] for every d other than dim",
          "what would do: an index of shape (2, any, 4) or less"]),
        ((X, 0, np.zeros((9, 4, 4), int)), ["ValueError", "an index of shape (any, 3, 4) or less"]),
        (([1, 2], 0, [[0]]), ["an index of shape (any,) or less"]),
        ((1, 0, [0]), ["an index of shape ()"]),
        ((X, 1, [[[0.0]]]), ["TypeError", "rule: index holds integers", "index.astype(int)"]),
        ((X, 1, [[[True]]]), ["TypeError", "rule: index holds integers"]),
        ((np.zeros((2, 0)), 1, [[0]]), ["IndexError", "size 0", "an index without elements"]),
        ((np.ma.zeros(3), 0, [0]), ["TypeError", "rule: arrays are not masked", "filled(value)"]),
        (([[1], [2, 3]], 0, [[0]]), ["ValueError", "nested lists whose rows"]),
    ],
)  # fmt: skip
def test_trace_of_an_error(arguments, parts):
    text = explain.trace(*arguments)
    assert text.count("\n") >= 2
    for part in parts:
        assert part in text
    with pytest.raises((IndexError, TypeError, ValueError)):
        fastgather.gather(*arguments)


# find_index


def equal(a, b):
    return bool(a == b or (a != a and b != b))


def index_found_by(input, dim, output):
    """For each element the lowest index, or None if there is an element without one."""
    index = np.zeros(output.shape, np.int64)
    for position in np.ndindex(output.shape):
        for place in range(input.shape[dim]):
            if equal(input[(*position[:dim], place, *position[dim + 1 :])], output[position]):
                index[position] = place
                break
        else:
            return None
    return index


def expected_index(input, output):
    for dim in range(input.ndim):
        others = zip(input.shape, output.shape, strict=True)
        if all(n <= limit for d, (limit, n) in enumerate(others) if d != dim):
            index = index_found_by(input, dim, output)
            if index is not None:
                return dim, index
    raise AssertionError("no index")


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_find_index_of_any_dtype(rng, dtype):
    input = random_data(rng, (3, 5), dtype)
    index = rng.integers(0, 5, (2, 7))
    output = fastgather.gather(input, 1, index)
    dim, found = explain.find_index(input, output, 1)
    assert (dim, found.dtype) == (1, np.int64)
    assert_same(found, index_found_by(input, 1, output))


@pytest.mark.parametrize("shape", [*SHAPES, (1, 1), (4, 1, 2)])
@pytest.mark.parametrize("values", [2, 1000])
@pytest.mark.parametrize("nan", [False, True])
def test_find_index(rng, shape, values, nan):
    for dim, size in itertools.product(range(len(shape)), range(3)):
        input = rng.integers(0, values, shape).astype(float)
        if nan:
            input[rng.random(shape) < 0.5] = np.nan
        lengths = [max(1, n - 1) for n in shape]
        lengths[dim] = 3 * size
        output = fastgather.gather(input, dim, rng.integers(0, shape[dim], lengths))
        found_dim, found = explain.find_index(input, output)
        expected_dim, expected = expected_index(input, output)
        assert found_dim == expected_dim
        assert_same(found, expected)
        gathered = fastgather.gather(input, found_dim, found)
        assert np.array_equal(gathered, output, equal_nan=True)
        given_dim, given = explain.find_index(input, output, dim - len(shape))
        assert given_dim == dim
        assert_same(given, index_found_by(input, dim, output))


def test_worked_example_of_the_contract():
    output = [[[0, 1, 2, 3], [8, 9, 10, 11]], [[12, 13, 14, 15], [20, 21, 22, 23]]]
    dim, index = explain.find_index(X, output)
    assert dim == 1
    assert index.tolist() == [[[0] * 4, [2] * 4]] * 2


def test_nans_of_any_bits_and_signed_zeros_are_equal():
    nans = np.array([0x7FF8000000000001, 0xFFF0000000000002], np.uint64).view(float)
    assert explain.find_index([1.0, nans[0], 0.0], [nans[1], -0.0])[1].tolist() == [1, 2]


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_nan_of_any_dtype(dtype):
    input = np.array([3, np.nan, 1, np.nan, 2]).astype(dtype)
    dim, index = explain.find_index(input, input[[4, 3, 1, 0]])
    assert (dim, index.tolist()) == (0, [4, 1, 1, 0])


def test_values_of_output_that_input_cannot_hold():
    big = 2**53
    assert explain.find_index([big, big + 1], np.array([big + 1], np.uint64))[1].tolist() == [1]
    assert explain.find_index(np.array([1, 2], np.float32), [2, 1])[1].tolist() == [1, 0]
    assert explain.find_index(np.array([1, 2], ">i2"), [2.0, 1.0])[1].tolist() == [1, 0]
    cases = [
        (np.array([0, 2**63], np.uint64), np.array([-(2**63)]), "-9223372036854775808"),
        (np.array([0, 1], np.int8), np.array([256]), "256"),
        (np.array([0.1], np.float32), np.array([0.1]), "0.1"),
        (np.array([0, 1]), np.array([0.5]), "0.5"),
        (np.array([0, -(2**63)]), np.array([np.nan]), "nan"),
        (np.array([0.0, 1.0]), np.array([1j]), "1j"),
        (np.array([True]), np.array([2]), "2"),
        (np.array(["ab"]), np.array(["abc"]), "'abc'"),
    ]
    for input, output, value in cases:
        with pytest.raises(ValueError, match=f"no index explains {value} at position"):
            explain.find_index(input, output)


def test_find_index_of_0d_and_empty_arrays():
    dim, index = explain.find_index(5, 5)
    assert (dim, index.shape, index.dtype, int(index)) == (0, (), np.int64, 0)
    with pytest.raises(ValueError, match=r"no index explains 6 at position \(\) of output"):
        explain.find_index(5, 6)
    dim, index = explain.find_index(np.zeros((2, 3)), np.zeros((5, 0)))
    assert (dim, index.shape) == (0, (5, 0))
    with pytest.raises(ValueError, match=r"no index explains 1.0 at position \(0, 0\)"):
        explain.find_index(np.zeros((2, 0)), np.ones((2, 1)))


@pytest.mark.parametrize(
    ("input", "output", "dim", "message"),
    [
        # A value that is nowhere.
        (X, np.where(X == 17, 99, X), None,
         r"99 at position \(1, 1, 1\) of output: it is not in input\[:, 1, 1\] or "
         r"input\[1, :, 1\] or input\[1, 1, :\]"),
        # Values that only other lines hold.
        (X, X[:, ::-1, ::-1], 1, r"11 at position \(0, 0, 0\) .* not in input\[0, :, 0\]"),
        (X, X[:, ::-1, ::-1], None, r"11 at position \(0, 0, 0\)"),
        # Each element is in some line, but not all in lines along one dim.
        (np.array([[1, 2], [3, 4]]), np.array([[2, 2], [1, 4]]), None,
         r"no single dim explains all of output: dim 0 not 2 at position \(0, 0\) of output, which "
         r"is not in input\[:, 0\]; dim 1 not 1 at position \(1, 0\) of output, which is not in "
         r"input\[1, :\]"),
        (X, np.zeros((3, 4, 4)), None, r"\(3, 4, 4\) is no gather of .* \(2, 3, 4\).* dim but one"),
        (X, np.zeros((2, 4, 4)), 0, r"every dim but 0"),
        (X, [1], None, "the same rank"),
        # Values beyond those of the input are not taken for some of the lines next to theirs.
        (np.array([[5, 6], [7, 8]]), np.array([[5], [4]]), 1, r"4 at position \(1, 0\)"),
        (np.array([[5, 6], [5, 8]]), np.array([[900], [800]]), 1, r"900 at position \(0, 0\)"),
    ],
)  # fmt: skip
def test_what_no_index_explains(input, output, dim, message):
    with pytest.raises(ValueError, match=message):
        explain.find_index(input, output, dim)


def test_first_missing_element_is_the_first_in_c_order(rng):
    for _ in range(50):
        input = rng.integers(0, 6, (3, 4))
        output = fastgather.gather(input, 1, rng.integers(0, 4, (3, 4)))
        output[tuple(rng.integers(0, (3, 4), (2, 2)).T)] = 77
        first = tuple(int(i) for i in np.argwhere(output == 77)[0])
        for dim in (None, 1):
            with pytest.raises(ValueError, match=r"77 at position ") as raised:
                explain.find_index(input, output, dim)
            assert f"77 at position {first} of output" in str(raised.value)


def test_find_index_of_objects():
    nan = float("nan")
    x = np.array([2, None, nan, "a", None], object)
    for output, expected in [([None, 2], [1, 0]), ([np.float64("nan"), "a", 2.0], [2, 3, 0])]:
        dim, found = explain.find_index(x, np.array(output, object))
        assert (dim, found.tolist()) == (0, expected)
    assert explain.find_index([1, 2], np.array([2, 1], object))[1].tolist() == [1, 0]
    with pytest.raises(TypeError, match="unhashable"):
        explain.find_index(np.array([[], {}], object), np.array([{}], object))


@pytest.mark.parametrize(
    ("x", "output", "message"),
    [
        ([1, 2], ["a"], "no index explains 'a' at"),
        ([1, 2], np.array([2, "a"], object), "no index explains 'a' at"),
        ([1, 2], np.array([2**70], object), f"no index explains {2**70} at"),
        ([1, 2], [None], "no index explains None at"),
        (np.zeros(2, "i4,f8"), [1], "no index explains 1 at"),
        ([1], np.zeros(1, "i4,f8"), r"no index explains \(0, 0.0\) at"),
    ],
)
def test_find_index_of_another_kind(x, output, message):
    with pytest.raises(ValueError, match=message):
        explain.find_index(x, output)


def test_find_index_refuses():
    with pytest.raises(IndexError, match="dim 3 is out of range"):
        explain.find_index(X, X, 3)
    with pytest.raises(TypeError, match=r"input is a numpy.ma.MaskedArray"):
        explain.find_index(np.ma.zeros(3), [0])


def test_find_index_takes_n_log_n(rng):
    """A search of each line for each element would take 10**10 comparisons here."""
    x = rng.integers(0, 50, 100_000)
    index = rng.integers(0, x.size, 100_000)
    start = time.perf_counter()
    _, found = explain.find_index(x, x[index])
    assert time.perf_counter() - start < 5
    assert_same(x[found], x[index])
    assert found.max() < 2000


# draw


def texts_of(figure):
    (axes,) = figure.axes
    return [text.get_text() for text in axes.texts]


def cells_of(figure):
    """Filled rectangles: the colour and the text at the centre of each, by their corner."""
    (axes,) = figure.axes
    at = {text.get_position(): text.get_text() for text in axes.texts}
    filled = [patch for patch in axes.patches if hasattr(patch, "get_xy") and patch.get_fill()]
    corners = [patch.get_xy() for patch in filled]
    return {
        (x, y): (patch.get_facecolor(), at[x + 0.5, y + 0.5])
        for (x, y), patch in zip(corners, filled, strict=True)
    }


DRAWN = [((6,), 0), ((3, 4), 0), ((3, 4), 1), ((2, 3, 4), 0), ((2, 3, 4), 1), ((2, 3, 4), 2)]


@pytest.mark.parametrize(("shape", "dim"), DRAWN)
@pytest.mark.parametrize("length", [1, 2, 5])
def test_cells_of_a_picture(rng, shape, dim, length):
    x = np.arange(100, 100 + math.prod(shape)).reshape(shape)
    index = rng.integers(-shape[dim], shape[dim], (*shape[:dim], length, *shape[dim + 1 :]))
    out = fastgather.gather(x, dim, index)
    cells = list(cells_of(explain.draw(x, dim, index)).values())
    assert len(cells) == 2 * index.size + x.size
    parts = cells[: index.size], cells[index.size : -out.size], cells[-out.size :]
    for part, array in zip(parts, (index, x, out), strict=True):
        assert [text for _, text in part] == list(map(str, array.flat))
    color = {int(text): face for face, text in parts[1]}
    assert len(set(color.values())) == x.size
    assert [face for face, _ in parts[2]] == [color[int(value)] for value in out.flat]
    assert [face for face, _ in parts[0]] == [face for face, _ in parts[2]]


@pytest.mark.parametrize("dtype", ["i1", "u1", ">i2", "u8"])
def test_index_of_any_dtype_is_drawn_and_traced(dtype):
    x, index = np.arange(200), np.array([3, 100, 5], dtype)
    figure = explain.draw(x, 0, index)
    assert [text for _, text in list(cells_of(figure).values())[-3:]] == ["3", "100", "5"]
    assert explain.trace(x, 0, index, 1).endswith(" = input[100] = 100")


def extents_of(figure):
    figure.draw_without_rendering()
    (axes,) = figure.axes
    return [(text.get_text(), text.get_window_extent()) for text in axes.texts]


@pytest.mark.parametrize(
    ("shape", "dim"), [*DRAWN, ((1,), 0), ((1, 1), 0), ((1, 1, 1), 2), ((7, 9), 1)]
)
@pytest.mark.parametrize("dtype", ["i4", "f8", "U20"])
def test_no_text_runs_into_another_or_out_of_the_picture(rng, shape, dim, dtype):
    x = random_data(rng, shape, dtype) if dtype != "f8" else -1e5 * rng.random(shape)
    index = rng.integers(-shape[dim], shape[dim], (*shape[:dim], 3, *shape[dim + 1 :]))
    figure = explain.draw(x, dim, index)
    extents = extents_of(figure)
    for (text, box), (other, other_box) in itertools.combinations(extents, 2):
        assert not (text and other and box.overlaps(other_box)), (text, other)
    for text, box in extents:
        assert figure.bbox.x0 <= box.x0, text
        assert box.x1 <= figure.bbox.x1, text


def test_words_and_marked_path():
    figure = explain.draw([[10, 11, 12]], 1, [[0, 1, 1, 2]])
    texts = texts_of(figure)
    assert explain.formula(2, 1) in texts
    assert "gather along dim 1: index says which j of input to read" in texts
    assert {"index", "input", "out", "shape (1, 3)", "shape (1, 4)"} <= set(texts)
    assert explain.trace([[10, 11, 12]], 1, [[0, 1, 1, 2]], (0, 2)) in texts  # the first to move
    (axes,) = figure.axes
    marked = [patch.get_xy() for patch in axes.patches if not patch.get_fill()]
    cells = cells_of(figure)
    assert [cells[corner][1] for corner in marked] == ["1", "11", "11"]
    arrows = [patch for patch in axes.patches if type(patch).__name__ == "FancyArrowPatch"]
    assert len(arrows) == 2


def test_picture_of_nothing():
    figure = explain.draw(np.zeros((2, 0)), 1, np.zeros((2, 0), int))
    assert not cells_of(figure)


@pytest.mark.parametrize("name", ["a.png", "a.svg", "a.PNG"])
def test_files_are_written_and_the_same_each_time(tmp_path, name):
    contents = []
    for path in (tmp_path / name, str(tmp_path / name)):
        figure = explain.draw(X, 1, X[:, :2] % 3, path)
        assert type(figure).__name__ == "Figure"
        contents.append(Path(path).read_bytes())
    assert contents[0] == contents[1]
    assert contents[0].startswith(b"<?xml" if name == "a.svg" else b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((1, 0, 0), ValueError, "draw takes arrays of 1 to 3 dims, not 0"),
        ((np.zeros((1, 1, 1, 1)), 0, np.zeros((1, 1, 1, 1), int)), ValueError, "dims, not 4"),
        (
            (np.zeros(1001), 0, [0]),
            ValueError,
            r"up to 1000 elements, not input of shape \(1001,\)",
        ),
        (([1], 0, [0], "a.jpg"), ValueError, "draw writes .png and .svg files, not 'a.jpg'"),
        (([1], 0, [1]), IndexError, "index 1 at position"),
        (([1], 0, [0.5]), TypeError, "integers"),
    ],
)
def test_draw_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        explain.draw(*arguments)


@pytest.mark.parametrize("drawn_before", [False, True])
def test_draw_without_matplotlib(monkeypatch, capsys, drawn_before):
    if drawn_before:
        explain.draw([1], 0, [0])
    else:
        monkeypatch.delitem(sys.modules, "fastgather._picture", raising=False)
        monkeypatch.delattr(fastgather, "_picture", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"draw needs matplotlib .*: python -m pip install"):
        explain.draw([1], 0, [0])
    assert explain.formula(1, 0) == "out[i] = input[index[i]]"
    with pytest.raises(SystemExit):
        command_line.main(["explain", "--draw", "a.png"])
    assert capsys.readouterr().err.startswith("fastgather: draw needs matplotlib")


# The command


def test_command_prints_formula_and_trace(capsys):
    for arguments in ([], ["--shape", "2,3,4"], ["--shape", "2,3,4", "--dim", "1"]):
        assert command_line.main(["explain", *arguments]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0] == "out[i][j][k] = input[i][index[i][j][k]][k]"
        assert lines[1] == ""
        assert lines[2:] == explain.trace(*command_line.example((2, 3, 4), 1)).split("\n")
        assert len(lines) == 2 + 16


@pytest.mark.parametrize(
    ("shape", "dim"), [("5", None), ("4,1", "-1"), ("0,2", "0"), ("1", "0"), ("2,2,2,2", "3")]
)
def test_command_takes_any_shape(capsys, shape, dim):
    assert command_line.main(["explain", "--shape", shape, *(["--dim", dim] if dim else [])]) == 0
    ndim = shape.count(",") + 1
    assert capsys.readouterr().out.startswith(explain.formula(ndim, int(dim or 0)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--shape", "2,3", "--dim", "2"], "dim 2 is out of range for an array with 2 dims"),
        (["--shape", "100,100"], "shape (100, 100) is too large to read: at most 1000 elements"),
        (["--shape", "1,1,1,1", "--draw", "a.png"], "draw takes arrays of 1 to 3 dims, not 4"),
        (["--draw", "a.pdf"], "draw writes .png and .svg files, not 'a.pdf'"),
        (["--draw", "no such folder/a.png"], "cannot write 'no such folder/a.png': No such file"),
    ],
)
def test_command_refuses(capsys, arguments, message):
    with pytest.raises(SystemExit) as ended:
        command_line.main(["explain", *arguments])
    assert ended.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"fastgather: {message}")
    assert printed.err.count("\n") == 1


@pytest.mark.parametrize("shape", ["", "2,,3", "-1", "2x3", "2.5"])
def test_shape_that_is_none(capsys, shape):
    with pytest.raises(SystemExit) as ended:
        command_line.main(["explain", f"--shape={shape}"])
    assert ended.value.code == 2
    assert "sizes such as 2,3,4 are needed" in capsys.readouterr().err


def drawn_in(svg):
    """What an SVG shows: its texts with their places, and the styles of its paths."""
    items = []
    for element in ElementTree.fromstring(svg).iter():
        kind = element.tag.rpartition("}")[2]
        if kind == "text":
            items.append((element.text, *(float(element.get(c)) for c in "xy")))
        elif kind == "path":
            items.append((kind, element.get("style")))
    return items


@pytest.mark.checkout
def test_picture_of_the_readme_is_what_its_command_draws(tmp_path):
    """Made again with: python -m fastgather explain --shape 2,3,4 --dim 1 --draw docs/gather.svg"""
    command = "python -m fastgather explain --shape 2,3,4 --dim 1 --draw "
    readme = (ROOT / "README.md").read_text()
    assert f"{command}docs/gather.svg" in readme
    path = tmp_path / "gather.svg"
    assert command_line.main([*command.split()[3:], str(path)]) == 0
    kept, made = (drawn_in(file.read_bytes()) for file in (ROOT / "docs" / "gather.svg", path))
    assert len(kept) > 100
    for (text, *place), (expected, *expected_place) in zip(made, kept, strict=True):
        assert text == expected
        assert place == (expected_place if text == "path" else pytest.approx(expected_place, abs=2))


def test_draw_takes_no_text_for_mathematics(tmp_path):
    explain.draw(["$x$", "$\\foo$", "$$"], 0, [1, 2, 0], tmp_path / "a.svg")
    assert ">'$x$'<" in (tmp_path / "a.svg").read_text()


def test_trace_position_of_one_number():
    line = "out[1] = input[index[1]] = input[0] = 5"
    for position in (1, np.int8(1), np.array(1), -1):
        assert explain.trace([5, 6], 0, [1, 0], position) == line
    with pytest.raises(TypeError, match="each number of position must be an integer, not 'ab'"):
        explain.trace([5, 6], 0, [1, 0], "ab")
