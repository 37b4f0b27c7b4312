"""What a model reads and says is counted under its version, from the cache or not."""

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.connection import Side, connected
from tests.support.server import Server
from tests.support.texts import random_texts

pytestmark = pytest.mark.anyio
VERSION = {"model": "mood", "version": "2"}


async def ask(side: Side, inputs: Any, *, path: str = "/v1/classify", **options: Any) -> Any:
    side.runner.ends_at_once = True
    side.send(json.dumps({"inputs": inputs, **options}).encode(), path=path)
    head, answer = await side.read()
    assert b" 200 " in head.splitlines()[0], answer
    return answer


def scores(side: Side, least: str = "+Inf", **labels: str) -> float | None:
    return side.sample("answer_score_bucket", le=least, **(labels or VERSION))


@pytest.mark.parametrize("cache_megabytes", [0, 1])
async def test_the_best_score_of_each_text_counts(tiny_store: Path, cache_megabytes: int) -> None:
    async with connected(tiny_store, cache_megabytes=cache_megabytes) as side:
        for _ in range(2):
            await ask(side, ["good", "bad"])  # the logits of three labels are 0
        assert (scores(side, "0.3"), scores(side, "0.4"), scores(side)) == (0, 4, 4)
        assert side.sample("answer_score_sum", **VERSION) == pytest.approx(4 / 3)


async def test_a_text_of_which_no_label_reaches_the_threshold_counts_with_its_score(
    tiny_store: Path,
) -> None:
    async with connected(tiny_store) as side:
        await ask(side, "good", threshold=0.9)
        assert scores(side, "0.4") == 1
        assert side.sample("answers_total", **VERSION, label="") == 1


async def test_logits_are_no_scores(tiny_store: Path) -> None:
    async with connected(tiny_store) as side:
        await ask(side, "good", activation="none")
        assert scores(side) == 0
        await ask(side, "good", activation="sigmoid")
        assert (scores(side, "0.4"), scores(side, "0.5")) == (0, 1)


def test_every_entity_counts_with_its_score(server: Server) -> None:
    body = {"inputs": random_texts(20, seed=3), "threshold": 0.1}
    with server.client() as client:
        before = entity_scores(client)
        answer = client.post("/v1/ner", json=body)
        after = entity_scores(client)
    found = [one["score"] for result in answer.json()["results"] for one in result["entities"]]
    assert after["count"] - before["count"] == len(found) > 0
    assert after["sum"] - before["sum"] == pytest.approx(sum(found))


def entity_scores(client: httpx.Client) -> dict[str, float]:
    series = r'answer_score_(count|sum)\{model="names",version="1"\} (\S+)'
    return {name: float(value) for name, value in re.findall(series, client.get("/metrics").text)}


async def test_unknown_tokens_are_counted(tiny_store: Path) -> None:
    async with connected(tiny_store) as side:
        await ask(side, ["good film"])
        assert side.sample("unknown_tokens_total", **VERSION) == 0
        await ask(side, ["good ☃ film ☃", "☃"])
        assert side.sample("unknown_tokens_total", **VERSION) == 3
