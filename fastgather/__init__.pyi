from typing import Final, Literal

from fastgather import explain as explain
from fastgather import masking as masking
from fastgather import ragged as ragged
from fastgather._fallback import *

__all__ = [
    "backend",
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

__version__: Final[str]
backend: Final[Literal["cython", "python"]]
