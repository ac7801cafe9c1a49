"""Every test begins with the same random state, so that a failure can be repeated."""

import pytest

import swiftbn


@pytest.fixture(autouse=True)
def seeded():
    swiftbn.utils.set_random_seed(1)
