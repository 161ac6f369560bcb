"""Every kernel at small sizes: the plan's choice is forced, the result must be the same bits."""

import itertools
import re

import numpy as np
import pytest
from calls import (
    NUMERIC,
    STRUCTURED,
    assert_same,
    backwards,
    dtypes_of,
    random_data,
    reduction_of,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from test_properties import KERNELS, assert_like, calls, shapes

pytestmark = pytest.mark.compiled


@pytest.fixture(scope="module", params=["offsets", "far", "nontemporal", "panel", "copy", "place"])
def engine(request):
    from fastgather import _core, _plan

    _plan.force(request.param)
    yield _core
    _plan.force(None)


@pytest.mark.parametrize("variant", KERNELS)
@settings(max_examples=settings.default.max_examples // 2)
@given(data=st.data())
def test_a_forced_kernel_gives_the_same_bits(engine, variant, data):
    from fastgather import _fallback

    dtypes = [dtype for dtype in NUMERIC if dtype in dtypes_of(variant)]
    if reduction_of(variant) is None:
        dtypes += [np.dtype("V3"), np.dtype("V12"), np.dtype("V24"), STRUCTURED]
    arguments = data.draw(calls(variant, shapes(range(1, 5), 40, 2000), dtypes))
    assert_like(_fallback, engine, variant, arguments, any_nan=False)


@pytest.mark.parametrize("index_dtype", [np.int64, np.int16, ">i8"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.complex128])
def test_a_panel_may_be_wider_than_a_tile(dtype, index_dtype):
    """Rows of a panel have up to 4096 bytes, a tile 1024 positions, however small an item is."""
    from fastgather import _core

    rng = np.random.default_rng(0)
    data = rng.integers(0, 100, (300, 5000)).astype(dtype)
    index = rng.integers(-300, 300, (300, 5000)).astype(index_dtype)
    expected = np.take_along_axis(data, index.astype(np.intp), 0)
    np.testing.assert_array_equal(_core.gather(data, 0, index), expected)
    put = data.copy()
    np.put_along_axis(put, index.astype(np.intp), expected, 0)
    np.testing.assert_array_equal(_core.scatter(data, 0, index, expected), put)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("mode", ["raise", "wrap"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.int64, np.complex128])
def test_lines_across_a_large_base_are_walked_in_a_transposed_panel(dtype, mode, order):
    """
    1000 columns are no whole number of panels; rows of 2048 share places in a cache. Lines of an
    index in Fortran's order lie across, too: one of 700 is walked in pieces.
    """
    from fastgather import _core

    rng = np.random.default_rng(0)
    for columns in (1000, 2048):
        data = rng.integers(0, 100, (700, columns)).astype(dtype).T
        before = data.copy()
        index = rng.permuted(np.tile(np.arange(-350, 350), (columns, 1)), axis=1)
        index = np.asarray(index, order=order)
        expected = np.ascontiguousarray(np.take_along_axis(data, index, 1))
        for threads in (1, 3):
            with _core.num_threads(threads):
                np.testing.assert_array_equal(_core.gather(data, 1, index, mode=mode), expected)
                put = np.zeros_like(data)
                _core.scatter(put, 1, index, expected, mode=mode, out=put)
                np.testing.assert_array_equal(put, data)
                _core.scatter_add(put, 1, index, expected, mode=mode, out=put)
                np.testing.assert_array_equal(put, (data + data).astype(dtype))
        np.testing.assert_array_equal(data, before)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.complex64, "V3"])
@pytest.mark.parametrize("length", [1, 2, 3, 4])
@pytest.mark.parametrize(
    ("mode", "index_dtype"), [("raise", "i4"), ("raise", ">i8"), ("drop", "i4")]
)
def test_short_lines_keep_their_order_side_by_side(length, dtype, mode, index_dtype):
    """Two duplicates in each line; more lines than a tile, and than two threads take at once."""
    from fastgather import _core, _fallback

    rng = np.random.default_rng(length)
    lines, size = 5003, 3
    data = rng.integers(0, 99, (lines, size)).astype(np.uint8).astype(dtype)
    source = rng.integers(0, 99, (lines, length)).astype(np.uint8).astype(dtype)
    reach = size if mode == "raise" else 2 * size
    index = rng.integers(-reach, reach, (lines, length)).astype(index_dtype)
    index[:, -1] = index[:, 0]
    names = ["scatter"] if dtype == "V3" else ["scatter", "scatter_add"]
    for threads in (1, 2, 7):
        with _core.num_threads(threads):
            np.testing.assert_array_equal(
                _core.gather(data, 1, index, mode=mode if mode == "raise" else "wrap"),
                np.take_along_axis(data, index % size, 1),
            )
            for name in names:
                expected = getattr(_fallback, name)(data, 1, index, source, mode=mode)
                out = data.copy()
                for result in (
                    getattr(_core, name)(data, 1, index, source, mode=mode),
                    getattr(_core, name)(out, 1, index, source, mode=mode, out=out),
                ):
                    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(
    ("rows", "columns", "length"),
    [
        (9000, 3, 6001),
        (70_000, 4, 6001),
        (160_000, 7, 6001),
        (150_000, 15, 6001),
        (9000, 3, 400_000),
    ],
)
def test_a_few_columns_of_many_rows(rows, columns, length, order):
    """
    The larger the base is, the more columns are walked one after the other, and not its rows. The
    last index has more than 8 MB.
    """
    from fastgather import _core, _fallback

    rng = np.random.default_rng(rows)
    data = rng.random((rows, columns))
    index = np.asarray(rng.integers(-rows, rows, (length, columns)), order=order)
    index[-5:] = index[:5]
    source = rng.random(index.shape)
    for threads in (1, 2, 7):
        with _core.num_threads(threads):
            out = np.empty(index.shape, order=order)
            np.testing.assert_array_equal(
                _core.gather(data, 0, index, out=out), _fallback.gather(data, 0, index)
            )
            for name in ("scatter", "scatter_add"):
                np.testing.assert_array_equal(
                    getattr(_core, name)(data, 0, index, source),
                    getattr(_fallback, name)(data, 0, index, source),
                )


@pytest.mark.parametrize("index_dtype", ["i8", "i2", ">i8"])
@pytest.mark.parametrize("length", [2, 10, 16, 40, 500])
def test_lines_lie_across_the_index(length, index_dtype):
    """By a kernel that reads the index itself, and by one that needs offsets."""
    from fastgather import _core, _fallback

    rng = np.random.default_rng(length)
    shape = 4001, length
    data, source = rng.integers(0, 99, (2, *shape)).astype(np.float32)
    index = np.asfortranarray(rng.integers(-length, length, shape).astype(index_dtype))
    for turned in (data, np.asfortranarray(data)):
        for threads in (1, 2, 7):
            with _core.num_threads(threads):
                np.testing.assert_array_equal(
                    _core.gather(turned, 1, index), _fallback.gather(data, 1, index)
                )
                for name in ("scatter", "scatter_add"):
                    out = turned.copy(order="K")
                    getattr(_core, name)(out, 1, index, source, out=out)
                    expected = getattr(_fallback, name)(data, 1, index, source)
                    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("across", ["index", "src", "both"])
@pytest.mark.parametrize("shape", [(512, 33), (515, 600), (1024, 17), (3, 4, 4096)])
@pytest.mark.parametrize("dtype", ["u1", "i2", "f4", "i8", "V3", "c8", "c16"])
def test_what_lies_across_the_lines_is_transposed(dtype, shape, across):
    """Lines of a power of two items share places in a cache, which is a case of its own."""
    from fastgather import _core, _fallback

    rng = np.random.default_rng(shape[-1])
    data, src = (random_data(rng, shape, np.dtype(dtype)) for _ in range(2))
    index = rng.integers(-shape[-1], shape[-1], shape)
    if across != "src":
        index = np.asfortranarray(index)
    if across != "index":
        src = np.asfortranarray(src)
    wrong = index.copy(order="K")
    wrong[..., -3:] = shape[-1]
    for threads in (1, 2, 7):
        with _core.num_threads(threads):
            for mode in ("raise", "wrap", "clip"):
                assert_same(
                    _core.gather(data, -1, index, mode=mode),
                    _fallback.gather(data, -1, index, mode=mode),
                )
            for name in ["scatter"] + ["scatter_add"] * (dtype != "V3"):
                expected = getattr(_fallback, name)(data, -1, index, src)
                assert_same(getattr(_core, name)(data, -1, index, src), expected)
                out = data.copy()
                assert_same(getattr(_core, name)(out, -1, index, src, out=out), expected)
                out = data.copy()
                with pytest.raises(IndexError, match=f"index {shape[-1]} at position"):
                    getattr(_core, name)(out, -1, wrong, src, out=out)
                assert_same(out, data)
            with pytest.raises(IndexError, match=f"index {shape[-1]} at position"):
                _core.gather(data, -1, wrong)


@pytest.mark.parametrize("components", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(128, 135), (5003, 3)])
def test_the_last_of_many_duplicates_stays_however_the_index_lies(shape, order, components):
    """Positions are walked in C order, though the rows of the index lie across it."""
    from fastgather import _core, _fallback

    rng = np.random.default_rng(components)
    data = rng.integers(0, 99, (7, *[2] * (components - 1), 5)).astype(np.float32)
    sizes = data.shape[:components]
    index = tuple(np.asarray(rng.integers(0, n, shape), order=order) for n in sizes)
    updates = rng.random((*shape, 5), np.float32)
    for order_of_data in ("C", "F"):
        array = np.asarray(data, order=order_of_data)
        for threads in (1, 2, 3, 7):
            with _core.num_threads(threads):
                for reduction in ("none", "add"):
                    expected = _fallback.scatter_nd(array, index, updates, reduction)
                    result = _core.scatter_nd(array, index, updates, reduction)
                    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 9, 17])
def test_few_columns_of_many_rows(count):
    """By rows that threads share, in pieces; of a source that is repeated, too: its stride is 0."""
    from fastgather import _core, _fallback

    rng = np.random.default_rng(count)
    data = rng.integers(0, 99, (20_011, 5)).astype(np.float32)
    column = np.broadcast_to(data[:1], data.shape)
    index = rng.integers(-5, 5, count)
    source = rng.integers(0, 99, (20_011, count)).astype(np.float32)
    for threads in (1, 2, 7):
        with _core.num_threads(threads):
            for array in (data, column, np.asfortranarray(data), data[::-1]):
                np.testing.assert_array_equal(
                    _core.index_select(array, 1, index), np.take(array, index, 1)
                )
            for name in ("index_copy", "index_add"):
                expected = getattr(_fallback, name)(data, 1, index, source)
                for order in ("C", "F"):
                    out = data.copy(order=order)
                    getattr(_core, name)(out, 1, index, source, out=out)
                    np.testing.assert_array_equal(out, expected)


def test_a_panel_has_rows(engine):
    """Of a dim of size 0 there is none to pack, and nothing to divide by."""
    empty, index = np.zeros((13, 1, 38))[:, :0], np.ones((13, 2, 38), np.uint16)
    result = engine.take_along_axis(empty, index, 1, mode="fill", fill_value=5)
    np.testing.assert_array_equal(result, np.full((13, 2, 38), 5.0))


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("rows", [9_000, 17_000, 140_000])
def test_bases_of_many_rows(rows, threads):
    """More than a panel in the second-level cache has lines for, and than one in the last."""
    from fastgather import _core, _fallback

    rng = np.random.default_rng(rows)
    data = rng.integers(0, 100, (rows, 70)).astype(np.float32)
    index = rng.integers(-rows, rows, (rows // 2, 70))
    source = rng.integers(0, 100, index.shape).astype(np.float32)
    for name in ("gather", "scatter", "scatter_add"):
        operands = (data, 0, index) if name == "gather" else (data, 0, index, source)
        with _core.num_threads(threads):
            result = getattr(_core, name)(*operands)
            assert_same(result, getattr(_fallback, name)(*operands))
            if name != "gather":
                in_place = data.copy()
                getattr(_core, name)(in_place, 0, index, source, out=in_place)
                assert_same(in_place, result)


@pytest.mark.parametrize("segments", [1, 2, 5, 300])
@pytest.mark.parametrize("threads", [1, 2, 3, 7])
@pytest.mark.parametrize("dtype", ["i8", "c16"])
def test_few_runs_are_shared_between_threads_by_columns(dtype, segments, threads):
    """Each from a start, of two parts if it is complex."""
    from fastgather import _core

    rng = np.random.default_rng(segments)
    data = rng.integers(0, 100, (1000, 2, 517)).transpose(1, 0, 2).astype(dtype)
    start = 1 + 2j if dtype == "c16" else 1
    cuts = np.sort(rng.choice(999, segments - 1, replace=False)) + 1
    lengths = np.diff(cuts, prepend=0, append=1000)
    expected = np.add.reduceat(data, [0, *cuts], axis=1)
    with _core.num_threads(threads):
        result = _core.segment_reduce(data, "sum", lengths=lengths, axis=1, initial=start)
    np.testing.assert_array_equal(result, start + expected)


def test_there_is_no_other_kernel_to_force():
    from fastgather import _plan

    with pytest.raises(KeyError):
        _plan.force("fastest")


@pytest.mark.parametrize("mode", ["raise", "wrap", "clip", "fill"])
@pytest.mark.parametrize("width", [1, 40, 3000])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128, "V12"])
def test_results_larger_than_the_caches_are_written_past_them(dtype, width, mode):
    """Single items, rows that are items and rows that are not; aligned results and others."""
    from fastgather import _core

    rng = np.random.default_rng(0)
    table = rng.integers(0, 255, (300, width * np.dtype(dtype).itemsize), np.uint8).view(dtype)
    rows = (50 << 20) // table[0].nbytes
    index = rng.integers(0, 300, rows)
    expected = table[index]
    fill = np.ones(1, dtype)[0]
    if mode == "fill":
        index[::7] = -1
        expected[::7] = fill
    result = _core.take(table, index, 0, mode=mode, fill_value=fill)
    assert result.tobytes() == expected.tobytes()
    memory = np.zeros(expected.nbytes + 4, np.uint8)
    out = memory[4:].view(dtype).reshape(expected.shape)
    _core.take(table, index, 0, out, mode, fill_value=fill)
    assert memory[4:].tobytes() == expected.tobytes()


@pytest.mark.parametrize("out", [False, True])
@pytest.mark.parametrize("dim", [0, 1, 2])
@pytest.mark.parametrize("share", [(1, 1, 1), (0.5, 1, 1), (1, 0.5, 1), (1, 1, 0.5)])
def test_a_large_destination_holds_the_input_where_nothing_is_written(share, dim, out):
    """Each unit copies its part of the input, or all is copied before if units leave any out."""
    from fastgather import _core

    rng = np.random.default_rng(0)
    shape = (6, 300, 500)
    data = rng.random(shape, np.float32)
    index_shape = tuple(int(size * part) for size, part in zip(shape, share, strict=True))
    index = rng.integers(0, shape[dim], index_shape)
    src = rng.random(index_shape, np.float32)
    for function, reduce in ((np.add, "sum"), (np.maximum, "amax")):
        expected = data.copy()
        places = list(np.indices(index_shape, sparse=True))
        places[dim] = index
        function.at(expected, tuple(places), src)
        given = np.full_like(data, np.nan) if out else None
        result = _core.scatter_reduce(data, dim, index, src, reduce, out=given)
        np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("src", ["array", "scalar"])
@pytest.mark.parametrize("out", [False, True])
@pytest.mark.parametrize("width", [3, 4])
def test_a_large_destination_holds_all_of_the_input_if_a_row_is_written_in_part(width, out, src):
    """Of which the copy is no multiple: the last elements were left out."""
    from fastgather import _core

    data = np.arange(400_004, dtype="f4").reshape(-1, 4)
    index = np.broadcast_to([[1], [5], [9]], (3, width))
    given = np.full_like(data, -1) if out else None
    value = 7.0 if src == "scalar" else np.full(index.shape, 7, "f4")
    expected = data.copy()
    expected[[1, 5, 9], :width] = 7
    np.testing.assert_array_equal(_core.scatter(data, 0, index, value, out=given), expected)


@pytest.mark.parametrize("reduce", ["sum", "prod", "max", "min", "mean"])
@pytest.mark.parametrize("nans", [0, 3])
@pytest.mark.parametrize(
    ("dtype", "width"), [("f4", 16), ("f4", 15), ("f4", 17), ("f4", 40), ("f8", 8), ("f8", 7)]
)
def test_rows_of_a_run_go_into_a_block_in_order(dtype, width, nans, reduce):
    """They stay in registers, up to a NaN, whose bits are settled with care."""
    from fastgather import _core, _fallback

    rng = np.random.default_rng(0)
    data = rng.normal(size=(1000, width)).astype(dtype)
    data[rng.integers(0, 1000, 20), rng.integers(0, width, 20)] = -0.0
    data[rng.integers(0, 1000, nans), rng.integers(0, width, nans)] = np.inf
    data[rng.integers(0, 1000, nans), rng.integers(0, width, nans)] = np.nan
    lengths = [1, 64, 65, 128, 200, 2, 540]
    result = _core.segment_reduce(data, reduce, lengths=lengths)
    assert result.tobytes() == _fallback.segment_reduce(data, reduce, lengths=lengths).tobytes()


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("odd", [None, np.nan, -np.nan, np.inf, -0.0])
@pytest.mark.parametrize("reduce", ["sum", "prod", "mean", "max", "min"])
@pytest.mark.parametrize("dtype", ["f4", "f8", "g", "F", "i2", "u8"])
def test_runs_of_single_items_give_the_bits_of_one_after_the_other(dtype, reduce, odd, axis):
    """Though they go side by side, or by blocks, wherever in a run a NaN or a zero is."""
    from fastgather import _core, _fallback

    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 200, 37)
    lengths[5:11] = [1, 32, 33, 64, 31, 100]
    data = (10 * rng.standard_normal((3, lengths.sum()))).astype(dtype)
    if odd is not None and data.dtype.kind in "fc":
        data[:, np.cumsum(lengths)[::2] - 1] = odd
        data[1, 100:2000:50] = odd
        data[2, 150:2000:50] = -odd
    data = data if axis else np.asfortranarray(data.T)
    expected = _fallback.segment_reduce(data, reduce, lengths=lengths, axis=axis)
    for threads in (1, 3):
        with _core.num_threads(threads):
            result = _core.segment_reduce(data, reduce, lengths=lengths, axis=axis)
        assert_same(result, expected)
    line = np.take(data, 0, 1 - axis)
    result = _core.segment_reduce(line, reduce, lengths=lengths)
    assert_same(result, np.take(expected, 0, 1 - axis))


@pytest.mark.parametrize("forced", [None, "place", "far"])
@pytest.mark.parametrize("threads", [1, 2, 7])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.complex128])
def test_few_columns_are_rows_and_duplicates_keep_their_order(dtype, threads, forced):
    """The last of several values stays and sums are rounded in order, in each of many rows."""
    from fastgather import _core, _fallback, _plan

    rng = np.random.default_rng(0)
    for columns in ([2, 0], [1, 3, 1], [0, 0, 4, 0]):
        index = np.array(columns)
        data = (rng.random((50_000, 5)) * 100).astype(dtype)
        src = (rng.random((50_000, index.size)) * 100).astype(dtype)
        wide = np.broadcast_to(index, src.shape)
        _plan.force(forced)
        try:
            with _core.num_threads(threads):
                results = [
                    _core.index_select(data, 1, index),
                    _core.scatter(data, 1, wide, src),
                    _core.index_add(data, 1, index, src),
                ]
        finally:
            _plan.force(None)
        expected = [data[:, index], data.copy(), _fallback.index_add(data, 1, index, src)]
        for k, column in enumerate(columns):
            expected[1][:, column] = src[:, k]
        for result, right in zip(results, expected, strict=True):
            assert result.tobytes() == right.tobytes()


@pytest.mark.parametrize("threads", [1, 2, 7])
@pytest.mark.parametrize("shape", [(6, 2, 960), (2, 7, 300), (1, 3, 2000), (3, 1, 129)])
@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
def test_rows_across_few_places_are_walked_in_pieces(dtype, shape, threads):
    """A piece lies across many lines of the base; duplicates keep their order in each."""
    from fastgather import _core, _fallback

    rng = np.random.default_rng(0)
    base = rng.random(shape[::-1]).astype(dtype).T
    index = rng.integers(-shape[1], shape[1], 3 * shape[1] + 5)
    source = rng.random((shape[0], index.size, shape[2])).astype(dtype)
    calls = [
        ("index_select",),
        ("index_copy", source),
        ("index_add", source),
        ("index_reduce", source, "prod"),
    ]
    with _core.num_threads(threads):
        for name, *more in calls:
            result, expected = (
                getattr(engine, name)(base, 1, index, *more) for engine in (_core, _fallback)
            )
            assert_same(result, expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
@pytest.mark.parametrize("operation", ["sum", "prod", "amax", "amin"])
@pytest.mark.parametrize("width", [1, 2, 3, 4, 5, 7, 8, 9, 16, 19, 37, 300])
def test_rows_give_the_bits_of_single_items(operation, width, dtype):
    """Vectors of 64 bytes and of 16, what is left of them, and a NaN in any of these."""
    from fastgather import _core

    rng = np.random.default_rng(width)
    data = rng.standard_normal((3, width)).astype(dtype)
    src = rng.standard_normal((40, width)).astype(dtype)
    if np.iscomplexobj(data):
        src.imag = rng.standard_normal(src.shape)
    for row in range(0, 40, 3):
        src[row, rng.integers(width)] = [np.nan, np.inf, -np.inf, -0.0][row % 4]
    data[0, -1] = np.nan
    index = rng.integers(0, 3, 40)
    rows = (
        _core.index_reduce(data, 0, index, src, operation, include_self=True)
        if operation != "sum"
        else (_core.index_add(data, 0, index, src))
    )
    items = np.empty_like(data)
    for column in range(width):
        line = np.ascontiguousarray(data[:, column])
        items[:, column] = _core.scatter_reduce(line, 0, index, src[:, column].copy(), operation)
    assert rows.tobytes() == items.tobytes()


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("axes", [(2, 1, 0), (0, 2, 1), (1, 0, 2), (1, 2, 0)])
@pytest.mark.parametrize("dim", [0, 1, 2])
def test_the_dims_of_a_large_base_lie_in_any_order(dim, axes, order):
    """Larger than what a cache keeps, where the loops follow them; duplicates stay in order."""
    from fastgather import _core, _fallback

    rng = np.random.default_rng(0)
    shape = (65, 70, 75)
    base = rng.random([shape[axis] for axis in axes]).transpose(np.argsort(axes))
    some = rng.integers(-shape[dim], shape[dim], 70, np.int32)
    slices = rng.random((*shape[:dim], 70, *shape[dim + 1 :]))
    index = rng.integers(-shape[dim], shape[dim], shape).astype(order=order, dtype="i8")
    src = rng.random(shape)
    for function, *arguments in [
        ("index_add", dim, some, slices),
        ("index_copy", dim, some, slices),
        ("index_fill", dim, some, 2.5),
        ("index_select", dim, some),
        ("gather", dim, index),
        ("scatter", dim, index, src),
        ("scatter_add", dim, index, src),
    ]:
        result, expected = (
            getattr(engine, function)(base, *arguments) for engine in (_core, _fallback)
        )
        assert_same(result, expected)


@pytest.mark.parametrize("count", [127, 128, 129, 384, 385, 1024, 1025])
@pytest.mark.parametrize("far", [False, True])
@pytest.mark.parametrize("function", ["gather", "scatter", "scatter_add"])
def test_few_items_and_one_more(function, far, count):
    """They take a short way, unless the base is so large that what they need is prefetched."""
    from fastgather import _core, _fallback

    rng = np.random.default_rng(0)
    base = rng.random(5_000_000 if far else 50_000, np.float32)
    source = [] if function == "gather" else [rng.random(count, np.float32)]
    for negative in [slice(None, None, 2), *range(count // 2, count // 2 + 4)]:
        index = rng.integers(0, len(base), count)
        index[negative] -= len(base)
        results = []
        for engine in (_core, _fallback):
            out = np.zeros(count, np.float32) if function == "gather" else base.copy()
            first = base if function == "gather" else out
            getattr(engine, function)(first, 0, index, *source, out=out)
            results.append(out)
        assert_same(*results)


@pytest.mark.parametrize("reduce", ["sum", "prod", "amax", "amin"])
@pytest.mark.parametrize("layout", ["line", "scalar", "reversed", "lines"])
@pytest.mark.parametrize("index_dtype", ["i4", "i8", "u2"])
@pytest.mark.parametrize("dtype", ["f4", "f8", "f2", "i4", "c8"])
def test_neighbours_that_lead_to_one_place(dtype, index_dtype, layout, reduce):
    """As in a sorted index: some many times, some once; special floats; one out of range."""
    from fastgather import _core, _fallback

    if reduce in ("amax", "amin") and dtype == "c8":
        dtype = "f4"
    rng = np.random.default_rng(0)
    index = np.repeat(rng.integers(0, 20, 44), [60, 1, 100, 20] * 11).astype(index_dtype)
    if index_dtype != "u2":
        index[:500] -= 20
    for odd in ((), ZEROS, SPECIAL):
        base, src = (numbers(rng, n, dtype, odd) for n in (20, index.size))
        where = index
        if layout == "scalar":
            src = src[0] + src.dtype.type(3)
        elif layout == "reversed":
            where, src = index[::-1], np.repeat(src, 2)[::-2]
        elif layout == "lines":
            base, where, src = (np.tile(array, (3, 1)) for array in (base, index, src))
        expected = _fallback.scatter_reduce(base, -1, where, src, reduce)
        for threads in (1, 3):
            with _core.num_threads(threads):
                assert_same(_core.scatter_reduce(base, -1, where, src, reduce), expected)
    outside = [20] if index_dtype == "u2" else [20, -21]
    for place, value in itertools.product((where.size // 2, where.size - 1), outside):
        wrong, held = np.array(where), base.copy()
        wrong.reshape(-1)[place:] = value
        position = tuple(map(int, np.unravel_index(place, wrong.shape)))
        for out in (None, held):
            with pytest.raises(
                IndexError, match=re.escape(f"index {value} at position {position}")
            ):
                _core.scatter_reduce(held, -1, wrong, src, reduce, out=out)
            assert_same(held, base)


@pytest.mark.parametrize("dim", [0, 1, 2, 3])
@pytest.mark.parametrize("function", ["gather", "scatter", "scatter_add"])
def test_few_items_of_many_dims(function, dim):
    from fastgather import _core, _fallback

    rng = np.random.default_rng(0)
    shape = (4, 5, 6, 8)
    base = rng.random(shape[::-1], np.float32).T
    index = rng.integers(-shape[dim], shape[dim], shape)
    source = [] if function == "gather" else [rng.random(shape, np.float32)]
    result, expected = (
        getattr(engine, function)(base, dim, index, *source) for engine in (_core, _fallback)
    )
    assert_same(result, expected)


def test_an_index_the_same_along_its_own_dim():
    """Its dim, along which the base stands still, is not one to walk innermost for that."""
    from fastgather import _core, _fallback

    rng = np.random.default_rng(0)
    labels = rng.integers(0, 8, (2, 150))
    base, src = rng.random((8, 2, 150)), rng.random((750, 2, 150))
    index = np.broadcast_to(labels, src.shape)
    result, expected = (engine.scatter_add(base, 0, index, src) for engine in (_core, _fallback))
    assert_same(result, expected)


@pytest.mark.parametrize("dtype", ["u1", "V3", "i2", "f4", "f8", "V12", "D", "V24"])
def test_a_value_along_rows(dtype):
    """Rows of many items, whole vectors or not, and what lies beside them."""
    from fastgather import _core

    rng = np.random.default_rng(0)
    for width in (1, 2, 7, 31, 64, 5000):
        data = rng.integers(0, 256, (6, width * np.dtype(dtype).itemsize), np.uint8).view(dtype)
        value = rng.integers(0, 256, np.dtype(dtype).itemsize, np.uint8).view(dtype)[0]
        right = data.copy()
        right[[4, 1]] = value
        assert _core.index_fill(data, 0, [4, -5], value).tobytes() == right.tobytes()


ROW_DTYPES = ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8", "g", "c8", "c16"]


def numbers(rng, shape, dtype, odd=()):
    """Small ones, and in floats, or the parts of complex numbers, some of `odd` among them."""
    array = rng.integers(-2, 3, shape).astype(dtype)
    if array.dtype.kind == "c":
        array.real = numbers(rng, shape, array.real.dtype, odd)
        array.imag = numbers(rng, shape, array.real.dtype, odd)
    elif array.dtype.kind == "f" and odd:
        where = rng.random(shape) < 0.05
        array[where] = rng.choice(np.array(odd, array.dtype), shape)[where]
    return array


ZEROS = (0.0, -0.0)
SPECIAL = (np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0)  # of which a sum makes NaN of other bits


@pytest.mark.parametrize("mode", ["raise", "wrap", "clip", "fill"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, "V3", np.float64, np.complex128, "V20"])
def test_rows_of_a_table_that_keeps_columns(mode, dtype):
    """
    Rows are packed, some columns at a time: 5, 25 and 260 are no whole number of lines of a cache,
    rows of 512 bytes share places in it, 20,000 rows have a panel in the last cache.
    """
    from fastgather import _core

    rng = np.random.default_rng(0)
    for rows, columns in ((3000, 25), (3000, 260), (2000, 512), (20_000, 5), (500_000, 1)):
        itemsize = np.dtype(dtype).itemsize
        data = rng.integers(0, 256, (columns, rows * itemsize), np.uint8).view(dtype).T
        reach = rows if mode == "raise" else 2 * rows
        index = rng.integers(-reach, reach, 2 * rows)
        where = {"wrap": index % rows, "clip": index.clip(0, rows - 1)}.get(mode, index)
        inside = (index >= 0) & (index < rows) if mode == "fill" else np.ones(index.shape, bool)
        expected = np.ascontiguousarray(data)[np.where(inside, where, 0)]
        expected[~inside] = data[7, 0]
        for threads in (1, 3):
            with _core.num_threads(threads):
                for table in (data, backwards(data.T).T):
                    got = _core.index_select(table, 0, index, mode=mode, fill_value=data[7, 0])
                    assert_same(got, expected)


@pytest.mark.parametrize("columns", [5, 40])
def test_tables_of_more_dims_and_of_none(columns):
    """A panel for each of the units; nothing to pack; what is dropped stays."""
    from fastgather import _core, _fallback

    rng = np.random.default_rng(0)
    data = rng.random((7, columns, 3000)).transpose(2, 0, 1)
    index = rng.integers(-3500, 3500, 6000)
    for threads in (1, 3):
        with _core.num_threads(threads):
            got = _core.take(data, index, 0, mode="wrap")
            assert_same(got, _fallback.take(data, index, 0, mode="wrap"))
            got = _core.take(data, index, 0, mode="drop", out=np.ones((6000, 7, columns)))
            expected = _fallback.take(data, index, 0, mode="drop", out=np.ones((6000, 7, columns)))
            assert_same(got, expected)
            got = _core.take(data[:0], index, 0, mode="fill", fill_value=5)
            assert (got == 5).all()
            with pytest.raises(IndexError, match="out of bounds for dim 0 with size 0"):
                _core.index_select(data[:0], 0, index)


@pytest.mark.parametrize("mode", ["raise", "wrap", "drop"])
@pytest.mark.parametrize("dtype", ["u1", "f4", "f8", "f2", "D", "V3"])
def test_rows_are_written_to_a_table_that_keeps_columns(mode, dtype):
    """Rows are packed and unpacked: of duplicates the last stays, and sums keep their order."""
    from fastgather import _core, _fallback

    rng = np.random.default_rng(0)
    for shape in ((3000, 25), (2000, 260), (20_000, 5), (2500, 7, 9)):
        base, rows = random_data(rng, shape[::-1], dtype).T, shape[0]
        reach = rows if mode == "raise" else 2 * rows
        index = rng.integers(-reach, reach, 2 * rows)
        source = random_data(rng, (2 * rows, *shape[1:]), dtype)
        calls = [("index_copy", ())]
        if base.dtype.kind != "V":
            calls += [("index_add", ()), ("index_reduce", ("amax",)), ("index_reduce", ("prod",))]
        for name, reduce in calls:
            expected = getattr(_fallback, name)(base, 0, index, source, *reduce, mode=mode)
            for threads in (1, 3):
                with _core.num_threads(threads):
                    got = getattr(_core, name)(base, 0, index, source, *reduce, mode=mode)
                    assert_same(got, expected, any_nan=True)
                    for table in (base.copy(order="F"), backwards(base.T).T):
                        got = getattr(_core, name)(
                            table, 0, index, source, *reduce, mode=mode, out=table
                        )
                        assert got is table
                        assert_same(got, expected, any_nan=True)


@pytest.mark.parametrize("mode", ["raise", "clip", "drop"])
@pytest.mark.parametrize("kernel", ["panel", None])
@pytest.mark.parametrize(
    ("sizes", "layout"),
    [
        ((40, 60), "FF"),
        ((1, 50, 48), "FF"),
        ((12, 10, 20), "FF"),
        ((40, 60), "F-"),  # of the two signs, no line
        ((40, 60), "gap"),
    ],
)
def test_pixels_of_a_volume_that_keeps_columns(sizes, layout, kernel, mode):
    """Several components lead along one line of places, whose rows lie across: they are packed."""
    from fastgather import _core, _fallback, _plan

    rng = np.random.default_rng(0)
    whole = random_data(rng, (37, *sizes[::-1]), "f4").T
    data = {"FF": whole, "F-": whole[:, ::-1], "gap": whole[1:]}[layout]
    count, reach = 5000, 1 if mode == "raise" else 2
    points = np.stack([rng.integers(-n, reach * n, count) for n in data.shape[:-1]], -1)
    updates = random_data(rng, (count, 37), "f4")
    expected = np.zeros(updates.shape, np.float32)
    _fallback.gather_nd(data, points, mode=mode, out=expected)
    written = [
        _fallback.scatter_nd(data, points, updates, reduction, mode=mode)
        for reduction in ("none", "add", "max")
    ]
    _plan.force(kernel)
    try:
        for threads in (1, 3):
            with _core.num_threads(threads):
                got = np.zeros(updates.shape, np.float32)
                assert_same(_core.gather_nd(data, points, mode=mode, out=got), expected)
                for reduction, result in zip(("none", "add", "max"), written, strict=True):
                    table = data.copy(order="K")
                    _core.scatter_nd(table, points, updates, reduction, mode=mode, out=table)
                    assert_same(table, result)
    finally:
        _plan.force(None)


@pytest.mark.parametrize("kernel", ["panel", None])
def test_a_point_out_of_range_leaves_a_volume_that_keeps_columns_as_it_was(kernel):
    from fastgather import _core, _plan

    rng = np.random.default_rng(0)
    data = random_data(rng, (37, 60, 40), "f4").T
    points = np.stack([rng.integers(0, n, 5000) for n in (40, 60)], -1)
    updates, before = random_data(rng, (5000, 37), "f4"), data.copy()
    message = r"index 60 at position \(4000, 1\) is out of bounds for dim 1 with size 60"
    points[4000, 1], points[4500, 0] = 60, -41
    _plan.force(kernel)
    try:
        for threads in (1, 3):
            with _core.num_threads(threads):
                with pytest.raises(IndexError, match=message):
                    _core.gather_nd(data, points)
                for reduction in ("none", "add"):
                    with pytest.raises(IndexError, match=message):
                        _core.scatter_nd(data, points, updates, reduction, out=data)
                    assert_same(data, before)
    finally:
        _plan.force(None)


@pytest.mark.parametrize("dtype", ["u1", "V3", "f4", "f8", "D", "V20"])
@pytest.mark.parametrize("sizes", [(0,), (0, 1), (1, 0), (0, 5), (5, 0), (0, 0), (1, 0, 3)])
def test_nothing_to_read_in_a_table_that_keeps_columns(sizes, dtype):
    """Of a dim of size 0 each place is out of range: the fill value, or what `out` holds."""
    from fastgather import _core

    whole = np.zeros((50, *[max(n, 2) for n in sizes[::-1]]), dtype).T
    cut = tuple(slice(n) for n in sizes)
    huge = np.lib.stride_tricks.as_strided(
        np.zeros(1, dtype), (*sizes, 50), [(1 << 58) - 1] * (len(sizes) + 1)
    )
    for table in (whole[cut], np.zeros((*sizes, 50), dtype), huge):
        points = np.zeros((400, len(sizes)), np.int64)
        held = np.full(400 * 50 * np.dtype(dtype).itemsize, 7, np.uint8).view(dtype)
        held = held.reshape(400, 50)
        for threads in (1, 3):
            with _core.num_threads(threads):
                got = _core.gather_nd(table, points, mode="fill")
                assert_same(got, np.zeros((400, 50), dtype))
                got = _core.gather_nd(table, points, mode="drop", out=held.copy())
                assert_same(got, held)
                if len(sizes) == 1:
                    got = _core.index_select(table, 0, points[:, 0], mode="fill")
                    assert_same(got, np.zeros((400, 50), dtype))


@pytest.mark.parametrize("dtype", ["u1", "f2", "f4", "f8", "D"])
@pytest.mark.parametrize("columns", [2, 3, 8, 9])
def test_narrow_tables_whose_lines_of_the_cache_threads_share(columns, dtype):
    from fastgather import _core, _fallback

    rng = np.random.default_rng(0)
    rows = 2_300_000 // (columns * np.dtype(dtype).itemsize)
    table = random_data(rng, (rows, columns), dtype)
    index = rng.integers(-rows, rows, (rows // 2, columns))
    src = random_data(rng, index.shape, dtype)
    calls = [
        ("scatter", (index, src)),
        ("scatter_add", (index, src)),
        ("scatter_reduce", (index, src, "amax")),
        ("index_add", (index[:, 0], src)),
    ]
    for name, arguments in calls:
        expected = getattr(_fallback, name)(table, 0, *arguments)
        for threads in (1, 2, 7):
            with _core.num_threads(threads):
                got = getattr(_core, name)(table[::-1][::-1], 0, *arguments)
                assert_same(got, expected, any_nan=True)


def test_a_base_is_copied_whole_where_the_index_lies_in_another_order():
    """
    A tile has the first dim and the last, for the second lies outermost in the memory of the index:
    units have 3 rows of the base between them, though the index is as long as the base has rows.
    """
    from fastgather import _core, _plan

    def second_outermost(dtype):
        array = np.empty((200, 1000, 8), dtype)[:, :3].transpose(1, 0, 2)
        array[...] = 1
        return array

    data = np.ones((200, 16, 8), np.float32)
    for kernel in ("panel", None):
        _plan.force(kernel)
        got = _core.scatter(data, 1, second_outermost(np.int64), second_outermost(np.float32))
        _plan.force(None)
        np.testing.assert_array_equal(got, data)


@pytest.mark.parametrize("orders", ["CC", "CF", "FC"])
@pytest.mark.parametrize("tail", [(2, 2), (3, 5), (5, 3), (12, 4), (3, 2, 2), (1, 2, 30)])
@pytest.mark.parametrize("length", [40, 3000])
def test_many_small_boxes(length, tail, orders):
    """A tile has a part of many boxes, then the next part of them."""
    from fastgather import _core, _fallback

    rng = np.random.default_rng(0)
    shape = (length, *tail)
    data, src = (np.asarray(rng.random(shape), order=orders[0]) for _ in range(2))
    for dim in range(-len(tail), 0):
        index = rng.integers(-shape[dim], shape[dim], shape).astype(rng.choice(["i8", "i4", "i1"]))
        index = np.asarray(index, order=orders[1])
        for threads in (1, 3):
            with _core.num_threads(threads):
                for mode in ("raise", "wrap"):
                    got = _core.gather(data, dim, index, mode=mode)
                    assert_same(got, _fallback.gather(data, dim, index))
                    got = _core.scatter(data, dim, index, src, mode=mode)
                    assert_same(got, _fallback.scatter(data, dim, index, src))
                    got = _core.scatter_add(data, dim, index, src, mode=mode)
                    assert_same(got, _fallback.scatter_add(data, dim, index, src))


@pytest.mark.parametrize("columns", [None, 1, 2, 3, 5, 30])
@pytest.mark.parametrize("dtype", ROW_DTYPES)
@pytest.mark.parametrize("name", ["max", "min", "sum", "prod", "mean"])
def test_runs_of_every_length(instruction_sets, name, dtype, columns):
    """
    By each instruction set: some empty, some longer than a block of vectors, the last up to the end
    of the memory; with and without what is special among floats; by lengths and by offsets.
    """
    from fastgather import _core, _fallback

    rng = np.random.default_rng(0)
    lengths = np.concatenate([np.arange(70), [0, 0, 200, 1, 0, 17, 3, 0]])
    offsets = np.cumsum([0, *lengths])
    shape = (lengths.sum(),) if columns is None else (lengths.sum(), columns)
    options = {}
    if name == "mean" and np.dtype(dtype).kind in "iu":
        with pytest.raises(ValueError, match="segment 0 is empty"):
            _core.segment_reduce(np.zeros(shape, dtype), name, offsets=offsets)
        options = {"initial": 3}
    for odd in ((), ZEROS, (np.nan, *ZEROS), SPECIAL):
        data = numbers(rng, shape, dtype, odd)
        expected = _fallback.segment_reduce(data, name, lengths=lengths, **options)
        for _ in instruction_sets():
            for threads in (1, 3):
                with _core.num_threads(threads):
                    by_lengths = _core.segment_reduce(data, name, lengths=lengths, **options)
                    assert_same(by_lengths, expected, any_nan=False)
                    by_offsets = _core.segment_reduce(data, name, offsets=offsets, **options)
                    assert_same(by_offsets, expected, any_nan=False)
        if np.dtype(dtype).kind in "iu":
            break


@pytest.mark.parametrize("initial", [None, 3, -0.0, np.nan])
@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "i4", "u8", "f4", "f8", "c8"])
@pytest.mark.parametrize("name", ["max", "min", "sum", "prod", "mean"])
def test_long_runs(instruction_sets, name, dtype, initial):
    """
    Folded by vectors where their order does not matter: from 2048 bytes on, and any rest. Sums go
    by fours, until less than that many are left, with empty runs and short ones among them.
    """
    from fastgather import _core, _fallback

    rng = np.random.default_rng(0)
    size = np.dtype(dtype).itemsize
    least, row = 2048 // size, 128 // size
    rest = np.unique([1, 2, row // 2, row - 1, row, row + 1])
    lengths = np.array(
        [least - 1, *(least + rest), 5 * least + 3, 1, 0, 40, 0, *(2 * least + rest)]
    )
    ends = np.cumsum(lengths)
    if np.dtype(dtype).kind in "iu":
        least, most = np.iinfo(dtype).min, np.iinfo(dtype).max
        variants = [rng.integers(least, most, ends[-1], dtype, endpoint=True)]
        options = {"initial": initial if initial in (None, 3) else most}
        if name == "mean" and initial is None:
            options = {"initial": least}
    else:
        data = (50 * rng.standard_normal(ends[-1])).astype(dtype)
        options = {"initial": initial}
        variants = [data, np.copysign(0, data.real).astype(dtype), data.copy(), data.copy()]
        variants[2][[*(ends[::2] - 1), *ends[:-1:3]]] = np.nan
        variants[3][ends[::3] - lengths[::3] // 2] = -np.nan
    for values in variants:
        for count in (1, 3, 6, lengths.size):
            some = (values[: ends[count - 1]], name)
            expected = _fallback.segment_reduce(*some, lengths=lengths[:count], **options)
            for _ in instruction_sets():
                for threads in (1, 3):
                    with _core.num_threads(threads):
                        result = _core.segment_reduce(*some, lengths=lengths[:count], **options)
                    assert_same(result, expected)


@pytest.mark.parametrize("dtype", ROW_DTYPES)
@pytest.mark.parametrize("name", ["amax", "amin", "sum", "prod"])
def test_rows_of_every_width(instruction_sets, name, dtype):
    """By each instruction set, alone and in runs, items beside each other and apart."""
    from fastgather import _core, _fallback

    rng = np.random.default_rng(0)
    index = rng.integers(-5, 5, 30)
    lengths = [0, 1, 2, 5, 22]
    run = {"amax": "max", "amin": "min"}.get(name, name)
    starts = {"i": (2, -3), "u": (2, 3), "f": (2.0, np.nan), "c": (1 + 2j, complex(np.nan, 2))}
    for width in (*range(1, 20), 31, 33, 64, 70, 130, 260, 515, 1500):
        for step in (1, 2):
            source = numbers(rng, (30, width * step), dtype, SPECIAL)[:, ::step]
            data = numbers(rng, (5, width), dtype, SPECIAL)
            rows = _fallback.index_reduce(data, 0, index, source, name)
            runs = _fallback.segment_reduce(source, run, lengths=lengths)
            start = starts[source.dtype.kind][width % 2]
            started = _fallback.segment_reduce(source, run, lengths=lengths, initial=start)
            for _ in instruction_sets():
                got = _core.index_reduce(data, 0, index, source, name)
                assert_same(got, rows, any_nan=False)
                got = _core.segment_reduce(source, run, lengths=lengths)
                assert_same(got, runs, any_nan=False)
                got = _core.segment_reduce(source, run, lengths=lengths, initial=start)
                assert_same(got, started, any_nan=False)


@pytest.mark.parametrize("dtype", ROW_DTYPES)
@pytest.mark.parametrize("name", ["amax", "amin", "sum", "prod"])
def test_a_row_into_one_item(name, dtype):
    """The index is the same along dim, or there is none."""
    from fastgather import _core, _fallback

    rng = np.random.default_rng(0)
    operation = {"amax": "max", "amin": "min", "sum": "add", "prod": "mul"}[name]
    for width in (1, 2, 3, 4, 5, 9, 30):
        data = numbers(rng, (20, 30), dtype, SPECIAL)
        source = numbers(rng, (20, width), dtype, SPECIAL)
        index = np.broadcast_to(rng.integers(0, 30, (20, 1)), source.shape)
        for src in (source, np.asfortranarray(source)):
            got = _core.scatter_reduce(data, 1, index, src, name)
            assert_same(got, _fallback.scatter_reduce(data, 1, index, src, name), any_nan=False)
            everywhere = np.empty((width, 0), int)
            got = _core.scatter_nd(data[:, 0], everywhere, src.T, operation)
            expected = _fallback.scatter_nd(data[:, 0], everywhere, src.T, operation)
            assert_same(got, expected, any_nan=False)


@pytest.mark.parametrize("width", [1, 3, 16])
@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_rows_are_reduced_by_copies_and_by_place(threads, width):
    """By few threads and many; NaN and zeros of both signs are in the base, too."""
    from fastgather import _core, _fallback

    rng = np.random.default_rng(width)
    places, count = 500, 9_000_000 // width
    index = rng.integers(-places, places, count)
    for dtype, names in ((np.float32, ("amax", "amin", "sum")), (np.int32, ("amax", "sum"))):
        source = rng.integers(-2, 3, (count, width)).astype(dtype)
        data = rng.integers(-2, 3, (places, width)).astype(dtype)
        if dtype is np.float32:
            source[::1000] = rng.choice([0.0, -0.0, 1.0], source[::1000].shape)
            source[5] = data[7] = np.nan
        for name in names:
            with _core.num_threads(threads):
                result = _core.index_reduce(data, 0, index, source, name)
            expected = _fallback.index_reduce(data, 0, index, source, name)
            assert_same(result, expected, any_nan=False)


@pytest.mark.parametrize("threads", [1, 3])
def test_one_value_is_written_in_any_order(threads):
    """By threads between each other, beside what the base had; nothing else moves."""
    from fastgather import _core

    rng = np.random.default_rng(0)
    data = rng.random((3, 800_000), np.float32)
    index = rng.integers(-800_000, 800_000, (3, 50_000))
    expected = data.copy()
    np.put_along_axis(expected, index, np.float32(-1), 1)
    with _core.num_threads(threads):
        np.testing.assert_array_equal(_core.scatter(data, 1, index, -1.0), expected)
        filled = _core.index_fill(data, 1, index[0], -1.0)
        out = data[:, ::-1].copy()[:, ::-1]
        _core.scatter(out, 1, index, -1.0, out=out)
    np.testing.assert_array_equal(out, expected)
    for row, before in zip(filled, data, strict=True):
        row[index[0]] = before[index[0]]
    np.testing.assert_array_equal(filled, data)


@pytest.mark.parametrize("threads", [1, 3, 4])
@pytest.mark.parametrize("reduction", ["none", "add", "max"])
def test_points_are_written_by_place(reduction, threads):
    """Points in C and in Fortran's order, of a base that lies backwards, each named many times."""
    from fastgather import _core, _fallback

    rng = np.random.default_rng(threads)
    data = rng.integers(0, 99, (40, 30)).astype(np.float32)[::-1, ::2]
    for order in "CF":
        points = np.asarray(rng.integers(0, (40, 15), (600_000, 2)) - (40, 0), order=order)
        updates = rng.integers(0, 99, len(points)).astype(np.float32)
        expected = _fallback.scatter_nd(data, points, updates, reduction)
        out = np.zeros((40, 30), np.float32)[::-1, ::2]
        out[...] = data
        with _core.num_threads(threads):
            assert_same(_core.scatter_nd(data, points, updates, reduction), expected)
            _core.scatter_nd(out, points, updates, reduction, out=out)
        assert_same(out, expected)


@pytest.mark.parametrize("index_dtype", [np.int64, np.int32, np.int16])
def test_all_index_values_may_lead_to_one_place(index_dtype):
    """A dim of stride 0, as of `newaxis` and `broadcast_to`, of an input with rows far apart."""
    from fastgather import _core

    column = np.arange(20_000 * 32, dtype=np.float32).reshape(20_000, 32)[:, :1]
    for size in (1, 5):
        data = np.broadcast_to(column, (20_000, size)) if size > 1 else column[:, 0][:, None]
        index = np.full((20_000, 1), size - 1, index_dtype)
        for threads in (1, 3):
            with _core.num_threads(threads):
                np.testing.assert_array_equal(_core.gather(data, 1, index), column)
                np.testing.assert_array_equal(_core.take_along_axis(data, index, 1), column)
                points = np.stack([np.arange(20_000), index[:, 0]], 1).astype(index_dtype)
                np.testing.assert_array_equal(_core.gather_nd(data, points), column[:, 0])
    data = column[:, 0][:, None].copy()[:, 0][:, None]
    out = np.zeros((20_000, 32), np.float32)[:, 0][:, None]
    _core.scatter(out, 1, np.zeros((20_000, 1), index_dtype), data, out=out)
    np.testing.assert_array_equal(out, data)
    _core.scatter_add(out, 1, np.zeros((20_000, 1), index_dtype), data, out=out)
    np.testing.assert_array_equal(out, 2 * data)


@pytest.mark.parametrize("index_dtype", ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"])
def test_every_value_is_checked_before_the_first_write(instruction_sets, index_dtype):
    """By each instruction set, wherever the bad one lies, along and across lines of any length."""
    from fastgather import _core

    size = 100
    limits = np.iinfo(index_dtype)
    edges = [v for v in (-size - 1, size, limits.min, limits.max) if limits.min <= v <= limits.max]
    bad = [v for v in edges if not -size <= v < size]
    good = [v for v in (-size, -1, 0, size - 1) if v >= limits.min]
    for _ in instruction_sets():
        for length in (1, 7, 33, 64, 100, 257, 300):
            for step in (1, 3):
                index = np.resize(np.array(good, index_dtype), length * step)[::step]
                destination = np.zeros(size, "u1")
                _core.put_along_axis(destination, index, 1, 0)
                assert destination[index.astype(np.intp)].all()
                for place in {0, length // 2, length - 1}:
                    for value in bad:
                        broken = np.repeat(index, step)[::step]
                        broken[place] = value
                        destination[:] = 0
                        with pytest.raises(IndexError, match=rf"{value} at position \({place},\)"):
                            _core.put_along_axis(destination, broken, 1, 0)
                        assert not destination.any()


@pytest.mark.parametrize("forced", [None, "far"])
def test_slices_of_every_length(instruction_sets, forced):
    """By each instruction set, beside each other and apart, with some that are left out."""
    from fastgather import _core, _plan

    rng = np.random.default_rng(0)
    for _ in instruction_sets():
        _plan.force(forced)
        for length in (*range(1, 70), *range(90, 300, 7), 192, 193, 256, 257, 1000):
            data = rng.integers(0, 256, (40, length + 5), "u1")[:, : length + 5 * (length % 2)]
            index = rng.integers(-5, 45, 60)
            inside = (index >= 0) & (index < 40)
            expected = np.full((60, data.shape[1]), 7, "u1")
            expected[inside] = data[index[inside]]
            read = _core.index_select(data, 0, index, mode="fill", fill_value=7)
            np.testing.assert_array_equal(read, expected)
            written = data.copy()
            for place, row in zip(index[inside], expected[inside] + 1, strict=True):
                written[place] = row
            put = _core.index_copy(data, 0, index, expected + 1, mode="drop")
            np.testing.assert_array_equal(put, written)
        _plan.force(None)
