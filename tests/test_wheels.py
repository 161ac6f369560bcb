"""What a release uploads, built and tried out by wheels.py: python -m pytest -s -m wheels

It takes minutes, so that it runs only when it is asked for.
"""

import sys

import pytest
import wheels

pytestmark = [
    pytest.mark.wheels,
    pytest.mark.checkout,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="auditwheel is for Linux"),
]


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    return wheels.Release(tmp_path_factory.mktemp("release"))


@pytest.mark.parametrize("age", wheels.NUMPYS)
@pytest.mark.parametrize("kind", wheels.KINDS)
@pytest.mark.parametrize("version", wheels.pythons())
def test_wheel_in_a_clean_environment(release, tmp_path, version, kind, age):
    print(wheels.try_out(release, kind, version, age, tmp_path / "place", whole=False), flush=True)
