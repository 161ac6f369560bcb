"""How onnxruntime spells the work: a session of one operator, fed with NumPy arrays."""

import numpy as np

from fastgather.bench.peers import Lazy

onnx = Lazy("onnx")
onnxruntime = Lazy("onnxruntime")

OPSET, IR_VERSION = 18, 10
REDUCE = {"sum": "add", "prod": "mul", "amax": "max", "amin": "min"}
_threads = 1


def set_threads(threads):
    global _threads
    _threads = threads


def to_numpy(result):
    return result


def session(operator, arrays, **attributes):
    """An inference session of one operator on arrays of these dtypes and any shape."""
    helper = onnx.helper
    names = ["data", "indices", "updates"][: len(arrays)]
    values = [
        helper.make_tensor_value_info(
            name, helper.np_dtype_to_tensor_dtype(array.dtype), [None] * array.ndim
        )
        for name, array in zip(names, arrays, strict=True)
    ]
    dtype = helper.np_dtype_to_tensor_dtype(arrays[0].dtype)
    node = helper.make_node(operator, names, ["result"], **attributes)
    result = helper.make_tensor_value_info("result", dtype, None)
    model = helper.make_model(
        helper.make_graph([node], operator, values, [result]),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = _threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    ), dict(zip(names, arrays, strict=True))


def run(work):
    """`InferenceSession.run`: arrays in, array out."""
    described = operator(work)
    if described is None:
        return None
    ready, feed = session(*described[:2], **described[2])
    return lambda: ready.run(None, feed)[0]


def operator(work):
    """The operator with its arrays and attributes, or None where ONNX has none."""
    if work.in_place or work.mode != "raise" or work.reduce == "mean":
        return None
    name = "add" if work.function.endswith("_add") else REDUCE.get(work.reduce, work.reduce)
    data, index, src = work.input, work.index, work.src
    reduction = {"reduction": name or "none"}
    if work.function in ("gather", "take_along_axis"):
        return "GatherElements", [data, index], {"axis": work.dim}
    if work.function in ("index_select", "take"):
        return "Gather", [data, index], {"axis": work.dim}
    if work.function == "gather_nd":
        return "GatherND", [data, index.astype(np.int64)], {}
    if work.function == "scatter_nd":
        return "ScatterND", [data, index, src], reduction
    if np.isscalar(src):
        src = np.full(index.shape, src, data.dtype)
    if work.function.startswith("scatter"):
        return "ScatterElements", [data, index, src], {"axis": work.dim, **reduction}
    if work.function in ("index_copy", "index_add", "index_reduce") and work.dim == 0:
        return "ScatterND", [data, index.astype(np.int64)[:, None], src], reduction
    return None


SPELLINGS = dict.fromkeys(
    (
        "gather", "take_along_axis", "index_select", "take", "gather_nd", "scatter", "scatter_add",
        "scatter_reduce", "index_copy", "index_add", "index_reduce", "scatter_nd",
    ),
    (run,),
)  # fmt: skip
