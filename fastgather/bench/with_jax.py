"""How JAX spells the work, compiled by `jax.jit` for the CPU."""

import os
from functools import partial

import numpy as np

from fastgather.bench.peers import Lazy

jax = Lazy("jax")
jnp = Lazy("jax.numpy")

METHODS = {
    "sum": "add", "add": "add", "prod": "multiply", "mul": "multiply",
    "amax": "max", "max": "max", "amin": "min", "min": "min",
}  # fmt: skip


def set_threads(threads):
    """XLA reads these when it starts."""
    os.environ["NPROC"] = str(threads)
    os.environ["JAX_PLATFORMS"] = "cpu"
    if threads == 1:
        os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + (
            " --xla_cpu_multi_thread_eigen=false"
        )
    jax.config.update("jax_enable_x64", True)


def to_numpy(result):
    return np.asarray(result)


def compiled(function, *arrays):
    """
    A call of the compiled function that waits for its result.

    JAX knows one memory layout. It shares arrays that have it; others are copied in each call.
    """
    call = jax.jit(function)
    if all(getattr(array, "flags", np.empty(0).flags).c_contiguous for array in arrays):
        arrays = [jnp.asarray(array) for array in arrays]
    return lambda: call(*arrays).block_until_ready()


def take_along_axis(work):
    if work.mode != "raise":
        return None
    along = partial(jnp.take_along_axis, axis=work.dim, mode="promise_in_bounds")
    return compiled(along, work.input, work.index)


def take(work):
    if work.index.ndim != 1 and work.function != "take":
        return None
    fill = {"fill_value": 0} if work.mode == "fill" else {}
    if work.mode == "fill":  # JAX wraps negative indices first
        index = np.where(work.index < 0, work.shape[work.dim], work.index)
    else:
        index = work.index
    mode = "clip" if work.mode == "raise" else work.mode
    along = partial(jnp.take, axis=work.dim, mode=mode, **fill)
    return compiled(along, work.input, index)


def gather_nd(work):
    return compiled(
        lambda params, index: params[tuple(jnp.moveaxis(index, -1, 0))], work.input, work.index
    )


def at(work):
    """`x.at[index].set(...)`, `.add(...)` and the others."""
    if work.in_place or work.function == "put_along_axis" or work.mode != "raise":
        return None
    plain = "add" if work.function.endswith("_add") else "set"
    name = METHODS.get(work.reduce) if work.reduce else plain
    if name is None:
        return None

    def write(array, index, src):
        return getattr(array.at[_where(work, index)], name)(src)

    return compiled(write, work.input, work.index, np.asarray(work.src, work.dtype))


def _where(work, index):
    if work.function == "scatter_nd":
        return tuple(jnp.moveaxis(index, -1, 0))
    if work.function.startswith("index_"):
        return (slice(None),) * work.dim + (index,)
    arrays = list(jnp.ogrid[tuple(map(slice, index.shape))])
    arrays[work.dim] = index
    return tuple(arrays)


def segment(work):
    if work.reduce == "mean":
        return None
    reduce = getattr(jax.ops, f"segment_{work.reduce}")
    total, segments = work.shape[0], work.lengths.size

    def reduced(data, lengths):
        labels = jnp.repeat(jnp.arange(segments), lengths, total_repeat_length=total)
        return reduce(data, labels, segments, indices_are_sorted=True)

    return compiled(reduced, work.input, work.lengths)


SPELLINGS = {
    "gather": (take_along_axis, take),
    "take_along_axis": (take_along_axis,),
    "index_select": (take,),
    "take": (take,),
    "gather_nd": (gather_nd,),
    "segment_reduce": (segment,),
    **dict.fromkeys(
        (
            "scatter", "scatter_add", "scatter_reduce", "scatter_nd",
            "index_copy", "index_add", "index_fill", "index_reduce",
        ),
        (at,),
    ),
}  # fmt: skip
