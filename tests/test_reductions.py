"""The paragraph "Duplicates" of the contract: which value stays, and what combining gives,
to the bit, on every number of threads and on both engines."""

import math

import ml_dtypes
import numpy as np
import pytest
from calls import (
    COMBINING,
    LARGE,
    MOVES,
    PLAIN_LAYOUTS,
    VARIANTS,
    WRITES,
    assert_same,
    data_of,
    function_of,
    index_of,
    is_put,
    on_arrays,
    plain_call,
    reduction_of,
    run,
    source_of,
)

THREADS = (1, 2, 3, 7)
SEGMENTS = [variant for variant in VARIANTS if variant.startswith("segment_reduce")]
narrow_floats = pytest.mark.parametrize("dtype", ["f2", ml_dtypes.bfloat16], ids=str)
floats = pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "g", ml_dtypes.bfloat16], ids=str)
large = pytest.mark.parametrize("shape", LARGE)


def large_call(variant, shape, dtype, order="C"):
    """Arguments with many duplicates; the memory of index and source may be in Fortran order."""
    shape, dim, length = LARGE[shape]
    rng = np.random.default_rng(0)
    arguments = plain_call(variant, rng, dtype=dtype, shape=shape, dim=dim, length=length)
    return on_arrays(arguments, lambda array: array.copy(order=order))


def written_by_numpy(variant, arguments, assign):
    """`assign(result, place, values)`, NumPy's way to write `values` at a fancy index `place`."""
    result, index = arguments[data_of(variant)].copy(), arguments[index_of(variant)]
    dim = arguments.get("dim", arguments.get("axis"))
    values = arguments[source_of(variant)]
    if function_of(variant) == "scatter_nd":
        assign(result, tuple(index.T), values)
    elif variant.startswith("index_"):
        assign(np.moveaxis(result, dim, 0), index, np.moveaxis(values, dim, 0))
    else:
        mesh = list(np.ogrid[tuple(map(slice, index.shape))])
        mesh[dim] = index
        assign(result, tuple(mesh), values)
    return result


def combined(fg, variant, values, dtype, start=0):
    """`values` combined by `variant` into one element that holds `start`."""
    values = np.array(values).astype(dtype)
    data = np.array([start, start]).astype(dtype)
    if variant in SEGMENTS:
        whole = {"lengths": [len(values)], "initial": data[0]}
        return fg.segment_reduce(values, **whole, **VARIANTS[variant])
    index = np.ones(len(values), int)
    arguments = {data_of(variant): data, source_of(variant): values, **VARIANTS[variant]}
    if function_of(variant) == "scatter_nd":
        return run(fg, variant, arguments | {"indices": index[:, None]})[1:]
    return run(fg, variant, arguments | {"dim": 0, "index": index})[1:]


def all_that(*reductions, alone=False):
    """Every way to these reductions, with the element that is there taking part or not."""
    among = [v for v in COMBINING + SEGMENTS if reduction_of(v) in reductions]
    among = [v for v in among if v.endswith("-alone") == alone and not (alone and v in SEGMENTS)]
    return pytest.mark.parametrize("variant", among)


# The last in C order wins


@large
@pytest.mark.parametrize("variant", [v for v in WRITES if v in MOVES and v != "index_fill"])
def test_last_duplicate_wins(fg, variant, shape):
    arguments = large_call(variant, shape, "i4", order="F")
    expected = written_by_numpy(variant, arguments, np.ndarray.__setitem__)
    for threads in THREADS:
        with fg.num_threads(threads):
            assert_same(run(fg, variant, writable(variant, arguments)), expected)


FORMS = {
    "array": lambda index: index[..., None],
    "tuple": lambda index: (index,),
    "tuple of two": lambda index: (index, index[:1]),
}
ASSIGN = {"none": np.ndarray.__setitem__, "add": np.add.at, "mul": np.multiply.at}


@pytest.mark.parametrize("reduction", ASSIGN)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("layout", ["fortran", "backwards", "transposed"])
@pytest.mark.parametrize("shape", [(30, 40, 50), (2000, 3, 2)])
def test_order_is_that_of_the_index_not_of_memory(fg, shape, layout, form, reduction):
    rng, layout = np.random.default_rng(0), PLAIN_LAYOUTS[layout]
    index = rng.integers(0, 3, shape)
    values = rng.uniform(0.99, 1.01, index.shape).astype("f4")
    place = (index, np.broadcast_to(index[:1], index.shape))[: 2 if form == "tuple of two" else 1]
    data = np.ones((3, 3)[: len(place)], "f4")
    expected = data.copy()
    ASSIGN[reduction](expected, tuple(map(np.ravel, place)), values.ravel())
    for threads in THREADS:
        with fg.num_threads(threads):
            result = fg.scatter_nd(data, FORMS[form](layout(index)), layout(values), reduction)
        assert_same(result, expected)


@pytest.mark.parametrize("reduction", ASSIGN)
@pytest.mark.parametrize("shape", [(2, 3, 2000), (3, 3, 3000), (2, 2, 3, 2000)])
def test_order_of_a_few_points_of_long_slices(fg, shape, reduction):
    """In Fortran's order slices are outermost, and the points of each lie next to each other."""
    rng = np.random.default_rng(0)
    index = np.asfortranarray(np.arange(math.prod(shape[:-1])).reshape(shape[:-1]) % 2)
    updates = np.asfortranarray(rng.uniform(0.99, 1.01, shape).astype("f4"))
    data = np.asfortranarray(np.ones((2, shape[-1]), "f4"))
    expected = data.copy()
    for position in np.ndindex(shape[:-1]):
        row = expected[index[position]]
        ASSIGN[reduction](row, slice(None), updates[position])
    for threads in THREADS:
        with fg.num_threads(threads):
            assert_same(fg.scatter_nd(data, (index,), updates, reduction), expected)


@pytest.mark.parametrize("threads", THREADS)
def test_order_where_lines_are_written_together(fg, threads):
    """`arr` broadcasts along the first dim, so that the rows of `indices` meet in one line."""
    rng = np.random.default_rng(0)
    indices = rng.integers(0, 50, (400, 300)).copy(order="F")
    values = rng.standard_normal((400, 300)).copy(order="F")
    expected, result = np.zeros((1, 50)), np.zeros((1, 50))
    for row in range(400):
        expected[0, indices[row]] = values[row]
    with fg.num_threads(threads):
        fg.put_along_axis(result, indices, values, 1)
    assert_same(result, expected)


# Sums and products in C order


@large
@pytest.mark.parametrize("dtype", ["f4", "i2"])
@pytest.mark.parametrize(
    "variant",
    ["scatter_add", "index_add", "scatter_reduce-prod", "scatter_nd-add", "scatter_nd-mul"],
)
def test_sums_and_products_in_c_order(fg, variant, dtype, shape):
    """As `numpy.ufunc.at` does them, one after the other in the dtype itself."""
    arguments = large_call(variant, shape, dtype, order="F")
    ufunc = np.add if reduction_of(variant) == "sum" else np.multiply
    with np.errstate(all="ignore"):
        expected = written_by_numpy(variant, arguments, ufunc.at)
    assert_same(run(fg, variant, arguments), expected, any_nan=True)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(300, 301), (1050, 1051)])
def test_segments_in_order(fg, axis, order, shape):
    data = np.random.default_rng(0).standard_normal(shape).astype("f4", order=order)
    lengths = np.array([100, 0, 7, data.shape[axis] - 117, 10])
    index = np.repeat(np.arange(5), lengths)
    expected = np.zeros((5, shape[1]) if axis == 0 else (shape[0], 5), "f4")
    np.add.at(np.moveaxis(expected, axis, 0), index, np.moveaxis(data, axis, 0))
    assert_same(fg.segment_reduce(data, "sum", lengths=lengths, axis=axis), expected)


@pytest.mark.parametrize("axis", [0, 1, 2, 3])
@pytest.mark.parametrize("dims", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1), (1, 3, 2, 0)])
@pytest.mark.parametrize("gaps", [False, True])
def test_segments_of_dims_in_any_order(fg, axis, dims, gaps):
    rng = np.random.default_rng(0)
    data = rng.standard_normal((46, 23, 24, 50))[::2, :-1, ::-1, ::2]
    data = (data if gaps else data.copy()).transpose(dims)
    lengths = np.array([3, 0, 7, data.shape[axis] - 10])
    expected = np.zeros((*data.shape[:axis], 4, *data.shape[axis + 1 :]))
    index = np.repeat(np.arange(4), lengths)
    np.add.at(np.moveaxis(expected, axis, 0), index, np.moveaxis(data, axis, 0))
    result = fg.segment_reduce(data, "sum", lengths=lengths, axis=axis)
    assert result.flags.c_contiguous
    assert_same(result, expected)


def test_alpha_rounds_before_the_sum(fg):
    """Two roundings: no fused multiply-add."""
    rng = np.random.default_rng(0)
    x, source = (rng.standard_normal((50, 1000)).astype("f4") for _ in range(2))
    index = rng.integers(0, 50, 50)
    alpha = np.float32(0.1)
    expected = x.copy()
    np.add.at(expected, index, source * alpha)
    assert_same(fg.index_add(x, 0, index, source, alpha=alpha), expected)
    assert_same(fg.index_add(x, 0, index, source, alpha=0.1), expected)


def test_concatenation_shows_the_order(fg):
    for dtype in (np.dtype(object), np.dtypes.StringDType()):
        x = np.array(["", "x"], object).astype(dtype)
        src = np.array(list("abcdef"), object).astype(dtype)
        result = fg.scatter_add(x, 0, np.array([0, 1, 0, 0, 1, 0]), src)
        assert result.dtype == dtype
        assert result.tolist() == ["acdf", "xbe"]


@all_that("prod")
def test_complex_products_are_plain(fg, variant):
    """`ac - bd`, without the repair of infinities that C99 suggests: NumPy's."""
    for a, b in [
        (complex(np.inf, np.inf), complex(np.inf, 0)),
        (complex(np.inf, 0), complex(0, 1)),
        (complex(1e300, 1e300), complex(1e300, -1e300)),
        (complex(-0.0, 1), complex(0.0, -1)),
    ]:
        expected = np.array([a])
        with np.errstate(all="ignore"):
            np.multiply.at(expected, [0], np.array([b]))
        assert_same(combined(fg, variant, [b], "D", start=a), expected, any_nan=True)


# Every number of threads, both engines


@pytest.mark.compiled
@large
@pytest.mark.parametrize("variant", VARIANTS)
def test_same_bits_on_every_number_of_threads_and_both_engines(variant, shape):
    from fastgather import _core, _fallback

    for dtype in ("f4",) if variant in MOVES or "far" in shape else ("f4", "f2", "i1"):
        arguments = large_call(variant, shape, dtype, order="F")
        expected = run(_fallback, variant, writable(variant, arguments))
        for threads in THREADS:
            with _core.num_threads(threads):
                assert_same(run(_core, variant, writable(variant, arguments)), expected)


def writable(variant, arguments):
    """The arguments with `put_along_axis`'s destination copied."""
    return arguments | ({"arr": arguments["arr"].copy()} if is_put(variant) else {})


# Narrow floats accumulate in float32 and round once


@narrow_floats
@all_that("sum")
def test_narrow_sums_do_not_stall(fg, variant, dtype):
    """Adding ones in float16 stops at 2048, in bfloat16 at 256."""
    result = combined(fg, variant, np.ones(4096), dtype, start=2048)
    assert_same(result, np.array([6144]).astype(dtype))


@all_that("prod")
def test_narrow_products_do_not_overflow_midway(fg, variant):
    result = combined(fg, variant, [2.0**15, 2.0**15, 2.0**-14, 2.0**-14], "f2", start=1)
    assert_same(result, np.array([4.0], "f2"))


@narrow_floats
@all_that("mean")
def test_narrow_means(fg, variant, dtype):
    values = [60000.0, 60000.0, 30000.0]
    with np.errstate(over="ignore"):
        exact = np.array(values).astype(dtype).astype("f4").sum(dtype="f4")
    count = 3 if variant in SEGMENTS else 4
    expected = np.array([exact / np.float32(count)]).astype(dtype)
    assert_same(combined(fg, variant, values, dtype), expected)


@narrow_floats
@all_that("sum", "prod", "mean")
def test_narrow_results_round_once(fg, variant, dtype):
    """Many random values, against float32 all the way."""
    rng = np.random.default_rng(0)
    values = rng.uniform(0.9, 1.1, 200).astype(dtype)
    total = np.float32(1)
    for value in values.astype("f4"):
        total = total * value if reduction_of(variant) == "prod" else total + value
    if reduction_of(variant) == "mean":
        total = total / np.float32(len(values) + (variant not in SEGMENTS))
    assert_same(combined(fg, variant, values, dtype, start=1), np.array([total]).astype(dtype))


@narrow_floats
@pytest.mark.parametrize("variant", COMBINING)
def test_narrow_elements_that_no_index_names_keep_their_bits(fg, variant, dtype):
    """A signalling NaN would not survive a detour through float32."""
    patterns = np.arange(2**16, dtype="u2").view(dtype)
    data = np.concatenate([patterns, patterns[:1]])
    arguments = {data_of(variant): data, source_of(variant): patterns[:3], **VARIANTS[variant]}
    index = np.full(3, -1)
    if function_of(variant) == "scatter_nd":
        arguments["indices"] = index[:, None]
    else:
        arguments |= {"dim": 0, "index": index}
    assert_same(run(fg, variant, arguments)[:-1], patterns)


@pytest.mark.compiled
@pytest.mark.parametrize("threads", THREADS)
@narrow_floats
def test_narrow_floats_convert_as_theirs_do(instruction_sets, dtype, threads):
    """From every one of them, and to them from what lies about every number they could round to."""
    from fastgather import _core, _narrow

    narrow = np.arange(2**16, dtype="u2").view(dtype)
    lows = np.array([0, 0x1000, 0x3000, 0x8000, 0xF000])[:, None] + [-1, 0, 1]
    wide = (np.arange(2**16, dtype="u4") << 16)[:, None] + lows.reshape(-1).astype("u4")
    wide = wide.reshape(-1).view("f4")
    wide = wide[~np.isnan(wide)]
    with _core.num_threads(threads), np.errstate(all="ignore"):
        is_nan = np.isnan(narrow)
        for _ in instruction_sets():
            widened = _narrow.converted(narrow, np.dtype("f4"))
            assert np.isnan(widened[is_nan]).all()
            assert_same(widened[~is_nan], narrow[~is_nan].astype("f4"))
            assert_same(_narrow.converted(wide, np.dtype(dtype)), wide.astype(dtype))
            odd = wide.copy()
            odd[4097] = np.nan
            for array in (odd, wide[:0], wide[:1], wide[::3], wide.reshape(2, -1).T, wide[7:4500]):
                assert_same(_narrow.converted(array, np.dtype(dtype)), array.astype(dtype))


OUTS = ["none", "input", "other", "backwards"]


@pytest.mark.compiled
@pytest.mark.parametrize("out", OUTS)
@pytest.mark.parametrize(
    "dtype", ["f2", ml_dtypes.bfloat16, ml_dtypes.float8_e5m2, "f4", "i2", ">f8"], ids=str
)
@pytest.mark.parametrize("variant", COMBINING)
def test_few_elements_of_many_have_accumulators_of_their_own(variant, dtype, out):
    """All others keep their bits, in every mode; as on the engine that has one for each element."""
    from fastgather import _core, _fallback

    rng = np.random.default_rng(0)
    for shape, dim in (((300,), 0), ((60, 4, 3), 0), ((3, 70), 1)):
        for mode in ("raise", "drop", "wrap", "clip"):
            arguments = plain_call(variant, rng, dtype=dtype, shape=shape, dim=dim, length=6)
            name, data = index_of(variant), arguments[data_of(variant)]
            if mode != "raise":
                arguments[name].flat[::3] += 1000
            data.reshape(-1)[::2] = np.array(np.nan if np.dtype(dtype).kind != "i" else 7).astype(
                dtype
            )
            expected = run(_fallback, variant, arguments | {"mode": mode})
            given = arguments | {"mode": mode}
            if out != "none":
                held = np.zeros_like(data)[::-1] if out == "backwards" else np.zeros_like(data)
                given["out"] = held if out != "input" else data
            assert_same(run(_core, variant, given), expected)


def spread(index):
    return np.broadcast_to(index[:, :, :1], index.shape)


@pytest.mark.compiled
@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("include_self", [True, False])
@pytest.mark.parametrize("form", [np.asarray, spread], ids=["each", "alike"])
@pytest.mark.parametrize("dtype", ["f4", "f8", "g", "F", "D", "i2", "i8", "u8", ">f4"])
def test_means_go_over_the_count_of_each_element(dtype, form, include_self, threads):
    """One count serves all elements along a dim only if the index names all of them, and alike."""
    from fastgather import _core, _fallback

    rng = np.random.default_rng(0)
    data = (1000 * rng.standard_normal((50, 60, 40))).astype(dtype)
    for length, width in ((90, 40), (90, 39), (1, 40)):
        index = form(rng.integers(0, 60, (50, length, width)))
        src = (1000 * rng.standard_normal(index.shape)).astype(dtype)
        arguments = {"input": data, "dim": 1, "index": index, "src": src, "reduce": "mean"}
        arguments |= {"include_self": include_self}
        expected = _fallback.scatter_reduce(**arguments)
        with _core.num_threads(threads):
            assert_same(_core.scatter_reduce(**arguments), expected)
            out = np.zeros((40, 60, 50), dtype).T[:, ::-1]
            assert_same(_core.scatter_reduce(**arguments, out=out), expected)


def test_a_count_may_be_more_than_a_float_holds(fg):
    """2 ** 24 + 1, which no float32 is: where the total stalls, too, but not in the same way."""
    many = 2**24 + 1
    index, ones = np.broadcast_to(np.int8(0), many), np.broadcast_to(np.float32(1), many)
    expected = (np.float64(2**24) / many).astype("f4")
    data = np.zeros(1, "f4")
    result = fg.scatter_reduce(data, 0, index, ones, "mean", include_self=False)
    assert_same(result, np.array([expected]))
    assert_same(fg.segment_reduce(ones, "mean", lengths=[many]), np.array([expected]))
    pairs = np.broadcast_to(np.float32(1), (many, 2))
    result = fg.segment_reduce(pairs, "mean", lengths=np.array([many]))
    assert_same(result, np.array([[expected, expected]]))


@pytest.mark.parametrize("dtype", ["f2", "f4"])
@pytest.mark.parametrize("variant", ["scatter_reduce-mean", "index_reduce-mean-alone"])
def test_nothing_is_lost_if_one_of_few_is_out_of_range(fg, variant, dtype):
    data = np.ones(1000, dtype)
    with pytest.raises(IndexError, match="index 1000 at position"):
        run(
            fg,
            variant,
            plain_call(variant, np.random.default_rng(0), dtype, (1000,), 0, 3)
            | {data_of(variant): data, "index": np.array([3, 1000, 5]), "out": data},
        )
    assert (data == 1).all()


# NaN and zeros


@floats
@all_that("amax", "amin")
def test_nan_propagates(fg, variant, dtype):
    for values in ([np.nan, 1.0], [1.0, np.nan], [1.0, np.nan, 2.0], [-np.inf, np.nan, np.inf]):
        result = combined(fg, variant, values, dtype, start=0.5)
        assert_same(result, np.array([np.nan]).astype(dtype))
    assert np.isnan(combined(fg, variant, [1.0, 2.0], dtype, start=np.nan)).all()


@pytest.mark.parametrize("variant", ["scatter_reduce-amax", "index_reduce-amin", "scatter_nd-max"])
def test_nan_that_is_there_keeps_its_bits(fg, variant):
    payloads = {"f2": [0x7E01, 0xFE03], "f4": [0x7FC12345, 0xFFC00001], "f8": [0xFFF8000000000007]}
    for dtype, patterns in payloads.items():
        for pattern in patterns:
            start = np.array(pattern, f"u{dtype[1]}").view(dtype)
            result = combined(fg, variant, [1.0, np.nan, 2.0], dtype, start=start)
            assert result.view(f"u{dtype[1]}").tolist() == [pattern]


@pytest.mark.parametrize("include_self", [True, False])
@pytest.mark.parametrize(
    ("dtype", "reduce", "pattern"),
    [
        ("f2", "sum", 0x7D01),
        ("f2", "amax", 0xFD01),
        ("f4", "mean", 0x7FA00001),
        ("f2", "mean", 0x7D01),
    ],
)
def test_signalling_nan_that_is_not_named_keeps_its_bits(fg, dtype, reduce, pattern, include_self):
    """Nothing is done to it, no conversion and no division by 1: that would make it quiet."""
    data = np.ones(5, dtype)
    data.view(f"u{dtype[1]}")[1:3] = pattern
    result = fg.scatter_reduce(data, 0, [0, 2, 2], data[:3], reduce, include_self=include_self)
    assert result.view(f"u{dtype[1]}")[1] == pattern
    assert np.isnan(result).tolist() == [False, True, True, False, False]


@pytest.mark.skipif(not hasattr(ml_dtypes, "complex32"), reason="needs ml_dtypes 0.6")
@pytest.mark.parametrize("name", ["complex32", "bcomplex32"])
def test_narrow_complex_numbers_keep_both_parts(fg, name):
    data = np.array([1 + 2j, 3 + 4j]).astype(getattr(ml_dtypes, name))
    result = fg.scatter_reduce(data, 0, [1], data[:1], "sum")
    assert result.astype(complex).tolist() == [1 + 2j, 4 + 6j]
    result = fg.scatter_reduce(data, 0, [1], data[:1], "amax")
    assert result.astype(complex).tolist() == [1 + 2j, 3 + 4j]
    with pytest.raises(TypeError, match="mean is not defined"):
        fg.scatter_reduce(data, 0, [1], data[:1], "mean")


def test_spare_bits_of_what_is_not_named_stay(fg):
    """A byte holds an int4, whose other half a conversion would clear."""
    data = np.array([0x13, 1, 2], np.uint8).view(ml_dtypes.int4)
    assert fg.scatter_reduce(data, 0, [1], data[2:], "sum").view(np.uint8).tolist() == [0x13, 3, 2]


@all_that("amax", "amin", alone=True)
def test_nan_that_was_there_does_not_count_alone(fg, variant):
    assert combined(fg, variant, [1.0], "f4", start=np.nan).tolist() == [1.0]


@all_that("amax", "amin")
def test_nat_propagates(fg, variant):
    for dtype in ("M8[s]", "m8[s]"):
        values = np.array([3, 9], "i8").astype(dtype)
        start = np.array(5, "i8").astype(dtype)
        largest = reduction_of(variant) == "amax"
        expected = np.array([9 if largest else 3], "i8").astype(dtype)
        assert_same(combined(fg, variant, values, dtype, start=start), expected)
        values[0] = "NaT"
        assert np.isnat(combined(fg, variant, values, dtype, start=start)).all()


@floats
@all_that("amax", "amin")
def test_zeros_are_ordered(fg, variant, dtype):
    """-0.0 < 0.0, whichever comes first."""
    wanted = -0.0 if reduction_of(variant) == "amin" else 0.0
    for start, value in ((0.0, -0.0), (-0.0, 0.0), (wanted, wanted)):
        result = combined(fg, variant, [value], dtype, start=start)
        assert_same(result, np.array([wanted]).astype(dtype))


@floats
@all_that("sum", alone=True)
def test_negative_zero_alone_stays_negative(fg, variant, dtype):
    assert_same(combined(fg, variant, [-0.0], dtype, start=5), np.array([-0.0]).astype(dtype))


@floats
@all_that("sum")
def test_infinities(fg, variant, dtype):
    if dtype == "f2" or np.dtype(dtype).itemsize > 2:
        assert combined(fg, variant, [np.inf, 1.0], dtype, start=1).tolist() == [np.inf]
    assert np.isnan(combined(fg, variant, [np.inf, -np.inf], dtype, start=1)).all()


# Integers, bools


@pytest.mark.parametrize("dtype", ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"])
@all_that("sum", "prod")
def test_integers_wrap_round(fg, variant, dtype):
    top = int(np.iinfo(dtype).max)
    for start, values in [(top, [1, top, 3]), (3, [top, top - 1, 7]), (top // 2, [2, 3])]:
        exact = start
        for value in values:
            exact = exact * value if reduction_of(variant) == "prod" else exact + value
        expected = np.array([exact % 2 ** (8 * np.dtype(dtype).itemsize)], "u8").astype(dtype)
        assert_same(combined(fg, variant, np.array(values, dtype), dtype, start=start), expected)


def test_integer_alpha_wraps_round(fg):
    result = fg.index_add(np.array([100], "i1"), 0, [0], np.array([100], "i1"), alpha=3)
    assert result.tolist() == [400 - 512]


MEANS = [(0, [1, 1]), (0, [-1]), (-1, [-1, 0, 0]), (100, [100, 101]), (-128, [-128] * 5)]


@pytest.mark.parametrize("dtype", ["i1", "i2", "i4", "i8"])
@all_that("mean")
def test_integer_means_round_towards_minus_infinity(fg, variant, dtype):
    for start, values in MEANS:
        expected = integer_mean(variant, start, values, dtype)
        assert_same(combined(fg, variant, values, dtype, start=start), expected)


@all_that("mean")
def test_integer_means_accumulate_in_64_bits(fg, variant):
    for dtype in ("u1", "u2", "u4", "i1", "i2", "i4"):
        limits = np.iinfo(dtype)
        for extreme in (limits.min, limits.max):
            expected = integer_mean(variant, extreme, [extreme] * 1000, dtype)
            assert_same(combined(fg, variant, [extreme] * 1000, dtype, start=extreme), expected)
    for dtype, values in (("u8", [2**63, 5]), ("i8", [2**62, 3]), ("u8", [2**64 - 1, 2])):
        expected = integer_mean(variant, 2**62, values, dtype)
        assert_same(combined(fg, variant, np.array(values, dtype), dtype, start=2**62), expected)


def integer_mean(variant, start, values, dtype):
    """The sum wrapped to 64 bits, divided and rounded down."""
    total = np.array((start + sum(values)) % 2**64, "u8")
    total = total.astype("i8" if np.dtype(dtype).kind == "i" else "u8")
    return np.array([int(total) // (len(values) + (variant not in SEGMENTS))]).astype(dtype)


BOOLS = {"sum": any, "amax": any, "prod": all, "amin": all}


@all_that(*BOOLS)
def test_bools(fg, variant):
    """Sums and maxima are "or", products and minima "and"."""
    for values in ([True, False], [False, False], [True, True], [True, True, False]):
        for start in (True, False):
            expected = np.array([BOOLS[reduction_of(variant)]([start, *values])])
            assert_same(combined(fg, variant, values, "?", start=start), expected)


@all_that(*BOOLS, alone=True)
def test_bools_alone(fg, variant):
    for values in ([True, False], [False, False], [True, True]):
        expected = np.array([BOOLS[reduction_of(variant)](values)])
        assert_same(combined(fg, variant, values, "?", start=True), expected)
        assert_same(combined(fg, variant, values, "?", start=False), expected)


# include_self=False


@pytest.mark.parametrize("dtype", ["i1", "u2", "i8", "f2", "f4", "f8", "g", "F", "m8[s]"])
@all_that("sum", "prod", "mean", "amax", "amin", alone=True)
def test_one_value_alone_is_the_result(fg, variant, dtype):
    """Also where the value is the dtype's extreme; elements that are not named stay."""
    if dtype == "m8[s]" and reduction_of(variant) in ("prod", "mean"):
        dtype = "i8"  # times have neither
    values = {"i": [-5, 0, 7], "u": [0, 7], "f": [-np.inf, 3.5, np.inf], "F": [2 - 3j]}
    kind = np.dtype(dtype).char if dtype == "F" else np.dtype(dtype).kind
    for value in values.get(kind, [7]):
        value = np.array([value]).astype(dtype)
        start = np.array(50, "i8").astype(dtype)
        assert_same(combined(fg, variant, value, dtype, start=start), value)
    data = np.array([1, 2, 3]).astype(dtype)
    index = np.array([-1])
    arguments = {"dim": 0, "index": index, data_of(variant): data, source_of(variant): data[:1]}
    assert_same(run(fg, variant, arguments | VARIANTS[variant])[:2], data[:2])


# Segments


@pytest.mark.parametrize("dtype", ["i1", "u8", "f2", "f4", "F", "?", ml_dtypes.bfloat16], ids=str)
@pytest.mark.parametrize("reduce", ["sum", "prod", "max", "min"])
def test_empty_segments(fg, reduce, dtype):
    data = np.array([1, 0]).astype(dtype)
    expected = np.array([empty_value(reduce, data.dtype)]).astype(dtype)
    assert_same(fg.segment_reduce(data, reduce, lengths=[0, 2])[:1], expected)
    assert_same(fg.segment_reduce(data, reduce, lengths=[2, 0], initial=data[0])[1:], data[:1])


@pytest.mark.parametrize("dtype", ["f2", "f4", "F", ml_dtypes.bfloat16], ids=str)
def test_mean_of_an_empty_segment(fg, dtype):
    data = np.array([1, 3]).astype(dtype)
    assert np.isnan(fg.segment_reduce(data, "mean", lengths=[0, 2])).tolist() == [True, False]
    result = fg.segment_reduce(data, "mean", lengths=[2, 0], initial=data[1])
    assert_same(result, np.array([3.5, 3]).astype(dtype))


@pytest.mark.parametrize("dtype", ["i1", "u8"])
def test_integers_have_no_mean_of_an_empty_segment(fg, dtype):
    data = np.array([1, 4], dtype)
    with pytest.raises(ValueError, match="empty"):
        fg.segment_reduce(data, "mean", lengths=[0, 2])
    result = fg.segment_reduce(data, "mean", lengths=[2, 0], initial=3)
    assert_same(result, np.array([4, 3], dtype))


def empty_value(reduce, dtype):
    if reduce in ("sum", "prod"):
        return float(reduce == "prod")
    if dtype.kind in "iu":
        return getattr(np.iinfo(dtype), "min" if reduce == "max" else "max")
    if dtype.kind == "b":
        return reduce == "min"
    infinity = -np.inf if reduce == "max" else np.inf
    return complex(infinity, infinity) if dtype.kind == "c" else infinity


@pytest.mark.parametrize(
    "lengths", [[2**62] * 4 + [5], [2**63 - 1, 2**63 - 1, 7], [6], [4], [-1, 6]]
)
def test_lengths_that_do_not_add_up_are_refused_also_where_their_sum_wraps_round(fg, lengths):
    with pytest.raises(ValueError, match="add up to 5"):
        fg.segment_reduce(np.ones(5), "sum", lengths=np.array(lengths, np.int64))


@pytest.mark.parametrize(("reduce", "data_dtype"), [("sum", "f8"), ("mean", "i1"), ("mean", ">i4")])
@pytest.mark.parametrize("name", ["lengths", "offsets"])
def test_runs_by_any_integers(fg, name, reduce, data_dtype):
    data, given = np.arange(6).astype(data_dtype).reshape(2, 3).T, [0, 3]
    for dtype in (">i8", "u1", "i4", "u8"):
        for runs in (np.array(given, dtype), np.repeat(np.array(given, dtype), 2)[::2]):
            result = fg.segment_reduce(data, reduce, **{name: runs}, initial=1)
            assert_same(result, fg.segment_reduce(data, reduce, **{name: given}, initial=1))
    with pytest.raises(ValueError, match=f"{name} must"):
        fg.segment_reduce(data, "sum", **{name: [2**63]})
