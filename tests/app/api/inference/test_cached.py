"""A service with a result cache gives the answers it would give without one."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.server import Server, serving

TEXTS = ["bad day", "good day", "bad day", "so so"]


@pytest.fixture(scope="module")
def cached(tiny_store: Path) -> Iterator[httpx.Client]:
    with serving(tiny_store, cache_megabytes=10) as server, server.client() as client:
        yield client


def lookups(client: httpx.Client, outcome: str) -> float:
    name = f'classmark_cache_lookups_total{{model="mood",outcome="{outcome}"}} '
    lines = client.get("/metrics").text.splitlines()
    return next((float(line.split()[-1]) for line in lines if line.startswith(name)), 0.0)


def test_repeated_texts_are_answered_alike_and_not_run_again(cached: httpx.Client) -> None:
    body = {"model": "mood", "inputs": TEXTS}
    first = cached.post("/v1/classify", json=body)
    hits = lookups(cached, "hit")
    again = cached.post("/v1/classify", json=body)
    assert again.json() == first.json()
    assert lookups(cached, "hit") == hits + len(TEXTS)
    assert again.headers["server-timing"] == "cache;dur=0"


def test_other_options_are_another_question(cached: httpx.Client) -> None:
    every = cached.post("/v1/classify", json={"model": "mood", "inputs": "a"}).json()
    best = cached.post("/v1/classify", json={"model": "mood", "inputs": "a", "top_k": 1}).json()
    assert best["results"][0]["labels"] == every["results"][0]["labels"][:1]


def test_known_and_unknown_texts_of_one_request_keep_their_places(
    cached: httpx.Client, client_without: httpx.Client
) -> None:
    cached.post("/v1/classify", json={"model": "mood", "inputs": "known"})
    body = {"model": "mood", "inputs": ["new one", "known", "new two"]}
    assert (
        cached.post("/v1/classify", json=body).json()
        == client_without.post("/v1/classify", json=body).json()
    )


@pytest.fixture(scope="module")
def client_without(server: Server) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client
