"""The demo models, as `make models` leaves them."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEMOS = ("sentiment", "topic", "ner")


@pytest.fixture(scope="session")
def demo_store() -> Path:
    store = ROOT / os.environ.get("STORE", "models")
    missing = [name for name in DEMOS if not (store / name / "1" / "manifest.json").exists()]
    if missing:
        pytest.fail(f"no bundle of {', '.join(missing)} in {store}: `make models` makes them")
    return store
