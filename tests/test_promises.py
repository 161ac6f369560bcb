"""What the contract promises for all functions, a group of tests for each paragraph of
"Rules common to all of them", in its order."""

import array
import gc
import operator
import subprocess
import sys
import textwrap
import threading
import tracemalloc
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from calls import (
    COMBINING,
    INDEX_DTYPES,
    LARGE,
    MOVES,
    PLAIN_LAYOUTS,
    READS,
    SEGMENTS,
    VARIANTS,
    WRITES,
    assert_same,
    axis_argument,
    data_of,
    function_of,
    index_of,
    on_arrays,
    plain_call,
    random_data,
    read_only,
    reduction_of,
    run,
    sharing_memory,
    source_of,
)

NUMPY_NAMES = ["take", "take_along_axis", "put_along_axis"]
WITH_MODE = [*READS, *WRITES]
WITH_OUT = [variant for variant in WITH_MODE if variant != "put_along_axis"]
each_variant = pytest.mark.parametrize("variant", VARIANTS)
each_read = pytest.mark.parametrize("variant", READS)
each_write = pytest.mark.parametrize("variant", WRITES)
with_mode = pytest.mark.parametrize("variant", WITH_MODE)
with_out = pytest.mark.parametrize("variant", WITH_OUT)


def call_of(variant, **options):
    """A small call, the same every time; see `plain_call` for the options."""
    return plain_call(variant, np.random.default_rng(0), **options)


def result_of(fg, variant, arguments):
    """The result on private copies of the arguments."""
    return run(fg, variant, on_arrays(arguments, np.copy))


def destination_of(variant):
    return "arr" if variant == "put_along_axis" else "out"


# Inputs


class Convertible:
    """What numpy.asarray takes by its protocol."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return self.array if dtype is None else self.array.astype(dtype)


@each_variant
@pytest.mark.parametrize(
    "convert", [np.ndarray.tolist, memoryview, Convertible, read_only], ids=operator.attrgetter("__name__")
)
def test_anything_that_asarray_takes(fg, variant, convert):
    arguments = call_of(variant, dtype="i8")
    expected = result_of(fg, variant, arguments)
    converted = on_arrays(arguments, convert)
    if variant == "put_along_axis":
        converted["arr"] = arguments["arr"]
    assert_same(run(fg, variant, converted), expected)


def test_array_of_the_standard_library_and_range(fg):
    assert fg.take(array.array("d", [1.5, 2.5]), range(1)).tolist() == [1.5]
    assert fg.gather(range(5, 9), 0, array.array("b", [-1, 0])).tolist() == [8, 5]


def masked_arguments():
    for variant in VARIANTS:
        for name, value in call_of(variant).items():
            if isinstance(value, np.ndarray):
                yield pytest.param(variant, name, id=f"{variant}-{name}")


@pytest.mark.parametrize(("variant", "name"), list(masked_arguments()))
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
def test_result_is_a_plain_array(fg, variant):
    arguments = call_of(variant)
    views = on_arrays(arguments, lambda value: value.view(np.recarray))
    if variant == "put_along_axis":
        views["arr"] = arguments["arr"]
    result = run(fg, variant, views)
    assert type(result) is np.ndarray


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "F", "D", ml_dtypes.bfloat16, "V3", "V16", "V24"])
@pytest.mark.parametrize("variant", MOVES)
def test_moves_keep_every_bit(fg, variant, dtype):
    """NaN payloads and signalling NaNs included."""
    arguments = call_of(variant, dtype="i8", shape=(7, 8), dim=0, length=5)
    raw = on_arrays(arguments, lambda value: random_bits(value.shape, dtype))
    raw[index_of(variant)] = arguments[index_of(variant)]
    width = np.dtype(dtype).itemsize

    def as_bytes(array):
        return array if array.dtype == "i8" else np.array(array).view((np.uint8, width))[..., None][..., 0, :]

    expected = result_of(fg, variant, on_arrays(raw, lambda value: value)).tobytes()
    assert expected == moved_bytes(variant, raw, width)


def random_bits(shape, dtype):
    """Every bit random, but in the first element, a signalling NaN where the dtype is float32."""
    raw = np.random.default_rng(0).bytes(int(np.prod(shape)) * np.dtype(dtype).itemsize)
    return np.frombuffer(bytearray(raw), dtype).reshape(shape)
