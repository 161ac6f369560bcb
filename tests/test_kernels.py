"""Every kernel at small sizes: the plan's choice is forced, the result must be the same bits."""

import numpy as np
import pytest
from calls import NUMERIC, STRUCTURED, dtypes_of, reduction_of
from hypothesis import given, settings
from hypothesis import strategies as st
from test_properties import KERNELS, assert_like, calls, shapes

pytestmark = pytest.mark.compiled


@pytest.fixture(scope="module", params=["offsets", "far", "panel"])
def engine(request):
    from fastgather import _core, _plan

    _plan.force(request.param)
    yield _core
    _plan.force(None)


@pytest.mark.parametrize("variant", KERNELS)
@settings(max_examples=settings.default.max_examples // 2)
@given(data=st.data())
def test_a_forced_kernel_gives_the_same_bits(engine, variant, data):
    from fastgather import _fallback

    dtypes = [dtype for dtype in NUMERIC if dtype in dtypes_of(variant)]
    if reduction_of(variant) is None:
        dtypes += [np.dtype("V24"), STRUCTURED]
    arguments = data.draw(calls(variant, shapes(range(1, 5), 40, 2000), dtypes))
    assert_like(_fallback, engine, variant, arguments, any_nan=False)


def test_there_is_no_other_kernel_to_force():
    from fastgather import _plan

    with pytest.raises(KeyError):
        _plan.force("fastest")
