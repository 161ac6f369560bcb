"""The number of threads: who sets it, what it does, and what a fork leaves of it."""

import contextlib
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from conftest import printed_by, run_script

from fastgather import _settings

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux's /proc")
compiled = pytest.mark.compiled
OPENMP = _settings.runtime.openmp or ""
threaded = pytest.mark.skipif(not OPENMP, reason="built without OpenMP")

# A script's call that is large enough for seven threads, and how it checks it.
BIG = """
import os, sys, threading, numpy, fastgather as fg

x = numpy.arange(1_000_000.0).reshape(1000, 1000)
index = numpy.random.default_rng(0).integers(0, 1000, (1000, 1000))
expected = numpy.take_along_axis(x, index, 1)

def big_call():
    assert (fg.gather(x, 1, index) == expected).all()

def decided():
    config = fg.show_config(mode="dict")
    assert config["threads"] == fg.get_num_threads()
    return f'{config["threads"]} {config["threads_from"]}'

def tasks():
    return len(os.listdir("/proc/self/task")) if sys.platform == "linux" else 0

at_first = tasks()  # with those of NumPy's BLAS
def started():
    return tasks() - at_first
"""
# What a forked child does: it must come to an end, with the right result, on one thread.
FORK = """
import signal

def fork_and(check):
    child = os.fork()
    if child == 0:
        signal.alarm(60)  # ends a child that hangs
        try:
            check()
            os._exit(0)
        except BaseException as error:
            print(repr(error), flush=True)
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def child_check():
    before = tasks()
    fg.set_num_threads(4)
    with fg.num_threads(3):
        big_call()
        assert fg.get_num_threads() == 1
    assert tasks() == before, "the child started threads"
    assert fg.show_config(mode="dict")["threads"] == 1
    assert "fork" in fg.show_config(mode="dict")["threads_from"]
"""


def printed(*parts, **options):
    return printed_by("\n".join(parts), **options)


@pytest.fixture
def settings(monkeypatch):
    """Puts back afterwards what `set_num_threads` changes."""
    monkeypatch.setattr(_settings, "_chosen", _settings._chosen)


# Set and get


def test_set_and_get(fg, settings):
    for n in (5, 1, np.int64(3), 7):
        assert fg.set_num_threads(n) is None
        assert fg.get_num_threads() == n
        assert type(fg.get_num_threads()) is int


@pytest.mark.parametrize(
    ("n", "error"),
    [(0, ValueError), (-1, ValueError), (1.0, TypeError), ("2", TypeError), (None, TypeError)],
)
def test_wrong_numbers(fg, settings, n, error):
    fg.set_num_threads(3)
    with pytest.raises(error, match=str(n)):
        fg.set_num_threads(n)
    with pytest.raises(error, match=str(n)), fg.num_threads(n):
        pass
    assert fg.get_num_threads() == 3


def test_context_manager_nests(fg, settings):
    fg.set_num_threads(2)
    with fg.num_threads(5):
        assert fg.get_num_threads() == 5
        with fg.num_threads(3):
            assert fg.get_num_threads() == 3
        assert fg.get_num_threads() == 5
        fg.set_num_threads(6)
        assert fg.get_num_threads() == 5
    assert fg.get_num_threads() == 6


def test_context_manager_ends_with_an_exception(fg, settings):
    fg.set_num_threads(2)
    with contextlib.suppress(KeyError), fg.num_threads(5):
        raise KeyError
    assert fg.get_num_threads() == 2


def test_context_manager_is_local_to_its_thread(fg, settings):
    fg.set_num_threads(2)
    inside, leave = threading.Event(), threading.Event()

    def other():
        with fg.num_threads(7):
            inside.set()
            leave.wait(10)
            return fg.get_num_threads()

    with ThreadPoolExecutor() as pool, fg.num_threads(5):
        future = pool.submit(other)
        assert inside.wait(10)
        assert fg.get_num_threads() == 5
        assert pool.submit(fg.get_num_threads).result() == 2
        leave.set()
        assert future.result() == 7


def test_setting_is_process_wide(fg, settings):
    with ThreadPoolExecutor() as pool:
        pool.submit(fg.set_num_threads, 6).result()
    assert fg.get_num_threads() == 6


def test_calls_from_many_threads_at_once(fg):
    x = np.arange(400_000.0)
    rng = np.random.default_rng(0)
    indices = [rng.integers(0, x.size, x.size) for _ in range(8)]
    expected = [np.bincount(index, x, x.size) for index in indices]

    def call(index):
        with fg.num_threads(3):
            return fg.scatter_add(np.zeros_like(x), 0, index, x)

    with ThreadPoolExecutor(8) as pool:
        for result, wanted in zip(pool.map(call, indices), expected, strict=True):
            assert (result == wanted).all()


# What the threads do


@linux
@compiled
@threaded
def test_large_calls_use_the_threads_they_may(fg):
    counts = printed(
        BIG,
        """
for n in (1, 3, 5):
    with fg.num_threads(n):
        big_call()
    print(started())
""",
    )
    assert counts == ["0", "2", "4"]


@linux
@compiled
@threaded
@pytest.mark.parametrize(
    ("call", "threads"),
    [("scatter(x, 0, index, 1.0)", 3), ("scatter_add(x, 1, index, 1.0)", 3),
     ("take_along_axis(x, index)", 3), ("index_select(x, 0, index[0])", 3),
     ("index_add(x, 0, index[0], x)", 3), ("take(x, index[0], axis=1)", 3),
     ("gather_nd(x, (index, index))", 3), ("scatter_nd(x, (index, index), 1.0, 'add')", 5),
     ("index_reduce(x, 0, index[0], x, 'amax')", 3),
     ("segment_reduce(x, 'sum', lengths=[400, 600])", 3)],
)  # fmt: skip
def test_large_calls_of_every_kind_use_threads(call, threads):
    """Three do not share single items that may meet anywhere: one is faster."""
    script = f"with fg.num_threads({threads}): fg.{call}\nprint(started())"
    assert printed(BIG, script) == [str(threads - 1)]


@linux
@compiled
@threaded
@pytest.mark.parametrize(
    ("shape", "named", "threads"),
    [(1_000_000, 400_000, 0), (1_000_000, 100, 1), (8_000_000, 80_000, 1), ((500_000, 16), 100, 1)],
)
def test_a_copy_is_shared_unless_one_thread_writes_to_most_of_it(shape, named, threads):
    """What another thread has copied lies in the cache of another core."""
    script = f"""
base, places = numpy.zeros({shape}, "f4"), numpy.arange({named})
with fg.num_threads(2): fg.index_add(base, 0, places, 1.0)
print(started())"""
    assert printed(BIG, script) == [str(threads)]


@linux
@compiled
@threaded
@pytest.mark.parametrize(("rows", "threads"), [(30_000, 0), (300_000, 1)])
def test_short_rows_are_shared_where_threads_seldom_meet(rows, threads):
    """In a table that caches hold they would meet in its lines all the time."""
    script = f"""
table = numpy.ones(({rows}, 3), "f4")
places = numpy.arange(table.size).reshape(table.shape) % {rows}
out = table.copy()
with fg.num_threads(2): fg.scatter_add(table, 0, places, table, out=out, mode="drop")
print(started())"""
    assert printed(BIG, script) == [str(threads)]


@linux
@compiled
@threaded
def test_small_calls_use_one_thread():
    script = "with fg.num_threads(4): fg.gather(x[:5, :5], 1, index[:5, :5] % 5)\nprint(started())"
    assert printed(BIG, script) == ["0"]


@compiled
@pytest.mark.skipif("GNU" not in OPENMP, reason="asks GNU OpenMP what it read")
@pytest.mark.parametrize("wish", [None, "active"])
def test_waiting_threads_sleep_unless_the_user_wishes(wish):
    """The runtime says how its threads wait; the environment is what the user left."""
    environment = {"OMP_DISPLAY_ENV": "true"} | ({"OMP_WAIT_POLICY": wish} if wish else {})
    script = 'import os, fastgather; print(os.environ.get("OMP_WAIT_POLICY"))'
    process = run_script(script, **environment)
    assert f"OMP_WAIT_POLICY = '{(wish or 'passive').upper()}'" in process.stderr
    assert process.stdout.split() == [str(wish)]


@linux
@threaded
@compiled
def test_a_team_moves_to_cpus_of_its_own():
    """A thread on another's CPU moves where it may; where it may run is afterwards as before."""
    script = """
import os, time
from fastgather import _threads

allowed = os.sched_getaffinity(0)
for _ in range(20):
    before, after = _threads.move()
    assert after != before or len(allowed) == 1, (before, after)
    assert os.sched_getaffinity(0) == allowed
os.sched_setaffinity(0, {before})
assert _threads.move() == (before, before)
os.sched_setaffinity(0, allowed)

fg.set_num_threads(3)
for _ in range(50):
    big_call()
    time.sleep(0.001)
assert started() == 2
assert all(os.sched_getaffinity(int(task)) == allowed for task in os.listdir("/proc/self/task"))
"""
    assert printed(BIG, script) == []


@compiled
def test_large_calls_release_the_gil():
    turns = printed(
        BIG,
        """
from concurrent.futures import ThreadPoolExecutor
x, index = numpy.arange(1000), numpy.zeros(30_000_000, "u1")
with ThreadPoolExecutor() as pool, fg.num_threads(1):
    future, turns = pool.submit(fg.gather, x, 0, index), 0
    while not future.done():
        turns += 1
    print(turns)
""",
    )
    assert int(turns[0]) > 1000


# Environment


@compiled
@threaded
@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"FASTGATHER_NUM_THREADS": "3"}, "3 FASTGATHER_NUM_THREADS"),
        ({"FASTGATHER_NUM_THREADS": " 2 "}, "2 FASTGATHER_NUM_THREADS"),
        ({"OMP_NUM_THREADS": "1"}, "1 "),
        ({"OMP_NUM_THREADS": "1,2"}, "1 "),
        ({"FASTGATHER_NUM_THREADS": "3", "OMP_NUM_THREADS": "1"}, "3 FASTGATHER_NUM_THREADS"),
    ],
    ids=str,
)
def test_environment(variables, expected):
    assert printed(BIG, "big_call(); print(decided())", **variables)[0].startswith(expected)


@compiled
@threaded
def test_openmp_environment_does_not_exceed_the_cpus():
    count = "len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()"
    cpus, decided = printed(BIG, f"print({count}); print(decided())", OMP_NUM_THREADS="999")
    assert decided.split()[0] == cpus


@pytest.mark.parametrize("value", ["0", "-1", "two", "1.5"])
def test_wrong_environment(value):
    process = run_script("import fastgather", FASTGATHER_NUM_THREADS=value)
    assert process.returncode == 1
    last = process.stderr.splitlines()[-1]
    assert last.startswith("ValueError: FASTGATHER_NUM_THREADS")
    assert repr(value) in last


@compiled
@threaded
def test_calls_go_before_the_environment():
    script = "fg.set_num_threads(4); print(decided())\nwith fg.num_threads(3): print(decided())"
    decided = printed(BIG, script, FASTGATHER_NUM_THREADS="2")
    assert decided == ["4 set_num_threads", "3 num_threads"]


@linux
@compiled
@threaded
@pytest.mark.parametrize("when", ["before", "after"])
def test_affinity(when):
    bind = "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])"
    parts = [bind, BIG] if when == "before" else [BIG, bind]
    assert printed(*parts, "big_call(); print(decided(), started())") == ["1 CPU affinity 0"]


QUOTAS = [
    # files of the cgroup tree, what /proc/self/cgroup says, the number of CPUs
    ({"cpu.max": "150000 100000"}, "0::/", 2),
    ({"cpu.max": "max 100000"}, "0::/", None),
    ({"cpu.max": "50000 100000"}, "0::/", 1),
    ({"cpu.max": "max 100000", "a/cpu.max": "400000 100000", "a/b/cpu.max": "max 1"}, "0::/a/b", 4),
    ({"a/cpu.max": "100000 100000", "a/b/cpu.max": "300000 100000"}, "0::/a/b", 1),
    ({"cpu/cpu.cfs_quota_us": "300000", "cpu/cpu.cfs_period_us": "100000"}, "4:cpu,cpuacct:/", 3),
    ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, "4:cpu:/", None),
    ({"cpu.max": "nonsense"}, "0::/", None),
    ({}, "0::/", None),
    ({}, "", None),
]


@pytest.mark.parametrize(("files", "process", "expected"), QUOTAS)
def test_quota_of_a_container(tmp_path, files, process, expected):
    root, cgroup = tmp_path / "root", tmp_path / "cgroup"
    root.mkdir()
    cgroup.write_text(process)
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    assert _settings._container_quota(root, cgroup) == expected


@compiled
@threaded
def test_threadpoolctl():
    pytest.importorskip("threadpoolctl", reason="threadpoolctl is not installed")
    script = """
import threadpoolctl
fg.set_num_threads(3)
print(decided())
with threadpoolctl.threadpool_limits(limits=2):
    big_call()
    print(decided())
    with fg.num_threads(4):
        print(decided())
    with threadpoolctl.threadpool_limits(limits=1, user_api="openmp"):
        print(decided())
print(decided())
print(any(pool["user_api"] == "openmp" for pool in threadpoolctl.threadpool_info()))
"""
    limited = "limit on the OpenMP runtime (threadpoolctl)"
    expected = ["3 set_num_threads", f"2 {limited}", f"2 {limited}", f"1 {limited}"]
    assert printed(BIG, script, OMP_NUM_THREADS="4") == [*expected, expected[0], "True"]


# Forks


def forked(*parts, **options):
    flags = ["-W", "ignore::DeprecationWarning"]  # Python's, of forks in a process with threads
    return printed(*parts, flags=flags, **options)


@linux
@compiled
@threaded
@pytest.mark.parametrize("before", ["big_call()", ""], ids=["after a team", "before one"])
def test_forked_child_runs_on_one_thread(before):
    after = "big_call(); print(decided())"
    script = f"fg.set_num_threads(2)\n{before}\nprint(fork_and(child_check))\n{after}"
    assert forked(BIG, FORK, script) == ["0", "2 set_num_threads"]


@linux
@compiled
@threaded
def test_child_of_a_forked_child():
    script = """
def child_and_grandchild():
    assert fork_and(child_check) == 0
    child_check()
fg.set_num_threads(2)
big_call()
print(fork_and(child_and_grandchild))
"""
    assert forked(BIG, FORK, script) == ["0"]


@linux
@compiled
@threaded
def test_pool_of_forked_workers():
    """As a data loader has them."""
    script = """
import multiprocessing, signal
def work(seed):
    signal.alarm(60)
    big_call()
    signal.alarm(0)
    return fg.get_num_threads()
fg.set_num_threads(2)
big_call()
with multiprocessing.get_context("fork").Pool(2) as pool:
    print(*pool.map(work, range(4)))
"""
    assert forked(BIG, script) == ["1 1 1 1"]


# Other users of OpenMP whose team ran before the fork, and before the first import of fastgather.
OPENMP_USERS = {
    "libgomp": """
import ctypes
gomp = ctypes.CDLL("libgomp.so.1")
seen = []
body = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda _: seen.append(1))
gomp.GOMP_parallel(body, None, 2, 0)
assert len(seen) == 2
""",
    "torch": """
import torch
torch.set_num_threads(2)
torch.rand(3_000_000).sin().sum()
""",
}


@linux
@compiled
@threaded
@pytest.mark.parametrize("user", OPENMP_USERS)
def test_first_import_in_a_forked_child(user):
    if user == "torch":
        pytest.importorskip("torch", reason="PyTorch is not installed")
    script = """
def import_and_check():
    exec(BIG, globals())
    child_check()
print(fork_and(import_and_check))
"""
    assert forked(f"import os\nBIG = {BIG!r}", OPENMP_USERS[user], FORK, script) == ["0"]


@linux
@compiled
@threaded
def test_first_import_in_a_forked_child_without_openmp():
    """Nothing has run a team: the child may use threads."""
    script = f"""
import os
child = os.fork()
if child == 0:
    exec({BIG!r})
    with fg.num_threads(3):
        big_call()
    print(started(), flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""
    assert forked(script) == ["2"]


# show_config

KEYS = "fastgather numpy python backend openmp threads threads_from instruction_set"


def test_config_as_a_dict(fg, capsys):
    config = fg.show_config(mode="dict")
    assert config.keys() >= set(KEYS.split())
    assert config["numpy"] == np.__version__
    assert config["python"] == sys.version.split()[0]
    assert capsys.readouterr().out == ""


def test_config_is_printed(fg, capsys):
    assert fg.show_config() is None
    printed = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert printed == {key: str(value) for key, value in fg.show_config("dict").items()}


@pytest.mark.parametrize("mode", ["json", None, 1])
def test_config_of_another_mode(fg, mode):
    with pytest.raises(ValueError, match="mode"):
        fg.show_config(mode=mode)


@compiled
def test_build_without_openmp_says_one_thread():
    """As the wheels for macOS are; another build only lacks what `_threads` would have told."""
    script = """
from fastgather import _settings
_settings.runtime.openmp = _settings.runtime.max_threads = None
config = fg.show_config("dict")
print(config["backend"], config["openmp"], config["threads"], config["threads_from"])
"""
    said = "the cython backend, without OpenMP, uses one thread"
    assert printed(BIG, script) == [f"cython none 1 {said}"]


def test_python_engine_says_one_thread():
    script = """
fg.set_num_threads(3)
big_call()
config = fg.show_config("dict")
print(fg.get_num_threads())
print(config["backend"], config["threads"], started())
"""
    assert printed(BIG, script, FASTGATHER_BACKEND="python") == ["3", "python 1 0"]


@pytest.mark.parametrize("threads", [1, 2, 7])
@pytest.mark.parametrize("width", [(), (64,)])
def test_a_single_place_may_have_a_stride_of_0(fg, threads, width):
    """Which is what `array[None]` has; threads that share places by their addresses found none."""
    n = 100_000
    index, source = np.zeros(n, int), np.ones((n, *width), np.float32)
    with fg.num_threads(threads):
        for name, expected in (("index_add", n), ("index_copy", 1)):
            base = np.zeros(width, np.float32)[None]
            assert base.strides[0] == 0
            getattr(fg, name)(base, 0, index, source, out=base)
            np.testing.assert_array_equal(base, np.full((1, *width), expected))
        base = np.zeros(width, np.float32)[None]
        fg.index_reduce(base, 0, index, source, "amax", out=base)
        np.testing.assert_array_equal(base, 1)
