"""`python asv_benchmarks/prove.py`: that `track.py compare` finds 15 % and nothing else.

In a clone: a commit that does 15 % of the work of `gather` along the last dim twice must be
reported, and a commit that changes nothing must not, five times out of five.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
KERNEL = "fastgather/_gather.pyx"
CALL = """\
        bad += gather_line(
            value, base, to, n, size, step, value_stride, base_stride, stride, item, index, ahead,
            foresees, next, reach, value_ahead, to_ahead, nontemporal,
        )
"""
AGAIN = CALL.replace("bad += ", "").replace("n, size", "n * 3 // 20, size")
TIMES = 5


def git(folder, *arguments):
    author = ["-c", "user.name=prove", "-c", "user.email=prove@localhost"]
    command = ["git", "-C", str(folder), *author, *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def compare(folder, base, head, *options):
    command = [sys.executable, "asv_benchmarks/track.py", "compare", *options, base, head]
    return subprocess.run(command, cwd=folder, check=False).returncode


def main(*options):
    with tempfile.TemporaryDirectory() as folder:
        git(".", "clone", "--quiet", str(ROOT), folder)
        base = git(folder, "rev-parse", "HEAD")
        git(folder, "commit", "--quiet", "--allow-empty", "-m", "Nothing changed")
        same = git(folder, "rev-parse", "HEAD")
        kernel = Path(folder, KERNEL)
        text = kernel.read_text()
        if text.count(CALL) != 1:
            sys.exit(f"prove.py: {KERNEL} has changed: the line that it slows is not there")
        kernel.write_text(text.replace(CALL, AGAIN + CALL))
        git(folder, "commit", "--quiet", "-am", "Slower by 15 %")
        slow = git(folder, "rev-parse", "HEAD")
        found = compare(folder, base, slow, *options)
        quiet = [compare(folder, base, same, *options) for _ in range(TIMES)]
    print(f"slower by 15 %: status {found}; the same {TIMES} times: status {quiet}")
    return 0 if found == 1 and not any(quiet) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
