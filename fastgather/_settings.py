"""How many threads to use, who decided it, and what this installation is made of.

Shared by both engines. The number of threads is, first that applies:

1. one, in a process that was forked after the import, or before it where an OpenMP runtime was
   already there: GNU OpenMP would wait for ever for threads that the fork did not copy;
2. `num_threads(n)` around the call, in this thread;
3. `set_num_threads(n)`;
4. the environment variable `FASTGATHER_NUM_THREADS`;
5. the smallest of `OMP_NUM_THREADS`, the CPUs that affinity allows and the container's quota.

2 to 5 are capped by a limit that `threadpoolctl` holds on the OpenMP runtime.
"""

import contextlib
import math
import operator
import os
import pathlib
import platform
import sys
import threading
import types

import numpy as np

# What the compiled engine puts in place when it loads. Without it there is one thread.
runtime = types.SimpleNamespace(
    openmp=None, forked=lambda: False, max_threads=None, isa=None, pool=0
)

# What FASTGATHER_ISA may name: the instruction sets that the compiled engine has kernels for. The
# baseline runs on any CPU of an architecture; CONTRIBUTING.md says what wider ones are good for.
INSTRUCTION_SETS = ("baseline", "avx2")

WAITING = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "5000"}

_chosen = None  # by set_num_threads
_local = threading.local()  # .threads by num_threads


def set_num_threads(n):
    """
    Set the number of threads for all calls of this process.

    Parameters
    ----------
    n : int
        At least 1. It may exceed the number of CPUs.

    Raises
    ------
    TypeError
        If `n` is not an integer.
    ValueError
        If `n` is smaller than 1.

    See Also
    --------
    num_threads : The same for one block of code in one thread.

    Notes
    -----
    Small calls use one thread whatever the setting. No result depends on it.

    Examples
    --------
    >>> import fastgather as fg
    >>> before = fg.get_num_threads()
    >>> fg.set_num_threads(2)
    >>> fg.get_num_threads()
    2
    >>> fg.set_num_threads(before)
    """
    global _chosen
    _chosen = _positive(n)


def get_num_threads():
    """
    The number of threads that a large call from this thread would use.

    Returns
    -------
    int
        See `show_config` for where it comes from.

    Examples
    --------
    >>> import fastgather as fg
    >>> with fg.num_threads(3):
    ...     fg.get_num_threads()
    3
    """
    return threads_and_source()[0]


@contextlib.contextmanager
def num_threads(n):
    """
    Use `n` threads inside a `with` block, for calls made by this thread.

    Parameters
    ----------
    n : int
        At least 1.

    Raises
    ------
    TypeError
        If `n` is not an integer.
    ValueError
        If `n` is smaller than 1.

    Examples
    --------
    >>> import fastgather as fg
    >>> with fg.num_threads(1):
    ...     fg.take([10, 20, 30], [2, 0])
    array([30, 10])
    """
    before = getattr(_local, "threads", None)
    _local.threads = _positive(n)
    try:
        yield
    finally:
        _local.threads = before


def show_config(mode="stdout"):
    """
    Print what this installation is made of: versions, backend, threads, instruction set.

    Parameters
    ----------
    mode : {"stdout", "dict"}
        Print, or return a dict and print nothing.

    Returns
    -------
    dict or None

    Raises
    ------
    ValueError
        If `mode` is neither.

    Notes
    -----
    "kept_for_results" is memory of large results that NumPy has freed. It waits for the next
    result, and the system takes it back whenever memory is short. ``FASTGATHER_POOL=0`` in the
    environment keeps none.

    Examples
    --------
    >>> import fastgather as fg
    >>> fg.show_config(mode="dict")["backend"] == fg.backend
    True
    """
    if mode not in ("stdout", "dict"):
        raise ValueError(f'mode must be "stdout" or "dict", not {mode!r}')
    import fastgather

    threads, source = threads_and_source()
    if runtime.openmp is None:
        threads, source = 1, f"the {fastgather.backend} backend, without OpenMP, uses one thread"
    config = {
        "fastgather": fastgather.__version__,
        "backend": fastgather.backend,
        "openmp": runtime.openmp or "none",
        "threads": threads,
        "threads_from": source,
        "kept_for_results": f"at most {runtime.pool >> 20} MB",
        "instruction_set": runtime.isa or f"{platform.machine()}, as NumPy dispatches",
        "numpy": np.__version__,
        "python": sys.version.split()[0],
    }
    if mode == "dict":
        return config
    width = max(map(len, config))
    print("\n".join(f"{key:{width}}  {value}" for key, value in config.items()))


@contextlib.contextmanager
def passive_waiting():
    """
    Let an OpenMP runtime that loads in this block put waiting threads to sleep soon.

    By default GNU OpenMP's threads spin for long, and where other processes want the CPUs too, the
    thread that everybody waits for is the one that gets none: a gather of 1 M elements took five
    times as long. To wake one that sleeps takes some 50 microseconds, so they spin for about that
    long, which serves calls in a row. A wish of the user's stands. The runtime reads the
    environment when it loads, and once.
    """
    if any(name in os.environ for name in WAITING):
        yield
        return
    os.environ.update(WAITING)
    try:
        yield
    finally:
        for name in WAITING:
            del os.environ[name]


def threads_and_source():
    """The number of threads for a large call now, and what decided it."""
    if runtime.forked() or _forked_with_openmp:
        return 1, "forked process: OpenMP cannot be used after a fork"
    threads, source = _requested()
    if runtime.max_threads is not None:
        limit = runtime.max_threads()
        if limit < min(threads, runtime.initial_max_threads):
            return limit, "limit on the OpenMP runtime (threadpoolctl)"
    return threads, source


def _requested():
    if getattr(_local, "threads", None) is not None:
        return _local.threads, "num_threads"
    if _chosen is not None:
        return _chosen, "set_num_threads"
    if _environment is not None:
        return _environment, "FASTGATHER_NUM_THREADS"
    return min(_defaults(), key=operator.itemgetter(0))


def _defaults():
    """Candidates for the number of threads when nobody chose one; ties go to the first."""
    if hasattr(os, "sched_getaffinity"):
        yield len(os.sched_getaffinity(0)), "CPU affinity"
    else:
        yield os.cpu_count() or 1, "CPU count"
    if _openmp_environment is not None:
        yield _openmp_environment, "OMP_NUM_THREADS"
    if _quota is not None:
        yield _quota, "container quota"


def _positive(n):
    try:
        n = operator.index(n)
    except TypeError:
        raise TypeError(f"the number of threads must be an integer, not {n!r}") from None
    if not 1 <= n <= MAX_THREADS:
        raise ValueError(f"the number of threads must be from 1 to {MAX_THREADS}, not {n}")
    return n


def _from_environment(name, strict):
    """The number in an environment variable; OpenMP's may be a list and is not ours to judge."""
    text = os.environ.get(name, "").split(",")[0].strip()
    if not text:
        return None
    if text.isascii() and text.isdecimal() and 1 <= int(text) <= MAX_THREADS:
        return int(text)
    if strict:
        raise ValueError(f"{name} must be a number from 1 to {MAX_THREADS}, not {text!r}")
    return None


def _instruction_set():
    """The one that FASTGATHER_ISA asks for, or None."""
    wanted = os.environ.get("FASTGATHER_ISA", "")
    if wanted not in ("", *INSTRUCTION_SETS):
        allowed = " or ".join(INSTRUCTION_SETS)
        raise ImportError(f"FASTGATHER_ISA must be {allowed}, not {wanted!r}")
    return wanted or None


def choose_instruction_set(available):
    """The one that FASTGATHER_ISA asks for, or the last, of those that this CPU has."""
    if instruction_set is not None and instruction_set not in available:
        raise ImportError(
            f"FASTGATHER_ISA={instruction_set}, but this CPU has {' and '.join(available)} only"
        )
    return instruction_set or available[-1]


def _container_quota(root=pathlib.Path("/sys/fs/cgroup"), process="/proc/self/cgroup"):
    """CPUs that the cgroups of this process (version 2 or 1) allow, rounded up, or None."""
    quotas = []
    with contextlib.suppress(OSError, ValueError):
        for line in pathlib.Path(process).read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers == "":
                folder = root
            elif "cpu" in controllers.split(","):
                folder = root / "cpu"
            else:
                continue
            inner = folder / path.lstrip("/")
            for group in (inner, *inner.parents):
                quotas.extend(_quota_of(group))
                if group == folder:
                    break
    return min(quotas, default=None)


def _quota_of(group):
    with contextlib.suppress(OSError, ValueError):
        if (group / "cpu.max").exists():
            quota, period = (group / "cpu.max").read_text().split()
        else:
            quota = (group / "cpu.cfs_quota_us").read_text()
            period = (group / "cpu.cfs_period_us").read_text()
        if quota.strip() != "max" and int(quota) > 0:
            yield max(1, math.ceil(int(quota) / int(period)))


def _was_forked_with_openmp():
    """Whether Linux says that this process was forked, not started, and holds an OpenMP runtime."""
    try:
        stat = pathlib.Path("/proc/self/stat").read_text()
        flags = int(stat.rpartition(")")[2].split()[6])
        if not flags & PF_FORKNOEXEC:
            return False
        maps = pathlib.Path("/proc/self/maps").read_text()
    except (OSError, ValueError, IndexError):
        return False
    return any(name in maps for name in ("libgomp", "libomp", "libiomp"))


MAX_THREADS = 1024
PF_FORKNOEXEC = 0x40  # linux/sched.h
instruction_set = _instruction_set()
_forked_with_openmp = _was_forked_with_openmp()  # before our own runtime loads
_environment = _from_environment("FASTGATHER_NUM_THREADS", strict=True)
_openmp_environment = _from_environment("OMP_NUM_THREADS", strict=False)
_quota = _container_quota()
