"""Random calls of every function: ranks, dtypes, layouts, index dtypes, modes, `out`.

Small ones against the oracle, larger ones of one engine against the other.
"""

import math

import numpy as np
import oracle
import pytest
from calls import (
    INDEX_DTYPES,
    LAYOUTS,
    NUMERIC,
    PLAIN_LAYOUTS,
    READS,
    SEGMENTS,
    STRUCTURED,
    VARIANTS,
    WRITES,
    assert_same,
    boxed,
    data_of,
    dtypes_of,
    has_invalid_bytes,
    index_of,
    is_put,
    modes_of,
    on_arrays,
    random_call,
    random_data,
    read_only,
    reduction_of,
    result_shape,
    run,
    sharing_memory,
    spoil,
)
from hypothesis import event, given, note, settings
from hypothesis import strategies as st


@st.composite
def shapes(draw, ranks, longest, size):
    sides = draw(st.lists(st.integers(0, longest), min_size=min(ranks), max_size=max(ranks)))
    while math.prod(sides) > size:
        sides[np.argmax(sides)] //= 2
    return tuple(sides)


@st.composite
def calls(draw, variant, shapes, dtypes, index_dtypes=INDEX_DTYPES, modes=None):
    """Arguments for `variant`, in and out of bounds, each array in a layout of its own."""
    shape, dtype = draw(shapes), draw(st.sampled_from(dtypes))
    index_dtype, mode = (
        draw(st.sampled_from(index_dtypes)),
        draw(st.sampled_from(modes or modes_of(variant))),
    )
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    arguments = random_call(variant, rng, shape, dtype, index_dtype, mode)
    if variant not in SEGMENTS and draw(st.integers(0, 3)) == 0:
        spoil(rng, arguments[index_of(variant)])
    layouts = PLAIN_LAYOUTS if variant in SEGMENTS else LAYOUTS  # lengths must still add up
    arguments = on_arrays(
        arguments, lambda array: read_only(layouts[draw(st.sampled_from(sorted(layouts)))](array))
    )
    return arguments if variant in SEGMENTS else with_destination(draw, rng, variant, arguments)


def with_destination(draw, rng, variant, arguments):
    """The arguments with `out`: none, apart from the inputs, overlapping one, or `input` itself."""
    kinds = ["apart", "overlapping", "none", "in place"]
    if is_put(variant):
        kinds = ["in place", "overlapping"]
    elif variant in READS:
        kinds = kinds[: 2 if arguments["mode"] == "drop" else 3]
    kind = draw(st.sampled_from(kinds))
    event(kind)
    if kind == "none":
        return arguments
    data = arguments[data_of(variant)]
    content = random_data(rng, result_shape(variant, arguments), data.dtype)
    layout = PLAIN_LAYOUTS[draw(st.sampled_from(sorted(PLAIN_LAYOUTS)))]
    out = layout(data if kind == "in place" else content)
    if kind == "in place":
        arguments = arguments | {data_of(variant): out}
    if kind == "overlapping":
        name = draw(st.sampled_from([k for k, v in arguments.items() if is_shareable(v, data)]))
        starts = draw(st.tuples(st.integers(0, 20), st.integers(0, 20)))
        shared, out = sharing_memory(arguments[name], out, starts)
        arguments = arguments | {name: shared}
    return arguments | {"arr" if is_put(variant) else "out": out}


def is_shareable(value, data):
    """Whether `value` can lie in one buffer with an array of `data`'s dtype."""
    return isinstance(value, np.ndarray) and (
        value.dtype == data.dtype or not has_invalid_bytes(data.dtype)
    )


def assert_like(reference, fg, variant, arguments, any_nan):
    """`fg` gives what `reference` gives, or raises what it raises and changes nothing."""
    note("\n".join(map(described, arguments.items())))
    before = on_arrays(arguments, np.copy)
    out = arguments.get("arr" if is_put(variant) else "out")
    try:
        expected = run(reference, variant, on_arrays(arguments, np.copy))
    except (IndexError, ValueError) as raised:
        error = raised
    else:
        error = None
    if error is not None:
        with pytest.raises(type(error)) as caught:
            run(fg, variant, arguments)
        if arguments.get("mode") == "raise":
            assert str(caught.value) == str(error)
        if variant in WRITES and out is not None:
            assert_same(out, before["arr" if is_put(variant) else "out"])
        return
    result = run(fg, variant, arguments)
    if out is not None:
        assert result is out
    elif variant == "take" and np.ndim(expected) == 0:
        assert not isinstance(result, np.ndarray)
        result, expected = (boxed(value, arguments["a"].dtype) for value in (result, expected))
    assert_same(result, expected, any_nan)
    if out is None:
        for name, value in arguments.items():
            assert_unchanged(value, before[name])


def assert_unchanged(value, before):
    if isinstance(value, tuple):
        for member, member_before in zip(value, before, strict=True):
            assert_same(member, member_before)
    elif isinstance(value, np.ndarray):
        assert_same(value, before)


def described(item):
    name, value = item
    if not isinstance(value, np.ndarray) or value.size > 1000:
        return f"{name}: {value!r}"
    return f"{name}: {value.dtype} {value.shape} strides {value.strides}\n{value!r}"


@pytest.mark.parametrize("variant", VARIANTS)
@given(data=st.data())
def test_call_gives_what_the_oracle_gives(fg, variant, data):
    ranks = range(variant in SEGMENTS, 6)
    arguments = data.draw(calls(variant, shapes(ranks, 5, 120), dtypes_of(variant)))
    assert_like(oracle, fg, variant, arguments, any_nan=reduction_of(variant) is not None)


# The variants that among them use every kernel, with the reductions in which NaN keeps its bits.
KERNELS = [
    "gather",
    "take_along_axis",
    "index_select",
    "gather_nd",
    "scatter",
    "put_along_axis",
    "scatter_nd-none",
    "scatter_add",
    "index_add",
    "scatter_nd-max",
    "index_reduce-mean",
]


@pytest.mark.compiled
@pytest.mark.parametrize("variant", KERNELS)
@settings(max_examples=settings.default.max_examples // 2)
@given(data=st.data())
def test_engines_agree_on_larger_arrays(variant, data):
    """Where dims coalesce, rows and tiles form and several threads run; to the bit."""
    from fastgather import _core, _fallback

    dtypes = [dtype for dtype in NUMERIC if dtype in dtypes_of(variant)]
    if reduction_of(variant) is None:
        dtypes += [np.dtype("V3"), np.dtype("V12"), np.dtype("V24"), np.dtype("M8[s]"), STRUCTURED]
    arguments = data.draw(calls(variant, shapes(range(1, 4), 2000, 100_000), dtypes))
    with _core.num_threads(data.draw(st.sampled_from([1, 2, 3, 7]))):
        assert_like(_fallback, _core, variant, arguments, any_nan=False)


# What the sizes of the Python engine are set to: blocks that cut most shapes; NumPy's own indexing
# for one line only; for everything; for nothing, and all places at once, the same for sums only.
WAYS = [
    {"BLOCK": 7, "SMALL": 0, "FEW": 0, "LINE": 0, "LINES": 0, "POINTS": 0},
    {"BLOCK": 50, "SMALL": 0, "FEW": 0, "LINE": 9, "LINES": 0, "POINTS": 0},
    {"BLOCK": 7, "SMALL": 1 << 30, "FEW": 1 << 30, "LINE": 1 << 30},
    {"BLOCK": 1 << 16, "SMALL": 0, "FEW": 0, "LINE": 0, "LINES": 0, "POINTS": 0},
    {"BLOCK": 1 << 16, "SMALL": 1 << 30, "FEW": 0, "LINE": 0, "LINES": 0, "POINTS": 0},
]


@pytest.fixture(scope="module", params=WAYS, ids=lambda way: "-".join(map(str, way.values())))
def forced_fallback(request):
    from fastgather import _fallback

    usual = {name: getattr(_fallback, name) for name in request.param}
    vars(_fallback).update(request.param)
    yield _fallback
    vars(_fallback).update(usual)


@pytest.mark.parametrize("variant", VARIANTS)
@settings(max_examples=settings.default.max_examples // 2)
@given(data=st.data())
def test_the_python_engine_in_blocks_and_without(forced_fallback, variant, data):
    arguments = data.draw(
        calls(variant, shapes(range(variant in SEGMENTS, 6), 6, 200), dtypes_of(variant))
    )
    any_nan = reduction_of(variant) is not None
    assert_like(oracle, forced_fallback, variant, arguments, any_nan)


@pytest.mark.parametrize("variant", [v for v in VARIANTS if v not in SEGMENTS])
@settings(max_examples=settings.default.max_examples // 2)
@given(data=st.data())
def test_the_python_engine_on_an_index_that_it_does_not_copy(forced_fallback, variant, data):
    dtypes, shape = dtypes_of(variant), shapes(range(1, 5), 6, 200)
    arguments = data.draw(calls(variant, shape, dtypes, [np.dtype(np.intp)], ["raise"]))
    any_nan = reduction_of(variant) is not None
    assert_like(oracle, forced_fallback, variant, arguments, any_nan)


@pytest.mark.parametrize("negative", [False, True])
@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("shape", [(6, 6), (4, 9), (5, 5, 5), (3, 4, 6)])
def test_points_of_the_python_engine(forced_fallback, shape, order, apart, negative):
    """All coordinates in one array or apart, in either order, some negative in the last blocks."""
    rng = np.random.default_rng(0)
    x, points = rng.integers(0, 100, shape), rng.integers(0, shape, (60, len(shape)))
    points[-20:] -= negative * np.array(shape)
    points = np.array(points, order=order)
    where = tuple(points.T)
    indices = where if apart else points
    assert_same(forced_fallback.gather_nd(x, indices), x[where])
    expected, updates = x.copy(), rng.integers(0, 100, 60)
    np.add.at(expected, where, updates)
    assert_same(forced_fallback.scatter_nd(x, indices, updates, "add"), expected)
    points[37, 1] = shape[1]
    message = rf"index {shape[1]} at position \(37,.*\) is out of bounds for dim 1"
    with pytest.raises(IndexError, match=message):
        forced_fallback.gather_nd(x, indices)
    with pytest.raises(IndexError, match=message):
        forced_fallback.scatter_nd(x, indices, updates)
