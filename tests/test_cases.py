"""Hand-checked cases of every function, the contract's own examples first.

The same table is run as it stands, with `out`, with inputs in every layout, with every index
dtype, and against the oracle.
"""

import numpy as np
import oracle
import pytest
from calls import (
    INDEX_DTYPES,
    PLAIN_LAYOUTS,
    assert_same,
    data_of,
    index_of,
    on_arrays,
    read_only,
    run,
)

X = np.arange(24).reshape(2, 3, 4)
TABLE = np.array([[1, 2, 3], [4, 5, 6]])
ROWS = np.array([[1, 2], [3, 4], [5, 6]])
FLOATS = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])

CASES = {
    # The contract, section 5.
    "gather/worked example": (
        "gather",
        {"input": X, "dim": 1, "index": [[[0] * 4, [2] * 4]] * 2},
        [[[0, 1, 2, 3], [8, 9, 10, 11]], [[12, 13, 14, 15], [20, 21, 22, 23]]],
    ),
    "gather/last dim": (
        "gather",
        {"input": TABLE, "dim": 1, "index": [[2, 0], [1, -1]]},
        [[3, 1], [5, 6]],
    ),
    "gather/first dim": (
        "gather",
        {"input": TABLE, "dim": 0, "index": [[1, 0, 1]] * 3},
        [[4, 2, 6]] * 3,
    ),
    "gather/index smaller in the other dim": (
        "gather",
        {"input": TABLE, "dim": 1, "index": [[2, 1, 0, -3]]},
        [[3, 2, 1, 1]],
    ),
    "gather/wrap": (
        "gather",
        {"input": TABLE, "dim": 1, "index": [[3, -4], [5, -7]], "mode": "wrap"},
        [[1, 3], [6, 6]],
    ),
    "gather/clip": (
        "gather",
        {"input": TABLE, "dim": 1, "index": [[3, -1], [1, -7]], "mode": "clip"},
        [[3, 1], [5, 4]],
    ),
    "gather/fill": (
        "gather",
        {"input": TABLE, "dim": 1, "index": [[2, -1], [1, 7]], "mode": "fill", "fill_value": -9},
        [[3, -9], [5, -9]],
    ),
    "gather/fill with the default": (
        "gather",
        {"input": TABLE, "dim": 1, "index": [[3, 0]], "mode": "fill"},
        [[0, 1]],
    ),
    "gather/0-d": ("gather", {"input": np.array(7), "dim": -1, "index": np.array(-1)}, 7),
    # Writes of PyTorch; of two values for one element the last in C order stays.
    "scatter/inverse of gather": (
        "scatter",
        {
            "input": np.zeros((2, 3), int),
            "dim": 1,
            "index": [[2, 0], [1, -1]],
            "src": [[1, 2], [3, 4]],
        },
        [[2, 0, 1], [0, 3, 4]],
    ),
    "scatter/torch's example": (
        "scatter",
        {
            "input": np.zeros((3, 5), int),
            "dim": 0,
            "index": [[0, 1, 2, 0]],
            "src": np.arange(1, 11).reshape(2, 5),
        },
        [[1, 0, 0, 4, 0], [0, 2, 0, 0, 0], [0, 0, 3, 0, 0]],
    ),
    "scatter/last duplicate wins": (
        "scatter",
        {"input": np.zeros(3, int), "dim": 0, "index": [1, 1, 0, 1], "src": [5, 6, 7, 8]},
        [7, 8, 0],
    ),
    "scatter/scalar": (
        "scatter",
        {"input": TABLE, "dim": 1, "index": [[0], [2]], "src": 9},
        [[9, 2, 3], [4, 5, 9]],
    ),
    "scatter/drop": (
        "scatter",
        {
            "input": np.zeros(3, int),
            "dim": 0,
            "index": [-1, 3, 1],
            "src": [5, 6, 7],
            "mode": "drop",
        },
        [0, 7, 0],
    ),
    "scatter/0-d": (
        "scatter",
        {"input": np.array(7), "dim": 0, "index": np.array(0), "src": np.array(9)},
        9,
    ),
    "scatter_add/torch's example": (
        "scatter_add",
        {
            "input": np.zeros((3, 5)),
            "dim": 0,
            "index": [[0, 1, 2, 0, 0], [0, 1, 2, 2, 2]],
            "src": np.ones((2, 5)),
        },
        [[2.0, 0, 0, 1, 1], [0, 2, 0, 0, 0], [0, 0, 2, 1, 1]],
    ),
    "scatter_add/counting": (
        "scatter_add",
        {"input": np.zeros(4, int), "dim": 0, "index": [1, 3, 1, 1], "src": 1},
        [0, 3, 0, 1],
    ),
    "scatter_reduce/sum": (
        "scatter_reduce",
        {
            "input": [1.0, 2.0, 3.0, 4.0],
            "dim": 0,
            "index": [0, 1, 0, 1, 2, 1],
            "src": [1.0, 2, 3, 4, 5, 6],
            "reduce": "sum",
        },
        [5.0, 14.0, 8.0, 4.0],
    ),
    "scatter_reduce/sum without self": (
        "scatter_reduce",
        {
            "input": [1.0, 2.0, 3.0, 4.0],
            "dim": 0,
            "index": [0, 1, 0, 1, 2, 1],
            "src": [1.0, 2, 3, 4, 5, 6],
            "reduce": "sum",
            "include_self": False,
        },
        [4.0, 12.0, 5.0, 4.0],
    ),
    "scatter_reduce/amax": (
        "scatter_reduce",
        {
            "input": [5.0, 4.0, 3.0, 2.0],
            "dim": 0,
            "index": [0, 1, 0, 1, 2, 1],
            "src": [1.0, 2, 3, 4, 5, 6],
            "reduce": "amax",
        },
        [5.0, 6.0, 5.0, 2.0],
    ),
    "scatter_reduce/amin without self": (
        "scatter_reduce",
        {
            "input": [0, 0, 0, 2],
            "dim": 0,
            "index": [0, 1, 0, 1, 2, 1],
            "src": [1, 2, 3, 4, 5, 6],
            "reduce": "amin",
            "include_self": False,
        },
        [1, 2, 5, 2],
    ),
    "scatter_reduce/prod": (
        "scatter_reduce",
        {"input": [2, 3], "dim": 0, "index": [0, 0, -1], "src": [5, 7, 11], "reduce": "prod"},
        [70, 33],
    ),
    "scatter_reduce/integer mean rounds down": (
        "scatter_reduce",
        {"input": [0, 0, -1], "dim": 0, "index": [0, 1, 2], "src": [3, -3, -2], "reduce": "mean"},
        [1, -2, -2],
    ),
    "scatter_reduce/mean without self": (
        "scatter_reduce",
        {
            "input": [5.0, 5.0, 5.0],
            "dim": 0,
            "index": [0, 0, 2],
            "src": [1.0, 2.0, 9.0],
            "reduce": "mean",
            "include_self": False,
        },
        [1.5, 5.0, 9.0],
    ),
    # Whole slices.
    "index_select/rows": (
        "index_select",
        {"input": ROWS, "dim": 0, "index": [2, 0, -1, 0]},
        [[5, 6], [1, 2], [5, 6], [1, 2]],
    ),
    "index_select/columns": (
        "index_select",
        {"input": TABLE, "dim": -1, "index": [1]},
        [[2], [5]],
    ),
    "index_select/padding": (
        "index_select",
        {"input": ROWS, "dim": 0, "index": [1, -1], "mode": "fill", "fill_value": 9},
        [[3, 4], [9, 9]],
    ),
    "index_select/0-d": ("index_select", {"input": np.array(7), "dim": 0, "index": [0]}, 7),
    "index_copy/rows": (
        "index_copy",
        {"input": np.zeros((3, 2), int), "dim": 0, "index": [2, 0], "source": [[1, 2], [3, 4]]},
        [[3, 4], [0, 0], [1, 2]],
    ),
    "index_copy/columns, last duplicate wins": (
        "index_copy",
        {"input": np.zeros((2, 3), int), "dim": 1, "index": [1, 1], "source": [[1, 2], [3, 4]]},
        [[0, 2, 0], [0, 4, 0]],
    ),
    "index_add/alpha": (
        "index_add",
        {
            "input": np.ones((2, 2), int),
            "dim": 0,
            "index": [1, 1],
            "source": [[1, 2], [3, 4]],
            "alpha": 10,
        },
        [[1, 1], [41, 61]],
    ),
    "index_add/torch's example": (
        "index_add",
        {
            "input": np.ones((5, 3)),
            "dim": 0,
            "index": [0, 4, 2],
            "source": np.arange(1.0, 10).reshape(3, 3),
        },
        [[2.0, 3, 4], [1, 1, 1], [8, 9, 10], [1, 1, 1], [5, 6, 7]],
    ),
    "index_fill/torch's example": (
        "index_fill",
        {"input": np.arange(1.0, 10).reshape(3, 3), "dim": 1, "index": [0, 2], "value": -1.0},
        [[-1.0, 2, -1], [-1, 5, -1], [-1, 8, -1]],
    ),
    "index_reduce/torch's example": (
        "index_reduce",
        {
            "input": np.full((5, 3), 2.0),
            "dim": 0,
            "index": [0, 4, 2, 0],
            "source": np.arange(1.0, 13).reshape(4, 3),
            "reduce": "prod",
        },
        [[20.0, 44, 72], [2, 2, 2], [14, 16, 18], [2, 2, 2], [8, 10, 12]],
    ),
    "index_reduce/amax without self": (
        "index_reduce",
        {
            "input": np.full((2, 2), 99),
            "dim": 0,
            "index": [1, 1],
            "source": [[5, 0], [3, 8]],
            "reduce": "amax",
            "include_self": False,
        },
        [[99, 99], [5, 8]],
    ),
    # NumPy.
    "take/index of two dims": (
        "take",
        {"a": TABLE, "indices": [[0, 2], [-1, 1]], "axis": 1},
        [[[1, 3], [3, 2]], [[4, 6], [6, 5]]],
    ),
    "take/flat": (
        "take",
        {"a": [4, 3, 5, 7, 6, 8], "indices": [0, 1, 4]},
        [4, 3, 6],
    ),
    "take/numpy's clip": (
        "take",
        {"a": [4, 3, 5], "indices": [-5, 1, 9], "mode": "clip"},
        [4, 3, 5],
    ),
    "take/numpy's wrap": (
        "take",
        {"a": [4, 3, 5], "indices": [-4, 4, 9], "mode": "wrap"},
        [5, 3, 4],
    ),
    "take_along_axis/numpy's example": (
        "take_along_axis",
        {"arr": [[10, 30, 20], [60, 40, 50]], "indices": [[0, 2, 1], [1, 2, 0]], "axis": 1},
        [[10, 20, 30], [40, 50, 60]],
    ),
    "take_along_axis/one index for all rows": (
        "take_along_axis",
        {"arr": TABLE, "indices": [[2, 0]], "axis": 1},
        [[3, 1], [6, 4]],
    ),
    "take_along_axis/one row for all indices": (
        "take_along_axis",
        {"arr": [[7, 8]], "indices": [[1], [0], [1]]},
        [[8], [7], [8]],
    ),
    "take_along_axis/flat": (
        "take_along_axis",
        {"arr": TABLE, "indices": [5, 0], "axis": None},
        [6, 1],
    ),
    "put_along_axis/numpy's example": (
        "put_along_axis",
        {"arr": [[10, 30, 20], [60, 40, 50]], "indices": [[1], [0]], "values": 99, "axis": 1},
        [[10, 99, 20], [99, 40, 50]],
    ),
    "put_along_axis/broadcast values": (
        "put_along_axis",
        {"arr": np.zeros((2, 3), int), "indices": [[0, 2]], "values": [[1], [2]], "axis": 1},
        [[1, 0, 1], [2, 0, 2]],
    ),
    "put_along_axis/flat": (
        "put_along_axis",
        {"arr": np.zeros((2, 3), int), "indices": [4, 0], "values": [1, 2], "axis": None},
        [[2, 0, 0], [0, 1, 0]],
    ),
    # ONNX.
    "gather_nd/elements": (
        "gather_nd",
        {"params": [[0, 1], [2, 3]], "indices": [[0, 0], [1, 1]]},
        [0, 3],
    ),
    "gather_nd/slices": (
        "gather_nd",
        {"params": [[0, 1], [2, 3]], "indices": [[1], [0]]},
        [[2, 3], [0, 1]],
    ),
    "gather_nd/batch": (
        "gather_nd",
        {"params": np.arange(8).reshape(2, 2, 2), "indices": [[1], [0]], "batch_dims": 1},
        [[2, 3], [4, 5]],
    ),
    "gather_nd/tuple that broadcasts": (
        "gather_nd",
        {"params": TABLE, "indices": ([[0], [1]], [2, -3])},
        [[3, 1], [6, 4]],
    ),
    "gather_nd/no coordinates": (
        "gather_nd",
        {"params": [4, 5], "indices": np.zeros((2, 0), int)},
        [[4, 5], [4, 5]],
    ),
    "gather_nd/batch without coordinates": (
        "gather_nd",
        {"params": [[4, 5], [6, 7]], "indices": np.zeros((2, 2, 0), int), "batch_dims": 1},
        [[[4, 5], [4, 5]], [[6, 7], [6, 7]]],
    ),
    "gather_nd/fill": (
        "gather_nd",
        {"params": TABLE, "indices": [[0, 1], [0, -1], [2, 0]], "mode": "fill", "fill_value": -5},
        [2, -5, -5],
    ),
    "scatter_nd/elements": (
        "scatter_nd",
        {"data": np.arange(1, 9), "indices": [[4], [3], [1], [7]], "updates": [9, 10, 11, 12]},
        [1, 11, 3, 10, 9, 6, 7, 12],
    ),
    "scatter_nd/slices": (
        "scatter_nd",
        {"data": np.zeros((3, 2), int), "indices": [[0], [2]], "updates": [[5, 6], [7, 8]]},
        [[5, 6], [0, 0], [7, 8]],
    ),
    "scatter_nd/add": (
        "scatter_nd",
        {
            "data": np.zeros((2, 2), int),
            "indices": [[0, 0], [1, 1], [0, 0]],
            "updates": [1, 2, 3],
            "reduction": "add",
        },
        [[4, 0], [0, 2]],
    ),
    "scatter_nd/tuple": (
        "scatter_nd",
        {
            "data": np.zeros((2, 3), int),
            "indices": ([[0], [1]], [0, 2]),
            "updates": [[1, 2], [3, 4]],
        },
        [[1, 0, 2], [3, 0, 4]],
    ),
    "scatter_nd/max, scalar": (
        "scatter_nd",
        {"data": [1, 5, 9], "indices": [[0], [1], [2]], "updates": 6, "reduction": "max"},
        [6, 6, 9],
    ),
    # Segments.
    "segment_reduce/lengths": (
        "segment_reduce",
        {"data": [1.0, 2, 3, 4, 5], "reduce": "sum", "lengths": [2, 0, 3]},
        [3.0, 0.0, 12.0],
    ),
    "segment_reduce/offsets": (
        "segment_reduce",
        {"data": [1, 2, 3, 4, 5], "reduce": "max", "offsets": [1, 3, 5]},
        [3, 5],
    ),
    "segment_reduce/second axis": (
        "segment_reduce",
        {"data": FLOATS, "reduce": "mean", "lengths": [2, 1], "axis": 1},
        [[1.5, 3.0], [4.5, 6.0]],
    ),
    "segment_reduce/empty": (
        "segment_reduce",
        {"data": [2.0], "reduce": "max", "lengths": [0, 1]},
        [-np.inf, 2.0],
    ),
    "segment_reduce/empty mean": (
        "segment_reduce",
        {"data": [2.0], "reduce": "mean", "lengths": [0, 1]},
        [np.nan, 2.0],
    ),
    "segment_reduce/initial": (
        "segment_reduce",
        {"data": [2, 3], "reduce": "prod", "lengths": [0, 2], "initial": 5},
        [5, 30],
    ),
    "segment_reduce/initial of a mean": (
        "segment_reduce",
        {"data": [2.0, 3.0], "reduce": "mean", "lengths": [0, 2], "initial": 1.0},
        [1.0, 3.0],
    ),
    "segment_reduce/integer mean rounds down": (
        "segment_reduce",
        {"data": [-1, -2], "reduce": "mean", "lengths": [2]},
        [-2],
    ),
}
each_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def prepared(case, change=lambda array: array):
    """Function, arguments and expected array; inputs read-only, but for `put_along_axis`'s."""
    function, arguments, expected = case
    arguments = {name: as_arrays(value) for name, value in arguments.items()}
    expected = np.array(expected, arguments[data_of(function)].dtype)
    changed = on_arrays(arguments, lambda array: read_only(change(array.copy())))
    if function == "put_along_axis":
        changed["arr"] = change(arguments["arr"].copy())
    return function, changed, expected


def as_arrays(value):
    """The lists of the table as arrays."""
    if isinstance(value, tuple):
        return tuple(map(np.array, value))
    return np.array(value) if isinstance(value, list) else value


@each_case
def test_oracle(case):
    function, arguments, expected = prepared(case)
    assert_same(run(oracle, function, arguments), expected)


@each_case
def test_case(fg, case):
    function, arguments, expected = prepared(case)
    assert_same(run(fg, function, arguments), expected)


@pytest.mark.parametrize("layout", PLAIN_LAYOUTS.values(), ids=PLAIN_LAYOUTS)
@each_case
def test_case_in_every_layout(fg, case, layout):
    function, arguments, expected = prepared(case, layout)
    assert_same(run(fg, function, arguments), expected)


@pytest.mark.parametrize("layout", PLAIN_LAYOUTS.values(), ids=PLAIN_LAYOUTS)
@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=name)
        for name, case in CASES.items()
        if case[0] not in ("put_along_axis", "segment_reduce")
    ],
)
def test_case_with_out(fg, case, layout):
    function, arguments, expected = prepared(case)
    out = layout(np.full_like(expected, 77))
    assert run(fg, function, arguments | {"out": out}) is out
    assert_same(out, expected)


def with_index_dtypes():
    """Every case with every index dtype that holds its indices."""
    for name, (function, arguments, expected) in CASES.items():
        parameter = "offsets" if "offsets" in arguments else index_of(function)
        index = as_arrays(arguments[parameter])
        members = index if isinstance(index, tuple) else (index,)
        lowest = min(member.min(initial=0) for member in members)
        for dtype in INDEX_DTYPES:
            if lowest >= np.iinfo(dtype).min:
                narrow = tuple(member.astype(dtype) for member in members)
                narrow = {parameter: narrow if isinstance(index, tuple) else narrow[0]}
                yield pytest.param((function, arguments | narrow, expected), id=f"{name}-{dtype}")


@pytest.mark.parametrize("case", list(with_index_dtypes()))
def test_case_with_every_index_dtype(fg, case):
    function, arguments, expected = prepared(case)
    assert_same(run(fg, function, arguments), expected)


def test_no_coordinates_for_more_than_a_block(fg):
    x, indices = np.arange(4).reshape(2, 2), np.zeros((70_000, 0), int)
    assert_same(fg.gather_nd(x, indices), np.broadcast_to(x, (70_000, 2, 2)))
    updates = np.ones((70_000, 2, 2), int)
    assert_same(fg.scatter_nd(x, indices, updates, "add"), x + 70_000)
    assert_same(fg.scatter_nd(x, indices, 5), np.full_like(x, 5))


def test_random_masking_of_a_masked_autoencoder(fg):
    """The contract's second example (He et al., arXiv 2111.06377)."""
    x = np.arange(64).reshape(1, 16, 4)
    noise = np.linspace(0.5, 1, 16)[None]
    noise[0, [10, 12, 4, 13]] = [0.1, 0.2, 0.3, 0.4]
    ids_shuffle = np.argsort(noise, axis=1)
    ids_restore = np.argsort(ids_shuffle, axis=1)
    ids_keep = ids_shuffle[:, : int(16 * (1 - 0.75))]
    index = np.broadcast_to(ids_keep[..., None], (1, 4, 4))
    x_masked = fg.gather(x, 1, index)
    expected = [range(40, 44), range(48, 52), range(16, 20), range(52, 56)]
    assert x_masked.tolist() == [[list(row) for row in expected]]

    mask = fg.gather(np.repeat([[0, 1]], [4, 12], axis=1), 1, ids_restore)
    assert np.flatnonzero(mask == 0).tolist() == [4, 10, 12, 13]

    restored = fg.scatter(np.zeros_like(x), 1, index, x_masked)
    assert (restored == np.where(mask[..., None] == 0, x, 0)).all()
