"""Masking of tokens, permutations of rows, and values that go with scores.

Tokens are an array of shape [N, L, ...]: N samples of L tokens, each token of any shape. Everything
is built on the public functions, so that it runs on both engines.
"""

import math
import numbers

import numpy as np

import fastgather
from fastgather import _arguments as arguments
from fastgather.ragged import pack_sequences, pad, unpack_sequences, unpad

__all__ = [
    "argsort_gather",
    "block_masking",
    "pack_sequences",
    "pad",
    "random_masking",
    "restore",
    "shuffle",
    "topk_gather",
    "tube_masking",
    "unpack_sequences",
    "unpad",
    "unshuffle",
]

ASPECT = 0.3  # of BEiT's blocks: height over width is from this to its inverse
PARTITION_FROM = 512  # length of a row from which a partition pays; NumPy sorts shorter ones whole


def random_masking(x, mask_ratio=0.75, *, rng=None, noise=None):
    """
    Remove tokens at random, as in a masked autoencoder.

    Parameters
    ----------
    x : array_like
        Tokens: shape [N, L, ...], of any dtype.
    mask_ratio : float, optional
        In [0, 1). ``K = int(L * (1 - mask_ratio))`` tokens of each sample are kept.
    rng : numpy.random.Generator or seed, optional
        Draws the noise, as ``numpy.random.default_rng(rng).random((N, L))``.
    noise : array_like, optional
        Shape [N, L], numbers to use instead: the K tokens with the smallest are kept. Of equal
        numbers the first is the smaller.

    Returns
    -------
    x_masked : ndarray
        Shape [N, K, ...]: the kept tokens, in the order of their noise.
    mask : ndarray of float32
        Shape [N, L]: 0 for a kept token, 1 for a removed one.
    ids_restore : ndarray of int64
        Shape [N, L]: the place of each token among the shuffled ones, the first K of which are
        kept.

    Raises
    ------
    TypeError
        If `mask_ratio` is no real number, `noise` does not hold real numbers, or an input is a
        masked array.
    ValueError
        If `x` is not at least 2-D, `mask_ratio` is outside [0, 1), `noise` has another shape
        than [N, L] or holds NaN, or `rng` and `noise` are both given.

    See Also
    --------
    restore : Puts the tokens back.
    block_masking, tube_masking : Other choices of tokens.

    Notes
    -----
    The arrays are those of the reference implementation of He et al., "Masked autoencoders are
    scalable vision learners", arXiv 2111.06377::

        ids_shuffle = argsort(noise, stable)
        ids_restore = argsort(ids_shuffle)
        x_masked = gather(x, 1, ids_shuffle[:, :K])
        mask = gather([0] * K + [1] * (L - K), 1, ids_restore)

    The second argsort is a scatter of 0 to L - 1 here. The first one is whole: `ids_restore`
    tells the order of the removed tokens too.

    Examples
    --------
    >>> import numpy, fastgather.masking as masking
    >>> x = numpy.arange(12).reshape(1, 4, 3)
    >>> x_masked, mask, ids_restore = masking.random_masking(x, 0.5, noise=[[0.9, 0.1, 0.8, 0.4]])
    >>> x_masked
    array([[[ 3,  4,  5],
            [ 9, 10, 11]]])
    >>> mask
    array([[1., 0., 1., 0.]], dtype=float32)
    >>> ids_restore
    array([[3, 0, 2, 1]])
    """
    x = _as_tokens(x, "x")
    keep = _kept(x.shape[1], mask_ratio)
    ids_shuffle = _argsort(_as_noise(noise, rng, x.shape[:2]))
    return _split(x, ids_shuffle, keep)


def block_masking(x, mask_ratio=0.4, *, grid=None, min_block=16, rng=None):
    """
    Remove blocks of tokens that lie side by side in an image.

    Parameters
    ----------
    x : array_like
        Tokens: shape [N, L, ...], of any dtype, an image's patches row by row.
    mask_ratio : float, optional
        In [0, 1). ``K = int(L * (1 - mask_ratio))`` tokens of each sample are kept.
    grid : tuple of int, optional
        Height and width of the image in tokens; ``height * width == L``. By default it is
        square. ``(1, L)`` gives intervals of a sequence.
    min_block : int, optional
        The smallest area of a block, before it is cut by the grid.
    rng : numpy.random.Generator or seed, optional
        Draws the blocks.

    Returns
    -------
    x_masked : ndarray
        Shape [N, K, ...]: the kept tokens, in the order they had.
    mask, ids_restore : ndarray
        As of `random_masking`; the removed tokens are in their order too.

    Raises
    ------
    TypeError
        If `mask_ratio` is no real number, `grid` or `min_block` no integers, or `x` is a masked
        array.
    ValueError
        If `x` is not at least 2-D, `mask_ratio` is outside [0, 1), `grid` has not L tokens, or
        `min_block` is less than 1.

    See Also
    --------
    random_masking : Token by token.

    Notes
    -----
    Blockwise masking of Bao et al., "BEiT: BERT pre-training of image transformers", arXiv
    2106.08254: until enough tokens are removed, a block is drawn whose area is uniform between
    `min_block` and the number still to remove, and whose height over width is log-uniform
    between 0.3 and 1 / 0.3. So that every sample loses the same number of tokens and the work
    is bounded, two things differ: each block is placed over a token that is still there, and
    the last block removes only as many as are wanted, the first in C order.

    Examples
    --------
    >>> import numpy, fastgather.masking as masking
    >>> x = numpy.arange(36).reshape(1, 36)
    >>> x_masked, mask, _ = masking.block_masking(x, 0.4, min_block=8, rng=1)
    >>> x_masked.shape
    (1, 21)
    >>> int(mask.sum())
    15
    """
    x = _as_tokens(x, "x")
    n, length = x.shape[:2]
    keep = _kept(length, mask_ratio)
    height, width = _as_grid(grid, length)
    min_block = arguments.as_integer(min_block, "min_block")
    if min_block < 1:
        raise ValueError(f"min_block must be at least 1 token, not {min_block}")
    rng = np.random.default_rng(rng)
    removed = np.zeros((n, height, width), bool)
    while (need := length - keep - np.count_nonzero(removed, axis=(1, 2))).any():
        new = (_draw_blocks(rng, removed, need, min_block) & ~removed).reshape(n, length)
        new &= np.cumsum(new, axis=1) <= need[:, None]
        removed |= new.reshape(removed.shape)
    return _split(x, _kept_first(removed.reshape(n, length)), keep)


def tube_masking(x, mask_ratio=0.9, *, frames, rng=None, noise=None):
    """
    Remove the same places from every frame of a video.

    Parameters
    ----------
    x : array_like
        Tokens: shape [N, frames * S, ...], of any dtype, frame by frame.
    mask_ratio : float, optional
        In [0, 1). ``K = int(S * (1 - mask_ratio))`` tokens of each frame are kept.
    frames : int
        Number of frames.
    rng : numpy.random.Generator or seed, optional
        Draws the noise, as ``numpy.random.default_rng(rng).random((N, S))``.
    noise : array_like, optional
        Shape [N, S], numbers to use instead: in every frame the K places with the smallest are
        kept. Of equal numbers the first is the smaller.

    Returns
    -------
    x_masked : ndarray
        Shape [N, frames * K, ...]: the kept tokens, in the order they had.
    mask, ids_restore : ndarray
        As of `random_masking`, of shape [N, frames * S]; the removed tokens are in their order
        too.

    Raises
    ------
    TypeError, ValueError
        As in `random_masking`; also if `frames` is no integer, less than 1, or does not divide
        the number of tokens.

    See Also
    --------
    random_masking : The mask of one frame.

    Notes
    -----
    Tube masking of Tong et al., "VideoMAE: masked autoencoders are data-efficient learners for
    self-supervised video pre-training", arXiv 2203.12602: a token cannot be copied from the
    same place in another frame.

    Examples
    --------
    >>> import numpy, fastgather.masking as masking
    >>> x = numpy.arange(8).reshape(1, 8)  # 2 frames of 4 places
    >>> x_masked, mask, _ = masking.tube_masking(x, 0.5, frames=2, noise=[[0.3, 0.1, 0.4, 0.2]])
    >>> x_masked
    array([[1, 3, 5, 7]])
    >>> mask
    array([[1., 0., 1., 0., 1., 0., 1., 0.]], dtype=float32)
    """
    x = _as_tokens(x, "x")
    n, length = x.shape[:2]
    frames = arguments.as_integer(frames, "frames")
    if frames < 1 or length % frames:
        raise ValueError(f"frames must divide the {length} tokens of x, but is {frames}")
    places = length // frames
    keep = _kept(places, mask_ratio)
    removed = np.ones((n, places), bool)
    kept = _first(_as_noise(noise, rng, (n, places)), keep)
    fastgather.put_along_axis(removed, kept, False, axis=1)
    return _split(x, _kept_first(np.tile(removed, frames)), frames * keep)


def restore(x_masked, ids_restore, fill=0):
    """
    Put tokens back where a masking took them from.

    Parameters
    ----------
    x_masked : array_like
        Shape [N, K, ...]: the kept tokens, or what a model made of them.
    ids_restore : array_like of int
        Shape [N, L], as the maskings return it.
    fill : scalar or array_like, optional
        What stands for a removed token: a number, or a mask token, which broadcasts to
        [N, L, ...] and so may have the shape of one token. It converts to the dtype of
        `x_masked` by the rules of `fastgather.scatter`'s `src`; 0 is also False.

    Returns
    -------
    ndarray
        Shape [N, L, ...], of the dtype of `x_masked`.

    Raises
    ------
    TypeError
        If `ids_restore` does not hold integers, `fill` does not convert, or an input is a
        masked array.
    ValueError
        If the shapes do not fit or a row of `ids_restore` is no permutation of 0 to L - 1.

    See Also
    --------
    unshuffle : For permutations that keep all tokens.

    Examples
    --------
    >>> import fastgather.masking as masking
    >>> masking.restore([[[3, 4, 5], [9, 10, 11]]], [[3, 0, 2, 1]], fill=-1)
    array([[[-1, -1, -1],
            [ 3,  4,  5],
            [-1, -1, -1],
            [ 9, 10, 11]]])
    >>> masking.restore([[[3, 4, 5], [9, 10, 11]]], [[3, 0, 2, 1]], fill=[0, 1, 2])[0, 0]
    array([0, 1, 2])
    """
    x_masked = _as_tokens(x_masked, "x_masked")
    ids_restore = arguments.as_index(ids_restore, "ids_restore")
    shape = ids_restore.shape
    if len(shape) != 2 or shape[0] != len(x_masked) or shape[1] < x_masked.shape[1]:
        raise ValueError(
            f"x_masked of shape {x_masked.shape} needs ids_restore of shape [{len(x_masked)}, L] "
            f"with L of at least {x_masked.shape[1]}, but it has shape {shape}"
        )
    _inverse(ids_restore, "ids_restore")
    index = ids_restore.reshape(shape + (1,) * (x_masked.ndim - 2))
    fill = arguments.as_fill(fill, x_masked.dtype, "fill")
    if fill.ndim == 0:
        return fastgather.take_along_axis(x_masked, index, 1, mode="fill", fill_value=fill)
    x = np.empty(shape + x_masked.shape[2:], x_masked.dtype)
    try:
        np.copyto(x, fill)
    except ValueError:
        raise ValueError(
            f"fill must be a scalar or broadcast to {x.shape}, the shape of the result, "
            f"but has shape {fill.shape}"
        ) from None
    return fastgather.take_along_axis(x_masked, index, 1, mode="drop", out=x)


def shuffle(x, permutation):
    """
    Put the tokens of each sample in another order.

    Parameters
    ----------
    x : array_like
        Tokens: shape [N, L, ...], of any dtype.
    permutation : array_like of int
        Shape [N, L]: token `j` of the result is token ``permutation[i, j]`` of sample `i`.

    Returns
    -------
    ndarray
        Of the shape and dtype of `x`.

    Raises
    ------
    TypeError
        If `permutation` does not hold integers or `x` is a masked array.
    ValueError
        If the shapes do not fit or a row of `permutation` is no permutation of 0 to L - 1.

    See Also
    --------
    unshuffle : The inverse.

    Examples
    --------
    >>> import numpy, fastgather.masking as masking
    >>> masking.shuffle([[10, 11, 12], [20, 21, 22]], [[2, 0, 1], [1, 0, 2]])
    array([[12, 10, 11],
           [21, 20, 22]])

    A permutation for each of 2 samples of 3 tokens:

    >>> rng = numpy.random.default_rng(0)
    >>> rng.permuted(numpy.tile(numpy.arange(3), (2, 1)), axis=1).shape
    (2, 3)
    """
    x, permutation, _ = _as_permuted(x, permutation)
    return _take_tokens(x, permutation)


def unshuffle(x, permutation):
    """
    Put shuffled tokens back in order: the inverse of `shuffle`.

    Parameters
    ----------
    x : array_like
        Tokens: shape [N, L, ...], of any dtype.
    permutation : array_like of int
        Shape [N, L], what `shuffle` was given.

    Returns
    -------
    ndarray
        Of the shape and dtype of `x`.

    Raises
    ------
    TypeError, ValueError
        As in `shuffle`.

    Examples
    --------
    >>> import fastgather.masking as masking
    >>> masking.unshuffle([[12, 10, 11], [21, 20, 22]], [[2, 0, 1], [1, 0, 2]])
    array([[10, 11, 12],
           [20, 21, 22]])
    """
    x, _, inverse = _as_permuted(x, permutation)
    return _take_tokens(x, inverse)


def topk_gather(scores, values, k, dim=-1):
    """
    Gather the values that go with the k best scores.

    Parameters
    ----------
    scores : array_like
        Real numbers, at least 1-D. Of equal scores the first is the better. NaN is the worst,
        unlike in `torch.topk`.
    values : array_like
        Of the shape of `scores`, or of that with more dims behind it; of any dtype.
    k : int
        From 0 to ``scores.shape[dim]``.
    dim : int, optional
        Dim of `scores`.

    Returns
    -------
    ndarray
        Of the shape of `values` with `dim` replaced by k, from the best score to the worst.

    Raises
    ------
    IndexError
        If `dim` is out of range.
    TypeError
        If `scores` does not hold real numbers, `k` is no integer, or an input is a masked
        array.
    ValueError
        If the shapes do not fit or `k` is out of range.

    See Also
    --------
    argsort_gather : All values.

    Examples
    --------
    >>> import fastgather.masking as masking
    >>> masking.topk_gather([0.2, 0.9, 0.5, 0.9], ["a", "b", "c", "d"], 3)
    array(['b', 'd', 'c'], dtype='<U1')
    """
    keys, values, dim = _as_scored(scores, values, dim)
    k, length = arguments.as_integer(k, "k"), keys.shape[-1]
    if not 0 <= k <= length:
        raise ValueError(f"k must be from 0 to {length}, the number of scores, not {k}")
    return _take_scored(values, _first(_negative(keys), k), dim)


def argsort_gather(scores, values, dim=-1, *, descending=False):
    """
    Gather values in the order of their scores.

    Parameters
    ----------
    scores : array_like
        Real numbers, at least 1-D. Equal scores keep their order. NaN comes last.
    values : array_like
        Of the shape of `scores`, or of that with more dims behind it; of any dtype.
    dim : int, optional
        Dim of `scores`.
    descending : bool, optional
        Whether the largest score comes first.

    Returns
    -------
    ndarray
        Of the shape and dtype of `values`.

    Raises
    ------
    IndexError, TypeError, ValueError
        As in `topk_gather`.

    See Also
    --------
    topk_gather : Only the best.

    Examples
    --------
    >>> import fastgather.masking as masking
    >>> masking.argsort_gather([[3, 1, 2]], [[[3, 33], [1, 11], [2, 22]]])
    array([[[ 1, 11],
            [ 2, 22],
            [ 3, 33]]])
    """
    keys, values, dim = _as_scored(scores, values, dim)
    return _take_scored(values, _argsort(_negative(keys) if descending else keys), dim)


def _as_tokens(x, name):
    x = arguments.as_array(x, name)
    if x.ndim < 2:
        raise ValueError(f"{name} must have shape [N, L, ...], but has shape {x.shape}")
    return x


def _as_reals(values, name):
    """`values` as an array of numbers that NumPy orders."""
    values = arguments.as_array(values, name)
    if not np.can_cast(values.dtype, np.float64, "same_kind"):
        raise TypeError(f"{name} must hold real numbers, not {values.dtype}")
    return values.astype(np.float64) if values.dtype.isbuiltin == 2 else values  # ml_dtypes


def _as_noise(noise, rng, shape):
    if noise is None:
        return np.random.default_rng(rng).random(shape)
    if rng is not None:
        raise ValueError("noise takes the place of what rng draws: give only one of them")
    noise = _as_reals(noise, "noise")
    if noise.shape != shape:
        raise ValueError(f"noise must have shape {shape}, but has shape {noise.shape}")
    nan = np.isnan(noise)
    if nan.any():
        position = tuple(map(int, np.unravel_index(np.argmax(nan), shape)))
        raise ValueError(f"noise must have an order, but is NaN at position {position}")
    return noise


def _kept(length, mask_ratio):
    """How many of `length` tokens are kept, rounded as in the reference implementation."""
    if not isinstance(mask_ratio, numbers.Real):
        raise TypeError(f"mask_ratio must be a real number in [0, 1), not {mask_ratio!r}")
    if not 0 <= mask_ratio < 1:
        raise ValueError(f"mask_ratio must be in [0, 1), not {mask_ratio}: 0.75 removes 3 of 4")
    return int(length * (1 - float(mask_ratio)))


def _as_grid(grid, length):
    if grid is None:
        side = math.isqrt(length)
        if side * side != length:
            raise ValueError(f"{length} tokens are no square: give grid=(height, width)")
        return side, side
    if np.shape(grid) != (2,):
        raise ValueError(f"grid must be (height, width), not {grid!r}")
    height, width = (arguments.as_integer(n, "each number of grid") for n in grid)
    if min(height, width) < 0 or height * width != length:
        raise ValueError(f"grid {height} x {width} must have the {length} tokens of x")
    return height, width


def _as_permuted(x, permutation):
    """The tokens, the permutation and its inverse."""
    x = _as_tokens(x, "x")
    permutation = arguments.as_index(permutation, "permutation")
    if permutation.shape != x.shape[:2]:
        raise ValueError(
            f"permutation must have shape {x.shape[:2]}, as x has shape {x.shape}, "
            f"but has shape {permutation.shape}"
        )
    return x, permutation, _inverse(permutation, "permutation")


def _as_scored(scores, values, dim):
    """The scores with `dim` as their last one, the values, and `dim` from 0 on."""
    scores, values = _as_reals(scores, "scores"), arguments.as_array(values, "values")
    if scores.ndim == 0 or values.shape[: scores.ndim] != scores.shape:
        raise ValueError(
            f"scores must be at least 1-D, and values of their shape, with more dims behind it or "
            f"not: scores has shape {scores.shape}, values {values.shape}"
        )
    dim = arguments.as_dim(dim, scores.ndim)
    return np.moveaxis(scores, dim, -1), values, dim


def _negative(keys):
    """Keys in the opposite order; NaN stays last."""
    return np.invert(keys) if keys.dtype.kind in "biu" else np.negative(keys)


def _argsort(keys):
    """
    The stable argsort of each line along the last dim; NaN comes last.

    NumPy's unstable sort is some four times as fast; lines with ties are put in order afterwards.
    """
    order, length = np.argsort(keys, axis=-1), keys.shape[-1]
    lines = fastgather.take_along_axis(keys, order, -1)
    rises = lines[..., :-1] < lines[..., 1:]
    tied = ~rises.all(axis=-1)
    if tied.any():
        left, right, rises = lines[tied][:, :-1], lines[tied][:, 1:], rises[tied]
        rises |= (left == left) & (right != right)  # from numbers to NaN
        group = np.zeros((len(rises), length), np.int64)
        np.cumsum(rises, axis=-1, out=group[:, 1:])
        order[tied] = np.sort(group * length + order[tied], axis=-1) - group * length
    return order.astype(np.int64, copy=False)


def _first(keys, k):
    """The first k of `_argsort`, by a partition where that is faster."""
    length = keys.shape[-1]
    if length < PARTITION_FROM or not 0 < k < length // 2:
        return _argsort(keys)[..., :k]
    chosen = np.argpartition(keys, k, axis=-1)[..., : k + 1]
    best = np.sort(chosen[..., :k], axis=-1)  # ties are in order
    lines = fastgather.take_along_axis(keys, best, -1)
    limit = fastgather.take_along_axis(keys, chosen[..., k:], -1)
    best = fastgather.take_along_axis(best, _argsort(lines), -1)
    tied = ~(lines < limit).all(axis=-1)  # with a key that was not chosen
    if tied.any():
        best[tied] = _argsort(keys[tied])[..., :k]
    return best


def _inverse(permutation, name):
    """The inverse of each row, by a scatter of 0 to L - 1."""
    length = permutation.shape[1]
    inverse = np.full(permutation.shape, -1, np.int64)
    places = np.broadcast_to(np.arange(length), permutation.shape)
    fastgather.scatter(inverse, 1, permutation, places, out=inverse, mode="drop")
    missing = inverse < 0
    if missing.any():
        row, value = np.unravel_index(np.argmax(missing), missing.shape)
        raise ValueError(
            f"each row of {name} must hold 0 to {length - 1} once each, but row {row} lacks {value}"
        )
    return inverse


def _take_tokens(x, ids):
    return fastgather.take_along_axis(x, ids.reshape(ids.shape + (1,) * (x.ndim - 2)), 1)


def _take_scored(values, order, dim):
    """The values at places `order`, whose last dim is `dim` of the values."""
    index = np.moveaxis(order, -1, dim)
    return fastgather.take_along_axis(
        values, index.reshape(index.shape + (1,) * (values.ndim - index.ndim)), dim
    )


def _kept_first(removed):
    """The ids of each row's kept tokens and then of the removed ones, both in order."""
    return np.argsort(removed, axis=1, kind="stable").astype(np.int64, copy=False)


def _split(x, ids_shuffle, keep):
    """What the maskings return."""
    ids_restore = _inverse(ids_shuffle, "ids_shuffle")
    mask = (ids_restore >= keep).astype(np.float32)
    return _take_tokens(x, ids_shuffle[:, :keep]), mask, ids_restore


def _draw_blocks(rng, removed, need, min_block):
    """For each sample a block over a random token that is not removed yet, as a mask."""
    n, height, width = removed.shape
    area = rng.uniform(min_block, np.maximum(need, min_block))
    aspect = np.exp(rng.uniform(math.log(ASPECT), -math.log(ASPECT), n))
    token = np.where(removed, -1, rng.random(removed.shape)).reshape(n, -1).argmax(axis=1)
    inside = []
    for place, side, limit in zip(
        np.divmod(token, width),
        (np.sqrt(area * aspect), np.sqrt(area / aspect)),
        (height, width),
        strict=True,
    ):
        side = np.clip(np.rint(side), 1, limit).astype(np.int64)
        low, high = np.maximum(place - side + 1, 0), np.minimum(place, limit - side)
        start = rng.integers(low, high, endpoint=True)[:, None]
        line = np.arange(limit)
        inside.append((line >= start) & (line < start + side[:, None]))
    rows, columns = inside
    return rows[:, :, None] & columns[:, None, :]
