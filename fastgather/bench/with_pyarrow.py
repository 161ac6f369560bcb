"""How pyarrow spells the work: `take` on arrays of one dim."""

from functools import partial

from fastgather.bench.peers import Lazy

pyarrow = Lazy("pyarrow")


def set_threads(threads):
    pyarrow.set_cpu_count(threads)


def to_numpy(result):
    return result.to_numpy()


def take(work):
    if len(work.shape) != 1 or work.index.ndim != 1 or work.mode != "raise":
        return None
    return partial(pyarrow.array(work.input).take, pyarrow.array(work.index))


SPELLINGS = dict.fromkeys(("gather", "take_along_axis", "index_select", "take"), (take,))
