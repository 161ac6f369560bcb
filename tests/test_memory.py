"""The memory of large results: huge pages, and blocks that are used again."""

import subprocess
import sys

import numpy as np
import pytest
from numpy._core.multiarray import get_handler_name

import fastgather as fg

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has them")
pytestmark = [pytest.mark.compiled, linux]

LARGE = 3 << 20


def result(size=LARGE):
    return fg.take(np.zeros(1, np.uint8), np.zeros(size, np.int8))


def test_large_results_lie_in_blocks_of_ours_and_small_ones_do_not():
    assert get_handler_name(result()) == "fastgather"
    assert get_handler_name(result(1000)) == "default_allocator"
    assert get_handler_name(np.empty(LARGE)) == "default_allocator"


def test_a_freed_block_serves_the_next_result():
    first = result()
    address = first.ctypes.data
    second = result()
    assert second.ctypes.data != address
    del first
    assert result().ctypes.data == address
    assert result(LARGE // 2).ctypes.data != address


def test_a_result_can_be_resized():
    array = result()
    array[:] = np.arange(LARGE) % 251
    expected = array.copy()
    array.resize(9 * LARGE, refcheck=False)
    assert np.array_equal(array[:LARGE], expected)
    assert not array[LARGE:].any()
    array.resize(10, refcheck=False)
    assert np.array_equal(array, expected[:10])


def test_kept_memory_is_bounded():
    """More results than slots, at most 16 of their blocks are kept."""
    code = """
import numpy as np, fastgather as fg
def mapped():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * 4096
index = np.zeros(1 << 23, np.int8)
fg.take(np.zeros(1, np.uint8), index)
before = mapped()
results = [fg.take(np.zeros(1, np.uint8), index) for _ in range(24)]
assert mapped() - before > 20 << 23
del results
most = fg.show_config(mode="dict")["kept_for_results"]
bound = min(16 << 23, int(most.removeprefix("at most ").removesuffix(" MB")) << 20)
assert 0 < mapped() - before <= bound, mapped() - before
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_result_beyond_the_bound_is_given_back():
    code = """
import numpy as np, fastgather as fg
def mapped():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * 4096
before = mapped()
result = fg.take(np.zeros((1, 1 << 20), np.uint8), np.zeros(2500, np.intp), mode="clip", axis=0)
assert mapped() - before > 2 << 30
del result
assert mapped() - before < 1 << 30, mapped() - before
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_user_can_switch_it_off(monkeypatch):
    monkeypatch.setenv("FASTGATHER_POOL", "0")
    code = (
        "import numpy as np, fastgather as fg; from numpy._core.multiarray import get_handler_name;"
        "print(get_handler_name(fg.take(np.zeros(1, np.uint8), np.zeros(1 << 22, np.int8))),"
        "fg.show_config(mode='dict')['kept_for_results'])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "default_allocator at most 0 MB\n"


def test_the_blocks_freed_last_stay_unmarked():
    """A small result that follows a large one is not marked as free at every call."""
    code = """
import numpy as np, fastgather as fg
def marked():
    with open("/proc/self/smaps_rollup") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith("LazyFree"))
most = fg.show_config(mode="dict")["kept_for_results"]
unmarked = (int(most.removeprefix("at most ").removesuffix(" MB")) << 20) // 32
large, small = unmarked - (1 << 20), 3 << 20
zero = np.zeros(1, np.uint8)
a, b = fg.take(zero, np.zeros(large, np.int8)), fg.take(zero, np.zeros(small, np.int8))
del a
assert marked() == 0
del b
assert marked() >= large, marked()
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_panels_stay_for_the_next_call():
    """Where all arrays are small, malloc gives back what each call frees, and faults follow."""
    code = """
import resource, numpy as np, fastgather as fg
fg.set_num_threads(1)
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for n in (280, 300, 320):
    x, index = np.zeros((n, n), np.float32), np.zeros((n, n), np.int64)
    for call in (fg.gather, lambda *args: fg.scatter_add(*args, x)):
        for _ in range(20):
            call(x, 0, index)
        before = faults()
        for _ in range(20):
            call(x, 0, index)
        assert faults() - before < 20 * 20, (n, faults() - before)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
