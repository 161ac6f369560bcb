"""What the contract promises for all functions: a group of tests for each paragraph of "Rules
common to all of them", in its order. Sums, products and the like are in test_reductions.py."""

import array
import collections
import contextlib
import sys
import textwrap
import tracemalloc

import ml_dtypes
import numpy as np
import oracle
import pytest
from calls import (
    COMBINING,
    DTYPES,
    INDEX_DTYPES,
    LARGE,
    LAYOUTS,
    MOVES,
    PLAIN_LAYOUTS,
    READS,
    SEGMENTS,
    VARIANTS,
    WRITES,
    assert_same,
    bits,
    data_of,
    function_of,
    index_of,
    is_put,
    on_arrays,
    parts,
    plain_call,
    random_data,
    read_only,
    run,
    sharing_memory,
    source_of,
)
from conftest import printed_by

NUMPY_NAMES = ["take", "take_along_axis", "put_along_axis"]
WITH_MODE = [*READS, *WRITES]
each_variant = pytest.mark.parametrize("variant", VARIANTS)
each_read = pytest.mark.parametrize("variant", READS)
each_write = pytest.mark.parametrize("variant", WRITES)
with_mode = pytest.mark.parametrize("variant", WITH_MODE)
with_out = pytest.mark.parametrize(
    "variant", [variant for variant in WITH_MODE if variant != "put_along_axis"]
)


def call_of(variant, **options):
    """A small call, the same every time; see `plain_call` for the options."""
    return plain_call(variant, np.random.default_rng(0), **options)


def result_of(fg, variant, arguments):
    """The result on private copies of the arguments."""
    return run(fg, variant, on_arrays(arguments, np.copy))


def in_place(variant, arguments):
    """The arguments with the data copied and given as `out` too."""
    data = arguments[data_of(variant)].copy(order="K")
    return arguments | {data_of(variant): data} | ({} if is_put(variant) else {"out": data})


# Inputs


class Convertible:
    """What numpy.asarray takes by its protocol."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return self.array if dtype is None else self.array.astype(dtype)


@each_variant
@pytest.mark.parametrize(
    "convert",
    [np.ndarray.tolist, memoryview, Convertible, read_only],
    ids=["list", "memoryview", "__array__", "read-only"],
)
def test_anything_that_asarray_takes(fg, variant, convert):
    arguments = call_of(variant, dtype="i8")
    expected = result_of(fg, variant, arguments)
    converted = on_arrays(arguments, convert)
    if is_put(variant):
        converted["arr"] = arguments["arr"]
    assert_same(run(fg, variant, converted), expected)


def test_standard_library_containers(fg):
    assert fg.take(array.array("d", [1.5, 2.5]), range(1)).tolist() == [1.5]
    assert fg.gather(range(5, 9), 0, array.array("b", [-1, 0])).tolist() == [8, 5]


def array_arguments():
    return [
        pytest.param(variant, name, id=f"{variant}-{name}")
        for variant in VARIANTS
        for name, value in call_of(variant).items()
        if isinstance(value, np.ndarray)
    ]


@pytest.mark.parametrize(("variant", "name"), array_arguments())
def test_masked_array_is_refused(fg, variant, name):
    arguments = call_of(variant)
    arguments[name] = np.ma.MaskedArray(arguments[name])
    with pytest.raises(TypeError, match="MaskedArray"):
        run(fg, variant, arguments)


@with_out
def test_masked_out_is_refused(fg, variant):
    arguments = call_of(variant)
    out = np.ma.MaskedArray(np.zeros_like(result_of(fg, variant, arguments)))
    with pytest.raises(TypeError, match="MaskedArray"):
        run(fg, variant, arguments | {"out": out})


def test_other_masked_arguments_are_refused(fg):
    x, index, masked = np.zeros(3), np.array([0]), np.ma.MaskedArray(1.0)
    calls = [
        lambda: fg.gather(x, 0, index, mode="fill", fill_value=masked),
        lambda: fg.index_add(x, 0, index, np.ones(1), alpha=masked),
        lambda: fg.gather_nd(x, (np.ma.MaskedArray([0]),)),
        lambda: fg.scatter_nd(x, (np.ma.MaskedArray([0]),), 1.0),
        lambda: fg.segment_reduce(x, "sum", offsets=np.ma.MaskedArray([0, 3])),
        lambda: fg.segment_reduce(x, "sum", lengths=[3], initial=masked),
    ]
    for call in calls:
        with pytest.raises(TypeError, match="MaskedArray"):
            call()


@each_variant
def test_subclass_gives_a_plain_array(fg, variant):
    arguments = call_of(variant)
    expected = result_of(fg, variant, arguments)
    views = on_arrays(arguments, lambda value: value.view(np.recarray))
    if is_put(variant):
        views["arr"] = arguments["arr"]
    assert_same(run(fg, variant, views), expected)


@pytest.mark.parametrize(
    "dtype",
    ["?", "f2", "f4", "f8", "F", "D", ml_dtypes.bfloat16, "M8[s]", "V3", "V12", "V16", "V24"],
    ids=str,
)
@pytest.mark.parametrize("variant", MOVES)
def test_moves_keep_every_bit(fg, variant, dtype):
    """Also of NaN payloads, signalling NaN, and of what is no valid bool."""
    arguments = call_of(variant, shape=(7, 8), dim=0, length=5)
    raw = on_arrays(arguments, lambda value: random_bits(value.shape, dtype))
    raw[index_of(variant)] = arguments[index_of(variant)]
    expected = run(oracle, variant, raw)
    assert_same(result_of(fg, variant, raw), expected)


def random_bits(shape, dtype):
    count = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return np.frombuffer(bytearray(np.random.default_rng(1).bytes(count)), dtype).reshape(shape)


@pytest.mark.parametrize("dtype", ["V0", []], ids=["V0", "no fields"])
@pytest.mark.parametrize("variant", MOVES)
def test_items_of_no_bytes(fg, variant, dtype):
    arguments = call_of(variant)
    index = arguments[index_of(variant)]
    empty = on_arrays(arguments, lambda array: np.zeros(array.shape, dtype))
    empty[index_of(variant)] = index
    assert_same(run(fg, variant, empty), np.zeros(run(oracle, variant, arguments).shape, dtype))
    with pytest.raises(IndexError, match="index 9 at position"):
        run(fg, variant, empty | {index_of(variant): np.full_like(index, 9)})


@pytest.mark.parametrize("variant", MOVES)
@pytest.mark.parametrize("with_out", [False, True])
def test_references_are_counted(fg, variant, with_out):
    arguments = call_of(variant, shape=(4, 3, 5), length=3)
    objects = [object() for _ in range(6)]
    chosen = np.random.default_rng(0)
    for name, value in arguments.items():
        if isinstance(value, np.ndarray) and name != index_of(variant):
            filling = [objects[i] for i in chosen.integers(0, 6, value.size)]
            arguments[name] = np.array(filling, object).reshape(value.shape)
    if with_out and not is_put(variant):
        arguments["out"] = np.full(run(oracle, variant, arguments).shape, objects[0], object)
    replaced = arguments.get("arr" if is_put(variant) else "out", np.empty(0, object)).copy()

    before = reference_counts(objects)
    result = run(fg, variant, arguments)
    change = np.subtract(reference_counts(objects), before)
    held, freed = collections.Counter(result.flat), collections.Counter(replaced.flat)
    assert change.tolist() == [held[value] - freed[value] for value in objects]


def reference_counts(objects):
    return [sys.getrefcount(value) for value in objects]


def test_strings_outlive_their_source(fg):
    """StringDType keeps long strings outside the array."""
    source = np.array(["x" * n for n in (0, 5, 20, 300)], np.dtypes.StringDType())
    result = fg.gather(source, 0, np.array([3, 2, 1, 0, -1]))
    source[...] = "overwritten, and quite long at that"
    del source
    assert list(map(len, result)) == [300, 20, 5, 0, 300]
    assert set("".join(result)) == {"x"}


def test_missing_strings(fg):
    dtype = np.dtypes.StringDType(na_object=None)
    result = fg.take(np.array(["a", None], dtype), [1, 0, 1])
    assert result.dtype == dtype
    assert result.tolist() == [None, "a", None]


@each_variant
def test_byte_order_of_data_is_kept(fg, variant):
    arguments = call_of(variant, dtype="f4")
    expected = run(oracle, variant, arguments).astype(">f4")
    swapped = on_arrays(arguments, lambda array: array.astype(array.dtype.newbyteorder(">")))
    assert_same(run(fg, variant, swapped), expected, any_nan=True)


# Memory layout


@each_variant
def test_memory_mapped_file(fg, variant, tmp_path):
    arguments = call_of(variant)
    expected = result_of(fg, variant, arguments)

    def mapped(value):
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.npy"
        np.save(path, value)
        return np.load(path, mmap_mode="r+" if is_put(variant) else "r") if value.ndim else value

    result = run(fg, variant, on_arrays(arguments, mapped))
    assert_same(np.asarray(result), expected)


def peak_memory(function, *args, **kwargs):
    """The most that NumPy and Python held at one time during the call, beyond what was there."""
    function(*args, **kwargs)  # what only a first call allocates
    tracemalloc.start()
    try:
        function(*args, **kwargs)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


LARGE_SHAPE = (100, 100, 100)
FREE = 500_000  # bytes that a call with a small index may use: a quarter of large int16 data


@each_read
def test_read_copies_no_input_for_its_layout(fg, variant):
    arguments = call_of(variant, dtype="i2", shape=LARGE_SHAPE, length=1)
    few_lines(variant, arguments)
    for layout in LAYOUTS.values():
        data = layout(arguments[data_of(variant)])
        peak = peak_memory(run, fg, variant, arguments | {data_of(variant): data})
        assert peak < FREE


@pytest.mark.parametrize("mode", ["raise", "clip", "wrap"])
@each_read
def test_read_into_out_copies_no_input_for_its_layout(fg, variant, mode):
    arguments = call_of(variant, dtype="i2", shape=LARGE_SHAPE, length=1)
    few_lines(variant, arguments)
    out = np.array(run(fg, variant, arguments))
    for layout in PLAIN_LAYOUTS.values():
        data = layout(arguments[data_of(variant)])
        changed = {data_of(variant): data, "out": out, "mode": mode}
        assert peak_memory(run, fg, variant, arguments | changed) < FREE


def test_read_of_long_rows_into_out_needs_no_room_for_them(fg):
    data = np.ones((8, 16, 20_000), np.float32)
    rows = np.broadcast_to(np.arange(8)[:, None], (8, 8, 20_000))
    points = np.stack([np.arange(8), np.arange(8)], 1)
    for read, *where in ((fg.gather, 1, rows), (fg.gather_nd, points), (fg.index_select, 1, [3])):
        out = read(data, *where)
        assert peak_memory(read, data, *where, out=out) < FREE


def test_read_into_out_moves_what_lies_between_fields(fg):
    padded = np.dtype([("a", "u1"), ("b", "u4")], align=True)
    data = np.arange(16 * padded.itemsize, dtype=np.uint8).view(padded)
    expected = data.view("V8")[[2, 1]].tobytes()
    index = np.array([2, 1])
    for read, *arguments in (
        (fg.take, data, index),
        (fg.gather, data[None], 1, index[None]),
        (fg.gather_nd, data.reshape(4, 4), ([0, 0], index)),
    ):
        out = np.zeros_like(read(*arguments))
        assert read(*arguments, out=out).tobytes() == expected


@pytest.mark.parametrize("dtype", ["i2", "f2"])
def test_mean_of_a_part_widens_no_more_than_it(fg, dtype):
    data = np.ones(1_000_000, dtype)
    assert peak_memory(fg.segment_reduce, data, "mean", offsets=[0, 10]) < FREE


@pytest.mark.parametrize("layout", PLAIN_LAYOUTS.values(), ids=PLAIN_LAYOUTS)
@pytest.mark.parametrize("variant", [v for v in WRITES if "mean" not in v])
def test_write_in_place_copies_nothing(fg, variant, layout):
    arguments = call_of(variant, dtype="i2", shape=LARGE_SHAPE, length=1)
    few_lines(variant, arguments)
    data = layout(arguments[data_of(variant)])
    arguments |= {data_of(variant): data} | ({} if is_put(variant) else {"out": data})
    peak = peak_memory(run, fg, variant, arguments)
    assert peak < FREE


GATHER_LIKE = ("gather", "scatter", "scatter_add", "scatter_reduce")


def few_lines(variant, arguments):
    """Shortens the index, and what goes with it, to a part of the lines."""
    if function_of(variant) in GATHER_LIKE:
        arguments["index"] = arguments["index"][:5]
    elif function_of(variant).endswith("_nd"):
        arguments["indices"] = arguments["indices"][:20]
        if "updates" in arguments:
            arguments["updates"] = arguments["updates"][:20]


@pytest.mark.parametrize("layout", PLAIN_LAYOUTS.values(), ids=PLAIN_LAYOUTS)
def test_flat_axis_copies_no_input(fg, layout):
    x, indices = layout(np.zeros(LARGE_SHAPE, "i2")), np.arange(5)
    peaks = [
        peak_memory(fg.take, x, indices),
        peak_memory(fg.take_along_axis, x, indices, None),
        peak_memory(fg.put_along_axis, x, indices, 1, None),
    ]
    assert max(peaks) < FREE


@pytest.mark.parametrize("variant", ["scatter", "scatter_add", "scatter_reduce-amax"])
def test_src_larger_than_index_is_not_copied(fg, variant):
    arguments = call_of(variant, dtype="i2", shape=(10, 10, 10))
    arguments |= {"src": np.ones(LARGE_SHAPE, "i2").transpose(2, 0, 1), "out": arguments["input"]}
    peak = peak_memory(run, fg, variant, arguments)
    assert peak < FREE


# Index


@pytest.mark.compiled
@pytest.mark.parametrize(
    "variant",
    [
        variant
        for variant in WITH_MODE
        if variant not in ("take", "put_along_axis")
        if not variant.startswith("index_") and "mean" not in variant
    ],
)
def test_index_is_not_widened(fg, variant):
    """But by NumPy's own fancy indexing, and so by the Python engine."""
    arguments = call_of(variant, dtype="i1", shape=(100, 100), length=1_000)
    arguments["out"] = run(fg, variant, arguments)
    index = arguments[index_of(variant)] % 100
    for dtype in INDEX_DTYPES:
        arguments[index_of(variant)] = index.astype(dtype)
        peak = peak_memory(run, fg, variant, arguments)
        assert peak < index.nbytes // 4


@pytest.mark.parametrize("variant", [v for v in VARIANTS if v not in NUMPY_NAMES])
def test_index_that_holds_no_integers(fg, variant):
    arguments = call_of(variant)
    for dtype in ("?", "f4", "f8", "D", "O", "U1", "M8[s]", "m8[s]"):
        index = np.zeros(arguments[index_of(variant)].shape, dtype)
        with pytest.raises(TypeError, match="integer"):
            run(fg, variant, arguments | {index_of(variant): index})


@pytest.mark.parametrize("variant", [v for v in WITH_MODE if function_of(v).endswith("_nd")])
def test_index_in_a_tuple_that_holds_no_integers(fg, variant):
    arguments = call_of(variant)
    for wrong in (np.zeros(4), np.zeros(4, bool)):
        arguments["indices"] = (np.zeros(4, int), wrong)
        with pytest.raises(TypeError, match="integer"):
            run(fg, variant, arguments)


@with_mode
def test_negative_index_counts_from_the_end(fg, variant):
    arguments = call_of(variant)
    index = arguments[index_of(variant)]
    sizes = np.array(arguments[data_of(variant)].shape)
    sizes = sizes[: index.shape[-1]] if function_of(variant).endswith("_nd") else sizes[1]
    negative, positive = index % sizes - sizes, index % sizes
    results = [
        result_of(fg, variant, arguments | {index_of(variant): i}) for i in (negative, positive)
    ]
    assert_same(*results)


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "u8", ">u8"])
@with_mode
def test_unsigned_index_is_never_negative(fg, variant, dtype):
    """Its largest value would be -1 in a signed dtype of the width, and in range."""
    arguments = call_of(variant, shape=(7, 7, 7), length=1)
    largest = int(np.iinfo(dtype).max)
    index = with_last(np.zeros(arguments[index_of(variant)].shape, dtype), largest)
    with pytest.raises(IndexError, match=f"index {largest} at position"):
        result_of(fg, variant, arguments | {index_of(variant): index})
    for mode in ("wrap", "clip", "fill" if variant in READS else "drop"):
        arguments |= {"mode": mode, index_of(variant): index}
        assert_same(
            result_of(fg, variant, arguments), run(oracle, variant, arguments), any_nan=True
        )


def with_last(index, value):
    """A copy of `index` whose last element in C order is `value`."""
    index = index.copy()
    index.reshape(-1)[-1] = value
    return index


def with_32_bits(monkeypatch):
    """Has the Python engine hold indices as it does where addresses have 32 bits."""
    from fastgather import _arguments

    monkeypatch.setattr(_arguments, "INTP", np.dtype(np.int32))
    monkeypatch.setattr(_arguments, "UINTP", np.dtype(np.uint32))
    monkeypatch.setattr(_arguments, "FIT_INTP", frozenset("bBhHi"))
    monkeypatch.setattr(_arguments, "LARGEST_INTP", 2**31 - 1)


@pytest.mark.parametrize("dtype", ["i8", "u8", ">i8"])
@with_mode
def test_index_wider_than_intp(variant, dtype, monkeypatch):
    """2**32 is not 0 there."""
    from fastgather import _fallback

    with_32_bits(monkeypatch)
    arguments = call_of(variant, shape=(7, 7, 7), length=1)
    index = (arguments[index_of(variant)] % 7).astype(dtype)
    for last in (6, 2**32, 2**32 + 3, 2**63 - 1, *([] if dtype == "u8" else [-(2**32), -(2**63)])):
        arguments[index_of(variant)] = with_last(index, last)
        for mode in ("wrap", "clip", "fill" if variant in READS else "drop"):
            call = arguments | {"mode": mode}
            assert_same(
                result_of(_fallback, variant, call), run(oracle, variant, call), any_nan=True
            )
        if last == 6:
            result = result_of(_fallback, variant, arguments)
            assert_same(result, run(oracle, variant, arguments), any_nan=True)
            continue
        with pytest.raises(IndexError, match=f"index {last} at position"):
            result_of(_fallback, variant, arguments)


@pytest.mark.parametrize(
    ("dtype", "size"), [("i1", 300), ("i2", 70_000), ("u1", 300), ("u2", 70_000)]
)
@pytest.mark.parametrize("mode", ["raise", "wrap", "clip", "fill"])
def test_dim_longer_than_the_index_dtype_counts(fg, dtype, size, mode):
    limits = np.iinfo(dtype)
    index = np.unique([limits.min, limits.min // 2, 0, 1, limits.max]).astype(dtype)
    expected = oracle.gather(np.arange(size), 0, index, mode=mode, fill_value=-7)
    assert_same(fg.gather(np.arange(size), 0, index, mode=mode, fill_value=-7), expected)
    if mode != "fill":
        expected = oracle.scatter_add(np.zeros(size), 0, index, np.ones(len(index)), mode=mode)
        assert_same(fg.scatter_add(np.zeros(size), 0, index, 1.0, mode=mode), expected)


@pytest.mark.parametrize("size", [1, 7, 256])
@pytest.mark.parametrize("mode", ["wrap", "clip", "fill", "drop"])
def test_extreme_index(fg, size, mode):
    """Each alone and beside others: of 64 bits, and those that wrap round once or just more."""
    ends = (-(2**63), -2 * size, -size, 0, size, 2 * size, 2**63 - 1 - size)
    values = np.unique([end + step for end in ends for step in (0, 1, size - 1, size)])
    data = np.arange(size)
    for index in (values, *np.array_split(values, len(values))):
        zeros, ones = np.zeros(size, int), np.ones(len(index), int)
        if mode != "drop":
            expected = oracle.gather(data, 0, index, mode=mode, fill_value=-1)
            assert_same(fg.gather(data, 0, index, mode=mode, fill_value=-1), expected)
        if mode != "fill":
            expected = oracle.scatter_add(zeros, 0, index, ones, mode=mode)
            assert_same(fg.scatter_add(zeros, 0, index, ones, mode=mode), expected)


GATHER_AND_SCATTER = [v for v in VARIANTS if function_of(v) in GATHER_LIKE]


@pytest.mark.parametrize("variant", GATHER_AND_SCATTER)
def test_index_of_another_rank(fg, variant):
    arguments = call_of(variant)
    for index in (np.array(0), np.zeros((2, 2), int), np.zeros((1, 2, 2, 2), int)):
        with pytest.raises(ValueError, match="rank"):
            run(fg, variant, arguments | {"index": index})
    with pytest.raises(ValueError, match="rank"):
        run(fg, variant, arguments | {"input": np.array(1.0), "dim": 0, "index": np.zeros(1, int)})


@pytest.mark.parametrize("variant", GATHER_AND_SCATTER)
def test_index_longer_than_input_in_another_dim(fg, variant):
    arguments = call_of(variant)
    for shape in ((3, 2, 4), (2, 2, 5), (3, 0, 4)):
        arguments["index"] = np.zeros(shape, int)
        if "src" in arguments:
            arguments["src"] = np.zeros(shape)
        with pytest.raises(ValueError, match=r"\(2, 3, 4\)"):
            run(fg, variant, arguments)


@pytest.mark.parametrize("variant", [v for v in VARIANTS if v.startswith("index_")])
def test_slice_index_is_1d(fg, variant):
    arguments = call_of(variant)
    for index in (np.array(0), np.zeros((1, 1), int)):
        with pytest.raises(ValueError, match="1-D"):
            run(fg, variant, arguments | {"index": index})


@with_mode
def test_index_is_checked_where_the_result_is_empty(fg, variant):
    """Of what has an index at all when one of the other dims has size zero."""
    arguments = call_of(variant, shape=(2, 3, 0), dim=1, length=2)
    index = np.full(arguments[index_of(variant)].shape, 9)
    arguments[index_of(variant)] = index
    if index.size:
        with pytest.raises(IndexError, match="index 9 at position"):
            run(fg, variant, arguments)
    else:
        assert run(fg, variant, arguments).size == 0


# src

SCALARS = [
    # dtype, value, what it becomes or raises
    ("u1", 300, OverflowError),
    ("u1", -1, OverflowError),
    ("i1", 128, OverflowError),
    ("i8", 2**63, OverflowError),
    ("i8", 2.5, TypeError),
    ("i8", 2.0, TypeError),
    ("i8", 1j, TypeError),
    ("f4", 1j, TypeError),
    ("?", 1, TypeError),
    ("?", 1.0, TypeError),
    ("?", True, True),
    ("u1", True, 1),
    ("u1", 255, 255),
    ("f4", 3, 3.0),
    ("f4", 0.1, np.float32(0.1)),
    ("f4", 1e300, np.inf),
    ("f2", 1e6, np.inf),
    ("F", 2, 2 + 0j),
    ("F", 2.5, 2.5 + 0j),
    ("F", 1j, 1j),
    ("i1", np.int64(300), 44),
    ("i1", np.float64(1.0), TypeError),
    ("f4", np.float64(1e300), np.inf),
    ("f4", np.array(0.5), 0.5),
    ("i2", np.uint64(2**64 - 1), -1),
    ("u1", np.int8(1), TypeError),
    ("i8", "1", TypeError),
    ("f8", None, TypeError),
    ("f8", np.array("2020", "M8[D]"), TypeError),
    ("M8[D]", np.datetime64("2020-01-01"), np.datetime64("2020-01-01")),
    ("U3", "abc", "abc"),
    ("S3", b"abc", b"abc"),
    ("O", "anything", "anything"),
    (">i2", 3, 3),
    (">f4", 0.5, 0.5),
    (np.dtype(ml_dtypes.bfloat16).newbyteorder(), 2.0, 2.0),
]

# Every parameter that is a scalar or may be one: a call with it, on three elements.
TAKES_SCALAR = {
    "gather": lambda fg, x, v: fg.gather(x, 0, [9], mode="fill", fill_value=v),
    "index_select": lambda fg, x, v: fg.index_select(x, 0, [9], mode="fill", fill_value=v),
    "take": lambda fg, x, v: fg.take(x, [9], mode="fill", fill_value=v),
    "take_along_axis": lambda fg, x, v: fg.take_along_axis(x, [9], 0, mode="fill", fill_value=v),
    "gather_nd": lambda fg, x, v: fg.gather_nd(x, [[9]], mode="fill", fill_value=v),
    "scatter": lambda fg, x, v: fg.scatter(x, 0, [0], v),
    "index_copy": lambda fg, x, v: fg.index_copy(x, 0, [0], v),
    "index_fill": lambda fg, x, v: fg.index_fill(x, 0, [0], v),
    "scatter_nd": lambda fg, x, v: fg.scatter_nd(x, [[0]], v),
    "put_along_axis": lambda fg, x, v: fg.put_along_axis(x, np.array([0]), v, 0) or x,
}


@pytest.mark.parametrize("call", TAKES_SCALAR.values(), ids=TAKES_SCALAR)
@pytest.mark.parametrize(
    ("dtype", "value", "expected"), SCALARS, ids=[f"{d}-{v!r}" for d, v, _ in SCALARS]
)
def test_scalar(fg, call, dtype, value, expected):
    x = np.zeros(3, dtype)
    if isinstance(expected, type):
        with pytest.raises(expected):
            call(fg, x, value)
        assert_same(x, np.zeros(3, dtype))
    else:
        assert_same(call(fg, x, value)[:1], np.array([expected]).astype(dtype))


@pytest.mark.parametrize(
    ("dtype", "value", "expected"),
    [("u1", 300, OverflowError), ("i8", 2.5, TypeError), ("f4", 1j, TypeError)],
)
def test_scalar_of_a_combining_function(fg, dtype, value, expected):
    x = np.zeros(3, dtype)
    calls = [
        lambda: fg.scatter_add(x, 0, [0], value),
        lambda: fg.scatter_reduce(x, 0, [0], value, "amax"),
        lambda: fg.scatter_nd(x, [[0]], value, "max"),
        lambda: fg.index_reduce(x, 0, [0], value, "amax"),
        lambda: fg.index_add(x, 0, [0], x[:1], alpha=value),
        lambda: fg.segment_reduce(x, "max", lengths=[3], initial=value),
    ]
    for call in calls:
        with pytest.raises(expected):
            call()


# The dtype of input and those of src that convert to it under same_kind, or do not.
CASTS = [
    ("f2", ["?", "i8", "f8"], ["F"]),
    ("f4", ["i8", "f8", ml_dtypes.bfloat16], ["F", "U3", "O", "M8[s]"]),
    (ml_dtypes.bfloat16, ["f4", "f2"], ["O"]),
    ("F", ["D", "f8", "i8"], ["O"]),
    ("i1", ["i8", "u8", "?"], ["f4"]),
    ("u1", ["u8", "?"], ["i1"]),
    ("?", ["?"], ["i1", "u1"]),
    ("i8", ["u8"], ["f4", "m8[s]", "O"]),
    ("M8[s]", ["M8[D]"], ["i8"]),
    ("U3", ["U9", "S3"], ["O"]),
    ("S3", ["S1"], ["U3"]),
    ("O", ["f8", "U3"], []),
]


@pytest.mark.parametrize("variant", ["scatter", "index_copy", "scatter_nd-none", "put_along_axis"])
@pytest.mark.parametrize(("dtype", "convert", "refuse"), CASTS, ids=[str(d) for d, _, _ in CASTS])
def test_src_converts_under_same_kind(fg, variant, dtype, convert, refuse):
    arguments = call_of(variant, dtype=dtype)
    shape = arguments[source_of(variant)].shape
    for src in convert:
        arguments[source_of(variant)] = np.resize([1, 0, 0, 1], shape).astype(src)
        assert_same(result_of(fg, variant, arguments), run(oracle, variant, arguments))
    for src in refuse:
        arguments[source_of(variant)] = np.resize([1, 0, 0, 1], shape).astype(src)
        with pytest.raises(TypeError, match="same_kind"):
            result_of(fg, variant, arguments)


@each_write
def test_src_of_another_shape(fg, variant):
    arguments = call_of(variant, shape=(3, 3, 4), length=3)
    source = arguments[source_of(variant)]
    wrong = [np.zeros((*source.shape, 2)), np.zeros((2, *source.shape))]
    if function_of(variant) not in ("index_fill", "put_along_axis"):  # whose values broadcast
        wrong += [source[:-1], source[..., :-1], np.zeros((1,) * source.ndim)]
    for values in wrong:
        with pytest.raises(ValueError, match=r"shape|rank|scalar|1-D"):
            result_of(fg, variant, arguments | {source_of(variant): values})


@pytest.mark.parametrize("variant", ["scatter", "scatter_add", "scatter_reduce-prod"])
def test_src_may_be_larger_than_index(fg, variant):
    arguments = call_of(variant)
    larger = random_data(np.random.default_rng(1), (4, 3, 6), "f8")
    cut = larger[:2, :2, :4]
    expected = result_of(fg, variant, arguments | {"src": cut})
    assert_same(result_of(fg, variant, arguments | {"src": larger}), expected)


def test_scalar_is_no_array(fg):
    x, two = np.zeros(3), np.zeros(2)
    calls = [
        lambda: fg.gather(x, 0, [9], mode="fill", fill_value=two),
        lambda: fg.take(x, [9], mode="fill", fill_value=[1.0]),
        lambda: fg.index_fill(x, 0, [0], two[:1]),
        lambda: fg.index_add(x, 0, [0], x[:1], alpha=two),
        lambda: fg.segment_reduce(x, "sum", lengths=[3], initial=two[:1]),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="scalar"):
            call()


# mode


def out_of_range(variant, value, shape=(2, 3, 4)):
    """A call whose last index is `value`, its position, and the dim and size it is for."""
    arguments = call_of(variant, shape=shape)
    index = arguments[index_of(variant)]
    index.reshape(-1)[-1] = value
    position = tuple(n - 1 for n in index.shape)
    return arguments, position, 1, shape[1]


@pytest.mark.parametrize("value", [7, 3, -4, -(2**63), 2**63 - 1])
@with_mode
def test_message_of_an_index_out_of_range(fg, variant, value):
    arguments, position, dim, size = out_of_range(variant, value)
    with pytest.raises(IndexError) as caught:
        run(fg, variant, arguments)
    assert str(caught.value) == (
        f"index {value} at position {position} is out of bounds for dim {dim} with size {size}"
    )


def test_message_in_the_words_of_the_contract(fg):
    index = np.zeros((1, 2, 3), int)
    index[0, 1, 2] = 7
    message = r"^index 7 at position \(0, 1, 2\) is out of bounds for dim 1 with size 3$"
    with pytest.raises(IndexError, match=message):
        fg.gather(np.zeros((1, 3, 3)), 1, index)
    with pytest.raises(IndexError, match=message):
        fg.scatter_add(np.zeros((1, 3, 3)), -2, index, 1)


@pytest.mark.parametrize("function", ["gather", "scatter"])
def test_message_for_a_0d_index(fg, function):
    arguments = (5.0,) if function == "scatter" else ()
    message = r"^index 1 at position \(\) is out of bounds for dim 0 with size 1$"
    with pytest.raises(IndexError, match=message):
        getattr(fg, function)(np.array(1.0), 0, np.array(1), *arguments)


@pytest.mark.parametrize("shape", LARGE)
@pytest.mark.parametrize("variant", [v for v in WITH_MODE if v in MOVES or v.endswith("_add")])
def test_first_bad_index_in_c_order(fg, variant, shape):
    """Among many, on 1, 2, 3 and 7 threads, in an index whose memory is not in C order."""
    shape, dim, length = LARGE[shape]
    arguments = call_of(variant, dtype="i1", shape=shape, dim=dim, length=length)
    index = arguments[index_of(variant)].copy(order="F")
    positions = np.sort(np.random.default_rng(2).integers(index.size // 3, index.size, 50))
    for k, flat in enumerate(positions):
        index[np.unravel_index(flat, index.shape)] = 10**7 + k
    first = tuple(map(int, np.unravel_index(positions[0], index.shape)))
    named = first[-1] if function_of(variant).endswith("_nd") else dim
    expected = (
        f"index {index[first]} at position {first} is out of bounds "
        f"for dim {named} with size {shape[named]}"
    )
    for threads in (1, 2, 3, 7):
        with fg.num_threads(threads), pytest.raises(IndexError) as caught:
            run(fg, variant, arguments | {index_of(variant): index})
        assert str(caught.value) == expected


@pytest.mark.parametrize("variant", ["gather_nd", "scatter_nd-none", "scatter_nd-add"])
def test_tuple_of_different_dtypes(fg, variant):
    arguments = call_of(variant, shape=(4, 5, 6), length=7)
    first, second = np.moveaxis(arguments["indices"], -1, 0)
    mixed = (first.astype(">i2"), (second % 5).astype("u8"))
    assert_same(run(fg, variant, arguments | {"indices": mixed}), run(oracle, variant, arguments))
    mixed[1][-1] = 2**64 - 1
    message = rf"^index {2**64 - 1} at position \({len(first) - 1},\) is out of bounds for dim 1 "
    with pytest.raises(IndexError, match=message):
        run(fg, variant, arguments | {"indices": mixed})


@pytest.mark.parametrize("variant", ["gather_nd", "scatter_nd-none"])
def test_first_bad_index_of_a_tuple(fg, variant):
    """By position in the broadcast shape, then by dim."""
    arguments = call_of(variant, shape=(2, 3))
    if "updates" in arguments:
        arguments["updates"] = np.zeros((2, 2))
    indices = (np.array([[0], [8]]), np.array([0, 9]))
    with pytest.raises(IndexError, match=r"^index 9 at position \(0, 1\) .* dim 1 with size 3$"):
        run(fg, variant, arguments | {"indices": indices})
    indices = (np.array([[0], [8]]), np.array([9, 9]))
    with pytest.raises(IndexError, match=r"^index 9 at position \(0, 0\) .* dim 1 with size 3$"):
        run(fg, variant, arguments | {"indices": indices})
    indices = (np.array([[8], [8]]), np.array([9, 9]))
    with pytest.raises(IndexError, match=r"^index 8 at position \(0, 0\) .* dim 0 with size 2$"):
        run(fg, variant, arguments | {"indices": indices})


@pytest.mark.parametrize("mode", ["wrap", "clip"])
def test_wrap_and_clip_are_numpys(fg, mode):
    x, index = np.arange(5), np.arange(-20, 20)
    expected = np.take(x, index, mode=mode)
    assert_same(fg.gather(x, 0, index, mode=mode), expected)
    assert_same(fg.take(x, index, mode=mode), expected)
    counts = fg.scatter_add(np.zeros(5, int), 0, index, 1, mode=mode)
    assert_same(counts, np.bincount(expected))


@pytest.mark.parametrize("read", ["gather", "index_select", "take", "take_along_axis"])
@pytest.mark.parametrize("dtype", ["?", "V3", "u1", "f2", "M8[s]", "i4,f8"])
def test_fill_has_a_default_for_every_dtype(fg, read, dtype):
    """Zero; False for bool, zero bytes for void."""
    x, index = np.ones(3, "u1").astype(dtype), np.array([1, -1, 3])
    result = getattr(fg, read)(
        x, *((index, 0) if read.startswith("take") else (0, index)), mode="fill"
    )
    assert_same(result, np.array([x[1], *np.zeros(2, dtype)], dtype))


@each_read
def test_fill_counts_negative_indices_as_out_of_range(fg, variant):
    for value in (-1, -3, 3, 2**40):
        arguments, *_ = out_of_range(variant, value)
        arguments |= {"mode": "fill", "fill_value": -77.0}
        expected = run(oracle, variant, arguments)
        assert (expected == -77).any()
        assert_same(run(fg, variant, arguments), expected)


@each_read
@pytest.mark.parametrize("layout", PLAIN_LAYOUTS.values(), ids=PLAIN_LAYOUTS)
def test_dropped_read_keeps_what_out_holds(fg, variant, layout):
    for value in (-1, 3):
        arguments, *_ = out_of_range(variant, value)
        shape = run(oracle, variant, arguments | {"mode": "fill"}).shape
        held = random_data(np.random.default_rng(3), shape, "f8")
        arguments |= {"mode": "drop", "out": layout(held)}
        expected = run(oracle, variant, arguments)
        assert (bits(parts(expected)) == bits(parts(held))).all(axis=1).any()
        assert run(fg, variant, arguments) is arguments["out"]
        assert_same(arguments["out"], expected)


@each_read
def test_dropped_read_needs_out(fg, variant):
    with pytest.raises(ValueError, match="out"):
        run(fg, variant, call_of(variant) | {"mode": "drop"})


@each_write
def test_dropped_write_writes_nothing(fg, variant):
    arguments = call_of(variant, dtype="f4")
    arguments[index_of(variant)][...] = -1
    arguments |= {"mode": "drop"}
    expected = arguments[data_of(variant)].copy()
    assert_same(run(fg, variant, arguments), expected)


@with_mode
def test_unknown_mode(fg, variant):
    for mode in ("", "Raise", "ignore", None, 0, b"raise"):
        with pytest.raises((ValueError, TypeError), match="mode"):
            run(fg, variant, call_of(variant) | {"mode": mode})


@each_write
def test_writes_have_no_fill(fg, variant):
    with pytest.raises(ValueError, match="mode"):
        run(fg, variant, call_of(variant) | {"mode": "fill"})


@pytest.mark.parametrize("mode", ["wrap", "clip"])
@with_mode
def test_nothing_to_wrap_or_clip_to(fg, variant, mode):
    arguments = call_of(variant, shape=(2, 1, 4), length=2)
    data = arguments[data_of(variant)][:, :0]
    with pytest.raises(IndexError, match="size 0"):
        run(fg, variant, arguments | {"mode": mode, data_of(variant): data})


@with_mode
def test_fill_and_drop_over_nothing(fg, variant):
    arguments = call_of(variant, shape=(2, 1, 4), length=2)
    arguments[data_of(variant)] = arguments[data_of(variant)][:, :0]
    arguments |= {"mode": "fill", "fill_value": 5.0} if variant in READS else {"mode": "drop"}
    result = run(fg, variant, arguments)
    assert result.size > 0 if variant in READS else result.size == 0
    assert (result == 5).all()


# out


@with_out
def test_out_is_returned(fg, variant):
    arguments = call_of(variant)
    expected = result_of(fg, variant, arguments)
    for layout in PLAIN_LAYOUTS.values():
        out = layout(np.full_like(expected, 77))
        assert run(fg, variant, arguments | {"out": out}) is out
        assert_same(out, expected)


class Subclass(np.ndarray):
    pass


@with_out
def test_out_of_a_subclass_is_returned(fg, variant):
    arguments = call_of(variant)
    expected = result_of(fg, variant, arguments)
    out = np.zeros_like(expected).view(Subclass)
    assert run(fg, variant, arguments | {"out": out}) is out
    assert_same(out.view(np.ndarray), expected)


@with_out
def test_wrong_out(fg, variant):
    arguments = call_of(variant, dtype="f4")
    right = np.zeros(result_of(fg, variant, arguments).shape, "f4")
    wrong = [
        (right.tolist(), TypeError),
        (Convertible(right), TypeError),
        (right[..., :-1], ValueError),
        (right[None], ValueError),
        (right.astype("f8"), TypeError),
        (right.astype(">f4"), TypeError),
        (right.astype("i4"), TypeError),
        (read_only(right), ValueError),
        (np.broadcast_to(right[:1], right.shape), ValueError),
    ]
    for out, error in wrong:
        with pytest.raises(error):
            run(fg, variant, arguments | {"out": out})
    assert not right.any()


def test_wrong_destination_of_put_along_axis(fg):
    x = np.zeros(3)
    wrong = [([1, 2, 3], TypeError), (Convertible(x), TypeError), (read_only(x), ValueError)]
    for arr, error in wrong:
        with pytest.raises(error):
            fg.put_along_axis(arr, np.array([0]), 1.0, 0)
    assert not x.any()


@each_write
def test_in_place(fg, variant):
    for layout in PLAIN_LAYOUTS.values():
        arguments = call_of(variant, dtype="f4", shape=(5, 6, 7), length=9)
        expected = run(oracle, variant, arguments)
        data = layout(arguments[data_of(variant)])
        arguments |= {data_of(variant): data} | ({} if is_put(variant) else {"out": data})
        assert run(fg, variant, arguments) is data
        assert_same(data, expected, any_nan=True)


def overlaps():
    """Every function with every array that its destination can overlap, at several distances."""
    for variant in WITH_MODE:
        for name, value in call_of(variant).items():
            is_destination = is_put(variant) and name == "arr"
            if isinstance(value, np.ndarray) and value.ndim and not is_destination:
                yield pytest.param(variant, name, id=f"{variant}-{name}")


@pytest.mark.parametrize(("variant", "name"), list(overlaps()))
def test_out_that_overlaps_an_input(fg, variant, name):
    for starts in ((0, 0), (0, 8), (8, 0), (40, 0), (0, 48), (3, 0), (0, 5)):
        assert_overlap_does_not_show(fg, variant, name, (3, 4, 5), 1, starts)
    assert_overlap_does_not_show(fg, variant, name, (15, 20, 30), 0, (0, 8))
    assert_overlap_does_not_show(fg, variant, name, (15, 20, 30), 2, (24, 0))


def assert_overlap_does_not_show(fg, variant, name, shape, dim, starts):
    """`out` and the array called `name` lie in one buffer, `starts` bytes from its start."""
    arguments = call_of(variant, dtype="i8", shape=shape, dim=dim, length=shape[dim])
    destination = "arr" if is_put(variant) else "out"
    like = arguments["arr"] if is_put(variant) else run(fg, variant, arguments)
    arguments[name], arguments[destination] = sharing_memory(arguments[name], like, starts)
    expected = result_of(fg, variant, arguments)
    assert_same(run(fg, variant, arguments), expected)


@pytest.mark.parametrize("shift", [-3, 5, 12])
def test_a_record_that_overlaps_another(fg, shift):
    """NumPy 2.4 spoils it in a copy."""
    dtype, memory = np.dtype("i2, f8, S3"), np.zeros(60, np.uint8)
    input, out = np.ndarray((), dtype, memory, 20), np.ndarray((), dtype, memory, 20 + shift)
    input[()] = (-7, np.inf, b"abc")
    expected = input.tobytes()
    assert fg.scatter(input, 0, 127, input.copy(), mode="drop", out=out).tobytes() == expected


@with_mode
def test_out_that_is_an_input_turned_round(fg, variant):
    """Same memory, other strides."""
    arguments = call_of(variant, dtype="i8", shape=(6, 6), dim=0, length=6)
    square = [k for k, v in arguments.items() if np.shape(v) == (6, 6) and k != "out"]
    for name in square:
        for turn in (np.transpose, np.flip, np.flipud):
            changed = on_arrays(arguments, np.copy)
            destination = "arr" if is_put(variant) else "out"
            if name == destination or run(oracle, variant, arguments).shape != (6, 6):
                continue
            out = turn(changed[name])
            expected = run(oracle, variant, on_arrays(changed, np.copy) | {destination: out.copy()})
            assert_same(run(fg, variant, changed | {destination: out}), expected)


def test_everything_is_one_array(fg):
    start = np.array([2, 0, 1, 1, -1])
    for variant in ("gather", "take", "take_along_axis", "scatter", "scatter_add", "index_copy"):
        x = start.copy()
        arguments = {data_of(variant): x, index_of(variant): x, "out": x}
        arguments |= {"axis" if "take" in variant else "dim": 0}
        if source_of(variant):
            arguments[source_of(variant)] = x
        expected = run(oracle, variant, on_arrays(arguments, np.copy))
        assert run(fg, variant, arguments) is x
        assert_same(x, expected)
    x = start.copy()
    fg.put_along_axis(x, x, x, 0)
    assert_same(x, oracle.put_along_axis(start, start, start, 0))


# All or nothing


# What makes a write raise: the error, and the arguments to change.
SPOILERS = {
    "last index": (IndexError, lambda v, a: {index_of(v): with_last(a[index_of(v)], 10**6)}),
    "negative index": (IndexError, lambda v, a: {index_of(v): with_last(a[index_of(v)], -(10**6))}),
    "index dtype": ((TypeError, IndexError), lambda v, a: {index_of(v): a[index_of(v)] * 1.0}),
    "src dtype": (TypeError, lambda v, a: {source_of(v): a[source_of(v)].astype(complex)}),
    "src scalar": (OverflowError, lambda v, a: {source_of(v): 10**400}),
    "src shape": (ValueError, lambda v, a: {source_of(v): np.zeros((3, 5, 7, 2))}),
    "src masked": (TypeError, lambda v, a: {source_of(v): np.ma.MaskedArray(a[source_of(v)])}),
    "mode": (ValueError, lambda v, a: {"mode": "nonsense"}),
}


@pytest.mark.parametrize(("error", "spoil"), SPOILERS.values(), ids=SPOILERS)
@each_write
def test_write_that_raises_changes_nothing(fg, variant, error, spoil):
    for shape, dim, length in (((3, 4, 5), 1, 4), ((150, 200), 0, 150), ((200_000,), 0, 200_000)):
        arguments = call_of(variant, dtype="f4", shape=shape, dim=dim, length=length)
        arguments |= spoil(variant, arguments)
        assert_nothing_changes(fg, variant, in_place(variant, arguments), error)
        if not is_put(variant):
            arguments["out"] = random_bits(shape, "f4")
            assert_nothing_changes(fg, variant, arguments, error)


def assert_nothing_changes(fg, variant, arguments, error):
    destination = arguments["arr" if is_put(variant) else "out"]
    before = destination.tobytes()
    with pytest.raises(error):
        run(fg, variant, arguments)
    assert destination.tobytes() == before


class Moody:
    """A number that works `patience` times and then raises."""

    patience = 3

    def __init__(self, value):
        self.value = value

    def combined(self, other):
        Moody.patience -= 1
        if Moody.patience < 0:
            raise ArithmeticError("out of patience")
        return Moody(self.value + other.value)

    __add__ = __mul__ = combined

    def compared(self, other):
        return self.combined(other).value > 0

    __lt__ = __le__ = __gt__ = __ge__ = compared


@pytest.mark.parametrize("patience", [0, 3, 10])
@pytest.mark.parametrize("aliased", [True, False], ids=["in place", "out"])
@pytest.mark.parametrize("variant", [v for v in COMBINING if "mean" not in v and "alone" not in v])
def test_object_that_raises_half_way_changes_nothing(fg, variant, aliased, patience):
    arguments = call_of(variant, dtype="i8", shape=(3, 4, 5), length=4)
    for name in (data_of(variant), source_of(variant)):
        moody = np.empty(arguments[name].shape, object)
        moody.flat = [Moody(k) for k in range(moody.size)]
        arguments[name] = moody
    arguments = in_place(variant, arguments)
    if not aliased:
        arguments["out"] = np.arange(60).astype(object).reshape(3, 4, 5)
    before = arguments["out"].copy()
    references = reference_counts(before.flat)
    Moody.patience = patience
    with pytest.raises(ArithmeticError, match="out of patience"):
        run(fg, variant, arguments)
    assert all(now is then for now, then in zip(arguments["out"].flat, before.flat, strict=True))
    assert reference_counts(before.flat) == references


@pytest.mark.parametrize("variant", ["scatter", "index_copy", "scatter_nd-none", "put_along_axis"])
def test_value_that_does_not_decode_changes_nothing(fg, variant):
    """Bytes convert to str under same_kind, but these do not."""
    arguments = in_place(variant, call_of(variant, dtype="U3"))
    values = np.full(arguments[source_of(variant)].shape, b"ok")
    values.flat[-1] = b"\xff"
    before = arguments[data_of(variant)].copy()
    with pytest.raises(UnicodeDecodeError):
        run(fg, variant, arguments | {source_of(variant): values})
    assert_same(arguments[data_of(variant)], before)


# Safety

RACE = """
    import sys, threading, numpy, {engine} as fg

    rng = numpy.random.default_rng(0)
    x = numpy.zeros((300, 400), "i4")
    line = x[:, 0]
    objects = line.astype(object)
    index = {index}
    end = index.reshape(-1)[-1000:]  # the rest stays right, or no call got far
    good, bad = end.copy(), rng.integers(-(2**62), 2**62, len(end))
    stop = threading.Event()

    def scribble():
        while not stop.is_set():
            numpy.copyto(end, bad)
            numpy.copyto(end, good)

    sys.setswitchinterval(1e-6)
    scribbler = threading.Thread(target=scribble, daemon=True)
    scribbler.start()
    for name, call in {{{calls}}}.items():
        print(name, flush=True)
        for _ in range(50):
            try:
                call()
            except (IndexError, ValueError):
                pass
    stop.set()
    scribbler.join()
    print("survived")
"""
# An index and the calls that use it, on small data, so that a wrong index leaves its memory.
RACES = {
    "rng.integers(0, 300, (300, 400))": [
        "fg.gather(x, 0, index)",
        "fg.gather(x, 1, index)",
        "fg.gather(x, 0, index, mode='wrap')",
        "fg.gather(x, 0, index, mode='clip')",
        "fg.gather(x, 0, index, mode='fill')",
        "fg.take_along_axis(x, index, 1)",
        "fg.put_along_axis(x, index, 1, 1)",
        "fg.scatter(x, 0, index, 1)",
        "fg.scatter_add(x, 1, index, 1)",
        "fg.scatter_reduce(x, 0, index, 1, 'mean')",
    ],
    "rng.integers(0, 300, (1, 3_000))": [
        "fg.take_along_axis(x, index, 1)",
        "fg.put_along_axis(x, index, 1, 1)",
    ],
    "rng.integers(0, 300, 100_000)": [
        "fg.gather(line, 0, index)",
        "fg.scatter(line, 0, index, 1)",
        "fg.scatter_add(line, 0, index, 1)",
        "fg.gather_nd(x, (index, index))",
        "fg.gather(objects, 0, index)",
        "fg.scatter(objects, 0, index, 1)",
        "fg.scatter_add(objects, 0, index, 1)",
    ],
    "numpy.sort(rng.integers(0, 300, 100_000))": [
        "fg.scatter_add(line.astype('f4'), 0, index, 1)",
        "fg.scatter_reduce(line.astype('f8'), 0, index, 1, 'amax')",
    ],
    "rng.integers(0, 300, 3_000)": [
        "fg.take(x, index, axis=0)",
        "fg.index_select(x, 0, index)",
        "fg.index_copy(x, 0, index, 1)",
        "fg.index_add(x, 0, index, 1)",
        "fg.index_fill(x, 0, index, 1)",
        "fg.index_reduce(x, 0, index, 1, 'amin')",
    ],
    "rng.integers(0, 300, (50_000, 2))": [
        "fg.gather_nd(x, index)",
        "fg.scatter_nd(x, index, 1)",
        "fg.scatter_nd(x, index, 1, 'add')",
    ],
    "numpy.full(100, 3)": ["fg.segment_reduce(x, 'sum', lengths=index)"],
    "numpy.linspace(0, 300, 200).astype(int)": ["fg.segment_reduce(x, 'max', offsets=index)"],
}


@pytest.mark.parametrize(("index", "calls"), RACES.items())
def test_index_that_another_thread_changes(fg, index, calls):
    """A result or an error, and no crash: so in a process of its own."""
    calls = ", ".join(f'"{call}": lambda: {call}' for call in calls)
    script = textwrap.dedent(RACE).format(engine=fg.__name__, index=index, calls=calls)
    assert printed_by(script)[-1] == "survived"


@pytest.mark.parametrize("value", [3, 5, 11, -1, 2**40, -(2**62)])
@pytest.mark.parametrize(
    ("name", "shape"), [("scatter_nd", (40, 2)), ("scatter", (4, 4)), ("scatter_add", (4, 4))]
)
def test_index_that_changes_after_the_look_at_it(monkeypatch, name, shape, value):
    """In the Python engine, for sure: nothing is written between the rows of a sliced `out`."""
    from fastgather import _fallback

    frame, index, look = np.full((8, 8), 7), np.zeros(shape, np.intp), _fallback._is_outside
    out = frame[2:6, 2:6]

    def changes_then(array, size):
        outside = look(array, size)
        if np.may_share_memory(array, index):
            index[...] = value
        return outside

    for few in ("SMALL", "FEW"):
        monkeypatch.setattr(_fallback, few, 0)
    monkeypatch.setattr(_fallback, "_is_outside", changes_then)
    where = (index,) if name == "scatter_nd" else (1, index)
    with contextlib.suppress(IndexError):
        getattr(_fallback, name)(out, *where, 1, out=out)
    out[...] = 7
    assert (frame == 7).all()


# Errors


@pytest.mark.parametrize("variant", [v for v in VARIANTS if "dim" in call_of(v)])
def test_dim_out_of_range(fg, variant):
    for dim in (3, -4, 2**40, 2**70):
        with pytest.raises(IndexError, match=str(dim)):
            run(fg, variant, call_of(variant) | {"dim": dim})


@pytest.mark.parametrize("name", ["index_select", "take"])
def test_true_is_the_integer_1(fg, name):
    x, index = np.arange(6).reshape(2, 3), np.array([2, 0])
    result = fg.take(x, index, True) if name == "take" else fg.index_select(x, True, index)
    assert_same(result, x[:, index])


@pytest.mark.parametrize("variant", [v for v in VARIANTS if "dim" in call_of(v)])
def test_dim_that_is_no_integer(fg, variant):
    for dim in (1.0, "1", None, [1]):
        with pytest.raises(TypeError):
            run(fg, variant, call_of(variant) | {"dim": dim})


@pytest.mark.parametrize("variant", [v for v in VARIANTS if not function_of(v).endswith("_nd")])
def test_numpy_integers_are_dims(fg, variant):
    arguments = call_of(variant)
    name = "dim" if "dim" in arguments else "axis"
    expected = result_of(fg, variant, arguments)
    assert_same(result_of(fg, variant, arguments | {name: np.int8(1)}), expected)
    assert_same(result_of(fg, variant, arguments | {name: np.array(-2)}), expected)


@pytest.mark.parametrize(
    ("variant", "name"),
    [
        ("scatter_reduce-sum", "reduce"),
        ("index_reduce-sum", "reduce"),
        ("segment_reduce-sum", "reduce"),
        ("scatter_nd-add", "reduction"),
    ],
)
def test_unknown_reduction(fg, variant, name):
    for reduce in ("median", "", None, 3, "SUM"):
        with pytest.raises((ValueError, TypeError), match=name):
            run(fg, variant, call_of(variant) | {name: reduce})


REDUCTIONS_THAT_ARE_NOT = [
    ("scatter_reduce-mean", "?"),
    ("segment_reduce-mean", "?"),
    ("scatter_add", "M8[s]"),
    ("scatter_reduce-prod", "m8[s]"),
    ("scatter_add", "V5"),
    ("scatter_reduce-amax", [("a", "i4")]),
    ("scatter_nd-mul", np.dtypes.StringDType()),
    ("index_reduce-mean", "O"),
    ("index_reduce-mean", "S3"),
]


@pytest.mark.parametrize(("variant", "dtype"), REDUCTIONS_THAT_ARE_NOT, ids=str)
def test_reduction_that_the_dtype_does_not_have(fg, variant, dtype):
    arguments = call_of(variant, dtype=dtype)
    before = arguments[data_of(variant)].copy()
    if variant not in SEGMENTS:
        arguments["out"] = arguments[data_of(variant)]
    with pytest.raises(TypeError):
        run(fg, variant, arguments)
    assert_same(arguments[data_of(variant)], before)


def test_errors_show_what_they_saw(fg):
    x, index = np.zeros((2, 3)), np.zeros((2, 2), int)
    calls = [
        (lambda: fg.gather(x, 1, index[None]), ["(2, 3)", "(1, 2, 2)"]),
        (lambda: fg.gather(x, 0, np.zeros((1, 5), int)), ["(2, 3)", "(1, 5)"]),
        (lambda: fg.scatter(x, 1, index, np.zeros((2, 1))), ["(2, 2)", "(2, 1)"]),
        (lambda: fg.index_copy(x, 1, [0], np.zeros((2, 2))), ["(2, 3)", "(2, 2)", "(2, 1)"]),
        (lambda: fg.index_select(x, 1, index), ["(2, 2)"]),
        (lambda: fg.gather_nd(x, np.zeros((1, 3), int)), ["3", "2"]),
        (lambda: fg.gather_nd(x, np.zeros((1, 1), int), batch_dims=1), ["(2, 3)"]),
        (lambda: fg.gather_nd(x, index, batch_dims=3), ["3"]),
        (lambda: fg.scatter_nd(x, index, np.zeros(3)), ["(3,)", "(2,)"]),
        (lambda: fg.gather_nd(x, (np.zeros(2, int), np.zeros(3, int))), ["(2,)", "(3,)"]),
        (lambda: fg.segment_reduce(x, "sum", lengths=[5]), ["5", "2"]),
        (lambda: fg.segment_reduce(x, "sum", lengths=[3, -1]), ["-1"]),
        (lambda: fg.segment_reduce(x, "sum", offsets=[0, 2, 1]), ["[0 2 1]"]),
        (lambda: fg.gather(x, 1, index, out=np.zeros((2, 3))), ["(2, 3)", "(2, 2)"]),
        (lambda: fg.put_along_axis(x, index, np.zeros(3), 1), ["(3,)", "(2, 2)"]),
    ]
    for call, shown in calls:
        with pytest.raises(ValueError, match=r"\d") as caught:
            call()
        assert [text for text in shown if text not in str(caught.value)] == []


def test_segments_are_given_once(fg):
    x = np.zeros(3)
    for arguments in ({}, {"lengths": [3], "offsets": [0, 3]}):
        with pytest.raises(ValueError, match=r"lengths.*offsets"):
            fg.segment_reduce(x, "sum", **arguments)


BAD_SEGMENTS = {
    "lengths": [
        [4], [2], [4, -1], [[3]], 3, np.zeros(0, int), np.array([2**64 - 1, 4], "u8"),
        [2**62, 2**62, 2**62, 2**62, 3],
    ],
    "offsets": [
        [0, 4], [-1, 2], [2, 1], [[0, 3]], 0, np.zeros(0, int), np.array([0, 2**64 - 1], "u8"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_SEGMENTS)
def test_segments_that_do_not_fit(fg, name):
    for segments in BAD_SEGMENTS[name]:
        with pytest.raises(ValueError, match=name):
            fg.segment_reduce(np.zeros(3), "sum", **{name: segments})


@pytest.mark.parametrize(
    "segments", [{"lengths": [2**32 + 3]}, {"lengths": [-(2**40)]}, {"offsets": [0, 3 - 2**32]}]
)
def test_segments_wider_than_intp(segments, monkeypatch):
    from fastgather import _fallback

    with_32_bits(monkeypatch)
    with pytest.raises(ValueError, match=next(iter(segments))):
        _fallback.segment_reduce(np.zeros(3), "sum", **segments)
    with pytest.raises(ValueError, match=next(iter(segments))):
        _fallback.segment_reduce(np.broadcast_to(np.int8(1), 2**31 - 1), "max", **segments)
    result = _fallback.segment_reduce(np.arange(3), "sum", lengths=[1, 2])
    assert result.tolist() == [0, 3]


@each_variant
@pytest.mark.parametrize("dtype", ["f2", "f4", "F", ml_dtypes.bfloat16, "i1", ">f8"], ids=str)
def test_nothing_is_printed_or_warned(fg, variant, dtype, capfd, recwarn):
    """Overflow, NaN and infinities included."""
    arguments = call_of(variant, dtype=dtype, shape=(6, 7, 8), length=5)
    result_of(fg, variant, arguments)
    if source_of(variant):
        wide = np.full(arguments[source_of(variant)].shape, 1e300)
        if np.can_cast(wide.dtype, dtype, "same_kind"):
            result_of(fg, variant, arguments | {source_of(variant): wide})
    assert not recwarn.list
    assert capfd.readouterr() == ("", "")


# Empty and 0-d


@each_variant
def test_zero_size_arrays(fg, variant):
    for dtype in ("f4", "f2", "O", "U3") if variant in MOVES else ("f4", "f2"):
        for shape, dim, length in [
            ((0,), 0, 0), ((3,), 0, 0), ((0, 3), 1, 2), ((2, 0), 0, 1), ((2, 0), 1, 0),
            ((2, 3, 0, 4), 3, 5), ((0, 0), 0, 0),
        ]:  # fmt: skip
            if variant in SEGMENTS and length == 0:
                continue
            arguments = call_of(variant, dtype=dtype, shape=shape, dim=dim, length=length)
            expected = run(oracle, variant, arguments)
            assert_same(result_of(fg, variant, arguments), expected, any_nan=True)
            if variant in WITH_MODE and not is_put(variant):
                out = np.zeros_like(expected)
                assert run(fg, variant, arguments | {"out": out}) is out


def test_no_segments(fg):
    assert fg.segment_reduce(np.zeros((0, 3)), "max", lengths=np.zeros(0, int)).shape == (0, 3)
    assert fg.segment_reduce(np.zeros((4, 3)), "max", offsets=[2]).shape == (0, 3)
    assert fg.segment_reduce(np.zeros((4, 0)), "sum", lengths=[4, 0]).shape == (2, 0)


@pytest.mark.parametrize("dim", [0, -1])
def test_0d(fg, dim):
    x, zero, out = np.array(5.0), np.array(0), np.array(9.0)
    assert_same(fg.gather(x, dim, zero), x)
    assert fg.gather(x, dim, zero - 1, out=out) is out
    assert_same(out, x)
    assert_same(fg.scatter(x, dim, zero, 2.0), np.array(2.0))
    assert_same(fg.scatter_add(x, dim, zero, np.array(2.0)), np.array(7.0))
    assert_same(fg.scatter_reduce(x, dim, zero, 2.0, "mean"), np.array(3.5))
    assert_same(fg.index_select(x, dim, [0]), x)
    assert_same(fg.index_copy(x, dim, [-1], np.array(2.0)), np.array(2.0))
    assert_same(fg.index_add(x, dim, [0], np.array(2.0), alpha=2), np.array(9.0))
    assert_same(fg.index_fill(x, dim, [0], 2.0), np.array(2.0))
    assert_same(fg.index_reduce(x, dim, [0], np.array(2.0), "prod"), np.array(10.0))
    assert_same(fg.gather(x, dim, zero + 5, mode="fill", fill_value=1.0), np.array(1.0))
    assert_same(x, np.array(5.0))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_0d_in_place(fg, dtype):
    x = random_data(np.random.default_rng(5), (), dtype)
    before = x.copy()
    assert fg.scatter(x, 0, np.array(7), before, mode="drop", out=x) is x
    assert_same(x, before)


@pytest.mark.parametrize("dim", [1, -2])
def test_0d_has_one_dim_at_most(fg, dim):
    with pytest.raises(IndexError, match=str(dim)):
        fg.gather(np.array(5.0), dim, np.array(0))


def test_0d_under_numpys_names(fg):
    x = np.array(5.0)
    assert fg.take(x, 0) == np.take(x, 0)
    assert type(fg.take(x, 0)) is np.float64
    assert_same(fg.take(x, [0, -1], axis=0), np.take(x, [0, -1], axis=0))
    assert_same(fg.take_along_axis(x, np.array([0, 0]), None), np.array([5.0, 5.0]))
    fg.put_along_axis(x, np.array([0]), 7.0, None)
    assert x == 7


def test_32_and_more_dims(fg):
    """NumPy's limit is 64."""
    for ndim in (31, 32, 33, 63):
        x = np.arange(4.0).reshape((1,) * (ndim - 2) + (2, 2))
        index = np.zeros_like(x, int)
        assert fg.gather(x, -1, index).reshape(-1).tolist() == [0, 0, 2, 2]
        assert fg.scatter_add(x, -2, index, 1.0).reshape(-1).tolist() == [2, 3, 2, 3]
        assert fg.index_select(x, -1, [1]).reshape(-1).tolist() == [1, 3]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limit is Linux's")
def test_nothing_is_lost_if_memory_runs_out(fg):
    """A mean needs counts: before anything is written."""
    code = f"""
import resource
import numpy as np
from {fg.__name__} import scatter_reduce
data = np.full((4000, 4000), 5, np.float32)
before, src = data.copy(), np.ones_like(data)
index = np.tile(np.arange(4000) % 7, (4000, 1))
with open("/proc/self/statm") as file:
    mapped = int(file.read().split()[0]) * resource.getpagesize()
most = resource.getrlimit(resource.RLIMIT_AS)[1]
resource.setrlimit(resource.RLIMIT_AS, (mapped + (20 << 20), most))
try:
    scatter_reduce(data, 1, index, src, "mean", include_self=False, out=data)
except MemoryError:
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    print((data == before).all())
"""
    assert printed_by(code) == ["True"]


@pytest.mark.parametrize("dtype", ["f2", "f4", "i4"])
@pytest.mark.parametrize(("reduce", "expected"), [("sum", 4), ("mean", 2), ("amax", 3)])
def test_names_may_be_strings_of_numpy(fg, reduce, expected, dtype):
    data, three = np.ones(100, dtype), np.full(1, 3, dtype)
    how = {"reduce": np.str_(reduce), "mode": np.str_("clip")}
    assert fg.scatter_reduce(data, 0, [1], three, **how)[1] == expected
    assert fg.index_reduce(data, 0, [1], three, **how)[1] == expected


def test_wrong_out_is_told_of_before_a_wrong_index(fg):
    x, index = np.zeros((100, 30)), np.full((100, 30), 30)
    for name in ("scatter", "scatter_add"):
        with pytest.raises(ValueError, match=r"out has shape \(2, 2\)"):
            getattr(fg, name)(x, 1, index, 1, out=np.zeros((2, 2)))
    x.flags.writeable = False
    with pytest.raises(ValueError, match="out is read-only"):
        fg.index_add(x, 1, index[0], np.zeros((100, 30)), out=x)


def test_the_same_call_again_gives_the_same(fg):
    """What an engine keeps of a call, as index arrays that count, is not written to."""
    x = np.asfortranarray(np.arange(300).reshape(100, 3))
    for _ in range(2):
        assert np.array_equal(fg.take_along_axis(x, np.array([[2]]), 1, mode="clip"), x[:, 2:])
        assert np.array_equal(fg.take_along_axis(x.T, np.array([[2]]), 0, mode="clip"), x.T[2:])
