"""Timing in turns, the machine's copy bandwidth, and the bytes that each cell must move."""

import functools
import itertools
import math
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from fastgather.bench.cells import WHOLE_SLICES

SAMPLE = 1e-2  # seconds that a sample lasts at least
WARM = 3e-3  # seconds of calls before a sample: after a rest the first find CPUs and threads asleep
REST = 1e-2  # seconds, some ticks of the clock, before a sample and while other threads still spin
LONGEST_REST = 0.3  # seconds; onnxruntime's threads spin for a tenth of a second
IDLE = 0.25  # of a CPU that the process uses at most when it rests
SHORT = 20e-3  # seconds; where all calls are shorter there are more rounds
MORE = 2  # times as many
HOPELESS = 4  # times our own time: such a call is timed in the first rounds only, and so is
SECOND = 1.5  # a spelling this many times slower than another of the same peer
FIRST_ROUNDS = 2
LONG = 1.5  # seconds; such a call is timed once
LINE = 64  # bytes of a cache line
LARGE = 64e6  # bytes moved from which a cell is compared with the limit
COPY = 2**28  # bytes of the array that is copied to find the limit


def take_turns(calls, rounds):
    """
    Time calls in turns, so that all of them see the same machine.

    Parameters
    ----------
    calls : dict of callable
        Each has been called before.
    rounds : int
        Samples of each call; a call is repeated within a sample that would be too short.

    Returns
    -------
    dict of float
        Median seconds of a call, without what the loop around it costs.
    """
    numbers, samples = {}, {}
    for name, call in calls.items():
        numbers[name], seconds = _number(call)
        samples[name] = [seconds]
    turn = 1
    while turn < rounds:
        for name in list(_worth_timing(samples)) if turn >= FIRST_ROUNDS else calls:
            if samples[name][0] > LONG:
                continue
            samples[name].append(_sample(calls[name], numbers[name]))
        turn += 1
        if turn == FIRST_ROUNDS and max(map(min, samples.values())) < SHORT:
            rounds *= MORE
    return {name: statistics.median(seconds) for name, seconds in samples.items()}


def _worth_timing(samples):
    """The calls that may be the fastest; names are "peer spelling", and the first is ours."""
    best = {}
    for name, seconds in samples.items():
        peer = name.partition(" ")[0]
        best[peer] = min(best.get(peer, math.inf), *seconds)
    limit = HOPELESS * next(iter(best.values()))
    for name, seconds in samples.items():
        fastest = best[name.partition(" ")[0]]
        if min(seconds) <= SHORT or min(seconds) <= min(limit, SECOND * fastest):
            yield name


def _number(call):
    """How often to repeat a call for a sample that is long enough, and the first sample."""
    number = 1
    while (seconds := _sample(call, number)) * number < SAMPLE:
        number = math.ceil(number * min(10, 1.2 * SAMPLE / max(seconds * number, 1e-7)))
    return number, seconds


def _sample(call, number):
    """Seconds of one call, from a number of them in a row, without what the loop costs."""
    _rest()
    start = time.perf_counter()
    while time.perf_counter() - start < WARM:
        call()
    return max(1e-9, _loop(call, number) - _empty_loop())


def _rest():
    """Wait until the threads of other calls no longer take CPUs from the next one."""
    end = time.perf_counter() + LONGEST_REST
    while REST and time.perf_counter() < end:
        start, used = time.perf_counter(), time.process_time()
        time.sleep(REST)
        if time.process_time() - used < IDLE * (time.perf_counter() - start):
            return


def _loop(call, number):
    start = time.perf_counter()
    for _ in itertools.repeat(None, number):
        call()
    return (time.perf_counter() - start) / number


def _time_nothing():
    nothing = (0).__abs__
    return min(_loop(nothing, 50_000) for _ in range(9))


_empty_loop = functools.cache(_time_nothing)


def copy_bandwidth(threads, rounds=9):
    """
    Bytes read and bytes written per second, together, by `numpy.copyto` of a large array.

    The threads copy a part each. A write that first reads the line it writes to is counted once.
    """
    source, destination = np.ones(COPY, np.uint8), np.zeros(COPY, np.uint8)
    parts = list(
        zip(np.array_split(destination, threads), np.array_split(source, threads), strict=True)
    )
    with ThreadPoolExecutor(threads) as pool:

        def copy():
            list(pool.map(lambda part: np.copyto(*part), parts))

        copy()
        return 2 * COPY / statistics.median(_loop(copy, 1) for _ in range(rounds))


def bytes_to_move(work, result):
    """
    Bytes that no implementation can avoid: index once, result once, source lines touched once.

    Random indices leave some lines of the source out; their expected number is used.
    """
    index = work.lengths if work.index is None else work.index
    total = _distinct(index)
    if isinstance(work.src, np.ndarray):
        total += work.src.nbytes
    if work.function == "segment_reduce":
        return total + work.input.nbytes + result.nbytes
    touched = _touched(work)
    if work.in_place or work.function == "put_along_axis":
        return total + 2 * touched
    copies = work.src is not None
    return total + result.nbytes + (work.input.nbytes if copies else touched)


def _distinct(array):
    """Bytes of an array in memory, where broadcast dims take none."""
    return array.itemsize * math.prod(
        size for size, stride in zip(array.shape, array.strides, strict=True) if stride
    )


def _touched(work):
    """Expected bytes of the lines that an index touches in the input."""
    row = work.input.itemsize
    reads = work.index.size
    if work.function.endswith("_nd"):
        reads //= work.index.shape[-1]
        row *= math.prod(work.shape[work.index.shape[-1] :])
    elif work.function in WHOLE_SLICES:
        row *= math.prod(work.shape[work.dim + 1 :])
        reads *= math.prod(work.shape[: work.dim])
    elif work.index_layout == "broadcast":
        inner = math.prod(work.shape[work.dim + 1 :])
        row, reads = row * inner, reads // inner
    piece = max(row, LINE)
    pieces = max(1, work.input.nbytes / piece)
    if work.values == "permutation":
        share = min(1, reads * row / work.input.nbytes) if row >= LINE else 1
    else:
        share = 1 - math.exp(-reads / pieces)
    return share * work.input.nbytes
