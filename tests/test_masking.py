"""fastgather.masking against the definitions in plain loops, and against PyTorch on the same noise.

Every test runs on both engines.
"""

import math
import sys

import ml_dtypes
import numpy as np
import pytest
from calls import DTYPES, assert_same, random_data
from conftest import printed_by

import fastgather
from fastgather import _fallback, masking

pytestmark = pytest.mark.usefixtures("each_engine")

SHAPES = [(2, 8), (3, 7, 4), (1, 16, 2, 3), (2, 5, 0), (0, 6, 2), (3, 1, 2), (2, 0, 3)]
RATIOS = [0, 0.3, 0.5, 0.75, 0.99]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


# The definitions


def order_of(keys):
    """The stable order of a list: by number, then by place; NaN last."""
    return sorted(range(len(keys)), key=lambda i: (keys[i] != keys[i], keys[i], i))


def masked_by(x, orders, keep):
    """What a masking returns that keeps the first of each order."""
    n, length = x.shape[:2]
    x_masked = np.empty((n, keep, *x.shape[2:]), x.dtype)
    mask = np.ones((n, length), np.float32)
    ids_restore = np.empty((n, length), np.int64)
    for i, order in enumerate(orders):
        for place, token in enumerate(order):
            ids_restore[i, token] = place
            if place < keep:
                x_masked[i, place] = x[i, token]
                mask[i, token] = 0
    return x_masked, mask, ids_restore


def restored_by(x_masked, ids_restore, fill):
    x = np.empty(ids_restore.shape + x_masked.shape[2:], x_masked.dtype)
    x[...] = fill
    for i, j in np.ndindex(ids_restore.shape):
        if ids_restore[i, j] < x_masked.shape[1]:
            x[i, j] = x_masked[i, ids_restore[i, j]]
    return x


def assert_all_same(results, expected):
    assert len(results) == len(expected)
    for result, array in zip(results, expected, strict=True):
        assert_same(result, array)


def read_only(array):
    array = np.array(array)
    array.flags.writeable = False
    return array


# random_masking and restore


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("noise", ["different", "ties", "equal"])
def test_random_masking(rng, shape, ratio, noise):
    x, limit = rng.random(shape), {"different": 2**40, "ties": 3, "equal": 1}[noise]
    noise = read_only(rng.integers(0, limit, shape[:2]) / 8)
    result = masking.random_masking(read_only(x), ratio, noise=noise)
    keep = int(shape[1] * (1 - ratio))
    assert_all_same(result, masked_by(x, map(order_of, noise.tolist()), keep))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_tokens_of_any_dtype(rng, dtype):
    x, noise = random_data(rng, (3, 9, 2), dtype), rng.random((3, 9))
    x_masked, mask, ids_restore = masking.random_masking(x, 0.5, noise=noise)
    expected = masked_by(x, map(order_of, noise.tolist()), 4)
    assert_all_same((x_masked, mask, ids_restore), expected)
    fill = x[0, 0, 0]
    result = masking.restore(x_masked, ids_restore, fill)
    assert_same(result, restored_by(x_masked, ids_restore, fill))


NOISE_DTYPES = [
    *["f2", "f4", "f8", "g", ">f4", ">f8", "?", "i1", "i8", ">i4", "u1", "u8"],
    ml_dtypes.bfloat16,
    ml_dtypes.float8_e5m2,
]
NOISE_LAYOUTS = {
    "C": np.array,
    "Fortran": np.asfortranarray,
    "strided": lambda noise: np.repeat(noise, 2, axis=1)[:, ::2],
    "reversed": lambda noise: noise[::-1, ::-1],
}


@pytest.mark.parametrize("dtype", NOISE_DTYPES)
@pytest.mark.parametrize("layout", NOISE_LAYOUTS)
def test_noise_of_any_dtype_and_layout(rng, dtype, layout):
    x = rng.random((4, 300))
    noise = NOISE_LAYOUTS[layout]((100 * rng.random((4, 300))).astype(dtype))
    result = masking.random_masking(x, 0.6, noise=noise)
    orders = map(order_of, noise.astype(float).tolist())
    assert_all_same(result, masked_by(x, orders, int(300 * (1 - 0.6))))


def test_signed_zeros_tie():
    noise = [[0.0, -0.0, 0.0, -1.0, -0.0]]
    _, _, ids_restore = masking.random_masking(np.zeros((1, 5)), noise=noise)
    assert ids_restore.tolist() == [[1, 2, 3, 0, 4]]


def test_worked_example_of_the_contract():
    x, noise = np.arange(64).reshape(1, 16, 4), np.arange(1.0, 17).reshape(1, 16)
    noise[0, [10, 12, 4, 13]] = [0.1, 0.2, 0.3, 0.4]
    x_masked, _, _ = masking.random_masking(x, noise=noise)
    expected = [[40, 41, 42, 43], [48, 49, 50, 51], [16, 17, 18, 19], [52, 53, 54, 55]]
    assert x_masked.tolist() == [expected]


def test_rng_draws_the_noise():
    x = np.arange(24).reshape(2, 12)
    noise = np.random.default_rng(3).random((2, 12))
    expected = masking.random_masking(x, noise=noise)
    assert_all_same(masking.random_masking(x, rng=3), expected)
    generator = np.random.default_rng(3)
    assert_all_same(masking.random_masking(x, rng=generator), expected)
    again = masking.random_masking(x, rng=generator)
    assert not np.array_equal(again[2], expected[2])
    assert masking.random_masking(x)[0].shape == (2, 3)


@pytest.mark.parametrize("shape", [(4, 33), (4, 33, 3), (2, 700, 2)])
@pytest.mark.parametrize("dtype", ["f4", "f8", "i8"])
@pytest.mark.parametrize("ties", [False, True])
def test_random_masking_as_in_pytorch(rng, shape, dtype, ties):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    x = rng.random(shape, dtype=np.float32)
    noise = rng.integers(0, 5 if ties else 2**30, shape[:2]).astype(dtype)
    keep = int(shape[1] * (1 - 0.75))
    ids_shuffle = torch.argsort(torch.from_numpy(noise), dim=1, stable=True)
    ids_restore = torch.argsort(ids_shuffle, dim=1)
    ids_keep = ids_shuffle[:, :keep]
    index = ids_keep.reshape(ids_keep.shape + (1,) * (len(shape) - 2))
    index = index.expand(*ids_keep.shape, *shape[2:])
    mask = torch.ones(shape[:2])
    mask[:, :keep] = 0
    expected = torch.gather(torch.from_numpy(x), 1, index), mask.gather(1, ids_restore), ids_restore
    result = masking.random_masking(x, noise=noise)
    assert_all_same(result, [tensor.numpy() for tensor in expected])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("ratio", RATIOS)
def test_restore(rng, shape, ratio):
    x = rng.random(shape)
    x_masked, mask, ids_restore = masking.random_masking(x, ratio, rng=1)
    token = rng.random(shape[2:])
    for fill in (0, -1.5, token, token[None, None], rng.random(shape)):
        result = masking.restore(read_only(x_masked), read_only(ids_restore), fill)
        assert_same(result, restored_by(x_masked, ids_restore, fill))
    kept = mask == 0
    assert_same(masking.restore(x_masked, ids_restore)[kept], x[kept])
    assert not masking.restore(x_masked, ids_restore)[~kept].any()


@pytest.mark.parametrize("dtype", [bool, "V3", ml_dtypes.bfloat16])
def test_the_default_fill_is_nothing(each_engine, dtype):
    x = np.array([[True, True, True]]).astype(dtype)
    x_masked, mask, ids_restore = masking.random_masking(x, 0.5, noise=[[2, 1, 3]])
    expected = x.copy()
    expected[mask == 1] = np.zeros((), dtype)
    assert_same(masking.restore(x_masked, ids_restore), expected)


def test_fill_converts_as_a_scatter_does(rng):
    x_masked, _, ids_restore = masking.random_masking(np.ones((1, 4), np.uint8), rng=0)
    for fill, error in ((300, OverflowError), (2.5, TypeError), ([0.5] * 4, TypeError)):
        with pytest.raises(error):
            masking.restore(x_masked, ids_restore, fill)


# block_masking and tube_masking


def assert_masked_in_order(x, result, keep):
    """That the triple keeps and removes tokens in the order they had."""
    orders = [order_of(row) for row in result[1].tolist()]
    assert_all_same(result, masked_by(x, orders, keep))
    assert ((result[1] == 0).sum(axis=1) == keep).all()


@pytest.mark.parametrize("grid", [(6, 6), (4, 9), (1, 36), (36, 1), (1, 1), (14, 14)])
@pytest.mark.parametrize("ratio", RATIOS)
def test_block_masking(rng, grid, ratio):
    length = math.prod(grid)
    x = rng.random((5, length, 2))
    result = masking.block_masking(x, ratio, grid=grid, min_block=4, rng=2)
    assert_masked_in_order(x, result, int(length * (1 - ratio)))
    assert_all_same(masking.block_masking(x, ratio, grid=grid, min_block=4, rng=2), result)
    assert_all_same(
        masking.block_masking(x, ratio, grid=grid, min_block=4, rng=np.random.default_rng(2)),
        result,
    )


def test_blocks_are_rectangles_in_the_grid(rng):
    """With a large `min_block` one block is enough: a rectangle, cut in C order."""
    x = np.zeros((200, 10 * 12))
    mask = masking.block_masking(x, 0.4, grid=(10, 12), min_block=70, rng=0)[1]
    shapes = set()
    for rows in mask.reshape(200, 10, 12):
        used = np.flatnonzero(rows.any(axis=1))
        assert (np.diff(used) == 1).all()
        whole = {tuple(np.flatnonzero(row)) for row in rows[used[:-1]]}
        assert len(whole) == 1
        (columns,) = whole
        last = tuple(np.flatnonzero(rows[used[-1]]))
        assert np.ptp(columns) == len(columns) - 1
        assert last == columns[: len(last)]
        shapes.add((len(used), len(columns)))
    assert len(shapes) > 5


def test_blocks_leave_fewer_borders_than_random_tokens():
    x = np.zeros((50, 196))

    def borders(mask):
        grid = mask.reshape(50, 14, 14)
        return abs(np.diff(grid, axis=1)).sum() + abs(np.diff(grid, axis=2)).sum()

    blocks, tokens = (
        masking.block_masking(x, 0.5, rng=0)[1],
        masking.random_masking(x, 0.5, rng=0)[1],
    )
    assert borders(blocks) < borders(tokens) / 2


def test_blocks_differ_between_samples_and_reach_everywhere():
    mask = masking.block_masking(np.zeros((300, 49)), 0.3, min_block=4, rng=0)[1]
    assert len({tuple(row) for row in mask.tolist()}) > 250
    assert mask.mean(axis=0).min() > 0.05


@pytest.mark.parametrize("shape", [(2, 12), (3, 12, 2), (0, 12, 2), (2, 0, 1)])
@pytest.mark.parametrize("frames", [1, 3, 4])
@pytest.mark.parametrize("ratio", RATIOS)
def test_tube_masking(rng, shape, frames, ratio):
    x, places = rng.random(shape), shape[1] // frames
    noise = rng.integers(0, 3, (shape[0], places))
    result = masking.tube_masking(x, ratio, frames=frames, noise=noise)
    keep = int(places * (1 - ratio))
    assert_masked_in_order(x, result, frames * keep)
    one_frame = masking.random_masking(np.zeros((shape[0], places)), ratio, noise=noise)[1]
    assert_same(result[1], np.tile(one_frame, frames))


def test_tube_masking_draws_one_frame():
    x = np.zeros((3, 2 * 600))
    noise = np.random.default_rng(8).random((3, 600))
    expected = masking.tube_masking(x, frames=2, noise=noise)
    assert_all_same(masking.tube_masking(x, frames=2, rng=8), expected)
    frame = masking.random_masking(x[:, :600], 0.9, noise=noise)[1]
    assert_same(expected[1], np.tile(frame, 2))


# shuffle and unshuffle


@pytest.mark.parametrize("shape", SHAPES)
def test_shuffle_and_unshuffle(rng, shape):
    x = rng.random(shape)
    permutation = rng.permuted(np.tile(np.arange(shape[1]), (shape[0], 1)), axis=1)
    expected = x.copy()
    for i, j in np.ndindex(shape[:2]):
        expected[i, j] = x[i, permutation[i, j]]
    result = masking.shuffle(read_only(x), read_only(permutation))
    assert_same(result, expected)
    assert_same(masking.unshuffle(result, permutation.astype("u1")), x)


# topk_gather and argsort_gather


def gathered_by(scores, values, dim, order, length):
    """Values of lines along `dim` in the order that `order` gives for a line of scores."""
    dim %= scores.ndim
    out = np.empty((*values.shape[:dim], length, *values.shape[dim + 1 :]), values.dtype)
    lines = (*scores.shape[:dim], 1, *scores.shape[dim + 1 :])
    for position in np.ndindex(lines):
        before, behind = position[:dim], position[dim + 1 :]
        line = scores[(*before, slice(None), *behind)].tolist()
        for place, source in enumerate(order(line)[:length]):
            out[(*before, place, *behind)] = values[(*before, source, *behind)]
    return out


def best_first(line):
    return sorted(range(len(line)), key=lambda i: (line[i] != line[i], -line[i], i))


SCORES = [((9,), 0), ((3, 8), 1), ((3, 8), 0), ((2, 5, 3), -2), ((2, 1500), -1), ((0, 4), 1)]


@pytest.mark.parametrize(("shape", "dim"), SCORES)
@pytest.mark.parametrize("dtype", ["f4", ">f8", "f2", "i1", "u1", "u8", "?", "i8"])
@pytest.mark.parametrize("trailing", [(), (2,)])
def test_topk_and_argsort_gather(rng, shape, dim, dtype, trailing):
    few = rng.integers(0, 5 if math.prod(shape) < 1000 else 900, shape)
    scores, values = read_only(few.astype(dtype)), rng.random(shape + trailing)
    length = shape[dim]
    for k in {0, 1, min(3, length), length // 4, length}:
        expected = gathered_by(few.astype(dtype).astype(object), values, dim, best_first, k)
        assert_same(masking.topk_gather(scores, values, k, dim), expected)
    for descending, order in ((False, order_of), (True, best_first)):
        expected = gathered_by(scores.astype(object), values, dim, order, length)
        result = masking.argsort_gather(scores, values, dim, descending=descending)
        assert_same(result, expected)


@pytest.mark.parametrize("length", [6, 1000])
@pytest.mark.parametrize("nans", [1, 5, 6])
def test_nan_scores_come_last(rng, length, nans):
    scores = rng.integers(0, 4, (3, length)).astype(float)
    scores[:, rng.permutation(length)[: nans * length // 6]] = np.nan
    values = np.tile(np.arange(length), (3, 1))
    for k in (2, length):
        expected = gathered_by(scores, values, 1, best_first, k)
        assert_same(masking.topk_gather(scores, values, k), expected)
    assert_same(
        masking.argsort_gather(scores, values), gathered_by(scores, values, 1, order_of, length)
    )


def test_extremes_of_integers_are_scores():
    for dtype in ("i1", "i8", "u8"):
        limits = np.iinfo(dtype)
        scores = np.array([limits.min, 1, limits.max - 1, limits.max, 0], dtype)
        order = [3, 2, 1, 0, 4] if dtype == "u8" else [3, 2, 1, 4, 0]
        assert masking.topk_gather(scores, np.arange(5), 5).tolist() == order


def test_topk_gather_as_in_pytorch(rng):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    scores = rng.random((4, 2000), dtype=np.float32)
    values = rng.random((4, 2000, 3), dtype=np.float32)
    index = torch.topk(torch.from_numpy(scores), 7).indices
    expected = torch.gather(torch.from_numpy(values), 1, index[..., None].expand(4, 7, 3))
    assert_same(masking.topk_gather(scores, values, 7), expected.numpy())


# Bad input

X = np.zeros((2, 6, 3))


@pytest.mark.parametrize("ratio", [-0.1, 1, 1.5, math.nan, math.inf, True, np.float32(2)])
@pytest.mark.parametrize("mask", [masking.random_masking, masking.block_masking])
def test_mask_ratio_out_of_range(mask, ratio):
    with pytest.raises(ValueError, match=r"mask_ratio must be in \[0, 1\), not .*: 0.75 removes"):
        mask(X, ratio)


@pytest.mark.parametrize("ratio", ["0.5", None, 0.5j, [0.5]])
def test_mask_ratio_that_is_no_number(ratio):
    for call in (masking.random_masking, lambda x, r: masking.tube_masking(x, r, frames=2)):
        with pytest.raises(TypeError, match=r"mask_ratio must be a real number in \[0, 1\), not"):
            call(X, ratio)


SIX = [[0.0] * 6] * 2
NAN = [[0.0] * 6, [0.0, 0.0, math.nan, 0.0, 0.0, math.nan]]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: masking.random_masking(X, noise=[[0.0] * 5] * 2), ValueError,
         r"noise must have shape \(2, 6\), but has shape \(2, 5\)"),
        (lambda: masking.random_masking(X, noise=X), ValueError, r"\(2, 6\).*\(2, 6, 3\)"),
        (lambda: masking.random_masking(X, noise=NAN), ValueError, r"NaN at position \(1, 2\)"),
        (lambda: masking.tube_masking(X[:, :2], frames=1, noise=[[1, 2], [3, math.nan]]),
         ValueError, r"NaN at position \(1, 1\)"),
        (lambda: masking.random_masking(X, noise=SIX, rng=0), ValueError, "only one of them"),
        (lambda: masking.random_masking(X, noise=[["a"] * 6] * 2), TypeError, "real numbers"),
        (lambda: masking.random_masking(X, noise=np.zeros((2, 6), complex)), TypeError, "complex"),
        (lambda: masking.random_masking(X, noise=np.ma.zeros((2, 6))), TypeError, "noise is a "),
        (lambda: masking.random_masking(np.ma.zeros((2, 6))), TypeError, "x is a .*MaskedArray"),
        (lambda: masking.random_masking(X[0, 0]), ValueError, r"\[N, L, ...\].*\(3,\)"),
        (lambda: masking.block_masking(X), ValueError, r"6 tokens are no square: give grid"),
        (lambda: masking.block_masking(X, grid=(2, 4)), ValueError, "grid 2 x 4 .* 6 tokens"),
        (lambda: masking.block_masking(X, grid=(-2, -3)), ValueError, "grid -2 x -3"),
        (lambda: masking.block_masking(X, grid=6), ValueError, r"grid must be \(height, .*, not 6"),
        (lambda: masking.block_masking(X, grid=(1, 2, 3)), ValueError, "grid must be"),
        (lambda: masking.block_masking(X, grid=(2.0, 3)), TypeError, "number of grid .* not 2.0"),
        (lambda: masking.block_masking(X, grid=(2, 3), min_block=0), ValueError, "min_block"),
        (lambda: masking.block_masking(X, grid=(2, 3), min_block=1.5), TypeError,
         "min_block must be an integer"),
        (lambda: masking.tube_masking(X, frames=4), ValueError, "frames must divide the 6 tokens"),
        (lambda: masking.tube_masking(X, frames=0), ValueError, "but is 0"),
        (lambda: masking.tube_masking(X, frames=1.5), TypeError, "frames must be an integer"),
        (lambda: masking.tube_masking(X, frames=2, noise=SIX), ValueError, r"\(2, 3\).*\(2, 6\)"),
        (lambda: masking.restore(X, [[0, 1]] * 2), ValueError, r"\[2, L\] with L of at least 6"),
        (lambda: masking.restore(X, [[0, 1, 2, 3, 4, 5]]), ValueError, r"has shape \(1, 6\)"),
        (lambda: masking.restore(X, np.zeros((2, 6))), TypeError, "ids_restore must hold integers"),
        (lambda: masking.restore(X[:, :2], [[0, 1, 2], [0, 1, 1]]), ValueError,
         "ids_restore must hold 0 to 2 once each, but row 1 lacks 2"),
        (lambda: masking.restore(X[:, :2], [[0, 1, -1], [0, 1, 2]]), ValueError, "row 0 lacks 2"),
        (lambda: masking.restore(X[:, :2], [[0, 1, 2], [0, 1, 7]]), ValueError, "row 1 lacks 2"),
        (lambda: masking.restore(X[:, :1], [[0, 1], [1, 0]], [1.0, 2.0]), ValueError,
         r"fill must be a scalar or broadcast to \(2, 2, 3\), .* \(2,\)"),
        (lambda: masking.shuffle(X, [[0, 1]]), ValueError, r"permutation must have shape \(2, 6\)"),
        (lambda: masking.shuffle(X, np.zeros((2, 6), int)), ValueError, "row 0 lacks 1"),
        (lambda: masking.unshuffle(X, np.zeros((2, 6), int)), ValueError, "row 0 lacks 1"),
        (lambda: masking.topk_gather([1, 2], [1, 2], 3), ValueError, "k must be from 0 to 2"),
        (lambda: masking.topk_gather([1, 2], [1, 2], -1), ValueError, "not -1"),
        (lambda: masking.topk_gather([1, 2], [1, 2], 1.0), TypeError,
         "k must be an integer, not 1.0"),
        (lambda: masking.topk_gather([1, 2], [1, 2, 3], 1), ValueError, r"\(2,\), values \(3,\)"),
        (lambda: masking.topk_gather(1, 1, 1), ValueError, "at least 1-D"),
        (lambda: masking.topk_gather(["a"], [1], 1), TypeError, "scores must hold real numbers"),
        (lambda: masking.argsort_gather([1, 2], [1, 2], 1), IndexError, "dim 1 is out of range"),
    ],
)  # fmt: skip
def test_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


# Costs and names


def count_calls(function):
    """How many functions run, Python's and built-in ones."""
    count = 0

    def note(frame, event, argument):
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        function()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize(
    "call",
    [
        lambda n: masking.random_masking(np.ones((n, n)), rng=0),
        lambda n: masking.tube_masking(np.ones((n, 2 * n)), frames=2, rng=0),
        lambda n: masking.topk_gather(np.ones((n, n)), np.ones((n, n)), 3),
        lambda n: masking.restore(*masking.random_masking(np.ones((n, n)), rng=0)[::2], fill=2),
        lambda n: masking.block_masking(np.ones((n, 36)), grid=(6, 6), min_block=16, rng=0),
    ],
)
def test_no_loop_over_elements(monkeypatch, call):
    monkeypatch.setattr(_fallback, "BLOCK", 800 * 800)  # a loop over blocks is another matter
    few, many = count_calls(lambda: call(8)), count_calls(lambda: call(800))
    assert many < 4 * few


def test_block_masking_ends_soon(monkeypatch):
    """Each block removes at least one token, however small and however few are left."""
    rounds, draw = [], masking._draw_blocks

    def counting(*arguments):
        rounds.append(None)
        return draw(*arguments)

    monkeypatch.setattr(masking, "_draw_blocks", counting)
    mask = masking.block_masking(np.zeros((50, 400)), 0.999, min_block=1, rng=0)[1]
    assert mask.sum() == 50 * 400
    assert len(rounds) < 200


def test_modules_are_imported_when_they_are_asked_for():
    printed = printed_by("""
        import sys, fastgather
        print("fastgather.masking" in sys.modules, "masking" in dir(fastgather))
        print(fastgather.masking.pad([1, 2], [1, 1]).tolist(), fastgather.explain.formula(1, 0))
        print(fastgather.ragged.pad is fastgather.masking.pad)
        try:
            fastgather.nothing
        except AttributeError as error:
            print(error)
    """)
    assert printed == [
        "False True",
        "[[1], [2]] out[i] = input[index[i]]",
        "True",
        "module 'fastgather' has no attribute 'nothing'",
    ]


def test_names():
    assert sorted(masking.__all__) == masking.__all__
    assert all(callable(getattr(masking, name)) for name in masking.__all__)
    assert fastgather.masking is masking
