"""What a type checker makes of calls. test_types.py has mypy read this file; nothing runs it.

An ignored error is one that mypy must find: with --strict, an ignore without an error is one.
"""

from typing import TYPE_CHECKING, Any, Literal, assert_type

import numpy as np
from numpy.typing import NDArray

import fastgather as fg
from fastgather import _fallback, explain, masking, ragged

if TYPE_CHECKING:  # a pure installation does not have it
    from fastgather import _core


def reads(x: NDArray[np.float32], index: NDArray[np.int64], out: NDArray[np.float32]) -> None:
    assert_type(fg.gather(x, 1, index), NDArray[np.float32])
    assert_type(fg.gather(x, np.int8(1), [[0, 1]]), NDArray[np.float32])
    assert_type(fg.gather(x, 1, index, mode="fill", fill_value=np.nan), NDArray[np.float32])
    assert_type(fg.index_select(x, 1, index), NDArray[np.float32])
    assert_type(fg.take_along_axis(x, index), NDArray[np.float32])
    assert_type(fg.take_along_axis(x, index, axis=None), NDArray[np.float32])
    assert_type(fg.gather_nd(x, index, 1), NDArray[np.float32])
    assert_type(fg.gather_nd(x, (index, 0, [1, 2])), NDArray[np.float32])
    assert_type(fg.gather(x, 1, index, out=out, mode="drop"), NDArray[np.float32])
    assert_type(fg.index_select([1.0], 1, index, out=out), NDArray[np.float32])
    assert_type(fg.take_along_axis([1.0], index, out=out), NDArray[np.float32])
    assert_type(fg.gather_nd([1.0], index, out=out), NDArray[np.float32])


def every_dtype(
    flags: NDArray[np.bool_],
    numbers: NDArray[np.complex128],
    texts: NDArray[np.str_],
    records: NDArray[np.void],
    objects: NDArray[np.object_],
    unknown: NDArray[Any],
    index: NDArray[np.uint8],
) -> None:
    assert_type(fg.gather(flags, 0, index), NDArray[np.bool_])
    assert_type(fg.gather(numbers, 0, index), NDArray[np.complex128])
    assert_type(fg.gather(texts, 0, index), NDArray[np.str_])
    assert_type(fg.gather(records, 0, index), NDArray[np.void])
    assert_type(fg.gather(objects, 0, index), NDArray[np.object_])
    assert_type(fg.gather(unknown, 0, index), NDArray[Any])
    assert_type(fg.gather([[1, 2]], 0, index), NDArray[Any])
    assert_type(fg.gather(np.zeros((2, 3)), 0, np.argsort(numbers)), NDArray[np.float64])


def take(x: NDArray[np.int16], index: NDArray[np.intp], out: NDArray[np.int16]) -> None:
    assert_type(fg.take(x, index), NDArray[np.int16])
    assert_type(fg.take(x, [[0, 1]], axis=1), NDArray[np.int16])
    assert_type(fg.take(x, 3), np.int16)
    assert_type(fg.take(x, np.int32(3), mode="clip"), np.int16)
    assert_type(fg.take(x, x > 0), NDArray[np.int16])
    assert_type(fg.take(x, 3, axis=0), Any)
    assert_type(fg.take([1, 2], 0), Any)
    assert_type(fg.take([1, 2], index), NDArray[Any])
    assert_type(fg.take([1, 2], index, 0, out), NDArray[np.int16])
    assert_type(fg.take(x, index, out=out, mode="drop"), NDArray[np.int16])


def writes(x: NDArray[np.int8], index: NDArray[np.int32], out: NDArray[np.int8]) -> None:
    assert_type(fg.scatter(x, 0, index, 1), NDArray[np.int8])
    assert_type(fg.scatter_add(x, 0, index, x), NDArray[np.int8])
    assert_type(fg.scatter_reduce(x, 0, index, x, "mean", include_self=False), NDArray[np.int8])
    assert_type(fg.index_copy(x, 0, index, x), NDArray[np.int8])
    assert_type(fg.index_add(x, 0, index, [[1]], alpha=2), NDArray[np.int8])
    assert_type(fg.index_fill(x, 0, index, 7, mode="drop"), NDArray[np.int8])
    assert_type(fg.index_reduce(x, 0, index, x, "amax"), NDArray[np.int8])
    assert_type(fg.scatter_nd(x, (index, index), x, "add"), NDArray[np.int8])
    assert_type(fg.scatter([1, 2], 0, index, 1), NDArray[Any])
    assert_type(fg.scatter_add([1, 2], 0, index, 1), NDArray[Any])
    assert_type(fg.scatter_reduce([1, 2], 0, index, 1, "sum"), NDArray[Any])
    assert_type(fg.index_copy([1, 2], 0, index, 1), NDArray[Any])
    assert_type(fg.index_add([1, 2], 0, index, 1), NDArray[Any])
    assert_type(fg.index_fill([1, 2], 0, index, 1), NDArray[Any])
    assert_type(fg.index_reduce([1, 2], 0, index, 1, "prod"), NDArray[Any])
    assert_type(fg.scatter_nd([1, 2], index, 1), NDArray[Any])
    assert_type(fg.scatter([1, 2], 0, index, 1, out=out), NDArray[np.int8])
    assert_type(fg.scatter_add(x, 0, index, 1, out=out), NDArray[np.int8])
    assert_type(fg.scatter_reduce(x, 0, index, 1, "prod", out=out), NDArray[np.int8])
    assert_type(fg.index_copy(x, 0, index, 1, out=out), NDArray[np.int8])
    assert_type(fg.index_add(x, 0, index, 1, out=out), NDArray[np.int8])
    assert_type(fg.index_fill(x, 0, index, 1, out=out), NDArray[np.int8])
    assert_type(fg.index_reduce(x, 0, index, 1, "amin", out=out), NDArray[np.int8])
    assert_type(fg.scatter_nd(x, index, 1, out=out), NDArray[np.int8])
    fg.put_along_axis(x, index, 1, 0, mode="wrap")


def segments(x: NDArray[np.float64], cuts: NDArray[np.int64]) -> None:
    assert_type(fg.segment_reduce(x, "max", lengths=cuts), NDArray[np.float64])
    assert_type(fg.segment_reduce(x, "sum", offsets=[0, 2], axis=1), NDArray[np.float64])
    assert_type(fg.segment_reduce([1.0], "mean", lengths=[1], initial=0), NDArray[Any])
    assert_type(fg.segment_reduce([1.0], "mean", offsets=cuts), NDArray[Any])


def settings() -> None:
    assert_type(fg.backend, Literal["cython", "python"])
    assert_type(fg.__version__, str)
    assert_type(fg.get_num_threads(), int)
    assert_type(fg.show_config("dict"), dict[str, Any])
    with fg.num_threads(np.int64(2)) as nothing:
        assert_type(nothing, None)
    fg.set_num_threads(2)
    fg.show_config()


def engines(x: NDArray[np.float16], index: NDArray[np.int64]) -> None:
    assert_type(_core.gather(x, 0, index), NDArray[np.float16])
    assert_type(_fallback.gather(x, 0, index), NDArray[np.float16])


def modules(x: NDArray[np.float32], ids: NDArray[np.int64], seed: np.random.Generator) -> None:
    kept, mask, restore = masking.random_masking(x, rng=seed)
    assert_type(kept, NDArray[np.float32])
    assert_type(mask, NDArray[np.float32])
    assert_type(restore, NDArray[np.int64])
    assert_type(masking.block_masking(x, grid=(2, 2), rng=0)[0], NDArray[np.float32])
    assert_type(masking.tube_masking([[1, 2]], frames=1)[0], NDArray[Any])
    assert_type(masking.restore(x, ids), NDArray[np.float32])
    assert_type(fg.masking.shuffle(x, ids), NDArray[np.float32])
    assert_type(masking.unshuffle([[1, 2]], [[1, 0]]), NDArray[Any])
    assert_type(masking.topk_gather(ids, x, 2), NDArray[np.float32])
    assert_type(masking.argsort_gather(ids, x, descending=True), NDArray[np.float32])
    assert_type(masking.pad(x, ids), NDArray[np.float32])
    assert_type(fg.ragged.unpad(x, [1, 2]), NDArray[np.float32])
    assert_type(ragged.pack_sequences(x, ids, 8)[1], NDArray[np.int64])
    assert_type(ragged.unpack_sequences(x, ids), NDArray[np.float32])
    assert_type(explain.formula(2, 1), str)
    assert_type(explain.trace(x, 1, ids, (0, 1)), str)
    assert_type(fg.explain.find_index(x, x), tuple[int, NDArray[np.int64]])
    explain.draw(x, 1, ids, "picture.png")
    masking.random_masking(x, frames=2)  # type: ignore
    ragged.pad(x, 0.5)  # type: ignore
    explain.formula("2", 1)  # type: ignore


def mistakes(x: NDArray[np.float32], index: NDArray[np.int64]) -> None:
    fg.gather(x, 1, x)  # type: ignore
    fg.gather(x, 1, 0.5)  # type: ignore
    fg.gather(x, 1.0, index)  # type: ignore
    fg.gather(x, 1, index, mode="drop")  # type: ignore
    fg.gather(x, 1, index, mode="rise")  # type: ignore
    fg.gather(x, 1, index, out=[[1.0]])  # type: ignore
    fg.gather(x, 1, index, x)  # type: ignore
    fg.scatter(x, 1, index, x, mode="fill")  # type: ignore
    fg.scatter_reduce(x, 1, index, x, "max")  # type: ignore
    fg.segment_reduce(x, "amax", lengths=index)  # type: ignore
    fg.segment_reduce(x, "max")  # type: ignore
    fg.segment_reduce(x, "max", lengths=index, offsets=index)  # type: ignore
    fg.put_along_axis([1.0], index, 1, 0)  # type: ignore
    fg.set_num_threads("2")  # type: ignore
    fg.no_such_name()  # type: ignore
