"""A bucket in memory, and a folder for what is fetched of it."""

from pathlib import Path

import pytest

from tests.support.buckets import Bucket


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"
