"""The types of fastgather.masking."""

from collections.abc import Sequence
from typing import Any, SupportsIndex, TypeAlias, TypeVar, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastgather._fallback import _Index
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

_Scalar = TypeVar("_Scalar", bound=np.generic)
_Seed: TypeAlias = (
    int
    | Sequence[int]
    | np.random.Generator
    | np.random.BitGenerator
    | np.random.SeedSequence
    | None
)

@overload
def random_masking(
    x: NDArray[_Scalar],
    mask_ratio: float = 0.75,
    *,
    rng: _Seed = None,
    noise: ArrayLike | None = None,
) -> tuple[NDArray[_Scalar], NDArray[np.float32], NDArray[np.int64]]: ...
@overload
def random_masking(
    x: ArrayLike,
    mask_ratio: float = 0.75,
    *,
    rng: _Seed = None,
    noise: ArrayLike | None = None,
) -> tuple[NDArray[Any], NDArray[np.float32], NDArray[np.int64]]: ...
@overload
def block_masking(
    x: NDArray[_Scalar],
    mask_ratio: float = 0.4,
    *,
    grid: tuple[SupportsIndex, SupportsIndex] | None = None,
    min_block: SupportsIndex = 16,
    rng: _Seed = None,
) -> tuple[NDArray[_Scalar], NDArray[np.float32], NDArray[np.int64]]: ...
@overload
def block_masking(
    x: ArrayLike,
    mask_ratio: float = 0.4,
    *,
    grid: tuple[SupportsIndex, SupportsIndex] | None = None,
    min_block: SupportsIndex = 16,
    rng: _Seed = None,
) -> tuple[NDArray[Any], NDArray[np.float32], NDArray[np.int64]]: ...
@overload
def tube_masking(
    x: NDArray[_Scalar],
    mask_ratio: float = 0.9,
    *,
    frames: SupportsIndex,
    rng: _Seed = None,
    noise: ArrayLike | None = None,
) -> tuple[NDArray[_Scalar], NDArray[np.float32], NDArray[np.int64]]: ...
@overload
def tube_masking(
    x: ArrayLike,
    mask_ratio: float = 0.9,
    *,
    frames: SupportsIndex,
    rng: _Seed = None,
    noise: ArrayLike | None = None,
) -> tuple[NDArray[Any], NDArray[np.float32], NDArray[np.int64]]: ...
@overload
def restore(
    x_masked: NDArray[_Scalar],
    ids_restore: _Index,
    fill: ArrayLike = 0,
) -> NDArray[_Scalar]: ...
@overload
def restore(x_masked: ArrayLike, ids_restore: _Index, fill: ArrayLike = 0) -> NDArray[Any]: ...
@overload
def shuffle(x: NDArray[_Scalar], permutation: _Index) -> NDArray[_Scalar]: ...
@overload
def shuffle(x: ArrayLike, permutation: _Index) -> NDArray[Any]: ...
@overload
def unshuffle(x: NDArray[_Scalar], permutation: _Index) -> NDArray[_Scalar]: ...
@overload
def unshuffle(x: ArrayLike, permutation: _Index) -> NDArray[Any]: ...
@overload
def topk_gather(
    scores: ArrayLike,
    values: NDArray[_Scalar],
    k: SupportsIndex,
    dim: SupportsIndex = -1,
) -> NDArray[_Scalar]: ...
@overload
def topk_gather(
    scores: ArrayLike,
    values: ArrayLike,
    k: SupportsIndex,
    dim: SupportsIndex = -1,
) -> NDArray[Any]: ...
@overload
def argsort_gather(
    scores: ArrayLike,
    values: NDArray[_Scalar],
    dim: SupportsIndex = -1,
    *,
    descending: bool = False,
) -> NDArray[_Scalar]: ...
@overload
def argsort_gather(
    scores: ArrayLike,
    values: ArrayLike,
    dim: SupportsIndex = -1,
    *,
    descending: bool = False,
) -> NDArray[Any]: ...
