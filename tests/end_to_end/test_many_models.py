"""Ten models of MiniLM's size in one process take no more memory than ten models need."""

import asyncio
from pathlib import Path

import pytest

from app.bundle.bundle import open_bundle
from benchmarks.servers.processes import resident_bytes
from benchmarks.subjects.copies import copy_bundle
from tests.support.load import Call, Clients
from tests.support.server import serving

pytestmark = pytest.mark.slow

MODELS = 10
BASE_BYTES, EACH_BYTES = 130e6, 45e6
# With 512 tokens instead of the demo's 64 the memory for batches is that of most models.
MAX_TOKENS = 512
CLIENTS, CALLS_EACH = 8, 50
PREDICTED_WITHIN = 0.25


def test_ten_models_loaded_warm_and_asked_stay_small_and_as_predicted(
    demo_store: Path, tmp_path: Path, measured: dict[str, str]
) -> None:
    bundle = demo_store / "sentiment" / "1"
    changes = {"max_length": MAX_TOKENS}
    copies = copy_bundle(bundle, tmp_path / "store", MODELS, "int8", changes)
    names = [folder.parent.name for folder in copies]
    texts = [case.text for case in open_bundle(bundle).manifest.golden]
    texts.append(" ".join(texts * MAX_TOKENS)[: 4 * MAX_TOKENS])
    asked = [(name, text) for text in texts for name in names]
    calls = [Call.post("/v1/classify", {"model": name, "inputs": text}) for name, text in asked]
    answered: set[str] = set()

    def check(call: int, answer: dict[str, str]) -> None:
        answered.add(answer["model"])

    with serving(tmp_path / "store", executors=2) as server:
        clients = Clients(server.url, calls, check)
        tally = asyncio.run(clients.run(CLIENTS, CALLS_EACH))
        size = resident_bytes(server.process.pid)
        with server.client() as client:
            listed = client.get("/v1/models").json()
    assert tally.statuses == {200: CLIENTS * CALLS_EACH}
    assert answered == set(names)
    assert size <= BASE_BYTES + MODELS * EACH_BYTES
    predicted = listed["predicted_memory_bytes"]
    assert abs(predicted / size - 1) <= PREDICTED_WITHIN
    measured[f"{MODELS} models"] = f"{size / 1e6:.0f} MB, predicted {predicted / 1e6:.0f} MB"
