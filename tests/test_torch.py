"""The PyTorch names against PyTorch itself, on small integers, whose sums are exact in any order.
The oracle is checked too."""

import warnings

import numpy as np
import oracle
import pytest
from calls import (
    LARGE,
    PLAIN_LAYOUTS,
    SEGMENTS,
    VARIANTS,
    assert_same,
    data_of,
    function_of,
    index_of,
    on_arrays,
    plain_call,
    reduction_of,
    run,
    source_of,
)

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

SHAPES = [(5,), (3, 4), (2, 3, 4), (2, 1, 3, 2), (4, 0, 3)]
ITS_NAMES = [
    variant
    for variant in VARIANTS
    if variant.startswith(("gather", "scatter", "index")) and "_nd" not in variant
    if not variant.startswith("index_reduce-sum")  # index_add there
]


def cases():
    """Every variant with the dtypes for which PyTorch has it."""
    for variant in ITS_NAMES:
        reduce = reduction_of(variant)
        dtypes = ["u1", "i2", "i8", "f2", "f4", "f8"]
        if not variant.startswith("index_reduce"):
            dtypes += ["?"] * (reduce != "mean")
            dtypes += ["F", "D"] * (reduce in (None, "sum", "prod"))  # its means round otherwise
        for dtype in dtypes:
            yield pytest.param(variant, dtype, id=f"{variant}-{dtype}")


def exact_call(variant, dtype, shape, dim, length):
    """Small integers; no duplicates where PyTorch promises no order."""
    rng = np.random.default_rng(0)
    arguments = plain_call(variant, rng, dtype, shape, dim, length)
    for name in {data_of(variant), source_of(variant)} - {None}:
        values = rng.integers(0, 3, arguments[name].shape)
        arguments[name] = np.asarray(values).astype(dtype)
    if variant in ("scatter", "index_copy"):
        lines = shape if variant == "scatter" else shape[dim : dim + 1]
        order = np.argsort(rng.random(lines), axis=dim if variant == "scatter" else 0)
        arguments["index"] = np.take(order, range(length), axis=dim if variant == "scatter" else 0)
    return arguments


def theirs(variant, arguments):
    """PyTorch's result. It takes no negative index, and no strides below zero."""
    arguments = dict(arguments)
    index, data = arguments[index_of(variant)], arguments[data_of(variant)]
    if "dim" in arguments:
        size = data.shape[arguments["dim"]] if data.ndim else 1
        arguments[index_of(variant)] = np.asarray(index % size)
    if "value" in arguments:
        arguments["value"] = arguments["value"].item()
    tensors = on_arrays(arguments, lambda array: torch.from_numpy(np.array(array, order="C")))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # index_reduce calls itself a beta
        return getattr(torch, function_of(variant))(**tensors).numpy()


@pytest.mark.parametrize(("variant", "dtype"), list(cases()))
def test_call(fg, variant, dtype):
    for shape in SHAPES:
        for dim, size in enumerate(shape):
            arguments = exact_call(variant, dtype, shape, dim, max(size - 1, 1) if size else 0)
            expected = theirs(variant, arguments)
            assert_same(run(oracle, variant, arguments), expected, any_nan=True)
            for layout in PLAIN_LAYOUTS.values():
                result = run(fg, variant, on_arrays(arguments, layout))
                assert_same(result, expected, any_nan=True)


@pytest.mark.parametrize("shape", LARGE)
@pytest.mark.parametrize("variant", [v for v in ITS_NAMES if not v.endswith("-alone")])
def test_large_call(fg, variant, shape):
    shape, dim, length = LARGE[shape]
    if variant in ("scatter", "index_copy"):
        length = min(length, shape[dim])
    if reduction_of(variant) == "prod":
        length = min(length, 200)  # 2**200 is exact, and below the largest float64
    arguments = exact_call(variant, "f8", shape, dim, length)
    assert_same(run(fg, variant, arguments), theirs(variant, arguments), any_nan=True)


@pytest.mark.parametrize("variant", ITS_NAMES)
def test_0d(fg, variant):
    index = np.array([0] if variant.startswith("index") else 0)
    arguments = {"input": np.array(2.0), "dim": 0, "index": index, **VARIANTS[variant]}
    if source_of(variant):
        arguments[source_of(variant)] = np.array(3.0)
    expected = theirs(variant, arguments)
    assert_same(run(oracle, variant, arguments), expected)
    assert_same(run(fg, variant, arguments), expected)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@pytest.mark.parametrize("initial", [None, 2.0])
@pytest.mark.parametrize("variant", SEGMENTS)
def test_segments(fg, variant, dtype, initial):
    """PyTorch's lengths have a row for every line before `axis`; ours are the same for all."""
    data = np.random.default_rng(0).integers(1, 4, (2, 7, 3)).astype(dtype)
    reduce = VARIANTS[variant]["reduce"]
    for axis, lengths in ((0, [2, 0]), (0, [0, 1, 1]), (1, [3, 0, 4]), (1, [7]), (2, [1, 2])):
        rows = np.broadcast_to(lengths, (*data.shape[:axis], len(lengths))).copy()
        tensors = {"lengths": torch.from_numpy(rows), "axis": axis, "initial": initial}
        expected = torch.segment_reduce(torch.from_numpy(data), reduce, **tensors).numpy()
        given = {"axis": axis, "initial": initial}
        results = [
            oracle.segment_reduce(data, reduce, lengths=np.array(lengths), **given),
            fg.segment_reduce(data, reduce, lengths=lengths, **given),
            fg.segment_reduce(data, reduce, offsets=np.cumsum([0, *lengths]), **given),
        ]
        for result in results:
            assert_same(result, expected, any_nan=True)


@pytest.mark.parametrize("reduce", ["sum", "prod", "mean", "amax", "amin"])
@pytest.mark.parametrize("include_self", [True, False])
def test_nan(fg, reduce, include_self):
    x = np.array([np.nan, 1.0, 2.0, 3.0])
    index, src = np.array([0, 1, 1, 2]), np.array([1.0, np.nan, 5.0, 6.0])
    result = fg.scatter_reduce(x, 0, index, src, reduce, include_self=include_self)
    expected = torch.from_numpy(x).scatter_reduce(
        0, torch.from_numpy(index), torch.from_numpy(src), reduce, include_self=include_self
    )
    assert_same(result, expected.numpy(), any_nan=True)


def test_gradient_of_an_embedding(fg):
    """What people use `index_add` for."""
    weight = torch.zeros(10, 4, dtype=torch.float64, requires_grad=True)
    tokens, incoming = torch.tensor([3, 3, 9, 0, 3]), torch.arange(20.0).reshape(5, 4).double()
    torch.nn.functional.embedding(tokens, weight).backward(incoming)
    gradient = fg.index_add(np.zeros((10, 4)), 0, tokens.numpy(), incoming.numpy())
    assert_same(gradient, weight.grad.numpy())
