"""How PyTorch spells the work of each function."""

from functools import partial

import numpy as np

from fastgather.bench.peers import Lazy, writing

torch = Lazy("torch")
REDUCE = {"add": "sum", "mul": "prod", "max": "amax", "min": "amin"}


def set_threads(threads):
    torch.set_num_threads(threads)


def to_numpy(result):
    return result.numpy()


def wrap(array):
    """A tensor on the array's memory; PyTorch has no negative strides, so these are copied."""
    if any(stride < 0 for stride in array.strides):
        array = array.copy()
    return torch.from_numpy(array) if array.flags.writeable else _read_only(array)


def _read_only(array):
    """A broadcast array, without the warning that PyTorch gives for read-only memory."""
    view = array.view()
    base = array[tuple(slice(None) if stride else slice(0, 1) for stride in view.strides)]
    return torch.from_numpy(np.array(base)).expand(array.shape)


def operands(work):
    src = work.src if work.src is None or np.isscalar(work.src) else wrap(work.src)
    return wrap(work.input), work.dim, wrap(work.index), src


def method(name, *, fits=lambda work: work.mode == "raise"):
    """A spelling by the function of `torch` of that name, or in place by the method `name_`."""

    def spelling(work):
        if not fits(work):
            return None
        tensor, dim, index, src = operands(work)
        arguments = [dim, index] if src is None else [dim, index, src]
        if name in ("scatter_reduce", "index_reduce"):
            arguments.append(REDUCE.get(work.reduce, work.reduce))
        if name == "scatter_add" and np.isscalar(src):
            arguments[-1] = torch.ones(index.shape, dtype=tensor.dtype)
        if work.in_place or work.function == "put_along_axis":
            return partial(getattr(tensor.clone(), f"{name}_"), *arguments)
        return partial(getattr(torch, name), tensor, *arguments)

    spelling.__name__ = name
    return spelling


def take_along_dim(work):
    tensor, dim, index, _ = operands(work)
    if work.mode == "wrap":
        size = work.shape[dim]
        return lambda: torch.take_along_dim(tensor, index.remainder(size), dim)
    return partial(torch.take_along_dim, tensor, index, dim)


def take(work):
    """Rows by `embedding` or `index_select`, out-of-range indices mended first."""
    tensor, dim, index, _ = operands(work)
    size = work.shape[0]
    mend = {
        "raise": lambda: index,
        "wrap": lambda: index.remainder(size),
        "clip": lambda: index.clamp(0, size - 1),
        "fill": lambda: index.clamp(0),
    }[work.mode]
    shape = (*work.shape[:dim], *index.shape, *work.shape[dim:][1:])

    def taken():
        result = torch.index_select(tensor, dim, mend().reshape(-1)).reshape(shape)
        if work.mode == "fill":
            result.masked_fill_((index < 0)[..., None], 0)
        return result

    return taken


def embedding(work):
    if work.dim != 0 or work.mode != "raise" or len(work.shape) != 2:
        return None
    tensor, _, index, _ = operands(work)
    return partial(torch.nn.functional.embedding, index, tensor)


def fancy(work):
    """Indexing with tensors; for `take` and `index_select` on the first dim."""
    if work.mode != "raise" or work.dim:
        return None
    tensor, _, index, _ = operands(work)
    if work.function == "gather_nd":
        return lambda: tensor[index.unbind(-1)]
    return lambda: tensor[index]


def index_put(work):
    tensor, _, index, src = operands(work)
    if work.reduce not in (None, "add"):
        return None
    add = work.reduce == "add"
    return writing(
        work, lambda out: out.index_put_(index.unbind(-1), src, add), lambda _: tensor.clone()
    )


def segment_reduce(work):
    tensor, lengths = wrap(work.input), wrap(work.lengths)
    return partial(torch.segment_reduce, tensor, work.reduce, lengths=lengths, unsafe=False)


SPELLINGS = {
    "gather": (method("gather"), method("index_select", fits=lambda work: len(work.shape) == 1)),
    "take_along_axis": (take_along_dim,),
    "index_select": (method("index_select"), embedding),
    "take": (take, embedding),
    "gather_nd": (fancy,),
    "scatter": (method("scatter"),),
    "put_along_axis": (method("scatter"),),
    "index_copy": (method("index_copy"),),
    "index_fill": (method("index_fill"),),
    "scatter_nd": (index_put,),
    "scatter_add": (
        method("scatter_add"),
        method("index_add", fits=lambda work: len(work.shape) == 1 and work.cell.src == "array"),
    ),
    "scatter_reduce": (method("scatter_reduce"),),
    "index_add": (method("index_add"),),
    "index_reduce": (method("index_reduce"),),
    "segment_reduce": (segment_reduce,),
}
