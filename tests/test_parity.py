"""The two engines side by side: names, signatures, docstrings. Results: see test_reductions.py and
test_properties.py."""

import inspect

import pytest
from calls import VARIANTS, function_of

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
