"""A service in several processes, for all tests of a module."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.server import Server, serving


@pytest.fixture(scope="module")
def together(tiny_store: Path) -> Iterator[Server]:
    """Two front ends and an engine; a test that kills one of them waits until it is back."""
    with serving(tiny_store, workers=2, drain_seconds=0) as running:
        yield running
