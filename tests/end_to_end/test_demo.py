"""The demo models through the running service: good enough, true to the checkpoint, batch-proof."""

import asyncio
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.bundle.base import Precision
from app.bundle.bundle import open_bundle
from app.bundle.manifest import Manifest
from app.engine.backends.onnxruntime import OnnxRuntimeBackend
from demo.english.news import missed
from tests.support.load import Call, Clients
from tests.support.server import Server, serving
from tests.support.texts import random_texts

pytestmark = [pytest.mark.slow, pytest.mark.anyio]

CLIENTS = 64
# What is served by default gets the long run; the others take the same way through the code.
SECONDS: dict[Precision, int] = {"int8": 30, "fp32": 5, "fp16": 5}
MINIMUM = {
    "sentiment": ("accuracy", 0.86),
    "topic": ("accuracy", 0.96),
    "intent": ("accuracy", 0.85),
    "ner": ("f1", 0.52),
}


@pytest.fixture(scope="module")
def demo_server(demo_store: Path, measured: dict[str, str]) -> Iterator[Server]:
    started = time.monotonic()
    with serving(demo_store) as server:
        measured["demo models: start to ready, s"] = f"{time.monotonic() - started:.2f}"
        yield server


@pytest.fixture(scope="module")
def client(demo_server: Server) -> Iterator[httpx.Client]:
    with demo_server.client() as client:
        yield client


def manifest(store: Path, name: str) -> Manifest:
    return open_bundle(store / name / "1").manifest


@pytest.mark.parametrize("name", MINIMUM)
def test_the_checkpoint_reaches_its_score_on_held_out_data(demo_store: Path, name: str) -> None:
    metric, minimum = MINIMUM[name]
    evaluation = manifest(demo_store, name).evaluation
    assert evaluation is not None
    assert evaluation.checkpoint[metric] >= minimum


@pytest.mark.parametrize("name", MINIMUM)
def test_what_is_served_by_default_is_the_checkpoint_within_a_point(
    demo_store: Path, name: str
) -> None:
    described = manifest(demo_store, name)
    served = next(m.precision for m in OnnxRuntimeBackend.modes if m.find_graph(described))
    metric, _ = MINIMUM[name]
    assert described.evaluation is not None
    lost = described.evaluation.checkpoint[metric] - described.evaluation.graphs[served][metric]
    assert lost <= 0.01
    assert described.graphs[served].parity.agreement >= 0.98


def test_the_obvious_entities_of_ten_news_sentences_are_found(client: httpx.Client) -> None:
    def find(sentence: str) -> list[dict[str, Any]]:
        answer = client.post("/v1/ner", json={"model": "ner", "inputs": sentence}).json()
        entities: list[dict[str, Any]] = answer["results"][0]["entities"]
        return entities

    assert missed(find) == []


def demo_calls() -> list[Call]:
    texts = random_texts(240, seed=33, longest=60)
    labelled = [("/v1/classify", name) for name in ("sentiment", "topic", "intent")]
    routes = [*labelled, ("/v1/ner", "ner")]
    return [
        Call.post(route, {"model": model, "inputs": text})
        for text, (route, model) in zip(texts, routes * 60, strict=True)
    ]


class SameAsAlone:
    """Remembers the answers given one at a time, and holds all later ones against them."""

    def __init__(self) -> None:
        self.alone: dict[int, Any] = {}
        self.differences: list[str] = []
        self.compared = 0

    def __call__(self, number: int, answer: Any) -> None:
        expected = self.alone.setdefault(number, answer)
        (left,), (right,) = expected["results"], answer["results"]
        kind = "labels" if "labels" in left else "entities"
        self.compared += 1
        if not _same(left[kind], right[kind]):
            self.differences.append(f"{number}: {left[kind]} alone, {right[kind]} among others")


def _same(left: list[dict[str, Any]], right: list[dict[str, Any]]) -> bool:
    """Compare all but the score exactly; close scores may stand in another order."""

    def ordered(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return sorted(items, key=lambda item: str({**item, "score": 0}))

    pairs = zip(ordered(left), ordered(right), strict=False)
    return len(left) == len(right) and all(
        {**one, "score": 0} == {**other, "score": 0} and abs(one["score"] - other["score"]) <= 1e-4
        for one, other in pairs
    )


@pytest.mark.parametrize("precision", SECONDS)
async def test_64_clients_get_the_answers_given_one_at_a_time(
    demo_store: Path, precision: Precision, measured: dict[str, str]
) -> None:
    calls, same = demo_calls(), SameAsAlone()
    with serving(demo_store, precision=precision) as server:
        alone = Clients(server.url, calls, same)
        await alone.run(1, calls_each=len(calls))
        clients = Clients(server.url, calls, same)
        asyncio.get_running_loop().call_later(SECONDS[precision], clients.stop)
        tally = await clients.run(CLIENTS)
        with server.client() as client:
            metrics = client.get("/metrics").text
    assert (set(tally.statuses), tally.unanswered) == ({200}, 0)
    assert len(same.alone) == len(calls)
    assert same.differences == []
    for name in MINIMUM:
        entries, padding = _batching(metrics, name)
        measured[f"{name} {precision}: entries a batch, padding"] = f"{entries:.1f}, {padding:.1%}"
        if manifest(demo_store, name).graphs[precision].batch_invariant:
            assert entries > 1
            assert padding < 0.10
    rate = tally.answered / tally.seconds
    measured[f"four models {precision}, {CLIENTS} clients: answers/s"] = f"{rate:.0f}"


def _batching(metrics: str, model: str) -> tuple[float, float]:
    """Return the mean entries of a batch, and the share of padding in the tokens run."""

    def value(name: str, **labels: str) -> float:
        wanted = ",".join(f'{key}="{label}"' for key, label in sorted(labels.items()))
        found = re.search(rf"^{name}{{{wanted}}} (\S+)$", metrics, re.MULTILINE)
        assert found, f"no {name} of {labels}"
        return float(found[1])

    real = value("classmark_batch_tokens_total", kind="real", model=model)
    padding = value("classmark_batch_tokens_total", kind="padding", model=model)
    entries = value("classmark_batch_entries_sum", model=model)
    batches = value("classmark_batch_entries_count", model=model)
    return entries / batches, padding / (padding + real)


async def test_a_new_version_of_a_demo_model_takes_over_under_load(
    demo_store: Path, tmp_path: Path, measured: dict[str, str]
) -> None:
    import json
    import shutil

    store = tmp_path / "store"
    for name in MINIMUM:
        shutil.copytree(demo_store / name / "1", store / name / "1")
    second = tmp_path / "2"
    shutil.copytree(demo_store / "sentiment" / "1", second)
    changed = json.loads((second / "manifest.json").read_text()) | {"version": 2}
    (second / "manifest.json").write_text(json.dumps(changed))

    answering, took_over = asyncio.Event(), asyncio.Event()
    seen: set[tuple[str, int]] = set()

    def note(_: int, answer: Any) -> None:
        seen.add((answer["model"], answer["version"]))
        if len(seen) == len(MINIMUM):
            answering.set()
        if ("sentiment", 2) in seen:
            took_over.set()

    with serving(store) as server:
        clients = Clients(server.url, demo_calls(), note)
        running = asyncio.ensure_future(clients.run(CLIENTS))
        asyncio.get_running_loop().call_later(120, clients.stop)
        await asyncio.wait_for(answering.wait(), 60)
        await asyncio.to_thread(shutil.copytree, second, store / "sentiment" / "2")
        copied = time.monotonic()
        await asyncio.wait_for(took_over.wait(), 60)
        measured["demo sentiment under 64 clients: new version answers after its copy, s"] = (
            f"{time.monotonic() - copied:.2f}"
        )
        clients.stop()
        tally = await running
    assert (set(tally.statuses), tally.unanswered) == ({200}, 0)
