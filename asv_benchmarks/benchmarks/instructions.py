"""Instructions per element, which no other process on the machine changes.

`setup_cache` runs all works on both engines under valgrind's callgrind, in one process a commit,
which runs this very module.
"""

import ctypes
import itertools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from .common import ENGINES, engine_module, output_of
from .ratios import WORKS

LIBRARY = "requests.so"
SMALL = 100  # elements up to which calls are counted, not elements
CALLS = 100  # of them in a row

# Callgrind counts between the two and writes what it counted under a name.
REQUESTS = """
#include <valgrind/callgrind.h>
void start(void) { CALLGRIND_START_INSTRUMENTATION; }
void stop(const char *name) { CALLGRIND_STOP_INSTRUMENTATION; CALLGRIND_DUMP_STATS_AT(name); }
"""


class Instructions:
    """
    On one thread, with all data in the cache. Bound by compute, by definition; what waits for
    memory or for a branch guessed wrong costs time but no instruction, so `ratios` is needed too.
    """

    params = [list(ENGINES), list(WORKS)]
    param_names = ["engine", "work"]
    unit = "instructions an element"  # a call, where there are few elements

    def setup_cache(self):
        return counts()

    setup_cache.timeout = 600

    def setup(self, counted, engine, work):
        if isinstance(counted, str):
            raise NotImplementedError(counted)
        engine_module(engine)
        if (engine, work) not in counted:
            raise NotImplementedError(f"this commit cannot do {work} on the {engine} engine")

    def track_instructions(self, counted, engine, work):
        return counted[engine, work]


def counts():
    """Instructions by engine and work; where they cannot be counted, a text that says why."""
    if shutil.which("valgrind") is None:
        return "valgrind is not installed"
    with tempfile.TemporaryDirectory() as folder:
        try:
            _build(folder)
        except (OSError, subprocess.CalledProcessError) as error:
            return f"no valgrind/callgrind.h, or no C compiler: {error}"
        options = ["--tool=callgrind", "--instr-atstart=no", "--callgrind-out-file=counted"]
        output_of("instructions", under=["valgrind", *options], folder=folder)
        return _read(folder)


def _build(folder):
    source = Path(folder, "requests.c")
    source.write_text(REQUESTS)
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    command = [*compiler, "-shared", "-fPIC", str(source), "-o", str(Path(folder, LIBRARY))]
    subprocess.run(command, check=True)


def _read(folder):
    """What callgrind wrote: a file for each `stop`, with the name it was given and the total."""
    instructions = {}
    for path in Path(folder).glob("counted.*"):
        text = path.read_text()
        if name := re.search(r"^desc: Trigger: Client Request: (.*)$", text, re.MULTILINE):
            total = re.search(r"^totals: (\d+)$", text, re.MULTILINE)
            instructions[tuple(json.loads(name[1]))] = int(total[1])
    return {
        (engine, work): round((total - instructions["", "", calls, 1]) / calls / elements, 3)
        for (engine, work, calls, elements), total in instructions.items()
        if engine
    }


def run_all(library):
    """What runs under callgrind."""
    requests = ctypes.CDLL(library)
    for calls in (1, CALLS):
        _run(requests, lambda: None, ["", "", calls, 1])
    for engine, (name, work) in itertools.product(ENGINES, WORKS.items()):
        try:
            module = engine_module(engine)
            module.set_num_threads(1)
            call, _, elements = work(module)
            call()
        except (NotImplementedError, AttributeError) as error:
            print(f"not counted: {name} on the {engine} engine: {error}", file=sys.stderr)
            continue
        calls, elements = (CALLS, 1) if elements <= SMALL else (1, elements)
        _run(requests, call, [engine, name, calls, elements])


def _run(requests, call, name):
    """Count twice, as the first time some functions are looked up; the later file counts."""
    for _ in range(2):
        repeat = itertools.repeat(None, name[2])
        requests.start()
        for _ in repeat:
            call()
        requests.stop(json.dumps(name).encode())


if __name__ == "__main__":
    run_all(str(Path.cwd() / LIBRARY))
