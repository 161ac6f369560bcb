"""The Python engine stays ahead of NumPy's spelling where it is so; a tenth is for noise."""

import numpy as np
import pytest

from fastgather import _fallback as fg
from fastgather.__main__ import median_times

SHAPE = (512, 512)


ROWS = np.random.default_rng(1).permutation(SHAPE[0])
TOKENS = np.random.default_rng(1).integers(0, 64, (8, 40))
BOX = np.arange(256 * 128 * 100, dtype=np.float32).reshape(256, 128, 100)
POINTS = np.random.default_rng(1).integers(0, BOX.shape, (1_000_000, 3))
TINY = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
TINY_INDEX = np.random.default_rng(1).permuted(np.arange(24).reshape(2, 3, 4) // 4 % 3, axis=1)
ROOM = np.empty_like(TINY)
MIDDLE = np.random.default_rng(1).random((100, 100), np.float32)
MIDDLE_INDEX = np.random.default_rng(1).integers(0, 100, (100, 100))
WORDS = np.broadcast_to(TOKENS[..., None], (8, 40, 512))


def changed(x, change):
    result = x.copy()
    change(result)
    return result


def into(out, result):
    out[...] = result
    return out


def places(index, dim):
    where = list(np.ogrid[: SHAPE[0], : SHAPE[1]])
    where[dim] = index
    return tuple(where)


# Ours and NumPy's, of x, an index for every element and src.
WORK = {
    "gather, last dim": (
        lambda x, index, src: fg.gather(x, 1, index),
        lambda x, index, src: np.take_along_axis(x, index, 1),
    ),
    "gather, first dim": (
        lambda x, index, src: fg.gather(x, 0, index),
        lambda x, index, src: np.take_along_axis(x, index, 0),
    ),
    "gather, index broadcast": (
        lambda x, index, src: fg.gather(x.reshape(8, 64, 512), 1, WORDS),
        lambda x, index, src: np.take_along_axis(x.reshape(8, 64, 512), WORDS, 1),
    ),
    "gather, tiny": (
        lambda x, index, src: fg.gather(TINY, 1, TINY_INDEX),
        lambda x, index, src: np.take_along_axis(TINY, TINY_INDEX, 1),
    ),
    "gather, tiny, into out": (
        lambda x, index, src: fg.gather(TINY, 1, TINY_INDEX, out=ROOM),
        lambda x, index, src: into(ROOM, np.take_along_axis(TINY, TINY_INDEX, 1)),
    ),
    "gather, 100 x 100": (
        lambda x, index, src: fg.gather(MIDDLE, 1, MIDDLE_INDEX),
        lambda x, index, src: np.take_along_axis(MIDDLE, MIDDLE_INDEX, 1),
    ),
    "scatter, 100 x 100": (
        lambda x, index, src: fg.scatter(MIDDLE, 1, MIDDLE_INDEX, MIDDLE),
        lambda x, index, src: changed(
            MIDDLE, lambda y: np.put_along_axis(y, MIDDLE_INDEX, MIDDLE, 1)
        ),
    ),
    "scatter, tiny": (
        lambda x, index, src: fg.scatter(TINY, 1, TINY_INDEX, TINY),
        lambda x, index, src: changed(TINY, lambda y: np.put_along_axis(y, TINY_INDEX, TINY, 1)),
    ),
    "index_select, tiny": (
        lambda x, index, src: fg.index_select(TINY, 1, TINY_INDEX[0, :, 0]),
        lambda x, index, src: np.take(TINY, TINY_INDEX[0, :, 0], 1),
    ),
    "take, tiny, clip": (
        lambda x, index, src: fg.take(TINY, TINY_INDEX, mode="clip"),
        lambda x, index, src: np.take(TINY, TINY_INDEX, mode="clip"),
    ),
    "index_select, columns of every second": (
        lambda x, index, src: fg.index_select(x[:, ::2], 1, ROWS // 2),
        lambda x, index, src: np.take(x[:, ::2], ROWS // 2, 1),
    ),
    "index_select, columns of a transposed array": (
        lambda x, index, src: fg.index_select(x.T, 1, ROWS),
        lambda x, index, src: np.take(x.T, ROWS, 1),
    ),
    "take, wrap": (
        lambda x, index, src: fg.take(x, ROWS + 512, 1, mode="wrap"),
        lambda x, index, src: np.take(x, ROWS + 512, 1, mode="wrap"),
    ),
    "gather_nd, pixels": (
        lambda x, index, src: fg.gather_nd(x, (index, index.T)),
        lambda x, index, src: x[index, index.T],
    ),
    "gather_nd, array of points": (
        lambda x, index, src: fg.gather_nd(BOX, POINTS),
        lambda x, index, src: BOX[tuple(POINTS.T)],
    ),
    "scatter_nd, array of points": (
        lambda x, index, src: fg.scatter_nd(x, index.reshape(-1, 2), 1),
        lambda x, index, src: changed(x, lambda y: y.__setitem__(tuple(index.reshape(-1, 2).T), 1)),
    ),
    "index_add, rows": (
        lambda x, index, src: fg.index_add(x, 0, ROWS, src),
        lambda x, index, src: changed(x, lambda y: np.add.at(y, ROWS, src)),
    ),
    "scatter_add, last dim": (
        lambda x, index, src: fg.scatter_add(x, 1, index, src),
        lambda x, index, src: changed(x, lambda y: np.add.at(y, places(index, 1), src)),
    ),
    "scatter_add, first dim": (
        lambda x, index, src: fg.scatter_add(x, 0, index, src),
        lambda x, index, src: changed(x, lambda y: np.add.at(y, places(index, 0), src)),
    ),
}


@pytest.mark.parametrize("name", WORK)
def test_no_slower_than_numpy(name):
    rng = np.random.default_rng(0)
    arguments = (
        rng.random(SHAPE, np.float32),
        rng.integers(0, 512, SHAPE),
        rng.random(SHAPE, np.float32),
    )
    calls = [lambda function=function: function(*arguments) for function in WORK[name]]
    assert np.array_equal(*[call() for call in calls])
    for _ in range(3):  # a busy machine may spoil one
        ours, numpys = median_times(*calls, rounds=15)
        if ours <= 1.1 * numpys:
            return
    assert ours <= 1.1 * numpys
