"""The N-d names, and the ONNX operators that PyTorch's names stand for, against ONNX's reference
implementation. The oracle is checked too."""

import numpy as np
import oracle
import pytest
from calls import LAYOUTS, assert_same, boxed, on_arrays, random_call, run

onnx = pytest.importorskip("onnx", reason="ONNX is not installed")
onnx_reference = pytest.importorskip("onnx.reference", reason="ONNX is not installed")

SHAPES = [(5,), (3, 4), (2, 3, 4), (2, 1, 3, 2)]
DTYPES = ["i4", "i8", "u1", "f4", "f8"]
REDUCTIONS = ["none", "add", "mul", "max", "min"]


def reference(operator, inputs, **attributes):
    """What ONNX's own evaluator gives for one operator."""
    names = [f"input{k}" for k in range(len(inputs))]
    node = onnx.helper.make_node(operator, names, ["result"], **attributes)
    evaluator = onnx_reference.ReferenceEvaluator(node)
    return evaluator.run(None, dict(zip(names, map(np.array, inputs), strict=True)))[0]


def random_calls(name, dtype):
    """Calls on int64 indices, the arrays in all layouts, no NaN, no -0.0."""
    rng = np.random.default_rng(0)
    for shape in SHAPES:
        for layout in LAYOUTS.values():
            arguments = random_call(name, rng, shape, dtype)
            del arguments["mode"]
            yield on_arrays(on_arrays(arguments, finite), layout)


def finite(array):
    return np.nan_to_num(array, posinf=9, neginf=-9) + array.dtype.type(0)


def assert_all(fg, name, arguments, expected):
    expected = expected.astype(arguments[next(iter(arguments))].dtype)  # the reference is native
    assert_same(run(oracle, name, arguments), expected)
    assert_same(run(fg, name, arguments), expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_gather_is_take(fg, dtype):
    for arguments in random_calls("take", dtype):
        a, indices, axis = arguments["a"], arguments["indices"], arguments["axis"]
        if axis is not None:
            expected = reference("Gather", [a, indices], axis=axis).astype(a.dtype)
            result = fg.take(**arguments)
            assert_same(boxed(result, a.dtype) if np.ndim(result) == 0 else result, expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_gather_elements_is_gather(fg, dtype):
    for arguments in random_calls("gather", dtype):
        x, index = arguments["input"], arguments["index"]
        dim = arguments["dim"] % x.ndim
        if np.delete(x.shape, dim).tolist() == np.delete(index.shape, dim).tolist():
            # The reference takes no other index, nor a negative axis.
            expected = reference("GatherElements", [x, index], axis=dim)
            assert_all(fg, "gather", arguments, expected)


def stacked(indices):
    """ONNX has no tuples of index arrays."""
    return np.stack(np.broadcast_arrays(*indices), -1) if isinstance(indices, tuple) else indices


@pytest.mark.parametrize("dtype", DTYPES)
def test_gather_nd(fg, dtype):
    for arguments in random_calls("gather_nd", dtype):
        params, indices = arguments["params"], arguments["indices"]
        indices = stacked(indices)
        if indices.shape[-1]:
            expected = reference("GatherND", [params, indices], batch_dims=arguments["batch_dims"])
            assert_all(fg, "gather_nd", arguments, expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_scatter_nd(fg, dtype, reduction):
    for arguments in random_calls(f"scatter_nd-{reduction}", dtype):
        data, indices, updates = (arguments[name] for name in ("data", "indices", "updates"))
        indices = stacked(indices)
        with np.errstate(all="ignore"):
            expected = reference("ScatterND", [data, indices, updates], reduction=reduction)
        assert_all(fg, f"scatter_nd-{reduction}", arguments, expected)


SCATTERS = {
    "none": "scatter",
    "add": "scatter_reduce-sum",
    "mul": "scatter_reduce-prod",
    "max": "scatter_reduce-amax",
    "min": "scatter_reduce-amin",
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_scatter_elements_is_scatter_and_scatter_reduce(fg, dtype, reduction):
    for arguments in random_calls(SCATTERS[reduction], dtype):
        inputs = [arguments[name] for name in ("input", "index", "src")]
        with np.errstate(all="ignore"):
            expected = reference(
                "ScatterElements", inputs, axis=arguments["dim"], reduction=reduction
            )
        assert_all(fg, SCATTERS[reduction], arguments, expected)
