"""The Chinese models beside the English ones: good enough, and exact in where an entity stands."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.bundle.bundle import open_bundle
from demo.registry import DEMOS
from tests.support.server import serving

pytestmark = pytest.mark.slow

NAMES = ("sentiment-zh", "ner-zh")
PLAIN: dict[str, list[tuple[str, str]]] = {
    "王小明在北京工作。": [("王小明", "PER"), ("北京", "LOC")],
    "李华昨天从上海到广州去了。": [("李华", "PER"), ("上海", "LOC"), ("广州", "LOC")],
    "新华社记者张军在武汉报道。": [("新华社", "ORG"), ("张军", "PER"), ("武汉", "LOC")],
}
MIXED = [
    "OpenAI的张伟在Beijing见到了ＩＢＭ公司的王芳。",
    "👩‍👩‍👧王小明🎉在北京👨🏽‍🚀",
    "（王小明）：“北京”，《上海》！１２３㎡①",
    "王小明\n在北京工作。\r\n李华　去了 上海\t。",
    "𠮷野家在東京，王小明在e\u0301北京\u200d。",
    "  王小明  ",
    "。",
]


@pytest.fixture(scope="module")
def client(demo_store: Path) -> Iterator[httpx.Client]:
    with serving(demo_store) as server, server.client() as client:
        yield client


def entities(client: httpx.Client, text: str, **options: str) -> list[dict[str, Any]]:
    body = {"model": "ner-zh", "inputs": text} | options
    response = client.post("/v1/ner", json=body)
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["results"][0]["entities"]
    return found


@pytest.mark.parametrize("name", NAMES)
def test_the_checkpoint_reaches_its_score_on_held_out_data(demo_store: Path, name: str) -> None:
    evaluation = open_bundle(demo_store / name / "1").manifest.evaluation
    assert evaluation is not None
    for metric, least in DEMOS[name].least.items():
        assert evaluation.checkpoint[metric] >= least


def test_the_models_of_both_languages_are_served_side_by_side(client: httpx.Client) -> None:
    served = {model["name"] for model in client.get("/v1/models").json()["models"]}
    assert {"sentiment", "topic", "ner", *NAMES} <= served


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("房间很大，服务也很好，下次还会住这里。", "positive"),
        ("隔音太差，服务态度也不好，再也不会来了。", "negative"),
    ],
)
def test_a_plain_review_gets_its_sentiment(client: httpx.Client, text: str, label: str) -> None:
    answer = client.post("/v1/classify", json={"model": "sentiment-zh", "inputs": text}).json()
    assert answer["results"][0]["labels"][0]["label"] == label


@pytest.mark.parametrize("text", PLAIN)
def test_plain_names_are_found_at_their_exact_place(client: httpx.Client, text: str) -> None:
    found = [(e["start"], e["end"], e["entity_group"]) for e in entities(client, text)]
    assert found == [
        (text.index(word), text.index(word) + len(word), label) for word, label in PLAIN[text]
    ]


@pytest.mark.parametrize("strategy", ["simple", "first", "none"])
@pytest.mark.parametrize("text", MIXED)
def test_an_entity_is_the_text_between_its_ends_whatever_stands_around_it(
    client: httpx.Client, text: str, strategy: str
) -> None:
    found = entities(client, text, aggregation_strategy=strategy)
    if strategy == "simple" and "王小明" in text:
        assert "王小明" in {entity["word"] for entity in found}
    for entity in found:
        assert entity["word"] == text[entity["start"] : entity["end"]]
        assert entity["word"] == entity["word"].strip() != ""
    ends = [(e["start"], e["end"]) for e in found]
    if strategy != "none":
        assert all(left[1] <= right[0] for left, right in zip(ends, ends[1:], strict=False))
