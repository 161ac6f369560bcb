"""Where a plan meets its limits: as many dims as NumPy has, and one too many."""

import numpy as np
import pytest

DIMS = 64


def lines(ndim):
    """Two elements along the last of `ndim` dims."""
    return np.arange(2.0).reshape((1,) * (ndim - 1) + (2,))


def test_all_dims_that_numpy_has(fg):
    x, index = lines(DIMS), np.full((1,) * DIMS, 1)
    assert fg.gather(x, -1, index).item() == 1
    assert fg.take_along_axis(x, index, -1).item() == 1
    assert fg.scatter(x, -1, index, 5).ravel().tolist() == [0, 5]
    assert fg.take(lines(DIMS - 1), [[1]], axis=-1).shape == (1,) * DIMS


def test_one_dim_too_many(fg):
    index = np.zeros((1,) * 33, int)
    for call in (
        lambda: fg.take(lines(33), index, axis=0),
        lambda: fg.gather_nd(lines(64), index[..., None]),
        lambda: fg.scatter_nd(lines(64), index[..., None], 0),
    ):
        with pytest.raises(ValueError, match="dims, and NumPy holds 64 at most"):
            call()
