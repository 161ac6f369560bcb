"""The peak of working memory of a cell, measured in a process of its own (Linux)."""

import ctypes
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from unittest import mock

import fastgather
from fastgather.bench.cells import ours, prepare

STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")


def supported():
    """Whether the system can reset and tell the peak of a process's memory."""
    return STATUS.exists() and CLEAR.exists()


def peaks(cells, threads):
    """
    The peak of each cell in bytes, each in a fresh process.

    Without the pool of `fastgather._memory`, whose blocks of the first call hide the second's peak.
    """
    context = multiprocessing.get_context("spawn")
    without_pool = mock.patch.dict(os.environ, {"FASTGATHER_POOL": "0"})
    with without_pool, ProcessPoolExecutor(1, context, max_tasks_per_child=1) as pool:
        yield from pool.map(peak, cells, [threads] * len(cells))


def peak(cell, threads):
    """
    Resident memory that a call adds at its worst, without its result, to about half a MB.

    A first call starts the threads and brings in the code; then its free memory is given back.
    """
    fastgather.set_num_threads(threads)
    call = ours(prepare(cell))
    result = call()
    beside = 0 if cell.in_place or cell.function == "put_along_axis" else result.nbytes
    del result
    if hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)
    CLEAR.write_text("5")  # the peak begins anew at what is resident now
    before = _resident("VmRSS")
    call()
    return max(0, _resident("VmHWM") - before - beside)


def _resident(field):
    lines = STATUS.read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(field))
