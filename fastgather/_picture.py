"""The picture of a gather, in matplotlib: index, input and result as grids of cells."""

import colorsys
from functools import partial
from itertools import pairwise

import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from fastgather import explain

CELL = 0.55  # inches; the lengths below are in cells
SIDE, GAP = 1.2, 2.2  # left and right of the arrays, and between them
HEAD, FOOT = 2.4, 1.6  # for the words above and below
TITLE = 1.9  # above each array, or to its left, for its name and shape
SLICE = 1.5  # above each slice but the first, for its labels
NARROWEST = 14  # that the formula fits into
INK, GREY, MARK = "#222222", "#777777", "#c1121f"
GROUND = {"facecolor": "white", "edgecolor": "none", "pad": 1}  # of labels that an arrow may cross


def picture(input, dim, index, out):
    """The figure; the arguments are those of a gather that works, and its result."""
    arrays = {"index": index, "input": input, "out": out}
    places = index.astype(np.int64)
    places[places < 0] += input.shape[dim]
    corners, width, height = _layout({name: array.shape for name, array in arrays.items()})
    figure = Figure((CELL * width, CELL * height), facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    for name, array in arrays.items():
        _title(axes, name, array.shape, corners[name])
        _labels(axes, name, array.shape, dim, corners[name])
        for position in np.ndindex(array.shape):
            place = position[dim] if name == "input" else int(places[position])
            color = _color(place, dim, position, input.shape)
            _cell(axes, corners[name](position), color, _short(array[position]))
    _words(axes, input.ndim, dim, width)
    if index.size:
        position, source = _moved(dim, places)
        stops = [("index", position), ("input", source), ("out", position)]
        stops = [corners[name](place) for name, place in stops]
        _path(axes, stops, input.ndim == 1, _three(position)[1] == 0)
        text = explain.trace(input, dim, index, position)
        size = min(11, 110 * CELL * width / len(text))  # as wide as the picture at most
        _write(axes, width / 2, height - FOOT / 2, text, size=size, color=MARK, family="monospace")
    return figure


def save(figure, path):
    """Write a PNG or SVG; the same figure gives the same bytes."""
    with rc_context({"svg.hashsalt": "fastgather", "svg.fonttype": "none"}):
        metadata = {"Creator": None, "Date": None} if path.suffix.lower() == ".svg" else {}
        figure.savefig(path, dpi=100, metadata=metadata)


def _layout(shapes):
    """
    For each array where the cell of a position has its upper left corner; width and height.

    The arrays stand side by side, those of one dim one below another. So do slices of dim 0,
    and those of one number stand in line.
    """
    slices, rows, columns = (max(n) for n in zip(*map(_grid, shapes.values()), strict=True))
    stacked = len(shapes["input"]) == 1
    x, y = (SIDE + 2 * TITLE, HEAD + 0.5) if stacked else (SIDE, HEAD + TITLE)
    corners = {}
    for name, shape in shapes.items():
        corners[name] = partial(_corner, x, y, rows + SLICE)
        x, y = (x, y + 1 + GAP) if stacked else (x + _grid(shape)[2] + GAP, y)
    if stacked:
        right, bottom = x + columns, y - GAP
    else:
        right, bottom = x - GAP, y + slices * (rows + SLICE) - SLICE
    return corners, max(NARROWEST, right + SIDE), bottom + FOOT


def _corner(x, y, step, position):
    slice_, row, column = _three(position)
    return x + column, y + slice_ * step + row


def _three(items, missing=0):
    """Slice, row and column of 1 to 3 items."""
    return (*[missing] * (3 - len(items)), *items)


def _grid(shape):
    """The numbers of slices, rows and columns."""
    return _three(shape, missing=1)


def _color(place, dim, position, shape):
    """A hue for the place along `dim`, a shade for the line."""
    line = [0 if d == dim else i for d, i in enumerate(position)]
    lines = [1 if d == dim else n for d, n in enumerate(shape)]
    shade = np.ravel_multi_index(line, lines) / max(1, np.prod(lines) - 1)
    return colorsys.hls_to_rgb((0.57 + place / shape[dim]) % 1, 0.72 + 0.18 * shade, 0.75)


def _write(axes, x, y, text, **style):
    style = {"ha": "center", "va": "center", "color": INK} | style
    axes.text(x, y, text, parse_math=False, **style)


def _short(value):
    """Up to 8 characters that stand for a value."""
    if isinstance(value, float | np.floating):
        text = f"{value:.3g}".replace("e+0", "e").replace("e-0", "e-")
    else:
        text = explain.as_text(value)
    return text if len(text) <= 8 else text[:7] + "\N{HORIZONTAL ELLIPSIS}"


def _cell(axes, corner, color, text):
    axes.add_patch(Rectangle(corner, 1, 1, facecolor=color, edgecolor="white", linewidth=1.5))
    x, y = corner
    _write(axes, x + 0.5, y + 0.5, text, size=min(12, 56 / max(1, len(text))))


def _title(axes, name, shape, corner):
    x, y = corner((0, 0, 0))
    if len(shape) == 1:
        x, y = x - 2 * TITLE, y + 2
    _write(axes, x, y - 1.75, name, size=14, weight="bold", ha="left")
    _write(axes, x, y - 1.2, f"shape {shape}", size=9, color=GREY, ha="left")


def _labels(axes, name, shape, dim, corner):
    """The letters of the formula with their numbers; what the index names is marked."""
    letters = _three(explain.LETTERS[: len(shape)], missing=None)
    marked = dim + 3 - len(shape) if name == "input" else None
    styles = [
        {"color": MARK if d == marked else GREY, "size": 8.5, "bbox": GROUND} for d in range(3)
    ]
    slices, rows, columns = _grid(shape)
    side, align = (-0.12, "right") if name == "index" else (columns + 0.12, "left")
    for number in range(slices):
        x, y = corner((number, 0, 0))
        for column in range(columns):
            _write(axes, x + column + 0.5, y - 0.2, f"{letters[2]}={column}", **styles[2])
        for row in range(rows if letters[1] else 0):
            _write(axes, x + side, y + row + 0.5, f"{letters[1]}={row}", ha=align, **styles[1])
        if letters[0]:
            text = f"{letters[0]}={number}"
            _write(axes, x + side, y - 0.2, text, ha=align, weight="bold", **styles[0])


def _words(axes, ndim, dim, width):
    _write(axes, width / 2, 0.8, explain.formula(ndim, dim), size=15, family="monospace")
    text = f"gather along dim {dim}: index says which {explain.LETTERS[dim]} of input to read"
    _write(axes, width / 2, 1.6, text, size=10.5, color=MARK)


def _moved(dim, places):
    """The first position whose element comes from another place along `dim`, and its source."""
    moved = places != np.indices(places.shape)[dim]
    position = tuple(map(int, np.unravel_index(np.argmax(moved), moved.shape)))
    return position, (*position[:dim], int(places[position]), *position[dim + 1 :])


def _path(axes, stops, stacked, on_top):
    """
    Mark cells, and draw arrows from each to the next that run along no row of numbers.

    `on_top` says whether there is no other row above the cells, but their labels.
    """
    lift = 0.4 if on_top else 0
    for corner in stops:
        axes.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor=MARK, linewidth=2.5))
    for start, end in pairwise(stops):
        leave, enter, bend = (1, 0.5), (0, 0.5), 0
        if stacked:
            leave, enter = (0.5, 1), (0.5, -lift)
        elif start[1] == end[1]:
            leave, enter, bend = (0.5, -lift), (0.5, -lift), -0.8 / (end[0] - start[0])
        axes.add_patch(
            FancyArrowPatch(
                np.add(start, leave), np.add(end, enter), connectionstyle=f"arc3,rad={bend}",
                arrowstyle="-|>", mutation_scale=16, color=MARK, linewidth=1.8, alpha=0.7,
                shrinkA=0, shrinkB=0,
            )
        )  # fmt: skip
