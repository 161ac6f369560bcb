"""`python asv_benchmarks/track.py compare` and `history`: asv, with what it tracks here.

    compare [BASE [HEAD]]   is HEAD slower than BASE? Ends with status 1 if it is
    history [RANGE]         measure commits, by default those after the newest that was measured

It runs `asv continuous` and `asv run`. What asv says of a machine that it has never seen, of a
commit that does not build and of a missing compiler becomes one line, and the run goes on.
"""

import argparse
import itertools
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from asv.machine import Machine, MachineCollection
from asv.util import UserError, load_json

FOLDER = Path(__file__).parent

# What neither a busy core nor another's use of the memory moves by as much as FACTOR.
COMPARED = "OverNumPy|Instructions"
FACTOR = 1.07
HISTORY = f"{COMPARED}|OverCopy|package|GatherSize.*(1000 x 24|1048576)"

SLOWER = re.compile(r"^\| [+!] .*\| (\S.*?) +\|$", re.MULTILINE)  # rows of asv's table
REASON = re.compile(r"\S+\.pyx:\d+:\d+: .*|\w+Error: .*|\S+:\d+:\d+: (fatal )?error: .*")


def main():
    options = parse(sys.argv[1:])
    know(options.machine)
    if not has_compiler():
        say("no C compiler was found, so that only the pure-Python engine is measured")
    if options.command == "compare":
        return compare(options)
    commits = options.range or unmeasured(options.machine)
    if commits is None:
        say(f"every commit has results of {options.machine}")
        return 0
    return asv("run", "--machine", options.machine, "--bench", options.bench, commits)[0]


def unmeasured(machine):
    """The commits after the newest with results of a machine: asv's NEW looks at all machines."""
    measured = {path.name[:8] for path in (FOLDER / "results" / machine).glob("*-*.json")}
    listed = subprocess.run(
        ["git", "rev-list", "HEAD"], cwd=FOLDER, check=True, stdout=subprocess.PIPE, text=True
    )
    commits = listed.stdout.split()
    newest = next((commit for commit in commits if commit[:8] in measured), None)
    if newest == commits[0]:
        return None
    return f"{newest}..HEAD" if newest else "ALL"


def compare(options):
    """What asv finds slower is measured once more, as chance seldom strikes twice."""
    bench = [options.bench]
    for _ in range(2):
        selected = [word for pattern in bench for word in ("--bench", pattern)]
        status, printed = asv(
            "continuous", "--factor", str(options.factor), "--machine", options.machine,
            *selected, options.base, options.head,
        )  # fmt: skip
        bench = [f"^{re.escape(name)}$" for name in SLOWER.findall(printed)]
        if status == 0 or not bench:
            break
    return status


def parse(arguments):
    parser = argparse.ArgumentParser(prog="track.py", description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    compare = commands.add_parser("compare", help="is HEAD slower than BASE?")
    compare.add_argument("base", nargs="?", default="HEAD~1", metavar="BASE")
    compare.add_argument("head", nargs="?", default="HEAD", metavar="HEAD")
    compare.add_argument("--factor", type=float, default=FACTOR, help="default: %(default)s")
    history = commands.add_parser("history", help="measure commits")
    history.add_argument("range", nargs="?", metavar="RANGE", help="as for asv run")
    for command, bench in ((compare, COMPARED), (history, HISTORY)):
        command.add_argument("--bench", default=bench, help="a regular expression: %(default)s")
        command.add_argument("--machine", default=platform.node(), help="default: %(default)s")
    return parser.parse_args(arguments)


def say(line):
    print(f"track.py: {line}", flush=True)


def know(name):
    """Tell asv of the machine, as its results have it or as it is found to be."""
    here = Machine.get_defaults()
    recorded = FOLDER / "results" / name / "machine.json"
    try:  # where asv knows one machine alone, it takes that for any
        known = MachineCollection.load(name)["machine"] == name
    except UserError:
        known = False
    if not known:
        found = load_json(str(recorded), Machine.api_version) if recorded.exists() else here
        MachineCollection.save(name, found | {"machine": name})
        say(f"a machine that asv has not seen: {name}, {here['num_cpu']} x {here['cpu']}")
    if recorded.exists():
        cpu = load_json(str(recorded), Machine.api_version).get("cpu", "")
        if here["cpu"] not in cpu:
            say(f"beware: the results of {name} are from {cpu}; this is {here['cpu']}")


def has_compiler():
    compiler = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    return shutil.which(shlex.split(compiler)[0]) is not None


def asv(*arguments):
    """Run asv, with the log of each build that fails folded into a line; status and output."""
    command = [sys.executable, "-m", "asv", *arguments]
    printed = []
    with subprocess.Popen(
        command, cwd=FOLDER, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for line in folded(process.stdout):
            print(line, end="", flush=True)
            printed.append(line)
    return process.returncode, "".join(printed)


def folded(lines):
    """The lines of asv; of the log of a build that fails, the reason alone."""
    building, reason = "a commit", None
    for line in itertools.chain(lines, [""]):
        starts = not line or line[0] in "·["
        if starts and reason is not None:
            yield f"track.py: {building} does not build: {reason or 'asv --verbose tells why'}\n"
            reason = None
        if match := re.search(r"· Building ([0-9a-f]{7,})", line):
            building = match[1]
        if starts and "Error running" in line and " wheel " in line:
            reason = ""
        elif reason is None:
            yield line
        elif not reason and (match := REASON.search(line)):
            reason = match[0]


if __name__ == "__main__":
    sys.exit(main())
