"""Random calls of every function against the oracle: ranks, dtypes, layouts, modes, `out`."""

import math

import numpy as np
import oracle
import pytest
from calls import (
    INDEX_DTYPES,
    LAYOUTS,
    PLAIN_LAYOUTS,
    READS,
    SEGMENTS,
    VARIANTS,
    WRITES,
    assert_same,
    boxed,
    data_of,
    dtypes_of,
    index_of,
    modes_of,
    on_arrays,
    random_call,
    random_data,
    read_only,
    reduction_of,
    run,
    sharing_memory,
    spoil,
)
from hypothesis import event, given, note
from hypothesis import strategies as st


@st.composite
def shapes(draw, lowest_rank):
    sides = draw(st.lists(st.integers(0, 5), min_size=lowest_rank, max_size=5))
    while math.prod(sides) > 120:
        sides[np.argmax(sides)] -= 1
    return tuple(sides)


@st.composite
def calls(draw, variant):
    """Arguments for `variant`, in and out of bounds, each array in a layout of its own."""
    dtype, mode = draw(st.sampled_from(dtypes_of(variant))), draw(st.sampled_from(modes_of(variant)))
    shape, index_dtype = draw(shapes(int(variant in SEGMENTS))), draw(st.sampled_from(INDEX_DTYPES))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    arguments = random_call(variant, rng, shape, dtype, index_dtype, mode)
    if variant not in SEGMENTS and draw(st.integers(0, 3)) == 0:
        spoil(rng, arguments[index_of(variant)])
    layouts = PLAIN_LAYOUTS if variant in SEGMENTS else LAYOUTS
    arguments = on_arrays(
        arguments, lambda array: read_only(layouts[draw(st.sampled_from(sorted(layouts)))](array))
    )
    return arguments if variant in SEGMENTS else with_destination(draw, rng, variant, arguments)


def with_destination(draw, rng, variant, arguments):
    """The arguments with `out`: none, apart from the inputs, overlapping one, or `input` itself."""
    kinds = ["apart", "overlapping", "none", "in place"]
    if variant == "put_along_axis":
        kinds = ["in place", "overlapping"]
    elif variant in READS:
        kinds = kinds[: 2 if arguments["mode"] == "drop" else 3]
    kind = draw(st.sampled_from(kinds))
    event(kind)
    if kind == "none":
        return arguments
    data = arguments[data_of(variant)]
    if variant in READS:
        harmless = {"mode": "fill", "fill_value": np.zeros((), data.dtype)[()]}
        shape = run(oracle, variant, arguments | harmless).shape
    else:
        shape = data.shape
    content = data if kind == "in place" else random_data(rng, shape, data.dtype)
    out = PLAIN_LAYOUTS[draw(st.sampled_from(sorted(PLAIN_LAYOUTS)))](content)
    if kind == "in place":
        arguments = arguments | {data_of(variant): out}
    if kind == "overlapping":
        name = draw(st.sampled_from([k for k, v in arguments.items() if is_shareable(v, data)]))
        starts = draw(st.tuples(st.integers(0, 20), st.integers(0, 20)))
        shared, out = sharing_memory(arguments[name], out, starts)
        arguments = arguments | {name: shared}
    return arguments | {"arr" if variant == "put_along_axis" else "out": out}


def is_shareable(value, data):
    """Whether `value` can lie in one buffer with an array of `data`'s dtype."""
    return isinstance(value, np.ndarray) and (
        value.dtype == data.dtype or data.dtype.kind not in "OTU"
    )


@pytest.mark.parametrize("variant", VARIANTS)
@given(data=st.data())
def test_call_gives_what_the_oracle_gives(fg, variant, data):
    arguments = data.draw(calls(variant))
    note("\n".join(map(described, arguments.items())))
    before = on_arrays(arguments, np.copy)
    out = arguments["arr"] if variant == "put_along_axis" else arguments.get("out")
    try:
        expected = run(oracle, variant, arguments)
    except (IndexError, ValueError) as error:
        with pytest.raises(type(error)) as caught:
            run(fg, variant, arguments)
        if arguments.get("mode") == "raise":
            assert str(caught.value) == str(error)
        if variant in WRITES and out is not None:
            assert_same(out, before["arr" if variant == "put_along_axis" else "out"])
        return
    result = run(fg, variant, arguments)
    if out is not None:
        assert result is out
    elif variant == "take" and expected.ndim == 0:
        assert not isinstance(result, np.ndarray)
        result = boxed(result, expected.dtype)
    assert_same(result, expected, any_nan=reduction_of(variant) is not None)
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
    if not isinstance(value, np.ndarray):
        return f"{name}: {value!r}"
    return f"{name}: {value.dtype} {value.shape} strides {value.strides}\n{value!r}"
