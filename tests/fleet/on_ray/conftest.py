"""The environment with Ray."""

from pathlib import Path

import pytest

from tests.support.environments import python_with


@pytest.fixture(scope="session")
def ray_python() -> Path:
    return python_with(Path(__file__).parents[1] / "environments/ray.txt")
