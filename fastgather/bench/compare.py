"""One cell: every peer's result checked against ours, then all timed in turns."""

import inspect
import warnings

import numpy as np

from fastgather.bench.cells import OPERANDS, ours, prepare
from fastgather.bench.timing import LARGE, bytes_to_move, take_turns

SUMS = ("scatter_add", "index_add")
OUT = "out= fastgather"


def compare(cell, peers, bandwidth, rounds):
    """
    Compare fastgather with its peers in one cell.

    Parameters
    ----------
    cell : Cell
    peers : dict of module
        By name.
    bandwidth : float
        Bytes per second, the limit.
    rounds : int
        Samples of each call.

    Returns
    -------
    dict
        What `--json` writes for the cell.
    """
    work = prepare(cell)
    call = ours(work)
    expected = np.array(call())  # what is done in place goes on changing
    moved = bytes_to_move(work, expected)
    calls, absent = {"fastgather": call}, {}
    if moved >= LARGE and not cell.in_place and "out" in _options(cell.function):
        calls[OUT] = ours(work, out=np.empty_like(expected))
    for name, module in peers.items():
        for spelling in module.SPELLINGS.get(cell.function, ()):
            _add(calls, absent, f"{name} {spelling.__name__}", spelling, work, module, expected)
    seconds = take_turns(calls, rounds)
    record = {**cell._asdict(), "name": cell.name, "seconds": seconds, "absent": absent}
    record["fastgather"] = seconds.pop("fastgather")
    record["with_out"] = seconds.pop(OUT, None)
    record["ratios"] = {
        name: min(times) / record["fastgather"]
        for name in peers
        if (times := [value for key, value in seconds.items() if key.startswith(f"{name} ")])
    }
    record["result_bytes"] = expected.nbytes
    record["bytes"] = moved
    record["share_of_limit"] = moved / bandwidth / record["fastgather"] if moved >= LARGE else None
    if record["with_out"]:
        record["share_of_limit_with_out"] = moved / bandwidth / record["with_out"]
    return record


def _options(function):
    import fastgather

    return inspect.signature(getattr(fastgather, function)).parameters


def _add(calls, absent, name, spelling, work, module, expected):
    """Add a spelling whose first result equals ours, else say why it is absent."""
    try:
        with warnings.catch_warnings(action="ignore"):
            call = spelling(work)
            if call is None:
                return
            result = module.to_numpy(call())
    except Exception as error:  # a peer refuses in any way it likes
        absent[name] = f"{type(error).__name__}: {error}".partition("\n")[0]
        return
    if same(work, result, expected):
        calls[name] = call
    else:
        absent[name] = "differs"


def same(work, result, expected):
    """Whether a peer's result is ours: bit for bit, or close where sums differ in order."""
    if result.shape != expected.shape:
        return False
    if work.function in SUMS or "reduce" in OPERANDS[work.function] or work.reduce:
        return np.allclose(result, expected, rtol=1e-3, atol=1e-5)
    return result.dtype == expected.dtype and np.array_equal(result, expected)
