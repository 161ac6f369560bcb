"""Every function called from eight Python threads at once, on the same inputs.

The interpreter may have a GIL, under which threads still change places inside the kernels, or none,
for which the compiled engine declares itself ready (`setup.py`).
"""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from calls import (
    LARGE,
    SEGMENTS,
    VARIANTS,
    assert_same,
    data_of,
    dtypes_of,
    function_of,
    is_put,
    plain_call,
)
from conftest import printed_by

import fastgather
from fastgather import _settings, explain, masking, ragged

THREADS = 8
ROUNDS = 6
DTYPES = [np.dtype(t) for t in ("f4", "i8", "f2", object)]


@pytest.fixture(autouse=True)
def change_places_often():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def in_threads(task):
    """What `task(number)` gives in each of the threads, which begin together."""
    start = threading.Barrier(THREADS)

    def begin(number):
        start.wait()
        return task(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(begin, range(THREADS)))


def call(fg, variant, arguments):
    """The result; where a function writes into its first argument, into a copy of it."""
    function = getattr(fg, function_of(variant))
    if not is_put(variant):
        return function(**arguments)
    data = arguments[data_of(variant)].copy()
    function(**arguments | {data_of(variant): data})
    return data


def frozen(arguments):
    for value in arguments.values():
        if isinstance(value, np.ndarray):
            value.setflags(write=False)
    return arguments


def assert_same_alone_and_together(fg, calls):
    """`calls` are pairs of a variant and its arguments, all of which the threads share."""
    alone = [call(fg, variant, arguments) for variant, arguments in calls]

    def task(number):
        order = np.random.default_rng(number).permutation(len(calls) * ROUNDS) % len(calls)
        for i in order:
            variant, arguments = calls[i]
            assert_same(call(fg, variant, arguments), alone[i])
            if not is_put(variant) and variant not in SEGMENTS:
                out = np.empty_like(alone[i])
                assert_same(call(fg, variant, arguments | {"out": out}), alone[i])
                assert_same(out, alone[i])

    in_threads(task)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_small_calls_of_every_function(fg, rng, dtype):
    calls = [
        (variant, frozen(plain_call(variant, rng, dtype, dim=dim)))
        for variant in VARIANTS
        if dtype in dtypes_of(variant)
        for dim in (0, 1, 2)
    ]
    assert_same_alone_and_together(fg, calls)


@pytest.mark.parametrize("mode", ["raise", "wrap"])
@pytest.mark.parametrize("dim", [0, 1])
def test_calls_that_meet_in_a_kernel(fg, rng, monkeypatch, dim, mode):
    """Long enough for it: a small call is over before the next begins. One OpenMP thread each."""
    monkeypatch.setattr(_settings, "_chosen", 1)
    shape = (400, 401)
    variants = ["gather", "scatter", "scatter_add", "scatter_reduce-amax", "index_select"]
    calls = [
        (variant, frozen(plain_call(variant, rng, "f4", shape, dim, shape[dim]) | {"mode": mode}))
        for variant in variants
    ]
    assert_same_alone_and_together(fg, calls)


@pytest.mark.parametrize("case", ["last dim", "histogram"])
def test_large_calls_that_have_threads_of_their_own(fg, rng, case):
    shape, dim, length = LARGE[case]
    variants = ["gather", "scatter", "scatter_add", "index_reduce-amax", "segment_reduce-sum"]
    calls = [
        (variant, frozen(plain_call(variant, rng, "f4", shape, dim, length)))
        for variant in variants
    ]
    alone = [call(fg, variant, arguments) for variant, arguments in calls]

    def task(number):
        with fastgather.num_threads(1 + number % 3):
            for i in range(len(calls)):
                i = (i + number) % len(calls)
                assert_same(call(fg, *calls[i]), alone[i])

    in_threads(task)


def test_one_array_written_in_parts(fg, rng):
    """Each thread has its rows of one array, and leaves those of the others alone."""
    x = rng.random((THREADS * 4, 50))
    index = rng.integers(0, 50, x.shape)
    source = rng.random(x.shape)
    expected = fg.scatter_add(x, 1, index, source)
    out = np.empty_like(x)

    def task(number):
        rows = slice(4 * number, 4 * number + 4)
        for _ in range(ROUNDS * 20):
            fg.scatter_add(x[rows], 1, index[rows], source[rows], out=out[rows])

    in_threads(task)
    assert_same(out, expected)


def test_errors_stay_in_their_threads(fg):
    x = np.arange(10.0)

    def task(number):
        for _ in range(ROUNDS * 20):
            if number % 2:
                with pytest.raises(IndexError, match=str(10 + number)):
                    fg.gather(x, 0, [0, 10 + number])
            else:
                assert fg.gather(x, 0, [number]).tolist() == [number]

    in_threads(task)


def test_number_of_threads_is_each_threads_own(fg):
    """All are inside their blocks when they look."""
    before = fg.get_num_threads()
    together = threading.Barrier(THREADS)

    def task(number):
        seen = set()
        for _ in range(ROUNDS):
            with fg.num_threads(number + 1):
                together.wait()
                seen.add(fg.get_num_threads())
                assert fg.show_config("dict")["fastgather"] == fastgather.__version__
                together.wait()
        return seen, fg.get_num_threads()

    assert in_threads(task) == [({number + 1}, before) for number in range(THREADS)]


def test_number_of_threads_for_all_is_one_that_was_set(fg, monkeypatch):
    monkeypatch.setattr(_settings, "_chosen", None)

    def task(number):
        for _ in range(ROUNDS * 20):
            fg.set_num_threads(number + 1)
            assert 1 <= fg.get_num_threads() <= THREADS

    in_threads(task)


def test_modules_that_are_built_on_the_functions(each_engine, rng):
    x = rng.random((4, 16, 3))
    scores = rng.random((4, 16))
    order = np.argsort(scores, axis=1)
    rows = ragged.pad(np.arange(10.0), [3, 0, 7])
    functions = {
        "random_masking": lambda: masking.random_masking(x, noise=scores),
        "block_masking": lambda: masking.block_masking(x, rng=1),
        "tube_masking": lambda: masking.tube_masking(x, frames=2, rng=1),
        "restore": lambda: masking.restore(x[:, :4], order),
        "shuffle": lambda: masking.shuffle(x, order),
        "unshuffle": lambda: masking.unshuffle(x, order),
        "topk_gather": lambda: masking.topk_gather(scores, x, 3, dim=1),
        "argsort_gather": lambda: masking.argsort_gather(scores, x, dim=1),
        "pad": lambda: ragged.pad(np.arange(10.0), [3, 0, 7]),
        "unpad": lambda: ragged.unpad(rows, [3, 0, 7]),
        "pack_sequences": lambda: ragged.pack_sequences(np.arange(10.0), [3, 0, 7], 8),
        "unpack_sequences": lambda: ragged.unpack_sequences(rows, [[0] * 7, [-1] * 7, [1] * 7]),
        "formula": lambda: explain.formula(3, 1),
        "trace": lambda: explain.trace(x[0], 0, order[:, :3]),
        "find_index": lambda: explain.find_index(scores, np.sort(scores, axis=1)),
    }
    # A picture is matplotlib's, which is for one thread.
    assert functions.keys() == {*masking.__all__, *ragged.__all__, *explain.__all__} - {"draw"}
    alone = {name: function() for name, function in functions.items()}

    def task(number):
        for _ in range(ROUNDS):
            for name, function in functions.items():
                np.testing.assert_equal(function(), alone[name])

    in_threads(task)


def test_every_function_is_here():
    settings = {"get_num_threads", "set_num_threads", "num_threads", "show_config"}
    called = {function_of(variant) for variant in VARIANTS} | settings
    assert called == set(fastgather.__all__) - {"backend"}


@pytest.mark.compiled
def test_import_leaves_the_gil_as_it_was():
    script = """
        import sys, numpy
        gil = getattr(sys, "_is_gil_enabled", lambda: True)
        before = gil()
        import fastgather
        print(fastgather.backend, gil() == before)
    """
    assert printed_by(script) == ["cython True"]
