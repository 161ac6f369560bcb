"""OpenMP behind one file.

* Work is split over units that never write to the same place, so no result depends on the split.
* No more threads than units; the caller asks for one thread where the work is small.
* One thread means no OpenMP region at all: after a fork, GNU OpenMP would hang in one.
* How many threads there are to ask for is decided in `_settings`, how many pay in `begin_work`.
* A system may wake a thread on the CPU of the one that wakes it and leave the two there, taking turns, for some
  ten milliseconds, though another CPU idles (Linux does in virtual machines). So a thread that finds itself on
  the CPU of another of its team moves; the caller's own thread never does, and no affinity stays changed.
* A team that sleeps takes some 50 microseconds to wake, and one that has just worked still spins. So a call
  that is over in less than that gets a team only where such calls follow each other closely; and for a
  while it gets none after the team was held up, which happens where other processes want its CPUs.
"""

from cython.parallel cimport parallel, prange, threadid
from libc.string cimport memset

from fastgather import _settings

cdef enum:
    RANGES = 4                  # a thread, at most
    MAX_THREADS = 1024          # whatever the number of CPUs
    SLEEPING_BYTES = 1 << 20    # work for each thread that pays for waking it
    AWAKE_BYTES = 1 << 17       # the same for one that spins
    AWAKE = 30_000              # nanoseconds after a call in which the team surely spins
    HELD_UP = 1_000_000         # nanoseconds that a call of less than 2 * SLEEPING_BYTES takes only if it had to wait
    ALONE = 30_000_000          # nanoseconds that such calls then stay on one thread

cdef extern from *:
    """
    #ifdef _OPENMP
    #include <omp.h>
    static int fg_max_threads(void) { return omp_get_max_threads(); }
    static int fg_openmp(void) { return _OPENMP; }
    #else
    static int fg_max_threads(void) { return 1; }
    static int fg_openmp(void) { return 0; }
    #endif

    #if defined(_MSC_VER)
    #include <intrin.h>
    static int fg_first(char *flag) { return !_InterlockedExchange8(flag, 1); }
    #else
    static int fg_first(char *flag) { return !__atomic_exchange_n(flag, 1, __ATOMIC_RELAXED); }
    #endif

    #ifdef __linux__
    #include <sched.h>
    #define FG_WORD (8 * sizeof(unsigned long))
    typedef struct { unsigned long taken[CPU_SETSIZE / FG_WORD]; } FgCpus;

    static int fg_claim(FgCpus *cpus, int cpu)
    {
        unsigned long bit = 1ul << cpu % FG_WORD;
        return !(__atomic_fetch_or(&cpus->taken[cpu / FG_WORD], bit, __ATOMIC_RELAXED) & bit);
    }

    static int fg_cpu(void) { return sched_getcpu(); }

    /* Claim the CPU that this thread runs on; 0 if another has it. */
    static int fg_stay(FgCpus *cpus)
    {
        int cpu = fg_cpu();
        return cpu < 0 || cpu >= CPU_SETSIZE || fg_claim(cpus, cpu);
    }

    /* Claim it, or else move to a CPU that nobody of the team has claimed, if there is one. */
    static void fg_settle(FgCpus *cpus)
    {
        cpu_set_t allowed, other;
        if (fg_stay(cpus) || sched_getaffinity(0, sizeof allowed, &allowed) != 0)
            return;
        for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
            if (CPU_ISSET(cpu, &allowed) && fg_claim(cpus, cpu)) {
                CPU_ZERO(&other);
                CPU_SET(cpu, &other);
                if (sched_setaffinity(0, sizeof other, &other) == 0)
                    sched_setaffinity(0, sizeof allowed, &allowed);
                return;
            }
    }
    #else
    typedef struct { int none; } FgCpus;
    static int fg_cpu(void) { return -1; }
    static int fg_stay(FgCpus *cpus) { return 1; }
    static void fg_settle(FgCpus *cpus) { }
    #endif

    static volatile int fg_forked = 0;
    #ifndef _WIN32
    #include <pthread.h>
    static void fg_after_fork(void) { fg_forked = 1; }
    static int fg_watch_forks(void) { return pthread_atfork(NULL, NULL, fg_after_fork); }
    #else
    static int fg_watch_forks(void) { return 0; }
    #endif

    #ifdef _WIN32
    static long long fg_now(void) { return 0; }     /* all calls are as if at once: only large ones get a team */
    #else
    #include <time.h>
    static long long fg_now(void)
    {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        return (long long) now.tv_sec * 1000000000 + now.tv_nsec;
    }
    #endif

    #if defined(__AVX512F__)
    #define FG_ISA "AVX-512"
    #elif defined(__AVX2__)
    #define FG_ISA "AVX2"
    #elif defined(__x86_64__) || defined(_M_X64)
    #define FG_ISA "x86-64 baseline (SSE2)"
    #elif defined(__aarch64__) || defined(_M_ARM64)
    #define FG_ISA "aarch64 baseline (NEON)"
    #else
    #define FG_ISA "the compiler's default"
    #endif

    #if defined(__clang__) || defined(__INTEL_LLVM_COMPILER)
    #define FG_OPENMP_RUNTIME "LLVM OpenMP"
    #elif defined(__GNUC__)
    #define FG_OPENMP_RUNTIME "GNU OpenMP"
    #else
    #define FG_OPENMP_RUNTIME "the compiler's OpenMP"
    #endif
    """
    int fg_max_threads() noexcept nogil
    bint fg_first(char *flag) noexcept nogil
    int fg_openmp() noexcept nogil
    int fg_watch_forks() noexcept nogil
    int fg_forked
    ctypedef struct FgCpus:
        pass
    int fg_cpu() noexcept nogil
    int fg_stay(FgCpus *cpus) noexcept nogil
    void fg_settle(FgCpus *cpus) noexcept nogil
    long long fg_now() noexcept nogil
    const char *FG_ISA
    const char *FG_OPENMP_RUNTIME


cdef Py_ssize_t run_ranges(
    Task task, const void *work, Py_ssize_t units, Py_ssize_t ranges, Py_ssize_t first, char *taken
) noexcept nogil:
    """Run `task` over the ranges that nobody has taken yet, from the `first` on and round."""
    cdef Py_ssize_t total = 0, i = first, _
    for _ in range(ranges):
        if fg_first(taken + i):
            total += task(work, units * i // ranges, units * (i + 1) // ranges)
        i = i + 1 if i + 1 < ranges else 0
    return total


cdef Py_ssize_t run_parallel(Task task, const void *work, Py_ssize_t units, int threads) noexcept nogil:
    """Run `task` over [0, units) in contiguous ranges; the sum of what it returns.

    There are some ranges a thread, so that one that the system has put aside holds up little: the others take
    them when they have done theirs. A thread begins with the same part of all units in each call, of which its cache
    may still hold something: what another core has written takes long to fetch, most of all from another chip.
    """
    cdef FgCpus cpus
    cdef char[RANGES * MAX_THREADS] taken
    cdef Py_ssize_t total = 0, ranges, i
    if threads <= 1:
        return task(work, 0, units)
    threads = min(threads, <int> MAX_THREADS)
    ranges = min(units, <Py_ssize_t> RANGES * threads)
    memset(&cpus, 0, sizeof(cpus))
    memset(taken, 0, ranges)
    fg_stay(&cpus)
    with parallel(num_threads=threads):
        if threadid() > 0:
            fg_settle(&cpus)
        for i in prange(threads, schedule="static", chunksize=1):
            total += run_ranges(task, work, units, ranges, ranges * i // threads, taken)
    return total


cdef long long last_end = 0     # of a call that was worth a team that spins
cdef long long alone_until = 0


cdef Work begin_work(Py_ssize_t bytes) noexcept:
    """Find out how many threads pay for work of this size, and start the clock where that matters."""
    cdef Work work
    work.threads = 1
    work.start = 0
    work.timed = bytes >= 2 * AWAKE_BYTES
    work.short = bytes < 2 * SLEEPING_BYTES
    if work.timed:
        work.start = fg_now()
        if not work.short:
            work.threads = bytes // SLEEPING_BYTES
        elif 0 < work.start - last_end < AWAKE and work.start >= alone_until:
            work.threads = bytes // AWAKE_BYTES
    return work


cdef int threads_for(const Work *work) except -1:
    """As many threads as pay, and as there may be."""
    return <int> min(<Py_ssize_t> _settings.get_num_threads(), work.threads) if work.threads > 1 else 1


cdef void end_work(const Work *work) noexcept:
    global last_end, alone_until
    if work.timed:
        last_end = fg_now()
        if work.short and work.threads > 1 and last_end - work.start > HELD_UP:
            alone_until = last_end + ALONE


def max_threads():
    """What the OpenMP runtime allows this thread now."""
    return fg_max_threads()


def move():
    """Move this thread as one of a team moves off another's CPU; the CPUs before and after."""
    cdef FgCpus cpus
    memset(&cpus, 0, sizeof(cpus))
    before = fg_cpu()
    fg_stay(&cpus)
    fg_settle(&cpus)
    return before, fg_cpu()


def forked():
    """Whether this process came from a fork after this module was loaded."""
    return fg_forked != 0


if fg_watch_forks() != 0:
    raise ImportError("pthread_atfork failed, so that a forked process would not be safe")

_settings.runtime.forked = forked
_settings.runtime.isa = FG_ISA.decode()
if fg_openmp():
    _settings.runtime.openmp = f"{FG_OPENMP_RUNTIME.decode()} {fg_openmp()}"
    _settings.runtime.initial_max_threads = max_threads()
    _settings.runtime.max_threads = max_threads
