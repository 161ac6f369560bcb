"""The types of fastgather.ragged."""

from typing import Any, SupportsIndex, TypeVar, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastgather._fallback import _Index

__all__ = ["pack_sequences", "pad", "unpack_sequences", "unpad"]

_Scalar = TypeVar("_Scalar", bound=np.generic)

@overload
def pad(values: NDArray[_Scalar], lengths: _Index, fill_value: object = 0) -> NDArray[_Scalar]: ...
@overload
def pad(values: ArrayLike, lengths: _Index, fill_value: object = 0) -> NDArray[Any]: ...
@overload
def unpad(padded: NDArray[_Scalar], lengths: _Index) -> NDArray[_Scalar]: ...
@overload
def unpad(padded: ArrayLike, lengths: _Index) -> NDArray[Any]: ...
@overload
def pack_sequences(
    values: NDArray[_Scalar],
    lengths: _Index,
    row_length: SupportsIndex,
    fill_value: object = 0,
) -> tuple[NDArray[_Scalar], NDArray[np.int64], NDArray[np.int64]]: ...
@overload
def pack_sequences(
    values: ArrayLike,
    lengths: _Index,
    row_length: SupportsIndex,
    fill_value: object = 0,
) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[np.int64]]: ...
@overload
def unpack_sequences(packed: NDArray[_Scalar], segment_ids: _Index) -> NDArray[_Scalar]: ...
@overload
def unpack_sequences(packed: ArrayLike, segment_ids: _Index) -> NDArray[Any]: ...
