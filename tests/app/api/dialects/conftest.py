"""A service with a model for each thing that APIs of others ask, and one that wants keys."""

import hashlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.server import Server, serving
from tests.support.tiny import export_bundles, make_checkpoint

Own = Callable[..., Any]
KEY = "a-key-for-predictions"


@pytest.fixture(scope="session")
def dialect_store(tiny_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hold what the tiny store has, and `rank` (one logit) and `nli` (entailment)."""
    folder = tmp_path_factory.mktemp("dialects")
    store = folder / "store"
    rank = make_checkpoint(folder / "rank", ("relevant",), seed=3)
    nli = make_checkpoint(folder / "nli", ("contradiction", "neutral", "entailment"), seed=4)
    export_bundles(store, [(rank, "rank", 1), (nli, "nli", 1)])
    for name in ("mood", "names"):
        shutil.copytree(tiny_store / name, store / name)
    return store


@pytest.fixture(scope="session")
def dialect_server(dialect_store: Path) -> Iterator[Server]:
    with serving(dialect_store, log_level="debug") as running:
        yield running


@pytest.fixture(scope="session")
def guarded_server(tiny_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Wants a key, lets pages of one origin read, and refuses texts that are long."""
    keys = tmp_path_factory.mktemp("keys") / "keys"
    keys.write_text(f"app predict {hashlib.sha256(KEY.encode()).hexdigest()}\n")
    settings = {"api_keys_file": keys, "cors_origins": "https://app.example.com"}
    with serving(tiny_store, **settings) as running:
        yield running


@pytest.fixture(scope="session")
def client(dialect_server: Server) -> Iterator[httpx.Client]:
    with dialect_server.client() as client:
        yield client


@pytest.fixture(scope="session")
def own(client: httpx.Client) -> Own:
    """Ask our own routes: what every other API's answer is held against."""

    def ask(model: str, inputs: Any, **options: Any) -> Any:
        route, found = ("ner", "entities") if model == "names" else ("classify", "labels")
        response = client.post(f"/v1/{route}", json={"model": model, "inputs": inputs, **options})
        assert response.status_code == 200, response.text
        return [result[found] for result in response.json()["results"]]

    return ask
