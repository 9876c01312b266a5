"""What the tests of the graph share."""

from collections.abc import Iterator

import jax
import pytest


@pytest.fixture
def float64() -> Iterator[None]:
    """Double precision in jax, inside one test only."""
    with jax.enable_x64(True):
        yield
