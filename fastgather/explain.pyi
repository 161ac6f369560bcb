"""The types of fastgather.explain."""

from os import PathLike
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastgather._fallback import _Index

__all__ = ["draw", "find_index", "formula", "trace"]

def formula(ndim: SupportsIndex, dim: SupportsIndex, op: str = "gather") -> str: ...
def trace(
    input: ArrayLike,
    dim: SupportsIndex,
    index: _Index,
    position: SupportsIndex | tuple[SupportsIndex, ...] | None = None,
) -> str: ...
def find_index(
    input: ArrayLike, output: ArrayLike, dim: SupportsIndex | None = None
) -> tuple[int, NDArray[np.int64]]: ...

# The picture is a matplotlib figure, which an installation need not have.
def draw(
    input: ArrayLike,
    dim: SupportsIndex,
    index: _Index,
    path: str | PathLike[str] | None = None,
) -> Any: ...
