"""Our time over another on the same machine at the same moment: what a shared machine can track.

Regressions are increases, so what is tracked is our time over NumPy's and over a copy's.
"""

import itertools
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np

from . import gather, nd, reduce, scatter, segments, take
from .common import data, indices, output_of, permutations

WORKS = {
    name: work
    for module in (gather, take, scatter, reduce, segments, nd)
    for name, work in module.WORKS.items()
}

SAMPLE = 1e-3  # seconds
SECONDS = 0.5  # in a process
PROCESSES = 3  # each has its own addresses, which change times by some per cent


def fastgather():
    """The library, imported late: a commit without the compiled engine is skipped."""
    import fastgather as fg

    if fg.backend != "cython":
        raise NotImplementedError("no cython engine: a ratio of NumPy to itself says nothing")
    return fg


def take_turns(calls, seconds=SECONDS):
    """The shortest time of each call, over samples taken turn about."""
    numbers = []
    for call in calls:
        call()
        once = min(_sample(call, 1) for _ in range(3))
        numbers.append(max(1, int(SAMPLE / once)))
    best = [float("inf")] * len(calls)
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for turn, (call, number) in enumerate(zip(calls, numbers, strict=True)):
            best[turn] = min(best[turn], _sample(call, number))
    return best


def _sample(call, number):
    start = time.perf_counter()
    for _ in itertools.repeat(None, number):
        call()
    return max(time.perf_counter() - start, 1e-9) / number


def ratio(measure, work):
    """The ratio of the two times that `measure` gives, the shortest of each over the processes."""
    outputs = [output_of("ratios", measure.__name__, work) for _ in range(PROCESSES)]
    ours, others = zip(*map(json.loads, outputs), strict=True)
    return round(min(ours) / min(others), 4)


class OverNumPy:
    """
    On one thread, in the cache, so that neither a busy core nor another's use of the memory
    moves it. Bound by compute, by overhead at 24 elements. Threads do not matter.
    """

    params = [list(WORKS)]
    param_names = ["work"]
    unit = "of NumPy's time"
    timeout = 120

    def setup(self, work):
        WORKS[work](fastgather())

    def track_ratio_to_numpy(self, work):
        return ratio(times_beside_numpy, work)


def times_beside_numpy(work):
    fg = fastgather()
    fg.set_num_threads(1)
    ours, numpys, _ = WORKS[work](fg)
    np.testing.assert_allclose(ours(), numpys(), rtol=1e-4)
    return take_turns([ours, numpys])


def rows(fg):
    x, index = data((2**17, 64)), indices((2**17,), 2**17)
    return partial(fg.index_select, x, 0, index), index.nbytes + 2 * x.nbytes


def tokens(fg):
    x = data((64, 256, 512))
    index = np.broadcast_to(permutations((64, 256), 1)[:, :128, None], (64, 128, 512))
    return partial(fg.gather, x, 1, index), x.nbytes


def last_dim(fg):
    x, index = data((2048, 4096)), indices((2048, 4096), 4096)
    return partial(fg.gather, x, 1, index), index.nbytes + 2 * x.nbytes


def written(fg):
    x, index, source = data((2048, 4096)), permutations((2048, 4096), 1), data((2048, 4096))
    return partial(fg.scatter, x, 1, index, source), index.nbytes + 3 * x.nbytes


def runs(fg):
    x = data((2**19, 16))
    offsets = segments.cuts(len(x))
    return partial(fg.segment_reduce, x, "sum", offsets=offsets), offsets.nbytes + x.nbytes


LARGE_WORKS = {
    "index_select, rows": rows,
    "gather, broadcast index": tokens,
    "gather, last dim": last_dim,
    "scatter, last dim": written,
    "segment_reduce, sum of rows": runs,
}


class OverCopy:
    """
    The reciprocal of the share of the machine's copy bandwidth: our time over that of a copy
    which reads and writes as many bytes as the work must at least, both on all threads. Bound
    by memory; threads: the copy bandwidth of all over that of one.
    """

    params = [list(LARGE_WORKS)]
    param_names = ["work"]
    unit = "of a copy's time"
    timeout = 120

    def setup(self, work):
        LARGE_WORKS[work](fastgather())

    def track_ratio_to_copy(self, work):
        return ratio(times_beside_copy, work)


def times_beside_copy(work):
    fg = fastgather()
    call, bytes_to_move = LARGE_WORKS[work](fg)
    threads = fg.get_num_threads()
    source = np.ones(bytes_to_move // 2, np.uint8)
    copy = np.zeros_like(source)
    parts = list(zip(np.array_split(copy, threads), np.array_split(source, threads), strict=True))
    with ThreadPoolExecutor(threads) as pool:
        return take_turns([call, lambda: list(pool.map(lambda part: np.copyto(*part), parts))])


class OverOneThread:
    """
    Our time on all threads over that on one: what threads are worth. Bound by memory; 1 / cores
    at best, one thread's copy bandwidth over that of all threads at least.
    """

    params = [list(LARGE_WORKS)]
    param_names = ["work"]
    unit = "of the time on one thread"
    timeout = 120

    def setup(self, work):
        if fastgather().get_num_threads() == 1:
            raise NotImplementedError("there is one thread here")
        LARGE_WORKS[work](fastgather())

    def track_ratio_to_one_thread(self, work):
        return ratio(times_on_all_and_one, work)


def times_on_all_and_one(work):
    fg = fastgather()
    call, _ = LARGE_WORKS[work](fg)

    def on_one():
        with fg.num_threads(1):
            call()

    return take_turns([call, on_one])


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](sys.argv[2])))
