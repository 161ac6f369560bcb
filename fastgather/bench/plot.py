"""Time per element against size: how the sweep's cells are made, and the picture."""

import math
import os
from collections.abc import Callable
from typing import NamedTuple

from fastgather.bench.cells import Cell

BESIDE = ("NumPy", "PyTorch")
COLORS = {"fastgather": "#c1121f", "NumPy": "#4d77cf", "PyTorch": "#ee9b00"}
MARKERS = {"fastgather": "o", "NumPy": "s", "PyTorch": "^"}
ITEM = 4  # bytes of float32
SMALLEST, LARGEST = 2**7, 2**30  # bytes of the result
MEMORY_PER_RESULT = 16  # arrays of a cell, for ours and the peers, over its result
PATIENCE = 1.5  # seconds of a call after which a peer's line ends
UNITS = ["B", "KB", "MB", "GB"]


def _line(n):
    return n // math.gcd(n, 1024), math.gcd(n, 1024)


def _square(n):
    rows = 2 ** (int(math.log2(n)) // 2)
    return rows, n // rows


def _rows(n):
    return n // math.gcd(n, 64), math.gcd(n, 64)


class Panel(NamedTuple):
    """One function of the picture, and how a number of elements of the result makes a cell."""

    function: str
    title: str
    arrays: Callable  # from the number of elements: the cell's shape, dim and index
    reduce: str | None = None


PANELS = [
    Panel("gather", "last dim, lines up to 1024", lambda n: (_line(n), 1, _line(n))),
    Panel("gather", "first dim, square", lambda n: (_square(n), 0, _square(n))),
    Panel("take", "one dim", lambda n: ((n,), 0, (n,))),
    Panel("index_select", "rows of 64", lambda n: (_rows(n), 0, _rows(n)[:1])),
    Panel("scatter_add", "last dim, lines up to 1024", lambda n: (_line(n), 1, _line(n))),
    Panel("scatter_add", "first dim, square", lambda n: (_square(n), 0, _square(n))),
    Panel("scatter_reduce", "amax, last dim", lambda n: (_line(n), 1, _line(n)), "amax"),
    Panel("segment_reduce", "sum, runs of 16", lambda n: ((16 * n,), 0, (n,)), "sum"),
]


def panels(functions):
    """The panels of these functions."""
    return [panel for panel in PANELS if panel.function in functions]


def sweep(panel):
    """The cells of a panel, from the smallest size to the largest."""
    return [_cell(panel, size) for size in sizes() if size * _inputs(panel) <= LARGEST]


def _cell(panel, size):
    work = f"{panel.title}, result of {_bytes(size)}"
    return Cell(panel.function, work, *panel.arrays(size // ITEM), reduce=panel.reduce)


def _inputs(panel):
    """How many times as large as its result a panel's input is."""
    return math.prod(panel.arrays(SMALLEST)[0]) // SMALLEST


def sizes():
    """Bytes: powers of two, between them sizes that are none, up to what the memory allows."""
    largest = LARGEST
    if hasattr(os, "sysconf"):
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        largest = min(LARGEST, memory // MEMORY_PER_RESULT)
    exponents = range(int(math.log2(SMALLEST)), int(math.log2(largest)) + 1)
    return [2**e if e % 2 or 2**e == LARGEST else 3 * 2 ** (e - 1) for e in exponents]


def draw(path, swept, machine):
    """
    Write the picture.

    Parameters
    ----------
    path : str
        A PNG file.
    swept : list of (Panel, list of dict)
        The panels with the records of their cells.
    machine : str
        What the title says of the machine.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = min(4, len(swept))
    rows = math.ceil(len(swept) / columns)
    figure = Figure((max(8, 4.2 * columns), 3.6 * rows + 1.5), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for number, axes in enumerate(grid.flat):
        if number < len(swept):
            _draw_panel(axes, *swept[number])
        else:
            axes.set_axis_off()
    _label(figure, grid, machine)
    figure.savefig(path, format="png")


def _draw_panel(axes, panel, records):
    for name in COLORS:
        points = [
            (record["result_bytes"], record["fastgather"] * record["ratios"].get(name, 1))
            for record in records
            if name == "fastgather" or name in record["ratios"]
        ]
        if points:
            size, seconds = zip(*points, strict=True)
            elements = [count / ITEM for count in size]
            per_element = [1e9 * t / n for t, n in zip(seconds, elements, strict=True)]
            axes.loglog(
                size, per_element, marker=MARKERS[name], markersize=4, color=COLORS[name],
                linewidth=2.5 if name == "fastgather" else 1.5, label=name,
            )  # fmt: skip
    axes.set_title(f"{panel.function}\n{panel.title}", fontsize=11)
    axes.grid(color="0.9")


def _label(figure, grid, machine):
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    for axes in grid.flat:
        axes.xaxis.set_major_locator(FixedLocator([10**e for e in range(2, 10)]))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda size, _: _bytes(size)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.tick_params(axis="x", rotation=45)
    figure.supxlabel(
        f"size of the result (float32, int64 index); a peer's line ends at a call of {PATIENCE} s"
    )
    figure.supylabel("nanoseconds per element of the result")
    grid.flat[0].legend()
    title = f"Time per element against size: lower is faster\n{machine}"
    figure.suptitle(title, x=0.01, ha="left", fontsize=12)


def _bytes(size):
    """A size with the unit that makes it readable: 100 B, 1 KB, 1.5 MB."""
    power = min(len(UNITS) - 1, int(math.log10(size)) // 3)
    return f"{size / 1000**power:.3g} {UNITS[power]}"
