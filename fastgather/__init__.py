"""Gather and scatter for NumPy arrays on CPUs.

PyTorch's gather and scatter, NumPy's along-axis functions and ONNX's N-d ones. `backend` says
which engine runs: "cython", or "python" where nothing is compiled. `FASTGATHER_BACKEND` chooses.
The modules `masking`, `ragged` and `explain` are built on these functions.
"""

import os
import warnings
from importlib import import_module, util

from fastgather import _fallback, _settings

__version__ = "0.1.0"
_MODULES = ("explain", "masking", "ragged")


def __getattr__(name):
    """A module that is built on the engine is imported when it is first asked for."""
    if name in _MODULES:
        return import_module(f"fastgather.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *_MODULES})


def _choose_engine():
    wanted = os.environ.get("FASTGATHER_BACKEND", "")
    if wanted not in ("", "cython", "python"):
        raise ImportError(f"FASTGATHER_BACKEND must be cython or python, not {wanted!r}")
    if wanted != "python":
        try:
            with _settings.passive_waiting():
                return "cython", import_module("fastgather._core")
        except Exception as error:  # NumPy and Cython raise more than ImportError
            if wanted:
                raise ImportError(
                    "FASTGATHER_BACKEND=cython, but the compiled engine does not load "
                    f"({error}); build it with: pip install ."
                ) from error
            if util.find_spec("fastgather._core") is not None:
                warnings.warn(
                    f"the compiled engine is there but does not load, so that fastgather runs "
                    f"on the slower Python one: {error}",
                    RuntimeWarning,
                    stacklevel=3,
                )
    return "python", _fallback


backend, _engine = _choose_engine()
__all__ = ["backend", *_fallback.__all__]
globals().update({name: getattr(_engine, name) for name in _fallback.__all__})
