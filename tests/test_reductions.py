"""The paragraph "Duplicates" of the contract: which value stays, and what combining gives,
to the bit, on every number of threads and on both engines."""

import ml_dtypes
import numpy as np
import oracle
import pytest
from calls import (
    COMBINING,
    LARGE,
    MOVES,
    VARIANTS,
    WRITES,
    assert_same,
    data_of,
    function_of,
    index_of,
    on_arrays,
    plain_call,
    random_data,
    reduction_of,
    run,
    source_of,
)
from conftest import ENGINES

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
        return fg.segment_reduce(values, lengths=[len(values)], initial=data[0], **VARIANTS[variant])
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
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("variant", [v for v in WRITES if v in MOVES and v != "index_fill"])
def test_last_duplicate_wins(fg, variant, shape, order):
    arguments = large_call(variant, shape, "i4", order)
    expected = written_by_numpy(variant, arguments, np.ndarray.__setitem__)
    for threads in THREADS:
        with fg.num_threads(threads):
            assert_same(run(fg, variant, on_arrays(arguments, np.copy)), expected)


def fortran_ordered_calls(rng):
    """Writes where the order of memory is not the order of C, all into a few elements."""
    index, values = rng.integers(0, 3, (300, 400)), rng.standard_normal((300, 400)).astype("f4")
    turned, values = index.copy(order="F"), values.copy(order="F")
    flipped = index[::-1, ::-1].copy()[::-1, ::-1]
    for name, places in (("fortran", turned), ("flipped", flipped)):
        pair = (places, places[:1])
        yield f"array, {name}", {"indices": places[..., None], "updates": values}
        yield f"tuple, {name}", {"indices": (places,), "updates": values}
        yield f"two, {name}", {"indices": pair, "updates": values, "data": np.zeros((3, 3), "f4")}


FORTRAN_ORDERED = dict(fortran_ordered_calls(np.random.default_rng(0)))


@pytest.mark.parametrize("arguments", FORTRAN_ORDERED.values(), ids=FORTRAN_ORDERED)
@pytest.mark.parametrize("reduction", ["none", "add", "mul"])
def test_order_is_that_of_the_index_not_of_memory(fg, arguments, reduction):
    arguments = {"data": np.zeros(3, "f4"), "reduction": reduction, **arguments}
    arguments["data"] = arguments["data"] + (reduction == "mul")
    in_c_order = on_arrays(arguments, lambda array: np.array(array, order="C"))
    place = np.broadcast_arrays(*np.moveaxis(in_c_order["indices"], -1, 0)) if isinstance(
        in_c_order["indices"], np.ndarray) else np.broadcast_arrays(*in_c_order["indices"])
    expected = in_c_order["data"].copy()
    place = tuple(member.reshape(-1) for member in place)
    values = np.abs(in_c_order["updates"]).reshape(-1) if reduction == "mul" else in_c_order["updates"].reshape(-1)
    ...


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
