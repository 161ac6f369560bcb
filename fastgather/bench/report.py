"""The rich table, the summary below it, and the JSON file."""

import datetime
import json
import os
import platform
import statistics
import sys
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

import fastgather

WIDTH = 160  # columns where stdout is no terminal
BUSY = 0.7  # average number of running processes before the run from which there is a warning


def console():
    return Console() if sys.stdout.isatty() else Console(width=WIDTH)


def tracked(cells, label, screen):
    """The cells one by one, with a bar on a terminal and a plain line for each elsewhere."""
    if not screen.is_terminal:
        for number, cell in enumerate(cells, 1):
            line = f"{label} {number}/{len(cells)} {cell.name}"
            screen.print(line, highlight=False, markup=False)
            yield cell
        return
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns, console=screen, transient=True) as progress:
        task = progress.add_task("", total=len(cells))
        for cell in cells:
            progress.update(task, description=f"{label}: {cell.name}")
            yield cell
            progress.advance(task)


def machine(threads, bandwidth, versions, missing):
    """What the numbers depend on."""
    return {
        "date": datetime.date.today().isoformat(),
        "processor": _processor(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "fastgather": fastgather.show_config(mode="dict"),
        "threads": threads,
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "copy_bandwidth": bandwidth,
        "versions": versions,
        "missing": missing,
    }


def machine_line(about):
    threads = f"{about['threads']} thread{'s' * (about['threads'] > 1)}"
    return f"{about['processor']}, {about['system']}, {threads}"


def versions_line(versions, names):
    return ", ".join(f"{name} {versions[name]}" for name in names if name in versions)


def _processor():
    """The name of the CPU, and on x86 its family and model: virtual machines hide them in it."""
    try:
        first = Path("/proc/cpuinfo").read_text().partition("\n\n")[0]
        parts = (line.partition(":") for line in first.splitlines())
        fields = {name.strip(): value.strip() for name, _, value in parts}
        return "{model name} (family {cpu family}, model {model})".format_map(fields)
    except (OSError, KeyError):
        return platform.processor() or platform.machine()


def table(records, peers):
    """Ours, each peer's ratio, the fastest peer's, and the share of the limit."""
    grid = Table(title="time of each peer over ours: above 1, fastgather is faster")
    grid.add_column("work")
    grid.add_column("ours", justify="right")
    for name in peers:
        grid.add_column(name, justify="right")
    grid.add_column("fastest peer", justify="right")
    grid.add_column("of limit", justify="right")
    grid.add_column("with out=", justify="right")
    with_memory = any("memory" in record for record in records)
    if with_memory:
        grid.add_column("memory", justify="right")
    function = None
    for record in records:
        if record["function"] != function:
            grid.add_section()
            function = record["function"]
        row = _row(record, peers)
        if with_memory:
            row.append(f"{record['memory'] / 1e6:.1f} MB")
        grid.add_row(*row, style="bold red" if lost(record) else None)
    return grid


def _row(record, peers):
    ratios = record["ratios"]
    fastest = min(ratios.values(), default=None)
    return [
        record["name"],
        duration(record["fastgather"]),
        *[_ratio(ratios.get(name)) for name in peers],
        _ratio(fastest) + (" lost" if lost(record) else ""),
        _percent(record["share_of_limit"]),
        _percent(record.get("share_of_limit_with_out")),
    ]


def lost(record):
    return min(record["ratios"].values(), default=1) < 1


def duration(seconds):
    for unit, scale in (("s", 1), ("ms", 1e3), ("µs", 1e6)):
        if seconds * scale >= 1:
            return f"{seconds * scale:.3g} {unit}"
    return f"{seconds * 1e9:.0f} ns"


def _ratio(ratio):
    if ratio is None:
        return ""
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}"


def _percent(share):
    return "" if share is None else f"{share:.0%}"


def summary(records, peers, about):
    """Lines below the table."""
    for name in peers:
        ratios = [record["ratios"][name] for record in records if name in record["ratios"]]
        if ratios:
            mean = statistics.geometric_mean(ratios)
            yield f"{name}: geometric mean {mean:.2f} over {len(ratios)} cells"
    number = sum(map(lost, records))
    yield f"cells where a peer is faster: {number} of {len(records)}"
    for record in records:
        for name, reason in record["absent"].items():
            if reason == "differs":
                yield f"not timed, as its result differs: {name} in {record['name']}"
    yield f"limit: {about['copy_bandwidth'] / 1e9:.1f} GB/s, bytes read and written by a copy"
    yield f"machine: {machine_line(about)}"
    if about["load"] and about["load"] > BUSY:
        yield f"beware: {about['load']:.1f} other processes were running; the ratios are unreliable"
    yield f"versions: {versions_line(about['versions'], about['versions'])}"


def markdown(records, peers, about):
    """A table of the functions for a README: geometric means over the cells of each."""
    names = [name for name in peers if any(name in record["ratios"] for record in records)]
    yield f"| function | cells | {' | '.join(names)} | fastest peer | cells lost |"
    yield "| --- |" + " ---: |" * (len(names) + 3)
    functions = list(dict.fromkeys(record["function"] for record in records))
    for function in [*functions, None]:
        chosen = [record for record in records if function in (None, record["function"])]
        means = [_mean(record["ratios"].get(name) for record in chosen) for name in names]
        means.append(_mean(min(record["ratios"].values(), default=None) for record in chosen))
        cells = f"{len(chosen)} | {' | '.join(means)} | {sum(map(lost, chosen))}"
        yield f"| {f'`{function}`' if function else 'all'} | {cells} |"
    yield ""
    yield f"{machine_line(about)}; {versions_line(about['versions'], about['versions'])}."


def _mean(ratios):
    ratios = [ratio for ratio in ratios if ratio is not None]
    return _ratio(statistics.geometric_mean(ratios)) if ratios else ""


def write_json(path, measured):
    Path(path).write_text(json.dumps(measured, indent=1, default=_plain) + "\n")


def _plain(value):
    return value.item() if isinstance(value, np.generic) else str(value)
