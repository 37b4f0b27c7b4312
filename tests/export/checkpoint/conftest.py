"""Copies of tiny checkpoints that a test may spoil."""

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def copy(sentiment: Path, tmp_path: Path) -> Path:
    return shutil.copytree(sentiment, tmp_path / "checkpoint")


@pytest.fixture
def copied_tagger(ner: Path, tmp_path: Path) -> Path:
    return shutil.copytree(ner, tmp_path / "tagger")
