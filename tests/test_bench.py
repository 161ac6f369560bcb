"""`python -m fastgather bench`: its cells, its peers' spellings, its timing and what it prints."""

import json
import math
import time
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import fastgather
from fastgather import __main__ as command_line
from fastgather import bench
from fastgather.bench import compare, memory, peers, plot, report, timing, with_numpy
from fastgather.bench.cells import CELLS, OPERANDS, Cell, ours, prepare

NOT_THERE = peers.Peer("Nobody", "nobody", ("no_such_module",), "nobody")
NUMPY = peers.PEERS[0]
ROWS = Cell("index_select", "rows", (1000, 16), 0, (500,))


def small(cell):
    """The cell with at most 16 elements along each dim."""
    shape, index = (tuple(min(size, 16) for size in sizes) for sizes in (cell.shape, cell.index))
    return cell._replace(shape=shape, index=(5,) if cell.function == "segment_reduce" else index)


@pytest.fixture
def quick(monkeypatch):
    """Peers, sizes and sample lengths that make the command end at once."""
    monkeypatch.setattr(peers, "PEERS", [NUMPY, NOT_THERE])
    monkeypatch.setattr(plot, "LARGEST", 2**10)
    monkeypatch.setattr(timing, "COPY", 2**20)
    monkeypatch.setattr(timing, "SAMPLE", 1e-5)
    monkeypatch.setattr(timing, "REST", 0)


def refused(capsys, *arguments):
    """The one line on stderr of a command that ends with status 2."""
    with pytest.raises(SystemExit) as ended:
        command_line.main(["bench", *map(str, arguments)])
    assert ended.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    return printed.err


def test_cells_cover_what_the_comparison_promises():
    names = [cell.name for cell in CELLS]
    assert len(set(names)) == len(names) >= 45
    assert {cell.function for cell in CELLS} == set(OPERANDS)
    data_functions = {name for name in fastgather.__all__ if "thread" not in name}
    assert set(OPERANDS) == data_functions - {"backend", "show_config"}
    positions = {
        (cell.dim == 0, cell.dim in (-1, len(cell.shape) - 1))
        for cell in CELLS
        if len(cell.shape) > 1 and cell.dim is not None
    }
    assert positions == {(True, False), (False, True), (False, False)}
    assert {np.dtype(cell.dtype).itemsize for cell in CELLS} == {1, 2, 4, 8, 16}
    assert {cell.index_dtype for cell in CELLS} == {"int32", "int64"}
    assert {cell.layout for cell in CELLS} == {"contiguous", "transposed", "strided", "reversed"}
    assert {cell.index_layout for cell in CELLS} == {"contiguous", "transposed", "broadcast"}
    assert {cell.mode for cell in CELLS} == {"raise", "wrap", "clip", "fill"}
    sizes = [math.prod(cell.shape) * np.dtype(cell.dtype).itemsize for cell in CELLS]
    assert min(sizes) < 100
    assert max(sizes) == 512 * 2**20


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
def test_numpy_spellings_do_the_same_work(cell):
    work = prepare(small(cell))
    result = np.array(ours(work)())
    assert result.shape == compare_shape(work)
    spellings = with_numpy.SPELLINGS[cell.function]
    calls = [call for spelling in spellings if (call := spelling(work))]
    assert calls, "NumPy can do every cell"
    for call in calls:
        assert compare.same(work, call(), result)


def compare_shape(work):
    """The shape that the result of a cell must have."""
    cell = work.cell
    if "src" in OPERANDS[cell.function]:
        return cell.shape
    if cell.function == "segment_reduce":
        return (*cell.index, *cell.shape[1:])
    if cell.function == "gather_nd":
        return cell.index[:-1] + cell.shape[cell.index[-1] :]
    if cell.function in ("take", "index_select"):
        return (*cell.shape[: cell.dim], *cell.index, *cell.shape[cell.dim + 1 :])
    return cell.index


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
def test_arrays_lie_as_the_cell_says(cell):
    work = prepare(small(cell))
    assert work.input.shape == small(cell).shape
    assert work.input.dtype == cell.dtype
    assert work.input.flags.c_contiguous == (cell.layout == "contiguous")
    if work.index is not None:
        assert work.index.shape == small(cell).index
        assert work.index.dtype == cell.index_dtype
        assert (0 in work.index.strides) == (cell.index_layout == "broadcast")


def test_a_call_in_place_leaves_the_arrays_for_the_next():
    cell = Cell("scatter_add", "x", (4,), 0, (4,), in_place=True)
    work = prepare(cell)
    before = work.input.copy()
    ours(work)()
    with_numpy.ufunc_at(work)()
    np.testing.assert_array_equal(work.input, before)


def test_peers_that_cannot_or_differ_are_absent(quick):
    def right(work):
        return lambda: work.input[work.index]

    def wrong(work):
        return lambda: work.input[work.index] + 1

    def refusing(work):
        raise NotImplementedError("not for float32\nand more")

    def leaving(work):
        return None

    peer = SimpleNamespace(
        SPELLINGS={"index_select": (right, wrong, refusing, leaving)}, to_numpy=lambda array: array
    )
    record = compare.compare(ROWS, {"Peer": peer, "Other": SimpleNamespace(SPELLINGS={})}, 1e9, 3)
    assert record["absent"] == {
        "Peer wrong": "differs",
        "Peer refusing": "NotImplementedError: not for float32",
    }
    assert list(record["seconds"]) == ["Peer right"]
    assert list(record["ratios"]) == ["Peer"]
    assert record["ratios"]["Peer"] == record["seconds"]["Peer right"] / record["fastgather"]


def test_moves_must_agree_bit_for_bit_and_sums_nearly():
    moved = SimpleNamespace(function="take", reduce=None)
    summed = SimpleNamespace(function="index_add", reduce=None)
    one, near = np.ones(3, np.float32), np.full(3, 1.00001, np.float32)
    assert compare.same(moved, one.copy(), one)
    assert not compare.same(moved, near, one)
    assert not compare.same(moved, one.astype(np.float64), one)
    assert compare.same(summed, near, one)
    assert not compare.same(summed, one + 1, one)
    assert not compare.same(summed, np.ones(1, np.float32), one)


def test_turns_give_the_time_of_one_call():
    seconds = timing.take_turns(
        {"fast": lambda: time.sleep(0.001), "slow": lambda: time.sleep(0.01)}, rounds=2
    )
    assert 0.001 <= seconds["fast"] < seconds["slow"]
    assert seconds["slow"] >= 0.01


def test_hopeless_calls_and_second_spellings_are_timed_less(monkeypatch):
    monkeypatch.setattr(timing, "SHORT", 0)
    samples = {"ours": [1], "a x": [2], "a y": [4], "b x": [3, 9], "b y": [3.5], "c x": [5]}
    assert list(timing._worth_timing(samples)) == ["ours", "a x", "b x", "b y"]


def test_copy_bandwidth_is_positive_on_any_threads(quick):
    assert timing.copy_bandwidth(1) > 0
    assert timing.copy_bandwidth(3) > 0


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        # every line of 64 bytes is touched by a permutation; index 8, result 4
        (Cell("gather", "", (64, 64), 1, (64, 64), values="permutation"), 64 * 64 * (8 + 4 + 4)),
        # half of the rows of 64 bytes
        (
            Cell("index_select", "", (100, 16), 0, (50,), values="permutation"),
            50 * 8 + 2 * 50 * 64,
        ),
        # one index a row, kept as a broadcast array
        (
            Cell("gather", "", (2, 10, 16), 1, (2, 5, 16))._replace(
                values="permutation", index_layout="broadcast"
            ),
            2 * 5 * 8 + 2 * 2 * 5 * 64,
        ),
        # the input is copied, the source is read
        (Cell("scatter", "", (64, 64), 1, (64, 64)), 64 * 64 * (8 + 4 + 4 + 4)),
        (Cell("segment_reduce", "", (100,), 0, (10,), reduce="sum"), 100 * 4 + 10 * 8 + 10 * 4),
    ],
    ids=lambda value: getattr(value, "function", ""),
)
def test_bytes_to_move(cell, expected):
    work = prepare(cell)
    assert timing.bytes_to_move(work, ours(work)()) == expected


def test_in_place_moves_what_it_touches_twice():
    cell = Cell("index_copy", "", (100, 16), 0, (50,), values="permutation", in_place=True)
    work = prepare(cell)
    assert timing.bytes_to_move(work, work.input) == 50 * (8 + 64 + 2 * 64)


def test_random_reads_leave_lines_out():
    work = prepare(Cell("gather", "", (2**16,), 0, (2**12,)))
    lines = np.unique(work.index // 16).size
    touched = timing.bytes_to_move(work, work.input[work.index]) - 2**12 * (8 + 4)
    assert touched == pytest.approx(64 * lines, rel=0.05)


def test_the_command_prints_a_table_and_writes_everything(quick, capsys, tmp_path):
    path = tmp_path / "bench.json"
    before = fastgather.get_num_threads()
    arguments = ["bench", "--only", "TINY", "--quick", "--threads", "1", "--json", str(path)]
    assert command_line.main(arguments) == 0
    assert fastgather.get_num_threads() == before
    printed = capsys.readouterr().out
    cells = [cell for cell in CELLS if "tiny" in cell.name]
    assert f"time 1/{len(cells)} {cells[0].name}\n" in printed
    assert "not installed, so not compared with: Nobody\n" in printed
    assert f"NumPy {np.__version__}" in printed
    assert f"over {len(cells)} cells\n" in printed
    assert "1 thread\n" in printed
    written = json.loads(path.read_text())
    assert [record["name"] for record in written["cells"]] == [cell.name for cell in cells]
    assert written["sweep"] == []
    assert written["machine"]["missing"] == ["Nobody"]
    assert written["machine"]["threads"] == 1
    for record in written["cells"]:
        assert record["fastgather"] > 0
        assert record["ratios"]["NumPy"] > 0


def test_the_command_draws(quick, capsys, tmp_path):
    path = tmp_path / "sizes.png"
    arguments = ["bench", "--only", "take: tiny", "--repeat", "1", "--plot", str(path)]
    assert command_line.main(arguments) == 0
    assert f"picture: {path}\n" in capsys.readouterr().out
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    assert min(pixels.shape[:2]) > 300
    for color in plot.COLORS["fastgather"], plot.COLORS["NumPy"]:
        wanted = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
        assert (pixels == wanted).all(2).sum() > 50


def test_the_sweep_goes_up_and_lies_on_both_sides_of_powers_of_two():
    sizes = plot.sizes()
    assert sizes == sorted(sizes)
    assert sizes[0] == 128
    assert {(size & (size - 1)) == 0 for size in sizes} == {True, False}
    for panel in plot.PANELS:
        cells = plot.sweep(panel)
        assert len({cell.name for cell in cells}) == len(cells)
        results = [math.prod(compare_shape(SimpleNamespace(cell=cell))) for cell in cells]
        assert [4 * result for result in results] == sizes[: len(cells)]


def test_lost_cells_are_marked(capsys):
    record = {"function": "take", "name": "take: x", "fastgather": 2e-3, "share_of_limit": 0.5}
    rows = [{**record, "ratios": {"NumPy": ratio}, "absent": {}} for ratio in (0.5, 25)]
    report.console().print(report.table(rows, ["NumPy", "JAX"]))
    printed = capsys.readouterr().out
    assert "0.50 lost" in printed
    assert printed.count("lost") == 1
    assert "2 ms" in printed
    assert "50%" in printed
    about = {"copy_bandwidth": 1e10, "processor": "p", "system": "s", "threads": 2, "versions": {}}
    about["load"] = 1.5
    lines = list(report.summary(rows, ["NumPy", "JAX"], about))
    assert "NumPy: geometric mean 3.54 over 2 cells" in lines
    assert "cells where a peer is faster: 1 of 2" in lines
    assert any(line.startswith("beware: 1.5 other processes") for line in lines)


def test_markdown_has_a_row_for_each_function(quick, tmp_path):
    path = tmp_path / "table.md"
    arguments = ["bench", "--only", "tiny", "--repeat", "1", "--markdown", str(path)]
    assert command_line.main(arguments) == 0
    header, rule, *rows, blank, machine = path.read_text().splitlines()
    assert header == "| function | cells | NumPy | fastest peer | cells lost |"
    assert header.count("|") == rule.count("|") == rows[0].count("|")
    tiny = [cell.function for cell in CELLS if "tiny" in cell.name]
    assert [row.split(" | ")[0] for row in rows[:-1]] == [f"| `{n}`" for n in dict.fromkeys(tiny)]
    assert rows[-1].startswith(f"| all | {len(tiny)} | ")
    assert blank == ""
    assert np.__version__ in machine


def test_markdown_gives_geometric_means():
    about = {"processor": "p", "system": "s", "threads": 2, "versions": {"NumPy": "1"}}
    rows = [{"function": "take", "ratios": {"NumPy": ratio}} for ratio in (0.5, 8)]
    table = list(report.markdown(rows, ["NumPy", "JAX"], about))
    assert "| `take` | 2 | 2.00 | 2.00 | 1 |" in table
    assert table[-1] == "p, s, 2 threads; NumPy 1."


@pytest.mark.parametrize(
    ("seconds", "text"), [(2.5, "2.5 s"), (0.012, "12 ms"), (3.21e-6, "3.21 µs"), (2e-7, "200 ns")]
)
def test_duration(seconds, text):
    assert report.duration(seconds) == text


@pytest.mark.compiled
@pytest.mark.skipif(not memory.supported(), reason="the peak of memory is read from /proc")
def test_peak_of_memory_is_without_the_result():
    cell = Cell("gather", "", (2**21,), 0, (2**21,), values="sorted")
    (peak,) = memory.peaks([cell], threads=1)
    assert 0 <= peak < 2e6


def test_what_cannot_be_done_is_refused(capsys, monkeypatch, tmp_path):
    assert "'no such cell'" in refused(capsys, "--only", "no such cell")
    assert "'gather_nd'" in refused(capsys, "--only", "gather_nd", "--plot", "x.png")
    assert "no such folder" in refused(capsys, "--json", tmp_path / "absent" / "x.json")
    monkeypatch.setattr(memory, "supported", lambda: False)
    assert "/proc" in refused(capsys, "--memory")
    monkeypatch.setattr(bench, "NEEDS", ("matplotlib", "no_such_rich"))
    assert 'needs no_such_rich: python -m pip install "fastgather[bench]"' in refused(capsys)


@pytest.mark.parametrize("number", ["0", "-1", "x", "1.5"])
def test_numbers_are_checked(capsys, number):
    with pytest.raises(SystemExit) as ended:
        command_line.main(["bench", "--threads", number])
    assert ended.value.code == 2
    assert "a whole number from 1 on is needed" in capsys.readouterr().err
