"""The two engines side by side: names, signatures, docstrings, and where their work is done.

That their results are the same is in test_reductions.py and test_properties.py.
"""

import inspect
import sys

import numpy as np
import pytest
from calls import VARIANTS, dtypes_of, function_of, plain_call, run

import fastgather
from fastgather import _fallback

# The contract, section 2.
SIGNATURES = {
    "gather": '(input, dim, index, *, out=None, mode="raise", fill_value=0)',
    "scatter": '(input, dim, index, src, *, out=None, mode="raise")',
    "scatter_add": '(input, dim, index, src, *, out=None, mode="raise")',
    "scatter_reduce": (
        '(input, dim, index, src, reduce, *, include_self=True, out=None, mode="raise")'
    ),
    "index_select": '(input, dim, index, *, out=None, mode="raise", fill_value=0)',
    "index_copy": '(input, dim, index, source, *, out=None, mode="raise")',
    "index_add": '(input, dim, index, source, *, alpha=1, out=None, mode="raise")',
    "index_fill": '(input, dim, index, value, *, out=None, mode="raise")',
    "index_reduce": (
        '(input, dim, index, source, reduce, *, include_self=True, out=None, mode="raise")'
    ),
    "take": '(a, indices, axis=None, out=None, mode="raise", *, fill_value=0)',
    "take_along_axis": '(arr, indices, axis=-1, *, out=None, mode="raise", fill_value=0)',
    "put_along_axis": '(arr, indices, values, axis, *, mode="raise")',
    "gather_nd": '(params, indices, batch_dims=0, *, out=None, mode="raise", fill_value=0)',
    "scatter_nd": '(data, indices, updates, reduction="none", *, out=None, mode="raise")',
    "segment_reduce": ("(data, reduce, *, lengths=None, offsets=None, axis=0, initial=None)"),
    "set_num_threads": "(n)",
    "get_num_threads": "()",
    "num_threads": "(n)",
    "show_config": '(mode="stdout")',
}
each_name = pytest.mark.parametrize("name", SIGNATURES)


def test_public_names():
    assert sorted(fastgather.__all__) == sorted([*SIGNATURES, "backend"])
    assert all(hasattr(fastgather, name) for name in fastgather.__all__)


def test_every_function_has_tests():
    """The tables of calls.py hold what the rest of the suite runs over."""
    threads = {"set_num_threads", "get_num_threads", "num_threads", "show_config"}
    assert {function_of(variant) for variant in VARIANTS} == set(SIGNATURES) - threads


@each_name
def test_signature_is_the_contracts(fg, name):
    text = str(inspect.signature(getattr(fg, name))).replace("'", '"')
    assert text == SIGNATURES[name]


@each_name
def test_docstring(fg, name):
    docstring = getattr(fg, name).__doc__
    assert docstring == getattr(_fallback, name).__doc__
    assert getattr(fg, name).__name__ == name
    assert "Examples\n" in docstring
    parameters = inspect.signature(getattr(fg, name)).parameters
    assert [p for p in parameters if p not in docstring] == []


@each_name
def test_package_exports_the_chosen_engine(name):
    if fastgather.backend == "cython":
        from fastgather import _core as engine
    else:
        engine = _fallback
    assert getattr(fastgather, name) is getattr(engine, name)


def functions_called(function, *args):
    """The files and names of all Python functions that run, and of built-in ones called by them."""
    called = []

    def note(frame, event, argument):
        name = argument.__name__ if event == "c_call" else frame.f_code.co_name
        if event in ("call", "c_call"):
            called.append((frame.f_code.co_filename, name))

    function(*args)  # what only a first call does
    sys.setprofile(note)
    try:
        function(*args)
    finally:
        sys.setprofile(None)
    return called


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_loop_over_elements(fg, variant):
    counts = []
    for n in (150, 180):  # both take the same way: large for the Python engine, and one block
        arguments = plain_call(variant, np.random.default_rng(0), "i4", (n, n), 1, n - 1)
        counts.append(len(functions_called(run, fg, variant, arguments)))
    assert counts[1] < counts[0] + 20


@pytest.mark.compiled
@pytest.mark.parametrize("variant", VARIANTS)
def test_compiled_engine_leaves_no_numbers_to_the_other(variant):
    from fastgather import _core

    for dtype in dtypes_of(variant):
        if dtype.kind in "biufc":
            arguments = plain_call(variant, np.random.default_rng(0), dtype, (4, 5, 6), 1, 5)
            called = functions_called(run, _core, variant, arguments)
            assert not [name for file, name in called if file.endswith("_fallback.py")]
            assert "at" not in [name for _, name in called]  # numpy.ufunc.at
