"""`python -m fastgather bench`: how fast, against every peer that is installed and the memory."""

import argparse
import contextlib
import importlib.util
from pathlib import Path

import fastgather

ROUNDS = 5
QUICK_ROUNDS = 3
NEEDS = ("matplotlib", "rich")


def add_parser(commands):
    """Add the subcommand to the parser of the command line."""
    parser = commands.add_parser(
        "bench",
        help="compare with NumPy, PyTorch and other peers that are installed",
        description="Time every function against the peers that are installed, in turns, and "
        "against the memory's copy bandwidth. Ratios are a peer's time over ours.",
    )
    parser.add_argument("--only", metavar="PATTERN", default="", help="cells whose name has this")
    parser.add_argument("--threads", metavar="N", type=_positive, help="default: all that we use")
    parser.add_argument("--json", metavar="FILE", help="write everything that was measured")
    parser.add_argument("--markdown", metavar="FILE", help="write the table of the README")
    parser.add_argument("--plot", metavar="FILE.png", help="draw time per element against size")
    parser.add_argument(
        "--memory", action="store_true", help="add each cell's peak of working memory (Linux)"
    )
    rounds = parser.add_mutually_exclusive_group()
    rounds.add_argument(
        "--repeat", metavar="N", type=_positive, default=ROUNDS, help="default: %(default)s"
    )
    rounds.add_argument(
        "--quick", dest="repeat", action="store_const", const=QUICK_ROUNDS, help="fewer repeats"
    )


def run(options, refuse):
    """
    Run the comparison.

    Parameters
    ----------
    options : argparse.Namespace
        See `add_parser`.
    refuse : callable
        Ends with one line and status 2.

    Returns
    -------
    int
        The exit status.
    """
    missing = [name for name in NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        names = " and ".join(missing)
        refuse(f'bench needs {names}: python -m pip install "fastgather[bench]"')
    from fastgather.bench import memory
    from fastgather.bench.cells import CELLS
    from fastgather.bench.plot import panels

    cells = [cell for cell in CELLS if options.only.lower() in cell.name.lower()]
    if not cells:
        refuse(f"no cell of the bench has {options.only!r} in its name")
    chosen = panels({cell.function for cell in cells}) if options.plot else []
    if options.plot and not chosen:
        refuse(f"the plot has no panel for the functions of {options.only!r}")
    if options.memory and not memory.supported():
        refuse("--memory reads /proc, which this system does not have")
    for path in filter(None, (options.json, options.markdown, options.plot)):
        if not Path(path).absolute().parent.is_dir():
            refuse(f"cannot write {path!r}: there is no such folder")
    threads = options.threads or fastgather.get_num_threads()
    with fastgather.num_threads(threads):
        _measure(cells, chosen, threads, options)
    return 0


def _measure(cells, panels, threads, options):
    from fastgather.bench import memory, plot, report
    from fastgather.bench.compare import compare
    from fastgather.bench.peers import PEERS
    from fastgather.bench.timing import copy_bandwidth

    screen = report.console()
    missing = [peer.name for peer in PEERS if peer.missing]
    if missing:
        screen.print(f"not installed, so not compared with: {', '.join(missing)}")
    present = [peer for peer in PEERS if not peer.missing]
    modules = {peer.name: peer.load(threads) for peer in present}
    versions = {"fastgather": fastgather.__version__}
    versions |= {peer.name: peer.version for peer in present}
    bandwidth = copy_bandwidth(threads)
    about = report.machine(threads, bandwidth, versions, missing)

    records = [
        compare(cell, modules, bandwidth, options.repeat)
        for cell in report.tracked(cells, "time", screen)
    ]
    if options.memory:
        with contextlib.closing(memory.peaks(cells, threads)) as peaks:
            for record, _ in zip(records, report.tracked(cells, "memory", screen), strict=True):
                record["memory"] = next(peaks)
    screen.print(report.table(records, modules))
    for line in report.summary(records, modules, about):
        screen.print(line, highlight=False, markup=False)
    if options.markdown:
        lines = report.markdown(records, modules, about)
        Path(options.markdown).write_text("\n".join(lines) + "\n")
    beside = {name: modules[name] for name in plot.BESIDE if name in modules}
    swept = [(panel, _sweep(panel, beside, bandwidth, options.repeat, screen)) for panel in panels]
    if options.plot:
        compared = report.versions_line(versions, ("fastgather", *plot.BESIDE))
        plot.draw(options.plot, swept, f"{report.machine_line(about)}\n{compared}")
        screen.print(f"picture: {options.plot}", highlight=False, markup=False)
    if options.json:
        sweep = [record for _, records in swept for record in records]
        report.write_json(options.json, {"machine": about, "cells": records, "sweep": sweep})


def _sweep(panel, peers, bandwidth, rounds, screen):
    """The records of a panel; a peer whose calls get too long to wait for leaves."""
    from fastgather.bench import plot, report
    from fastgather.bench.compare import compare

    records, peers = [], dict(peers)
    for cell in report.tracked(plot.sweep(panel), "plot", screen):
        records.append(compare(cell, peers, bandwidth, rounds))
        for name, ratio in records[-1]["ratios"].items():
            if ratio * records[-1]["fastgather"] > plot.PATIENCE:
                del peers[name]
    return records


def _positive(text):
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"a whole number from 1 on is needed, not {text!r}")
    return int(text)
