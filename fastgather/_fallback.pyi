"""The types of every public function; those of the other engine and of the package are these.

A result has the dtype of the array that it is made from, or is `out` itself. Where the dtype is
not known, as that of a list, it is an array of anything.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, Protocol, SupportsIndex, TypeAlias, TypeVar, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "gather",
    "gather_nd",
    "get_num_threads",
    "index_add",
    "index_copy",
    "index_fill",
    "index_reduce",
    "index_select",
    "num_threads",
    "put_along_axis",
    "scatter",
    "scatter_add",
    "scatter_nd",
    "scatter_reduce",
    "segment_reduce",
    "set_num_threads",
    "show_config",
    "take",
    "take_along_axis",
]

_Scalar = TypeVar("_Scalar", bound=np.generic)
_Out = TypeVar("_Out", bound=NDArray[Any])

class _Integers(Protocol):
    def __array__(self) -> np.ndarray[Any, np.dtype[np.integer[Any]]]: ...

_Integer: TypeAlias = int | np.integer[Any]
_Index: TypeAlias = _Integers | int | Sequence[_Index]
_TakeIndex: TypeAlias = _Index | NDArray[np.bool_]

_ReadMode: TypeAlias = Literal["raise", "wrap", "clip", "fill"]
_ReadOutMode: TypeAlias = Literal["raise", "wrap", "clip", "fill", "drop"]
_WriteMode: TypeAlias = Literal["raise", "wrap", "clip", "drop"]
_Reduce: TypeAlias = Literal["sum", "prod", "mean", "amax", "amin"]
_SegmentReduce: TypeAlias = Literal["sum", "prod", "mean", "max", "min"]
_Reduction: TypeAlias = Literal["none", "add", "mul", "max", "min"]

@overload
def gather(
    input: NDArray[_Scalar],
    dim: SupportsIndex,
    index: _Index,
    *,
    out: None = None,
    mode: _ReadMode = "raise",
    fill_value: object = 0,
) -> NDArray[_Scalar]: ...
@overload
def gather(
    input: ArrayLike,
    dim: SupportsIndex,
    index: _Index,
    *,
    out: None = None,
    mode: _ReadMode = "raise",
    fill_value: object = 0,
) -> NDArray[Any]: ...
@overload
def gather(
    input: ArrayLike,
    dim: SupportsIndex,
    index: _Index,
    *,
    out: _Out,
    mode: _ReadOutMode = "raise",
    fill_value: object = 0,
) -> _Out: ...
@overload
def index_select(
    input: NDArray[_Scalar],
    dim: SupportsIndex,
    index: _Index,
    *,
    out: None = None,
    mode: _ReadMode = "raise",
    fill_value: object = 0,
) -> NDArray[_Scalar]: ...
@overload
def index_select(
    input: ArrayLike,
    dim: SupportsIndex,
    index: _Index,
    *,
    out: None = None,
    mode: _ReadMode = "raise",
    fill_value: object = 0,
) -> NDArray[Any]: ...
@overload
def index_select(
    input: ArrayLike,
    dim: SupportsIndex,
    index: _Index,
    *,
    out: _Out,
    mode: _ReadOutMode = "raise",
    fill_value: object = 0,
) -> _Out: ...
@overload
def take_along_axis(
    arr: NDArray[_Scalar],
    indices: _Index,
    axis: SupportsIndex | None = -1,
    *,
    out: None = None,
    mode: _ReadMode = "raise",
    fill_value: object = 0,
) -> NDArray[_Scalar]: ...
@overload
def take_along_axis(
    arr: ArrayLike,
    indices: _Index,
    axis: SupportsIndex | None = -1,
    *,
    out: None = None,
    mode: _ReadMode = "raise",
    fill_value: object = 0,
) -> NDArray[Any]: ...
@overload
def take_along_axis(
    arr: ArrayLike,
    indices: _Index,
    axis: SupportsIndex | None = -1,
    *,
    out: _Out,
    mode: _ReadOutMode = "raise",
    fill_value: object = 0,
) -> _Out: ...
@overload
def gather_nd(
    params: NDArray[_Scalar],
    indices: _Index | tuple[_Index, ...],
    batch_dims: SupportsIndex = 0,
    *,
    out: None = None,
    mode: _ReadMode = "raise",
    fill_value: object = 0,
) -> NDArray[_Scalar]: ...
@overload
def gather_nd(
    params: ArrayLike,
    indices: _Index | tuple[_Index, ...],
    batch_dims: SupportsIndex = 0,
    *,
    out: None = None,
    mode: _ReadMode = "raise",
    fill_value: object = 0,
) -> NDArray[Any]: ...
@overload
def gather_nd(
    params: ArrayLike,
    indices: _Index | tuple[_Index, ...],
    batch_dims: SupportsIndex = 0,
    *,
    out: _Out,
    mode: _ReadOutMode = "raise",
    fill_value: object = 0,
) -> _Out: ...
@overload
def scatter(
    input: NDArray[_Scalar],
    dim: SupportsIndex,
    index: _Index,
    src: ArrayLike,
    *,
    out: None = None,
    mode: _WriteMode = "raise",
) -> NDArray[_Scalar]: ...
@overload
def scatter(
    input: ArrayLike,
    dim: SupportsIndex,
    index: _Index,
    src: ArrayLike,
    *,
    out: None = None,
    mode: _WriteMode = "raise",
) -> NDArray[Any]: ...
@overload
def scatter(
    input: ArrayLike,
    dim: SupportsIndex,
    index: _Index,
    src: ArrayLike,
    *,
    out: _Out,
    mode: _WriteMode = "raise",
) -> _Out: ...
@overload
def scatter_add(
    input: NDArray[_Scalar],
    dim: SupportsIndex,
    index: _Index,
    src: ArrayLike,
    *,
    out: None = None,
    mode: _WriteMode = "raise",
) -> NDArray[_Scalar]: ...
@overload
def scatter_add(
    input: ArrayLike,
    dim: SupportsIndex,
    index: _Index,
    src: ArrayLike,
    *,
    out: None = None,
    mode: _WriteMode = "raise",
) -> NDArray[Any]: ...
@overload
def scatter_add(
    input: ArrayLike,
    dim: SupportsIndex,
    index: _Index,
    src: ArrayLike,
    *,
    out: _Out,
    mode: _WriteMode = "raise",
) -> _Out: ...
@overload
def scatter_reduce(
    input: NDArray[_Scalar],
    dim: SupportsIndex,
    index: _Index,
    src: ArrayLike,
    reduce: _Reduce,
    *,
    include_self: bool = True,
    out: None = None,
    mode: _WriteMode = "raise",
) -> NDArray[_Scalar]: ...
@overload
def scatter_reduce(
    input: ArrayLike,
    dim: SupportsIndex,
    index: _Index,
    src: ArrayLike,
    reduce: _Reduce,
    *,
    include_self: bool = True,
    out: None = None,
    mode: _WriteMode = "raise",
) -> NDArray[Any]: ...
@overload
def scatter_reduce(
    input: ArrayLike,
    dim: SupportsIndex,
    index: _Index,
    src: ArrayLike,
    reduce: _Reduce,
    *,
    include_self: bool = True,
    out: _Out,
    mode: _WriteMode = "raise",
) -> _Out: ...
@overload
def index_copy(
    input: NDArray[_Scalar],
    dim: SupportsIndex,
    index: _Index,
    source: ArrayLike,
    *,
    out: None = None,
    mode: _WriteMode = "raise",
) -> NDArray[_Scalar]: ...
@overload
def index_copy(
    input: ArrayLike,
    dim: SupportsIndex,
    index: _Index,
    source: ArrayLike,
    *,
    out: None = None,
    mode: _WriteMode = "raise",
) -> NDArray[Any]: ...
@overload
def index_copy(
    input: ArrayLike,
    dim: SupportsIndex,
    index: _Index,
    source: ArrayLike,
    *,
    out: _Out,
    mode: _WriteMode = "raise",
) -> _Out: ...
@overload
def index_add(
    input: NDArray[_Scalar],
    dim: SupportsIndex,
    index: _Index,
    source: ArrayLike,
    *,
    alpha: ArrayLike = 1,
    out: None = None,
    mode: _WriteMode = "raise",
) -> NDArray[_Scalar]: ...
@overload
def index_add(
    input: ArrayLike,
    dim: SupportsIndex,
    index: _Index,
    source: ArrayLike,
    *,
    alpha: ArrayLike = 1,
    out: None = None,
    mode: _WriteMode = "raise",
) -> NDArray[Any]: ...
@overload
def index_add(
    input: ArrayLike,
    dim: SupportsIndex,
    index: _Index,
    source: ArrayLike,
    *,
    alpha: ArrayLike = 1,
    out: _Out,
    mode: _WriteMode = "raise",
) -> _Out: ...
@overload
def index_fill(
    input: NDArray[_Scalar],
    dim: SupportsIndex,
    index: _Index,
    value: object,
    *,
    out: None = None,
    mode: _WriteMode = "raise",
) -> NDArray[_Scalar]: ...
@overload
def index_fill(
    input: ArrayLike,
    dim: SupportsIndex,
    index: _Index,
    value: object,
    *,
    out: None = None,
    mode: _WriteMode = "raise",
) -> NDArray[Any]: ...
@overload
def index_fill(
    input: ArrayLike,
    dim: SupportsIndex,
    index: _Index,
    value: object,
    *,
    out: _Out,
    mode: _WriteMode = "raise",
) -> _Out: ...
@overload
def index_reduce(
    input: NDArray[_Scalar],
    dim: SupportsIndex,
    index: _Index,
    source: ArrayLike,
    reduce: _Reduce,
    *,
    include_self: bool = True,
    out: None = None,
    mode: _WriteMode = "raise",
) -> NDArray[_Scalar]: ...
@overload
def index_reduce(
    input: ArrayLike,
    dim: SupportsIndex,
    index: _Index,
    source: ArrayLike,
    reduce: _Reduce,
    *,
    include_self: bool = True,
    out: None = None,
    mode: _WriteMode = "raise",
) -> NDArray[Any]: ...
@overload
def index_reduce(
    input: ArrayLike,
    dim: SupportsIndex,
    index: _Index,
    source: ArrayLike,
    reduce: _Reduce,
    *,
    include_self: bool = True,
    out: _Out,
    mode: _WriteMode = "raise",
) -> _Out: ...
@overload
def scatter_nd(
    data: NDArray[_Scalar],
    indices: _Index | tuple[_Index, ...],
    updates: ArrayLike,
    reduction: _Reduction = "none",
    *,
    out: None = None,
    mode: _WriteMode = "raise",
) -> NDArray[_Scalar]: ...
@overload
def scatter_nd(
    data: ArrayLike,
    indices: _Index | tuple[_Index, ...],
    updates: ArrayLike,
    reduction: _Reduction = "none",
    *,
    out: None = None,
    mode: _WriteMode = "raise",
) -> NDArray[Any]: ...
@overload
def scatter_nd(
    data: ArrayLike,
    indices: _Index | tuple[_Index, ...],
    updates: ArrayLike,
    reduction: _Reduction = "none",
    *,
    out: _Out,
    mode: _WriteMode = "raise",
) -> _Out: ...

# One integer may take a scalar or, along an axis, a slice: only for a flattened array is it known.
@overload
def take(  # type: ignore[overload-overlap]
    a: NDArray[_Scalar],
    indices: _Integer,
    axis: None = None,
    out: None = None,
    mode: _ReadMode = "raise",
    *,
    fill_value: object = 0,
) -> _Scalar: ...
@overload
def take(
    a: ArrayLike,
    indices: _Integer,
    axis: SupportsIndex | None = None,
    out: None = None,
    mode: _ReadMode = "raise",
    *,
    fill_value: object = 0,
) -> Any: ...
@overload
def take(
    a: NDArray[_Scalar],
    indices: _TakeIndex,
    axis: SupportsIndex | None = None,
    out: None = None,
    mode: _ReadMode = "raise",
    *,
    fill_value: object = 0,
) -> NDArray[_Scalar]: ...
@overload
def take(
    a: ArrayLike,
    indices: _TakeIndex,
    axis: SupportsIndex | None = None,
    out: None = None,
    mode: _ReadMode = "raise",
    *,
    fill_value: object = 0,
) -> NDArray[Any]: ...
@overload
def take(
    a: ArrayLike,
    indices: _TakeIndex,
    axis: SupportsIndex | None = None,
    *,
    out: _Out,
    mode: _ReadOutMode = "raise",
    fill_value: object = 0,
) -> _Out: ...
@overload
def take(
    a: ArrayLike,
    indices: _TakeIndex,
    axis: SupportsIndex | None,
    out: _Out,
    mode: _ReadOutMode = "raise",
    *,
    fill_value: object = 0,
) -> _Out: ...
def put_along_axis(
    arr: NDArray[Any],
    indices: _Index,
    values: ArrayLike,
    axis: SupportsIndex | None,
    *,
    mode: _WriteMode = "raise",
) -> None: ...
@overload
def segment_reduce(
    data: NDArray[_Scalar],
    reduce: _SegmentReduce,
    *,
    lengths: _Index,
    offsets: None = None,
    axis: SupportsIndex = 0,
    initial: ArrayLike | None = None,
) -> NDArray[_Scalar]: ...
@overload
def segment_reduce(
    data: NDArray[_Scalar],
    reduce: _SegmentReduce,
    *,
    lengths: None = None,
    offsets: _Index,
    axis: SupportsIndex = 0,
    initial: ArrayLike | None = None,
) -> NDArray[_Scalar]: ...
@overload
def segment_reduce(
    data: ArrayLike,
    reduce: _SegmentReduce,
    *,
    lengths: _Index,
    offsets: None = None,
    axis: SupportsIndex = 0,
    initial: ArrayLike | None = None,
) -> NDArray[Any]: ...
@overload
def segment_reduce(
    data: ArrayLike,
    reduce: _SegmentReduce,
    *,
    lengths: None = None,
    offsets: _Index,
    axis: SupportsIndex = 0,
    initial: ArrayLike | None = None,
) -> NDArray[Any]: ...
def get_num_threads() -> int: ...
def set_num_threads(n: SupportsIndex) -> None: ...
@contextmanager
def num_threads(n: SupportsIndex) -> Iterator[None]: ...
@overload
def show_config(mode: Literal["stdout"] = "stdout") -> None: ...
@overload
def show_config(mode: Literal["dict"]) -> dict[str, Any]: ...
