"""What every test of a fleet may use."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.deployment.bundles import WORDS, label_of, write_bundle
from tests.fleet.chart import ChartNumbers, read_chart
from tests.fleet.load import Question
from tests.support.load import Call

# What follows the first version must say other things of some texts.
VERSIONS = (1, 3)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store of the test's own with the first version of `mood`."""
    store = tmp_path / "store"
    write_bundle(store, "mood", 1, "sequence-classification")
    return store


@pytest.fixture(scope="session")
def questions() -> Sequence[Question]:
    """Texts of several lengths whose labels are known without asking."""
    texts = [" ".join(words) for words in itertools.product(WORDS[4:], repeat=3)]
    return [
        Question(
            Call.post("/v1/classify", {"model": "mood", "inputs": text}),
            {version: label_of(text.split()[0], version) for version in VERSIONS},
        )
        for text in texts
    ]


@pytest.fixture(scope="session")
def chart() -> ChartNumbers:
    return read_chart()
